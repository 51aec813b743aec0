//! A way to a server that can be cut, be led to another, and break by itself wherever chance has it.

use crate::support::random::Random;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A connection in a storm breaks before so many bytes of the server's have passed: within its head, within
/// an event, or after a few of them.
const STORM_BYTES: usize = 6_000;

/// Takes connections for as long as it lives.
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    cuts: watch::Sender<()>,
}

struct Shared {
    to: Mutex<SocketAddr>,
    open: AtomicUsize,
    /// Cuts that are still to come, and where.
    storm: Mutex<Option<Random>>,
    left: AtomicUsize,
}

impl Relay {
    /// Leads to `to` at first.
    pub async fn start(to: SocketAddr) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let cuts = watch::channel(()).0;
        let address = listener.local_addr().unwrap();
        let shared = Shared {
            to: Mutex::new(to),
            open: AtomicUsize::new(0),
            storm: Mutex::default(),
            left: AtomicUsize::new(0),
        };
        let relay = Relay { address, shared: Arc::new(shared), cuts };
        let (shared, cuts) = (Arc::clone(&relay.shared), relay.cuts.subscribe());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (shared, mut cuts) = (Arc::clone(&shared), cuts.clone());
                cuts.mark_unchanged();
                tokio::spawn(async move {
                    let to = *shared.to.lock().unwrap();
                    // a client that finds nobody is cut off at once
                    let Ok(server) = TcpStream::connect(to).await else { return };
                    shared.open.fetch_add(1, Ordering::Relaxed);
                    tokio::select! {
                        () = shared.carry(client, server) => {}
                        _ = cuts.changed() => {}
                    }
                    shared.open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        relay
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// New connections lead there.
    pub fn lead_to(&self, to: SocketAddr) {
        *self.shared.to.lock().unwrap() = to;
    }

    /// Connections that lead somewhere now.
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// Drops all connections.
    pub fn cut(&self) {
        self.cuts.send_replace(());
    }

    /// Has new connections break by chance, those that there are at once, until so many have.
    pub fn storm(&self, seed: u64, cuts: usize) {
        *self.shared.storm.lock().unwrap() = Some(Random(seed));
        self.shared.left.store(cuts, Ordering::Relaxed);
        self.cut();
    }

    /// Cuts of the storm that are still to come.
    pub fn cuts_left(&self) -> usize {
        self.shared.left.load(Ordering::Relaxed)
    }
}

impl Shared {
    async fn carry(&self, mut client: TcpStream, mut server: TcpStream) {
        let breaks_after = match self.left.load(Ordering::Relaxed) {
            0 => u64::MAX,
            _ => self
                .storm
                .lock()
                .unwrap()
                .as_mut()
                .map_or(u64::MAX, |chance| chance.below(STORM_BYTES) as u64),
        };
        let (mut from_client, mut to_client) = client.split();
        let (from_server, mut to_server) = server.split();
        let mut from_server = from_server.take(breaks_after);
        tokio::select! {
            _ = async { copy(&mut from_client, &mut to_server).await.and(to_server.shutdown().await) } => {}
            _ = copy(&mut from_server, &mut to_client) => {}
        }
        if from_server.limit() == 0 {
            let fewer = |left: usize| left.checked_sub(1);
            let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer);
        }
    }
}
