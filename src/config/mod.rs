//! Configuration: the raw files, validated into plain types that carry their units. All faults are
//! reported at once, each with file, key, value and rule.
//!
//! `tidegate.toml` speaks of the daemon, `partners/NAME.toml` of one partner each. What the rest
//! of the daemon sees is [`Settings`]; nothing of TOML leaves this room. Secrets are named by
//! reference, never read here.

mod defaults;
mod key;
mod settings;

pub use key::KeyHash;
pub use settings::{
    Credentials, FeedSettings, LimitSettings, PartnerSettings, ReaderSettings, SecretSource, ServerSettings,
    Settings, StoreSettings,
};
