//! The id of a request: the client's own where it sent a plain one, else one of ours. It stands in the
//! reply's header, in every problem but that of a 401, and in the log where an answer is our fault.

use crate::codec::json;
use crate::http::reply::{Body, body};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A longer one is somebody's text, not an id.
const LENGTH_MAX: usize = 128;

/// The id that a request goes by.
pub fn of(headers: &HeaderMap) -> HeaderValue {
    let mut sent = headers.get_all(&X_REQUEST_ID).iter();
    match (sent.next(), sent.next()) {
        (Some(own), None) if is_plain(own.as_bytes()) => own.clone(),
        _ => fresh(),
    }
}

/// What can stand in a log and in JSON as it is.
fn is_plain(id: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    (1..=LENGTH_MAX).contains(&id.len()) && id.iter().all(plain)
}

/// A new one, of 64 random bits: enough to find one line among many, and no secret.
pub fn fresh() -> HeaderValue {
    let mut id = [0; 16];
    hex::encode_to_slice(fastrand::u64(..).to_be_bytes(), &mut id).expect("two digits a byte");
    HeaderValue::from_bytes(&id).expect("hexadecimal digits")
}

/// Puts the id into the reply, and into the log where it is our fault.
pub async fn put(response: Response<Body>, id: HeaderValue) -> Response<Body> {
    if response.status().is_server_error() {
        tracing::warn!(
            request_id = id.to_str().unwrap_or_default(),
            status = response.status().as_u16(),
            "answered"
        );
    }
    bear(response, id).await
}

/// Puts the id into the reply.
pub async fn bear(response: Response<Body>, id: HeaderValue) -> Response<Body> {
    // all that is not let in gets one body, whatever the reason
    let is_problem = response.status() != StatusCode::UNAUTHORIZED
        && response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json");
    let mut response = if is_problem { told(response, &id).await } else { response };
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

/// The problem with its member `request_id`.
async fn told(response: Response<Body>, id: &HeaderValue) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    // it is whole and in memory, and cannot fail to come
    let text = body.collect().await.map(|whole| whole.to_bytes()).unwrap_or_default();
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, body::whole(with_id(&text, id.to_str().unwrap_or_default())))
}

fn with_id(problem: &[u8], id: &str) -> Bytes {
    let Some(open) = problem.strip_suffix(b"}") else { return Bytes::copy_from_slice(problem) };
    let mut out = Vec::with_capacity(problem.len() + id.len() + 20);
    out.extend_from_slice(open);
    out.extend_from_slice(b",\"request_id\":");
    json::quote(&mut out, id);
    out.push(b'}');
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(ids: &[&str]) -> HeaderMap {
        ids.iter().map(|id| (X_REQUEST_ID, HeaderValue::from_str(id).unwrap())).collect()
    }

    #[test]
    fn a_plain_id_is_kept_and_any_other_replaced() {
        for id in ["7f3a-01", "req_1.2:3", &"x".repeat(LENGTH_MAX)] {
            assert_eq!(of(&sent(&[id])), id);
        }
        let long = "x".repeat(LENGTH_MAX + 1);
        for ids in [&[][..], &[""], &["a b"], &["a\"b"], &[&long], &["a", "b"]] {
            let own = of(&sent(ids));
            assert!(own.len() == 16 && own.as_bytes().iter().all(u8::is_ascii_hexdigit), "{ids:?}: {own:?}");
        }
        assert_ne!(fresh(), fresh());
    }

    #[test]
    fn a_problem_bears_it_as_its_last_member() {
        assert_eq!(with_id(b"{\"code\":\"x\"}", "r1"), "{\"code\":\"x\",\"request_id\":\"r1\"}");
    }
}
