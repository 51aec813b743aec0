//! The HTTP clients, and the resolver that pins connections to checked addresses.
//!
//! A client is made for each pair of address guard and connect time-out, and kept: making one
//! loads the system's certificates. Redirects, proxies, retries and connection reuse are off.

use super::FetchError;
use super::address::reach;
use super::error::{Blocked, Unresolved};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, redirect, retry, tls};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// More names of one host are a mistake; those beyond are checked, but not tried.
const ADDRESSES_MAX: usize = 16;
/// Feeds differ in few time-outs; beyond that the oldest client is made again when needed.
const CLIENTS_MAX: usize = 16;

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
    allow_private: bool,
    timeout: Duration,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let answers = self.lookup.lookup(name.as_str());
        let (allow_private, timeout) = (self.allow_private, self.timeout);
        Box::pin(async move {
            let addresses = match tokio::time::timeout(timeout, answers).await {
                Ok(Ok(addresses)) if !addresses.is_empty() => addresses,
                Ok(Ok(_)) => return Err(Unresolved("it has no address".into()).into()),
                Ok(Err(e)) => return Err(Unresolved(e.to_string()).into()),
                Err(_) => return Err(Unresolved("no answer in time".into()).into()),
            };
            if !addresses.iter().all(|&address| reach(address).is_allowed(allow_private)) {
                return Err(Blocked.into());
            }
            // Port 0 stands for the URL's.
            let tried = addresses.into_iter().take(ADDRESSES_MAX).map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(tried) as Addrs)
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Kind {
    allow_private: bool,
    connect_timeout: Duration,
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

    pub fn get(&self, allow_private: bool, connect_timeout: Duration) -> Result<Client, FetchError> {
        let kind = Kind { allow_private, connect_timeout };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = made.iter().find(|(known, _)| *known == kind) {
            return Ok(client.clone());
        }
        let client = self.make(kind)?;
        if made.len() >= CLIENTS_MAX {
            made.remove(0);
        }
        made.push((kind, client.clone()));
        Ok(client)
    }

    /// Without certificates on the system a client trusts none: https fails as `tls_error`, plain
    /// http, where it is allowed, still works.
    fn make(&self, kind: Kind) -> Result<Client, FetchError> {
        let client = self.builder(kind).build().or_else(|_| self.builder(kind).tls_certs_only([]).build());
        client.map_err(|_| FetchError::new("client_failed", "the HTTP client could not be set up"))
    }

    fn builder(&self, kind: Kind) -> ClientBuilder {
        let guard = Guard {
            lookup: self.lookup.clone(),
            allow_private: kind.allow_private,
            // Shorter than the whole of connecting, so that a mute resolver is named as such.
            timeout: kind.connect_timeout.mul_f32(0.8),
        };
        Client::builder()
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(guard))
            .connect_timeout(kind.connect_timeout)
            .tls_version_min(tls::Version::TLS_1_2)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .pool_max_idle_per_host(0)
    }
}
