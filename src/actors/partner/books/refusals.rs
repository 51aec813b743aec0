//! RefusedItem writes and records as rows of the quarantine: why, when, and in what words.

use crate::actors::push::PushBody;
use crate::codec::json;
use crate::codec::mapping::Above;
use crate::codec::request::again::{self, SpokenFor, Texts};
use crate::codec::time;
use crate::domain::{
    AssetId, HookItem, ItemOutcome, Market, Micros, Origin, Outcome, QuarantineRow, Quote, QuoteName,
    RefusedKind, RefusedOrigin, RowAbove, Rule, RunId, ValueAbove, Write,
};
use std::fmt::Write as _;

/// What is noted of a refused item while its batch is being decided.
pub struct RefusedItem {
    place: usize,
    /// Of the write, where it could be decoded.
    known: Option<(AssetId, Option<QuoteName>, Micros)>,
}

impl RefusedItem {
    pub fn unreadable(place: usize) -> RefusedItem {
        RefusedItem { place, known: None }
    }

    /// `None` where nothing was refused.
    pub fn of(place: usize, write: &Write, at: Micros, item: &ItemOutcome) -> Option<RefusedItem> {
        let quote = match write {
            Write::Price(price) => Some(price.quote),
            Write::Asset(_) => None,
        };
        item.outcome.is_refused().then(|| RefusedItem { place, known: Some((write.id().clone(), quote, at)) })
    }
}

/// The batch that refused items came in.
pub struct Batch<'a> {
    pub body: &'a PushBody,
    pub received_at: Micros,
    pub origin: Origin,
    /// All of it was refused with a 422.
    pub rejected: bool,
}

/// The rows of a push's refused items, their texts found in its body.
pub fn rows_of_push(
    batch: &Batch<'_>,
    refused: Vec<RefusedItem>,
    items: &[ItemOutcome],
) -> Vec<QuarantineRow> {
    let texts = again::texts(&batch.body.bytes, batch.body.form);
    refused.into_iter().map(|refused| row_of_item(batch, &texts, &items[refused.place], refused)).collect()
}

fn row_of_item(
    batch: &Batch<'_>,
    texts: &Texts<'_>,
    item: &ItemOutcome,
    refused: RefusedItem,
) -> QuarantineRow {
    let text = texts.at(refused.place);
    let hook = batch.body.hook.as_deref();
    let (id, quote, at) = match refused.known {
        Some((id, quote, at)) => (Some(id.as_str().to_owned()), quote, at),
        None => {
            let id = match hook {
                Some(hook) => hook.ids.get(refused.place).map(|id| String::from(id.as_str())),
                None => text.map(|(_, text)| String::from(again::id_of(text))),
            };
            let id = id.filter(|id| !id.is_empty());
            let id = id.or_else(|| batch.body.id.as_ref().map(|id| id.as_str().to_owned()));
            let (kind, item) = (batch.body.form.kind, text.map_or("", |(_, text)| text));
            let own = again::time_of(item, kind);
            let quote = match again::spoken_for(item, kind, batch.body.quote) {
                SpokenFor::Price(quote) => Some(quote),
                _ => None,
            };
            (id, quote, own.or(texts.timestamp).unwrap_or(batch.received_at))
        }
    };
    let row = row_of(batch.body.form.kind, item, origin_of(batch.origin), batch.received_at);
    let row = QuarantineRow {
        rejected: row.rejected || batch.rejected,
        id,
        quote: quote.map(|name| name.as_str().to_owned()),
        offset: text.map(|(offset, _)| offset as u64),
        at: Some(at.0),
        hook: hook.map(|hook| HookItem {
            name: hook.name.clone(),
            headers: hook.headers.clone(),
            place: refused.place as u64,
        }),
        ..row
    };
    row.with_raw(text.map_or("", |(_, text)| text))
}

fn origin_of(origin: Origin) -> RefusedOrigin {
    match origin {
        Origin::Feed { run, record } => RefusedOrigin::Feed { run, record: u64::from(record) },
        Origin::Plan { run, .. } => RefusedOrigin::Feed { run, record: u64::from(u32::MAX) },
        Origin::Push { delivery } => RefusedOrigin::Push { delivery },
        Origin::Admin { .. } => RefusedOrigin::Push { delivery: 0 },
    }
}

/// A feed's record that the rules refused.
pub struct RefusedRecord<'a> {
    pub id: &'a AssetId,
    pub offset: u64,
    pub text: &'a str,
    /// The name that it stands under.
    pub key: Option<&'a str>,
    /// What stands above it.
    pub above: Option<&'a Above>,
    pub snapshot: Micros,
    pub received_at: Micros,
    pub origin: Origin,
}

/// `None` where the record was not refused.
pub fn row_of_record(record: &RefusedRecord<'_>, item: &ItemOutcome) -> Option<QuarantineRow> {
    if !item.outcome.is_refused() {
        return None;
    }
    let row = row_of(RefusedKind::FeedRecord, item, origin_of(record.origin), record.received_at);
    let row = QuarantineRow {
        rejected: false,
        id: Some(record.id.as_str().to_owned()),
        offset: Some(record.offset),
        key: record.key.map(str::to_owned),
        above: record.above.and_then(row_above),
        at: Some(record.snapshot.0),
        ..row
    };
    Some(row.with_raw(record.text))
}

