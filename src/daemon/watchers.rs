//! What the daemon looks at from time to time: gauges, and whether writes may be taken at all.

use super::census;
use crate::actors::{StorageHandle, StorageState};
use crate::clock::{Clock, ClockStep, ClockSteps, Mark, sleep};
use crate::config::TlsSettings;
use crate::domain::{Micros, Seq};
use crate::feed::Reserve;
use crate::http::{App, Certificates, Health};
use crate::store::Reader;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

const CLOCK_LOOK_EVERY: Duration = Duration::from_secs(5);
/// A certificate is renewed in weeks; who has it renewed wants to see it shown.
const CERTIFICATE_LOOK_EVERY: Duration = Duration::from_secs(2);
const DISK_LOOK_EVERY: Duration = Duration::from_secs(2);
/// What is acknowledged after the file was removed is lost, so this is short.
const PLACE_LOOK_EVERY: Duration = Duration::from_millis(500);

/// Everything that is looked at, each by a task of its own.
pub fn all(app: &Arc<App>, storage: &StorageHandle, reserve: Reserve) -> Vec<JoinHandle<()>> {
    vec![
        guard_writes(app.health.clone(), storage.clone(), reserve),
        guard_place(app.reader.clone(), storage.clone(), app.health.clone()),
        watch_clock(app.clock.clone(), app.clone()),
        census::count_prices(app.clone()),
    ]
}

/// Tells where our clock has been set. One that ran ahead has left its times in the store.
fn watch_clock(clock: Clock, app: Arc<App>) -> JoinHandle<()> {
    let mut steps = ClockSteps::starting_after(last_commit(&app.reader));
    tokio::spawn(async move {
        let mut looked = Mark::now();
        loop {
            let (now, mark) = (clock.now(), Mark::now());
            let step = steps.look(now, mark.since(looked));
            looked = mark;
            let seconds = |micros: i64| micros / Micros::SECOND;
            match step {
                Some(ClockStep::Back(behind)) => {
                    tracing::warn!(behind_seconds = seconds(behind), "our clock went back");
                }
                Some(ClockStep::Leap(ahead)) => {
                    tracing::warn!(ahead_seconds = seconds(ahead), "our clock leapt ahead");
                }
                Some(ClockStep::CaughtUp) => tracing::info!("our clock has caught up"),
                None => {}
            }
            let behind = Duration::from_micros(steps.behind(now).unsigned_abs());
            app.metrics.clock_is_behind(behind);
            app.health.set_clock_behind(behind);
            sleep(CLOCK_LOOK_EVERY).await;
        }
    })
}

/// When the newest change was committed, by our clock as it was then.
fn last_commit(reader: &Reader) -> Micros {
    let before = Seq(reader.durable().0.saturating_sub(1));
    let newest = reader.changes(before, 1).ok().and_then(|page| page.changes.last().map(|c| c.committed_at));
    newest.unwrap_or(Micros::BEGINNING)
}

/// Refuses writes while the store has failed or the disk is nearly full: redb must never meet the
/// end of the disk.
fn guard_writes(health: Arc<Health>, storage: StorageHandle, reserve: Reserve) -> JoinHandle<()> {
    tokio::spawn(async move {
        let disk_free_bytes_min = reserve.free_bytes_min;
        let mut state = storage.state();
        let mut was_full = false;
        loop {
            let running = *state.borrow() == StorageState::Running;
            let full = reserve.is_touched();
            if full != was_full {
                tracing::warn!(full, disk_free_bytes_min, "disk space crossed the line for writes");
                was_full = full;
            }
            health.set_storage_failed(!running || full);
            tokio::select! {
                moved = state.changed() => if moved.is_err() { return },
                () = sleep(DISK_LOOK_EVERY) => {}
            }
        }
    })
}

/// Ends the store when its file has been removed or replaced: what is written to it then goes nowhere.
fn guard_place(reader: Reader, storage: StorageHandle, health: Arc<Health>) -> JoinHandle<()> {
    tokio::spawn(async move {
        while storage.is_running() {
            if reader.is_displaced() {
                health.set_storage_failed(true);
                storage.close().await;
                return;
            }
            sleep(PLACE_LOOK_EVERY).await;
        }
    })
}

/// Has a certificate whose files have changed read again.
pub fn certificates(app: Arc<App>, certificates: Arc<Certificates>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            sleep(CERTIFICATE_LOOK_EVERY).await;
            look_at_certificates(&app, &certificates, Certificates::look).await;
        }
    })
}

/// Files are read beside the tasks that serve.
pub async fn look_at_certificates(
    app: &Arc<App>,
    certificates: &Arc<Certificates>,
    look: fn(&Certificates, &TlsSettings),
) {
    let Some(tls) = app.settings.load().server.tls.clone() else { return };
    let certificates = Arc::clone(certificates);
    // a look that panics leaves what is shown as it is
    let _ = tokio::task::spawn_blocking(move || look(&certificates, &tls)).await;
}
