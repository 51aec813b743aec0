//! What this floor's unit tests share: settings with one partner and one reader, and an app.

use super::app::{App, AppParts, Health};
use super::reload::ReloadDesk;
use crate::actors::{Admission, Registry};
use crate::clock::Clock;
use crate::config::{PartnerSettings, ReaderSettings, Settings};
use crate::domain::Micros;
use crate::store::{self, StoreOptions};
use crate::telemetry::Metrics;
use arc_swap::ArcSwap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub fn settings() -> Arc<ArcSwap<Settings>> {
    let mut settings = Settings::minimal("unused".into());
    settings.partners.push(PartnerSettings::named("acme", "acme-key"));
    settings.readers.push(ReaderSettings::named("portal", "portal-token"));
    Arc::new(ArcSwap::from_pointee(settings))
}

/// An app over an empty store and an empty registry: enough for all that needs no partner.
pub fn app(settings: Arc<ArcSwap<Settings>>) -> Arc<App> {
    let directory = TempDir::new().unwrap();
    // on Unix the open file outlives its directory, and nothing is left behind
    let opened = store::open(directory.path(), &StoreOptions::small()).unwrap();
    App::new(AppParts {
        registry: Registry::default(),
        reader: opened.reader,
        admission: Admission::new(settings.load().server.bytes_in_flight_max),
        settings,
        clock: Clock::manual(Micros(0)),
        metrics: Metrics::install(),
        health: Arc::new(Health::default()),
        supervisor: None,
        audit: None,
        reload: Arc::new(ReloadDesk::default()),
    })
}

/// What a raw exchange brought: all bytes until the server closed, as text.
pub async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request).await.unwrap();
    until_closed(&mut socket).await
}

/// Reads until the server closes or resets; a test that waits for longer than any bound fails.
pub async fn until_closed(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let closed = async { while matches!(socket.read_buf(&mut bytes).await, Ok(1..)) {} };
    tokio::time::timeout(PATIENCE, closed).await.expect("the server closes the connection");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until `end` has come.
pub async fn until(socket: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    let found = async {
        while !String::from_utf8_lossy(&bytes).contains(end) {
            assert_ne!(socket.read_buf(&mut bytes).await.unwrap(), 0, "closed before {end:?} came");
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("the server answers");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Longer than the deadlines that a connection usually has.
pub const PATIENCE: Duration = Duration::from_secs(60);
