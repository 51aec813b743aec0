//! Delivery ids (G2) as headers name them.

use crate::codec::signature::is_webhook_id;
use crate::domain::{AssetId, AssetIdError};
use crate::http::reply::Fault;
use crate::rules::push::deliveries::IdHeader;
use compact_str::CompactString;
use hyper::HeaderMap;
use hyper::header::HeaderName;

/// An id is at most this long, in visible ASCII.
pub const ID_BYTES_MAX: usize = 255;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
/// The same, as the senders of one house spell it.
const SVIX_ID: HeaderName = HeaderName::from_static("svix-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A delivery's id, and the header that it stood in.
pub type DeliveryId = (IdHeader, CompactString);

/// The delivery's id: `webhook-id`, or the same as `svix-id`, else `Idempotency-Key`, else none.
pub fn id_of(headers: &HeaderMap) -> Result<Option<DeliveryId>, Fault> {
    let webhook_id = one_line(headers, &WEBHOOK_ID, "webhook-id")?;
    let svix_id = one_line(headers, &SVIX_ID, "svix-id")?;
    if webhook_id.is_some() && svix_id.is_some() && webhook_id != svix_id {
        return Err(bad("svix-id", "is another than `webhook-id`"));
    }
    let idempotency_key = one_line(headers, &IDEMPOTENCY_KEY, "idempotency-key")?;
    if let Some(text) = webhook_id.or(svix_id) {
        let sound = is_webhook_id(text) && !is_placeholder(text);
        return if sound { Ok(Some((IdHeader::WebhookId, text.into()))) } else { Err(bad_webhook_id()) };
    }
    let Some(text) = idempotency_key else { return Ok(None) };
    let fault = "is 1 to 255 visible ASCII characters, in quotes or without, and no `undefined` or `null`";
    let plain = unquoted(text).filter(|text| !is_placeholder(text));
    plain.map(|text| Some((IdHeader::IdempotencyKey, text))).ok_or(bad("idempotency-key", fault))
}

/// What is said of a `webhook-id` that is none.
pub fn bad_webhook_id() -> Fault {
    let fault = "is 1 to 255 visible ASCII characters without a dot, and no `undefined` or `null`";
    bad("webhook-id", fault)
}

/// What a program writes where it has no id: as a key, it would make one delivery of all.
fn is_placeholder(text: &str) -> bool {
    AssetId::named(text) == Err(AssetIdError::Placeholder)
}

fn bad(name: &'static str, fault: &'static str) -> Fault {
    Fault::BadHeader { name, fault }
}

fn one_line<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
    shown: &'static str,
) -> Result<Option<&'h str>, Fault> {
    let mut lines = headers.get_all(name).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(bad(shown, "stands in one line only"));
    }
    line.to_str().map(Some).map_err(|_| bad(shown, "is visible ASCII"))
}

/// Whether the text can be an id: 1 to 255 visible ASCII characters.
pub fn is_plain(text: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A string as structured fields write it (RFC 8941), or the same without its quotes.
fn unquoted(text: &str) -> Option<CompactString> {
    let Some(inner) = text.strip_prefix('"') else {
        return (is_plain(text) && !text.contains(['"', '\\'])).then(|| text.into());
    };
    let inner = inner.strip_suffix('"')?;
    let mut plain = CompactString::default();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.push(characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            '"' => return None,
            other => plain.push(other),
        }
    }
    is_plain(&plain).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn id(pairs: &[(&'static str, &str)]) -> Option<Option<String>> {
        let pair = |&(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        let headers: HeaderMap = pairs.iter().map(pair).collect();
        id_of(&headers).ok().map(|id| id.map(|(_, id)| id.to_string()))
    }

    #[test]
    fn g2_an_idempotency_key_is_a_string_with_or_without_its_quotes() {
        let key = |value: &str| id(&[("idempotency-key", value)]);
        for (value, read) in
            [("abc", "abc"), ("\"abc\"", "abc"), ("\"a\\\"b\\\\\"", "a\"b\\"), ("a;b=c", "a;b=c")]
        {
            assert_eq!(key(value), Some(Some(read.into())), "{value}");
        }
        for value in [
            "undefined",
            "\"null\"",
            "",
            "\"\"",
            "\"abc",
            "abc\"",
            "a b",
            "\"a b\"",
            "\"abc\";a=1",
            "\"a\\b\"",
            "a\"b",
            "\"a\"b\"",
        ] {
            assert_eq!(key(value), None, "{value}");
        }
        assert!(key(&"a".repeat(255)).is_some() && key(&"a".repeat(256)).is_none());
        assert_eq!(id(&[]), Some(None));
    }

    #[test]
    fn b12_a_webhook_id_with_a_dot_or_too_long_is_refused_and_a_good_one_goes_first() {
        assert_eq!(id(&[("webhook-id", "msg_1"), ("idempotency-key", "k")]), Some(Some("msg_1".into())));
        for value in ["undefined", "null", "msg.1", "", "msg 1", "ms\tg", &"a".repeat(2048)] {
            assert_eq!(id(&[("webhook-id", value)]), None, "{value}");
        }
        assert_eq!(id(&[("webhook-id", "a"), ("webhook-id", "a")]), None, "one line only");
        assert_eq!(id(&[("idempotency-key", "a"), ("idempotency-key", "b")]), None);
        assert_eq!(id(&[("svix-id", "msg_1"), ("webhook-id", "msg_1")]), Some(Some("msg_1".into())));
        assert_eq!(
            (id(&[("svix-id", "msg_1"), ("webhook-id", "msg_2")]), id(&[("svix-id", "a.b")])),
            (None, None)
        );
    }
}
