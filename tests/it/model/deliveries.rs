//! Deliveries that come again under their id (G2): the first reply byte for byte, and no effect; or
//! another body under the same id, which is refused.

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
    id: String,
    push: Push,
    reply: Reply,
    at: Micros,
}

impl Scenario {
    /// Sends a push; with a delivery id, it is remembered that it may come again.
    pub(super) async fn deliver(&mut self, number: usize, push: &Push) -> Value {
        let id = self.random.chance(40).then(|| {
            self.deliveries += 1;
            format!("delivery-{}", self.deliveries)
        });
        let reply = self.send(number, push, id.as_deref()).await;
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
        self.log(format!("{} repeats {}, another body: {differs}", super::name_of(number), delivered.id));
        if let Some(other) = delivered.push.with_another_body().filter(|_| differs) {
            let (status, replayed, body) = self.send(number, &other, Some(&delivered.id)).await;
            let body = String::from_utf8_lossy(&body).into_owned();
            assert_eq!((status, replayed), (StatusCode::UNPROCESSABLE_ENTITY, false), "{body}");
            return;
        }
        let (status, replayed, body) = self.send(number, &delivered.push, Some(&delivered.id)).await;
        let (first_status, _, first_body) = &delivered.reply;
        let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
        assert_eq!(text(&body), text(first_body), "{:?}", delivered.push);
        assert_eq!((status, replayed), (*first_status, true), "{:?}", delivered.push);
    }

    async fn send(&self, number: usize, push: &Push, id: Option<&str>) -> Reply {
        let mut request = push.request(&self.house, &super::name_of(number));
        if let Some(id) = id {
            request = request.header("webhook-id", id);
        }
        let response = request.send().await.expect("an answer");
        let replayed = response.headers().get("idempotent-replayed").is_some_and(|value| value == "true");
        let status = response.status();
        (status, replayed, response.bytes().await.expect("a body").to_vec())
    }
}
