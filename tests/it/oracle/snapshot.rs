//! One run of the feed: T3, F1–F9.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::asset::{Asset, Kind, Write};
use super::judge::Judgement;
use super::model::{BEGINNING, Model};
use super::price::{apply_dated, apply_undated};
use super::reading::content;
use super::records::Sorted;
use super::types::{
    Lane, Outcome, PriceIn, QuarantineRow, RecordIn, RunReport, RunStatus, SnapshotIn, Stamp, Verdict,
};

/// T4.
const ENVELOPE_AHEAD_MAX_US: i64 = 60_000_000;

/// What a partner's feed has done so far.
#[derive(Default)]
pub struct Feed {
    pub last: Option<Accepted>,
    /// Start and body of each fetch that brought a whole body: of others it is not known what they differ
    /// from.
    fetches: Vec<(i64, u64)>,
}

/// The last accepted run.
#[derive(Clone)]
pub struct Accepted {
    pub s: i64,
    pub body_hash: u64,
    pub undated: bool,
    pub present: BTreeSet<String>,
    /// F2, F8: absence may delete.
    pub deletes: bool,
    pub empty: bool,
    /// F4: "empty on purpose".
    pub on_purpose: bool,
}

/// Where S comes from.
enum Source {
    Envelope(i64),
    Record(i64),
    Modified(i64),
    Floor(i64),
}

/// How one record fared; `None` of a verdict is quarantine.
struct Fared {
    verdict: &'static str,
    created: bool,
    changed: bool,
    suppressed: bool,
    drift: bool,
}

/// How a record's price fared.
#[derive(Clone, Copy, PartialEq)]
enum PriceFared {
    Well,
    Drifted,
    LostToNewer,
    Conflict,
}

impl Model {
    pub(super) fn run(&mut self, now: i64, snapshot: &SnapshotIn) -> RunReport {
        let last = self.feed.last.clone();
        // F7: 304, or the same bytes as the last accepted run.
        if let Some(last) = last.filter(|l| snapshot.not_modified || l.body_hash == snapshot.body_hash)
            && snapshot.closed
        {
            self.feed.fetches.push((snapshot.fetch_start, last.body_hash));
            return self.stand_still(now, &last);
        }
        // F1: nothing happens unless the body closed and its count agrees.
        let counted = snapshot.count.is_none_or(|count| count == snapshot.records.len());
        if !snapshot.closed || !counted || snapshot.not_modified {
            return ended(RunStatus::Failed, "F1", None);
        }
        self.feed.fetches.push((snapshot.fetch_start, snapshot.body_hash));
        let policy = self.policy.clone();
        let sorted = Sorted::new(&policy, now, &snapshot.records);
        if sorted.too_many_invalid(snapshot.records.len()) {
            return ended(RunStatus::Refused, "F3", None);
        }
        let (s, undated) = self.snapshot_time(snapshot, &sorted);
        if self.feed.last.as_ref().is_some_and(|last| s < last.s) {
            return ended(RunStatus::SkippedOlder, "F5", Some(s));
        }
        if self.at_or_before_floor(s) {
            let reason = "older_than_history";
            self.quarantine.push(QuarantineRow { id: None, reason, price: None });
            return ended(RunStatus::Refused, "X4", Some(s));
        }
        self.accept(now, snapshot, sorted, s, undated)
    }

