//! The body of a reply: whole, or a stream that is made as the client takes it.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body_util::{Either, Full, StreamBody};
use hyper::body::Frame;
use std::convert::Infallible;
use std::pin::Pin;

/// A stream is pulled frame by frame: what the client does not take is not made.
pub type Body = Either<Full<Bytes>, StreamBody<Frames>>;
type Frames = Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, Infallible>> + Send>>;

/// No bytes.
pub fn empty() -> Body {
    whole(Bytes::new())
}

/// All bytes at once, with their number.
pub fn whole(bytes: impl Into<Bytes>) -> Body {
    Either::Left(Full::new(bytes.into()))
}

/// Pieces as they are made, without an end that is known.
pub fn stream(pieces: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    Either::Right(StreamBody::new(Box::pin(pieces.map(|bytes| Ok(Frame::data(bytes))))))
}

/// Bytes with a right to hold them, which falls with the last copy of them.
pub fn held_by<B: AsRef<[u8]> + Send + 'static, R: Send + 'static>(out: B, right: R) -> Bytes {
    Bytes::from_owner(HeldBytes { out, _right: right })
}

struct HeldBytes<B, R> {
    out: B,
    _right: R,
}

impl<B: AsRef<[u8]>, R> AsRef<[u8]> for HeldBytes<B, R> {
    fn as_ref(&self) -> &[u8] {
        self.out.as_ref()
    }
}

/// Whether the body has no end that is known.
pub fn is_stream(body: &Body) -> bool {
    matches!(body, Either::Right(_))
}
