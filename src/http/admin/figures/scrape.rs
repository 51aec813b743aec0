//! The answer to Prometheus: what has been counted, and what is so at this moment. Partners are looked at by a
//! glance; of the store the ends of its log are read.

use super::health::PartnerHealth;
use crate::actors::{PartnerEntry, ProgressSeen, RunPhase};
use crate::clock::Mark;
use crate::domain::Micros;
use crate::http::app::App;
use crate::http::gate::route::Answer;
use crate::http::gate::shares::{ReadingParty, ShareLane};
use crate::http::reply;
use crate::rules::price::reading::PriceState;
use crate::telemetry::{DaemonSample, FeedSample, PartnerSample, RuntimeSample, logs};
use hyper::StatusCode;
use hyper::header::HeaderValue;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// The text format that Prometheus asks for.
const METRICS_TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// All metrics, for Prometheus.
pub async fn metrics(app: &Arc<App>) -> Answer {
    let runtime = runtime_of(&Handle::current());
    let share = app.shares.of(&ReadingParty::Operator);
    let app = Arc::clone(app);
    let text = share.run(ShareLane::Pages, move || Ok(gathered(&app, runtime))).await?;
    Ok(reply::typed(StatusCode::OK, METRICS_TYPE, text))
}

/// The text as of now.
pub fn gathered(app: &App, runtime: RuntimeSample) -> String {
    let (began, now) = (Mark::now(), app.clock.now());
    app.reader.damage().for_each(|(table, times)| app.metrics.damage_stands_at(table, times));
    app.metrics.log_dropped_stands_at(logs::dropped());
    let mut sampled = app.metrics.sample();
    let mut partners = [0; PartnerHealth::ALL.len()];
    for entry in app.registry.all() {
        if entry.is_purged() {
            continue;
        }
        let health = PartnerHealth::of(&entry, &entry.glance.standing(), (now, app.started_at));
        partners[health as usize] += 1;
        if health != PartnerHealth::Removed {
            sampled.partner(&entry.name, partner_of(&entry, now));
        }
    }
    let words = PartnerHealth::ALL.map(PartnerHealth::as_str);
    let daemon = daemon_of(app, words.into_iter().zip(partners).collect(), runtime);
    sampled.daemon(&DaemonSample { took: began.elapsed(), ..daemon });
    app.metrics.render(sampled)
}

fn partner_of(entry: &PartnerEntry, now: Micros) -> PartnerSample {
    let (seen, pushed) = (entry.glance.standing(), entry.glance.pushed());
    let prices = entry.glance.prices().into_iter().flatten();
    let feed = entry.settings.load().feed.as_ref().map(|feed| FeedSample {
        running: entry.board.run().map(|run| applied_share(&run.look())),
        is_paused: entry.board.is_paused(),
        interval: feed.every,
        lag: lag_of(entry, now),
        failures_in_row: seen.failures_in_row,
        last_success_at: seen.last_success_at,
        push_loss: seen.push_loss,
    });
    PartnerSample {
        is_up: entry.why_down().is_none(),
        living: seen.living,
        gone: seen.gone,
        prices: PriceState::ALL.iter().map(|state| state.as_str()).zip(prices).collect(),
        quarantined: seen.quarantined,
        parked: seen.parked,
        gaps_open: seen.gaps_open,
        plans_held: seen.plans_held,
        deletes_held: seen.deletes_held,
        oldest_plan_at: seen.oldest_plan_at,
        oldest_delivery_at: seen.oldest_delivery_at,
        last_push_at: pushed.last_at,
        queue_bytes: entry.admission.load().bytes_in_flight(),
        feed,
    }
}

/// What of its records a run has applied.
fn applied_share(seen: &ProgressSeen) -> f64 {
    match (seen.phase, seen.records_total) {
        (RunPhase::Applying, Some(total)) => (seen.records as f64 / total as f64).min(1.0),
        (RunPhase::Finishing, _) => 1.0,
        _ => 0.0,
    }
}

/// How long its next run has been due: none is while one is under way, or its schedule is stopped.
fn lag_of(entry: &PartnerEntry, now: Micros) -> Duration {
    let due_at = entry.board.next_at().filter(|_| entry.board.run().is_none() && !entry.board.is_paused());
    Duration::from_micros(due_at.map_or(0, |due_at| now.since(due_at).max(0)).unsigned_abs())
}

fn daemon_of(app: &App, partners: Vec<(&'static str, u64)>, runtime: RuntimeSample) -> DaemonSample {
    let settings = app.settings.load();
    let (server, store) = (&settings.server, &settings.store);
    // of a store that cannot be read other figures tell
    let log = app.reader.log_extent().unwrap_or_default();
    DaemonSample {
        partners,
        queue_bytes: app.admission.bytes_in_flight(),
        queue_bytes_max: server.bytes_in_flight_max,
        overlay_bytes: app.reader.overlay_bytes(),
        overlay_bytes_max: store.overlay_bytes_max,
        log: (log.changes, log.bytes),
        log_oldest_at: log.oldest_at,
        file_bytes: app.reader.file_bytes(),
        disk_free_bytes: app.reader.disk_free_bytes(),
        disk_free_bytes_min: store.disk_free_bytes_min,
        writes_open: !app.health.has_storage_failed(),
        streams_max: server.streams_max,
        runtime,
        took: Duration::ZERO,
    }
}

fn runtime_of(handle: &Handle) -> RuntimeSample {
    let metrics = handle.metrics();
    let workers = metrics.num_workers();
    RuntimeSample {
        workers,
        tasks: metrics.num_alive_tasks(),
        queued: metrics.global_queue_depth(),
        busy: (0..workers).map(|worker| metrics.worker_total_busy_duration(worker)).sum(),
    }
}
