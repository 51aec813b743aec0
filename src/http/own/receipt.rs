//! Receipts (G2): what became of a delivery, by its id, or by the hash of it that `explain` and the
//! quarantine tell: `/api/receipts/~?hash=…`.

use crate::codec::render::short_hash;
use crate::codec::{cursor, time};
use crate::domain::{DeliveryKey, DeliveryRecord, Micros, Note, Seq};
use crate::http::gate::path;
use crate::http::reply::stored::json;
use crate::http::reply::{Body, Fault};
use crate::http::request::call::Call;
use crate::http::request::delivery_id;
use crate::rules::push::deliveries::is_expired;
use compact_str::CompactString;
use hyper::Response;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct ReceiptView {
    /// Where it was asked for by its id: only the hash of that is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<String>,
    delivery_hash: String,
    received_at: String,
    /// The time given to the first item without one (T1).
    #[serde(skip_serializing_if = "Option::is_none")]
    undated_at: Option<String>,
    /// What all of it rests on.
    cursor: String,
    items: Vec<ItemView>,
    /// What the reply asked to be sent again (G1).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    missing: BTreeMap<String, Vec<(u64, u64)>>,
}

#[derive(Serialize)]
struct ItemView {
    index: usize,
    /// Left out where items in a row came to the same: their order is that of the delivery.
    #[serde(skip_serializing_if = "String::is_empty")]
    id: String,
    applied: bool,
    outcome: &'static str,
    rule: &'static str,
    cursor: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    code: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    hint: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pointer: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    superseded: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    undated: bool,
}

/// What became of the delivery; 404 where it is not known, or no longer kept.
pub fn answer(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    let partner = call.partner()?;
    let id = path::decode(call.route.id.unwrap_or_default()).ok_or(Fault::NoSuchDelivery)?;
    let (names, found) = match call.query.one("hash")? {
        Some(hash) if id == "~" => {
            let short = u64::from_str_radix(&hash, 16).map_err(|_| Fault::NoSuchDelivery)?;
            (Names { id: None, hash: short }, partner.delivery_by_hash(short)?)
        }
        Some(_) => return Err(Fault::query("hash", "goes with the path /api/receipts/~")),
        None if delivery_id::is_plain(&id) => {
            let key = DeliveryKey::of(&id);
            (Names { id: Some(id.into_owned()), hash: key.short() }, partner.delivery(key)?)
        }
        None => return Err(Fault::NoSuchDelivery),
    };
    let now = call.app().clock.now();
    let still_kept = |record: &DeliveryRecord| !is_expired(record.received_at, record.prices_only, now);
    let (seq, record) = found.filter(|(_, record)| still_kept(record)).ok_or(Fault::NoSuchDelivery)?;
    let view = view(call.app().reader.journal_of(seq), names, seq, &record).ok_or(Fault::NoSuchDelivery)?;
    Ok(json(&view))
}

/// What a delivery is called.
struct Names {
    id: Option<String>,
    hash: u64,
}

/// `None` where the record is not one of ours.
fn view(journal: u32, names: Names, seq: Seq, record: &DeliveryRecord) -> Option<ReceiptView> {
    let first = seq.0.saturating_sub(u64::from(record.place));
    let mut ids = record.items.iter().flat_map(|run| std::iter::repeat_n(&run.id, run.count as usize));
    let items = record.outcomes()?.into_iter().enumerate().map(|(index, item)| {
        let Note { code, hint, pointer, superseded, undated } =
            item.note.map_or_else(Note::default, |note| *note);
        let rests_on = item.change.map_or(seq, |change| Seq(first + u64::from(change)));
        ItemView {
            index,
            id: ids.next().cloned().unwrap_or_default(),
            applied: item.outcome.applied(),
            outcome: item.outcome.as_str(),
            rule: item.rule.as_str(),
            cursor: cursor::encode(journal, rests_on),
            code: code.into_owned(),
            hint,
            pointer,
            superseded: superseded.into_iter().map(CompactString::into_string).collect(),
            undated,
        }
    });
    Some(ReceiptView {
        delivery: names.id,
        delivery_hash: short_hash(names.hash),
        received_at: time::format(Micros(record.received_at)),
        undated_at: record.undated_at.map(|at| time::format(Micros(at))),
        cursor: cursor::encode(journal, seq),
        items: items.collect(),
        missing: record.missing.iter().map(|(stream, ranges)| (stream.to_string(), ranges.clone())).collect(),
    })
}
