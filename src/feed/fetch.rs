//! One fetch from end to end: address, credentials, redirects, status, body.

use super::address::{self, Allowance, host};
use super::auth::{self, Presented, Secrets, TlsFiles, Token, TokenAsk, Tokens};
use super::body::{self, Encoding};
use super::client::{ClientWish, Clients, Lookup, SystemLookup};
use super::error::of_answer;
use super::freshness;
use super::spool::Spool;
use super::validators::{self, StandsStill, names_version, text, validator};
use super::{FetchError, FetchRequest, Fetched, Spooled, retry_after};
use crate::codec::time::parse_http_date;
use crate::config::FeedSettings;
use crate::domain::Micros;
use crate::rules::feed::validators::is_settled;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, ETAG, HeaderMap,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION, RETRY_AFTER, TRANSFER_ENCODING,
};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;

/// Most feeds leave it at that: their client is made at start, where a failure is seen at once.
const CONNECT_TIMEOUT_USUAL: Duration = Duration::from_secs(5);
const REDIRECTS_MAX: usize = 3;
const ACCEPTED_TYPES: &str = "application/json, application/x-ndjson;q=0.9, */*;q=0.1";

/// Fetches feeds; shared by all partners.
pub struct Fetcher {
    clients: Clients,
    tokens: Tokens,
}

impl Fetcher {
    /// Fails where no HTTP client can be set up.
    pub fn new() -> Result<Fetcher, FetchError> {
        Fetcher::with_lookup(Arc::new(SystemLookup))
    }

    /// Resolves names by `lookup` instead of the system.
    pub fn with_lookup(lookup: Arc<dyn Lookup>) -> Result<Fetcher, FetchError> {
        let clients = Clients::new(lookup);
        let usual = Url::parse("https://feeds.example/").ok();
        let hop = usual.and_then(|url| address::check(&url, Allowance::NONE).ok());
        if let Some(hop) = hop {
            let (connect_timeout, tls) = (CONNECT_TIMEOUT_USUAL, &TlsFiles::default());
            clients.get(&ClientWish { hop, connect_timeout, tls, is_own_origin: true })?;
        }
        Ok(Fetcher { clients, tokens: Tokens::default() })
    }

    /// Gives the whole body, or that it has not changed, or why there is none; within the feed's
    /// `whole_timeout`. Dropping the future ends the fetch and removes what was spooled.
    pub async fn fetch(&self, request: FetchRequest<'_>) -> Result<Fetched, FetchError> {
        in_time(request.feed.whole_timeout, self.run(request)).await
    }

    /// F1: whether a body that was received is still the server's, as far as its validators tell: they
    /// were those of the file when it began to be sent. What HEAD does not tell a conditional GET may:
    /// its body, if there is one, is not received.
    pub async fn stands_still(&self, request: FetchRequest<'_>, received: &Spooled) -> StandsStill {
        let (etag, last_modified) = (received.etag.as_deref(), received.last_modified.as_deref());
        if (etag.is_none() && last_modified.is_none()) || !received.is_settled {
            return StandsStill::Untold;
        }
        let request = FetchRequest { etag, last_modified, ..request };
        for method in [Method::HEAD, Method::GET] {
            let Ok(Answer { head, .. }) = self.look(method, &request).await else { continue };
            let told = match head.status() {
                StatusCode::NOT_MODIFIED => Some(true),
                StatusCode::OK => names_version(head.headers(), received),
                _ => None,
            };
            match told {
                Some(true) => return StandsStill::Yes,
                Some(false) => return StandsStill::No,
                None => {}
            }
        }
        StandsStill::Untold
    }

    /// A11: whether the server holds what it once gave the request's validators for to be what it sends
    /// now.
    pub async fn believes_unmodified(&self, request: FetchRequest<'_>) -> bool {
        let looked = self.look(Method::HEAD, &request).await;
        is_conditional(&request)
            && looked.is_ok_and(|answer| answer.head.status() == StatusCode::NOT_MODIFIED)
    }

    /// The head of an answer, within the time for one.
    async fn look(&self, method: Method, request: &FetchRequest<'_>) -> Result<Answer, FetchError> {
        let feed = request.feed;
        let secrets = Secrets::of(feed).await?;
        let (url, _) = address::parse(&feed.url, Allowance::of(feed))?;
        in_time(feed.whole_timeout, self.follow(method, request, url, &secrets)).await
    }

