//! Deliveries (G2) at the edge: an id with a fingerprint of what it came with, looked up before the
//! mailbox.

use crate::actors::{Delivery, PushAnswer, Repeats};
use crate::clock::sleep;
use crate::domain::DeliveryKey;
use crate::http::reply::Fault;
use crate::http::request::call::{Call, Signature};
use crate::http::request::delivery_id::DeliveryId;
use crate::rules::push::deliveries::{self, IdHeader};
use compact_str::CompactString;
use hyper::header::CONTENT_TYPE;
use sha2::{Digest, Sha256};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// How long a repeat waits for the reply of the first, which is still running.
const REPEAT_WAIT: Duration = Duration::from_secs(5);

/// What a delivery is known by before it has been looked up.
pub struct Claim {
    key: DeliveryKey,
    header: IdHeader,
    fingerprint: String,
}

/// What the request says, under its id. Both spellings of a path are one route; the query belongs
/// to it, as `?atomic` and `?at` change what is asked for.
pub fn claim(call: &Call<'_>, (header, id): &DeliveryId, body: &[u8]) -> Claim {
    let route = call.route;
    let content_type = call.head.headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let mut hash = Sha256::new();
    for part in [
        route.method.as_str().as_bytes(),
        route.pattern.as_bytes(),
        route.id.or(route.hook).unwrap_or_default().as_bytes(),
        call.head.uri.query().unwrap_or_default().as_bytes(),
        content_type,
    ] {
        hash.update(part);
        hash.update([0]);
    }
    let place = matches!(call.signature, Signature::Proven).then(|| hash.clone().finalize());
    hash.update(body);
    let mut fingerprint = hex::encode(hash.finalize());
    if let Some(place) = place {
        fingerprint = deliveries::signed_fingerprint(&hex::encode(place), &fingerprint);
    }
    Claim { key: DeliveryKey::of(id), header: *header, fingerprint }
}

impl Claim {
    /// Looks the delivery up: what has left the actor's memory is read here, on this task.
    pub fn look_up(self, call: &Call<'_>, ids: Arc<Vec<CompactString>>) -> Result<Delivery, Fault> {
        let Claim { key, header, fingerprint } = self;
        let stored = match call.writer()?.delivery(key) {
            // it is decided again: D1 and P1 make that harmless
            Err(error) if error.is_damage() => None,
            read => read?,
        };
        Ok(Delivery { key, header, fingerprint, ids, stored, repeats: Repeats::default() })
    }
}

/// Waits for the reply; a repeat of what is still running waits for some seconds only.
pub async fn await_reply<E>(
    push: impl Future<Output = Result<PushAnswer, E>>,
    repeats: Option<Repeats>,
) -> Result<PushAnswer, Fault>
where
    Fault: From<E>,
{
    let Some(repeats) = repeats else { return Ok(push.await?) };
    within(REPEAT_WAIT, push, repeats).await
}

async fn within<E>(
    wait: Duration,
    push: impl Future<Output = Result<PushAnswer, E>>,
    repeats: Repeats,
) -> Result<PushAnswer, Fault>
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
    use std::future::pending;

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
