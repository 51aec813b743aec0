//! The certificate of the partner listener and its key: two PEM files, checked against each other.

use super::fault::Wrong;
use super::raw::Section;
use crate::domain::Micros;
use std::fmt;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::crypto;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, InconsistentKeys};
use x509_cert::der::Decode;

/// A chain of a few certificates has some 10 KiB; a file beyond this is something else.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where the certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificate, and those between it and the one that clients know, in this order.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A certificate with its key, as rustls takes it.
#[derive(Clone, Debug)]
pub struct TlsIdentity {
    /// Chain and key, which fit each other.
    pub certified: Arc<CertifiedKey>,
    /// When it begins to hold.
    pub not_before: Micros,
    /// When it ends to.
    pub not_after: Micros,
}

/// How the two files stand: with another print, one has been written or replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsPrint([Option<(u64, u64, i64, i64)>; 2], TlsSettings);

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is missing, or that this user may not read.
    #[error("{} cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
    /// No `BEGIN CERTIFICATE`, or one whose text is damaged.
    #[error("{} holds no certificate in PEM", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// No private key, or one whose text is damaged.
    #[error("{} holds no private key in PEM, or one with a password", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// A key of another certificate.
    #[error("the key in {} is not that of the certificate in {}", key.display(), certificate.display())]
    KeyOfAnother {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        certificate: PathBuf,
    },
    /// What rustls does not take.
    #[error("{} cannot be used: {cause}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What rustls says.
        #[source]
        cause: Error,
    },
}

impl TlsError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            TlsError::Unreadable { .. } => "it must be a file that the daemon's user may read",
            TlsError::NoCertificate { .. } => {
                "a PEM file with `BEGIN CERTIFICATE`: the server's own first, then those between"
            }
            TlsError::NoKey { .. } => "a PEM file with `BEGIN PRIVATE KEY`, without a password",
            TlsError::KeyOfAnother { .. } => {
                "take both files from one issue, and put the server's own certificate first"
            }
            TlsError::Unusable { .. } => {
                "make the key anew: ECDSA P-256, Ed25519, or RSA of 2048 bits and more"
            }
        }
    }

    /// Whether it is the key's file that is at fault, rather than the certificate's.
    pub fn is_of_key(&self, settings: &TlsSettings) -> bool {
        match self {
            TlsError::Unreadable { path, .. } | TlsError::Unusable { path, .. } => *path == settings.key,
            TlsError::NoKey { .. } | TlsError::KeyOfAnother { .. } => true,
            TlsError::NoCertificate { .. } => false,
        }
    }
}

impl TlsSettings {
    /// Reads both files and holds them against each other.
    pub fn load(&self) -> Result<TlsIdentity, TlsError> {
        let TlsSettings { certificate, key } = self;
        let no_certificate = || TlsError::NoCertificate { path: certificate.clone() };
        let chain = CertificateDer::pem_slice_iter(&read(certificate)?).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|_| no_certificate())?;
        let first = chain.first().ok_or_else(no_certificate)?;
        let validity = x509_cert::Certificate::from_der(first).map_err(|_| no_certificate())?;
        let validity = validity.tbs_certificate().validity();
        let at = |time: x509_cert::time::Time| {
            let seconds = i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
            Micros(seconds.saturating_mul(Micros::SECOND))
        };
        let (not_before, not_after) = (at(validity.not_before), at(validity.not_after));
        let private = PrivateKeyDer::from_pem_slice(&read(key)?);
        let private = private.map_err(|_| TlsError::NoKey { path: key.clone() })?;
        match CertifiedKey::from_der(chain, private, &crypto::aws_lc_rs::default_provider()) {
            Ok(certified) => Ok(TlsIdentity { certified: Arc::new(certified), not_before, not_after }),
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                Err(TlsError::KeyOfAnother { key: key.clone(), certificate: certificate.clone() })
            }
            Err(cause) => Err(TlsError::Unusable { path: key.clone(), cause }),
        }
    }

    /// How the files stand now.
    pub fn print(&self) -> TlsPrint {
        let stat = |path: &Path| {
            let found = fs::metadata(path).ok()?;
            Some((found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
        };
        TlsPrint([stat(&self.certificate), stat(&self.key)], self.clone())
    }
}

impl TlsIdentity {
    /// What is wrong with its time at this moment.
    pub fn complaint(&self, now: Micros) -> Option<Lapsed> {
        match () {
            () if now > self.not_after => Some(Lapsed::Expired),
            () if now < self.not_before => Some(Lapsed::NotYet),
            () => None,
        }
    }
}

/// Why clients refuse a certificate that is otherwise sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lapsed {
    /// Its time is over.
    Expired,
    /// Its time has not begun.
    NotYet,
}

impl fmt::Display for Lapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lapsed::Expired => "the certificate has expired: clients refuse it",
            Lapsed::NotYet => "the certificate is not valid yet: clients refuse it",
        })
    }
}

/// `[server.tls]`: both files are read, and held against each other.
pub(super) fn tls(section: Option<Section<'_>>) -> Option<TlsSettings> {
    let mut section = section?;
    let directory = section.source.directory;
    let mut path = |key| section.text(key).map(|text| directory.join(text));
    let (certificate, key) = (path("certificate"), path("key"));
    for key in ["certificate", "key"] {
        if !section.has(key) {
            let rule = Wrong::rule("TLS needs a certificate and its key");
            section.refuse(key, rule.hint("name a PEM file, relative to the directory of the configuration"));
        }
    }
    let settings = certificate.zip(key).map(|(certificate, key)| TlsSettings { certificate, key });
    if let Some(settings) = &settings
        && let Err(error) = settings.load()
    {
        let key = if error.is_of_key(settings) { "key" } else { "certificate" };
        section.refuse(key, Wrong::rule(error.to_string()).hint(error.hint()));
    }
    section.finish();
    settings
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
    read.map_err(|cause| TlsError::Unreadable { path: path.to_owned(), cause })?;
    Ok(bytes)
}