/// What stood above a record, as a row keeps it; `None` where it is too much.
pub fn row_above(above: &Above) -> Option<RowAbove> {
    let values = above.values.iter();
    let bytes: usize = above.keys.iter().chain(above.values.values()).map(|text| text.len()).sum();
    (bytes <= QuarantineRow::RAW_BYTES_MAX).then(|| RowAbove {
        keys: above.keys.iter().map(|key| key.to_string()).collect(),
        values: values
            .map(|((up, at), raw)| ValueAbove {
                up: *up,
                at: at.0.iter().map(|part| part.to_string()).collect(),
                raw: raw.to_string(),
            })
            .collect(),
    })
}

/// X4: a file as a whole that is older than what has been forgotten.
pub fn row_of_snapshot(
    run: RunId,
    code: &'static str,
    snapshot: Micros,
    received_at: Micros,
) -> QuarantineRow {
    let hint = "the file's time is at or before the history that is kept; nothing of it was applied";
    let item = ItemOutcome::noted(Outcome::Quarantined, Rule::X4, code, hint);
    let origin = RefusedOrigin::Feed { run: run.0, record: 0 };
    let row = row_of(RefusedKind::Snapshot, &item, origin, received_at);
    QuarantineRow { at: Some(snapshot.0), ..row }
}

/// The row with what is wrong with it by today's settings.
pub fn with_reason(row: QuarantineRow, item: &ItemOutcome) -> QuarantineRow {
    let reason = row_of(row.kind, item, row.origin, Micros(row.received_at));
    let QuarantineRow { code, rule, hint, pointer, .. } = reason;
    QuarantineRow { code, rule, hint, pointer, ..row }
}

/// A row that says why; what it is about and its text are to be filled in.
pub fn row_of(
    kind: RefusedKind,
    item: &ItemOutcome,
    origin: RefusedOrigin,
    received_at: Micros,
) -> QuarantineRow {
    let note = item.note.as_deref();
    QuarantineRow {
        rejected: item.outcome == Outcome::Rejected,
        code: note.map_or_else(String::new, |note| note.code.to_string()),
        rule: item.rule.as_str().to_owned(),
        hint: note.map_or_else(String::new, |note| note.hint.clone()),
        pointer: note.map_or_else(String::new, |note| note.pointer.clone()),
        received_at: received_at.0,
        ..QuarantineRow::of(kind, origin)
    }
}

/// A price that waits no longer, as a row whose text says it as a push would.
pub fn row_of_parked(id: &AssetId, quote: &Quote, code: &'static str) -> QuarantineRow {
    let hint = match code {
        "parked_overflow" => {
            "more prices waited for unknown assets than parked_max allows; push the assets first"
        }
        _ => "the asset did not come within 24 h of its price; push the asset, then release the price",
    };
    let kind = if quote.is_withdrawn() { RefusedKind::Withdrawal } else { RefusedKind::Price };
    let item = ItemOutcome::noted(Outcome::Quarantined, Rule::P3, code, hint);
    let row = QuarantineRow {
        id: Some(id.as_str().to_owned()),
        quote: Some(quote.name.as_str().to_owned()),
        at: Some(time_of(quote).0),
        ..row_of(kind, &item, RefusedOrigin::Parked, quote.received_at)
    };
    row.with_raw(&text_of(id, quote))
}

fn time_of(quote: &Quote) -> Micros {
    match &quote.undated {
        Some(undated) if !quote.stamp.happened() => undated.snapshot,
        _ => quote.stamp.at,
    }
}

/// The price as a push would say it; empty for a withdrawal, which has no text.
fn text_of(id: &AssetId, quote: &Quote) -> String {
    let undated = quote.undated.as_ref().filter(|_| !quote.stamp.happened());
    let Some(amount) = quote.amount.or(undated.map(|undated| undated.amount)) else {
        return String::new();
    };
    let mut text = format!(
        "{{\"id\":{},\"amount\":\"{amount}\",\"currency\":\"{}\",\"quote\":\"{}\"",
        json::quoted(id.as_str()),
        quote.currency.as_str(),
        quote.name.as_str(),
    );
    // a time that nobody has said is the row's alone
    if !quote.by_arrival {
        let _ = write!(text, ",\"as_of\":\"{}\"", time::format(time_of(quote)));
    }
    let extra = quote.extra.as_deref();
    let market = match quote.market {
        Market::Unsaid => None,
        Market::Open => Some("open"),
        Market::Closed => Some("closed"),
    };
    let kind = extra.and_then(|extra| extra.kind.as_deref());
    let per = extra.and_then(|extra| extra.per.as_deref());
    for (name, word) in [("kind", kind), ("per", per), ("market", market)] {
        if let Some(word) = word {
            let _ = write!(text, ",\"{name}\":{}", json::quoted(word));
        }
    }
    if quote.stamp.sequence() > 0 {
        let _ = write!(text, ",\"sequence\":{}", quote.stamp.sequence());
    }
    text.push('}');
    text
}
