//! Rows of the quarantine released, as they are or with a mended text, and dropped by what they have in
//! common.

use super::quarantine::key_of;
use crate::actors::{Admission, Mending, PartnerEntry, PushEffect};
use crate::codec::json;
use crate::codec::render::ReplyStyle;
use crate::codec::request::{BodyError, Shape};
use crate::codec::time;
use crate::domain::{QuarantineRow, TimeFormat};
use crate::http::app::App;
use crate::http::gate::limit::Rate;
use crate::http::gate::path::Query;
use crate::http::gate::route::Answer;
use crate::http::pulse::Pulse;
use crate::http::reply::stored::unless_damaged;
use crate::http::reply::{self, Body, Fault, view};
use crate::http::request::call::Call;
use crate::http::request::intake::{self, Accept, Charge};
use crate::http::request::unpack;
use hyper::body::{Body as _, Incoming};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use std::sync::Arc;

/// What the query of a drop may say: which rows, and how many at most.
pub const DROP_PARAMETERS: [&str; 6] = ["kind", "code", "id", "before", "limit", "dry_run"];
/// Rows read at once, and dropped in one commit.
const SLICE_ROWS: usize = 100;

/// The partner releases a row of its own with a mended text, as it could push that.
pub async fn release_own(call: &Call<'_>, mut body: Incoming) -> Answer {
    let partner = call.writer()?;
    let app = call.app();
    app.may_order(partner)?;
    let bytes_max = app.settings.load().server.body_bytes_max;
    let announced = intake::announced(&call.head.headers, Accept::Object, bytes_max)?;
    let permit = Admission::admit(&app.admission, &partner.admission.load(), announced.bytes)?;
    call.meter.take_first(Rate::AssetWrites)?;
    let charge = Charge { meter: call.meter, rate: Rate::AssetWrites, announced };
    let bytes = intake::collect_charged(&mut body, bytes_max, charge, &call.client.pulse).await?;
    call.covers(&bytes)?;
    let (bytes, _permit) = unpack::plain(call, (announced.coding, Rate::AssetWrites), bytes, permit).await?;
    let Some(text) = text_of(&bytes)? else {
        let detail = "send the mended text; only an operator releases a row as it is";
        return Err(bad("empty_body", detail));
    };
    let mending = Mending { text: Some(text), by_operator: false };
    release(app, partner, call.route.id.unwrap_or_default(), mending).await
}

/// The text that an operator has decided in a row's place; `None` where the body holds none.
pub async fn mended_text(
    app: &App,
    (head, mut body): (&Parts, Incoming),
    pulse: &Pulse,
) -> Result<Option<String>, Fault> {
    if body.is_end_stream() {
        return Ok(None);
    }
    let bytes_max = app.settings.load().server.body_bytes_max;
    intake::announced_plain(&head.headers, Accept::Object, bytes_max)?;
    text_of(&intake::collect(&mut body, bytes_max, pulse).await?)
}

/// An operator releases a row as it is, or with that text.
pub async fn release_for(app: &App, partner: &PartnerEntry, row: &str, text: Option<String>) -> Answer {
    release(app, partner, row, Mending { text, by_operator: true }).await
}

/// Decides a row again. Answers with the item as the push would have been; 422 where it is refused
/// still.
async fn release(app: &App, partner: &PartnerEntry, row: &str, mending: Mending) -> Answer {
    let release = partner.release(key_of(row)?, mending).await?;
    let refused = release.item.outcome.is_refused();
    let status = match refused {
        _ if release.item.is_damaged() => StatusCode::INTERNAL_SERVER_ERROR,
        true => StatusCode::UNPROCESSABLE_ENTITY,
        false => StatusCode::OK,
    };
    let (items, durable) = (vec![release.item], release.durable);
    let effect = PushEffect { items, first: durable, durable, missing: Vec::new() };
    let ids = [release.id.as_str().into()];
    let style = ReplyStyle::default();
    let item = view::push_reply(app.reader.journal(), Shape::Single, &ids, (&effect, false, &[]), style);
    let mut out = format!("{{\"released\":{},\"item\":", !refused).into_bytes();
    out.extend_from_slice(&item);
    out.push(b'}');
    Ok(reply::json(status, out))
}

