//! The worked examples of RULES.md, each a test named by its rule, against a running daemon: pushes
//! over HTTP, feeds fetched over HTTP, the clock moved by hand.

mod absence;
mod dating;
mod feeds;
mod guard;
mod pushes;

use crate::support::feed_server::Served;
use crate::support::house;
use crate::support::stage::Stage;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::codec::time;
use tidegate::config::PartnerSettings;
use tidegate::domain::{Micros, TimeFormat};

const PARTNER: &str = "acme";

/// A time of the examples' month: `"12 01:20"` is 01:20 on the twelfth.
pub fn at(text: &str) -> String {
    let (day, clock) = text.split_once(' ').expect("a day and a time");
    let seconds = if clock.len() == 5 { ":00" } else { "" };
    format!("2026-03-{day}T{clock}{seconds}Z")
}

impl Stage {
    async fn at(now: &str) -> Stage {
        Stage::with(now, |_| ()).await
    }

    /// The first fetch, at the start, finds nothing and changes nothing.
    async fn with(now: &str, change: impl FnOnce(&mut PartnerSettings)) -> Stage {
        let stage = Stage::open_at(micros(&at(now)), None, change).await;
        assert_eq!(stage.house.run_report(PARTNER, 1).await["status"], "failed");
        stage
    }

    fn set_clock(&self, now: &str) {
        self.house.clock.set(micros(&at(now)));
    }

    /// Publishes a file and has it fetched; gives the run's report.
    async fn publish_file(&mut self, document: &Value) -> Value {
        self.serve(Served::json(document.to_string())).await
    }

    /// A full or partial write of one asset; gives its outcome and rule.
    async fn write(&self, method: Method, id: &str, body: Value) -> (String, String) {
        let mut body = body;
        let path = match method {
            Method::POST => "/api/assets".to_owned(),
            _ => format!("/api/assets/{id}"),
        };
        body["id"] = id.into();
        let (_, reply) = house::answer(house::json(self.house.call(PARTNER, method, &path), &body)).await;
        said(&reply)
    }

    async fn put(&self, id: &str, body: Value) -> (String, String) {
        self.write(Method::PUT, id, body).await
    }

    async fn post(&self, id: &str, body: Value) -> (String, String) {
        self.write(Method::POST, id, body).await
    }

    async fn delete(&self, id: &str, when: &str) -> (String, String) {
        let (_, reply) = self.house.delete(PARTNER, &format!("/api/assets/{id}?at={}", at(when))).await;
        said(&reply)
    }

    async fn price(&self, price: Value) -> (String, String) {
        let (_, reply) = self.house.post(PARTNER, "/api/prices", &json!([price])).await;
        said(&reply["items"][0])
    }

    async fn asset(&self, id: &str) -> Value {
        let (status, body) = self.house.get(PARTNER, &format!("/api/assets/{id}")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    async fn status_of(&self, id: &str) -> u16 {
        self.house.get(PARTNER, &format!("/api/assets/{id}")).await.0.as_u16()
    }

    async fn amount(&self, id: &str) -> Option<String> {
        self.asset(id).await["price"]["amount"].as_str().map(String::from)
    }
}

fn said(item: &Value) -> (String, String) {
    let item = if item["items"].is_array() { &item["items"][0] } else { item };
    let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
    (text("outcome"), text("rule"))
}

pub fn is(outcome: &str, rule: &str) -> (String, String) {
    (outcome.to_owned(), rule.to_owned())
}

pub fn micros(text: &str) -> Micros {
    time::parse(text, TimeFormat::Rfc3339).expect("a time")
}

/// A whole file with a date of its own.
pub fn dated(when: &str, assets: Value) -> Value {
    json!({ "generated_at": at(when), "assets": assets })
}

/// A whole file without any date.
pub fn undated(assets: Value) -> Value {
    json!({ "assets": assets })
}
