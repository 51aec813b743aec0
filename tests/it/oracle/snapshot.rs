//! One run of the feed: T3, F1–F9.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::asset::{Asset, Kind, Write};
use super::judge::Judgement;
use super::model::{BEGINNING, Model};
use super::price::{Arrival, apply_dated, apply_undated};
use super::reading::content;
use super::records::Sorted;
use super::types::{
    Lane, Outcome, PriceIn, QuarantineRow, RecordIn, RecordTime, RunReport, RunStatus, SnapshotIn, Stamp,
};

/// T4.
const ENVELOPE_AHEAD_MAX_US: i64 = 60_000_000;
/// T3: runs in a row that are refused for their time.
const REFUSED_FOR_TIME_MAX: usize = 3;

/// What a partner's feed has done so far.
#[derive(Default)]
pub struct Feed {
    pub last: Option<Accepted>,
    /// Property 1: the newest file that proves absences and of whose none was held.
    pub proven: Option<Accepted>,
    /// T3: the time that the newest file stated which stated one.
    last_stated: Option<i64>,
    /// T3: in a row.
    refused_for_time: usize,
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
    /// F1: lines that may be cut; their absences count as an undated file's.
    pub may_be_cut: bool,
    /// X3, F1, F6: what it lacks is absent at once.
    pub proves: bool,
    pub present: BTreeSet<String>,
    /// F2, F8: absence may delete.
    pub deletes: bool,
    pub empty: bool,
    /// F4: "empty on purpose".
    pub on_purpose: bool,
}

/// Where S comes from.
enum Source {
    /// The envelope, or `Last-Modified` where it is the data's time.
    Stated(i64),
    Record(i64),
    Floor(i64),
}

/// S, and where it is from.
#[derive(Clone, Copy)]
struct SnapshotTime {
    s: i64,
    undated: bool,
    stated: Option<i64>,
}

