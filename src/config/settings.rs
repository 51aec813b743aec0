//! What the rest of the daemon sees of the configuration: validated, with units.

use super::KeyHash;
use crate::domain::{Mapping, PartnerName};
use crate::rules::policy::Policy;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Where a secret is read from, each time it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    File(PathBuf),
    Environment(String),
}

/// How the feed's server is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    Basic { user: String, password: SecretSource },
    Bearer { token: SecretSource },
    Header { name: String, value: SecretSource },
}

#[derive(Clone, Debug, PartialEq)]
pub struct FeedSettings {
    pub url: String,
    /// From start of one fetch to the start of the next.
    pub every: Duration,
    /// Each fetch is moved by up to this share of `every` (0.0–0.5).
    pub jitter: f64,
    /// Waits before the retries after a failed run; then the next regular fetch.
    pub retries: Vec<Duration>,
    /// F4: so many further runs approve a small plan of held deletes; 0: none do.
    pub guard_confirm: u32,
    pub credentials: Option<Credentials>,
    pub mapping: Mapping,
    /// Loopback, private and plain-http addresses are allowed.
    pub allow_private: bool,
    /// Body as received, compressed or not.
    pub wire_bytes_max: u64,
    /// Body after decompression.
    pub body_bytes_max: u64,
    pub record_bytes_max: usize,
    pub records_max: u64,
    pub connect_timeout: Duration,
    /// From the request's end to the first byte of the answer, and between two reads of the body.
    pub idle_timeout: Duration,
    pub whole_timeout: Duration,
}

/// What one partner may do. Rates are per second, each with a burst of `burst` seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitSettings {
    pub prices_per_second: u32,
    pub asset_writes_per_second: u32,
    pub reads_per_second: u32,
    pub burst: Duration,
    /// Bytes of requests taken in and not yet answered.
    pub bytes_in_flight_max: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PartnerSettings {
    pub name: PartnerName,
    pub keys: Vec<KeyHash>,
    pub policy: Policy,
    pub limits: LimitSettings,
    pub feed: Option<FeedSettings>,
}

/// A token that may read all partners' assets.
#[derive(Clone, Debug, PartialEq)]
pub struct ReaderSettings {
    pub name: String,
    pub keys: Vec<KeyHash>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ServerSettings {
    pub listen: SocketAddr,
    pub admin_listen: SocketAddr,
    /// `None`: the admin listener asks for no token, and must be on loopback.
    pub admin_token: Option<KeyHash>,
    pub body_bytes_max: usize,
    pub items_max: usize,
    pub header_bytes_max: usize,
    pub headers_max: usize,
    pub header_timeout: Duration,
    pub body_timeout: Duration,
    pub body_idle_timeout: Duration,
    pub keep_alive_timeout: Duration,
    pub connections_max: usize,
    pub connections_per_address_max: usize,
    /// Bytes of requests taken in and not yet answered, all partners together.
    pub bytes_in_flight_max: usize,
    pub shutdown_timeout: Duration,
    /// Change streams open at once.
    pub streams_max: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct StoreSettings {
    /// The directory of the redb file and of `spool/`.
    pub directory: PathBuf,
    pub cache_bytes: usize,
    pub overlay_bytes_max: usize,
    pub log_keep: Duration,
    pub log_bytes_max: u64,
    /// A group commit takes at most this many bytes of changes.
    pub group_bytes_max: usize,
    /// Writes are refused below this much free disk.
    pub disk_free_bytes_min: u64,
    /// Feeds fetched at once.
    pub fetches_max: usize,
    /// A database file that has been lost is begun anew. Said on the command line only: a file that
    /// said so would still say it at the next loss.
    pub init: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub server: ServerSettings,
    pub store: StoreSettings,
    pub readers: Vec<ReaderSettings>,
    pub partners: Vec<PartnerSettings>,
}

impl PartnerSettings {
    /// What a feed's records are read by, as a hash: with another one the same bytes are another file.
    pub fn mapping_print(&self) -> u64 {
        let policy = &self.policy;
        let mapping = self.feed.as_ref().map(|feed| &feed.mapping);
        let words = (&policy.statuses_extra, &policy.currencies_extra, policy.default_currency);
        let marks = (policy.allow_zero, policy.allow_negative, policy.record_time);
        xxhash_rust::xxh3::xxh3_64(format!("{mapping:?}{words:?}{marks:?}").as_bytes())
    }
}

impl Settings {
    /// Keys whose values are bound when the daemon starts, and that `other` has another value for.
    pub fn bound_at_start_that_differ(&self, other: &Settings) -> Vec<&'static str> {
        let (a, b) = (&self.server, &other.server);
        let (c, d) = (&self.store, &other.store);
        let differs = [
            ("server.listen", a.listen != b.listen),
            ("server.admin_listen", a.admin_listen != b.admin_listen),
            ("server.header_bytes_max", a.header_bytes_max != b.header_bytes_max),
            ("server.headers_max", a.headers_max != b.headers_max),
            ("server.header_timeout", a.header_timeout != b.header_timeout),
            ("server.body_timeout", a.body_timeout != b.body_timeout),
            ("server.body_idle_timeout", a.body_idle_timeout != b.body_idle_timeout),
            ("server.keep_alive_timeout", a.keep_alive_timeout != b.keep_alive_timeout),
            ("server.connections_max", a.connections_max != b.connections_max),
            (
                "server.connections_per_address_max",
                a.connections_per_address_max != b.connections_per_address_max,
            ),
            ("server.bytes_in_flight_max", a.bytes_in_flight_max != b.bytes_in_flight_max),
            ("server.streams_max", a.streams_max != b.streams_max),
            ("store.directory", c.directory != d.directory),
            ("store.cache_bytes", c.cache_bytes != d.cache_bytes),
            ("store.overlay_bytes_max", c.overlay_bytes_max != d.overlay_bytes_max),
            ("store.log_keep", c.log_keep != d.log_keep),
            ("store.log_bytes_max", c.log_bytes_max != d.log_bytes_max),
            ("store.group_bytes_max", c.group_bytes_max != d.group_bytes_max),
            ("store.disk_free_bytes_min", c.disk_free_bytes_min != d.disk_free_bytes_min),
            ("store.fetches_max", c.fetches_max != d.fetches_max),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }
}
