//! TLS on the partner listener: the certificate that is shown, renewed without a restart, and the
//! handshake.

use super::last_word;
use super::socket::{H2, Socket};
use crate::clock::Clock;
use crate::config::{TlsError, TlsIdentity, TlsPrint, TlsSettings};
use crate::http::reply::Fault;
use crate::telemetry::Metrics;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};

/// From the connection to the end of the handshake. It holds a place meanwhile.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// The first byte of every handshake (RFC 8446 §5.1).
const HANDSHAKE_RECORD: u8 = 22;

/// The certificate that the partner listener shows.
pub struct Certificates {
    shown: Arc<Shown>,
    acceptor: TlsAcceptor,
    seen: Mutex<Seen>,
    metrics: Metrics,
    clock: Clock,
}

/// How the files stood when they were looked at.
struct Seen {
    /// When they were read.
    read: TlsPrint,
    /// At the last look, where that is another: they may be half written.
    changed: Option<TlsPrint>,
}

#[derive(Debug)]
struct Shown(arc_swap::ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Certificates {
    /// Reads the certificate for the first time.
    pub fn open(settings: &TlsSettings, metrics: &Metrics, clock: &Clock) -> io::Result<Certificates> {
        let read = settings.print();
        let identity = settings.load().map_err(io::Error::other)?;
        let shown = Arc::new(Shown(arc_swap::ArcSwap::new(Arc::clone(&identity.certified))));
        let acceptor = TlsAcceptor::from(Arc::new(config(&shown).map_err(io::Error::other)?));
        let seen = Mutex::new(Seen { read, changed: None });
        let certificates =
            Certificates { shown, acceptor, seen, metrics: metrics.clone(), clock: clock.clone() };
        certificates.tell(&identity);
        Ok(certificates)
    }

    /// Looks whether a file has changed, and reads both again once they stand still: one look later.
    pub fn look(&self, settings: &TlsSettings) {
        let now = settings.print();
        {
            let mut seen = self.seen();
            if now == seen.read {
                seen.changed = None;
                return;
            }
            if seen.changed.as_ref() != Some(&now) {
                seen.changed = Some(now);
                return;
            }
        }
        self.renew(settings);
    }

    /// Reads both files again. Where they are at fault, the certificate that is shown stays.
    pub fn renew(&self, settings: &TlsSettings) {
        let print = settings.print();
        if print == self.seen().read {
            return;
        }
        match settings.load() {
            Ok(identity) => {
                self.shown.0.store(Arc::clone(&identity.certified));
                self.metrics.certificate_renewed(true);
                tracing::info!("certificate renewed");
                self.tell(&identity);
            }
            Err(error) => self.keep(&error),
        }
        *self.seen() = Seen { read: print, changed: None };
    }

    fn keep(&self, error: &TlsError) {
        self.metrics.certificate_renewed(false);
        tracing::error!(%error, "certificate not renewed, the one before it stays");
    }

    fn tell(&self, identity: &TlsIdentity) {
        self.metrics.certificate_expires(identity.not_after);
        if let Some(lapsed) = identity.complaint(self.clock.now()) {
            tracing::warn!(%lapsed, "certificate is not valid at this time");
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shakes hands, in time or not at all. A client that speaks plain HTTP is told what is spoken here.
    pub async fn accept(&self, socket: TcpStream) -> Option<Socket> {
        let accepted = tokio::time::timeout(HANDSHAKE, async {
            let mut first = [0];
            if socket.peek(&mut first).await.ok()? == 0 {
                return None;
            }
            if first[0] != HANDSHAKE_RECORD {
                last_word::say(socket, Fault::TlsNeeded).await;
                return None;
            }
            // an error here is the client's: rustls has told it what it could
            self.acceptor.accept(socket).await.ok()
        });
        match accepted.await {
            Ok(Some(stream)) => Some(Socket::Secure(Box::new(stream))),
            Ok(None) | Err(_) => {
                self.metrics.shed("tls_handshake");
                None
            }
        }
    }
}

fn config(shown: &Arc<Shown>) -> Result<ServerConfig, rustls::Error> {
    // named, so that no other part of the process decides which one it is
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let shown: Arc<dyn ResolvesServerCert> = Arc::<Shown>::clone(shown);
    let mut config = builder.with_no_client_auth().with_cert_resolver(shown);
    config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
