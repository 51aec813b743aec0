//! What verbs that read the configuration share: where it is, and how they end where it is at fault.

use clap::Args;
use std::path::PathBuf;

/// The configuration is at fault (EX_CONFIG of sysexits.h).
pub const EXIT_CONFIG: u8 = 78;

/// Where the configuration is: the same for each verb that reads it.
#[derive(Debug, Args)]
pub struct ConfigDirectory {
    /// The directory of tidegate.toml and partners/.
    #[arg(long = "config", value_name = "DIR", default_value = "config")]
    pub directory: PathBuf,
}
