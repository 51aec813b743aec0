//! The body as it comes from the socket: counted, each piece in time, together fast enough.

use super::bounds::Bounds;
use crate::clock::Mark;
use crate::config::FeedSettings;
use crate::feed::FetchError;
use crate::feed::error::of_body;
use bytes::{Buf, Bytes};
use futures_util::Stream;
use futures_util::stream::try_unfold;
use reqwest::Response;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, FetchError>> + Send>>;

/// The body of an answer, as a reader.
pub struct BodyWire {
    chunks: Chunks,
    /// Received and not yet read.
    current: Bytes,
    bounds: Bounds,
}

impl BodyWire {
    pub fn new(response: Response, feed: &FeedSettings, bounds: Bounds) -> BodyWire {
        BodyWire { chunks: chunks(response, Pace::of(feed)), current: Bytes::new(), bounds }
    }
}

impl AsyncBufRead for BodyWire {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let wire = self.get_mut();
        while wire.current.is_empty() {
            let Some(next) = ready!(wire.chunks.as_mut().poll_next(cx)) else { break };
            let chunk = next.map_err(io::Error::other)?;
            wire.bounds.receive(chunk.len()).map_err(io::Error::other)?;
            wire.current = chunk;
        }
        Poll::Ready(Ok(&wire.current))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.get_mut().current.advance(amount);
    }
}

impl AsyncRead for BodyWire {
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

fn chunks(response: Response, pace: Pace) -> Chunks {
    Box::pin(try_unfold((response, pace), |(mut response, mut pace)| async move {
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
    bytes_per_second_min: u64,
    since: Mark,
    bytes: usize,
}

impl Pace {
    fn of(feed: &FeedSettings) -> Pace {
        let (idle, bytes_per_second_min) = (feed.idle_timeout, feed.fetching.bytes_per_second_min);
        Pace { idle, bytes_per_second_min, since: Mark::now(), bytes: 0 }
    }

    fn check(&mut self, bytes: usize) -> Result<(), FetchError> {
        self.bytes += bytes;
        let elapsed = self.since.elapsed();
        if elapsed < self.idle {
            return Ok(());
        }
        if (self.bytes as f64) < self.bytes_per_second_min as f64 * elapsed.as_secs_f64() {
            let detail = format!(
                "the server sent {} bytes in {elapsed:.0?}; nothing of it was used; bytes_per_second_min is the \
                 least that a feed takes",
                self.bytes
            );
            return Err(FetchError::new("too_slow", detail));
        }
        (self.since, self.bytes) = (Mark::now(), 0);
        Ok(())
    }
}
