//! What a partner's actor owns, and how it is loaded. The verbs on it stand above, in `push`, `feed`,
//! `operate` and `sweep`.

use super::books::actions::last_action;
use super::books::damaged::DamagedRecords;
use super::books::deliveries::Deliveries;
use super::books::gaps::{GapWatch, OpenGap};
use super::books::lost::LostBook;
use super::books::parked::Parked;
use super::books::plans::Plans;
use super::books::push_count::{self, PushCount};
use super::books::quarantine::Quarantine;
use super::books::runs;
use super::books::streams::Streams;
use super::books::undated::undated_of;
use super::feed::resume::CutRun;
use super::index::Index;
use super::ledger::lacked::Lacked;
use super::ledger::recent::RecentDocuments;
use super::ledger::{Ledger, LedgerTerms, Prefetched};
use super::run::board::FeedBoard;
use super::run::glance::{Glance, StandingFigures};
use super::run::running::RunningFeed;
use crate::actors::gates::FeedGates;
use crate::actors::partner::run::active::ActiveRun;
use crate::actors::poison::Poison;
use crate::actors::storage::StorageHandle;
use crate::clock::Clock;
use crate::config::PartnerSettings;
use crate::domain::{FeedState, Micros, Origin, PartnerNo};
use crate::feed::{Fetcher, Reserve};
use crate::rules::time::source::UndatedClock;
use crate::store::{DamagedSlots, ReadError, Reader};
use crate::telemetry::PartnerMetrics;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// What every partner's actor shares with the others.
#[derive(Clone)]
pub struct SharedServices {
    /// Reads of the store.
    pub reader: Reader,
    /// Takes what is to be written.
    pub storage: StorageHandle,
    /// Gives the time of every decision.
    pub clock: Clock,
    /// Fetches feeds.
    pub fetcher: Arc<Fetcher>,
    /// The turns of feeds, over all partners.
    pub gates: FeedGates,
    /// Where fetched files lie.
    pub spool: PathBuf,
    /// What feeds and approvals leave free of the disk.
    pub reserve: Reserve,
    /// Feeds and approvals wait while the overlay holds more.
    pub overlay_bytes_max: usize,
    /// How many feeds there are: their first fetches are spread over this.
    pub feeds: usize,
}

pub struct PartnerState {
    pub no: PartnerNo,
    pub settings: Arc<PartnerSettings>,
    pub shared: SharedServices,
    pub metrics: Arc<PartnerMetrics>,
    pub index: Index,
    pub recent: RecentDocuments,
    pub undated: UndatedClock,
    pub deliveries: Deliveries,
    pub gaps: GapWatch,
    pub lost: LostBook,
    pub poison: Poison,
    pub generation: u64,
    /// The number of the last operator's action.
    pub last_action: u64,
    pub feed: FeedState,
    pub plans: Plans,
    pub push_count: PushCount,
    pub running: Option<RunningFeed>,
    /// The file of a run that an earlier life was applying.
    pub cut: Option<CutRun>,
    /// A document that is only tried.
    pub trial: Option<Box<ActiveRun>>,
    pub quarantine: Quarantine,
    pub parked: Parked,
    pub sweep_timer: Option<JoinHandle<()>>,
    pub let_go_timer: Option<JoinHandle<()>>,
    /// The slot at which the next sweep begins.
    pub sweep_from: u32,
    pub timer: Option<JoinHandle<()>>,
    /// When it is to go off, by the wall clock, where that is what it waits for.
    pub due_at: Option<Micros>,
    /// What is shown of the feed.
    pub board: FeedBoard,
    /// What is shown of the partner.
    pub glance: Glance,
    /// What it showed last.
    pub shown: StandingFigures,
    /// Of the last applied run; `None` where nothing was pushed, or no run was applied since the start.
    pub push_loss: Option<f64>,
    /// Counts the timers that were set, so that an old one is known.
    pub timers: u64,
}

