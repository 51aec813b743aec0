//! What to measure, and against whom.

use super::error::LoadError;
use std::net::SocketAddr;
use std::time::Duration;

/// How many prices a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One price a request.
    Single,
    /// `minimal`: asks for a reply of counts only (`Prefer: return=minimal`).
    Batch {
        /// Prices of each.
        items: usize,
        /// Replies without items are asked for.
        minimal: bool,
    },
}

impl Mode {
    /// Prices of each request.
    pub fn items(self) -> usize {
        match self {
            Mode::Single => 1,
            Mode::Batch { items, .. } => items,
        }
    }
}

/// When a leg ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// After so long.
    Elapsed(Duration),
    /// After so many requests.
    Requests(u64),
}

/// A whole measurement: pairs of legs, first the sink, then the daemon.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// `http://host:port` of the partner listener.
    pub url: String,
    /// The partner's bearer key.
    pub key: String,
    /// Connections held open.
    pub connections: usize,
    /// Threads of the client.
    pub threads: usize,
    /// What each request holds.
    pub mode: Mode,
    /// When a leg ends.
    pub until: Until,
    /// Requests per second, sent on time whether or not earlier ones are answered; `None`: each
    /// connection sends its next request when it has the answer to the last.
    pub rate: Option<f64>,
    /// Assets whose prices are pushed.
    pub assets: u64,
    /// Create the assets first.
    pub load_assets: bool,
    /// Pairs of legs; 0: one leg against the daemon, without a sink.
    pub pairs: u32,
    /// In place of the sink: each pair is the daemon alone, and with so many change streams open to which
    /// nothing is told.
    pub idle_streams: usize,
    /// How many of the acknowledged prices are read back; `None`: all.
    pub verify: Option<u64>,
    /// Which assets and amounts are drawn.
    pub seed: u64,
    /// Takes the lines that tell how far it is.
    pub say: fn(&str),
}

impl LoadPlan {
    /// All faults of the plan that would make it meaningless.
    pub(super) fn check(&self) -> Result<(), LoadError> {
        let fault = if self.connections == 0 || self.threads == 0 {
            "at least one connection and one thread are needed"
        } else if self.assets < self.connections as u64 {
            "each connection needs an asset of its own: more assets or fewer connections"
        } else if self.mode.items() == 0 {
            "a batch holds at least one price"
        } else if self.rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
            "the rate must be above zero"
        } else {
            return Ok(());
        };
        Err(LoadError::Plan(fault))
    }
}

/// A server to be measured.
#[derive(Clone, Debug)]
pub struct Target {
    /// As it stands in the `Host` header.
    pub host: String,
    pub key: String,
    pub address: SocketAddr,
}

impl Target {
    /// Resolves `http://host:port`. Keys with control characters are refused: they would end the header.
    pub async fn resolve(url: &str, key: &str) -> Result<Target, LoadError> {
        let host = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let host = host.filter(|host| !host.is_empty() && !host.contains(['/', '?', '@']));
        let host = host.ok_or(LoadError::Plan("the url must look like http://127.0.0.1:8080"))?;
        if key.chars().any(char::is_control) {
            return Err(LoadError::Plan("the key holds control characters"));
        }
        let with_port = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let addresses = tokio::net::lookup_host(with_port).await.map_err(LoadError::Connect)?;
        let address = { addresses }.next().ok_or(LoadError::Plan("the url's host has no address"))?;
        Ok(Target { host: host.to_owned(), key: key.to_owned(), address })
    }
}
