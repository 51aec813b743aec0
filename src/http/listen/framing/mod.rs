//! Where one request ends and the next begins (RFC 9112 §2.2, §3.2, §6, §7.1), strictly: what a proxy
//! before us could read otherwise than we do is refused before hyper sees it. hyper takes a request
//! without `Host` or with two, lengths beside `Transfer-Encoding`, and bare line feeds.
//!
//! Bytes in, decision out: it reads no socket and keeps no bytes. What it lets pass is read by hyper as
//! the same requests with the same bodies; a test drives both.

mod chunks;
mod head;
#[cfg(test)]
pub(super) mod random;
#[cfg(test)]
pub(super) mod reference;
#[cfg(test)]
pub(super) mod tests;

pub use head::HeadBounds;

use crate::http::reply::HeadFault;
use chunks::{BodyProgress, Chunks};
use head::{BodyLength, HeadScan, Step};

/// Follows a connection from head to body to the next head.
#[derive(Debug)]
pub struct Framing {
    bounds: HeadBounds,
    stage: Stage,
    heads: u64,
}

#[derive(Debug)]
enum Stage {
    Head(HeadScan),
    Sized(u64),
    Chunked(Chunks),
    /// Nothing more is taken.
    Ended,
}

/// What may be done with the bytes that have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// So many from the first may be passed on. The rest is the beginning of a head: it is shown again,
    /// with what comes after it.
    pub pass: usize,
    /// What is wrong after those.
    pub broken: Option<Broken>,
}

/// What is wrong, and where: nothing after it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A head, which can be answered.
    Head(HeadFault),
    /// The chunks of a body whose request has passed already.
    Body,
}

impl Framing {
    /// Of a connection that begins.
    pub fn new(bounds: HeadBounds) -> Framing {
        Framing { bounds, stage: Stage::Head(HeadScan::default()), heads: 0 }
    }

    /// Heads that have passed.
    pub fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether more than empty lines have come of a head that is not complete.
    pub fn is_within_head(&self, held: usize) -> bool {
        matches!(&self.stage, Stage::Head(scan) if scan.has_begun(held))
    }

    /// Judges the bytes that have come and have not been passed on.
    pub fn judge(&mut self, bytes: &[u8]) -> Judged {
        let mut pass = 0;
        loop {
            let rest = &bytes[pass..];
            match &mut self.stage {
                Stage::Head(scan) => match scan.advance(rest, &self.bounds) {
                    Step::Incomplete => return Judged { pass, broken: None },
                    Step::Refused(why) => return self.end(pass, Broken::Head(why)),
                    Step::Complete { bytes, body } => {
                        pass += bytes;
                        self.heads += 1;
                        self.stage = body.into();
                    }
                },
                Stage::Sized(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    pass += taken;
                    *left -= taken as u64;
                    if *left > 0 {
                        return Judged { pass, broken: None };
                    }
                    self.stage = Stage::Head(HeadScan::default());
                }
                Stage::Chunked(chunks) => match chunks.advance(rest, &self.bounds) {
                    BodyProgress::More => return Judged { pass: bytes.len(), broken: None },
                    BodyProgress::Broken { bytes } => return self.end(pass + bytes, Broken::Body),
                    BodyProgress::Complete { bytes } => {
                        pass += bytes;
                        self.stage = Stage::Head(HeadScan::default());
                    }
                },
                Stage::Ended => return Judged { pass, broken: None },
            }
        }
    }

    /// Takes nothing more.
    pub fn close(&mut self) {
        self.stage = Stage::Ended;
    }

    fn end(&mut self, pass: usize, broken: Broken) -> Judged {
        self.close();
        Judged { pass, broken: Some(broken) }
    }
}

impl From<BodyLength> for Stage {
    fn from(body: BodyLength) -> Stage {
        match body {
            BodyLength::Bytes(0) => Stage::Head(HeadScan::default()),
            BodyLength::Bytes(length) => Stage::Sized(length),
            BodyLength::Chunked => Stage::Chunked(Chunks::default()),
        }
    }
}
