//! What of one run's file was kept aside, record by record: as JSON with what is wrong, or as the records
//! themselves, one a line as they came, to be mended and sent again.

use super::quarantine::RowView;
use crate::actors::PartnerEntry;
use crate::domain::{QuarantineRow, RefusedKind, RefusedOrigin, RunId, RunReport};
use crate::http::app::App;
use crate::http::gate::path::Query;
use crate::http::gate::route::Answer;
use crate::http::gate::shares::Share;
use crate::http::reply::stored::{rendered, unless_damaged};
use crate::http::reply::{self, Fault};
use crate::http::request::call::Call;
use crate::http::request::page::LIMIT_MAX;
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use serde::Serialize;
use std::collections::HashSet;
use std::sync::Arc;

/// What a query of them may say.
pub const PARAMETERS: [&str; 3] = ["format", "limit", "cursor"];
const LIMIT_DEFAULT: u64 = 100;
/// Rows read at once: with their texts some megabytes at most.
const BATCH_ROWS: usize = 100;
/// What a page holds of texts.
const PAGE_BYTES_MAX: usize = 4 << 20;

const LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson");
/// The cursor of the next page of records, which have no place for it.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("next-cursor");
/// Records of the page of which only the beginning is kept.
const LEFT_OUT: HeaderName = HeaderName::from_static("left-out");

#[derive(Serialize)]
struct Page {
    run: u64,
    items: Vec<RowView>,
    next_cursor: Option<String>,
}

/// Rows of a run, the newest first, and where the next page begins.
struct Found {
    rows: Vec<(u64, QuarantineRow)>,
    next: Option<u64>,
}

/// A page of what was kept aside of a run and is not settled yet.
pub async fn errors(call: &Call<'_>) -> Answer {
    let run = call.route.id.unwrap_or_default();
    errors_of(call.app(), &call.share(), call.partner()?, run, &call.query).await
}

/// The same of any partner's run.
pub async fn errors_of(
    app: &Arc<App>,
    share: &Share,
    partner: &Arc<PartnerEntry>,
    run: &str,
    query: &Query<'_>,
) -> Answer {
    let limit = query.number("limit", LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT) as usize;
    let before = query.one("cursor")?.map(|text| text.parse().map_err(|_| Fault::BadCursor)).transpose()?;
    let as_records = match query.one("format")?.as_deref() {
        None | Some("json") => false,
        Some("records") => true,
        Some(_) => return Err(Fault::query("format", "is `json` or `records`")),
    };
    let run = RunId(run.parse().map_err(|_| Fault::NoSuchRun)?);
    let (reader, no) = (app.reader.clone(), partner.no);
    let look = move || {
        reader.record::<RunReport>(no, &run)?.ok_or(Fault::NoSuchRun)?;
        let (mut rows, mut before, mut bytes) = (Vec::new(), before, 0);
        let next = loop {
            let batch = reader.records::<QuarantineRow>(no, before.as_ref(), true, BATCH_ROWS)?;
            let is_last = batch.len() < BATCH_ROWS;
            for row in batch {
                if rows.len() == limit || bytes > PAGE_BYTES_MAX {
                    return Ok(rendered_as(as_records, run, Found { rows, next: before }));
                }
                before = Some(row.key);
                let Some(found) = unless_damaged(row.value).filter(|row| is_of(row, run)) else { continue };
                bytes += found.raw.len();
                rows.push((row.key, found));
            }
            if is_last {
                break None;
            }
        };
        Ok(rendered_as(as_records, run, Found { rows, next }))
    };
    let (bytes, headers) = share.page_with(look).await?;
    if !as_records {
        return Ok(reply::json(StatusCode::OK, bytes));
    }
    let mut reply = reply::typed(StatusCode::OK, LINES, bytes);
    reply.headers_mut().extend(headers);
    Ok(reply)
}

fn is_of(row: &QuarantineRow, run: RunId) -> bool {
    row.kind == RefusedKind::FeedRecord
        && matches!(row.origin, RefusedOrigin::Feed { run: of, .. } if of == run.0)
}

type Rendered = (Vec<u8>, Vec<(HeaderName, HeaderValue)>);

fn rendered_as(as_records: bool, run: RunId, found: Found) -> Rendered {
    let Found { rows, next } = found;
    if as_records {
        return records(rows, next);
    }
    let items = rows.into_iter().map(|(key, row)| RowView::of(key, row, true)).collect();
    let next_cursor = next.map(|next| next.to_string());
    (rendered(&Page { run: run.0, items, next_cursor }), Vec::new())
}

/// Each record once, whatever number of its prices was kept aside.
fn records(rows: Vec<(u64, QuarantineRow)>, next: Option<u64>) -> Rendered {
    let (mut lines, mut shown, mut left_out) = (Vec::new(), HashSet::new(), 0u64);
    for (_, row) in rows {
        let RefusedOrigin::Feed { record, .. } = row.origin else { continue };
        if !shown.insert(record) {
            continue;
        }
        if row.is_cut() || row.raw.is_empty() {
            left_out += 1;
            continue;
        }
        // no string of JSON holds an end of a line as it is: those that are left stand between its parts
        lines.extend(row.raw.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
        lines.push(b'\n');
    }
    let mut headers = Vec::new();
    headers.extend(next.map(|next| (NEXT_CURSOR, HeaderValue::from(next))));
    headers.extend((left_out > 0).then(|| (LEFT_OUT, HeaderValue::from(left_out))));
    (lines, headers)
}
