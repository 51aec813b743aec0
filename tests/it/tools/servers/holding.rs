//! A way to a server that holds an answer up in the middle of its body, until the test lets it go on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// So much of an answer is let through before it is held.
const HELD_AT: usize = 48 * 1024;
/// A small window keeps the server from sending far ahead of what is read.
const WINDOW_BYTES: u32 = 4 * 1024;

#[derive(Default)]
struct Gate {
    is_armed: AtomicBool,
    held: Notify,
    released: Notify,
}

/// Takes connections for as long as it lives.
pub struct HoldingRelay {
    pub address: SocketAddr,
    gate: Arc<Gate>,
    _accepting: JoinSet<()>,
}

impl HoldingRelay {
    pub async fn start(to: SocketAddr) -> HoldingRelay {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, gate) = (listener.local_addr().unwrap(), Arc::new(Gate::default()));
        let mut accepting = JoinSet::new();
        let own = gate.clone();
        accepting.spawn(async move {
            let mut relaying = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                relaying.spawn(relay(client, to, own.clone()));
                while relaying.try_join_next().is_some() {}
            }
        });
        HoldingRelay { address, gate, _accepting: accepting }
    }

    /// The next answer that is long enough is held.
    pub fn arm(&self) {
        self.gate.is_armed.store(true, Ordering::Release);
    }

    pub fn disarm(&self) {
        self.gate.is_armed.store(false, Ordering::Release);
    }

    /// Until an answer is held.
    pub async fn held(&self) {
        self.gate.held.notified().await;
    }

    pub fn release(&self) {
        self.gate.released.notify_one();
    }
}

async fn relay(client: TcpStream, to: SocketAddr, gate: Arc<Gate>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(WINDOW_BYTES).unwrap();
    let Ok(server) = socket.connect(to).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asking = async move {
        let _ = copy(&mut from_client, &mut to_server).await;
        let _ = to_server.shutdown().await;
    };
    let answering = async move {
        let (mut block, mut sent) = (vec![0; 16 * 1024], 0);
        while let Ok(read @ 1..) = from_server.read(&mut block).await {
            sent += read;
            if sent >= HELD_AT && gate.is_armed.swap(false, Ordering::AcqRel) {
                gate.held.notify_one();
                gate.released.notified().await;
            }
            if to_client.write_all(&block[..read]).await.is_err() {
                return;
            }
        }
        let _ = to_client.shutdown().await;
    };
    tokio::select! {
        () = async { tokio::join!(asking, answering); } => {}
    }
}
