//! What the rest of the daemon sees of the configuration: validated, with units.

use super::{AllowedPlace, BearerKey, KeyHash, OperatorSettings, SigningKey, TlsSettings};
use crate::domain::hook::{Hook, SignatureScheme};
use crate::domain::{Mapping, PartnerName, Pointer};
use crate::rules::feed::cron::CronTimes;
use crate::rules::policy::{FeedKind, Policy};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where a secret is read from, each time it is needed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretSource {
    /// A file, relative to the configuration's directory; line ends at its end are not part of the secret.
    File(PathBuf),
    /// An environment variable, by its name.
    Environment(String),
}

/// How the feed's server is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// HTTP Basic.
    Basic {
        /// Sent as it is.
        user: String,
        /// Where the password is.
        password: SecretSource,
    },
    /// `Authorization: Bearer`.
    Bearer {
        /// Where the token is.
        token: SecretSource,
    },
    /// A header of another name.
    Header {
        /// The header's name.
        name: String,
        /// Where its value is.
        value: SecretSource,
    },
    /// A bearer token that another server gives for a secret.
    ClientCredentials(Box<ClientCredentials>),
}

/// OAuth 2, client credentials (RFC 6749 §4.4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientCredentials {
    /// Where tokens are asked for.
    pub token_url: String,
    /// Who asks.
    pub client_id: String,
    /// Where the secret is that it asks with.
    pub client_secret: SecretSource,
    /// What the token is to be good for, as the server writes it.
    pub scope: Option<String>,
    /// For whom it is meant, where the server wants that said.
    pub audience: Option<String>,
    /// How id and secret are sent.
    pub proof: ClientProof,
}

/// How a client proves itself to the server that gives tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientProof {
    /// HTTP Basic.
    Basic,
    /// In the form that is sent.
    Body,
}

/// What a server is shown in the handshake, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, and those that it rests on.
    pub chain: PathBuf,
    /// Its private key.
    pub key: SecretSource,
}

/// How a feed is fetched, beyond its address and credentials.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchSettings {
    /// From the request's end to the first byte of the answer.
    pub first_byte_timeout: Duration,
    /// A slower body is given up once an idle time-out has passed.
    pub bytes_per_second_min: u64,
    /// Places of one's own network that it may be fetched from, also by plain http and on other ports.
    pub allow: Vec<AllowedPlace>,
    /// At least every so many fetches bring a body, whatever its validators say.
    pub whole_every: u32,
    /// And after so long.
    pub whole_after: Duration,
    /// After so many failures in a row the server is left alone for a while.
    pub circuit_failures: u32,
    /// For so long at first, then each time twice as long.
    pub circuit_pause: Duration,
    /// Authorities that its server's certificate may be signed by, beside those of the system.
    pub trusted_roots: Option<PathBuf>,
    /// What its server is shown; no other origin is.
    pub certificate: Option<ClientCertificate>,
}

/// One hook of a partner: who may call it, and how its calls are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookSettings {
    /// Its part of the path.
    pub name: String,
    /// What a call proves itself by.
    pub proof: HookProof,
    /// What it is proven with: two while one is rotated.
    pub secrets: Vec<SecretSource>,
    /// How its calls are read.
    pub hook: Arc<Hook>,
}

/// What a call of a hook proves itself by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookProof {
    /// A signature over its body.
    Signature(SignatureScheme),
    /// User and password.
    Basic {
        /// The user.
        user: String,
    },
    /// `Authorization: Bearer`.
    Bearer,
    /// A header that holds the secret itself.
    Header {
        /// Its name in small letters.
        name: String,
    },
}

/// A feed whose document comes in pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageSettings {
    /// How the page after one is found.
    pub next: NextPage,
    /// How many records all pages together hold; each page says it.
    pub count: Option<Pointer>,
    /// Whether another page follows; each page says it.
    pub more: Option<Pointer>,
    /// More pages fail the fetch.
    pub pages_max: u32,
    /// Waited between two pages.
    pub pause: Duration,
}

/// What leads from one page to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextPage {
    /// A link in the page.
    Member(Pointer),
    /// The header `Link: <…>; rel="next"` (RFC 8288).
    Header,
    /// A parameter of the query that counts pages from `first`.
    Number {
        /// Its name.
        parameter: String,
        /// The number of the first page.
        first: u64,
        /// How many pages there are; each page says it.
        total: Option<Pointer>,
    },
    /// A parameter of the query that counts records from `first`.
    Offset {
        /// Its name.
        parameter: String,
        /// The number of the first record.
        first: u64,
        /// What a page moves it by; `None`: the number of its records.
        step: Option<u64>,
    },
    /// Parts of one snapshot, each at an address of its own (F8).
    Part {
        /// The address of a part, as the feed's url would lead to it, with `{part}` where its number stands,
        /// from 1.
        address: String,
        /// Where a part says its number.
        part: Pointer,
        /// Where it says how many there are.
        parts: Pointer,
        /// What all parts of one snapshot say alike: its time.
        same: Pointer,
    },
    /// The feed's url is a manifest: a list of the parts of one snapshot (F8).
    Manifest {
        /// Where the list is; each of its elements is a part, of which the others speak.
        parts: Pointer,
        /// The part's address.
        address: Pointer,
        /// Its SHA-256 in hex, as it is without a content encoding.
        sha256: Pointer,
        /// How many records it holds.
        count: Pointer,
    },
    /// A parameter of the query that each page gives for the next; the first page is asked for without.
    Cursor {
        /// Its name.
        parameter: String,
        /// Where a page holds what the next one is asked with.
        place: CursorPlace,
    },
}

