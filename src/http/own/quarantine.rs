//! The quarantine over HTTP. A partner sees its rows and its parked prices, may drop a row, and release
//! one with a mended text; releasing a row as it is is the operator's.

use super::waiting::{closes_when, waits_for};
use crate::actors::{ParkedPlace, ParkedPrice, PartnerEntry, RowError};
use crate::codec::render::short_hash;
use crate::codec::time;
use crate::domain::{Micros, Outcome, QuarantineRow, QuoteName, RefusedKind, RefusedOrigin, Slot};
use crate::http::app::App;
use crate::http::gate::path::Query;
use crate::http::gate::shares::Share;
use crate::http::reply::stored::{damaged, json, rendered, unless_damaged};
use crate::http::reply::{self, Body, Fault};
use crate::http::request::call::Call;
use crate::http::request::page::LIMIT_MAX;
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

const LIMIT_DEFAULT: u64 = 100;
/// What a query of a list may say.
pub const PARAMETERS: [&str; 3] = ["kind", "limit", "cursor"];
/// Rows read at once: with their texts some megabytes at most.
const BATCH_ROWS: usize = 100;

/// A row as it is shown.
#[derive(Serialize)]
pub(super) struct RowView {
    row: u64,
    kind: RefusedKind,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quote: Option<String>,
    code: String,
    rule: String,
    hint: String,
    pointer: String,
    /// Whose turn it is, in a word, and what is to be done.
    waits_for: &'static str,
    to_do: &'static str,
    /// What takes it out by itself.
    closes_when: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    received_at: String,
    /// The source time that a release will use.
    at: Option<String>,
    origin: OriginView,
    raw_bytes: u64,
    cut: bool,
    /// Only where one row is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
}

#[derive(Serialize)]
struct ParkedView {
    id: String,
    quote: String,
    /// `null` for a withdrawal that waits.
    amount: Option<String>,
    currency: String,
    as_of: Option<String>,
    asset: &'static str,
    parked_at: String,
    /// `null` for those of an absent asset, which show again with it.
    expires_at: Option<String>,
}

/// Who sent it, in the words of `explain`.
#[derive(Serialize)]
struct OriginView {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<u64>,
}

impl OriginView {
    fn of(origin: RefusedOrigin) -> OriginView {
        let of_kind = |kind| OriginView { kind, delivery_hash: None, run: None, record: None };
        match origin {
            RefusedOrigin::Push { delivery: 0 } => of_kind("push"),
            RefusedOrigin::Push { delivery } => {
                OriginView { delivery_hash: Some(short_hash(delivery)), ..of_kind("push") }
            }
            RefusedOrigin::Feed { run, record } => {
                OriginView { run: Some(run), record: Some(record), ..of_kind("feed") }
            }
            RefusedOrigin::Parked => of_kind("parked"),
        }
    }
}

#[derive(Serialize)]
struct Page<T> {
    items: Vec<T>,
    /// Rows that are damaged: they can be dropped, and not released.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<Value>,
    next_cursor: Option<String>,
}

impl RowView {
    pub(super) fn of(key: u64, row: QuarantineRow, with_raw: bool) -> RowView {
        let cut = row.is_cut();
        let (next, closes_when) = (waits_for(&row), closes_when(&row));
        let outcome = if row.rejected { Outcome::Rejected } else { Outcome::Quarantined };
        RowView {
            row: key,
            kind: row.kind,
            outcome: outcome.as_str(),
            id: row.id,
            quote: row.quote,
            code: row.code,
            rule: row.rule,
            hint: row.hint,
            pointer: row.pointer,
            waits_for: next.word,
            to_do: next.sentence,
            closes_when,
            offset: row.offset,
            received_at: time::format(Micros(row.received_at)),
            at: row.at.and_then(|at| time::format_known(Micros(at))),
            origin: OriginView::of(row.origin),
            raw_bytes: row.raw_bytes,
            cut,
            raw: with_raw.then_some(row.raw),
        }
    }
}

impl From<&ParkedPrice> for ParkedView {
    fn from(parked: &ParkedPrice) -> ParkedView {
        let quote = &parked.quote;
        let amount = match &quote.undated {
            Some(undated) if !quote.stamp.happened() => Some(undated.amount),
            _ => quote.amount,
        };
        ParkedView {
            id: parked.id.as_str().to_owned(),
            quote: quote.name.as_str().to_owned(),
            amount: amount.map(|amount| amount.to_string()),
            currency: quote.currency.as_str().to_owned(),
            as_of: quote.stamp.happened().then(|| time::format(quote.stamp.at)),
            asset: parked.waits_for.as_str(),
            parked_at: time::format(parked.since),
            expires_at: parked.expires_at.map(time::format),
        }
    }
}

