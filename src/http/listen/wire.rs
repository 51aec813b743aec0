//! The socket with a hand on its pulse: counts what is read and written, and marks a write that
//! the client does not take.

use crate::http::pulse::{Phase, Pulse};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A socket whose reads and writes leave marks.
pub struct Wire {
    socket: TcpStream,
    pulse: Arc<Pulse>,
    is_closing: bool,
}

impl Wire {
    /// Wraps a socket; `pulse` takes the marks.
    pub fn new(socket: TcpStream, pulse: Arc<Pulse>) -> Wire {
        Wire { socket, pulse, is_closing: false }
    }

    fn note_write(&self, result: &Poll<io::Result<usize>>) {
        match result {
            Poll::Ready(Ok(bytes)) => self.pulse.add_written(*bytes),
            Poll::Pending => self.pulse.block_write(),
            Poll::Ready(Err(_)) => {}
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.socket).poll_read(cx, buf);
        self.pulse.add_read(buf.filled().len() - before);
        result
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
    /// with it. So where a body was refused, what still comes of it is read and dropped; the pulse
    /// bounds the time.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.socket).poll_shutdown(cx))?;
        if !self.pulse.is_body_unread() {
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
