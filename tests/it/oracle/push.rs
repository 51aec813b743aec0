//! PUT, POST and PATCH of one asset, its price included: D1–D5, X1, X4.

use std::sync::Arc;

use serde_json::Value;

use super::asset::{Asset, Kind, Write};
use super::currency;
use super::judge::Judgement;
use super::model::{DOCUMENT_AHEAD_MAX_US, Model};
use super::price::apply_dated;
use super::reading;
use super::types::{Members, Outcome, Policy, PushIn, PushKind, Stamp, Verdict};

impl Model {
    /// One item: all of it applies in one commit (D5), or none of it: half an item
    /// would be a state that nobody sent.
    pub fn push(&mut self, now: i64, item: PushIn) -> Verdict {
        self.expire_parked(now);
        let at = self.source_time(now, item.at);
        let before = self.assets.get(&item.id).cloned().unwrap_or_default();
        if let Some(refusal) = self.refuse_push(now, at, &item, &before) {
            return self.keep_aside(&item.id, refusal);
        }
        let members = Arc::new(item.members.clone());
        let kind = match item.kind {
            PushKind::Put => Kind::Full(members),
            PushKind::Post => Kind::Post(members),
            PushKind::Patch => Kind::Patch(members),
        };
        let stamp = Stamp { at, lane: item.lane, sequence: item.sequence };
        let write = Write { stamp, commit: self.next_commit(), kind };
        let judgement = Judgement::of(&before, &write);
        let mut after = before.clone();
        after.add(write, now);
        self.hide_if_late(now, (&item.id, stamp), &before, &mut after);
        let priced = item.price.as_ref().map(|price| {
            let said = price.as_of.or(item.at).is_some();
            let arrival = self.arrival(now, price.as_of.unwrap_or(at), said, item.lane);
            self.note_stream(price, &arrival);
            apply_dated(&self.policy, &mut after, price, arrival)
        });
        if let Some(refusal) = priced.as_ref().filter(|p| !p.stands()) {
            return self.keep_aside(&item.id, refusal.clone());
        }
        let ties = usize::from(priced.as_ref().is_some_and(|p| p.tied));
        self.ambiguous_order += usize::from(judgement.ambiguous()) + ties;
        let verdict = self.judge_item(&before, &after, &judgement, priced);
        self.pushes_documents = true;
        self.commit_push(now, &item.id, after);
        verdict
    }

    fn refuse_push(&self, now: i64, at: i64, item: &PushIn, before: &Asset) -> Option<Verdict> {
        let partial = item.kind != PushKind::Put;
        if let Some(reason) = member_fault(&self.policy, &item.members, partial) {
            return Some(Verdict::because(Outcome::Rejected, "D1", reason));
        }
        // PATCH never creates and never revives.
        if item.kind == PushKind::Patch && !before.alive() {
            let outcome = if before.known() { Outcome::Gone } else { Outcome::NotFound };
            return Some(Verdict::new(outcome, "X1"));
        }
        if item.at.is_some() && at > now + DOCUMENT_AHEAD_MAX_US {
            return Some(Verdict::because(Outcome::Quarantined, "T4", "future_time"));
        }
        if !before.known() && self.at_or_before_floor(at) {
            return Some(Verdict::because(Outcome::Quarantined, "X4", "older_than_history"));
        }
        None
    }

    fn judge_item(
        &self,
        before: &Asset,
        after: &Asset,
        judgement: &Judgement,
        priced: Option<Verdict>,
    ) -> Verdict {
        let superseded_members = judgement.superseded();
        let priced = priced.map(|p| (p.outcome, p.rule));
        let plain = judgement.without_change().map(|outcome| match outcome {
            Outcome::Superseded => (outcome, judgement.lost_by()),
            // X3: held, and hidden.
            Outcome::Unchanged if !after.alive() => (Outcome::Superseded, "X3"),
            _ => (outcome, "D2"),
        });
        let changed = reading::content(&self.policy, before) != reading::content(&self.policy, after);
        let revived = if before.known() { "X1" } else { "D1" };
        let first = match () {
            () if after.alive() && !before.alive() => Some((Outcome::Created, revived)),
            () if changed && priced.is_some_and(|(o, _)| o == Outcome::Updated) => priced,
            () if changed => Some((Outcome::Updated, "D1")),
            () => None,
        };
        // Without a change the best outcome of document and price speaks for the item.
        let best = [Outcome::Updated, Outcome::Parked, Outcome::Unchanged, Outcome::Duplicate]
            .into_iter()
            .find_map(|o| plain.into_iter().chain(priced).find(|(outcome, _)| *outcome == o));
        let (outcome, rule) = first.or(best).or(plain).or(priced).unwrap_or((Outcome::Unchanged, "D2"));
        Verdict { superseded_members, ..Verdict::new(outcome, rule) }
    }
}

/// X5, P4: the reserved members whose values the rules speak of.
pub(super) fn member_fault(policy: &Policy, members: &Members, partial: bool) -> Option<&'static str> {
    let given = |name: &str| members.get(name).filter(|v| !(partial && v.is_null()));
    let good_status = |v: &Value| {
        let extra = |s: &str| policy.statuses_extra.iter().any(|e| e == s);
        v.as_str().is_some_and(|s| s == "active" || s == "inactive" || extra(s))
    };
    if given("status").is_some_and(|v| !good_status(v)) {
        return Some("status_unknown");
    }
    let good_currency = |v: &Value| v.as_str().is_some_and(|c| currency::known(policy, c));
    if given("currency").is_some_and(|v| !good_currency(v)) {
        return Some("currency_unknown");
    }
    None
}
