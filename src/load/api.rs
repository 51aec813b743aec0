//! Calls that are not measured: creating the assets before, reading the prices after.

use super::error::{LoadError, RATE_HINT};
use crate::clock::sleep;
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const CALL_WITHIN: Duration = Duration::from_secs(60);
const WAIT_MIN: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Refusals in a row after which we give up.
const WAITS_MAX: u32 = 100;

/// A patient client of the partner's own API.
#[derive(Debug)]
pub struct Api {
    client: reqwest::Client,
    base: String,
    key: String,
    hinted: AtomicBool,
    say: fn(&str),
}

impl Api {
    pub fn new(url: &str, key: &str, say: fn(&str)) -> Result<Api, LoadError> {
        let client =
            reqwest::Client::builder().no_proxy().timeout(CALL_WITHIN).build().map_err(LoadError::Call)?;
        let base = url.trim_end_matches('/').to_owned();
        Ok(Api { client, base, key: key.to_owned(), hinted: AtomicBool::new(false), say })
    }

    pub async fn post(&self, path: &str, body: String) -> Result<Bytes, LoadError> {
        let url = format!("{}{path}", self.base);
        let body = Bytes::from(body);
        let request = || self.client.post(&url).header(CONTENT_TYPE, "application/json").body(body.clone());
        self.call(path, request).await
    }

    pub async fn get(&self, path_and_query: &str) -> Result<Bytes, LoadError> {
        let url = format!("{}{path_and_query}", self.base);
        let path = path_and_query.split('?').next().unwrap_or_default();
        self.call(path, || self.client.get(&url)).await
    }

    /// Calls again for as long as the server asks for patience.
    async fn call(&self, path: &str, request: impl Fn() -> RequestBuilder) -> Result<Bytes, LoadError> {
        let mut waits = 0;
        loop {
            let authorization = format!("Bearer {}", self.key);
            let response =
                request().header(AUTHORIZATION, authorization).send().await.map_err(LoadError::Call)?;
            let status = response.status();
            if status.is_success() {
                return response.bytes().await.map_err(LoadError::Call);
            }
            let busy = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
            if !busy || waits == WAITS_MAX {
                return Err(refusal(path, response).await);
            }
            waits += 1;
            self.hint(status);
            sleep(wait_of(&response)).await;
        }
    }

    fn hint(&self, status: StatusCode) {
        if !self.hinted.swap(true, Ordering::Relaxed) {
            (self.say)(match status {
                StatusCode::TOO_MANY_REQUESTS => RATE_HINT,
                _ => "the server is busy (503): waiting as it asks",
            });
        }
    }
}

fn wait_of(response: &Response) -> Duration {
    let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let seconds = header.and_then(|text| text.parse().ok()).unwrap_or(1);
    Duration::from_secs(seconds).clamp(WAIT_MIN, WAIT_MAX)
}

async fn refusal(path: &str, response: Response) -> LoadError {
    let status = response.status().as_u16();
    let body = response.text().await.unwrap_or_default();
    LoadError::Refused { path: path.to_owned(), status, body: body.chars().take(300).collect() }
}
