//! Taking in the body of a push: what its headers promise is judged, and paid for with a permit,
//! before the first byte of it is read.

use crate::codec::compression::Coding;
use crate::http::gate::limit::{Meter, Rate};
use crate::http::pulse::{Phase, Pulse};
use crate::http::reply::Fault;
use bytes::{Bytes, BytesMut};
use hyper::HeaderMap;
use hyper::body::{Body as _, Frame, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, TRANSFER_ENCODING};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

const MERGE_PATCH: &str = "application/merge-patch+json";

/// Which content types a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// JSON or NDJSON.
    Items,
    /// One JSON object.
    Object,
    /// One JSON object, also by the name that RFC 7396 gives to patches.
    Patch,
    /// One JSON value by any of its names, or nothing at all.
    Hook,
}

impl Accept {
    /// As the header `Accept` says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Accept::Items => "application/json, application/x-ndjson",
            Accept::Object | Accept::Hook => "application/json",
            Accept::Patch => "application/merge-patch+json, application/json",
        }
    }
}

/// What the headers say of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// One item a line.
    pub ndjson: bool,
    /// A patch by the name of RFC 7396: its sender expects objects to be merged.
    pub merge_patch: bool,
    /// Bytes to take a permit for: the length where it is given, else the most it may be.
    pub bytes: usize,
    /// Whether the length is given.
    pub has_length: bool,
    /// What it is compressed by.
    pub coding: Option<Coding>,
}

/// What a body's bytes are charged to.
pub struct Charge<'m> {
    /// What the call has been charged so far.
    pub meter: &'m Meter,
    /// The lane whose bytes they are.
    pub rate: Rate,
    /// What the headers say.
    pub announced: Announced,
}

/// Judges the headers of a request that has a body.
pub fn announced(headers: &HeaderMap, accept: Accept, bytes_max: usize) -> Result<Announced, Fault> {
    let coding = coding_of(headers)?;
    let is_empty = match headers.get(CONTENT_LENGTH) {
        Some(length) => length.as_bytes() == b"0",
        None => !headers.contains_key(TRANSFER_ENCODING),
    };
    let may_lack_type = accept == Accept::Hook && is_empty && !headers.contains_key(CONTENT_TYPE);
    let ndjson = if may_lack_type { Some(false) } else { is_ndjson(headers, accept) };
    let ndjson = ndjson.ok_or(Fault::MediaType { accept: accept.as_str() })?;
    let merge_patch = accept == Accept::Patch && is_merge_patch(headers);
    // hyper has refused a length that is no number, and several that differ
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    match length {
        Some(bytes) if bytes > bytes_max => Err(Fault::BodyTooLarge { bytes_max }),
        Some(bytes) => Ok(Announced { ndjson, merge_patch, bytes, has_length: true, coding }),
        None => Ok(Announced { ndjson, merge_patch, bytes: bytes_max, has_length: is_empty, coding }),
    }
}

/// The same of a body that must come as it is.
pub fn announced_plain(headers: &HeaderMap, accept: Accept, bytes_max: usize) -> Result<Announced, Fault> {
    let announced = announced(headers, accept, bytes_max)?;
    match announced.coding {
        None => Ok(announced),
        Some(_) => Err(Fault::ContentEncoding { accept: "identity" }),
    }
}

/// One coding at most, of those that we decode.
fn coding_of(headers: &HeaderMap) -> Result<Option<Coding>, Fault> {
    let mut lines = headers.get_all(CONTENT_ENCODING).iter();
    let coding = match (lines.next().map(HeaderValue::as_bytes), lines.next()) {
        (None, _) => return Ok(None),
        (Some(name), None) => name.trim_ascii(),
        (Some(_), Some(_)) => b"several",
    };
    let is = |known: &str| coding.eq_ignore_ascii_case(known.as_bytes());
    match () {
        () if is("identity") => Ok(None),
        () if is("gzip") || is("x-gzip") => Ok(Some(Coding::Gzip)),
        () if is("zstd") => Ok(Some(Coding::Zstd)),
        () => Err(Fault::ContentEncoding { accept: "gzip, zstd" }),
    }
}

