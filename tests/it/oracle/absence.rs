//! X3, X5, F4: what a complete snapshot says about the assets that it lacks.

use std::sync::Arc;

use serde_json::Value;

use super::asset::{Asset, Kind, Write};
use super::model::Model;
use super::snapshot::{Accepted, spoken_after};
use super::types::{Absent, Lane, Members, RunReport, Stamp};

/// What becomes of one absent asset, before the guard.
enum Fate {
    /// X5: not active, kept.
    Agree,
    /// X3: pushed after S, kept.
    Phantom,
    /// F4: its plan is held, or was turned down and the file has not changed since.
    Spoken,
    /// X3, F1, F6: first absence under a file that does not prove it.
    Once,
    Delete,
}

impl Model {
    /// F4: the guard's measure, taken before the run changes anything.
    pub(super) fn baseline(&self) -> usize {
        let living = self.assets.values().filter(|a| a.alive()).count();
        self.guard.baseline_doubled(living)
    }

    pub(super) fn absent(&mut self, now: i64, file: &Accepted, baseline: usize, report: &mut RunReport) {
        if !file.deletes {
            return;
        }
        let mut candidates = Vec::new();
        let absent = self.assets.iter_mut().filter(|(id, a)| a.alive() && !file.present.contains(*id));
        for (id, asset) in absent {
            let spoken = self.guard.holds(id) || self.guard.declined(id);
            match fate(asset, file, spoken) {
                Fate::Agree => *report.verdicts.entry("agree").or_default() += 1,
                Fate::Phantom => *report.verdicts.entry("phantom").or_default() += 1,
                Fate::Spoken => {}
                Fate::Once => report.absent_once += 1,
                Fate::Delete => candidates.push(id.clone()),
            }
        }
        self.guarded(now, file, baseline, candidates, report);
    }

    fn guarded(
        &mut self,
        now: i64,
        file: &Accepted,
        baseline: usize,
        candidates: Vec<String>,
        report: &mut RunReport,
    ) {
        if candidates.is_empty() {
            return;
        }
        let count = candidates.len();
        let exceeded = !self.policy.unguarded && self.guard.exceeded(now, count, baseline);
        if !file.on_purpose && (file.empty || exceeded) {
            report.held = count;
            report.plan = self.guard.hold(now, file, candidates, baseline);
            return;
        }
        for id in &candidates {
            self.remove_by_absence(now, id, file.s);
        }
        if !file.on_purpose {
            // Deletes said on purpose do not use up the guard, which is there for accidents.
            self.guard.note_deletes(now, count);
        }
        report.deleted = count;
        *report.verdicts.entry("missed_delete").or_default() += count;
    }

    /// X3 for one id; false where it is kept.
    pub(super) fn remove_by_absence(&mut self, now: i64, id: &str, s: i64) -> bool {
        let write = self.absence(s);
        let Some(asset) = self.assets.get_mut(id) else { return false };
        let goes = absence_takes(asset, s);
        if goes {
            asset.add(write, now);
        }
        goes
    }

    /// Property 1: a push from before the last file that proves absence, and of an asset that this
    /// file did not hold, comes too late: absence has been said of it.
    pub(super) fn hide_if_late(
        &mut self,
        now: i64,
        (id, stamp): (&str, Stamp),
        before: &Asset,
        after: &mut Asset,
    ) {
        // F2: an id is present whose record could not be applied.
        let Some(file) = self.feed.proven.as_ref().filter(|file| !file.present.contains(id)) else { return };
        let s = file.s;
        let late = stamp <= feed_stamp(s);
        if late && !before.alive() && after.alive() && absence_takes(after, s) {
            after.add(self.absence(s), now);
        }
    }

    fn absence(&mut self, s: i64) -> Write {
        let kind = match self.policy.absent {
            Absent::Delete => Kind::Absence,
            // X5.
            Absent::Inactive => {
                let status = Value::String("inactive".into());
                Kind::Patch(Arc::new(Members::from([("status".to_string(), status)])))
            }
        };
        Write { stamp: feed_stamp(s), commit: self.next_commit(), kind }
    }
}

/// X3, X5: of what lives, what is active and of which nothing is stamped after S.
fn absence_takes(asset: &Asset, s: i64) -> bool {
    asset.alive() && asset.status() == "active" && !spoken_after(asset, s)
}

fn feed_stamp(s: i64) -> Stamp {
    Stamp { at: s, lane: Lane::Feed, sequence: 0 }
}

fn fate(asset: &mut Asset, file: &Accepted, spoken: bool) -> Fate {
    if asset.status() != "active" {
        return Fate::Agree;
    }
    if spoken_after(asset, file.s) {
        return Fate::Phantom;
    }
    if spoken {
        return Fate::Spoken;
    }
    asset.absences += 1;
    // F4: an empty file is held at the first absence, dated or not.
    let at_once = file.proves || (file.empty && !file.on_purpose);
    if at_once || asset.absences >= 2 { Fate::Delete } else { Fate::Once }
}
