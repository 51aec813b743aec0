//! D1–D3: how a document write fares, member by member, against what is kept before it.

use std::cmp::Ordering;

use serde_json::Value;

use super::asset::{Asset, Kind, Write, standing};
use super::types::{Outcome, Verdict};

/// One member's contest.
struct Contest {
    member: String,
    standing: Ordering,
    /// The write says what the register already says.
    agrees: bool,
    same_at: bool,
    /// It has been said at this very stamp before.
    repeats: bool,
}

/// How a write fares; computed before it is added.
pub struct Judgement {
    contests: Vec<Contest>,
    /// For a write that names nothing: its standing against life.
    life: Option<Ordering>,
    /// X1: the write is at or below the newest delete.
    buried: bool,
}

impl Judgement {
    pub fn of(before: &Asset, write: &Write) -> Judgement {
        let contests = match &write.kind {
            Kind::Delete | Kind::Absence | Kind::Presence => Vec::new(),
            Kind::Full(members) | Kind::Post(members) | Kind::Patch(members) => {
                let full = matches!(write.kind, Kind::Full(_));
                let mut names: Vec<&str> = members.keys().map(String::as_str).collect();
                if full {
                    // A full write speaks also for what it leaves out: it may lose there too.
                    names.extend(before.registers().names().filter(|k| !members.contains_key(*k)));
                }
                let wanted = |k: &str| members.get(k).filter(|v| full || !v.is_null());
                contests(before, write, &names, wanted)
            }
        };
        Judgement {
            contests,
            life: write.writes_life().then(|| Some(write.stamp).cmp(&before.life())),
            buried: before.buries(write.stamp),
        }
    }

    /// D1: the members for which the write lost.
    pub fn superseded(&self) -> Vec<String> {
        let lost = self.contests.iter().filter(|c| c.standing == Ordering::Less);
        lost.map(|c| c.member.clone()).collect()
    }

    /// Lost a member, at a lower `at`, to another value.
    pub fn lost_to_newer(&self) -> bool {
        self.contests.iter().any(|c| c.standing == Ordering::Less && !c.agrees && !c.same_at)
    }

    /// Said at the same `at` something else than what is kept.
    pub fn conflicts(&self) -> bool {
        self.contests.iter().any(|c| c.same_at && !c.agrees)
    }

    /// D3: only the order of commits decided. What comes again decides nothing.
    pub fn ambiguous(&self) -> bool {
        self.contests.iter().any(|c| c.standing == Ordering::Equal && !c.agrees && !c.repeats)
    }

    /// The outcome of a write that changed nothing visible; `None` for one that says nothing.
    pub fn without_change(&self) -> Option<Outcome> {
        if self.buried {
            return Some(Outcome::Superseded);
        }
        let standings: Vec<Ordering> = match self.contests.is_empty() {
            true => self.life.into_iter().collect(),
            false => self.contests.iter().map(|c| c.standing).collect(),
        };
        let any = |o: Ordering| standings.contains(&o);
        // D2. Some members lost, the others only repeated: superseded, the news for the sender.
        match () {
            () if any(Ordering::Greater) => Some(Outcome::Unchanged),
            () if any(Ordering::Less) => Some(Outcome::Superseded),
            () if any(Ordering::Equal) => Some(Outcome::Duplicate),
            () => None,
        }
    }

    /// The rule that a superseded write lost by.
    pub fn lost_by(&self) -> &'static str {
        if self.buried { "X1" } else { "D1" }
    }
}

fn contests<'a>(
    before: &Asset,
    write: &Write,
    names: &[&str],
    wanted: impl Fn(&str) -> Option<&'a Value>,
) -> Vec<Contest> {
    let registers = before.registers();
    let contest = |name: &&str| {
        let (last, value) = registers.last_word(name);
        let standing = standing(write.stamp, last);
        Contest {
            member: name.to_string(),
            standing,
            agrees: wanted(name) == value,
            same_at: last.is_some_and(|o| o.stamp.at == write.stamp.at),
            repeats: standing == Ordering::Equal && before.said_before(write, name),
        }
    };
    names.iter().map(contest).collect()
}

/// X1: the verdict on a DELETE, seen from before and after.
pub fn judge_delete(before: &Asset, write: &Write, changed: bool) -> Verdict {
    if before.end() == Some(write.stamp) {
        return Verdict::new(Outcome::Duplicate, "D2");
    }
    if before.buries(write.stamp) {
        return Verdict::new(Outcome::Superseded, "X1");
    }
    let dies = before.alive() && before.life() <= Some(write.stamp);
    match () {
        // A DELETE of an unknown id leaves a tombstone too.
        () if dies || !before.known() => Verdict::new(Outcome::Deleted, "X1"),
        // Dead already, or hidden: a newer stamp, equal content, as D2 has it of writes.
        () if !before.alive() => Verdict::new(Outcome::Unchanged, "D2"),
        () if changed => Verdict::new(Outcome::Updated, "X1"),
        () => Verdict::new(Outcome::Superseded, "X1"),
    }
}