fn is_merge_patch(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case(MERGE_PATCH))
}

/// `None` where the type is none of those accepted, or is missing.
fn is_ndjson(headers: &HeaderMap, accept: Accept) -> Option<bool> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (value, None) = (values.next()?.to_str().ok()?, values.next()) else { return None };
    let (kind, parameters) = value.split_once(';').unwrap_or((value, ""));
    if !parameters.split(';').all(is_utf8_or_blank) {
        return None;
    }
    let kind = kind.trim();
    let is = |name: &str| kind.eq_ignore_ascii_case(name);
    if is("application/json") {
        return Some(false);
    }
    match accept {
        Accept::Items if is("application/x-ndjson") || is("application/ndjson") => Some(true),
        Accept::Patch if is(MERGE_PATCH) => Some(false),
        Accept::Hook if is_json_by_suffix(kind) => Some(false),
        _ => None,
    }
}

/// `application/cloudevents+json` and its like (RFC 6839).
fn is_json_by_suffix(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    kind.starts_with("application/") && kind.ends_with("+json")
}

/// A charset other than UTF-8 would have us read other text than the sender wrote.
fn is_utf8_or_blank(parameter: &str) -> bool {
    let Some((name, value)) = parameter.trim().split_once('=') else { return parameter.trim().is_empty() };
    let value = value.trim_matches('"');
    !name.eq_ignore_ascii_case("charset")
        || value.eq_ignore_ascii_case("utf-8")
        || value.eq_ignore_ascii_case("utf8")
}

/// Reads the body whole, up to `bytes_max`. The pulse says when it has used up its time.
pub async fn collect(body: &mut Incoming, bytes_max: usize, pulse: &Pulse) -> Result<Bytes, Fault> {
    collect_each(body, bytes_max, pulse, |_| Ok(())).await
}

/// The same, charged: by the length that is announced before the body is read, or piece by piece as it
/// comes.
pub async fn collect_charged(
    body: &mut Incoming,
    bytes_max: usize,
    charge: Charge<'_>,
    pulse: &Pulse,
) -> Result<Bytes, Fault> {
    let Charge { meter, rate, announced } = charge;
    if announced.has_length {
        meter.take_bytes(rate, announced.bytes)?;
        return collect(body, bytes_max, pulse).await;
    }
    let mut total = 0;
    let each = |bytes| {
        total += bytes;
        meter.may_hold(rate, total)?;
        meter.take_bytes(rate, bytes)
    };
    collect_each(body, bytes_max, pulse, each).await
}

async fn collect_each(
    body: &mut Incoming,
    bytes_max: usize,
    pulse: &Pulse,
    each: impl FnMut(usize) -> Result<(), Fault>,
) -> Result<Bytes, Fault> {
    pulse.enter(Phase::Body);
    let whole = read_whole(body, bytes_max, pulse, each).await;
    pulse.enter(Phase::Work);
    if whole.is_ok() {
        pulse.body_was_read();
    }
    whole
}

async fn read_whole(
    body: &mut Incoming,
    bytes_max: usize,
    pulse: &Pulse,
    mut each: impl FnMut(usize) -> Result<(), Fault>,
) -> Result<Bytes, Fault> {
    let Some(first) = next_bytes(body, pulse).await? else { return Ok(Bytes::new()) };
    if first.len() > bytes_max {
        return Err(Fault::BodyTooLarge { bytes_max });
    }
    each(first.len())?;
    if body.is_end_stream() {
        return Ok(first); // all that most pushes need: no copy
    }
    let rest = usize::try_from(body.size_hint().exact().unwrap_or_default()).unwrap_or_default();
    let mut whole = BytesMut::with_capacity(first.len() + rest.min(bytes_max));
    whole.extend_from_slice(&first);
    while let Some(more) = next_bytes(body, pulse).await? {
        if whole.len() + more.len() > bytes_max {
            return Err(Fault::BodyTooLarge { bytes_max });
        }
        each(more.len())?;
        whole.extend_from_slice(&more);
    }
    Ok(whole.freeze())
}

