//! Calls to the partner listener of a running daemon, with a partner's key or a reader's token.

use crate::cli::admin::refusal;
use crate::clock::sleep;
use crate::codec::segment;
use anyhow::{Context, bail};
use clap::Args;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// The variable that holds the token where no file is named.
const TOKEN_VARIABLE: &str = "TIDEGATE_TOKEN";
/// A server that has gone without a word is found out after this; a long poll answers sooner.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Waits between two attempts, doubled up to the second: from well below what a restart takes.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));
/// A daemon may say that it wants to be left alone for longer; a person at a terminal does not wait.
const TOLD_MAX: Duration = Duration::from_secs(60);

/// Which daemon is asked, and with what right.
#[derive(Debug, Args)]
pub struct ApiArgs {
    /// Partner listener of the daemon.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    url: String,
    /// File that holds the token: a partner's key, or a reader's token. Without one the variable
    /// TIDEGATE_TOKEN is read.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Where calls go, and with what.
pub struct ApiCalls {
    client: Client,
    root: String,
    token: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Unanswered {
    /// The connection, or a daemon that cannot answer now: the same may work later.
    ForNow { why: anyhow::Error, after: Option<Duration> },
    /// What was to be followed is gone.
    Gone(anyhow::Error),
    /// It will not work however often it is asked.
    ForGood(anyhow::Error),
}

impl ApiArgs {
    /// Reads the token. Errs where there is none.
    pub fn calls(&self) -> anyhow::Result<ApiCalls> {
        let token = match &self.token_file {
            Some(file) => std::fs::read_to_string(file)
                .with_context(|| format!("cannot read the token in {}", file.display()))?,
            None => std::env::var(TOKEN_VARIABLE)
                .with_context(|| format!("name a --token-file, or set {TOKEN_VARIABLE}"))?,
        };
        let client = Client::builder().no_proxy().read_timeout(SILENCE_MAX).build()?;
        let root = self.url.trim_end_matches('/').to_owned();
        Ok(ApiCalls { client, root, token: token.trim().to_owned() })
    }
}

impl ApiCalls {
    /// Asks for a path with these parameters, and gives the answer where it is one.
    pub async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Response, Unanswered> {
        let mut url = format!("{}{path}", self.root);
        for (place, (name, value)) in parameters.iter().enumerate() {
            let mark = if place == 0 { '?' } else { '&' };
            url.push_str(&format!("{mark}{name}={}", segment(value)));
        }
        let sent = self.client.get(url).bearer_auth(&self.token).send().await;
        let response = sent.map_err(|error| self.broken(error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let body = response.bytes().await.map_err(|error| self.broken(error))?;
        let why = refusal(status, &serde_json::from_slice(&body).unwrap_or(Value::Null));
        Err(match status {
            StatusCode::GONE => Unanswered::Gone(why),
            StatusCode::TOO_MANY_REQUESTS => {
                Unanswered::ForNow { why, after: after.map(Duration::from_secs) }
            }
            _ if status.is_server_error() => {
                Unanswered::ForNow { why, after: after.map(Duration::from_secs) }
            }
            _ => Unanswered::ForGood(why),
        })
    }

    /// A connection that failed, or was cut off.
    pub fn broken(&self, error: reqwest::Error) -> Unanswered {
        let why = anyhow::Error::from(error).context(format!("the daemon does not answer at {}", self.root));
        Unanswered::ForNow { why, after: None }
    }
}

impl Unanswered {
    /// The error as it is told.
    pub fn into_error(self) -> anyhow::Error {
        match self {
            Unanswered::ForNow { why, .. } | Unanswered::Gone(why) | Unanswered::ForGood(why) => why,
        }
    }
}

/// Attempts that have failed since the last one that got on.
#[derive(Debug, Default)]
pub struct Attempts {
    failed: u32,
}

impl Attempts {
    /// Something has come.
    pub fn got_on(&mut self) {
        self.failed = 0;
    }

    /// Waits before the next attempt, and says on standard error why; errs where there is none: after
    /// `max` in a row, or at what will not pass.
    pub async fn again(&mut self, unanswered: Unanswered, max: Option<u32>) -> anyhow::Result<()> {
        let Unanswered::ForNow { why, after } = unanswered else { return Err(unanswered.into_error()) };
        self.failed += 1;
        if max.is_some_and(|max| self.failed > max) {
            bail!(why.context(format!("given up after {} attempts", self.failed)));
        }
        let doubled = RETRY_AFTER.0.saturating_mul(1 << (self.failed - 1).min(16)).min(RETRY_AFTER.1);
        // so that not all who were cut off come back in one moment
        let wait = after.unwrap_or_else(|| doubled.mul_f64(fastrand::f64() / 2.0 + 0.5)).min(TOLD_MAX);
        tracing::warn!(cause = format!("{why:#}"), wait_ms = wait.as_millis() as u64, "trying again");
        sleep(wait).await;
        Ok(())
    }
}
