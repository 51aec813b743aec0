//! The defaults, each in one place. `config/tidegate.toml` and `config/partners/example.toml` say
//! the same with their reasons; a test compares them.

use super::{
    FeedSettings, FetchSettings, KeyHash, LimitSettings, NextPage, PageSettings, PartnerSettings,
    ReaderLimitSettings, ReaderSettings, ServerSettings, Settings, StoreSettings,
};
use crate::domain::{Mapping, PartnerName};
use crate::rules::policy::Policy;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const GIB: u64 = 1 << 30;
const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

impl Default for ServerSettings {
    fn default() -> ServerSettings {
        ServerSettings {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            admin_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)),
            tls: None,
            admin_token: None,
            body_bytes_max: 4 * MIB,
            items_max: 10_000,
            header_bytes_max: 16 * KIB,
            headers_max: 100,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            body_idle_timeout: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_secs(130),
            connections_max: 4096,
            connections_per_address_max: 1024,
            failed_calls_per_minute: 120,
            bytes_in_flight_max: 256 * MIB,
            shutdown_timeout: Duration::from_secs(10),
            streams_max: 1024,
            metrics_partners_max: 200,
            cors_origins: Vec::new(),
            watch: false,
            send_buffer_bytes: 256 * KIB,
        }
    }
}

impl StoreSettings {
    /// The defaults, with the store in `directory`.
    pub fn within(directory: PathBuf) -> StoreSettings {
        StoreSettings {
            directory,
            cache_bytes: 16 * MIB,
            overlay_bytes_max: 64 * MIB,
            log_keep: Duration::from_secs(7 * DAY),
            log_bytes_max: 4 * GIB,
            group_bytes_max: 8 * MIB,
            disk_free_bytes_min: GIB / 2,
            fetches_max: 8,
            init: false,
        }
    }
}

impl Default for LimitSettings {
    fn default() -> LimitSettings {
        LimitSettings {
            prices_per_second: 100_000,
            price_bytes_per_second: 24 * MIB as u64,
            asset_writes_per_second: 2_000,
            asset_write_bytes_per_second: 16 * MIB as u64,
            reads_per_second: 100,
            read_bytes_per_second: 32 * MIB as u64,
            burst: Duration::from_secs(2),
            bytes_in_flight_max: 64 * MIB,
        }
    }
}

impl Default for ReaderLimitSettings {
    fn default() -> ReaderLimitSettings {
        ReaderLimitSettings {
            reads_per_second: 1_000,
            read_bytes_per_second: 128 * MIB as u64,
            burst: Duration::from_secs(2),
        }
    }
}

impl ReaderSettings {
    /// A reader that reads with `key`, all else at its default.
    pub fn named(name: &str, key: &str) -> ReaderSettings {
        ReaderSettings {
            name: name.to_owned(),
            keys: vec![KeyHash::of(key).into()],
            limits: ReaderLimitSettings::default(),
        }
    }
}

impl Default for FetchSettings {
    fn default() -> FetchSettings {
        FetchSettings {
            first_byte_timeout: Duration::from_secs(30),
            bytes_per_second_min: 1024,
            allow: Vec::new(),
            whole_every: 24,
            whole_after: Duration::from_secs(DAY),
            circuit_failures: 5,
            circuit_pause: Duration::from_secs(15 * MINUTE),
            trusted_roots: None,
            certificate: None,
        }
    }
}

impl FeedSettings {
    /// The defaults, with the document at `url` in our own shape.
    pub fn at(url: &str) -> FeedSettings {
        let every = Duration::from_secs(DAY);
        FeedSettings {
            url: url.to_owned(),
            every,
            cron: None,
            jitter: 0.1,
            retries: [1, 5, 15].map(|minutes| Duration::from_secs(minutes * MINUTE)).to_vec(),
            guard_confirm: 2,
            credentials: None,
            mapping: Mapping::default(),
            pages: None,
            allow_private: false,
            wire_bytes_max: GIB / 4,
            body_bytes_max: GIB,
            record_bytes_max: MIB,
            records_max: 2_000_000,
            files_kept: 3,
            files_kept_bytes_max: GIB,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(15),
            whole_timeout: Self::whole_timeout_within(every),
            fetching: FetchSettings::default(),
        }
    }

    /// A fetch ends before the next is due; and in an hour, so that a server that drips a byte
    /// every few seconds does not hold its place for a day.
    pub(super) fn whole_timeout_within(every: Duration) -> Duration {
        (every * 4 / 5).min(Duration::from_secs(60 * MINUTE))
    }
}

impl PageSettings {
    /// The defaults, with this way from one page to the next.
    pub fn by(next: NextPage) -> PageSettings {
        PageSettings { next, count: None, more: None, pages_max: 1_000, pause: Duration::ZERO }
    }
}

impl PartnerSettings {
    /// A partner that pushes with `key` and has no feed, all else at its default.
    ///
    /// # Panics
    /// If `name` is no partner's name: for names written in the program, not for input.
    pub fn named(name: &str, key: &str) -> PartnerSettings {
        PartnerSettings {
            name: PartnerName::new(name).expect("the caller writes the name down"),
            keys: vec![KeyHash::of(key).into()],
            sandbox: false,
            signing: Vec::new(),
            policy: Policy::default(),
            limits: LimitSettings::default(),
            feed: None,
            hooks: Vec::new(),
        }
    }

    /// A partner of which only the name is known: it has neither key nor feed.
    pub fn unknown(name: PartnerName) -> PartnerSettings {
        PartnerSettings {
            name,
            keys: Vec::new(),
            sandbox: false,
            signing: Vec::new(),
            policy: Policy::default(),
            limits: LimitSettings::default(),
            feed: None,
            hooks: Vec::new(),
        }
    }

    /// The same with a feed; the policy learns its interval (X4).
    #[must_use]
    pub fn with_feed(mut self, feed: FeedSettings) -> PartnerSettings {
        self.policy.feed_interval = i64::try_from(feed.every.as_micros()).unwrap_or(i64::MAX);
        self.feed = Some(feed);
        self
    }
}

impl Settings {
    /// No partners, no readers, ports chosen by the system, the store in `directory`.
    pub fn minimal(directory: PathBuf) -> Settings {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Settings {
            server: ServerSettings { listen: any_port, admin_listen: any_port, ..ServerSettings::default() },
            store: StoreSettings::within(directory),
            readers: Vec::new(),
            operators: Vec::new(),
            partners: Vec::new(),
        }
    }
}
