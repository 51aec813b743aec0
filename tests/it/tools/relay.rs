//! A way to a server that can be cut, and be led to another.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Takes connections for as long as it lives.
pub struct Relay {
    address: SocketAddr,
    to: Arc<Mutex<SocketAddr>>,
    open: Arc<AtomicUsize>,
    cuts: watch::Sender<()>,
}

impl Relay {
    /// Leads to `to` at first.
    pub async fn start(to: SocketAddr) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let cuts = watch::channel(()).0;
        let address = listener.local_addr().unwrap();
        let relay = Relay { address, to: Arc::new(Mutex::new(to)), open: Arc::default(), cuts };
        let (to, open, cuts) = (Arc::clone(&relay.to), Arc::clone(&relay.open), relay.cuts.subscribe());
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (to, open, mut cuts) = (*to.lock().unwrap(), Arc::clone(&open), cuts.clone());
                cuts.mark_unchanged();
                tokio::spawn(async move {
                    // a client that finds nobody is cut off at once
                    let Ok(mut server) = TcpStream::connect(to).await else { return };
                    open.fetch_add(1, Ordering::Relaxed);
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = cuts.changed() => {}
                    }
                    open.fetch_sub(1, Ordering::Relaxed);
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
        *self.to.lock().unwrap() = to;
    }

    /// Connections that lead somewhere now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Drops all connections.
    pub fn cut(&self) {
        self.cuts.send_replace(());
    }
}
