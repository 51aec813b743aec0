//! A body on its way from the socket to the spool: counted, timed, inflated, looked at.
//!
//! Every bound holds while the bytes come, never afterwards: bytes on the wire, bytes decoded,
//! their ratio, silence, and a pace too slow to be meant. One layer of gzip is taken off, said by
//! `Content-Encoding` or seen by its first bytes (`.json.gz` served as it is); members may follow
//! one another, a wrong checksum is fatal.

use super::FetchError;
use super::error::of_body;
use super::spool::{BLOCK_BYTES, Spool};
use crate::clock::Mark;
use crate::config::FeedSettings;
use async_compression::tokio::bufread::GzipDecoder;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::Stream;
use futures_util::stream::{StreamExt, try_unfold};
use reqwest::Response;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt, ReadBuf};

/// Honest JSON stays below 1:50; what is beyond is made to hurt.
const RATIO_MAX: u64 = 200;
/// Below this much output any ratio is harmless.
const RATIO_FREE_BYTES: u64 = 1024 * 1024;
/// A server that sends less than this for a whole idle time-out holds the feed up on purpose.
const PACE_BYTES_PER_SECOND: f64 = 1024.0;
/// Room asked for before each read.
const READ_BYTES: usize = 16 * 1024;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

/// What the answer's head says of the body's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
}

/// Receives a whole body into the spool, and gives its bytes as they came over the wire.
/// `wire_bytes_before` have come before it for the same document, and count towards its bounds.
pub async fn receive(
    response: Response,
    encoding: Encoding,
    feed: &FeedSettings,
    spool: &mut Spool,
    wire_bytes_before: u64,
) -> Result<u64, FetchError> {
    let mut wire = Wire::new(response, feed, wire_bytes_before);
    let begin = spool.written();
    let gzip = encoding == Encoding::Gzip || wire.peek::<2>().await? == Some(GZIP_MAGIC);
    let received = if gzip {
        let mut inflated = GzipDecoder::new(wire);
        inflated.multiple_members(true);
        copy(&mut inflated, |source| Some(source.get_ref().received), feed, spool).await?;
        inflated.get_ref().received
    } else {
        copy(&mut wire, |_| None, feed, spool).await?;
        wire.received
    };
    if spool.written() == begin {
        return Err(FetchError::new("empty_body", "the body is empty; an empty feed is written as []"));
    }
    Ok(received)
}

/// Copies until the end. `compressed` gives the bytes received so far where they were compressed.
async fn copy<R: AsyncRead + Unpin>(
    source: &mut R,
    compressed: impl Fn(&R) -> Option<u64>,
    feed: &FeedSettings,
    spool: &mut Spool,
) -> Result<(), FetchError> {
    let mut block = Vec::new();
    let begin = spool.written();
    loop {
        block.reserve(READ_BYTES);
        let read = source.read_buf(&mut block).await.map_err(of_read)?;
        let decoded = spool.written() + block.len() as u64;
        check_size(decoded, feed, compressed(source).is_some())?;
        check_ratio(decoded - begin, compressed(source))?;
        if read > 0 && block.len() < BLOCK_BYTES {
            continue;
        }
        if spool.written() == begin {
            check_opening(&block, compressed(source).is_some())?;
        }
        if !block.is_empty() {
            spool.write(&mut block).await?;
        }
        if read == 0 {
            return Ok(());
        }
    }
}

fn check_size(decoded: u64, feed: &FeedSettings, is_inflated: bool) -> Result<(), FetchError> {
    if decoded <= feed.body_bytes_max {
        return Ok(());
    }
    if !is_inflated {
        return Err(too_large(feed.body_bytes_max));
    }
    let detail = format!("the body inflates to more than body_bytes_max ({} bytes)", feed.body_bytes_max);
    Err(FetchError::new("decompress_limit", detail))
}

/// Of one body: what it was, where it was compressed, and what it has become.
fn check_ratio(decoded: u64, compressed: Option<u64>) -> Result<(), FetchError> {
    match compressed {
        Some(received) if decoded > RATIO_FREE_BYTES && decoded / RATIO_MAX > received => {
            let detail = format!("the body inflates to more than {RATIO_MAX} times its size");
            Err(FetchError::new("decompress_limit", detail))
        }
        _ => Ok(()),
    }
}

/// What a body begins with gives away a page sent in a feed's place, or a second compression.
fn check_opening(block: &[u8], inflated: bool) -> Result<(), FetchError> {
    if inflated && block.starts_with(&GZIP_MAGIC) {
        return Err(FetchError::new(
            "decompress_limit",
            "the body is compressed twice; one layer is allowed",
        ));
    }
    let text = block.strip_prefix(&BOM).unwrap_or(block).trim_ascii_start();
    if text.first() == Some(&b'<') { Err(html()) } else { Ok(()) }
}