/// How one record fared.
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
    /// P1: `duplicate`, also where it shows again over an undated one of a run in between (P2).
    Repeated,
    LostToNewer,
    Conflict,
    /// F2: kept aside, while the document applies.
    Aside(&'static str),
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
            return RunReport { failure: true, ..ended(RunStatus::Failed, "F1", None) };
        }
        self.feed.fetches.push((snapshot.fetch_start, snapshot.body_hash));
        let policy = self.policy.clone();
        let sorted = Sorted::new(&policy, now, &snapshot.records);
        if sorted.too_many_invalid(snapshot.records.len()) {
            return RunReport { failure: true, ..ended(RunStatus::Refused, "F3", None) };
        }
        let time = self.snapshot_time(snapshot, &sorted);
        let lints = lints(snapshot);
        if self.feed.last.as_ref().is_some_and(|last| time.s < last.s) {
            return self.refused_for_time(RunStatus::SkippedOlder, "F5", time.s, lints);
        }
        if self.at_or_before_floor(time.s) {
            let reason = "older_than_history";
            self.quarantine.push(QuarantineRow { id: None, reason, price: None });
            return self.refused_for_time(RunStatus::Refused, "X4", time.s, lints);
        }
        let report = RunReport { lints, ..ended(RunStatus::Applied, "F1", Some(time.s)) };
        self.accept(now, snapshot, sorted, time, report)
    }

    /// T3: the third in a row counts as a failure, and each after it.
    fn refused_for_time(
        &mut self,
        status: RunStatus,
        rule: &'static str,
        s: i64,
        lints: Vec<&'static str>,
    ) -> RunReport {
        self.feed.refused_for_time += 1;
        let failure = self.feed.refused_for_time >= REFUSED_FOR_TIME_MAX;
        RunReport { lints, failure, ..ended(status, rule, Some(s)) }
    }

    /// T3: the first that is sane.
    fn snapshot_time(&self, snapshot: &SnapshotIn, sorted: &Sorted<'_>) -> SnapshotTime {
        let sane = |t: &i64| is_sane(snapshot, *t);
        let newest = sorted.good.values().filter_map(|r| r.updated_at).max();
        let modified = snapshot.last_modified.filter(|_| self.policy.last_modified_is_data_time);
        // T2, T4: with an envelope that cannot be believed the run is undated, whatever else it bears.
        let wrong = !lints(snapshot).is_empty();
        let source = None
            .or(snapshot.generated_at.filter(sane).map(Source::Stated))
            .or(newest.filter(sane).map(Source::Record))
            .or(modified.filter(sane).map(Source::Stated))
            .filter(|_| !wrong)
            .unwrap_or_else(|| Source::Floor(self.floor(snapshot)));
        let last = self.feed.last.as_ref().map(|l| l.s);
        let barrier = last.max(self.history_floor);
        let raised = |s: i64| if Some(s) <= barrier { barrier.map_or(s, |b| b + 1) } else { s };
        let stands_still = |s: i64| Some(s) == self.feed.last_stated || Some(s) == last;
        match source {
            Source::Stated(s) => SnapshotTime {
                s: if stands_still(s) { raised(s) } else { s },
                undated: false,
                stated: Some(s),
            },
            Source::Record(s) => SnapshotTime { s: raised(s), undated: false, stated: None },
            Source::Floor(s) => SnapshotTime { s: raised(s), undated: true, stated: None },
        }
    }

    /// The start of the last fetch whose body differed from this one; none where it lies ahead.
    fn floor(&self, snapshot: &SnapshotIn) -> i64 {
        let other = self.feed.fetches.iter().rev().find(|(_, body)| *body != snapshot.body_hash);
        let start = other.map(|(start, _)| *start).filter(|start| *start <= snapshot.fetch_start);
        start.unwrap_or(BEGINNING)
    }

    /// F7: nothing is parsed or applied; one more absence for what the file lacks.
    fn stand_still(&mut self, now: i64, last: &Accepted) -> RunReport {
        self.guard.expire(now);
        let mut report = ended(RunStatus::Unchanged, "F7", Some(last.s));
        report.undated = last.undated;
        let baseline = self.baseline();
        self.absent(now, last, baseline, &mut report);
        self.note_proven(last, &report);
        report
    }

    fn note_proven(&mut self, file: &Accepted, report: &RunReport) {
        if file.deletes && file.proves && report.held == 0 {
            self.feed.proven = Some(file.clone());
        }
    }

    fn accept(
        &mut self,
        now: i64,
        snapshot: &SnapshotIn,
        sorted: Sorted<'_>,
        SnapshotTime { s, undated, stated }: SnapshotTime,
        mut report: RunReport,
    ) -> RunReport {
        self.guard.expire(now);
        let baseline = self.baseline();
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
        let may_be_cut = snapshot.ndjson && snapshot.count.is_none();
        let accepted = Accepted {
            s,
            body_hash: snapshot.body_hash,
            undated,
            may_be_cut,
            proves: !undated && !sorted.repeats && !may_be_cut,
            present: sorted.present,
            deletes: snapshot.complete && !sorted.unreadable,
            empty,
            on_purpose: snapshot.allow_empty && snapshot.complete && snapshot.count == Some(0),
        };
        self.absent(now, &accepted, baseline, &mut report);
        self.confirm(now, &accepted, &mut report);
        self.note_proven(&accepted, &report);
        self.feed.refused_for_time = 0;
        self.feed.last_stated = stated.or(self.feed.last_stated);
        if snapshot.complete {
            // F4; partial files say nothing about the size of the whole. Different ids are
            // counted, as deletes are of ids.
            self.guard.note_count(accepted.present.len());
        }
        self.feed.last = Some(accepted);
        report
    }

    /// F4: approves the plans that this file confirms.
    fn confirm(&mut self, now: i64, file: &Accepted, report: &mut RunReport) {
        if !file.deletes {
            return;
        }
        report.confirmed = self.guard.confirmed_by(file, self.policy.confirm);
        for plan in report.confirmed.clone() {
            self.approve(now, plan);
        }
    }

    fn count(&mut self, report: &mut RunReport, record: &RecordIn, (fared, price): (Fared, PriceFared)) {
        if let PriceFared::Aside(reason) = price {
            report.prices_aside += 1;
            let price = record.price.clone();
            self.quarantine.push(QuarantineRow { id: record.id.clone(), reason, price });
        }
        match fared {
            Fared { created: true, .. } => report.created += 1,
            Fared { changed: true, .. } => report.updated += 1,
            _ => report.unchanged += 1,
        }
        report.suppressed += usize::from(fared.suppressed);
        report.drift += usize::from(fared.drift);
        *report.verdicts.entry(fared.verdict).or_default() += 1;
    }

    /// All that a record says is stamped `(S, feed)`, or by its own time (T3); a bad price stays
    /// behind (F2).
    fn apply_record(&mut self, now: i64, s: i64, fetch_start: i64, record: &RecordIn) -> (Fared, PriceFared) {
        let id = record.id.as_deref().unwrap_or_default();
        let before = self.assets.get(id).cloned().unwrap_or_default();
        let own = record.updated_at.filter(|_| self.policy.record_time == RecordTime::Record);
        let at = own.map_or(s, |own| own.min(s));
        let stamp = |at| Stamp { at, lane: Lane::Feed, sequence: 0 };
        let kind = Kind::Full(Arc::new(record.members.clone()));
        let write = Write { stamp: stamp(at), commit: self.next_commit(), kind };
        let judgement = Judgement::of(&before, &write);
        let mut after = before.clone();
        after.add(write, now);
        if at < s {
            // It is there as of S, however old its record is: an absence before S is over.
            let presence = Write { stamp: stamp(s), commit: self.next_commit(), kind: Kind::Presence };
            after.add(presence, now);
        }
        // A feed never deletes a price: a price without amount says nothing (P2).
        let price = record.price.as_ref().filter(|p| p.amount.is_some());
        let priced = match price {
            None => PriceFared::Well,
            Some(price) => self.apply_record_price(now, (s, at), fetch_start, price, &mut after),
        };
        let (said, shown) = content(&self.policy, &before);
        let (says, shows) = content(&self.policy, &after);
        let fared = Fared {
            created: after.alive() && !before.alive(),
            changed: said != says || (shown != shows && priced != PriceFared::Repeated),
            suppressed: !after.alive(),
            drift: priced == PriceFared::Drifted,
            verdict: "",
        };
        // F9: it can be no missed push where there are no pushes, or none was to come yet.
        let could_miss = self.pushes_documents && self.feed.last.is_some();
        let verdict = verdict(&fared, &before, &judgement, priced, could_miss);
        self.ambiguous_order += usize::from(judgement.ambiguous());
        self.assets.insert(id.to_string(), after);
        self.release_currencies(now, id);
        (Fared { verdict, ..fared }, priced)
    }

    fn apply_record_price(
        &mut self,
        now: i64,
        (s, at): (i64, i64),
        fetch_start: i64,
        price: &PriceIn,
        asset: &mut Asset,
    ) -> PriceFared {
        let Some(as_of) = price.as_of else {
            return match apply_undated(&self.policy, asset, price, (s, at), fetch_start) {
                Err(refusal) => PriceFared::Aside(refusal.reason),
                Ok(true) => PriceFared::Drifted,
                Ok(false) => PriceFared::Well,
            };
        };
        let arrival = self.arrival(now, as_of, true, Lane::Feed);
        let stored = asset.dated(&price.quote).cloned();
        let verdict = apply_dated(&self.policy, asset, price, Arrival { run_s: Some(s), ..arrival });
        if verdict.reason == "value_conflict" {
            // F9 has a verdict for it.
            return PriceFared::Conflict;
        }
        if !verdict.stands() {
            return PriceFared::Aside(verdict.reason);
        }
        self.ambiguous_order += usize::from(verdict.tied);
        let amount = price.amount.as_deref().and_then(super::amount::normal);
        match (verdict.outcome, stored) {
            (Outcome::Superseded, Some(stored)) if stored.amount == amount => PriceFared::Well,
            (Outcome::Superseded, Some(stored)) if stored.stamp.at == as_of => PriceFared::Conflict,
            (Outcome::Superseded, _) => PriceFared::LostToNewer,
            (Outcome::Duplicate, _) => PriceFared::Repeated,
            _ => PriceFared::Well,
        }
    }
}

