//! Bodies of feeds as they are kept on the disk: compressed by zstd.

use std::io::{self, Read, Write};

/// A level at which a body of JSON is a tenth of its size, at the speed of a disk.
const LEVEL: i32 = 3;

/// Writes a body compressed.
pub fn pack(body: impl Read, to: impl Write) -> io::Result<()> {
    zstd::stream::copy_encode(body, to, LEVEL)
}

/// A packed body as it was.
pub fn unpacked(packed: impl Read + 'static) -> io::Result<Box<dyn Read>> {
    Ok(Box::new(zstd::Decoder::new(packed)?))
}