fn html() -> FetchError {
    let detail = "the answer is a web page or XML, not JSON: a login, a captive portal or a wrong url";
    FetchError::new("html", detail)
}

pub fn too_large(limit: u64) -> FetchError {
    let detail =
        format!("the body is larger than {limit} bytes, the feed's limit (wire_bytes_max, body_bytes_max)");
    FetchError::new("too_large", detail)
}

/// Our own errors come through the decoder as they are; all others are the decoder's.
fn of_read(error: io::Error) -> FetchError {
    match error.downcast::<FetchError>() {
        Ok(own) => own,
        Err(error) => {
            let reason = match error.kind() {
                io::ErrorKind::UnexpectedEof => "it ends too early".into(),
                _ => error.to_string(),
            };
            FetchError::new("bad_encoding", format!("the body is not sound gzip: {reason}; nothing was used"))
        }
    }
}

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, FetchError>> + Send>>;

/// The body as it comes from the socket, as a reader.
struct Wire {
    chunks: Chunks,
    /// Received and not yet read.
    current: Bytes,
    received: u64,
    /// Received before it for the same document.
    before: u64,
    limit: u64,
}

impl Wire {
    fn new(response: Response, feed: &FeedSettings, before: u64) -> Wire {
        Wire {
            chunks: chunks(response, feed.idle_timeout),
            current: Bytes::new(),
            received: 0,
            before,
            limit: feed.wire_bytes_max,
        }
    }

    /// The first bytes, without taking them; `None` if the body is shorter.
    async fn peek<const N: usize>(&mut self) -> Result<Option<[u8; N]>, FetchError> {
        while self.current.len() < N {
            let Some(next) = self.chunks.next().await else { return Ok(None) };
            let next = self.count(next?)?;
            let mut joined = BytesMut::from(&self.current[..]);
            joined.extend_from_slice(&next);
            self.current = joined.freeze();
        }
        Ok(self.current.first_chunk::<N>().copied())
    }

    fn count(&mut self, chunk: Bytes) -> Result<Bytes, FetchError> {
        self.received += chunk.len() as u64;
        if self.before + self.received > self.limit { Err(too_large(self.limit)) } else { Ok(chunk) }
    }
}

impl AsyncBufRead for Wire {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let wire = self.get_mut();
        while wire.current.is_empty() {
            match ready!(wire.chunks.as_mut().poll_next(cx)) {
                Some(next) => {
                    let counted = next.and_then(|chunk| wire.count(chunk));
                    wire.current = counted.map_err(io::Error::other)?;
                }
                None => break,
            }
        }
        Poll::Ready(Ok(&wire.current))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.get_mut().current.advance(amount);
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let available = ready!(self.as_mut().poll_fill_buf(cx))?;
        let amount = available.len().min(into.remaining());
        into.put_slice(&available[..amount]);
        self.consume(amount);
        Poll::Ready(Ok(()))
    }
}

/// The chunks of a body, each in time, and together fast enough.
fn chunks(response: Response, idle: Duration) -> Chunks {
    let start = (response, Pace { idle, since: Mark::now(), bytes: 0 });
    Box::pin(try_unfold(start, |(mut response, mut pace)| async move {
        let next = tokio::time::timeout(pace.idle, response.chunk()).await.map_err(|_| silent(pace.idle))?;
        match next.map_err(|e| of_body(&e))? {
            Some(chunk) => {
                pace.check(chunk.len())?;
                Ok(Some((chunk, (response, pace))))
            }
            None => Ok(None),
        }
    }))
}

fn silent(idle: Duration) -> FetchError {
    FetchError::new("timeout", format!("the server sent nothing for {idle:?} in the middle of the body"))
}

/// Bytes received since a mark; looked at once an idle time-out has passed.
struct Pace {
    idle: Duration,
    since: Mark,
    bytes: usize,
}

impl Pace {
    fn check(&mut self, bytes: usize) -> Result<(), FetchError> {
        self.bytes += bytes;
        let elapsed = self.since.elapsed();
        if elapsed < self.idle {
            return Ok(());
        }
        if (self.bytes as f64) < PACE_BYTES_PER_SECOND * elapsed.as_secs_f64() {
            let detail =
                format!("the server sent {} bytes in {elapsed:.0?}; nothing of it was used", self.bytes);
            return Err(FetchError::new("too_slow", detail));
        }
        (self.since, self.bytes) = (Mark::now(), 0);
        Ok(())
    }
}