impl PartnerState {
    /// Builds the index from the store. Everything decided before must be durable by now.
    pub fn load(
        no: PartnerNo,
        settings: Arc<PartnerSettings>,
        shared: SharedServices,
        metrics: Arc<PartnerMetrics>,
        (gap, board, glance): (OpenGap, FeedBoard, Glance),
    ) -> Result<PartnerState, ReadError> {
        let reader = shared.reader.clone();
        let now = shared.clock.now();
        let mut index = Index::default();
        let mut parked = Parked::default();
        let damaged = reader.index_beside_damage(no, &mut |slot, id, head, quotes| {
            index.load(slot, id, &head, quotes);
            parked.load(&index, slot, now);
        })?;
        set_damage_aside(&reader, (no, &settings), &mut index, damaged)?;
        let mut lost = DamagedRecords::default();
        let quarantine = Quarantine::load(&reader, no, &mut lost)?;
        let mut feed = runs::state(&reader, no)?;
        push_count::restore(&reader, no, &mut feed, &mut lost)?;
        let plans = Plans::load(&reader, no, &index, &feed)?;
        let deliveries = Deliveries::load(&reader, no, now, &mut lost)?;
        let gaps = GapWatch::new(Streams::read(&reader, no, &mut lost)?, gap);
        lost.log(&settings.name);
        board.set_paused(feed.paused.is_some());
        Ok(PartnerState {
            no,
            settings,
            shared,
            metrics,
            index,
            recent: RecentDocuments::default(),
            undated: undated_of(&reader, no)?
                .map_or_else(UndatedClock::default, UndatedClock::starting_after),
            push_count: PushCount::standing_at(&feed),
            deliveries,
            gaps,
            lost: LostBook::default(),
            poison: Poison::default(),
            generation: 0,
            last_action: last_action(&reader, no)?,
            feed,
            plans,
            running: None,
            cut: None,
            trial: None,
            quarantine,
            parked,
            sweep_timer: None,
            let_go_timer: None,
            sweep_from: 0,
            timer: None,
            due_at: None,
            board,
            glance,
            shown: StandingFigures::default(),
            push_loss: None,
            timers: 0,
        })
    }

    /// Lets those who look at the partner see where it stands now. After most messages it stands where it stood,
    /// and nothing is written that other processors would have to fetch anew.
    pub fn show(&mut self) {
        let time = |at: Option<i64>| at.map(Micros);
        let stands = StandingFigures {
            living: self.index.living() as u64,
            gone: (self.index.len() - self.index.living()) as u64,
            quarantined: self.quarantine.len() as u64,
            parked: self.parked.len() as u64,
            gaps_open: self.gaps.open as u64,
            plans_held: self.plans.held() as u64,
            deletes_held: self.plans.deletes_held(),
            oldest_plan_at: time(self.plans.oldest_opened_at()),
            oldest_delivery_at: self.deliveries.oldest(),
            failures_in_row: u64::from(self.feed.failures_in_row),
            last_success_at: time(self.feed.last_success_at),
            push_loss: self.push_loss,
        };
        if stands != self.shown {
            self.glance.stands_at(&stands);
            self.shown = stands;
        }
    }

    /// What the next decisions are made in; they are accounted for when it is finished.
    pub fn ledger(&mut self, origin: Origin, prefetched: Prefetched) -> Ledger<'_> {
        Ledger::open(LedgerTerms {
            partner: self.no,
            index: &mut self.index,
            recent: &mut self.recent,
            reader: &self.shared.reader,
            policy: &self.settings.policy,
            history_floor: self.feed.history_floor.map(Micros),
            lacked: Lacked::of(&self.feed),
            awaited: self.quarantine.awaited(),
            prefetched,
            now: self.shared.clock.now(),
            origin,
        })
    }
}

/// Names the assets of damaged blocks, so that nothing is decided for them and nothing is put in
/// their slots; all others are whole.
fn set_damage_aside(
    reader: &Reader,
    (no, settings): (PartnerNo, &PartnerSettings),
    index: &mut Index,
    damaged: Vec<DamagedSlots>,
) -> Result<(), ReadError> {
    let slots: Vec<Range<u32>> = damaged.iter().map(|met| met.slots.clone()).collect();
    index.collect_free(&slots);
    if damaged.is_empty() {
        return Ok(());
    }
    let ids = reader.unknown_ids(no, &|id| index.find(id).is_some())?;
    for met in &damaged {
        let (from, to, cause) = (met.slots.start, met.slots.end, &met.cause);
        tracing::error!(partner = %settings.name, from, to, %cause, "slots of the index are damaged");
    }
    let (partner, assets) = (&settings.name, ids.len());
    tracing::error!(%partner, assets, "assets are damaged and refused, all others are served: restore a backup");
    index.set_damaged(ids);
    Ok(())
}
