//! The partners' side of HTTP: a delivery is sent until it has a final answer.

use crate::clock::{self, Mark};
use crate::demo::report::tally::{CallAnswer, PushTally};
use crate::demo::text;
use crate::demo::truth::asset::Price;
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// One attempt, answer included. Longer than the daemon waits for a commit.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// Between attempts where the daemon is not there: it may be starting again.
const UNREACHED_WAIT: Duration = Duration::from_millis(250);
/// Where an answer asks for a later attempt without saying when.
const SHED_WAIT: Duration = Duration::from_millis(500);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);
/// Attempts of one read.
const READ_ATTEMPTS: usize = 30;
/// How much of a refusal is kept.
const REFUSAL_CHARS: usize = 300;

/// One request of a partner, the same at each attempt.
#[derive(Clone, Debug)]
pub struct PushDelivery {
    pub method: Method,
    /// Path and query.
    pub path: String,
    pub content_type: &'static str,
    pub body: Bytes,
    pub items: u64,
    /// Prices that it tells by themselves.
    pub prices: Arc<[(String, Price)]>,
}

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("{path}: no answer: {cause}")]
    Unreached { path: String, cause: reqwest::Error },
    #[error("{path}: answered {status}")]
    Status { path: String, status: StatusCode },
    #[error("{path}: the answer is not what it should be: {what}")]
    Shape { path: String, what: &'static str },
}

#[derive(Clone)]
pub struct ApiClient {
    http: reqwest::Client,
    base_url: String,
}

impl ApiClient {
    pub fn new() -> Result<ApiClient, reqwest::Error> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ATTEMPT_TIMEOUT)
            .tcp_nodelay(true)
            .build()?;
        Ok(ApiClient { http, base_url: String::new() })
    }

    /// The same client, speaking to the daemon at `base_url`.
    pub fn to(&self, base_url: &str) -> ApiClient {
        ApiClient { http: self.http.clone(), base_url: base_url.trim_end_matches('/').to_string() }
    }

    /// Sends until there is a final answer, and says whether all of it can be seen from then on:
    /// a repeat of a price that waits for its asset is a duplicate, and waits too. The caller bounds
    /// the time by dropping this.
    pub async fn deliver(&self, key: &str, delivery: &PushDelivery, tally: &PushTally) -> bool {
        loop {
            let sent = Mark::now();
            let wait = match self.attempt(key, delivery).await {
                Ok(Attempt::Final(answer)) => {
                    let updated = answer.outcomes.get("updated").copied().unwrap_or_default();
                    let shows = updated == answer.items;
                    tally.answered(answer, sent.elapsed());
                    return shows;
                }
                Ok(Attempt::Later(wait)) => {
                    tally.shed();
                    wait
                }
                Err(_) => {
                    tally.unreached();
                    UNREACHED_WAIT
                }
            };
            clock::sleep(wait).await;
        }
    }

    async fn attempt(&self, key: &str, delivery: &PushDelivery) -> Result<Attempt, reqwest::Error> {
        let request = self
            .http
            .request(delivery.method.clone(), format!("{}{}", self.base_url, delivery.path))
            .header(AUTHORIZATION, format!("Bearer {key}"))
            .header(CONTENT_TYPE, delivery.content_type)
            .body(delivery.body.clone());
        let response = request.send().await?;
        let status = response.status();
        if let Some(wait) = asks_for_later(&response) {
            return Ok(Attempt::Later(wait));
        }
        let body = response.bytes().await?;
        Ok(Attempt::Final(answer(status, &body, delivery.items)))
    }

    /// A read, tried again for a while where the daemon is busy or away.
    pub async fn get(&self, key: &str, path: &str) -> Result<(StatusCode, Bytes), ClientError> {
        let mut attempts = 1;
        loop {
            let (wait, error) = match self.get_once(key, path).await {
                Ok(Read::Answer(status, body)) => return Ok((status, body)),
                Ok(Read::Later(status, wait)) => (wait, ClientError::Status { path: path.into(), status }),
                Err(cause) => (UNREACHED_WAIT, ClientError::Unreached { path: path.into(), cause }),
            };
            if attempts == READ_ATTEMPTS {
                return Err(error);
            }
            attempts += 1;
            clock::sleep(wait).await;
        }
    }

    async fn get_once(&self, key: &str, path: &str) -> Result<Read, reqwest::Error> {
        let request = self.http.get(format!("{}{path}", self.base_url));
        let response = request.header(AUTHORIZATION, format!("Bearer {key}")).send().await?;
        let status = response.status();
        match asks_for_later(&response) {
            Some(wait) => Ok(Read::Later(status, wait)),
            None => Ok(Read::Answer(status, response.bytes().await?)),
        }
    }

    /// Asks the daemon to fetch the partner's feed now. Whether it does shows in the runs.
    pub async fn ask_for_run(&self, key: &str) {
        let request = self.http.post(format!("{}/api/feed/run", self.base_url));
        let _ = request.header(AUTHORIZATION, format!("Bearer {key}")).send().await;
    }
}

