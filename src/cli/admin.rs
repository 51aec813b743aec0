//! Calls to the admin listener of a running daemon, for the verbs that ask one.

use anyhow::{Context, anyhow};
use clap::Args;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

const TOKEN_VARIABLE: &str = "TIDEGATE_ADMIN_TOKEN";
/// An approval answers when all of its deletes are durable.
const PATIENCE: Duration = Duration::from_secs(600);

/// Which daemon is asked, and with what right.
#[derive(Debug, Args)]
pub struct Admin {
    /// The daemon's admin listener.
    #[arg(long = "admin", value_name = "URL", default_value = "http://127.0.0.1:8081")]
    url: String,
    /// The file with the admin token; without one, the variable TIDEGATE_ADMIN_TOKEN is read.
    #[arg(long = "admin-token-file", value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Admin {
    /// Asks, and gives the answer's JSON; an error with the daemon's own words where it refuses.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let (status, answer) = self.ask(method, path, body.map(Value::to_string)).await?;
        if status.is_success() {
            return Ok(answer);
        }
        Err(refusal(status, &answer))
    }

    /// Asks with a body of JSON, and gives what is answered, whatever the status.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let client = Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let mut request = client.request(method, format!("{}{path}", self.url.trim_end_matches('/')));
        if let Some(token) = self.token()? {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let unreached = || format!("the daemon does not answer at {}", self.url);
        let response = request.send().await.with_context(unreached)?;
        let status = response.status();
        let bytes = response.bytes().await.with_context(unreached)?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    /// Asks for a text, such as the metrics; an error where it is refused.
    pub async fn text(&self, path: &str) -> anyhow::Result<String> {
        let response = self.stream(path).await?;
        Ok(response.text().await?)
    }

    /// Asks for a stream of bytes, of which each piece may take its time; an error where it is refused.
    pub async fn stream(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        let client = Client::builder().no_proxy().read_timeout(PATIENCE).build()?;
        let mut request = client.get(format!("{}{path}", self.url.trim_end_matches('/')));
        if let Some(token) = self.token()? {
            request = request.bearer_auth(token);
        }
        let unreached = || format!("the daemon does not answer at {}", self.url);
        let response = request.send().await.with_context(unreached)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let bytes = response.bytes().await.with_context(unreached)?;
        Err(refusal(status, &serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    fn token(&self) -> anyhow::Result<Option<String>> {
        if let Some(file) = &self.token_file {
            let token = std::fs::read_to_string(file);
            let token = token.with_context(|| format!("cannot read {}", file.display()))?;
            return Ok(Some(token.trim().to_owned()));
        }
        Ok(std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty()))
    }
}

/// A refusal in the daemon's own words.
pub fn refusal(status: StatusCode, answer: &Value) -> anyhow::Error {
    let said = ["title", "detail", "hint"].map(|member| answer[member].as_str().unwrap_or_default());
    let mut said: Vec<&str> = said.into_iter().filter(|text| !text.is_empty()).collect();
    said.dedup();
    match said.is_empty() {
        true => anyhow!("the daemon answered {status}"),
        false => anyhow!("{} ({})", said.join("; "), status.as_u16()),
    }
}
