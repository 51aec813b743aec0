//! The HTTP clients, and the resolver that pins connections to checked addresses.
//!
//! A client is made for each address guard, connect time-out and set of certificates, and kept:
//! making one loads the system's certificates. Redirects, proxies, retries and connection reuse are off.

use super::FetchError;
use super::address::Hop;
use super::auth::TlsFiles;
use super::error::{Blocked, Unresolved};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::tls::Version;
use reqwest::{Client, ClientBuilder, redirect, retry};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// More names of one host are a mistake; those beyond are checked, but not tried.
const ADDRESSES_MAX: usize = 16;
/// Feeds differ in few time-outs; beyond that the oldest client is made again when needed.
const CLIENTS_MAX: usize = 32;

/// What a name stands for.
pub type Answers = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Resolves names; the system's resolver, or a test's.
pub trait Lookup: Send + Sync {
    /// The addresses of a host's name.
    fn lookup(&self, host: &str) -> Answers;
}

pub(super) struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: &str) -> Answers {
        let host = host.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Hands out only addresses that are allowed: none at all if one of them is not.
struct Guard {
    lookup: Arc<dyn Lookup>,
    hop: Hop,
    timeout: Duration,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let answers = self.lookup.lookup(name.as_str());
        let (hop, timeout) = (self.hop.clone(), self.timeout);
        Box::pin(async move {
            let addresses = match tokio::time::timeout(timeout, answers).await {
                Ok(Ok(addresses)) if !addresses.is_empty() => addresses,
                Ok(Ok(_)) => return Err(Unresolved("it has no address".into()).into()),
                Ok(Err(e)) => return Err(Unresolved(e.to_string()).into()),
                Err(_) => return Err(Unresolved("no answer in time".into()).into()),
            };
            if !addresses.iter().all(|&address| hop.allows(address)) {
                return Err(Blocked.into());
            }
            // Port 0 stands for the URL's.
            let tried = addresses.into_iter().take(ADDRESSES_MAX).map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(tried) as Addrs)
        })
    }
}

#[derive(Clone, PartialEq, Eq)]
struct Kind {
    hop: Hop,
    connect_timeout: Duration,
    /// Of the certificates of its own that it has.
    print: u64,
    shows_identity: bool,
}

/// The client that one hop needs.
pub(super) struct ClientWish<'a> {
    pub hop: Hop,
    pub connect_timeout: Duration,
    pub tls: &'a TlsFiles,
    /// The hop is at the feed's own origin.
    pub is_own_origin: bool,
}

/// The clients made so far.
pub(super) struct Clients {
    lookup: Arc<dyn Lookup>,
    made: Mutex<Vec<(Kind, Client)>>,
}

impl Clients {
    pub fn new(lookup: Arc<dyn Lookup>) -> Clients {
        Clients { lookup, made: Mutex::new(Vec::new()) }
    }

    pub fn get(&self, wish: &ClientWish<'_>) -> Result<Client, FetchError> {
        let kind = Kind {
            hop: wish.hop.clone(),
            connect_timeout: wish.connect_timeout,
            print: wish.tls.print,
            shows_identity: wish.is_own_origin && wish.tls.identity.is_some(),
        };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = made.iter().find(|(known, _)| *known == kind) {
            return Ok(client.clone());
        }
        let client = self.make(&kind, wish.tls)?;
        if made.len() >= CLIENTS_MAX {
            made.remove(0);
        }
        made.push((kind, client.clone()));
        Ok(client)
    }

    /// Without certificates on the system a client trusts none but the feed's own: https fails as
    /// `tls_error`, plain http, where it is allowed, still works.
    fn make(&self, kind: &Kind, tls: &TlsFiles) -> Result<Client, FetchError> {
        let client = self.builder(kind, tls).tls_certs_merge(tls.roots.clone()).build();
        let client = client.or_else(|_| self.builder(kind, tls).tls_certs_only(tls.roots.clone()).build());
        client.map_err(|_| {
            let own = if kind.print == 0 { "" } else { "; check certificate and trusted_roots of the feed" };
            FetchError::new("client_failed", format!("the HTTP client could not be set up{own}"))
        })
    }

    fn builder(&self, kind: &Kind, tls: &TlsFiles) -> ClientBuilder {
        let guard = Guard {
            lookup: self.lookup.clone(),
            hop: kind.hop.clone(),
            // Shorter than the whole of connecting, so that a mute resolver is named as such.
            timeout: kind.connect_timeout.mul_f32(0.8),
        };
        let builder = Client::builder()
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(guard))
            .connect_timeout(kind.connect_timeout)
            .tls_version_min(Version::TLS_1_2)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .pool_max_idle_per_host(0);
        match tls.identity.clone().filter(|_| kind.shows_identity) {
            Some(identity) => builder.identity(identity),
            None => builder,
        }
    }
}
