//! Pushes that Standard Webhooks prove, over the real daemon.

mod calls;
mod flips;
mod libraries;
mod verbs;

use crate::support::house::{House, partner};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use sha2::Sha256;
use std::sync::Arc;
use tidegate::clock::Clock;
use tidegate::codec::signature::WebhookKey;
use tidegate::config::{PartnerSettings, SigningKey, Validity};
use tidegate::domain::Micros;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OTHER_SECRET: &str = "whsec_D2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// What holds for ever.
fn shared(secret: &str) -> SigningKey {
    timed(secret, Validity::default())
}

fn timed(secret: &str, validity: Validity) -> SigningKey {
    SigningKey { key: Arc::new(WebhookKey::shared(secret).unwrap()), validity }
}

fn public(text: &str) -> SigningKey {
    SigningKey { key: Arc::new(WebhookKey::public(text).unwrap()), validity: Validity::default() }
}

/// A partner whose calls are signed with these; its bearer key holds too.
fn signer(name: &str, signing: Vec<SigningKey>) -> PartnerSettings {
    PartnerSettings { signing, ..partner(name) }
}

async fn house(clock: Clock) -> House {
    House::start(vec![signer("acme", vec![shared(SECRET)]), partner("plain")], clock).await
}

/// The list of one signature, made without any code of the daemon.
fn signature(secret: &str, id: &str, at: &str, body: &[u8]) -> String {
    let secret = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&secret).unwrap();
    let mac = mac.chain_update(format!("{id}.{at}.")).chain_update(body).finalize();
    format!("v1,{}", STANDARD.encode(mac.into_bytes()))
}

fn seconds(clock: &Clock) -> i64 {
    clock.now().0.div_euclid(Micros::SECOND)
}

/// A call as it goes out: what a test does not say is right.
struct Signed<'a> {
    house: &'a House,
    method: Method,
    path: String,
    id: String,
    at: String,
    body: String,
    list: Option<String>,
    more: Vec<(&'static str, String)>,
}

impl<'a> Signed<'a> {
    fn new(house: &'a House, path: &str, body: &Value) -> Signed<'a> {
        Signed {
            house,
            method: Method::POST,
            path: path.to_owned(),
            id: "msg_1".into(),
            at: seconds(&house.clock).to_string(),
            body: body.to_string(),
            list: None,
            more: Vec::new(),
        }
    }

    fn method(self, method: Method) -> Self {
        Signed { method, ..self }
    }

    fn id(self, id: &str) -> Self {
        Signed { id: id.into(), ..self }
    }

    fn at(self, at: impl ToString) -> Self {
        Signed { at: at.to_string(), ..self }
    }

    /// Signed so, whatever else is said.
    fn list(self, list: impl Into<String>) -> Self {
        Signed { list: Some(list.into()), ..self }
    }

    fn by(self, secret: &str) -> Self {
        let list = signature(secret, &self.id, &self.at, self.body.as_bytes());
        self.list(list)
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.more.push((name, value.into()));
        self
    }

    fn request(self) -> RequestBuilder {
        let list = self.list.unwrap_or_else(|| signature(SECRET, &self.id, &self.at, self.body.as_bytes()));
        let url = format!("http://{}{}", self.house.daemon().address(), self.path);
        let request = self.house.client.request(self.method, url).header("content-type", "application/json");
        let request = request.header("webhook-id", self.id).header("webhook-timestamp", self.at);
        let request = request.header("webhook-signature", list).body(self.body);
        self.more.into_iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    async fn send(self) -> (StatusCode, Value) {
        crate::support::house::answer(self.request()).await
    }
}

/// An answer without what differs from call to call.
fn plain(mut said: Value) -> Value {
    said.as_object_mut().map(|said| said.remove("request_id"));
    said
}
