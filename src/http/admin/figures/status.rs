//! What operators see: the daemon and its partners at one glance, as JSON.

use crate::actors::{Leftovers, PartnerEntry, count_leftovers};
use crate::codec::{cursor, time};
use crate::domain::Micros;
use crate::http::app::App;
use crate::http::gate::route::Answer;
use crate::http::gate::shares::{ReadingParty, ShareLane};
use crate::http::own::feed::{self, StateView};
use crate::http::reload::ReloadView;
use crate::http::reply::{self, Fault};
use crate::store::Reader;
use hyper::StatusCode;
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
struct DaemonView {
    #[serde(flatten)]
    figures: DaemonFigures,
    partners: Vec<PartnerView>,
}

/// The daemon by itself.
#[derive(Serialize)]
pub(super) struct DaemonFigures {
    version: &'static str,
    now: String,
    uptime_seconds: i64,
    ready: bool,
    draining: bool,
    storage_failed: bool,
    /// Above 0 our clock has been set back, or was wrong in an earlier life of the daemon.
    clock_behind_seconds: i64,
    durable_sequence: u64,
    cursor: String,
    overlay_bytes: usize,
    overlay_bytes_max: usize,
    streams_open: usize,
    storage: StorageView,
    /// How the last reload of this life of the daemon ended.
    reload: Option<ReloadView>,
}

/// What the store takes, and how far back it reaches.
#[derive(Serialize)]
struct StorageView {
    file_bytes: Option<u64>,
    disk_free_bytes: Option<u64>,
    /// Below it no writes are taken.
    disk_free_bytes_min: u64,
    log_changes: u64,
    log_bytes: u64,
    log_oldest_at: Option<String>,
}

impl StorageView {
    fn of(app: &App) -> StorageView {
        // of a store that cannot be read other figures tell
        let log = app.reader.log_extent().unwrap_or_default();
        StorageView {
            file_bytes: app.reader.file_bytes(),
            disk_free_bytes: app.reader.disk_free_bytes(),
            disk_free_bytes_min: app.settings.load().store.disk_free_bytes_min,
            log_changes: log.changes,
            log_bytes: log.bytes,
            log_oldest_at: log.oldest_at.map(time::format),
        }
    }
}

/// One partner, with the state of its feed as the store has it.
#[derive(Serialize)]
pub(super) struct PartnerView {
    name: String,
    number: u32,
    prices_per_second_max: u32,
    asset_writes_per_second_max: u32,
    feed: Option<StateView>,
    /// No longer configured: its assets stay readable.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    removed: bool,
    /// Why nothing of it is decided just now, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    down: Option<String>,
    /// The table of which something that is shown here is damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    damaged: Option<&'static str>,
    /// What a removed partner has left here.
    #[serde(skip_serializing_if = "Option::is_none")]
    assets: Option<LeftoversView>,
}

#[derive(Serialize)]
struct LeftoversView {
    living: u64,
    dead: u64,
}

#[derive(Serialize)]
struct PartnersView {
    items: Vec<PartnerView>,
}

/// The daemon and its configured or removed partners, as JSON. Errs where the store cannot be read.
pub async fn daemon(app: &Arc<App>) -> Answer {
    let share = app.shares.of(&ReadingParty::Operator);
    let app = Arc::clone(app);
    let view = move || {
        let partners = views(&app.reader, &app.registry.all())?;
        rendered(&DaemonView { figures: DaemonFigures::of(&app), partners })
    };
    Ok(reply::json(StatusCode::OK, share.run(ShareLane::Pages, view).await?))
}

impl DaemonFigures {
    pub(super) fn of(app: &App) -> DaemonFigures {
        let now = app.clock.now();
        let durable = app.reader.durable();
        let settings = app.settings.load();
        let streams_max = settings.server.streams_max;
        DaemonFigures {
            version: env!("CARGO_PKG_VERSION"),
            now: time::format(now),
            uptime_seconds: now.since(app.started_at) / Micros::SECOND,
            ready: app.health.is_ready(),
            draining: app.health.is_draining(),
            storage_failed: app.health.has_storage_failed(),
            clock_behind_seconds: app.health.clock_behind_seconds(),
            durable_sequence: durable.0,
            cursor: cursor::encode(app.reader.journal(), durable),
            overlay_bytes: app.reader.overlay_bytes(),
            overlay_bytes_max: settings.store.overlay_bytes_max,
            streams_open: streams_max.saturating_sub(app.streams.available_permits()),
            storage: StorageView::of(app),
            reload: app.reload.last().map(|report| ReloadView::of(&report)),
        }
    }
}

/// The partners alone, with what removed ones have left here. Errs where the store cannot be read.
pub async fn partners(app: &Arc<App>) -> Answer {
    let share = app.shares.of(&ReadingParty::Operator);
    let app = Arc::clone(app);
    let view = move || {
        let mut entries = app.registry.all();
        entries.retain(|entry| !entry.is_purged());
        let mut items = views(&app.reader, &entries)?;
        for (item, entry) in items.iter_mut().zip(&entries).filter(|(item, _)| item.removed) {
            match count_leftovers(&app.reader, entry.no) {
                Ok(Leftovers { living, dead }) => item.assets = Some(LeftoversView { living, dead }),
                Err(error) if error.is_damage() => item.damaged = error.damaged(),
                Err(error) => return Err(error.into()),
            }
        }
        rendered(&PartnersView { items })
    };
    Ok(reply::json(StatusCode::OK, share.run(ShareLane::Pages, view).await?))
}

fn views(reader: &Reader, partners: &[Arc<PartnerEntry>]) -> Result<Vec<PartnerView>, Fault> {
    let known = partners.iter().filter(|partner| !partner.is_purged());
    known.map(|partner| PartnerView::of(reader, partner)).collect()
}

impl PartnerView {
    pub(super) fn of(reader: &Reader, partner: &PartnerEntry) -> Result<PartnerView, Fault> {
        let limits = partner.settings.load().limits.clone();
        // one partner's damage is no other's
        let (feed, damaged) = match feed::state_view(reader, partner) {
            Err(Fault::Damaged) => (None, Some("records")),
            view => {
                let view = view?;
                let has_damage = view.as_ref().is_some_and(|feed| feed.damaged.is_some());
                (view, has_damage.then_some("records"))
            }
        };
        Ok(PartnerView {
            name: partner.name.to_string(),
            number: partner.no.0,
            prices_per_second_max: limits.prices_per_second,
            asset_writes_per_second_max: limits.asset_writes_per_second,
            feed,
            down: partner.why_down().map(|why| why.to_string()),
            damaged,
            removed: partner.is_removed(),
            assets: None,
        })
    }
}

/// A view as the bytes of its JSON.
pub(super) fn rendered(view: &impl Serialize) -> Result<Vec<u8>, Fault> {
    Ok(serde_json::to_vec(view).expect("texts, numbers and lists of them"))
}