    async fn run(&self, request: FetchRequest<'_>) -> Result<Fetched, FetchError> {
        let secrets = Secrets::of(request.feed).await?;
        let (url, _) = address::parse(&request.feed.url, Allowance::of(request.feed))?;
        let answer = self.follow(Method::GET, &request, url, &secrets).await?;
        match answer.head.status() {
            StatusCode::OK => receive(answer.head, &request).await.map(Fetched::Body),
            StatusCode::NOT_MODIFIED if is_conditional(&request) => Ok(Fetched::NotModified),
            _ => Err(answer.refusal(&request)),
        }
    }

    /// Asks at `url` with a token where the feed needs one: one that the server takes no more is asked
    /// for again, once.
    pub(super) async fn follow(
        &self,
        method: Method,
        request: &FetchRequest<'_>,
        first: Url,
        secrets: &Secrets,
    ) -> Result<Answer, FetchError> {
        let Some(ask) = secrets.ask() else {
            return self.hops(method, request, first, secrets, secrets.presented()).await;
        };
        let held = self.tokens.get(ask);
        let is_held = held.is_some();
        let token = match held {
            Some(token) => token,
            None => self.new_token(request, ask).await?,
        };
        let bearer = Presented::Bearer(token);
        let answer = self.hops(method.clone(), request, first.clone(), secrets, &bearer).await?;
        let is_taken = answer.head.status() != StatusCode::UNAUTHORIZED || answer.credentials_dropped;
        if is_taken || !is_held {
            return Ok(answer);
        }
        let bearer = Presented::Bearer(self.new_token(request, ask).await?);
        self.hops(method, request, first, secrets, &bearer).await
    }

    /// Asks at `url`, and follows redirects, each checked as the feed's own URL was. Another origin than
    /// that of the first is shown neither credentials nor the client's certificate.
    async fn hops(
        &self,
        method: Method,
        request: &FetchRequest<'_>,
        first: Url,
        secrets: &Secrets,
        credentials: &Presented,
    ) -> Result<Answer, FetchError> {
        let allowance = Allowance::of(request.feed);
        let mut url = first.clone();
        for number in 0..=REDIRECTS_MAX {
            let hop = address::check(&url, allowance);
            let hop = hop.map_err(|error| if number > 0 { of_hop(error) } else { error })?;
            let is_own_origin = url.origin() == first.origin();
            let presented = if is_own_origin { credentials } else { &Presented::Nothing };
            let connect_timeout = request.feed.connect_timeout;
            let wish = ClientWish { hop, connect_timeout, tls: &secrets.tls, is_own_origin };
            let asking = conditions(self.clients.get(&wish)?.request(method.clone(), url.clone()), request);
            let answer = send(presented.apply(asking), &url, request.feed).await;
            let head = answer.map_err(|error| if number > 0 { of_hop(error) } else { error })?;
            if !is_redirect(head.status()) {
                let credentials_dropped = !is_own_origin && secrets.are_some();
                return Ok(Answer { head, url, credentials_dropped });
            }
            url = next_hop(&url, head.headers())?;
        }
        let detail =
            format!("more than {REDIRECTS_MAX} redirects; put the final address into the feed's url");
        Err(FetchError::new("redirect_refused", detail))
    }

    /// Asks for a token, and keeps it. Its server's address is guarded as any; it is not followed
    /// elsewhere.
    async fn new_token(
        &self,
        request: &FetchRequest<'_>,
        ask: &TokenAsk,
    ) -> Result<SecretString, FetchError> {
        let feed = request.feed;
        let (url, hop) = address::parse(&ask.client.token_url, Allowance::of(feed)).map_err(of_token)?;
        let (connect_timeout, tls) = (feed.connect_timeout, TlsFiles::roots_of(feed).await?);
        let wish = ClientWish { hop, connect_timeout, tls: &tls, is_own_origin: false };
        let asking = self.clients.get(&wish)?.post(url.clone()).header(ACCEPT, "application/json");
        let answer = send(ask.apply(asking), &url, feed).await.map_err(of_token)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = body::receive_small(answer, feed).await.map_err(of_token)?;
        if status != StatusCode::OK {
            let mut error = auth::refusal(status, &body);
            if error.code == "throttled" {
                error.retry_after = wish_of(&headers, request.now);
            }
            return Err(error);
        }
        let token = Token::read(&body)?;
        self.tokens.put(ask, &token);
        Ok(token.text)
    }
}

