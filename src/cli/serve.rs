//! `tidegate serve`: the daemon.

use super::configuration::{ConfigDirectory, EXIT_CONFIG};
use crate::clock::{Clock, sleep};
use crate::daemon::{ConfigSource, Daemon, ServiceNotices, Signal, Signals};
use clap::Args;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// After a failure of the store, callers are answered with 503 for so long before the end.
const GRACE: Duration = Duration::from_millis(500);
/// After a failure of the store the callers who wait get this long to be told so.
const FAREWELL: Duration = Duration::from_secs(3);

/// Run the daemon until SIGTERM; SIGHUP reads the configuration again.
#[derive(Args, Debug)]
pub struct Serve {
    #[command(flatten)]
    config: ConfigDirectory,
    /// Begin with an empty catalogue if the database file that was here has been lost. One that is
    /// there is opened as ever.
    #[arg(long)]
    init: bool,
    /// Every partner of this daemon is a sandbox: shown to nobody but itself, and cleared by one call. A
    /// store in which real partners have been is refused.
    #[arg(long)]
    sandbox: bool,
}

impl Serve {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let mut settings = match self.source().load() {
            Ok(settings) => settings,
            Err(faults) => {
                writeln!(out, "{faults}")?;
                return Ok(ExitCode::from(EXIT_CONFIG));
            }
        };
        settings.store.init = self.init;
        let mut signals = Signals::listen()?;
        let notices = ServiceNotices::from_environment();
        let mut daemon = Daemon::start(settings, Clock::system()).await?;
        daemon.follow(self.source());
        notices.ready(&serving(&daemon));
        let failed = loop {
            tokio::select! {
                signal = signals.next() => match signal {
                    Signal::Reload => {
                        notices.reloading();
                        let taken = tokio::select! {
                            taken = daemon.reload_for("SIGHUP") => taken,
                            never = notices.beat(async || daemon.is_alive().await) => match never {},
                        };
                        match taken {
                            true => notices.ready(&serving(&daemon)),
                            false => notices.ready(&format!("{}; the configuration was not taken over, see the log", serving(&daemon))),
                        }
                    }
                    Signal::Stop => break None,
                },
                cause = daemon.failed() => break Some(cause),
                never = notices.beat(async || daemon.is_alive().await) => match never {},
            }
        };
        if let Some(cause) = failed {
            tracing::error!(cause, "store failed, ending");
            notices.stopping("the store failed");
            // who waits, or has just sent, is told so; a connection that closes would tell him nothing
            sleep(GRACE).await;
            // how it stops is known
            let _ = tokio::time::timeout(FAREWELL, daemon.stop()).await;
            return Ok(ExitCode::FAILURE);
        }
        notices.stopping("asked to");
        tokio::select! {
            stopped = daemon.stop() => stopped?,
            _ = signals.next() => tracing::warn!("asked to stop twice, ending at once"),
        }
        Ok(ExitCode::SUCCESS)
    }

    fn source(&self) -> ConfigSource {
        ConfigSource { directory: self.config.directory.clone(), sandbox: self.sandbox }
    }
}

/// What the service manager is told of a daemon that serves.
fn serving(daemon: &Daemon) -> String {
    let partners = daemon.registry().all().iter().filter(|partner| !partner.is_removed()).count();
    format!("serving {partners} partner{}", if partners == 1 { "" } else { "s" })
}