enum Attempt {
    Final(CallAnswer),
    Later(Duration),
}

enum Read {
    Answer(StatusCode, Bytes),
    Later(StatusCode, Duration),
}

/// How long to wait where the answer is not final: overload, a conflict with an earlier attempt
/// still running, or a fault of the daemon's own.
fn asks_for_later(response: &Response) -> Option<Duration> {
    let status = response.status();
    let later = status.is_server_error()
        || [StatusCode::REQUEST_TIMEOUT, StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS]
            .contains(&status);
    later.then(|| retry_after(response.headers()).unwrap_or(SHED_WAIT))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).clamp(SHED_WAIT, RETRY_AFTER_MAX))
}

/// The parts of a reply that the tally wants: a batch has counts, a single item its outcome.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Reply {
    outcome: Option<String>,
    counts: Option<BTreeMap<String, u64>>,
}

/// Outcomes that a sound delivery never has.
const REFUSALS: [&str; 3] = ["rejected", "quarantined", "held"];

fn answer(status: StatusCode, body: &[u8], items: u64) -> CallAnswer {
    let reply: Reply = serde_json::from_slice(body).unwrap_or_default();
    let outcomes = reply.counts.unwrap_or_else(|| {
        let by_status = match status {
            StatusCode::NOT_FOUND => "not_found",
            StatusCode::GONE => "gone",
            _ if status.is_success() => "unnamed",
            _ => "rejected",
        };
        BTreeMap::from([(reply.outcome.unwrap_or_else(|| by_status.into()), items)])
    });
    let refused = REFUSALS.iter().any(|name| outcomes.get(*name).is_some_and(|&count| count > 0));
    let refusal = refused.then(|| {
        let said = String::from_utf8_lossy(body);
        format!("{status}: {}", said.chars().take(REFUSAL_CHARS).collect::<String>())
    });
    CallAnswer { items, outcomes, refusal }
}

/// The members of an answer that should be an object.
pub fn object(
    path: &str,
    body: &[u8],
) -> Result<BTreeMap<String, Box<serde_json::value::RawValue>>, ClientError> {
    let shape = |what| ClientError::Shape { path: path.into(), what };
    let body = std::str::from_utf8(body).map_err(|_| shape("not UTF-8"))?;
    text::members(body).ok_or_else(|| shape("not an object"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(of: CallAnswer) -> Vec<(String, u64)> {
        of.outcomes.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    #[test]
    fn replies_of_batches_and_singles_are_counted() {
        let batch = br#"{"counts":{"updated":7,"duplicate":1,"rejected":0},"items":[]}"#;
        let of = answer(StatusCode::OK, batch, 8);
        assert!(of.refusal.is_none());
        assert_eq!(outcomes(of), [("duplicate".into(), 1), ("updated".into(), 7)]);
        let single = br#"{"id":"a","applied":false,"outcome":"superseded","rule":"P1"}"#;
        assert_eq!(outcomes(answer(StatusCode::OK, single, 1)), [("superseded".into(), 1)]);
        let gone = answer(StatusCode::GONE, b"{\"title\":\"gone\"}", 1);
        assert!(gone.refusal.is_none());
        assert_eq!(outcomes(gone), [("gone".into(), 1)]);
    }

    #[test]
    fn a_refusal_is_kept_with_its_words() {
        let of = answer(StatusCode::UNPROCESSABLE_ENTITY, b"{\"code\":\"time_format\"}", 1);
        assert!(of.refusal.unwrap().contains("time_format"));
        let batch = br#"{"counts":{"updated":7,"rejected":1}}"#;
        assert!(answer(StatusCode::OK, batch, 8).refusal.is_some());
    }

    #[test]
    fn a_wait_asked_for_is_kept_within_bounds() {
        let wait = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(wait("2"), Some(Duration::from_secs(2)));
        assert_eq!(wait("0"), Some(SHED_WAIT));
        assert_eq!(wait("86400"), Some(RETRY_AFTER_MAX));
        assert_eq!(wait("soon"), None);
    }
}
