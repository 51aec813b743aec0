//! One fetch from end to end: address, credentials, redirects, status, body.

use super::address::{self, host};
use super::body::{self, Encoding};
use super::client::{Clients, Lookup, SystemLookup};
use super::credentials::Presented;
use super::error::of_answer;
use super::spool::Spool;
use super::{FetchError, FetchRequest, Fetched, Spooled, retry_after};
use crate::codec::time::parse_http_date;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION, RETRY_AFTER, TRANSFER_ENCODING,
};
use reqwest::{Method, Response, StatusCode, Url};
use std::sync::Arc;
use std::time::Duration;

/// Most feeds leave it at that: their client is made at start, where a failure is seen at once.
const CONNECT_TIMEOUT_USUAL: Duration = Duration::from_secs(5);
const REDIRECTS_MAX: usize = 3;
/// A longer validator is not worth keeping: the next fetch is unconditional.
const VALIDATOR_BYTES_MAX: usize = 1_024;
const ACCEPTED_TYPES: &str = "application/json, application/x-ndjson;q=0.9, */*;q=0.1";

/// Fetches feeds; shared by all partners.
pub struct Fetcher {
    clients: Clients,
}

impl Fetcher {
    /// Fails where no HTTP client can be set up.
    pub fn new() -> Result<Fetcher, FetchError> {
        Fetcher::with_lookup(Arc::new(SystemLookup))
    }

    /// Resolves names by `lookup` instead of the system.
    pub fn with_lookup(lookup: Arc<dyn Lookup>) -> Result<Fetcher, FetchError> {
        let clients = Clients::new(lookup);
        clients.get(false, CONNECT_TIMEOUT_USUAL)?;
        Ok(Fetcher { clients })
    }

    /// Gives the whole body, or that it has not changed, or why there is none; within the feed's
    /// `whole_timeout`. Dropping the future ends the fetch and removes what was spooled.
    pub async fn fetch(&self, request: FetchRequest<'_>) -> Result<Fetched, FetchError> {
        in_time(request.feed.whole_timeout, self.run(request)).await
    }

    /// F1: whether a body that was received is still the server's, as far as its validators tell: they
    /// were those of the file when it began to be sent. A server that cannot be asked tells nothing.
    pub async fn is_still(&self, request: FetchRequest<'_>, received: &Spooled) -> bool {
        let (etag, last_modified) = (received.etag.as_deref(), received.last_modified.as_deref());
        if etag.is_none() && last_modified.is_none() {
            return true;
        }
        let request = FetchRequest { etag, last_modified, ..request };
        let Ok(credentials) = read_credentials(&request).await else { return true };
        let Ok(url) = address::parse(&request.feed.url, request.feed.allow_private) else { return true };
        match self.follow(Method::HEAD, &request, url, &credentials).await {
            Ok(Answer { head, .. }) if head.status() == StatusCode::OK => {
                is_same_version(head.headers(), received)
            }
            _ => true,
        }
    }

    async fn run(&self, request: FetchRequest<'_>) -> Result<Fetched, FetchError> {
        let credentials = read_credentials(&request).await?;
        let url = address::parse(&request.feed.url, request.feed.allow_private)?;
        let answer = self.follow(Method::GET, &request, url, &credentials).await?;
        match answer.head.status() {
            StatusCode::OK => receive(answer.head, &request).await.map(Fetched::Body),
            StatusCode::NOT_MODIFIED if is_conditional(&request) => Ok(Fetched::NotModified),
            _ => Err(answer.refusal(&request)),
        }
    }

    /// Asks at `url`, and follows redirects, each checked as the feed's own URL was. Another origin than
    /// that of the first is not sent the credentials.
    pub(super) async fn follow(
        &self,
        method: Method,
        request: &FetchRequest<'_>,
        first: Url,
        credentials: &Presented,
    ) -> Result<Answer, FetchError> {
        let mut url = first.clone();
        for hop in 0..=REDIRECTS_MAX {
            let same_origin = url.origin() == first.origin();
            let presented = if same_origin { credentials } else { &Presented::Nothing };
            let answer = self.ask(&method, &url, request, presented).await;
            let head = answer.map_err(|error| if hop > 0 { of_hop(error) } else { error })?;
            if !is_redirect(head.status()) {
                return Ok(Answer { head, url, credentials_dropped: !same_origin && credentials.is_some() });
            }
            url = next_hop(&url, head.headers(), request.feed.allow_private)?;
        }
        let detail =
            format!("more than {REDIRECTS_MAX} redirects; put the final address into the feed's url");
        Err(FetchError::new("redirect_refused", detail))
    }

