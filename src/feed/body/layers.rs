//! The layers of compression that a body may have, and how they are taken off.
//!
//! One is said by `Content-Encoding`; one more may be the file's own, seen by its first bytes: `.json.gz`
//! served as it is, or compressed once more by a server that compresses everything. Each layer counts what
//! it gives while it gives it, so that none can be a bomb for the next.

use super::bounds::Bounds;
use crate::feed::FetchError;
use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use std::io::{self, Cursor};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader, ReadBuf};

/// Layers that are taken off: what the header says, and what the file is.
pub const LAYERS_MAX: usize = 2;
/// RFC 9659: 8 MiB. A larger window is a demand on our memory that no web server has.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// The longest mark that is looked for.
const MARK_BYTES: usize = 4;

const GZIP_MARK: &[u8] = &[0x1f, 0x8b];
const ZSTD_MARK: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// A way to compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
    Brotli,
    Zstd,
}

impl Encoding {
    /// What is asked for: what costs its server least first.
    pub const ACCEPTED: &str = "gzip, zstd, br";

    /// The one of that name (RFC 9110 §8.4.1); `None` for all that was not asked for, lists included.
    pub fn named(name: &[u8]) -> Option<Encoding> {
        match name.trim_ascii().to_ascii_lowercase().as_slice() {
            b"gzip" | b"x-gzip" => Some(Encoding::Gzip),
            b"br" => Some(Encoding::Brotli),
            b"zstd" => Some(Encoding::Zstd),
            b"identity" | b"" => Some(Encoding::Identity),
            _ => None,
        }
    }

    /// What bytes that begin so are. JSON begins like none of them, and Brotli has no mark.
    pub fn of_opening(bytes: &[u8]) -> Encoding {
        if bytes.starts_with(GZIP_MARK) {
            Encoding::Gzip
        } else if bytes.starts_with(ZSTD_MARK) {
            Encoding::Zstd
        } else {
            Encoding::Identity
        }
    }
}

/// A body, or what is left of it under its layers.
pub type BodySource = Box<dyn AsyncBufRead + Send + Unpin>;

/// Takes one layer off.
pub fn open(source: BodySource, encoding: Encoding, bounds: Bounds) -> BodySource {
    let decoder = match encoding {
        Encoding::Identity => return source,
        Encoding::Gzip => {
            let mut decoder = GzipDecoder::new(source);
            decoder.multiple_members(true);
            Decoder::Gzip(decoder)
        }
        Encoding::Brotli => Decoder::Brotli(BrotliDecoder::new(source)),
        Encoding::Zstd => {
            let window = DParameter::window_log_max(ZSTD_WINDOW_LOG_MAX);
            let mut decoder = ZstdDecoder::with_params(source, &[window]);
            decoder.multiple_members(true);
            Decoder::Zstd(decoder)
        }
    };
    Box::new(BufReader::new(Layer { decoder, bounds, given: 0 }))
}

/// What a source begins with, and the whole of it.
pub async fn peek(mut source: BodySource) -> io::Result<(Vec<u8>, BodySource)> {
    let mut opening = Vec::with_capacity(MARK_BYTES);
    while opening.len() < MARK_BYTES {
        let available = source.fill_buf().await?;
        let taken = available.len().min(MARK_BYTES - opening.len());
        if taken == 0 {
            break;
        }
        opening.extend_from_slice(&available[..taken]);
        source.consume(taken);
    }
    let whole = Cursor::new(opening.clone()).chain(source);
    Ok((opening, Box::new(whole)))
}

enum Decoder {
    Gzip(GzipDecoder<BodySource>),
    Brotli(BrotliDecoder<BodySource>),
    Zstd(ZstdDecoder<BodySource>),
}

/// What one layer gives, counted.
struct Layer {
    decoder: Decoder,
    bounds: Bounds,
    given: u64,
}

impl Layer {
    fn poll_decode(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let (read, rest) = match &mut self.decoder {
            Decoder::Gzip(decoder) => return Pin::new(decoder).poll_read(cx, into),
            Decoder::Zstd(decoder) => return Pin::new(decoder).poll_read(cx, into),
            Decoder::Brotli(decoder) => (Pin::new(&mut *decoder).poll_read(cx, into), decoder),
        };
        ready!(read)?;
        if into.filled().len() > before || into.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        // the stream says where it ends: what follows belongs to nothing
        match ready!(Pin::new(rest.get_mut()).poll_fill_buf(cx))? {
            [] => Poll::Ready(Ok(())),
            _ => Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "bytes follow its end"))),
        }
    }
}

impl AsyncRead for Layer {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let layer = self.get_mut();
        let before = into.filled().len();
        ready!(layer.poll_decode(cx, into)).map_err(of_decoder)?;
        layer.given += (into.filled().len() - before) as u64;
        layer.bounds.check_layer(layer.given).map_err(io::Error::other)?;
        Poll::Ready(Ok(()))
    }
}

/// Our own errors come through a decoder as they are; all others are the decoder's.
fn of_decoder(error: io::Error) -> io::Error {
    let own = match error.downcast::<FetchError>() {
        Ok(own) => own,
        Err(error) => {
            let reason = match error.kind() {
                io::ErrorKind::UnexpectedEof => "it ends too early".into(),
                _ => error.to_string(),
            };
            // zstd says it in words only; a test holds them
            match reason.contains("too much memory") {
                true => FetchError::new(
                    "decompress_limit",
                    "the body needs a window of more than 8 MiB to be decompressed",
                ),
                false => FetchError::new(
                    "bad_encoding",
                    format!("the body is not soundly compressed: {reason}; nothing was used"),
                ),
            }
        }
    };
    io::Error::other(own)
}
