//! Hooks over the real daemon: calls of shops, of a CMS, of a payment service, in their own shapes.

mod calls;
mod presets;
mod senders;
mod trying;

use crate::support::house::{House, answer, partner};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use sha2::Sha256;
use tidegate::clock::Clock;
use tidegate::config::{KeyHash, PartnerSettings, read_partner};
use tidegate::domain::PartnerName;

const SECRET: &str = "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";

/// A daemon with one partner, `acme`, whose file ends so, and its secrets beside it.
struct Shop {
    house: House,
    _directory: tempfile::TempDir,
}

impl Shop {
    async fn with(text: &str, clock: Clock) -> Shop {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("hook.secret"), SECRET.to_owned() + "\n").unwrap();
        std::fs::write(directory.path().join("old.secret"), "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
            .unwrap();
        let house = House::start(vec![settings(directory.path(), text)], clock).await;
        Shop { house, _directory: directory }
    }

    /// With one hook by a preset.
    async fn of_preset(preset: &str, more: &str, clock: Clock) -> Shop {
        let text = format!(
            "[[hooks]]\nname = \"shop\"\npreset = \"{preset}\"\nauth = {{ secret = {{ file = \"hook.secret\" }} }}\n{more}"
        );
        Shop::with(&text, clock).await
    }

    fn url(&self, hook: &str) -> String {
        format!("http://{}/api/partners/acme/hooks/{hook}", self.house.daemon().address())
    }

    async fn call(&self, hook: &str, headers: &[(&str, &str)], body: &str) -> (StatusCode, Value) {
        let request = self.house.client.request(Method::POST, self.url(hook)).body(body.to_owned());
        let typed = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let request = if typed { request } else { request.header("content-type", "application/json") };
        answer(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
    }

    async fn asset(&self, id: &str) -> Value {
        self.house.get("acme", &format!("/api/assets/{id}")).await.1
    }

    async fn stop(self) {
        self.house.stop().await;
    }
}

fn settings(directory: &std::path::Path, text: &str) -> PartnerSettings {
    let text = format!("keys = [\"{}\"]\ncurrency = \"EUR\"\n{text}", KeyHash::of("key-of-acme"));
    let name = PartnerName::new("acme").unwrap();
    let read = read_partner(directory, &name, &text).unwrap_or_else(|faults| panic!("{faults}"));
    PartnerSettings { limits: partner("acme").limits, ..read }
}

fn hmac_base64(secret: &str, body: impl AsRef<[u8]>) -> String {
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).unwrap();
    STANDARD.encode(mac.chain_update(body.as_ref()).finalize().into_bytes())
}