/// `None` where there is none.
fn text_of(bytes: &[u8]) -> Result<Option<String>, Fault> {
    let text = json::utf8(bytes).map_err(|error| bad(error.code, error.detail))?.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn bad(code: &'static str, detail: impl Into<String>) -> Fault {
    Fault::Body(BodyError { code, detail: detail.into(), offset: None, status_hint: 400 })
}

/// Which rows are meant: those of which all holds that is said.
#[derive(Debug, Default)]
struct RowFilter {
    kind: Option<String>,
    code: Option<String>,
    id: Option<String>,
    before: Option<i64>,
}

impl RowFilter {
    /// Errs where nothing is said: all rows are dropped by a `before` of now.
    fn of(query: &Query<'_>) -> Result<RowFilter, Fault> {
        let word = |name| Ok::<_, Fault>(query.one(name)?.map(|text| text.into_owned()));
        let before = match query.one("before")? {
            Some(text) => {
                let unread = |error: time::TimeError| Fault::BadTime { name: "before", hint: error.hint };
                Some(time::parse(&text, TimeFormat::Rfc3339).map_err(unread)?.0)
            }
            None => None,
        };
        let filter = RowFilter { kind: word("kind")?, code: word("code")?, id: word("id")?, before };
        let RowFilter { kind, code, id, before } = &filter;
        if kind.is_none() && code.is_none() && id.is_none() && before.is_none() {
            return Err(Fault::query("code", "or `kind`, `id` or `before` must say which rows"));
        }
        if kind.as_deref().is_some_and(|kind| !KINDS.contains(&kind)) {
            return Err(Fault::QueryWord { name: "kind", known: KINDS.join(", ") });
        }
        Ok(filter)
    }

    fn holds(&self, row: &QuarantineRow) -> bool {
        let is = |wanted: &Option<String>, held: &str| wanted.as_deref().is_none_or(|wanted| wanted == held);
        is(&self.kind, row.kind.as_str())
            && is(&self.code, &row.code)
            && is(&self.id, row.id.as_deref().unwrap_or_default())
            && self.before.is_none_or(|before| row.received_at < before)
    }
}

/// The words of all kinds of rows.
const KINDS: [&str; 11] = [
    "put",
    "post",
    "patch",
    "delete",
    "price",
    "asset_price",
    "withdrawal",
    "event",
    "hook",
    "feed_record",
    "snapshot",
];

/// The partner throws away rows of its own.
pub async fn drop_own(call: &Call<'_>) -> Answer {
    let partner = call.writer()?;
    call.app().may_order(partner)?;
    Ok(drop_by(call.app(), partner, &call.query, async || Ok(())).await?.0)
}

/// Throws away the rows that the query means, slice by slice, and answers how many those were; under
/// `dry_run` only counts them. `begin` is called before anything is dropped.
pub async fn drop_by(
    app: &Arc<App>,
    partner: &Arc<PartnerEntry>,
    query: &Query<'_>,
    begin: impl AsyncFnOnce() -> Result<(), Fault>,
) -> Result<(Response<Body>, u64), Fault> {
    let filter = Arc::new(RowFilter::of(query)?);
    let limit = query.number("limit", u64::MAX)?.unwrap_or(u64::MAX);
    let is_tried = match query.one("dry_run")?.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Fault::query("dry_run", "is `true` or `false`")),
    };
    if !is_tried {
        begin().await?;
    }
    let (mut before, mut dropped, mut is_last) = (None, 0, false);
    while !is_last && dropped < limit {
        let (reader, no, filter) = (app.reader.clone(), partner.no, Arc::clone(&filter));
        let read = move || reader.records::<QuarantineRow>(no, before.as_ref(), true, SLICE_ROWS);
        let rows = partner.beside(read).await??;
        is_last = rows.len() < SLICE_ROWS;
        before = rows.last().map(|row| row.key).or(before);
        let mut keys = Vec::new();
        for row in rows {
            // a damaged row says nothing of itself: it is dropped by its number
            if unless_damaged(row.value).is_some_and(|found| filter.holds(&found)) {
                keys.push(row.key);
            }
        }
        keys.truncate(usize::try_from(limit - dropped).unwrap_or(usize::MAX));
        dropped += match is_tried {
            true => keys.len() as u64,
            false if keys.is_empty() => 0,
            false => partner.drop_rows(keys).await?,
        };
    }
    let said = match is_tried {
        true => serde_json::json!({ "matching": dropped }),
        false => serde_json::json!({ "dropped": dropped, "complete": is_last }),
    };
    Ok((reply::json(StatusCode::OK, said.to_string()), dropped))
}
