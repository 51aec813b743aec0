//! Certificates of a feed's own: what its server is shown, and whom it may be signed by.

use crate::config::{ClientCertificate, FeedSettings};
use crate::feed::FetchError;
use crate::feed::spool::on_blocking_pool;
use reqwest::{Certificate, Identity};
use secrecy::ExposeSecret;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use xxhash_rust::xxh3::Xxh3;

/// A chain or a bundle of roots is far smaller.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// The files, read.
#[derive(Default)]
pub struct TlsFiles {
    /// Shown to the feed's own origin alone.
    pub identity: Option<Identity>,
    /// Trusted beside those of the system.
    pub roots: Vec<Certificate>,
    /// Of all that was read: another one needs another client. 0: nothing.
    pub print: u64,
}

impl TlsFiles {
    /// What a server beside the feed's own is met with: no certificate is shown to it.
    pub async fn roots_of(feed: &FeedSettings) -> Result<TlsFiles, FetchError> {
        let Some(roots) = feed.fetching.trusted_roots.clone() else { return Ok(TlsFiles::default()) };
        on_blocking_pool(move || TlsFiles::read(None, Some(&roots))).await
    }

    /// Reads them; blocks.
    pub fn read(
        certificate: Option<&ClientCertificate>,
        roots: Option<&Path>,
    ) -> Result<TlsFiles, FetchError> {
        let (mut files, mut print) = (TlsFiles::default(), Xxh3::new());
        if let Some(certificate) = certificate {
            let key = certificate.key.read().map_err(|error| unusable(error.to_string()))?;
            let mut pem = pem(&certificate.chain)?;
            pem.push(b'\n');
            pem.extend_from_slice(key.expose_secret().as_bytes());
            // the parser's own words may quote what it read
            let broken = |_| unusable(format!("{} and its key are no PEM", certificate.chain.display()));
            files.identity = Some(Identity::from_pem(&pem).map_err(broken)?);
            print.update(&pem);
        }
        if let Some(path) = roots {
            let pem = pem(path)?;
            let found = Certificate::from_pem_bundle(&pem).unwrap_or_default();
            if found.is_empty() {
                return Err(unusable(format!("{} holds no certificate in PEM", path.display())));
            }
            files.roots = found;
            print.update(b"roots");
            print.update(&pem);
        }
        if files.identity.is_some() || !files.roots.is_empty() {
            files.print = print.digest();
        }
        Ok(files)
    }
}

fn pem(path: &Path) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(PEM_BYTES_MAX).read_to_end(&mut bytes));
    read.map_err(|error| unusable(format!("{}: {error}", path.display())))?;
    Ok(bytes)
}

fn unusable(what: String) -> FetchError {
    FetchError::new("credentials_missing", format!("a certificate of the feed cannot be used: {what}"))
}
