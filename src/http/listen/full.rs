//! The answer to a connection that is one too many: better than one that just closes.

use super::request_id;
use crate::http::reply::Fault;
use futures_util::FutureExt;
use http_body_util::BodyExt;
use tokio::net::TcpStream;

/// Says so as far as the socket takes it at once: whoever floods us gets no place to wait in.
pub fn turn_away(socket: &TcpStream) {
    let _ = socket.try_write(&reply());
    // what was sent already would have the reply lost to a reset
    let mut scratch = [0; 16 * 1024];
    let _ = socket.try_read(&mut scratch);
}

fn reply() -> Vec<u8> {
    let response = Fault::TooManyConnections.into_response();
    // the body is whole and in memory: it is there at the first look
    let response = request_id::bear(response, request_id::fresh()).now_or_never();
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
