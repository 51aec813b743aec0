//! The client's end of HTTP/1.1: as little of it as a measurement needs, and as cheap.
//!
//! One request at a time on a kept connection. A reply must carry `Content-Length` (or have no body
//! by its status); chunked replies are refused. This is no client for strangers' servers: it
//! measures our own, and everything that is not measured goes through reqwest.

use super::plan::Target;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A reply of a thousand items takes some 100 kB.
const REPLY_BYTES_MAX: usize = 16 << 20;
const BUFFER_BYTES: usize = 4096;

#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("the connection failed")]
    Io(#[from] io::Error),
    #[error("the reply is not understood: {0}")]
    Reply(&'static str),
}

/// A reply, until the next request.
#[derive(Debug)]
pub struct WireReply<'a> {
    pub status: u16,
    pub body: &'a [u8],
    /// The server will close the connection.
    pub closing: bool,
}

/// A connection that is kept from request to request.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: vec![0; BUFFER_BYTES] })
    }

    /// Sends a whole request and reads the whole reply. After an error the connection is unusable.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<WireReply<'_>, WireError> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let head = loop {
            filled += self.read_more(filled).await?;
            if let Some(head) = Head::parse(&self.buffer[..filled])? {
                break head;
            }
        };
        let end = head.len + head.body_len;
        if end > REPLY_BYTES_MAX {
            return Err(WireError::Reply("it is larger than 16 MiB"));
        }
        if end > self.buffer.len() {
            self.buffer.resize(end, 0);
        }
        while filled < end {
            filled += self.read_more(filled).await?;
        }
        if filled > end {
            return Err(WireError::Reply("more came than its length says"));
        }
        Ok(WireReply { status: head.status, body: &self.buffer[head.len..end], closing: head.closing })
    }

    async fn read_more(&mut self, filled: usize) -> Result<usize, WireError> {
        if filled == self.buffer.len() {
            if filled >= REPLY_BYTES_MAX {
                return Err(WireError::Reply("its head has no end"));
            }
            self.buffer.resize(filled * 2, 0);
        }
        match self.stream.read(&mut self.buffer[filled..]).await? {
            0 => Err(WireError::Io(io::ErrorKind::UnexpectedEof.into())),
            read => Ok(read),
        }
    }
}

/// Change streams that are open, and that nothing pushed here concerns; closed when this is dropped.
#[derive(Debug)]
pub struct IdleStreams(Vec<TcpStream>);

impl IdleStreams {
    /// Opens so many, each once the one before follows.
    pub async fn open(target: &Target, count: usize) -> io::Result<IdleStreams> {
        let request = format!(
            "GET /api/changes?since=now&type=asset.deleted HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             accept: text/event-stream\r\n\r\n",
            target.host, target.key
        );
        let mut streams = IdleStreams(Vec::with_capacity(count));
        for _ in 0..count {
            let mut stream = TcpStream::connect(target.address).await?;
            stream.write_all(request.as_bytes()).await?;
            streams.0.push(following(stream).await?);
        }
        Ok(streams)
    }
}

/// Reads the first words of a stream, which come once it follows.
async fn following(mut stream: TcpStream) -> io::Result<TcpStream> {
    let mut head = Vec::new();
    loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&head);
        if text.contains("\"end\"") || !text.starts_with("HTTP/1.1 200") {
            let why = "the daemon opens no more streams: four times as many streams_max, and connections_max, are needed";
            return Err(io::Error::other(why));
        }
        if text.contains("retry:") {
            return Ok(stream);
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// With the empty line.
    len: usize,
    body_len: usize,
    closing: bool,
}

impl Head {
    /// `None`: not all of it is here yet.
    fn parse(bytes: &[u8]) -> Result<Option<Head>, WireError> {
        let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
            return Ok(None);
        };
        let (line, mut fields) = split_line(&bytes[..end + 2]);
        let status = line.strip_prefix(b"HTTP/1.1 ").and_then(|rest| number(rest.get(..3)?));
        let status = status.ok_or(WireError::Reply("no HTTP/1.1 status line"))?;
        let (mut body_len, mut closing) = (None, false);
        while !fields.is_empty() {
            let (field, rest) = split_line(fields);
            fields = rest;
            if let Some(value) = value_of(field, b"content-length:") {
                body_len = Some(number(value).ok_or(WireError::Reply("a content length that is none"))?);
            } else if let Some(value) = value_of(field, b"connection:") {
                closing = value.eq_ignore_ascii_case(b"close");
            }
        }
        let empty = status == 204 || status == 304;
        let body_len = if empty { Some(0) } else { body_len };
        Ok(Some(Head {
            status: u16::try_from(status).map_err(|_| WireError::Reply("a status that is none"))?,
            len: end + 4,
            body_len: body_len.ok_or(WireError::Reply("no content length"))?,
            closing,
        }))
    }
}

fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', bytes) {
        Some(end) => (bytes[..end].trim_ascii_end(), &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

fn value_of<'a>(field: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (head, value) = field.split_at_checked(name.len())?;
    head.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

/// Decimal digits and nothing else.
pub(super) fn number(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > 15 {
        return None;
    }
    digits.iter().try_fold(0usize, |sum, digit| match digit {
        b'0'..=b'9' => Some(sum * 10 + usize::from(digit - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    const REPLY: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCONTENT-LENGTH: 5\r\nconnection: close\r\n\r\nhello";

    #[test]
    fn a_head_is_read_only_when_it_is_complete() {
        let whole = Head { status: 200, len: REPLY.len() - 5, body_len: 5, closing: true };
        for cut in 0..REPLY.len() {
            let parsed = Head::parse(&REPLY[..cut]).unwrap();
            assert_eq!(parsed, (cut >= whole.len).then_some(Head { ..whole }), "{cut}");
        }
    }

    #[test]
    fn a_head_that_cannot_be_framed_is_an_error() {
        for bad in [
            "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n",
            "HTTP/1.1 2x0 OK\r\ncontent-length: 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "\r\n\r\n",
        ] {
            assert!(Head::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(Head::parse(b"HTTP/1.1 204 None\r\n\r\n").unwrap().unwrap().body_len, 0);
    }

    #[tokio::test]
    async fn a_reply_that_arrives_byte_by_byte_is_read_whole() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut request = [0; 4];
            stream.read_exact(&mut request).await.unwrap();
            for byte in REPLY {
                stream.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
            stream.read_exact(&mut request).await.unwrap();
            stream.write_all(&REPLY[..20]).await.unwrap();
        };
        let client = async {
            let mut connection = Connection::open(address).await.unwrap();
            let reply = connection.exchange(b"ping").await.unwrap();
            assert_eq!((reply.status, reply.body, reply.closing), (200, b"hello".as_slice(), true));
            let cut_off = connection.exchange(b"ping").await.unwrap_err();
            assert!(matches!(cut_off, WireError::Io(_)), "{cut_off}");
        };
        tokio::join!(server, client);
    }
}
