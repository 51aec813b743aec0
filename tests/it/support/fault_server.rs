//! A server that misbehaves as told: raw bytes on raw sockets, one script for each request.
//!
//! The n-th connection plays the n-th script, the last one again and again. Every request is
//! recorded, so that a test can say what was asked, with which headers, and how often.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// One thing that a script does. At its end the connection is closed in order.
#[derive(Clone, Debug)]
pub enum Step {
    Send(Vec<u8>),
    /// Waits until the test gives the signal.
    Await(Arc<Notify>),
    /// One byte at a time, for ever.
    Drip {
        byte: u8,
        every: Duration,
    },
    /// The same bytes as fast as they go, for ever.
    Flood(Vec<u8>),
    /// Sends nothing more, and does not close.
    Stall,
    /// Closes by a reset.
    Reset,
}

pub type Script = Vec<Step>;

pub fn send(text: impl Into<Vec<u8>>) -> Step {
    Step::Send(text.into())
}

/// A whole answer with its `Content-Length`; `headers` are whole lines without their ends.
pub fn answer(status: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let length = format!("Content-Length: {}", body.len());
    let mut bytes = head(status, &[headers, &[length.as_str()]].concat());
    bytes.extend_from_slice(body);
    bytes
}

/// The head of an answer; its headers say how the body is delimited, or the close does.
pub fn head(status: &str, headers: &[&str]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status}\r\n");
    for line in headers {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// What a client asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As long as its `Content-Length` says.
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

pub struct FaultServer {
    pub address: SocketAddr,
    scripts: Arc<Mutex<Vec<Script>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<Mutex<usize>>,
    /// Dropped with the server, which ends all its connections.
    _accepting: JoinSet<()>,
}

impl FaultServer {
    /// Plays `script` to everyone.
    pub async fn start(script: Script) -> FaultServer {
        FaultServer::start_with(|_| vec![script]).await
    }

    /// Makes the scripts once the own address is known, for redirects.
    pub async fn start_with(scripts: impl FnOnce(SocketAddr) -> Vec<Script>) -> FaultServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scripts = scripts(address);
        assert!(!scripts.is_empty(), "a server needs a script");
        let scripts = Arc::new(Mutex::new(scripts));
        let (asked, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, scripts.clone(), asked.clone(), connections.clone()));
        FaultServer { address, scripts, asked, connections, _accepting: accepting }
    }

    /// Plays this script from now on, to everyone.
    pub fn play(&self, script: Script) {
        *self.scripts.lock().unwrap() = vec![script];
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Connections taken, whether or not anything was asked on them.
    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

async fn accept(
    listener: TcpListener,
    scripts: Arc<Mutex<Vec<Script>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<Mutex<usize>>,
) {
    let mut playing = JoinSet::new();
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let number = {
            let mut count = connections.lock().unwrap();
            *count += 1;
            *count - 1
        };
        let script = {
            let scripts = scripts.lock().unwrap();
            scripts[number.min(scripts.len() - 1)].clone()
        };
        playing.spawn(serve(socket, script, asked.clone()));
        while playing.try_join_next().is_some() {}
    }
}

async fn serve(mut socket: TcpStream, script: Script, asked: Arc<Mutex<Vec<Asked>>>) {
    let Some(request) = read_request(&mut socket).await else { return };
    asked.lock().unwrap().push(request);
    for step in script {
        if play(&mut socket, step).await.is_err() {
            return;
        }
    }
    let _ = socket.shutdown().await;
    // Reading to the end keeps the close from becoming a reset that overtakes the last bytes.
    let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
}

async fn play(socket: &mut TcpStream, step: Step) -> std::io::Result<()> {
    match step {
        Step::Send(bytes) => socket.write_all(&bytes).await,
        Step::Await(signal) => {
            signal.notified().await;
            Ok(())
        }
        Step::Drip { byte, every } => {
            let mut beat = tokio::time::interval(every);
            loop {
                beat.tick().await;
                socket.write_all(&[byte]).await?;
            }
        }
        Step::Flood(bytes) => loop {
            socket.write_all(&bytes).await?;
        },
        Step::Stall => std::future::pending().await,
        Step::Reset => {
            socket.set_zero_linger()?;
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
    }
}

/// One request, its head and its body.
pub async fn read_request(socket: &mut (impl AsyncRead + Unpin)) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if bytes.len() > 64 * 1024 || socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let mut lines = text.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let pair = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let mut asked = Asked { path, headers: lines.filter_map(pair).collect(), body: String::new() };
    let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        if socket.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    asked.body = String::from_utf8(body).ok()?;
    Some(asked)
}