/// A page of refused rows, or of parked prices.
pub async fn list(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    page(call.app(), &call.share(), call.partner()?, &call.query).await
}

/// One row with its text.
pub fn show(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    show_row(call.partner()?, call.route.id.unwrap_or_default())
}

/// The partner throws away what it does not want to mend.
pub async fn drop_own(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    let partner = call.writer()?;
    call.app().may_order(partner)?;
    drop_row(partner, call.route.id.unwrap_or_default()).await
}

/// A page of what `?kind=` names. Errs at a cursor that is none of this kind.
pub async fn page(
    app: &Arc<App>,
    share: &Share,
    partner: &Arc<PartnerEntry>,
    query: &Query<'_>,
) -> Result<Response<Body>, Fault> {
    let limit = query.number("limit", LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT) as usize;
    let cursor = query.one("cursor")?;
    match query.one("kind")?.as_deref() {
        None | Some("refused") => {
            let before = cursor.map(|text| text.parse().map_err(|_| Fault::BadCursor)).transpose()?;
            refused(app, share, partner, before, limit).await
        }
        Some("parked") => {
            let after = cursor.map(|text| place_of(&text).ok_or(Fault::BadCursor)).transpose()?;
            parked(partner, after, limit).await
        }
        Some(_) => Err(Fault::query("kind", "is `refused` or `parked`")),
    }
}

/// Rows from the newest.
async fn refused(
    app: &Arc<App>,
    share: &Share,
    partner: &Arc<PartnerEntry>,
    before: Option<u64>,
    limit: usize,
) -> Result<Response<Body>, Fault> {
    let (reader, no) = (app.reader.clone(), partner.no);
    let page = share.page(move || {
        let (mut items, mut lost) = (Vec::<RowView>::new(), Vec::new());
        let mut before = before;
        while items.len() + lost.len() < limit {
            let wanted = BATCH_ROWS.min(limit - items.len() - lost.len());
            let rows = reader.records::<QuarantineRow>(no, before.as_ref(), true, wanted)?;
            let is_last = rows.len() < wanted;
            for row in rows {
                before = Some(row.key);
                match unless_damaged(row.value) {
                    Some(found) => items.push(RowView::of(row.key, found, false)),
                    None => lost.push(damaged("row", row.key)),
                }
            }
            if is_last {
                break;
            }
        }
        let is_full = items.len() + lost.len() == limit;
        let next_cursor = before.filter(|_| is_full).map(|last| last.to_string());
        Ok(rendered(&Page { items, damaged: lost, next_cursor }))
    });
    Ok(reply::json(StatusCode::OK, page.await?))
}

/// Parked prices from the one that has waited longest.
async fn parked(
    partner: &Arc<PartnerEntry>,
    after: Option<ParkedPlace>,
    limit: usize,
) -> Result<Response<Body>, Fault> {
    let parked = partner.parked(after, limit).await?;
    let next_cursor = parked.last().filter(|_| parked.len() == limit).map(|last| {
        let (since, slot, quote) = last.place;
        format!("{}.{}.{}", since.0, slot.0, quote.as_str())
    });
    let items = parked.iter().map(ParkedView::from).collect();
    Ok(json(&Page { items, damaged: Vec::new(), next_cursor }))
}

fn place_of(text: &str) -> Option<ParkedPlace> {
    let mut parts = text.splitn(3, '.');
    let since = Micros(parts.next()?.parse().ok()?);
    let slot = Slot(parts.next()?.parse().ok()?);
    Some((since, slot, QuoteName::new(parts.next()?).ok()?))
}

/// One row with its text; 404 where there is none.
pub fn show_row(partner: &PartnerEntry, row: &str) -> Result<Response<Body>, Fault> {
    let key = key_of(row)?;
    Ok(json(&RowView::of(key, partner.quarantine_row(key)?, true)))
}

/// Throws the row away, and answers once that is durable.
pub async fn drop_row(partner: &PartnerEntry, row: &str) -> Result<Response<Body>, Fault> {
    partner.drop_row(key_of(row)?).await?;
    Ok(reply::json(StatusCode::OK, &b"{\"dropped\":true}"[..]))
}

/// The number of a row; 404 where it is none.
pub fn key_of(row: &str) -> Result<u64, Fault> {
    row.parse().map_err(|_| Fault::NoSuchRow)
}

impl From<RowError> for Fault {
    fn from(error: RowError) -> Fault {
        match error {
            RowError::Missing => Fault::NoSuchRow,
            RowError::ReleaseRefused(why) => Fault::CannotRelease(why),
            RowError::Read(error) => error.into(),
            RowError::Unavailable => Fault::OutcomeUnknown,
        }
    }
}
