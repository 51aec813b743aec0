//! Servers over TLS with certificates that the test makes: an authority, what it signs, and what it does
//! not.

use crate::support::fault_server::read_request;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tidegate::config::{ClientCertificate, SecretSource};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// An authority that only this test knows.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key, as PEM.
pub struct Signed {
    pub chain: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    /// For a server of that name or address.
    pub fn server(&self, name: &str) -> Signed {
        self.sign(CertificateParams::new([name.to_owned()]).unwrap())
    }

    /// One whose time is over.
    pub fn expired(&self, name: &str) -> Signed {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        self.sign(params)
    }

    /// One that is valid until that day.
    pub fn until(&self, name: &str, (year, month, day): (i32, u8, u8)) -> Signed {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(year, month, day));
        self.sign(params)
    }

    /// For a client.
    pub fn client(&self) -> Signed {
        let mut params = CertificateParams::new(["tidegate.example".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Signed {
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        Signed { chain: signed.pem(), key: key.serialize_pem() }
    }

    /// Its own certificate, in a file.
    pub fn roots(&self, directory: &Path) -> PathBuf {
        let path = directory.join("roots.pem");
        std::fs::write(&path, self.issuer.pem()).unwrap();
        path
    }
}

impl Signed {
    /// As the configuration names it.
    pub fn named(&self, directory: &Path) -> ClientCertificate {
        let (chain, key) = (directory.join("client.pem"), directory.join("client.key"));
        std::fs::write(&chain, &self.chain).unwrap();
        std::fs::write(&key, &self.key).unwrap();
        ClientCertificate { chain, key: SecretSource::File(key) }
    }
}

/// Answers everyone with the same bytes.
pub struct TlsServer {
    pub address: SocketAddr,
    shown: Arc<Mutex<Vec<bool>>>,
    _accepting: JoinSet<()>,
}

impl TlsServer {
    /// With that certificate; clients may show one of `clients`' and have to where it `is_needed`.
    pub async fn start(own: &Signed, clients: Option<(&Authority, bool)>, answer: Vec<u8>) -> TlsServer {
        let builder = ServerConfig::builder();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some((authority, is_needed)) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.issuer.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder(Arc::new(roots));
                let verifier = if is_needed { verifier } else { verifier.allow_unauthenticated() };
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let chain = CertificateDer::pem_slice_iter(own.chain.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
        let config = builder.with_single_cert(chain, key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, shown) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), answer, shown.clone()));
        TlsServer { address, shown, _accepting: accepting }
    }

    /// Of each request, whether the client showed a certificate that the authority had signed.
    pub fn shown(&self) -> Vec<bool> {
        self.shown.lock().unwrap().clone()
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, answer: Vec<u8>, shown: Arc<Mutex<Vec<bool>>>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let Ok(mut stream) = tls.accept(socket).await else { continue };
        let has_shown = stream.get_ref().1.peer_certificates().is_some();
        if read_request(&mut stream).await.is_none() {
            continue;
        }
        shown.lock().unwrap().push(has_shown);
        // who goes away is the test's business
        let _ = stream.write_all(&answer).await;
        let _ = stream.shutdown().await;
    }
}