    /// T3: the first that is sane.
    fn snapshot_time(&self, snapshot: &SnapshotIn, sorted: &Sorted<'_>) -> (i64, bool) {
        // T4 names the bound for the envelope; the others are no more to be believed.
        let sane = |t: &i64| *t <= snapshot.fetch_start + ENVELOPE_AHEAD_MAX_US;
        let newest = sorted.good.values().filter_map(|r| r.updated_at).max();
        let modified = snapshot.last_modified.filter(|_| self.policy.last_modified_is_data_time);
        let source = None
            .or(snapshot.generated_at.filter(sane).map(Source::Envelope))
            .or(newest.filter(sane).map(Source::Record))
            .or(modified.filter(sane).map(Source::Modified))
            .unwrap_or_else(|| Source::Floor(self.floor(snapshot.body_hash)));
        let last = self.feed.last.as_ref().map(|l| l.s);
        let barrier = last.max(self.history_floor);
        let raised = |s: i64| if Some(s) <= barrier { barrier.map_or(s, |b| b + 1) } else { s };
        let unequal = |s: i64| if Some(s) == last { s + 1 } else { s };
        match source {
            Source::Envelope(s) | Source::Modified(s) => (unequal(s), false),
            Source::Record(s) => (raised(s), false),
            Source::Floor(s) => (raised(s), true),
        }
    }

    /// The start of the last fetch whose body differed from this one.
    fn floor(&self, body_hash: u64) -> i64 {
        let other = self.feed.fetches.iter().rev().find(|(_, body)| *body != body_hash);
        other.map_or(BEGINNING, |(start, _)| *start)
    }

    /// F7: nothing is parsed or applied; one more absence for what the file lacks.
    fn stand_still(&mut self, now: i64, last: &Accepted) -> RunReport {
        let mut report = ended(RunStatus::Unchanged, "F7", Some(last.s));
        report.undated = last.undated;
        let baseline = self.baseline();
        self.absent(now, last, baseline, &mut report);
        report
    }

    fn accept(
        &mut self,
        now: i64,
        snapshot: &SnapshotIn,
        sorted: Sorted<'_>,
        s: i64,
        undated: bool,
    ) -> RunReport {
        let baseline = self.baseline();
        let mut report = ended(RunStatus::Applied, "F1", Some(s));
        report.undated = undated;
        report.repeated = sorted.repeated;
        report.pushes_before = std::mem::take(&mut self.pushes_since_run);
        for record in sorted.good.values() {
            let fared = self.apply_record(now, s, snapshot.fetch_start, record);
            self.count(&mut report, record, fared);
        }
        report.quarantined += sorted.quarantined.len();
        self.quarantine.extend(sorted.quarantined);
        for id in &sorted.present {
            // X3: presence starts again; an invalid record is present too (F2).
            if let Some(asset) = self.assets.get_mut(id) {
                asset.absences = 0;
            }
        }
        report.cancelled = self.guard.cancel_if_back(&sorted.present);
        self.guard.forget_declined();
        let empty = snapshot.records.is_empty();
        let accepted = Accepted {
            s,
            body_hash: snapshot.body_hash,
            undated,
            present: sorted.present,
            deletes: snapshot.complete && !sorted.unreadable,
            empty,
            on_purpose: snapshot.allow_empty && snapshot.complete && snapshot.count == Some(0),
        };
        self.absent(now, &accepted, baseline, &mut report);
        if snapshot.complete {
            // F4; partial files say nothing about the size of the whole. Different ids are
            // counted, as deletes are of ids: so does the daemon, and the rule says no more than "count".
            self.guard.note_count(accepted.present.len());
        }
        self.feed.last = Some(accepted);
        report
    }

    fn count(&mut self, report: &mut RunReport, record: &RecordIn, fared: Result<Fared, Verdict>) {
        let fared = match fared {
            Ok(fared) => fared,
            Err(refusal) => {
                report.quarantined += 1;
                let row = QuarantineRow { id: record.id.clone(), reason: refusal.reason, price: None };
                return self.quarantine.push(row);
            }
        };
        match fared {
            Fared { created: true, .. } => report.created += 1,
            Fared { changed: true, .. } => report.updated += 1,
            _ => report.unchanged += 1,
        }
        report.suppressed += usize::from(fared.suppressed);
        report.drift += usize::from(fared.drift);
        *report.verdicts.entry(fared.verdict).or_default() += 1;
    }

