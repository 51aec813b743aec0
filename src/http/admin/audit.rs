//! The trail of operators' acts, as operators read it: the newest first, a page at a time.

use super::call::DaemonCall;
use crate::actors::NUMBERS;
use crate::codec::time;
use crate::domain::{AuditAct, AuditEntry, AuditTarget, Micros};
use crate::http::gate::path::Query;
use crate::http::gate::route::Answer;
use crate::http::gate::shares::ShareLane;
use crate::http::reply::Fault;
use crate::http::reply::stored::{damaged, json, unless_damaged};
use crate::http::request::page::LIMIT_MAX;
use crate::store::Reader;
use serde::Serialize;
use serde_json::Value;

/// What a query of the trail may say.
pub const AUDIT_PARAMETERS: [&str; 5] = ["partner", "act", "who", "limit", "cursor"];
const LIMIT_DEFAULT: u64 = 100;
const ROWS_AT_ONCE: usize = 200;
/// Acts that one page looks through for those that are asked for.
const LOOKED_AT_MAX: usize = 5_000;

#[derive(Serialize)]
struct ActView {
    number: u64,
    at: String,
    ended_at: Option<String>,
    who: String,
    address: Option<String>,
    act: &'static str,
    partner: Option<String>,
    target: Option<AuditTarget>,
    reason: Option<String>,
    outcome: &'static str,
    code: Option<String>,
    note: Option<String>,
}

#[derive(Serialize)]
struct TrailView {
    items: Vec<ActView>,
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<Value>,
}

impl ActView {
    fn of(number: u64, entry: AuditEntry) -> ActView {
        let at = |at: i64| time::format(Micros(at));
        ActView {
            number,
            at: at(entry.at),
            ended_at: entry.ended_at.map(at),
            who: entry.who,
            address: entry.address,
            act: entry.act.as_str(),
            partner: entry.partner,
            target: entry.target,
            reason: entry.reason,
            outcome: entry.outcome.as_str(),
            code: entry.code,
            note: entry.note,
        }
    }
}

/// Which acts are asked for: those of which all holds that is said.
struct ActFilter {
    partner: Option<String>,
    act: Option<AuditAct>,
    who: Option<String>,
}

impl ActFilter {
    fn of(query: &Query<'_>) -> Result<ActFilter, Fault> {
        let word = |name| Ok::<_, Fault>(query.one(name)?.map(|text| text.into_owned()));
        let unknown = || {
            let known = AuditAct::ALL.map(AuditAct::as_str).join(", ");
            Fault::QueryWord { name: "act", known }
        };
        let known = |wanted: &str| AuditAct::ALL.into_iter().find(|act| act.as_str() == wanted);
        let act = word("act")?.map(|wanted| known(&wanted).ok_or_else(unknown)).transpose()?;
        Ok(ActFilter { partner: word("partner")?, act, who: word("who")? })
    }

    fn holds(&self, entry: &AuditEntry) -> bool {
        let is = |wanted: &Option<String>, held: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| Some(wanted) == held)
        };
        is(&self.partner, entry.partner.as_deref())
            && is(&self.who, Some(&entry.who))
            && self.act.is_none_or(|act| act == entry.act)
    }
}

/// A page of the trail.
pub async fn trail(call: &DaemonCall<'_>) -> Answer {
    let filter = ActFilter::of(&call.query)?;
    let limit = call.query.number("limit", LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT) as usize;
    let before = call.query.one("cursor")?.map(|text| text.parse().map_err(|_| Fault::BadCursor));
    let (before, reader) = (before.transpose()?, call.app().reader.clone());
    let work = move || page(&reader, &filter, before, limit);
    Ok(json(&call.share().run(ShareLane::Pages, work).await?))
}

fn page(
    reader: &Reader,
    filter: &ActFilter,
    mut before: Option<u64>,
    limit: usize,
) -> Result<TrailView, Fault> {
    let mut view = TrailView { items: Vec::new(), next_cursor: None, damaged: Vec::new() };
    let mut looked_at = 0;
    loop {
        let rows = reader.records::<AuditEntry>(NUMBERS, before.as_ref(), true, ROWS_AT_ONCE)?;
        let is_last = rows.len() < ROWS_AT_ONCE;
        for row in rows {
            if view.items.len() == limit || looked_at == LOOKED_AT_MAX {
                view.next_cursor = before.map(|number| number.to_string());
                return Ok(view);
            }
            before = Some(row.key);
            looked_at += 1;
            match unless_damaged(row.value) {
                Some(entry) if filter.holds(&entry) => view.items.push(ActView::of(row.key, entry)),
                Some(_) => {}
                None => view.damaged.push(damaged("number", row.key)),
            }
        }
        if is_last {
            return Ok(view);
        }
    }
}
