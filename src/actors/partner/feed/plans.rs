//! A plan's pages as they are decided (F4): for an operator who has approved it, and for a feed that
//! has confirmed it.

use super::absences::PART_BYTES;
use crate::actors::partner::books::plans::pages::read_page;
use crate::actors::partner::ledger::{LedgerError, Prefetched};
use crate::actors::partner::message::orders::PlanEnd;
use crate::actors::partner::run::active::ActiveRun;
use crate::actors::partner::state::PartnerState;
use crate::domain::{AssetId, ChangeKind, Lane, Micros, Origin, Plan, PlanState, Stamp, WriteSet};
use crate::rules::document::absence::{self, Absence};
use crate::rules::feed::plan::CONFIRMED;
use crate::store::ReadError;
use std::collections::VecDeque;

/// What became of some of a plan's ids.
#[derive(Default)]
pub struct PageTally {
    pub deleted: u64,
    pub kept: u64,
    /// Bytes of the documents that were read for them.
    pub loaded: usize,
    /// Where in the page to go on: its documents were too much for one part.
    pub rest: Option<usize>,
}

/// A page could not be decided.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("a page of a plan cannot be read: {0}")]
    Page(#[from] ReadError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl PartnerState {
    /// F4 `confirmed`: deletes what the feed's further runs have lacked as often as it takes. The run
    /// counts none of it: a plan's deletes are the plan's.
    pub fn confirm_plans(&mut self, active: &ActiveRun) -> Vec<u64> {
        let runs = self.settings.feed.as_ref().map_or(0, |feed| feed.guard_confirm);
        // an empty file confirms nothing: it is held itself
        if !active.is_whole() || active.facts.present == 0 {
            return Vec::new();
        }
        self.plans.confirm(&active.seen, &active.facts.file.body_hash, runs)
    }

    /// Approves of these plans, the first first, as many as one part may read documents for.
    pub fn approve_confirmed(&mut self, plans: &mut VecDeque<u64>) -> Result<Vec<ChangeKind>, PlanError> {
        let (mut changes, mut loaded) = (Vec::new(), 0);
        while loaded < PART_BYTES
            && let Some(id) = plans.pop_front()
        {
            let Some(plan) = self.plans.get(id).cloned() else { continue };
            let mut end = PlanEnd { plan: id, state: PlanState::Approved, deleted: 0, kept: 0 };
            for number in 0..plan.pages {
                // it has few ids: it is decided whole
                let (set, tally) = self.decide_plan_page(&plan, (number, 0), usize::MAX)?;
                end.deleted += tally.deleted;
                end.kept += tally.kept;
                loaded += tally.loaded;
                changes.extend(set.changes);
            }
            self.log_plan(end, Some(CONFIRMED));
            self.plans.close_confirmed(id, self.shared.clock.now());
        }
        Ok(changes)
    }

    /// Decides each id of a page again by X3, with the `S` of the file that lacked it; fewer, from a
    /// place in it on, where their documents take so many bytes.
    pub fn decide_plan_page(
        &mut self,
        plan: &Plan,
        (number, from): (u32, usize),
        bytes_max: usize,
    ) -> Result<(WriteSet, PageTally), PlanError> {
        let page = read_page(&self.shared.reader, self.no, plan.id, number)?.unwrap_or_default();
        let snapshot = Micros(page.snapshot_at);
        let mut tally = PageTally::default();
        let mut ledger = self.ledger(Origin::Plan { run: plan.run, plan: plan.id }, Prefetched::new());
        for (place, id) in page.ids.iter().enumerate().skip(from) {
            if ledger.loaded >= bytes_max {
                tally.rest = Some(place);
                break;
            }
            let Ok(id) = AssetId::new(id) else { continue };
            let Some(slot) = ledger.index.find(&id) else { continue };
            let head = ledger.index.head(slot);
            if !head.is_alive() {
                continue;
            }
            // that it was absent, and often enough, has been found when the plan was opened
            match absence::decide(&head, snapshot, true) {
                Absence::Delete if ledger.remove_absent(slot, Stamp::new(snapshot, Lane::Feed, 0))? => {
                    tally.deleted += 1;
                }
                Absence::Delete | Absence::First | Absence::Phantom | Absence::Agree => tally.kept += 1,
            }
        }
        tally.loaded = ledger.loaded;
        let decisions = ledger.finish();
        Ok((self.account_for(decisions), tally))
    }

    pub fn log_plan(&self, end: PlanEnd, reason: Option<&str>) {
        let PlanEnd { plan, state, deleted, kept } = end;
        let (partner, state) = (self.settings.name.as_str(), state.as_str());
        let reason = reason.unwrap_or_default();
        tracing::info!(partner, plan, state, deleted, kept, reason, "plan of held deletes decided");
    }
}