/// What is asked for, and what is known of it already. A file that is compressed itself is asked for
/// as it is: some servers would compress it once more.
fn conditions(asking: RequestBuilder, request: &FetchRequest<'_>) -> RequestBuilder {
    let accepted = match is_packed(&request.feed.url) {
        true => "identity",
        false => Encoding::ACCEPTED,
    };
    let mut asking = asking.header(ACCEPT, ACCEPTED_TYPES).header(ACCEPT_ENCODING, accepted);
    if let Some(etag) = request.etag {
        asking = asking.header(IF_NONE_MATCH, validators::to_send(etag).as_ref());
    }
    if let Some(date) = request.last_modified {
        asking = asking.header(IF_MODIFIED_SINCE, date);
    }
    asking
}

fn is_packed(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    [".gz", ".gzip", ".tgz", ".zst", ".br"].iter().any(|ending| path.ends_with(ending))
}

/// One request, up to the head of its answer.
async fn send(asking: RequestBuilder, url: &Url, feed: &FeedSettings) -> Result<Response, FetchError> {
    let patience = feed.fetching.first_byte_timeout;
    match tokio::time::timeout(feed.connect_timeout.saturating_add(patience), asking.send()).await {
        Ok(answer) => answer.map_err(|e| of_answer(&e, host(url), url.scheme() == "https")),
        Err(_) => {
            let detail = format!("{} gave no answer within {patience:?}", host(url));
            Err(FetchError::new("timeout", detail))
        }
    }
}

/// What failed at the server that gives tokens.
fn of_token(error: FetchError) -> FetchError {
    FetchError { detail: format!("no token from token_url: {}", error.detail), ..error }
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

fn is_conditional(request: &FetchRequest<'_>) -> bool {
    request.etag.is_some() || request.last_modified.is_some()
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads, if it may be followed there.
fn next_hop(from: &Url, headers: &HeaderMap) -> Result<Url, FetchError> {
    let refused = |detail: String| FetchError::new("redirect_refused", detail);
    let to = text(headers, &LOCATION)
        .and_then(|location| from.join(location).ok())
        .ok_or_else(|| refused(format!("{} redirects without a readable Location", host(from))))?;
    if to.scheme() != from.scheme() && to.scheme() != "https" {
        return Err(refused(format!("{} redirects from https to {}", host(from), to.scheme())));
    }
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
        error.retry_after = wish_of(headers, request.now);
    }
    error
}

/// When the server wants to be asked again.
fn wish_of(headers: &HeaderMap, now: Micros) -> Option<Duration> {
    text(headers, &RETRY_AFTER).and_then(|wish| retry_after::parse(wish, now))
}

async fn receive(response: Response, request: &FetchRequest<'_>) -> Result<Spooled, FetchError> {
    let headers = response.headers();
    let encoding = check_head(headers, request.feed.wire_bytes_max)?;
    let (etag, last_modified) = (validator(headers, &ETAG), validator(headers, &LAST_MODIFIED));
    let (served_as_lines, fresh_until) = (is_lines(headers), freshness::fresh_until(headers, request.now));
    // a server without a clock is measured by ours
    let sent_at = text(headers, &DATE).and_then(parse_http_date).unwrap_or(request.now);
    let mut spool = Spool::create(request.spool, request.disk_free_bytes_min).await?;
    let wire_bytes = body::receive(response, encoding, request.feed, &mut spool, 0).await?;
    let last_modified_at = last_modified.as_deref().and_then(parse_http_date);
    let is_settled = is_settled(last_modified_at, sent_at);
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
        is_settled,
        fresh_until,
        served_as_lines,
    })
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
    let said = match (lines.next(), lines.next()) {
        (None, _) => Some(Encoding::Identity),
        (Some(line), None) => Encoding::named(line.as_bytes()),
        (Some(_), Some(_)) => None,
    };
    said.ok_or_else(|| {
        let detail = "the Content-Encoding is none of gzip, zstd and br, or names more than one";
        FetchError::new("bad_encoding", detail)
    })
}