    /// One request, up to the head of its answer.
    async fn ask(
        &self,
        method: &Method,
        url: &Url,
        request: &FetchRequest<'_>,
        presented: &Presented,
    ) -> Result<Response, FetchError> {
        let feed = request.feed;
        let mut get = self
            .clients
            .get(feed.allow_private, feed.connect_timeout)?
            .request(method.clone(), url.clone())
            .header(ACCEPT, ACCEPTED_TYPES)
            .header(ACCEPT_ENCODING, "gzip");
        if let Some(etag) = request.etag {
            get = get.header(IF_NONE_MATCH, etag);
        }
        if let Some(date) = request.last_modified {
            get = get.header(IF_MODIFIED_SINCE, date);
        }
        let sent = presented.apply(get).send();
        let limit = feed.connect_timeout.saturating_add(feed.idle_timeout);
        match tokio::time::timeout(limit, sent).await {
            Ok(answer) => answer.map_err(|e| of_answer(&e, host(url), url.scheme() == "https")),
            Err(_) => {
                let detail = format!("{} gave no answer within {:?}", host(url), feed.idle_timeout);
                Err(FetchError::new("timeout", detail))
            }
        }
    }
}

/// The answer at the end of all redirects, its body still to come.
pub(super) struct Answer {
    pub head: Response,
    pub url: Url,
    /// It was asked for without the feed's credentials.
    credentials_dropped: bool,
}

impl Answer {
    /// Why an answer without a usable body fails the fetch.
    pub fn refusal(&self, request: &FetchRequest<'_>) -> FetchError {
        if self.head.status() == StatusCode::NOT_MODIFIED {
            let detail = "the server says 304 although no validator was sent; its cache is at fault";
            return FetchError::new("protocol_error", detail);
        }
        let mut error = refusal(self.head.status(), self.head.headers(), request);
        if error.code == "auth_failed" && self.credentials_dropped {
            error.detail.push_str("; a redirect led to another origin, which is not sent the credentials");
        }
        error
    }
}

/// Ends a fetch that goes on for longer than its feed allows.
pub(super) async fn in_time<T>(
    whole: Duration,
    fetch: impl Future<Output = Result<T, FetchError>>,
) -> Result<T, FetchError> {
    match tokio::time::timeout(whole, fetch).await {
        Ok(result) => result,
        Err(_) => Err(FetchError::new("timeout", format!("the fetch was not complete within {whole:?}"))),
    }
}

/// Reading a secret may touch a slow disk: it is kept off the async workers.
pub(super) async fn read_credentials(request: &FetchRequest<'_>) -> Result<Presented, FetchError> {
    let Some(credentials) = request.feed.credentials.clone() else { return Ok(Presented::Nothing) };
    let read = tokio::task::spawn_blocking(move || Presented::read(Some(&credentials))).await;
    read.unwrap_or_else(|_| Err(FetchError::new("credentials_missing", "the daemon is stopping")))
}

