//! What the daemon looks at from time to time: gauges, and whether writes may be taken at all.

use crate::actors::{StorageHandle, StorageState};
use crate::clock::sleep;
use crate::feed::Reserve;
use crate::http::Health;
use crate::store::Reader;
use crate::telemetry::Metrics;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Histogram samples are kept until they are swept up: often enough to stay small.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
const DISK_LOOK_EVERY: Duration = Duration::from_secs(2);

pub fn upkeep(metrics: Metrics, reader: Reader, storage: StorageHandle) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            metrics.run_upkeep();
            metrics.overlay_stands_at(reader.overlay_bytes());
            metrics.queue_stands_at(storage.queue_bytes());
            sleep(UPKEEP_EVERY).await;
        }
    })
}

/// Refuses writes while the store has failed or the disk is nearly full: redb must never meet the
/// end of the disk.
pub fn guard_writes(health: Arc<Health>, storage: StorageHandle, reserve: Reserve) -> JoinHandle<()> {
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
