//! `tidegate demo`: the daemon and simulated partners in one process, over real HTTP.

use super::terminal::{OutputArgs, aside};
use crate::clock::Clock;
use crate::config::private::{create_directory, create_file};
use crate::config::{Credentials, FeedSettings, PartnerSettings, ReaderSettings, SecretSource, Settings};
use crate::daemon::{Daemon, Signals};
use crate::demo::{DEFAULT_CURRENCY, DemoPlan, SimulatedPartner, Simulation};
use crate::domain::Currency;
use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Run the daemon with simulated partners that feed, push and misbehave, and judge the outcome.
#[derive(Args, Debug)]
pub struct Demo {
    /// Stop after so many seconds (default: at Ctrl-C)
    #[arg(long)]
    seconds: Option<u64>,
    /// Prices pushed per second, all partners together
    #[arg(long, default_value_t = DemoPlan::RATE)]
    rate: u32,
    /// Which course things take
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the store is kept for a next time, which looks for every price that was acknowledged
    /// (default: a new one for each run, removed at the end)
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Address of the partners' listener
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: std::net::SocketAddr,
    /// Address of the status page
    #[arg(long, default_value = "127.0.0.1:8081")]
    admin_listen: std::net::SocketAddr,
    /// Print the report as JSON at the end, and nothing meanwhile
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let (directory, temporary) = match &self.directory {
            Some(directory) => (directory.clone(), false),
            None => (temporary_directory()?, true),
        };
        let ended = self.play(&directory, out).await;
        if temporary {
            std::fs::remove_dir_all(&directory).ok();
        }
        ended
    }

    async fn play(&self, directory: &Path, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let kept = self.directory.as_deref();
        if let Some(directory) = kept {
            create_directory(directory).context("cannot make the directory of the store")?;
        }
        let output = OutputArgs { json: self.json };
        let tells = !output.json;
        let plan = DemoPlan { tells, ..DemoPlan::standard(self.seconds, self.rate, self.seed) };
        let simulation = Simulation::prepare(plan, kept).await?;
        let reader_key = format!("demo-reader-{}", getrandom::u64()?);
        let settings = self.settings(directory, &reader_key, &simulation.partners())?;
        let mut signals = Signals::listen()?;
        let daemon = match Daemon::start(settings.clone(), Clock::system()).await {
            Err(crate::daemon::StartError::Listen { address, .. }) if address == self.admin_listen => {
                // the status page's usual port is taken: any other will do
                let mut settings = settings;
                settings.server.admin_listen.set_port(0);
                Daemon::start(settings, Clock::system()).await?
            }
            started => started?,
        };
        let base_url = format!("http://{}", daemon.address());
        let status_page = format!("http://{}/", daemon.admin_address());
        let place = directory.display();
        let begun =
            format!("status page  {status_page}\npartners     {base_url}/api\nstore        {place}\n");
        match output.json {
            true => aside(&begun),
            false => out.write_all(begun.as_bytes())?,
        }
        let recalled = simulation.recall(&base_url, &reader_key).await?;
        if let (Some(recalled), false) = (&recalled, output.json) {
            writeln!(out, "{recalled}")?;
        }
        out.flush()?;
        let stop = async {
            signals.next().await;
        };
        let report = simulation.run(&base_url, &reader_key, stop).await;
        let mut answer = report.json();
        answer["life_before"] = recalled.as_ref().map_or(Value::Null, |recalled| {
            json!({ "found": recalled.found, "deleted": recalled.deleted, "missing": recalled.missing })
        });
        output.write(out, &answer, |out| writeln!(out, "{report}"))?;
        daemon.stop().await?;
        let whole = recalled.is_none_or(|recalled| recalled.is_whole());
        Ok(if whole && report.equal() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn settings(
        &self,
        directory: &Path,
        reader_key: &str,
        partners: &[SimulatedPartner],
    ) -> anyhow::Result<Settings> {
        let mut settings = Settings::minimal(directory.to_owned());
        settings.server.listen = self.listen;
        settings.server.admin_listen = self.admin_listen;
        settings.readers = vec![ReaderSettings::named("demo", reader_key)];
        let made: Result<Vec<_>, _> =
            partners.iter().map(|partner| partner_settings(directory, partner)).collect();
        settings.partners = made?;
        Ok(settings)
    }
}

fn partner_settings(directory: &Path, partner: &SimulatedPartner) -> anyhow::Result<PartnerSettings> {
    let mut settings = PartnerSettings::named(partner.name.as_str(), &partner.key);
    settings.policy.default_currency = Currency::new(DEFAULT_CURRENCY).ok();
    // the simulation asks far more often than a partner's own programs
    settings.limits.reads_per_second = 100_000;
    let Some(url) = &partner.feed_url else { return Ok(settings) };
    let mut feed = FeedSettings::at(url);
    feed.every = partner.feed_every;
    feed.allow_private = true;
    if let Some(token) = &partner.feed_token {
        create_directory(directory)?;
        let file = directory.join(format!("{}.token", partner.name));
        create_file(&file)
            .and_then(|mut file| file.write_all(token.as_bytes()))
            .context("cannot write the token of a simulated feed")?;
        feed.credentials = Some(Credentials::Bearer { token: SecretSource::File(file) });
    }
    Ok(settings.with_feed(feed))
}

fn temporary_directory() -> anyhow::Result<PathBuf> {
    let directory = std::env::temp_dir().join(format!("tidegate-demo-{:016x}", getrandom::u64()?));
    create_directory(&directory).context("cannot make a directory for the demo's store")?;
    Ok(directory)
}
