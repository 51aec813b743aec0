//! The one error of this floor, and how the transport's errors become it.
//!
//! `detail` is read by partners and operators: it says what to do, and never holds a secret, a
//! query or a user name. Of an address only the host is named.

use std::error::Error;
use std::io;
use std::time::Duration;

/// The code of a document that changed between two of its pages.
pub(super) const PAGES_CHANGED: &str = "pages_changed";

/// Why a fetch gave no body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct FetchError {
    /// Stable, a label of the run and of metrics.
    pub code: &'static str,
    /// What happened and what to do; never a secret.
    pub detail: String,
    /// When the server asked to be left alone, within 1 s and 24 h.
    pub retry_after: Option<Duration>,
}

impl FetchError {
    pub(super) fn new(code: &'static str, detail: impl Into<String>) -> FetchError {
        FetchError { code, detail: detail.into(), retry_after: None }
    }

    /// F1: two fetches in a row were of a file that was being written.
    pub fn changed_while_fetched() -> FetchError {
        let advice = "write the file beside its place and rename it when it is whole";
        let detail =
            format!("the file changed while it was sent, twice in a row; nothing was used; {advice}");
        FetchError::new("changed_while_fetched", detail)
    }

    /// F1: so many ids stood on two pages with records that differ, twice in a row.
    pub fn pages_moved(ids: u64) -> FetchError {
        let detail = format!(
            "{ids} ids stand on two pages and say something else on each, twice in a row: the list moves while \
             it is read; nothing was used; ask for an order that stands still, such as by id or by time of \
             creation, or say which one counts: repeated = \"first\" or \"last\" in the mapping"
        );
        FetchError::new(PAGES_CHANGED, detail)
    }

    /// F1: pages of two versions of the document were fetched, which may be whole when it is fetched again.
    pub fn is_change(&self) -> bool {
        matches!(self.code, PAGES_CHANGED | "count_mismatch")
    }

    /// The server is slow, and so many others are already waited for.
    pub fn crowded(slow_max: usize) -> FetchError {
        let detail =
            format!("the server is slow, and {slow_max} slow fetches of others are under way already");
        FetchError::new("too_slow", detail)
    }

    /// The body cannot be kept on the disk.
    pub fn spool(error: &io::Error) -> FetchError {
        let advice = "check the space and the permissions of the spool directory";
        FetchError::new("spool_failed", format!("the body could not be written: {error}; {advice}"))
    }
}

/// A name that stands, also among others, for an address that is not allowed.
#[derive(Debug, thiserror::Error)]
#[error("address not allowed")]
pub(super) struct Blocked;

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unresolved(pub String);

/// What failed before the answer's head was complete.
pub(super) fn of_answer(error: &reqwest::Error, host: &str, https: bool) -> FetchError {
    if let Some(Blocked) = cause::<Blocked>(error) {
        return blocked(host);
    }
    if let Some(unresolved) = cause::<Unresolved>(error) {
        let advice = "check the host in the feed's url, and this machine's resolver";
        return FetchError::new("dns_error", format!("{host} does not resolve: {unresolved}; {advice}"));
    }
    if error.is_timeout() {
        let detail = format!("no connection to {host} in time; check that its server can be reached");
        return FetchError::new("timeout", detail);
    }
    if error.is_connect() {
        return of_connection(error, host, https);
    }
    if was_cut(error) {
        let detail = format!("{host} closed the connection before its answer was complete");
        return FetchError::new("truncated", detail);
    }
    FetchError::new("bad_response", format!("{host} does not answer in sound HTTP: {}", deepest(error)))
}

/// Refused for its address. The text is the same whatever listens there.
pub(super) fn blocked(host: &str) -> FetchError {
    let detail = format!(
        "{host} stands for an address that feeds may not be fetched from; \
         use a public one, or set allow_private for a feed inside your own network"
    );
    FetchError::new("ssrf_blocked", detail)
}

/// The system names its own failures; what fails above an open connection is the handshake.
fn of_connection(error: &reqwest::Error, host: &str, https: bool) -> FetchError {
    let by_system = cause::<io::Error>(error).is_some_and(|e| e.raw_os_error().is_some());
    if https && !by_system {
        let advice = "the server's certificate must be valid for this host and signed by a known authority";
        return FetchError::new("tls_error", format!("no TLS with {host}: {}; {advice}", deepest(error)));
    }
    let detail = format!("no connection to {host}: {}; check that its server is up", deepest(error));
    FetchError::new("connect_error", detail)
}

/// What failed while the body came.
pub(super) fn of_body(error: &reqwest::Error) -> FetchError {
    use io::ErrorKind::{InvalidData, InvalidInput};
    let kind = cause::<io::Error>(error).map(io::Error::kind);
    if matches!(kind, Some(InvalidData | InvalidInput)) {
        return FetchError::new("bad_response", format!("the body is not sound HTTP: {}", deepest(error)));
    }
    let detail = "the connection ended before the body was complete; nothing of it was used";
    FetchError::new("truncated", detail)
}

/// The HTTP client keeps its error types to itself, so that an early close is known by its words
/// only; a test holds them.
fn was_cut(error: &reqwest::Error) -> bool {
    cause::<io::Error>(error).is_some() || deepest(error).contains("closed before message completed")
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&e| e.source())
}

fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|e| e.downcast_ref::<E>())
}

/// The innermost cause: the outer ones repeat it, or name the URL.
fn deepest(error: &reqwest::Error) -> String {
    match chain(error).skip(1).last() {
        Some(inner) => inner.to_string(),
        None => "the request could not be made".into(),
    }
}
