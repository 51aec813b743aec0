//! What all connections share.

use super::gate::auth::Keys;
use super::gate::shares::Gate;
use super::reply::Fault;
use crate::actors::{Admission, PartnerEntry, Registry, Shed};
use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::Micros;
use crate::store::Reader;
use crate::telemetry::Metrics;
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// The daemon's state as far as the edge must know it; the daemon sets it.
#[derive(Debug, Default)]
pub struct Health {
    ready: AtomicBool,
    draining: AtomicBool,
    storage_failed: AtomicBool,
    clock_behind: AtomicI64,
}

impl Health {
    /// Recovered, partners started, listeners bound.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// The first stage of shutting down: pushes are refused from here on.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// The store has failed, or must take no more writes (disk nearly full).
    pub fn set_storage_failed(&self, failed: bool) {
        self.storage_failed.store(failed, Ordering::Release);
    }

    /// How far our clock is behind a time that it has shown before.
    pub fn set_clock_behind(&self, behind: Duration) {
        self.clock_behind.store(i64::try_from(behind.as_secs()).unwrap_or(i64::MAX), Ordering::Release);
    }

    pub fn clock_behind_seconds(&self) -> i64 {
        self.clock_behind.load(Ordering::Acquire)
    }

    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire) && !self.is_draining() && !self.has_storage_failed()
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    pub fn has_storage_failed(&self) -> bool {
        self.storage_failed.load(Ordering::Acquire)
    }
}

/// What an [`App`] is made of.
pub struct AppParts {
    pub registry: Registry,
    pub reader: Reader,
    pub settings: Arc<ArcSwap<Settings>>,
    pub clock: Clock,
    /// The daemon's budget of bytes in flight.
    pub admission: Admission,
    pub metrics: Metrics,
    pub health: Arc<Health>,
}

pub struct App {
    pub registry: Registry,
    pub reader: Reader,
    pub settings: Arc<ArcSwap<Settings>>,
    pub clock: Clock,
    pub admission: Admission,
    pub metrics: Metrics,
    pub health: Arc<Health>,
    pub(super) keys: Keys,
    pub(super) started_at: Micros,
    /// What reads may take.
    pub(super) gate: Gate,
    /// Places for change streams.
    pub(super) streams: Arc<Semaphore>,
    pub(super) streams_max: usize,
    streams_end: watch::Sender<bool>,
}

impl App {
    pub fn new(parts: AppParts) -> Arc<App> {
        let AppParts { registry, reader, settings, clock, admission, metrics, health } = parts;
        let streams_max = settings.load().server.streams_max;
        Arc::new(App {
            keys: Keys::new(Arc::clone(&settings), metrics.clone()),
            started_at: clock.now(),
            gate: Gate::new(streams_max),
            streams: Arc::new(Semaphore::new(streams_max)),
            streams_max,
            streams_end: watch::Sender::new(false),
            registry,
            reader,
            settings,
            clock,
            admission,
            metrics,
            health,
        })
    }

    /// Ends every change stream with its last cursor, and lets no new one begin.
    pub fn end_streams(&self) {
        self.streams_end.send_replace(true);
    }

    /// Turns true when change streams must end.
    pub(super) fn streams_end(&self) -> watch::Receiver<bool> {
        self.streams_end.subscribe()
    }

    /// Whether an order about a partner's own may be taken in: an operator's, or its own.
    pub(super) fn may_order(&self, partner: &PartnerEntry) -> Result<(), Fault> {
        if partner.is_removed() {
            return Err(Fault::PartnerRemoved);
        }
        if self.health.is_draining() {
            return Err(Fault::Draining);
        }
        Ok(self.may_write()?)
    }

    /// Whether writes may be taken in at all.
    pub(super) fn may_write(&self) -> Result<(), Shed> {
        let overlay_bytes_max = self.settings.load().store.overlay_bytes_max;
        if self.health.has_storage_failed() || self.reader.overlay_bytes() > overlay_bytes_max {
            return Err(Shed::Storage);
        }
        Ok(())
    }
}
