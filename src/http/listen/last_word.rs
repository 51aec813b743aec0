//! An answer that is written past hyper, to connections that get no further: better than one that just
//! closes.

use super::request_id;
use crate::http::reply::Fault;
use futures_util::FutureExt;
use http_body_util::BodyExt;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// For so long what still comes is read, so that the answer is not lost to a reset.
const LINGER: Duration = Duration::from_secs(1);

/// Says so as far as the socket takes it at once: whoever floods us gets no place to wait in.
pub fn say_at_once(socket: &TcpStream, fault: Fault) {
    let _ = socket.try_write(&reply(fault));
    // what was sent already would have the reply lost to a reset
    let mut scratch = [0; 16 * 1024];
    let _ = socket.try_read(&mut scratch);
}

/// Says so, and lets the client read it.
pub async fn say(mut socket: TcpStream, fault: Fault) {
    let said = async {
        socket.write_all(&reply(fault)).await?;
        socket.shutdown().await?;
        let mut scratch = [0; 4 * 1024];
        while socket.read(&mut scratch).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    // a client that is gone has nothing to be told
    let _ = tokio::time::timeout(LINGER, said).await;
}

fn reply(fault: Fault) -> Vec<u8> {
    // the body is whole and in memory: it is there at the first look
    let response = request_id::bear(fault.into_response(), request_id::fresh()).now_or_never();
    let (head, body) = response.expect("a whole body comes at once").into_parts();
    let body = body.collect().now_or_never().and_then(Result::ok).map(|body| body.to_bytes());
    let body = body.unwrap_or_default();
    let mut out = format!("HTTP/1.1 {}\r\ncontent-length: {}\r\n", head.status, body.len()).into_bytes();
    for (name, value) in &head.headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&body);
    out
}
