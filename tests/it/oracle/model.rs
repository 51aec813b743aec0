//! The model: pushes, prices, reading, and the partner's own bookkeeping.

use std::collections::BTreeMap;

use super::asset::{Asset, Kind, Write};
use super::gaps::Gaps;
use super::guard::{Guard, PlanState, PlanView};
use super::judge::judge_delete;
use super::price::{Arrival, apply_dated};
use super::reading;
use super::snapshot::Feed;
use super::types::{
    Lane, Members, Outcome, Policy, PriceIn, PushIn, PushKind, QuarantineRow, RunReport, SnapshotIn, Stamp,
    Verdict, Visible, VisibleAsset,
};

/// T3: the beginning of time: no source time is older.
pub const BEGINNING: i64 = 0;
/// T4.
pub const DOCUMENT_AHEAD_MAX_US: i64 = 5 * 60_000_000;
const DAY_US: i64 = 86_400_000_000;
/// P3.
const PARKED_FOR_US: i64 = DAY_US;
/// X4.
const TOMBSTONE_FOR_US: i64 = 30 * DAY_US;

/// P4: a price that waits for a newer document to name its currency.
struct CurrencyHeld {
    price: PriceIn,
    lane: Lane,
    at: i64,
}

/// One partner.
pub struct Model {
    pub(super) policy: Policy,
    pub(super) assets: BTreeMap<String, Asset>,
    pub(super) feed: Feed,
    pub(super) guard: Guard,
    pub(super) history_floor: Option<i64>,
    pub(super) quarantine: Vec<QuarantineRow>,
    pub(super) ambiguous_order: usize,
    pub(super) pushes_since_run: usize,
    /// F9: whether the partner has ever pushed a document.
    pub(super) pushes_documents: bool,
    gaps: Gaps,
    commits: u64,
    last_undated: i64,
    currency_held: Vec<CurrencyHeld>,
}

impl Model {
    pub fn new(policy: Policy) -> Self {
        Model {
            policy,
            assets: BTreeMap::new(),
            feed: Feed::default(),
            guard: Guard::default(),
            history_floor: None,
            quarantine: Vec::new(),
            ambiguous_order: 0,
            pushes_since_run: 0,
            pushes_documents: false,
            gaps: Gaps::default(),
            commits: 0,
            last_undated: i64::MIN,
            currency_held: Vec::new(),
        }
    }

    pub fn put(
        &mut self,
        now: i64,
        id: &str,
        at: Option<i64>,
        members: &Members,
        price: Option<PriceIn>,
    ) -> Verdict {
        self.push(now, item(PushKind::Put, id, at, members, price))
    }

    pub fn post(
        &mut self,
        now: i64,
        id: &str,
        at: Option<i64>,
        members: &Members,
        price: Option<PriceIn>,
    ) -> Verdict {
        self.push(now, item(PushKind::Post, id, at, members, price))
    }

    pub fn patch(
        &mut self,
        now: i64,
        id: &str,
        at: Option<i64>,
        members: &Members,
        price: Option<PriceIn>,
    ) -> Verdict {
        self.push(now, item(PushKind::Patch, id, at, members, price))
    }

    pub fn delete(&mut self, now: i64, id: &str, at: Option<i64>) -> Verdict {
        self.expire_parked(now);
        let said = at.is_some();
        let at = self.source_time(now, at);
        if said && at > now + DOCUMENT_AHEAD_MAX_US {
            let verdict = Verdict::because(Outcome::Quarantined, "T4", "future_time");
            return self.keep_aside(id, verdict);
        }
        let before = self.assets.get(id).cloned().unwrap_or_default();
        let stamp = Stamp { at, lane: Lane::Push, sequence: 0 };
        let write = Write { stamp, commit: self.next_commit(), kind: Kind::Delete };
        let mut after = before.clone();
        after.add(write.clone(), now);
        let changed = reading::content(&self.policy, &before) != reading::content(&self.policy, &after);
        self.commit_push(now, id, after);
        judge_delete(&before, &write, changed)
    }

    /// A price by itself; an amount of `None` withdraws.
    pub fn price(&mut self, now: i64, price: PriceIn) -> Verdict {
        self.price_in_lane(now, price, Lane::Price)
    }

    pub fn price_in_lane(&mut self, now: i64, price: PriceIn, lane: Lane) -> Verdict {
        self.expire_parked(now);
        let at = self.source_time(now, price.as_of);
        let mut asset = self.assets.get(&price.id).cloned().unwrap_or_default();
        let arrival = self.arrival(now, at, price.as_of.is_some(), lane);
        self.note_stream(&price, &arrival);
        // Else a price could outlive the forgotten death of its asset.
        let verdict = match !asset.known() && self.at_or_before_floor(at) {
            true => Verdict::because(Outcome::Quarantined, "X4", "older_than_history"),
            false => apply_dated(&self.policy, &mut asset, &price, arrival),
        };
        if verdict.stands() {
            self.ambiguous_order += usize::from(verdict.tied);
            self.commit_push(now, &price.id.clone(), asset);
            return verdict;
        }
        if verdict.reason == "currency_changed" {
            self.currency_held.push(CurrencyHeld { price, lane, at });
            return verdict;
        }
        self.keep_aside(&price.id, verdict)
    }

    pub fn snapshot(&mut self, now: i64, snapshot: SnapshotIn) -> RunReport {
        self.expire_parked(now);
        self.run(now, &snapshot)
    }

    pub fn visible(&self, now: i64, id: &str) -> Visible {
        let Some(asset) = self.assets.get(id) else { return Visible::Unknown };
        let gapped = |received| self.gaps.gapped_since(received);
        reading::visible(&self.policy, asset, now, gapped)
    }

