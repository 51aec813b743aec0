//! A body on its way from the socket to the spool: counted, timed, inflated, looked at.
//!
//! Every bound holds while the bytes come, never afterwards: bytes on the wire, bytes decoded,
//! their ratio, silence, and a pace too slow to be meant. A wrong checksum, an early end or bytes
//! behind the end of a compressed body are fatal.

mod bounds;
mod layers;
mod wire;

pub use bounds::too_large;
pub use layers::Encoding;

use super::FetchError;
use super::spool::{BLOCK_BYTES, Spool};
use crate::config::FeedSettings;
use bounds::Bounds;
use layers::{BodySource, LAYERS_MAX};
use reqwest::Response;
use std::io;
use tokio::io::AsyncReadExt;
use wire::BodyWire;

/// Room asked for before each read.
const READ_BYTES: usize = 16 * 1024;

/// Tokens are shorter, their servers' explanations too.
const SMALL_BYTES_MAX: u64 = 64 * 1024;

const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Receives a whole body into the spool, and gives its bytes as they came over the wire.
/// `wire_bytes_before` have come before it for the same document, and count towards its bounds.
pub async fn receive(
    response: Response,
    encoding: Encoding,
    feed: &FeedSettings,
    spool: &mut Spool,
    wire_bytes_before: u64,
) -> Result<u64, FetchError> {
    let bounds = Bounds::of(feed, wire_bytes_before);
    let begin = spool.written();
    let wire = Box::new(BodyWire::new(response, feed, bounds.clone()));
    let (source, layers) = uncover(wire, encoding, &bounds).await.map_err(of_read)?;
    copy(source, layers > 0, &bounds, spool).await?;
    if spool.written() == begin {
        return Err(FetchError::new("empty_body", "the body is empty; an empty feed is written as []"));
    }
    Ok(bounds.received())
}

/// A short answer, such as one that holds a token, in memory; read as it is.
pub async fn receive_small(response: Response, feed: &FeedSettings) -> Result<Vec<u8>, FetchError> {
    let bounds = Bounds::with(SMALL_BYTES_MAX, SMALL_BYTES_MAX, 0);
    let mut bytes = Vec::new();
    BodyWire::new(response, feed, bounds).read_to_end(&mut bytes).await.map_err(of_read)?;
    Ok(bytes)
}

/// Takes off the layer that the header names, and the one that the file is; gives their number.
async fn uncover(wire: Box<BodyWire>, said: Encoding, bounds: &Bounds) -> io::Result<(BodySource, usize)> {
    let mut layers = usize::from(said != Encoding::Identity);
    let mut source = layers::open(wire, said, bounds.clone());
    while layers < LAYERS_MAX {
        let (opening, whole) = layers::peek(source).await?;
        let own = Encoding::of_opening(&opening);
        source = layers::open(whole, own, bounds.clone());
        if own == Encoding::Identity {
            break;
        }
        layers += 1;
    }
    Ok((source, layers))
}

/// Copies until the end.
async fn copy(
    mut source: BodySource,
    is_inflated: bool,
    bounds: &Bounds,
    spool: &mut Spool,
) -> Result<(), FetchError> {
    let mut block = Vec::new();
    let begin = spool.written();
    loop {
        block.reserve(READ_BYTES);
        let read = source.read_buf(&mut block).await.map_err(of_read)?;
        bounds.check_whole(spool.written() + block.len() as u64, is_inflated)?;
        if read > 0 && block.len() < BLOCK_BYTES {
            continue;
        }
        if spool.written() == begin {
            check_opening(&block)?;
        }
        if !block.is_empty() {
            spool.write(&mut block).await?;
        }
        if read == 0 {
            return Ok(());
        }
    }
}

/// What a body begins with gives away a page sent in a feed's place, or one more compression.
fn check_opening(block: &[u8]) -> Result<(), FetchError> {
    if Encoding::of_opening(block) != Encoding::Identity {
        let detail = format!("the body is compressed more than {LAYERS_MAX} times over");
        return Err(FetchError::new("decompress_limit", detail));
    }
    let text = block.strip_prefix(&BOM).unwrap_or(block).trim_ascii_start();
    if text.first() == Some(&b'<') { Err(html()) } else { Ok(()) }
}

fn html() -> FetchError {
    let detail = "the answer is a web page or XML, not JSON: a login, a captive portal or a wrong url";
    FetchError::new("html", detail)
}

/// What reads from the socket and what takes layers off fail by our own errors.
fn of_read(error: io::Error) -> FetchError {
    error.downcast::<FetchError>().unwrap_or_else(|error| {
        FetchError::new("bad_encoding", format!("the body cannot be read: {error}; nothing was used"))
    })
}
