//! The yardstick: a bare hyper server that reads each body and answers with a fixed one.
//!
//! It has the partner listener's HTTP settings and a runtime of its own, as the daemon has, so the
//! ratio shows what Tidegate's own work costs, not what HTTP, the kernel and this client cost.

use super::plan::Mode;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// A sink on a free port of the loopback address, until it is dropped.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Sink {
    /// Listens on a free port of loopback. Errors where no socket can be had.
    pub fn start(mode: Mode) -> io::Result<Sink> {
        let runtime = tokio::runtime::Builder::new_multi_thread().thread_name("sink").enable_all().build()?;
        let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = {
            let _entered = runtime.enter();
            TcpListener::from_std(listener)?
        };
        runtime.spawn(serve(listener, mode));
        Ok(Sink { address, runtime: Some(runtime) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Answers every request on every connection, for ever.
pub async fn serve(listener: TcpListener, mode: Mode) {
    let body = Bytes::from(reply_like_the_daemons(mode));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, body.clone()))),
            Err(_) => crate::clock::sleep(ACCEPT_AGAIN_AFTER).await,
        }
    }
}

async fn connection(stream: TcpStream, body: Bytes) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |request| answer(request, body.clone()));
    // A client that has gone is no fault of the sink.
    let _gone = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(request: Request<Incoming>, body: Bytes) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let mut incoming = request.into_body();
    while let Some(frame) = incoming.frame().await {
        frame?;
    }
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// A reply of the size and shape that the daemon gives when every price is applied.
fn reply_like_the_daemons(mode: Mode) -> String {
    let item = concat!(
        r#"{"id":"asset-00000000000001","applied":true,"outcome":"updated","#,
        r#""rule":"P1","cursor":"1a2b3c4d-1234567"}"#
    );
    let Mode::Batch { items, minimal } = mode else {
        return item.to_owned();
    };
    let mut reply = String::new();
    write!(reply, r#"{{"counts":{{"updated":{items}}}"#).expect("writing to a string cannot fail");
    if !minimal {
        reply.push_str(r#","items":["#);
        reply.push_str(&vec![item; items].join(","));
        reply.push(']');
    }
    reply.push('}');
    reply
}
