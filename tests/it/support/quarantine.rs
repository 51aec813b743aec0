//! Rows of the quarantine over HTTP, and times around where the manual clock stands at first.

use crate::support::house::{House, answer};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tidegate::codec::time;
use tidegate::domain::Micros;

/// 2026-06-01T00:00:00Z, where the manual clock stands at first.
pub const START: Micros = Micros(1_780_272_000 * Micros::SECOND);

/// A time so many seconds from the start, as partners write it.
pub fn at(seconds: i64) -> String {
    time::format(START.plus(seconds * Micros::SECOND))
}

/// Rows of the quarantine as the partner sees them, newest first.
pub async fn rows(house: &House, name: &str) -> Vec<Value> {
    let (status, page) = house.get(name, "/api/quarantine?limit=1000").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    page["items"].as_array().expect("items").clone()
}

/// Has the operator release a row.
pub async fn release(house: &House, name: &str, row: &Value) -> (StatusCode, Value) {
    let path = format!("/admin/partners/{name}/quarantine/{}/release", row["row"]);
    answer(house.admin(Method::POST, &path)).await
}
