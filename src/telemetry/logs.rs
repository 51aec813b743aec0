//! The set-up of logs: lines on standard error, as text for people or JSON for collectors. A reader
//! of them that has stopped reading stops nothing else (A2).

use super::limit::LogLimit;
use super::lines::Lines;
use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One line of text for each event, coloured on a terminal.
    #[default]
    Text,
    /// One JSON object for each event, on one line.
    Json,
}

/// Which events are written where the environment does not say.
pub const DEFAULT_FILTER: &str = "info";

/// Why logs cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter is not one of `tracing`.
    #[error("the log filter `{filter}` cannot be read: {cause}")]
    Filter {
        /// As it was given.
        filter: String,
        /// What is wrong with it.
        cause: String,
    },
    /// They have been set up already.
    #[error("logs have been set up already")]
    Twice,
    /// The thread that writes them could not be started.
    #[error("cannot start the thread that writes the log")]
    Thread(#[source] std::io::Error),
}

/// The program's lines, once they have been set up.
static LINES: OnceLock<Lines> = OnceLock::new();

/// What a verb shows that draws its own picture on the terminal: only what went wrong.
pub const QUIET_FILTER: &str = "warn";

/// Sets up the program's logs. `RUST_LOG` says what is written, e.g. `info,tidegate::feed=debug`;
/// where it says nothing, `default_filter` does.
///
/// Standard output stays free for what a verb prints.
pub fn install(format: Format, default_filter: &str) -> Result<(), LoggingError> {
    let filter = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_else(|_| default_filter.to_owned());
    let lines_out = Lines::to(std::io::stderr()).map_err(LoggingError::Thread)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(events(filter)?)
        .with_span_events(FmtSpan::NONE)
        .with_writer(lines_out.clone());
    let installed = match format {
        Format::Text => {
            let lines = lines.with_ansi(std::io::stderr().is_terminal()).finish();
            lines.with(LogLimit::default()).try_init()
        }
        Format::Json => {
            let lines = lines.json().flatten_event(true).with_ansi(false).finish();
            lines.with(LogLimit::default()).try_init()
        }
    };
    installed.map_err(|_| LoggingError::Twice)?;
    // nobody else sets it where the subscriber was set by this call
    let _ = LINES.set(lines_out);
    super::tell_in_the_log();
    Ok(())
}

/// Lines that were dropped because nobody took them in time.
pub fn dropped() -> u64 {
    LINES.get().map_or(0, Lines::dropped)
}

/// Says something on standard error that is no event, in line with the log.
pub fn say(text: &str) {
    use std::io::Write;
    let _ = match LINES.get() {
        Some(lines) => lines.clone().write_all(text.as_bytes()),
        None => std::io::stderr().write_all(text.as_bytes()),
    };
}

/// Waits until what was logged has been written, at most so long.
pub fn flush(most: Duration) {
    if let Some(lines) = LINES.get() {
        lines.flush(most);
    }
}

fn events(filter: String) -> Result<EnvFilter, LoggingError> {
    EnvFilter::try_new(&filter).map_err(|cause| LoggingError::Filter { filter, cause: cause.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_cannot_be_read_is_named() {
        let error = events("info,tidegate=loudly".into()).unwrap_err();
        assert!(error.to_string().contains("tidegate=loudly"), "{error}");
    }
}
