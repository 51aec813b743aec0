//! Configuration: the raw files, validated into plain types that carry their units. All faults are
//! reported at once, each with file, key, value and rule.

mod settings;

pub use settings::{
    Credentials, FeedSettings, KeyHash, LimitSettings, PartnerSettings, ReaderSettings, SecretSource,
    ServerSettings, Settings, StoreSettings,
};
