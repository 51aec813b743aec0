//! What verbs that read the configuration share: where it is, and how they end where it is at fault.

use super::terminal::{OutputArgs, counted};
use crate::config::{self, Faults, PartnerSettings};
use crate::domain::PartnerName;
use crate::http::FaultView;
use anyhow::Context;
use clap::Args;
use serde_json::json;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

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

/// Says all that is wrong, and how a verb ends that needs a sound configuration.
pub fn at_fault(faults: &Faults, output: OutputArgs, out: &mut dyn Write) -> io::Result<ExitCode> {
    let named = serde_json::to_value(FaultView::first_of(&faults.0)).map_err(io::Error::from)?;
    let count = faults.0.len();
    let answer = json!({ "sound": false, "faults": named, "faults_count": count });
    output.write(out, &answer, |out| writeln!(out, "{faults}{}", counted(count, "fault")))?;
    Ok(ExitCode::from(EXIT_CONFIG))
}