/// Where a page holds the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CursorPlace {
    /// Beside its records.
    Page(Pointer),
    /// In its last record.
    LastRecord(Pointer),
}

/// A partner's feed: where it is, when it is fetched, how it is read, and within which bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedSettings {
    /// The document's address.
    pub url: String,
    /// From start of one fetch to the start of the next.
    pub every: Duration,
    /// The slots of a wall clock at which it is fetched instead; `every` is then their longest distance.
    pub cron: Option<CronTimes>,
    /// Each fetch is moved by up to this share of `every` (0.0–0.5).
    pub jitter: f64,
    /// Waits before the retries after a failed run; then the next regular fetch.
    pub retries: Vec<Duration>,
    /// F4: so many further runs approve a small plan of held deletes; 0: none do.
    pub guard_confirm: u32,
    /// What is sent with each request; `None`: the document is public.
    pub credentials: Option<Credentials>,
    /// Where things are in the document.
    pub mapping: Mapping,
    /// How its pages are read; `None`: the document is one.
    pub pages: Option<PageSettings>,
    /// Loopback, private and plain-http addresses are allowed.
    pub allow_private: bool,
    /// Body as received, compressed or not.
    pub wire_bytes_max: u64,
    /// Body after decompression.
    pub body_bytes_max: u64,
    /// Bytes of one record's text.
    pub record_bytes_max: usize,
    /// Records of one document.
    pub records_max: u64,
    /// Files of applied runs that are kept to be read again and compared.
    pub files_kept: usize,
    /// Their bytes together, compressed.
    pub files_kept_bytes_max: u64,
    /// For the connection, TLS included.
    pub connect_timeout: Duration,
    /// Between two reads of the body.
    pub idle_timeout: Duration,
    /// For the whole fetch, redirects included.
    pub whole_timeout: Duration,
    /// What else is said of its fetches.
    pub fetching: FetchSettings,
}

/// What one partner may do. Rates are per second, each with a burst of `burst` seconds. Bytes are those
/// of bodies as they come, and of answers before they are compressed.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitSettings {
    /// Prices, singly or in batches.
    pub prices_per_second: u32,
    /// Bytes of pushes of prices, and of those whose items may be of either kind.
    pub price_bytes_per_second: u64,
    /// Upserts, replacements and deletes of assets.
    pub asset_writes_per_second: u32,
    /// Bytes of pushes of assets.
    pub asset_write_bytes_per_second: u64,
    /// Reads of any kind.
    pub reads_per_second: u32,
    /// Bytes of answers to reads.
    pub read_bytes_per_second: u64,
    /// How many seconds of each rate may come at once.
    pub burst: Duration,
    /// Bytes of requests taken in and not yet answered.
    pub bytes_in_flight_max: usize,
}

/// One partner: who it is, what the rules let it do, and its feed.
#[derive(Clone, Debug, PartialEq)]
pub struct PartnerSettings {
    /// The name of its file, and of its part of the API.
    pub name: PartnerName,
    /// Hashes of the keys that it may present; two while one is rotated.
    pub keys: Vec<BearerKey>,
    /// Its assets are shown to nobody but itself, and it may clear them.
    pub sandbox: bool,
    /// What its calls may be signed with in place of a key; two that hold while one is rotated.
    pub signing: Vec<SigningKey>,
    /// What the rules need to know of it.
    pub policy: Policy,
    /// How much it may send.
    pub limits: LimitSettings,
    /// `None`: it only pushes.
    pub feed: Option<FeedSettings>,
    /// Calls of its own shape that it makes, each with a name of its own.
    pub hooks: Vec<HookSettings>,
}

/// A token that may read all partners' assets.
#[derive(Clone, Debug, PartialEq)]
pub struct ReaderSettings {
    /// Its name in logs and metrics.
    pub name: String,
    /// Hashes of the keys that it may present.
    pub keys: Vec<BearerKey>,
    /// How much it may read.
    pub limits: ReaderLimitSettings,
}