/// The next piece of content; trailers are dropped.
async fn next_bytes(body: &mut Incoming, pulse: &Pulse) -> Result<Option<Bytes>, Fault> {
    loop {
        let frame = poll_fn(|cx| match Pin::new(&mut *body).poll_frame(cx) {
            Poll::Ready(frame) => Poll::Ready(Ok(frame)),
            // the connection's tick polls us again once the time is up
            Poll::Pending if pulse.is_body_overdue() => Poll::Ready(Err(Fault::BodyTooSlow)),
            Poll::Pending => Poll::Pending,
        });
        match frame.await? {
            None => return Ok(None),
            Some(Err(_)) if pulse.is_body_broken() => return Err(Fault::BodyChunks),
            Some(Err(_)) => return Err(Fault::BodyCutOff),
            Some(Ok(frame)) => {
                if let Ok(bytes) = Frame::into_data(frame) {
                    pulse.take_frame(bytes.len());
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |&(name, value): &(&str, &str)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn kind(accept: Accept, content_type: &str) -> Option<bool> {
        announced(&headers(&[("content-type", content_type)]), accept, 10).ok().map(|a| a.ndjson)
    }

    #[test]
    fn b17_only_types_that_a_route_takes_are_accepted() {
        assert_eq!(kind(Accept::Items, "application/json"), Some(false));
        assert_eq!(kind(Accept::Items, "Application/JSON; charset=UTF-8"), Some(false));
        assert_eq!(kind(Accept::Items, "application/x-ndjson"), Some(true));
        assert_eq!(kind(Accept::Object, "application/x-ndjson"), None);
        assert_eq!(kind(Accept::Patch, "application/merge-patch+json"), Some(false));
        assert_eq!(kind(Accept::Object, "application/merge-patch+json"), None);
        for bad in ["", "text/plain", "application/jsonx", "application/json; charset=latin1"] {
            assert_eq!(kind(Accept::Items, bad), None, "{bad}");
        }
    }

    #[test]
    fn b17_a_missing_or_doubled_type_is_refused() {
        let missing = announced(&HeaderMap::new(), Accept::Items, 10);
        assert!(matches!(missing, Err(Fault::MediaType { .. })));
        let json = ("content-type", "application/json");
        assert!(announced(&headers(&[json, json]), Accept::Items, 10).is_err());
    }

    #[test]
    fn b17_a_body_is_compressed_once_at_most_and_by_a_coding_that_we_decode() {
        let json = ("content-type", "application/json");
        let coding = |lines: &[&str]| {
            let lines = lines.iter().map(|line| ("content-encoding", *line));
            announced(&headers(&[&[json], &lines.collect::<Vec<_>>()[..]].concat()), Accept::Items, 10)
        };
        for (line, named) in [
            ("identity", None),
            ("gzip", Some(Coding::Gzip)),
            ("X-GZip", Some(Coding::Gzip)),
            (" zstd ", Some(Coding::Zstd)),
        ] {
            assert_eq!(coding(&[line]).unwrap().coding, named, "{line}");
        }
        for lines in
            [&["br"][..], &["deflate"], &["gzip, gzip"], &["gzip", "gzip"], &["identity, zstd"], &[""]]
        {
            let refused = coding(lines);
            assert!(matches!(refused, Err(Fault::ContentEncoding { accept: "gzip, zstd" })), "{lines:?}");
        }
        let gzip = headers(&[json, ("content-encoding", "gzip")]);
        assert!(announced_plain(&gzip, Accept::Items, 10).is_err());
    }

    #[test]
    fn b14_the_length_is_judged_and_paid_for_before_the_body() {
        let with_length = |length| {
            let headers = headers(&[("content-type", "application/json"), ("content-length", length)]);
            announced(&headers, Accept::Items, 100).map(|a| a.bytes)
        };
        assert_eq!(with_length("100").unwrap(), 100);
        assert!(matches!(with_length("101"), Err(Fault::BodyTooLarge { bytes_max: 100 })));
        let chunked = headers(&[("content-type", "application/json")]);
        assert_eq!(
            announced(&chunked, Accept::Items, 100).unwrap().bytes,
            100,
            "unknown: the most it may be"
        );
    }
}
