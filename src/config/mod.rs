//! Configuration: the raw files, validated into plain types that carry their units. All faults are
//! reported at once, each with file, key, value and rule.
//!
//! `tidegate.toml` speaks of the daemon, `partners/NAME.toml` of one partner each. What the rest
//! of the daemon sees is [`Settings`]; nothing of TOML leaves this room. Secrets are named by
//! reference and read where they are needed, but for those that sign a partner's calls.

mod callers;
mod defaults;
mod difference;
mod fault;
mod feed;
mod fetching;
mod hooks;
mod load;
mod mapping;
mod pages;
pub mod private;
mod raw;
mod secret;
mod settings;
mod signing;
mod tls;
mod units;
mod validate;

pub use callers::{BearerKey, KeyHash, NOBODY_NAMED, OperatorSettings, SHARED_TOKEN, SigningKey, Validity};
pub use difference::{KeysChange, PartnerChange, SettingsDifference};
pub use fault::{ConfigFault, Faults};
pub use fetching::{AllowedPlace, NoPlace};
pub use load::{MAIN_FILE, PARTNERS_DIRECTORY, admin_listen, load, read_main, read_partner};
pub use secret::SecretError;
pub use settings::{
    ClientCertificate, ClientCredentials, ClientProof, Credentials, CursorPlace, FeedSettings, FetchSettings,
    HookProof, HookSettings, LimitSettings, NextPage, PageSettings, PartnerSettings, ReaderLimitSettings,
    ReaderSettings, SecretSource, ServerSettings, Settings, StoreSettings,
};
pub use tls::{Lapsed, TlsError, TlsIdentity, TlsPrint, TlsSettings};
pub use units::{format_bytes, format_duration, parse_bytes, parse_duration};