/// What one reader may do. Rates are per second, each with a burst of `burst` seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct ReaderLimitSettings {
    /// Reads of any kind.
    pub reads_per_second: u32,
    /// Bytes of answers, before they are compressed.
    pub read_bytes_per_second: u64,
    /// How many seconds of each rate may come at once.
    pub burst: Duration,
}

/// The two listeners, and the bounds of what they take in.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerSettings {
    /// Where partners and readers connect.
    pub listen: SocketAddr,
    /// Where operators and Prometheus connect.
    pub admin_listen: SocketAddr,
    /// `None`: partners and readers are served in the clear.
    pub tls: Option<TlsSettings>,
    /// `None`, and no operators: the admin listener asks for no token, and must be on loopback.
    pub admin_token: Option<KeyHash>,
    /// Bytes of one request's body.
    pub body_bytes_max: usize,
    /// Items of one batch.
    pub items_max: usize,
    /// Bytes of a request's line and headers.
    pub header_bytes_max: usize,
    /// Headers of a request.
    pub headers_max: usize,
    /// From a connection's first byte to the end of the headers.
    pub header_timeout: Duration,
    /// For a whole body.
    pub body_timeout: Duration,
    /// Between two pieces of a body.
    pub body_idle_timeout: Duration,
    /// How long a connection may be idle between two requests.
    pub keep_alive_timeout: Duration,
    /// Connections open at once.
    pub connections_max: usize,
    /// Connections open at once from one address.
    pub connections_per_address_max: usize,
    /// Calls a minute from one address that may fail to prove who sends them.
    pub failed_calls_per_minute: u32,
    /// Bytes of requests taken in and not yet answered, all partners together.
    pub bytes_in_flight_max: usize,
    /// How long running requests and feeds may take to end when the daemon stops.
    pub shutdown_timeout: Duration,
    /// Change streams open at once.
    pub streams_max: usize,
    /// Partners with series of their own among the metrics; the others are counted together.
    pub metrics_partners_max: usize,
    /// Origins whose pages may read; none unless configured.
    pub cors_origins: Vec<String>,
    /// Whether the files of the configuration are watched, and taken over when they change.
    pub watch: bool,
    /// What the kernel may hold for each connection whose client does not take it, before the daemon waits.
    pub send_buffer_bytes: usize,
}

/// Where the data lies, and how much of it is held in memory and on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreSettings {
    /// The directory of the redb file and of `spool/`.
    pub directory: PathBuf,
    /// Bytes of redb's page cache.
    pub cache_bytes: usize,
    /// Bytes of changes held in memory until they are written into the tables: beyond them writes wait.
    pub overlay_bytes_max: usize,
    /// How long changes are kept for readers to follow.
    pub log_keep: Duration,
    /// Bytes of changes kept for readers to follow; the oldest go first.
    pub log_bytes_max: u64,
    /// A group commit takes at most this many bytes of changes.
    pub group_bytes_max: usize,
    /// Writes are refused below this much free disk.
    pub disk_free_bytes_min: u64,
    /// Feeds fetched at once.
    pub fetches_max: usize,
    /// A database file that has been lost is begun again. Said on the command line only: a file that
    /// said so would still say it at the next loss.
    pub init: bool,
}

/// All that a directory of configuration says.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `[server]`.
    pub server: ServerSettings,
    /// `[store]`.
    pub store: StoreSettings,
    /// `[[readers]]`.
    pub readers: Vec<ReaderSettings>,
    /// `[[operators]]`.
    pub operators: Vec<OperatorSettings>,
    /// One for each file of `partners/`, sorted by name.
    pub partners: Vec<PartnerSettings>,
}

impl PartnerSettings {
    /// The hook of this name.
    pub fn hook(&self, name: &str) -> Option<&HookSettings> {
        self.hooks.iter().find(|hook| hook.name == name)
    }

    /// What a feed's records are read by, as a hash: with another one the same bytes are another file.
    pub fn mapping_print(&self) -> u64 {
        let policy = &self.policy;
        let mapping = self.feed.as_ref().map(|feed| &feed.mapping);
        let pages = self.feed.as_ref().and_then(|feed| feed.pages.as_ref());
        let words = (&policy.statuses_extra, &policy.currencies_extra, policy.default_currency);
        let marks = (policy.allow_zero, policy.allow_negative, policy.record_time);
        let mut print = format!("{mapping:?}{words:?}{marks:?}");
        if let Some(pages) = pages {
            print += &format!("{pages:?}");
        }
        if policy.feed_kind == FeedKind::Prices {
            // of assets nothing is added: what was read before stays read
            print += "prices";
        }
        xxhash_rust::xxh3::xxh3_64(print.as_bytes())
    }
}

impl Settings {
    /// Whether the admin listener asks for a token.
    pub fn asks_operators(&self) -> bool {
        self.server.admin_token.is_some() || !self.operators.is_empty()
    }
}
