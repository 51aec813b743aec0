//! Answers, compressed as their clients accept it.
//!
//! A whole answer is compressed once it is made, and charged as it was before: a read costs the same
//! however it is sent. One that cannot be held beside what its caller holds already goes out as it is. A
//! stream is compressed piece by piece, by gzip or zstd: only of these the pieces can be made without a
//! compressor that each stream would hold for as long as it lives.

use super::shares::{Share, ShareLane};
use crate::codec::compression::{Accepted, Coding, Pieces, accepted, encode};
use crate::http::reply::{Body, body};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, HeaderMap, HeaderValue, VARY};
use hyper::{Response, StatusCode};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// A smaller answer goes into one packet anyway.
pub const READ_BYTES_MIN: u64 = 1 << 10;
/// Few senders read the answers to their pushes: only large ones are worth the time.
pub const PUSH_BYTES_MIN: u64 = 32 << 10;
/// What is larger is compressed off the connection's task: it takes a millisecond and more.
const IN_PLACE_MAX: usize = 32 << 10;

/// The answer as the client would have it. One below `bytes_min` stays as it is, unless the client
/// refuses that.
pub async fn packed(
    mut answer: Response<Body>,
    request: &HeaderMap,
    bytes_min: u64,
    share: impl FnOnce() -> Arc<Share>,
) -> Response<Body> {
    let Some((coding, plain)) = choose(&mut answer, request, bytes_min).await else { return answer };
    if plain.len() <= IN_PLACE_MAX {
        let packed = encode(coding, &plain).into();
        return with_body(answer, coding, plain, packed);
    }
    let (share, whole) = (share(), plain.clone());
    let work = move || Ok(encode(coding, &whole));
    let packed = share.run(ShareLane::Pages, work).await.and_then(|packed| share.keep(packed));
    match packed {
        Ok(packed) => with_body(answer, coding, plain, packed),
        Err(_) => {
            *answer.body_mut() = body::whole(plain);
            answer
        }
    }
}

/// A page of the program itself, which is compressed once for all clients.
pub async fn packed_once(mut answer: Response<Body>, request: &HeaderMap) -> Response<Body> {
    static PACKED: LazyLock<Mutex<HashMap<(usize, Coding), Bytes>>> = LazyLock::new(Mutex::default);
    let Some((coding, plain)) = choose(&mut answer, request, READ_BYTES_MIN).await else { return answer };
    let packed = {
        // a text of the program stands in one place for ever, and there are few of them
        let mut all = PACKED.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry((plain.as_ptr() as usize, coding)).or_insert_with(|| encode(coding, &plain).into()).clone()
    };
    with_body(answer, coding, plain, packed)
}

/// What a stream to this client is compressed by; `None`: it is sent as it is. Says so in its head.
pub fn packing(answer: &mut HeaderMap, request: &HeaderMap) -> Option<Pieces> {
    vary(answer);
    let coding = asked(request, &Pieces::CODINGS).coding?;
    answer.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
    Pieces::of(coding)
}

/// The coding, and the body that it is for, which is taken out of the answer.
async fn choose(answer: &mut Response<Body>, request: &HeaderMap, bytes_min: u64) -> Option<(Coding, Bytes)> {
    let bytes = answer.body().size_hint().exact().filter(|bytes| *bytes > 0)?;
    // a problem is short, and gets its request's id behind us
    if !answer.status().is_success() || answer.status() == StatusCode::NO_CONTENT {
        return None;
    }
    vary(answer.headers_mut());
    let accepted = asked(request, &Coding::ALL);
    let coding = accepted.coding.filter(|_| bytes >= bytes_min || accepted.not_plain)?;
    let whole = std::mem::replace(answer.body_mut(), body::empty());
    // it is whole and in memory, and cannot fail to come
    Some((coding, whole.collect().await.map(|whole| whole.to_bytes()).unwrap_or_default()))
}

fn asked(request: &HeaderMap, offered: &[Coding]) -> Accepted {
    let lines = request.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    accepted(lines, offered)
}

fn with_body(mut answer: Response<Body>, coding: Coding, plain: Bytes, packed: Bytes) -> Response<Body> {
    if packed.len() >= plain.len() {
        *answer.body_mut() = body::whole(plain);
        return answer;
    }
    *answer.body_mut() = body::whole(packed);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
    if let Some(tag) = headers.get(ETAG).and_then(|tag| tag_of(tag, coding)) {
        headers.insert(ETAG, tag);
    }
    answer
}

/// Other bytes have another strong tag (RFC 9110, section 8.8.3.3).
fn tag_of(tag: &HeaderValue, coding: Coding) -> Option<HeaderValue> {
    let plain = tag.to_str().ok()?.strip_suffix('"')?;
    HeaderValue::try_from(format!("{plain}-{}\"", coding.as_str())).ok()
}

fn vary(headers: &mut HeaderMap) {
    let by_coding = HeaderValue::from_static("accept-encoding");
    let both = HeaderValue::from_static("authorization, accept-encoding");
    let value = if headers.contains_key(VARY) { both } else { by_coding };
    headers.insert(VARY, value);
}
