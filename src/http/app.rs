//! What all connections share.

use super::gate::auth::Keys;
use super::gate::shares::Shares;
use super::gate::tickets::Tickets;
use super::reload::ReloadDesk;
use super::reply::Fault;
use super::tail::Tail;
use crate::actors::{Admission, AuditTrail, PartnerEntry, Registry, Shed, Strangers, SupervisorHandle};
use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::Micros;
use crate::store::Reader;
use crate::telemetry::Metrics;
use arc_swap::ArcSwap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
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

    /// Seconds by which our clock is behind a time that it has shown before; 0 where it is not.
    pub fn clock_behind_seconds(&self) -> i64 {
        self.clock_behind.load(Ordering::Acquire)
    }

    /// Whether requests may come: started, not shutting down, and the store takes writes.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire) && !self.is_draining() && !self.has_storage_failed()
    }

    /// Whether the daemon is shutting down.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Whether the store has failed, or must take no more writes.
    pub fn has_storage_failed(&self) -> bool {
        self.storage_failed.load(Ordering::Acquire)
    }
}

/// What an [`App`] is made of.
pub struct AppParts {
    /// All partners, by name and by number.
    pub registry: Registry,
    /// The store, as readers see it.
    pub reader: Reader,
    /// Those of the last reload that was sound.
    pub settings: Arc<ArcSwap<Settings>>,
    /// The only source of the time of day.
    pub clock: Clock,
    /// The daemon's budget of bytes in flight.
    pub admission: Admission,
    /// All that is counted.
    pub metrics: Metrics,
    /// What the daemon says of itself.
    pub health: Arc<Health>,
    /// Who clears sandboxes; `None` where there are no partners.
    pub supervisor: Option<SupervisorHandle>,
    /// Where operators' acts are put on record; `None` where none are done.
    pub audit: Option<AuditTrail>,
    /// Where the configuration is asked to be read again.
    pub reload: Arc<ReloadDesk>,
}

/// Of the bytes in flight, calls that have not proven themselves may have one in so many.
const UNPROVEN_SHARE: usize = 4;

/// What all requests share: the daemon's parts, and what this floor adds to them.
pub struct App {
    parts: AppParts,
    /// Who may call.
    pub(super) keys: Keys,
    /// When this life of the daemon began.
    pub(super) started_at: Micros,
    /// What calls may take together whose senders cannot be known before their bodies have come: a
    /// stranger takes up nobody's own room.
    pub(super) unproven: Admission,
    /// Calls that could not be known.
    pub(super) strangers: Strangers,
    /// What reads may take.
    pub(super) shares: Shares,
    /// Streams that read the store for themselves at this moment.
    pub(super) replays: AtomicUsize,
    /// What pages in browsers may open streams with.
    pub(super) tickets: Tickets,
    /// The newest changes, for all streams.
    pub(super) tail: Arc<Tail>,
    /// ConnectionSlots for change streams.
    pub(super) streams: Arc<Semaphore>,
    streams_end: watch::Sender<bool>,
}

impl Deref for App {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.parts
    }
}

impl App {
    /// Takes what is bound at start, such as the number of streams, from the settings of this moment.
    pub fn new(parts: AppParts) -> Arc<App> {
        let (streams_max, bytes_max, failed_calls_per_minute) = {
            let server = &parts.settings.load().server;
            (server.streams_max, server.bytes_in_flight_max, server.failed_calls_per_minute)
        };
        Arc::new(App {
            keys: Keys::new(Arc::clone(&parts.settings), parts.metrics.clone()),
            started_at: parts.clock.now(),
            unproven: Admission::new(bytes_max / UNPROVEN_SHARE),
            strangers: Strangers::new(failed_calls_per_minute),
            shares: Shares::new(streams_max),
            replays: AtomicUsize::new(0),
            tickets: Tickets::default(),
            tail: Tail::new(parts.reader.clone(), parts.registry.clone()),
            streams: Arc::new(Semaphore::new(streams_max)),
            streams_end: watch::Sender::new(false),
            parts,
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
