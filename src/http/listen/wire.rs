//! The socket with a hand on its pulse: counts what is read and written, and marks a write that
//! the client does not take.
//!
//! What is read goes to hyper as `framing` lets it pass: a head only when it is complete and can be read
//! in one way. In the place of a head that is refused, hyper gets a small request of ours, so that the
//! refusal is answered in its turn, by the same service as all else. The usual request is read into
//! hyper's own buffer and stays there; only what has to wait for the rest of a head is copied.

use super::framing::{Broken, Framing, HeadBounds, Judged};
use super::socket::Socket;
use crate::http::pulse::{Phase, Pulse};
use crate::http::reply::HeadFault;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What hyper gets for a head that is refused. Its number tells the service, not its text.
const IN_ITS_PLACE: &[u8] = b"GET / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";
/// Of a head whose first bytes have come, so many more are read at once.
const READ_BYTES: usize = 4 * 1024;

/// A socket whose reads and writes leave marks, and whose requests are told apart.
pub struct Wire {
    socket: Socket,
    pulse: Arc<Pulse>,
    /// `None` where what is read is not HTTP/1.1.
    framing: Option<Framing>,
    /// Read, and not passed on.
    held: Vec<u8>,
    /// So many of `held` may be passed on.
    passing: usize,
    after: After,
    is_closing: bool,
}

/// What follows the bytes that may be passed on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    More,
    /// A refused head has been replaced: nothing is read any more.
    Nothing,
    BrokenBody,
}

impl Wire {
    /// Wraps a socket; `pulse` takes the marks.
    pub fn new(socket: Socket, pulse: Arc<Pulse>, bounds: HeadBounds) -> Wire {
        Wire { framing: Some(Framing::new(bounds)), ..Wire::bare(socket, pulse) }
    }

    /// Wraps a socket that frames what it carries itself, as HTTP/2 does.
    pub fn bare(socket: Socket, pulse: Arc<Pulse>) -> Wire {
        Wire {
            socket,
            pulse,
            framing: None,
            held: Vec::new(),
            passing: 0,
            after: After::More,
            is_closing: false,
        }
    }

    fn note_write(&self, result: &Poll<io::Result<usize>>) {
        match result {
            Poll::Ready(Ok(bytes)) => self.pulse.add_written(*bytes),
            Poll::Pending => self.pulse.block_write(),
            Poll::Ready(Err(_)) => {}
        }
    }

    /// Reads into hyper's buffer and leaves there what may be passed on. Tells whether that, or the end
    /// of the connection, is for hyper to see.
    fn read_in_place(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        let read = &buf.filled()[before..];
        if read.is_empty() {
            return Poll::Ready(Ok(true));
        }
        self.pulse.add_read(read.len());
        let Some(framing) = &mut self.framing else { return Poll::Ready(Ok(true)) };
        let judged = framing.judge(read);
        if judged.pass < read.len() && judged.broken.is_none() {
            self.held.extend_from_slice(&read[judged.pass..]);
        }
        buf.set_filled(before + judged.pass);
        self.note(judged);
        Poll::Ready(Ok(judged.pass > 0))
    }

    /// Reads on where a head waits for its rest.
    fn read_aside(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut scratch = [0; READ_BYTES];
        let mut read = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut self.socket).poll_read(cx, &mut read))?;
        if read.filled().is_empty() {
            return Poll::Ready(Ok(true));
        }
        self.pulse.add_read(read.filled().len());
        self.held.extend_from_slice(read.filled());
        let Some(framing) = &mut self.framing else { return Poll::Ready(Ok(true)) };
        let judged = framing.judge(&self.held);
        self.passing = judged.pass;
        self.note(judged);
        Poll::Ready(Ok(false))
    }

    fn note(&mut self, judged: Judged) {
        match judged.broken {
            None => {
                let waiting = self.held.len() - self.passing;
                self.pulse.head_stands(self.is_within_head(waiting));
            }
            Some(Broken::Head(why)) => self.refuse(why),
            Some(Broken::Body) => {
                self.pulse.break_body();
                self.after = After::BrokenBody;
            }
        }
    }

    fn is_within_head(&self, held: usize) -> bool {
        self.framing.as_ref().is_some_and(|framing| framing.is_within_head(held))
    }

    fn refuse(&mut self, why: HeadFault) {
        let Some(framing) = &mut self.framing else { return };
        framing.close();
        self.pulse.refuse_head(framing.heads(), why);
        self.held.truncate(self.passing);
        self.held.extend_from_slice(IN_ITS_PLACE);
        self.passing = self.held.len();
        self.after = After::Nothing;
    }

    fn pass(&mut self, buf: &mut ReadBuf<'_>) {
        let bytes = self.passing.min(buf.remaining());
        buf.put_slice(&self.held[..bytes]);
        self.passing -= bytes;
        self.held.drain(..bytes);
        if self.held.is_empty() {
            // an idle connection holds none
            self.held = Vec::new();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        loop {
            if wire.passing > 0 {
                wire.pass(buf);
                return Poll::Ready(Ok(()));
            }
            match wire.after {
                // the answer ends the connection, and wakes its task
                After::Nothing => return Poll::Pending,
                After::BrokenBody => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
                After::More => {}
            }
            if wire.pulse.is_head_overdue() && wire.is_within_head(wire.held.len()) {
                wire.refuse(HeadFault::TooSlow);
                continue;
            }
            let is_for_hyper = match wire.held.is_empty() {
                true => ready!(wire.read_in_place(cx, buf))?,
                false => ready!(wire.read_aside(cx))?,
            };
            if is_for_hyper {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.note_write(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs);
        self.note_write(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    /// A socket that is closed with unread bytes in it is reset, and the client may lose our reply
    /// with it. So where a head or a body was refused, what still comes is read and dropped; the pulse
    /// bounds the time.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.socket).poll_shutdown(cx))?;
        if !self.pulse.is_body_unread() && self.after == After::More {
            return Poll::Ready(Ok(()));
        }
        if !self.is_closing {
            self.is_closing = true;
            self.pulse.enter(Phase::Closing);
        }
        loop {
            let mut scratch = [0; 16 * 1024];
            let mut dropped = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut self.socket).poll_read(cx, &mut dropped))?;
            if dropped.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
