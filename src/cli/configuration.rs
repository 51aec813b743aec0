//! What verbs that read the configuration share: where it is, and how they end where it is at fault.

use crate::config::{self, PartnerSettings};
use crate::domain::PartnerName;
use anyhow::Context;
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

impl ConfigDirectory {
    /// The settings of one partner.
    pub fn partner(&self, name: &PartnerName) -> anyhow::Result<PartnerSettings> {
        let directory = self.directory.display();
        let settings = config::load(&self.directory).map_err(|faults| anyhow::anyhow!("{faults}"))?;
        let found = settings.partners.into_iter().find(|partner| partner.name == *name);
        found.with_context(|| {
            format!("there is no partner {name} in {directory}: `tidegate partner add {name}` makes one")
        })
    }
}