fn is_conditional(request: &FetchRequest<'_>) -> bool {
    request.etag.is_some() || request.last_modified.is_some()
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads, if it may be followed there.
fn next_hop(from: &Url, headers: &HeaderMap, allow_private: bool) -> Result<Url, FetchError> {
    let refused = |detail: String| FetchError::new("redirect_refused", detail);
    let to = text(headers, &LOCATION)
        .and_then(|location| from.join(location).ok())
        .ok_or_else(|| refused(format!("{} redirects without a readable Location", host(from))))?;
    if to.scheme() != from.scheme() && to.scheme() != "https" {
        return Err(refused(format!("{} redirects from https to {}", host(from), to.scheme())));
    }
    address::check(&to, allow_private).map_err(of_hop)?;
    Ok(to)
}

/// An address that a server, not the operator, has named.
fn of_hop(error: FetchError) -> FetchError {
    match error.code {
        "ssrf_blocked" => FetchError::new("redirect_refused", format!("after a redirect: {}", error.detail)),
        _ => error,
    }
}

/// What a status without a usable body means.
fn refusal(status: StatusCode, headers: &HeaderMap, request: &FetchRequest<'_>) -> FetchError {
    let (code, advice) = match status.as_u16() {
        401 | 403 => ("auth_failed", "check the feed's credentials"),
        404 => ("not_found", "check the feed's url; all assets are kept"),
        410 => ("gone", "the server says for ever; give another url or remove the feed; all assets are kept"),
        429 | 503 => ("throttled", "the server asks for fewer fetches"),
        500..=599 => ("server_error", "the fault is at the feed's server; the fetch is tried again"),
        _ => ("unexpected_status", "a feed is answered with 200 and the whole document"),
    };
    let mut error = FetchError::new(code, format!("the server answered {}: {advice}", status.as_u16()));
    if code == "throttled" {
        error.retry_after =
            text(headers, &RETRY_AFTER).and_then(|wish| retry_after::parse(wish, request.now));
    }
    error
}

async fn receive(response: Response, request: &FetchRequest<'_>) -> Result<Spooled, FetchError> {
    let headers = response.headers();
    let encoding = check_head(headers, request.feed.wire_bytes_max)?;
    let (etag, last_modified) = (validator(headers, &ETAG), validator(headers, &LAST_MODIFIED));
    let served_as_lines = is_lines(headers);
    let mut spool = Spool::create(request.spool, request.disk_free_bytes_min).await?;
    let wire_bytes = body::receive(response, encoding, request.feed, &mut spool, 0).await?;
    let last_modified_at = last_modified.as_deref().and_then(parse_http_date);
    let (path, body_bytes) = (request.spool.to_owned(), spool.written());
    let sha256 = spool.finish()?;
    Ok(Spooled {
        path,
        wire_bytes,
        body_bytes,
        sha256,
        etag,
        last_modified,
        last_modified_at,
        served_as_lines,
    })
}

/// Tags are compared as weak ones, and without what a compressing server adds: it may leave that out
/// where it sends no body. A date counts where one of the two has no tag.
fn is_same_version(headers: &HeaderMap, received: &Spooled) -> bool {
    fn core(tag: &str) -> &str {
        let tag = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
        ["-gzip", ";gzip", "--gzip"].iter().find_map(|suffix| tag.strip_suffix(suffix)).unwrap_or(tag)
    }
    match (text(headers, &ETAG), &received.etag) {
        (Some(now), Some(then)) => core(now) == core(then),
        _ => match (text(headers, &LAST_MODIFIED), &received.last_modified) {
            (Some(now), Some(then)) => now == then,
            _ => true,
        },
    }
}

/// Refuses by the head what need not be received.
pub(super) fn check_head(headers: &HeaderMap, wire_bytes_max: u64) -> Result<Encoding, FetchError> {
    if headers.contains_key(CONTENT_LENGTH) && headers.contains_key(TRANSFER_ENCODING) {
        let detail =
            "the answer has both Content-Length and Transfer-Encoding; a server or proxy is at fault";
        return Err(FetchError::new("bad_response", detail));
    }
    let declared = text(headers, &CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if declared.is_some_and(|length| length > wire_bytes_max) {
        return Err(body::too_large(wire_bytes_max));
    }
    encoding(headers)
}

/// The types that NDJSON is served as; of no other type is anything believed: scripts send JSON as
/// text/html, and a real page is known by its first byte.
pub(super) fn is_lines(headers: &HeaderMap) -> bool {
    const TYPES: [&str; 4] =
        ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"];
    let content_type = text(headers, &CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    TYPES.contains(&content_type.split(';').next().unwrap_or_default().trim())
}

/// One encoding, and one that was asked for.
fn encoding(headers: &HeaderMap) -> Result<Encoding, FetchError> {
    let mut lines = headers.get_all(CONTENT_ENCODING).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return if headers.contains_key(CONTENT_ENCODING) {
            Err(unknown_encoding())
        } else {
            Ok(Encoding::Identity)
        };
    };
    match line.as_bytes().trim_ascii().to_ascii_lowercase().as_slice() {
        b"gzip" | b"x-gzip" => Ok(Encoding::Gzip),
        b"identity" | b"" => Ok(Encoding::Identity),
        _ => Err(unknown_encoding()),
    }
}

fn unknown_encoding() -> FetchError {
    let detail = "the Content-Encoding is not gzip, the only one asked for, or names more than one";
    FetchError::new("bad_encoding", detail)
}

pub(super) fn validator(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    text(headers, name).filter(|value| (1..=VALIDATOR_BYTES_MAX).contains(&value.len())).map(str::to_owned)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
