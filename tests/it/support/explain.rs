//! What `explain` says, read; and times around where the clock stands in its tests.

use crate::support::house::{House, wait_for};
use serde_json::Value;
use tidegate::codec::time;
use tidegate::domain::Micros;

/// 2026-03-01T12:00:00Z, where the manual clock stands at first.
pub const NOON: Micros = Micros(1_772_366_400 * Micros::SECOND);

/// A time so many seconds from then, as partners write it.
pub fn at(seconds: i64) -> String {
    time::format(NOON.plus(seconds * Micros::SECOND))
}

/// What is said of one member.
pub fn member<'a>(told: &'a Value, name: &str) -> &'a Value {
    let mut members = told["members"].as_array().expect("members").iter();
    members.find(|member| member["name"] == name).unwrap_or(&Value::Null)
}

/// Asks for the second run until it is there: the first may not have quite ended.
pub async fn fetch_again(house: &House) {
    wait_for("the second run", async || {
        house.fetch_now("acme");
        house.runs("acme").await.iter().any(|report| report["run"] == 2).then_some(())
    })
    .await;
}