    /// All that a record says is stamped `(S, feed)`; it applies as a whole or is quarantined.
    fn apply_record(
        &mut self,
        now: i64,
        s: i64,
        fetch_start: i64,
        record: &RecordIn,
    ) -> Result<Fared, Verdict> {
        let id = record.id.as_deref().unwrap_or_default();
        let before = self.assets.get(id).cloned().unwrap_or_default();
        let write = Write {
            stamp: Stamp { at: s, lane: Lane::Feed, sequence: 0 },
            commit: self.next_commit(),
            kind: Kind::Full(Arc::new(record.members.clone())),
        };
        let judgement = Judgement::of(&before, &write);
        let mut after = before.clone();
        after.add(write, now);
        // A feed never deletes a price: a price without amount says nothing (P2).
        let price = record.price.as_ref().filter(|p| p.amount.is_some());
        let priced = match price {
            None => PriceFared::Well,
            Some(price) => self.apply_record_price(now, s, fetch_start, price, &mut after)?,
        };
        let fared = Fared {
            created: after.alive() && !before.alive(),
            changed: content(&self.policy, &before) != content(&self.policy, &after),
            suppressed: !after.alive(),
            drift: priced == PriceFared::Drifted,
            verdict: "",
        };
        let verdict = verdict(&fared, &before, &judgement, priced);
        self.ambiguous_order += usize::from(judgement.ambiguous());
        self.assets.insert(id.to_string(), after);
        self.release_currencies(now, id);
        Ok(Fared { verdict, ..fared })
    }

    fn apply_record_price(
        &mut self,
        now: i64,
        s: i64,
        fetch_start: i64,
        price: &PriceIn,
        asset: &mut Asset,
    ) -> Result<PriceFared, Verdict> {
        let Some(as_of) = price.as_of else {
            let drift = apply_undated(&self.policy, asset, price, s, fetch_start)?;
            return Ok(if drift { PriceFared::Drifted } else { PriceFared::Well });
        };
        let arrival = self.arrival(now, as_of, Lane::Feed);
        let stored = asset.dated(&price.quote).cloned();
        let verdict = apply_dated(&self.policy, asset, price, arrival);
        if verdict.reason == "value_conflict" {
            // The record stands, its price does not: F9 has a verdict for it, so it is not invalid.
            return Ok(PriceFared::Conflict);
        }
        if !verdict.stands() {
            return Err(verdict);
        }
        self.ambiguous_order += usize::from(verdict.tied);
        let amount = price.amount.as_deref().and_then(super::amount::normal);
        Ok(match (verdict.outcome, stored) {
            (Outcome::Superseded, Some(stored)) if stored.amount == amount => PriceFared::Well,
            (Outcome::Superseded, Some(stored)) if stored.stamp.at == as_of => PriceFared::Conflict,
            (Outcome::Superseded, _) => PriceFared::LostToNewer,
            _ => PriceFared::Well,
        })
    }
}

/// F9; where several fit, the one that says most of what went wrong.
fn verdict(fared: &Fared, before: &Asset, judgement: &Judgement, priced: PriceFared) -> &'static str {
    match () {
        () if fared.suppressed => "feed_stale",
        () if fared.created && before.known() => "resurrected",
        () if judgement.conflicts() || priced == PriceFared::Conflict => "value_conflict",
        () if judgement.lost_to_newer() || priced == PriceFared::LostToNewer => "feed_stale",
        () if fared.created || fared.changed => "missed_push",
        () => "agree",
    }
}

fn ended(status: RunStatus, rule: &'static str, s: Option<i64>) -> RunReport {
    RunReport { status, rule, s, ..RunReport::default() }
}

/// X3: `stamp order` against what a snapshot of time S says.
pub fn spoken_after(asset: &Asset, s: i64) -> bool {
    let snapshot = Stamp { at: s, lane: Lane::Feed, sequence: 0 };
    asset.newest_word().is_some_and(|word| word.cmp(&snapshot) == Ordering::Greater)
}