    /// All that lives.
    pub fn catalogue(&self, now: i64) -> BTreeMap<String, VisibleAsset> {
        let all = self.assets.keys().map(|id| (id.clone(), self.visible(now, id)));
        let alive = all.filter_map(|(id, visible)| match visible {
            Visible::Alive(asset) => Some((id, asset)),
            Visible::Unknown | Visible::Dead => None,
        });
        alive.collect()
    }

    pub fn plan(&self, id: u64) -> Option<PlanView> {
        self.guard.plan(id)
    }

    /// F4: `None` where no such plan is held; else how many ids it deleted.
    pub fn approve(&mut self, now: i64, plan: u64) -> Option<usize> {
        self.expire(now);
        let (s, ids) = self.guard.settle(plan, PlanState::Approved)?;
        Some(ids.iter().filter(|id| self.remove_by_absence(now, id, s)).count())
    }

    /// F4: `None` where no such plan is held; else how many ids it undid.
    pub fn reject(&mut self, now: i64, plan: u64) -> Option<usize> {
        self.expire(now);
        Some(self.guard.settle(plan, PlanState::Rejected)?.1.len())
    }

    /// Lets time pass for whoever looks at plans: they (F4) and parked prices (P3) expire.
    pub fn expire(&mut self, now: i64) {
        self.guard.expire(now);
        self.expire_parked(now);
    }

    /// P3: every call does this first. A plan expires when somebody looks at plans, or a run comes that
    /// was read whole: a clock that has gone back since, with nobody looking in between, has expired none.
    pub(super) fn expire_parked(&mut self, now: i64) {
        for (id, asset) in &mut self.assets {
            asset.parked.retain(|_, parked| {
                let keep = now < parked.since + PARKED_FOR_US;
                if !keep {
                    let reason = "parked_expired";
                    self.quarantine.push(QuarantineRow { id: Some(id.clone()), reason, price: None });
                }
                keep
            });
        }
    }

    /// X4: forgets the tombstones that may be forgotten. Never happens by itself, as the rule
    /// gives the least age only.
    pub fn collect_tombstones(&mut self, now: i64) {
        self.expire_parked(now);
        let age = TOMBSTONE_FOR_US.max(3 * self.policy.feed_interval_us);
        let old = |asset: &Asset| {
            !asset.alive() && asset.parked.is_empty() && asset.died.is_some_and(|t| t + age <= now)
        };
        let gone = self.assets.values().filter(|a| old(a)).filter_map(|a| Some(a.death()?.at)).max();
        self.history_floor = self.history_floor.max(gone);
        self.assets.retain(|_, asset| !old(asset));
    }

    pub fn history_floor(&self) -> Option<i64> {
        self.history_floor
    }

    pub fn quarantine(&self) -> &[QuarantineRow] {
        &self.quarantine
    }

    /// D3, P1: how often only the order of commits decided, between documents or between prices.
    pub fn ambiguous_order(&self) -> usize {
        self.ambiguous_order
    }

    pub fn parked(&self) -> usize {
        self.assets.values().map(|a| a.parked.len()).sum()
    }

    pub fn gaps(&self) -> &Gaps {
        &self.gaps
    }

    pub(super) fn next_commit(&mut self) -> u64 {
        self.commits += 1;
        self.commits
    }

    pub(super) fn arrival(&mut self, now: i64, at: i64, said: bool, lane: Lane) -> Arrival {
        let room = self.parked() < self.policy.parked_max;
        Arrival { now, commit: self.next_commit(), lane, at, said, run_s: None, room }
    }

    pub(super) fn at_or_before_floor(&self, at: i64) -> bool {
        self.history_floor.is_some_and(|floor| at <= floor)
    }

    /// T1: the partner's time, else the receive time made unique and increasing.
    pub(super) fn source_time(&mut self, now: i64, at: Option<i64>) -> i64 {
        at.unwrap_or_else(|| {
            self.last_undated = now.max(self.last_undated.saturating_add(1));
            self.last_undated
        })
    }

    pub(super) fn note_stream(&mut self, price: &PriceIn, arrival: &Arrival) {
        if let Some((stream, number)) = &price.stream {
            self.gaps.note(arrival.now, stream, *number, arrival.at);
        }
    }

    pub(super) fn keep_aside(&mut self, id: &str, verdict: Verdict) -> Verdict {
        if verdict.outcome == Outcome::Quarantined {
            let id = Some(id.to_string());
            self.quarantine.push(QuarantineRow { id, reason: verdict.reason, price: None });
        }
        verdict
    }

    pub(super) fn commit_push(&mut self, now: i64, id: &str, after: Asset) {
        self.pushes_since_run += 1;
        // A price that lost against nothing stored leaves no asset behind.
        if after.known() || !after.parked.is_empty() {
            self.assets.insert(id.to_string(), after);
        }
        self.release_currencies(now, id);
    }

    /// P4: prices held for their currency try again; what is still refused stays.
    pub(super) fn release_currencies(&mut self, now: i64, id: &str) {
        for held in std::mem::take(&mut self.currency_held) {
            let arrival = self.arrival(now, held.at, true, held.lane);
            let known = (held.price.id == id).then(|| self.assets.get_mut(id)).flatten();
            let still = known.is_none_or(|asset| {
                let verdict = apply_dated(&self.policy, asset, &held.price, arrival);
                verdict.reason == "currency_changed"
            });
            if still {
                self.currency_held.push(held);
            }
        }
    }
}

fn item(kind: PushKind, id: &str, at: Option<i64>, members: &Members, price: Option<PriceIn>) -> PushIn {
    let members = members.clone();
    PushIn { kind, id: id.to_string(), at, lane: Lane::Push, sequence: 0, members, price }
}
