//! Calls to the admin listener of a running daemon, for the verbs that ask one.

use super::configuration::ConfigDirectory;
use crate::config;
use anyhow::{Context, anyhow, bail};
use clap::Args;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

const TOKEN_VARIABLE: &str = "TIDEGATE_ADMIN_TOKEN";
/// Beside the configuration, which holds hashes alone: for the operator of this machine, readable for him only.
const TOKEN_FILE: &str = "admin.token";
/// An approval answers when all of its deletes are durable.
const PATIENCE: Duration = Duration::from_secs(600);

/// Which daemon is asked, and with what right.
#[derive(Debug, Args)]
pub struct AdminAddress {
    /// The daemon's admin listener; without it, the one that the configuration names.
    #[arg(long = "admin", value_name = "URL")]
    url: Option<String>,
    /// The file with the operator's token; without one, the variable TIDEGATE_ADMIN_TOKEN is read, or the file
    /// admin.token beside the configuration.
    #[arg(long = "admin-token-file", value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// The same, found by a configuration where it is not said.
#[derive(Debug, Args)]
pub struct Admin {
    #[command(flatten)]
    address: AdminAddress,
    #[command(flatten)]
    config: ConfigDirectory,
}

impl Admin {
    /// For a verb that reads a configuration besides.
    pub fn of(address: AdminAddress, config: ConfigDirectory) -> Admin {
        Admin { address, config }
    }

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
        let url = self.url()?;
        let mut request = client.request(method, format!("{}{path}", url.trim_end_matches('/')));
        if let Some(token) = self.token()? {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let unreached = || format!("the daemon does not answer at {url}");
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
        let url = self.url()?;
        let mut request = client.get(format!("{}{path}", url.trim_end_matches('/')));
        if let Some(token) = self.token()? {
            request = request.bearer_auth(token);
        }
        let unreached = || format!("the daemon does not answer at {url}");
        let response = request.send().await.with_context(unreached)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let bytes = response.bytes().await.with_context(unreached)?;
        Err(refusal(status, &serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    /// The directory of the configuration.
    pub fn directory(&self) -> &Path {
        &self.config.directory
    }

    /// Where the daemon is asked.
    pub fn url(&self) -> anyhow::Result<String> {
        if let Some(url) = &self.address.url {
            return Ok(url.clone());
        }
        let listen = config::admin_listen(&self.config.directory);
        if listen.port() == 0 {
            let directory = self.config.directory.display();
            bail!("{directory} lets the system choose the port of the admin listener: say --admin URL");
        }
        Ok(format!("http://{}", reachable(listen)))
    }

    fn token(&self) -> anyhow::Result<Option<String>> {
        let read = |file: &Path| {
            let token = std::fs::read_to_string(file);
            token.map(|token| token.trim().to_owned())
        };
        if let Some(file) = &self.address.token_file {
            return Ok(Some(read(file).with_context(|| format!("cannot read {}", file.display()))?));
        }
        if let Some(token) = std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty()) {
            return Ok(Some(token));
        }
        let file = self.config.directory.join(TOKEN_FILE);
        match read(&file) {
            Ok(token) => Ok(Some(token)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }
}

/// The address to ask where the daemon listens on all of them.
pub fn reachable(listen: SocketAddr) -> SocketAddr {
    let address = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    SocketAddr::new(address, listen.port())
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
