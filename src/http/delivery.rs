//! Delivery ids (G2) at the edge: read from the headers, with a fingerprint of what they came
//! with, and looked up before the mailbox.

use super::partner::Call;
use super::reply::Fault;
use crate::actors::{Delivery, DeliveryKey, PushReply, Repeats};
use crate::clock::sleep;
use crate::domain::{AssetId, AssetIdError};
use crate::rules::deliveries::IdHeader;
use compact_str::CompactString;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderName};
use sha2::{Digest, Sha256};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// An id is at most this long, in visible ASCII.
pub const ID_BYTES_MAX: usize = 255;
/// How long a repeat waits for the reply of the first, which is still running.
const REPEAT_WAIT: Duration = Duration::from_secs(5);

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A delivery's id, and the header that it stood in.
pub type DeliveryId = (IdHeader, CompactString);

/// What a delivery is known by before it has been looked up.
pub struct Claim {
    key: DeliveryKey,
    header: IdHeader,
    fingerprint: String,
}

/// The delivery's id: `webhook-id`, else `Idempotency-Key`, else none.
pub fn id_of(headers: &HeaderMap) -> Result<Option<DeliveryId>, Fault> {
    let webhook_id = one_line(headers, &WEBHOOK_ID, "webhook-id")?;
    let idempotency_key = one_line(headers, &IDEMPOTENCY_KEY, "idempotency-key")?;
    if let Some(text) = webhook_id {
        // a dot would shift what a signature covers
        let sound = is_plain(text) && !text.contains('.');
        let fault = "is 1 to 255 visible ASCII characters without a dot, and no `undefined` or `null`";
        let sound = sound && !is_placeholder(text);
        return if sound {
            Ok(Some((IdHeader::WebhookId, text.into())))
        } else {
            Err(bad("webhook-id", fault))
        };
    }
    let Some(text) = idempotency_key else { return Ok(None) };
    let fault = "is 1 to 255 visible ASCII characters, in quotes or without, and no `undefined` or `null`";
    let plain = unquoted(text).filter(|text| !is_placeholder(text));
    plain.map(|text| Some((IdHeader::IdempotencyKey, text))).ok_or(bad("idempotency-key", fault))
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

/// What the request says, under its id. Both spellings of a path are one route; the query belongs
/// to it, as `?atomic` and `?at` change what is asked for.
pub fn claim(call: &Call<'_>, (header, id): &DeliveryId, body: &[u8]) -> Claim {
    let route = call.route;
    let content_type = call.head.headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let mut hash = Sha256::new();
    for part in [
        route.method.as_str().as_bytes(),
        route.label.as_bytes(),
        route.id.unwrap_or_default().as_bytes(),
        call.head.uri.query().unwrap_or_default().as_bytes(),
        content_type,
    ] {
        hash.update(part);
        hash.update([0]);
    }
    hash.update(body);
    Claim { key: DeliveryKey::of(id), header: *header, fingerprint: hex(&hash.finalize()) }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a String takes all that is written");
    }
    text
}

impl Claim {
    /// Looks the delivery up: what has left the actor's memory is read here, on this task.
    pub fn look_up(self, call: &Call<'_>, ids: Arc<Vec<CompactString>>) -> Result<Delivery, Fault> {
        let Claim { key, header, fingerprint } = self;
        let stored = call.writer()?.delivery(key)?;
        Ok(Delivery { key, header, fingerprint, ids, stored, repeats: Repeats::default() })
    }
}

/// Waits for the reply; a repeat of what is still running waits for some seconds only.
pub async fn answered<E>(
    push: impl Future<Output = Result<PushReply, E>>,
    repeats: Option<Repeats>,
) -> Result<PushReply, Fault>
where
    Fault: From<E>,
{
    let Some(repeats) = repeats else { return Ok(push.await?) };
    within(REPEAT_WAIT, push, repeats).await
}

async fn within<E>(
    wait: Duration,
    push: impl Future<Output = Result<PushReply, E>>,
    repeats: Repeats,
) -> Result<PushReply, Fault>
where
    Fault: From<E>,
{
    let mut push = pin!(push);
    tokio::select! {
        done = push.as_mut() => return Ok(done?),
        () = sleep(wait) => {}
    }
    if repeats.is_set() { Err(Fault::DeliveryRunning) } else { Ok(push.await?) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::Unavailable;
    use hyper::header::HeaderValue;
    use std::future::pending;

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
    }

    #[tokio::test]
    async fn b2_a_repeat_of_what_is_still_running_is_told_so_after_a_while() {
        let repeats = Repeats::default();
        repeats.set();
        let refused = within(Duration::ZERO, pending::<Result<_, Unavailable>>(), repeats).await;
        assert!(matches!(refused, Err(Fault::DeliveryRunning)));
        let slow = async {
            sleep(Duration::from_millis(20)).await;
            Err(Unavailable)
        };
        let first = within(Duration::ZERO, slow, Repeats::default()).await;
        assert!(matches!(first, Err(Fault::OutcomeUnknown)), "the first waits for as long as it takes");
    }
}