/// F9; where several fit, the one that says most of what went wrong.
fn verdict(
    fared: &Fared,
    before: &Asset,
    judgement: &Judgement,
    priced: PriceFared,
    could_miss: bool,
) -> &'static str {
    match () {
        () if fared.suppressed => "feed_stale",
        () if fared.created && before.known() => "resurrected",
        () if judgement.conflicts() || priced == PriceFared::Conflict => "value_conflict",
        () if judgement.lost_to_newer() || priced == PriceFared::LostToNewer => "feed_stale",
        () if fared.created && !could_miss => "new",
        () if fared.created || fared.changed => "missed_push",
        () => "agree",
    }
}

fn is_sane(snapshot: &SnapshotIn, time: i64) -> bool {
    // T4 names the bound for the envelope; the others are no more to be believed.
    time <= snapshot.fetch_start + ENVELOPE_AHEAD_MAX_US
}

/// T2, T4: a stated time that could not be used never passes in silence.
fn lints(snapshot: &SnapshotIn) -> Vec<&'static str> {
    let ahead = snapshot.generated_at.is_some_and(|t| !is_sane(snapshot, t));
    let found = [(snapshot.time_unreadable, "time_unreadable"), (ahead, "time_ahead")];
    found.into_iter().filter(|(is, _)| *is).map(|(_, lint)| lint).collect()
}

fn ended(status: RunStatus, rule: &'static str, s: Option<i64>) -> RunReport {
    RunReport { status, rule, s, ..RunReport::default() }
}

/// X3: `stamp order` against what a snapshot of time S says.
pub fn spoken_after(asset: &Asset, s: i64) -> bool {
    let snapshot = Stamp { at: s, lane: Lane::Feed, sequence: 0 };
    asset.newest_word().is_some_and(|word| word.cmp(&snapshot) == Ordering::Greater)
}
