//! Deliveries that come again under their id (G2): the first reply byte for byte, and no effect; or
//! another body under the same id, which is refused under `Idempotency-Key` and decided like any
//! other under `webhook-id`.

use super::Scenario;
use super::push::Push;
use reqwest::StatusCode;
use serde_json::Value;
use tidegate::domain::Micros;

/// Deliveries of prices are remembered for an hour; the clock may have gone back by some minutes.
const REPEATED_WITHIN: i64 = 45 * 60 * Micros::SECOND;

/// What came back for a push: status, whether it says that it is a repeat, body.
pub type Reply = (StatusCode, bool, Vec<u8>);

pub struct Delivered {
    id: (&'static str, String),
    push: Push,
    reply: Reply,
    at: Micros,
}

impl Scenario {
    /// Sends a push; with a delivery id, it is remembered that it may come again.
    pub(super) async fn deliver(&mut self, number: usize, push: &Push) -> Value {
        let id = self.random.chance(40).then(|| {
            self.deliveries += 1;
            let header = ["webhook-id", "idempotency-key"][self.random.below(2)];
            (header, format!("delivery-{}", self.deliveries))
        });
        let reply = self.send(number, push, id.as_ref()).await;
        assert!(!reply.1, "it came for the first time: {push:?}");
        let body = serde_json::from_slice(&reply.2).expect("replies are JSON");
        if let Some(id) = id {
            let delivered = Delivered { id, push: push.clone(), reply, at: self.now };
            self.partners[number].delivered.push(delivered);
        }
        body
    }

    pub(super) async fn repeat_delivery(&mut self) {
        let number = self.some_partner();
        let now = self.now;
        let delivered = &mut self.partners[number].delivered;
        delivered.retain(|delivered| now.since(delivered.at) <= REPEATED_WITHIN);
        let remembered = delivered.len();
        if remembered == 0 {
            return;
        }
        let which = self.random.below(remembered);
        let differs = self.random.chance(20);
        let delivered = &self.partners[number].delivered[which];
        self.log(format!("{} repeats {:?}, another body: {differs}", super::name_of(number), delivered.id));
        if let Some(other) = delivered.push.with_another_body().filter(|_| differs) {
            return self.send_another_body(number, which, other).await;
        }
        let (status, replayed, body) = self.send(number, &delivered.push, Some(&delivered.id)).await;
        let (first_status, _, first_body) = &delivered.reply;
        let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
        assert_eq!(text(&body), text(first_body), "{:?}", delivered.push);
        assert_eq!((status, replayed), (*first_status, true), "{:?}", delivered.push);
    }

    async fn send_another_body(&mut self, number: usize, which: usize, other: Push) {
        let partner = &mut self.partners[number];
        let id = partner.delivered[which].id.clone();
        if id.0 == "webhook-id" && !other.at().is_some_and(|at| partner.tied.insert(at)) {
            // without a time of its own, or a third content of its stamp: not said how it ends
            return;
        }
        let (status, replayed, body) = self.send(number, &other, Some(&id)).await;
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(!replayed, "{text}");
        if id.0 == "idempotency-key" {
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{text}");
            return;
        }
        let reply: Value = serde_json::from_slice(&body).expect("replies are JSON");
        assert_eq!(reply["warnings"][0]["code"], "delivery_id_reused", "{reply}");
        self.expect(number, &other, &reply);
        self.assert_followed(number).await;
    }

    async fn send(&self, number: usize, push: &Push, id: Option<&(&'static str, String)>) -> Reply {
        let mut request = push.request(&self.house, &super::name_of(number));
        if let Some((header, id)) = id {
            request = request.header(*header, id);
        }
        let response = request.send().await.expect("an answer");
        let replayed = response.headers().get("idempotent-replayed").is_some_and(|value| value == "true");
        let status = response.status();
        (status, replayed, response.bytes().await.expect("a body").to_vec())
    }
}
