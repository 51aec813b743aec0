//! F4: the delete guard and its plans.

use std::collections::BTreeSet;

use super::snapshot::Accepted;

const HOUR_US: i64 = 3_600_000_000;
const DAY_US: i64 = 24 * HOUR_US;
const PLAN_FOR_US: i64 = 72 * HOUR_US;
/// Accepted runs that the baseline looks back on.
const RUNS: usize = 7;
const HELD_MAX: usize = 50;
/// Ids of a plan that further files can confirm.
const CONFIRMED_MAX: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanState {
    Held,
    Approved,
    Rejected,
    Cancelled,
    Expired,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanView {
    pub id: u64,
    pub state: PlanState,
    pub s: i64,
    pub ids: Vec<String>,
    pub expires: i64,
    /// The baseline, doubled so that a median between two runs stays whole.
    pub baseline_doubled: usize,
    /// Its file was dated, and is no lines that may be cut (F1).
    pub dated: bool,
    /// Bodies that lacked its ids, its own file's first.
    pub bodies: Vec<u64>,
}

#[derive(Default)]
pub struct Guard {
    plans: Vec<PlanView>,
    /// Record counts of the accepted runs.
    counts: Vec<usize>,
    /// When how many deletes were applied without a plan.
    applied: Vec<(i64, usize)>,
    /// Ids of plans rejected or expired since the last changed snapshot.
    declined: BTreeSet<String>,
}

impl Guard {
    /// Twice the median count of the last seven accepted runs; with none, twice the living.
    pub fn baseline_doubled(&self, living: usize) -> usize {
        let mut last: Vec<usize> = self.counts.iter().rev().take(RUNS).copied().collect();
        last.sort_unstable();
        match last.len() {
            0 => 2 * living,
            n => last[(n - 1) / 2] + last[n / 2],
        }
    }

    /// More than the limit in this run, twice it in 24 h, or four times it in 7 days.
    pub fn exceeded(&self, now: i64, deletes: usize, baseline_doubled: usize) -> bool {
        // max(5 % of b, min(20, max(2, 10 % of b))), times 40, with b doubled.
        let limit = baseline_doubled.max(800.min(80.max(2 * baseline_doubled)));
        let within = |window: i64| {
            let recent = self.applied.iter().filter(|(at, _)| now - at < window);
            deletes + recent.map(|(_, n)| n).sum::<usize>()
        };
        40 * deletes > limit || 40 * within(DAY_US) > 2 * limit || 40 * within(7 * DAY_US) > 4 * limit
    }

    /// Opens a plan and gives its number; beyond so many that are held, the newest of them takes the
    /// ids.
    pub fn hold(
        &mut self,
        now: i64,
        file: &Accepted,
        ids: Vec<String>,
        baseline_doubled: usize,
    ) -> Option<u64> {
        let held: Vec<u64> = self.held().map(|p| p.id).collect();
        if held.len() >= HELD_MAX {
            let newest = self.plans.iter_mut().rev().find(|p| p.state == PlanState::Held)?;
            newest.ids.extend(ids);
            return None;
        }
        let id = self.plans.len() as u64 + 1;
        self.plans.push(PlanView {
            id,
            state: PlanState::Held,
            s: file.s,
            ids,
            expires: now + PLAN_FOR_US,
            baseline_doubled,
            // An empty file is meant only where that is said, or approved.
            dated: !file.undated && !file.may_be_cut && !file.empty,
            bodies: vec![file.body_hash],
        });
        Some(id)
    }

    fn held(&self) -> impl Iterator<Item = &PlanView> {
        self.plans.iter().filter(|p| p.state == PlanState::Held)
    }

    /// Notes one more file; gives the plans that it confirms: small ones of dated files, whose ids so
    /// many further files with bodies of their own have lacked without a break.
    pub fn confirmed_by(&mut self, file: &Accepted, confirm: usize) -> Vec<u64> {
        let mut confirmed = Vec::new();
        if file.empty {
            // F4: it counts for none, also where it is meant
            return confirmed;
        }
        let small = |p: &&mut PlanView| p.state == PlanState::Held && p.dated && p.ids.len() <= CONFIRMED_MAX;
        for plan in self.plans.iter_mut().filter(small) {
            if plan.ids.iter().any(|id| file.present.contains(id)) {
                plan.bodies.truncate(1);
                continue;
            }
            if !plan.bodies.contains(&file.body_hash) {
                plan.bodies.push(file.body_hash);
            }
            if confirm > 0 && plan.bodies.len() > confirm {
                confirmed.push(plan.id);
            }
        }
        confirmed
    }

    pub fn plan(&self, id: u64) -> Option<PlanView> {
        self.plans.iter().find(|p| p.id == id).cloned()
    }

    /// Ends a held plan and gives its S and ids.
    pub fn settle(&mut self, id: u64, state: PlanState) -> Option<(i64, Vec<String>)> {
        let plan = self.plans.iter_mut().find(|p| p.id == id && p.state == PlanState::Held)?;
        plan.state = state;
        if matches!(state, PlanState::Rejected | PlanState::Expired) {
            self.declined.extend(plan.ids.iter().cloned());
        }
        Some((plan.s, plan.ids.clone()))
    }

    pub fn expire(&mut self, now: i64) {
        let due: Vec<u64> = self.held().filter(|p| p.expires <= now).map(|p| p.id).collect();
        for id in due {
            self.settle(id, PlanState::Expired);
        }
    }

    /// A later snapshot has at least 90 % of a plan's ids again.
    pub fn cancel_if_back(&mut self, present: &BTreeSet<String>) -> Vec<u64> {
        let back = |p: &PlanView| p.ids.iter().filter(|id| present.contains(*id)).count();
        let held = self.plans.iter_mut().filter(|p| p.state == PlanState::Held);
        let mut cancelled = Vec::new();
        for plan in held.filter(|p| back(p) * 10 >= p.ids.len() * 9) {
            plan.state = PlanState::Cancelled;
            cancelled.push(plan.id);
        }
        cancelled
    }

    /// Ids in a held plan open no second one.
    pub fn holds(&self, id: &str) -> bool {
        self.held().any(|p| p.ids.iter().any(|other| other == id))
    }

    /// Turned down, and no changed snapshot has come since.
    pub fn declined(&self, id: &str) -> bool {
        self.declined.contains(id)
    }

    pub fn forget_declined(&mut self) {
        self.declined.clear();
    }

    pub fn note_count(&mut self, records: usize) {
        self.counts.push(records);
    }

    pub fn note_deletes(&mut self, now: i64, count: usize) {
        self.applied.push((now, count));
    }
}
