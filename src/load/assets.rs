//! Creates the assets whose prices are then pushed.

use super::api::Api;
use super::error::LoadError;
use super::prices::asset_id;
use super::receipt::{Receipt, stands};
use super::report::Loaded;
use crate::clock::Mark;
use futures_util::StreamExt;
use futures_util::stream;
use std::fmt::Write;

/// Below the burst of a partner's default limit of asset writes.
const ASSETS_PER_CALL: u64 = 1000;
const CALLS_AT_ONCE: usize = 4;
/// Calls from one progress line to the next.
const PROGRESS_CALLS: u64 = 50;

/// Posts assets 0 to `count`; those that are there already stay as they are.
pub async fn load(api: &Api, count: u64, say: fn(&str)) -> Result<Loaded, LoadError> {
    let start = Mark::now();
    let calls = (0..count).step_by(ASSETS_PER_CALL as usize);
    let calls = calls.map(|first| post(api, first, (first + ASSETS_PER_CALL).min(count)));
    let mut calls = stream::iter(calls).buffer_unordered(CALLS_AT_ONCE);
    let (mut loaded, mut done) = (0, 0);
    while let Some(taken) = calls.next().await {
        loaded += taken?;
        done += 1;
        if done % PROGRESS_CALLS == 0 {
            let rate = loaded as f64 / start.elapsed().as_secs_f64();
            say(&format!("assets: {loaded} of {count} loaded, {rate:.0}/s"));
        }
    }
    Ok(Loaded { assets: loaded, seconds: start.elapsed().as_secs_f64() })
}

async fn post(api: &Api, first: u64, end: u64) -> Result<u64, LoadError> {
    let mut body = String::from("[");
    for number in first..end {
        let (id, comma) = (asset_id(number), if number == first { "" } else { "," });
        write!(
            body,
            r#"{comma}{{"id":"{id}","name":"Load asset {number}","currency":"EUR","issuer":"Issuer {}","maturity":"20{}-06-30"}}"#,
            number % 997,
            30 + number % 30,
        )
        .expect("writing to a string cannot fail");
    }
    body.push(']');
    let reply = api.post("/api/assets", body).await?;
    taken(&reply, (end - first) as usize)
}

/// All of a batch, or an error that says what became of the others.
fn taken(reply: &[u8], items: usize) -> Result<u64, LoadError> {
    let outcomes = match Receipt::of_batch(reply, items) {
        Receipt::AllUpdated => return Ok(items as u64),
        Receipt::Each(outcomes) => outcomes,
        Receipt::Counts(_) | Receipt::Unreadable => return Err(LoadError::Reply("/api/assets")),
    };
    match outcomes.iter().find(|outcome| !stands(outcome)) {
        Some(outcome) => Err(LoadError::AssetNotTaken(outcome.clone())),
        None => Ok(items as u64),
    }
}
