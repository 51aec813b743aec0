//! A partner's feed as the partner sees it: its state, its runs, and a run now.

use crate::actors::{PartnerEntry, RunProgress};
use crate::codec::time;
use crate::domain::{FeedState, Micros, RecordFault, RunCounts, RunId, RunReport, RunStatus, RunTimings};
use crate::http::gate::limit::Rate;
use crate::http::gate::path::Query;
use crate::http::gate::shares::Share;
use crate::http::reply::stored::{damaged, json, rendered, unless_damaged};
use crate::http::reply::{self, Body, Fault};
use crate::http::request::call::Call;
use crate::http::request::page::LIMIT_MAX;
use crate::rules::feed::verdict::push_loss_rate;
use crate::rules::policy::FeedKind;
use crate::store::Reader;
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

const RUNS_DEFAULT: u64 = 20;
/// Reports read at once, each with some faults of its file; and what a page holds of them at most.
const RUNS_BATCH: usize = 20;
const RUNS_BYTES_MAX: usize = 1 << 20;

/// A feed, as its partner and operators see it.
#[derive(Serialize)]
pub struct StateView {
    every_seconds: u64,
    /// The slots at which it is fetched, where it is fetched by a wall clock …
    #[serde(skip_serializing_if = "Option::is_none")]
    cron: Option<String>,
    /// … and whose wall clock that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    /// `null` while a run is under way, while the feed is paused, and where its actor is down.
    next_fetch_at: Option<String>,
    /// Until when the newest document is fresh, by its `valid_until` or its server's `max-age`: a hint,
    /// which moves no fetch.
    #[serde(skip_serializing_if = "Option::is_none")]
    fresh_until: Option<String>,
    /// An operator has stopped its schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<PausedView>,
    /// The run that is under way, and how far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<RunningView>,
    /// What its records are, where they are not assets (F8).
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// Without user, password and query, which may be secrets.
    url: String,
    /// When a run last ended well.
    pub last_success_at: Option<String>,
    last_snapshot_at: Option<String>,
    /// Runs that have failed since then.
    pub failures_in_row: u32,
    /// The newest run that has ended; `None` also where its report is damaged.
    pub last_run: Option<RunView>,
    /// That run where its report is damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<Value>,
    /// What the last applied run found (F9); `null` for a partner that pushes nothing.
    push_loss: Option<PushLoss>,
}

