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
    /// X3: first absence under an undated file.
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
        if !file.on_purpose && (file.empty || self.guard.exceeded(now, count, baseline)) {
            report.held = count;
            report.plan = Some(self.guard.open(now, file.s, candidates, baseline));
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
        let commit = self.next_commit();
        let Some(asset) = self.assets.get_mut(id) else { return false };
        if !asset.alive() || asset.status() != "active" || spoken_after(asset, s) {
            return false;
        }
        let kind = match self.policy.absent {
            Absent::Delete => Kind::Delete,
            // X5.
            Absent::Inactive => {
                let status = Value::String("inactive".into());
                Kind::Patch(Arc::new(Members::from([("status".to_string(), status)])))
            }
        };
        let stamp = Stamp { at: s, lane: Lane::Feed, sequence: 0 };
        asset.add(Write { stamp, commit, kind }, now);
        true
    }
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
    let at_once = !file.undated || (file.empty && !file.on_purpose);
    if at_once || asset.absences >= 2 { Fate::Delete } else { Fate::Once }
}