#[derive(Serialize)]
struct PausedView {
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A run that is under way, as somebody sees it who looks.
#[derive(Serialize)]
struct RunningView {
    run: u64,
    started_at: String,
    /// `waiting`, `fetching`, `reading`, `applying` or `finishing`.
    phase: &'static str,
    records: u64,
    records_total: Option<u64>,
    bytes: u64,
    bytes_total: Option<u64>,
    /// Of the phase; `null` where nobody can say.
    share: Option<f64>,
    seconds: f64,
    /// To the end of the run, by this phase and by what the last run took for those that follow.
    seconds_left: Option<f64>,
}

impl RunningView {
    fn of(progress: &RunProgress) -> RunningView {
        let seen = progress.look();
        let rounded = |value: f64| (value * 1_000.0).round() / 1_000.0;
        RunningView {
            run: progress.run.0,
            started_at: time::format(progress.started_at),
            phase: seen.phase.as_str(),
            records: seen.records,
            records_total: seen.records_total,
            bytes: seen.bytes,
            bytes_total: seen.bytes_total,
            share: seen.share.map(rounded),
            seconds: rounded(seen.seconds),
            seconds_left: seen.seconds_left.map(rounded),
        }
    }
}

#[derive(Serialize)]
struct PushLoss {
    ratio: f64,
    missed: u64,
    pushes: u64,
}

impl PushLoss {
    fn of(missed: u64, pushes: u64, pushes_at_all: bool) -> Option<PushLoss> {
        push_loss_rate(missed, pushes, pushes_at_all).map(|ratio| PushLoss { ratio, missed, pushes })
    }
}

/// A run that has ended.
#[derive(Serialize)]
pub struct RunView {
    run: u64,
    /// How it ended.
    pub status: RunStatus,
    /// F3: records, and prices of records, that were kept aside; said beside the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantined: Option<u64>,
    /// Why, where it was not applied whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    started_at: String,
    /// When it ended.
    pub finished_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot_at: Option<String>,
    dated: bool,
    body_bytes: u64,
    /// As it came over the wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    wire_bytes: Option<u64>,
    /// How long each of its phases took.
    #[serde(skip_serializing_if = "Option::is_none")]
    timings: Option<RunTimings>,
    /// What became of its records.
    pub counts: RunCounts,
    /// F9, of an applied run.
    #[serde(skip_serializing_if = "Option::is_none")]
    push_loss: Option<PushLoss>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<RecordFault>,
}

#[derive(Serialize)]
struct RunsView {
    items: Vec<RunView>,
    /// Those whose reports are damaged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<Value>,
    next_cursor: Option<String>,
}

impl From<RunReport> for RunView {
    fn from(report: RunReport) -> RunView {
        RunView {
            run: report.run.0,
            status: report.status,
            quarantined: Some(report.counts.kept_aside()).filter(|&aside| aside > 0),
            code: report.code,
            detail: report.detail,
            started_at: time::format(Micros(report.started_at)),
            finished_at: time::format(Micros(report.finished_at)),
            snapshot_at: report.snapshot_at.and_then(|at| time::format_known(Micros(at))),
            dated: report.dated,
            body_bytes: report.body_bytes,
            wire_bytes: report.wire_bytes,
            timings: report.timings,
            push_loss: PushLoss::of(report.counts.missed_push, report.counts.pushes, report.pushes_at_all),
            counts: report.counts,
            faults: report.faults,
        }
    }
}

/// The state of the partner's feed; 404 where none is configured.
pub fn state(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    let view = state_view(&call.app().reader, call.partner()?)?.ok_or(Fault::NoFeed)?;
    Ok(json(&view))
}

/// `None` where the partner has no feed.
pub fn state_view(reader: &Reader, partner: &PartnerEntry) -> Result<Option<StateView>, Fault> {
    let settings = partner.settings.load();
    let Some(feed) = &settings.feed else { return Ok(None) };
    let state: FeedState = reader.record(partner.no, &())?.unwrap_or_default();
    let newest = reader.records::<RunReport>(partner.no, None, true, 1)?.pop();
    let (newest, report) = newest.map(|row| (row.key, unless_damaged(row.value))).unzip();
    let last_run = report.flatten();
    let damaged = newest.filter(|_| last_run.is_none()).map(damaged_run);
    let at = |at: Option<i64>| at.and_then(|at| time::format_known(Micros(at)));
    Ok(Some(StateView {
        every_seconds: feed.every.as_secs(),
        cron: feed.cron.as_ref().map(|times| times.expression.clone()),
        time_zone: feed.cron.as_ref().map(|times| times.zone_name.clone()),
        next_fetch_at: at(partner.board.next_at().map(|at| at.0)),
        fresh_until: at(partner.board.fresh_until().map(|at| at.0)),
        paused: state
            .paused
            .map(|paused| PausedView { since: time::format(Micros(paused.at)), reason: paused.reason }),
        running: partner.board.run().map(|run| RunningView::of(&run)),
        kind: (settings.policy.feed_kind == FeedKind::Prices).then_some("prices"),
        url: without_secrets(&feed.url),
        last_success_at: at(state.last_success_at),
        last_snapshot_at: at(state.last_snapshot_at),
        failures_in_row: state.failures_in_row,
        last_run: last_run.map(RunView::from),
        damaged,
        push_loss: PushLoss::of(state.last_missed, state.last_pushes, state.pushes_at_all),
    }))
}

/// A page of its runs, the newest first.
pub async fn runs(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    runs_of(call.app().reader.clone(), &call.share(), call.partner()?, &call.query).await
}

/// The same of any partner.
pub async fn runs_of(
    reader: Reader,
    share: &Share,
    partner: &Arc<PartnerEntry>,
    query: &Query<'_>,
) -> Result<Response<Body>, Fault> {
    let partner = Arc::clone(partner);
    let limit = query.number("limit", LIMIT_MAX)?.unwrap_or(RUNS_DEFAULT) as usize;
    let before = query.one("cursor")?.map(|text| run_named(&text).ok_or(Fault::BadCursor)).transpose()?;
    let page = share.page(move || {
        let mut before = before;
        let (mut items, mut damaged, mut bytes) = (Vec::new(), Vec::new(), 0);
        let next_cursor = loop {
            let wanted = RUNS_BATCH.min(limit - items.len() - damaged.len());
            let rows = reader.records::<RunReport>(partner.no, before.as_ref(), true, wanted)?;
            let is_last = rows.len() < wanted;
            for row in rows {
                bytes += row.bytes;
                match unless_damaged(row.value) {
                    Some(report) => items.push(RunView::from(report)),
                    None => damaged.push(damaged_run(row.key)),
                }
                before = Some(row.key);
            }
            if is_last {
                break None;
            }
            if items.len() + damaged.len() == limit || bytes > RUNS_BYTES_MAX {
                break before.map(|last| last.0.to_string());
            }
        };
        Ok(rendered(&RunsView { items, damaged, next_cursor }))
    });
    Ok(reply::json(StatusCode::OK, page.await?))
}

/// One run by its number.
pub fn run(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    run_of(&call.app().reader, call.partner()?, call.route.id.unwrap_or_default())
}

/// The report of a run; 404 where there is none, or it is no longer kept.
pub fn run_of(reader: &Reader, partner: &PartnerEntry, run: &str) -> Result<Response<Body>, Fault> {
    let run = run_named(run).ok_or(Fault::NoSuchRun)?;
    let report: RunReport = reader.record(partner.no, &run)?.ok_or(Fault::NoSuchRun)?;
    Ok(json(&RunView::from(report)))
}

/// Asks for a fetch now; what became of it stands in the runs. Charged as a read, and taken only
/// every so often: each costs the feed's server a whole document.
pub fn run_now(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    let partner = call.writer()?;
    if call.app().health.is_draining() {
        return Err(Fault::Draining);
    }
    call.meter.take_first(Rate::Reads)?;
    if partner.settings.load().feed.is_none() {
        return Err(Fault::NoFeed);
    }
    if partner.board.is_paused() {
        return Err(Fault::FeedPaused);
    }
    call.app().may_write()?;
    partner
        .ask_for_run(call.app().clock.now())
        .map_err(|retry_after| Fault::RunAskedLately { retry_after })?;
    match partner.fetch_now() {
        true => Ok(reply::json(StatusCode::ACCEPTED, &b"{\"requested\":true}"[..])),
        false => Err(Fault::OutcomeUnknown),
    }
}

fn run_named(text: &str) -> Option<RunId> {
    text.parse().ok().map(RunId)
}

fn damaged_run(run: RunId) -> Value {
    damaged("run", run.0)
}

fn without_secrets(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (scheme, rest) = url[..end].split_once("://").unwrap_or(("", &url[..end]));
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_in_an_address_is_not_shown() {
        for (url, shown) in [
            ("https://user:pw@feeds.example/a/b.json?key=1#x", "https://feeds.example/a/b.json"),
            ("https://feeds.example", "https://feeds.example"),
            ("http://feeds.example:81/p@th", "http://feeds.example:81/p@th"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
