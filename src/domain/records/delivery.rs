//! What is kept of a delivery, so that its repeat gets the first reply again.

use crate::domain::{ItemOutcome, Note, Outcome, Rule};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// More items than any body may hold: a record that says so was damaged.
const ITEMS_MAX: u64 = 10_000_000;

/// What a delivery is remembered under: the first half of its id's SHA-256. The ids are chosen by
/// the partner, and two must not meet by design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryKey(pub [u8; 16]);

impl DeliveryKey {
    /// The key of a delivery's id.
    pub fn of(id: &str) -> DeliveryKey {
        let hash = Sha256::digest(id.as_bytes());
        let mut key = [0; 16];
        key.copy_from_slice(&hash[..16]);
        DeliveryKey(key)
    }

    /// The key's first bytes, big-endian: as origins of changes and rows of the quarantine name the
    /// delivery.
    pub fn short(self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.0[..8]);
        u64::from_be_bytes(first)
    }
}

/// What is kept of a delivery, in the commit of its effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct DeliveryRecord {
    /// SHA-256 over method, route, the path's id, query, content type and raw body, hex.
    pub fingerprint: String,
    /// When it first reached us, by our clock, in microseconds.
    pub received_at: i64,
    /// The source time given to its first undated item (T1), in microseconds: a repeat keeps it.
    /// `None` where every item had a time.
    pub undated_at: Option<i64>,
    /// It held prices with times of their own, and nothing else: it is kept for a shorter time.
    pub prices_only: bool,
    /// The record's own place among the changes of its write set, from 0.
    pub place: u32,
    /// What became of its items, in their order.
    pub items: Vec<DeliveredItems>,
    /// The hints of its items, each once, however many items have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// What the reply asked to be sent again (G1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

/// The part of a delivery's record that says how long it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct DeliveryAge {
    /// When it was received, by our clock, in microseconds.
    pub received_at: i64,
    /// Whether it held prices with times of their own, and nothing else.
    pub prices_only: bool,
}

/// The name of a numbered stream, and the ranges of it that are to be sent again, both ends included
/// (G1).
pub type Missing = (String, Vec<(u64, u64)>);

/// What became of one item, or of several in a row to which the same happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveredItems {
    /// The asset's id, where this is one item; empty: several.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The name of the outcome.
    pub outcome: String,
    /// The id of the rule that decided.
    pub rule: String,
    /// How many items in a row, from 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub count: u32,
    /// Place of the first item's last change in the write set; the others' follow one by one. `None`
    /// where they made none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<u32>,
    /// Stable code of the reason; empty where the outcome says it all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// The place of the hint among the record's; `None` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<u32>,
    /// JSON pointer into the item; empty: the item as a whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pointer: String,
    /// Members that lost against newer ones (D1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub superseded: Vec<String>,
    /// They carried no source time (T1).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undated: bool,
}

fn one() -> u32 {
    1
}

fn is_one(count: &u32) -> bool {
    *count == 1
}

/// Hints by number, each once.
#[derive(Default)]
struct Hints {
    numbers: HashMap<String, u32>,
    texts: Vec<String>,
}

impl Hints {
    fn number(&mut self, hint: String) -> Option<u32> {
        if hint.is_empty() {
            return None;
        }
        let next = self.texts.len() as u32;
        let number = *self.numbers.entry(hint.clone()).or_insert(next);
        if number == next {
            self.texts.push(hint);
        }
        Some(number)
    }
}

/// Whether the same happened to both, each in a change of its own where there was one.
fn follows(before: &ItemOutcome, item: &ItemOutcome) -> bool {
    let next = before.change.map(|change| change + 1);
    (before.outcome, before.rule, &before.note, next) == (item.outcome, item.rule, &item.note, item.change)
}

fn delivered(id: String, item: &ItemOutcome, hints: &mut Hints) -> DeliveredItems {
    let note = item.note.as_deref().cloned().unwrap_or_default();
    DeliveredItems {
        id,
        outcome: item.outcome.as_str().into(),
        rule: item.rule.as_str().into(),
        count: 1,
        change: item.change,
        code: note.code.into_owned(),
        hint: hints.number(note.hint),
        pointer: note.pointer,
        superseded: note.superseded.iter().map(ToString::to_string).collect(),
        undated: note.undated,
    }
}

impl DeliveryRecord {
    /// The outcomes as they were first answered, one for each item; `None` where the record names what
    /// this release does not know.
    pub fn outcomes(&self) -> Option<Vec<ItemOutcome>> {
        let count: u64 = self.items.iter().map(|run| u64::from(run.count)).sum();
        if count > ITEMS_MAX {
            return None;
        }
        let mut outcomes = Vec::with_capacity(count as usize);
        for run in &self.items {
            let outcome = outcome_named(&run.outcome)?;
            let rule = rule_named(&run.rule)?;
            let note = run.note(&self.hints)?;
            for nth in 0..run.count {
                let change = run.change.map(|change| change + nth);
                outcomes.push(ItemOutcome { outcome, rule, change, note: note.clone() });
            }
        }
        Some(outcomes)
    }
}

impl DeliveredItems {
    /// The outcomes of a delivery, equal ones in a row counted together, and their hints. `ids` are those
    /// of the items; it may be shorter.
    pub fn in_short(ids: &[CompactString], items: &[ItemOutcome]) -> (Vec<DeliveredItems>, Vec<String>) {
        let mut short: Vec<DeliveredItems> = Vec::new();
        let mut hints = Hints::default();
        let mut before: Option<&ItemOutcome> = None;
        for (place, item) in items.iter().enumerate() {
            match short.last_mut() {
                Some(run) if before.is_some_and(|before| follows(before, item)) => {
                    run.count += 1;
                    run.id = String::new();
                }
                _ => {
                    let id = ids.get(place).map(ToString::to_string).unwrap_or_default();
                    short.push(delivered(id, item, &mut hints));
                }
            }
            before = Some(item);
        }
        (short, hints.texts)
    }

    /// `None` where it names a hint that the record does not have.
    fn note(&self, hints: &[String]) -> Option<Option<Box<Note>>> {
        let hint = match self.hint {
            Some(number) => hints.get(number as usize)?.clone(),
            None => String::new(),
        };
        let note = Note {
            code: self.code.clone().into(),
            hint,
            pointer: self.pointer.clone(),
            superseded: self.superseded.iter().map(CompactString::from).collect(),
            undated: self.undated,
        };
        Some((note != Note::default()).then(|| Box::new(note)))
    }
}

/// The outcome that a stored name stands for.
fn outcome_named(name: &str) -> Option<Outcome> {
    Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == name)
}

/// The rule that a stored name stands for.
fn rule_named(name: &str) -> Option<Rule> {
    Rule::ALL.into_iter().find(|rule| rule.as_str() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(prices_only: bool) -> DeliveryRecord {
        DeliveryRecord {
            fingerprint: "f".into(),
            received_at: 1000,
            prices_only,
            ..DeliveryRecord::default()
        }
    }

    #[test]
    fn g2_the_key_is_a_hash_and_its_beginning_names_the_origin() {
        let key = DeliveryKey::of("msg_1");
        assert_eq!(key, DeliveryKey::of("msg_1"));
        assert_ne!(key, DeliveryKey::of("msg_2"));
        assert_eq!(key.short().to_be_bytes(), key.0[..8]);
    }

    #[test]
    fn g2_outcomes_come_back_as_they_were_answered() {
        let updated = |change| ItemOutcome { change, ..ItemOutcome::plain(Outcome::Updated, Rule::P1) };
        let mut lost = updated(Some(7));
        lost.note_mut().superseded = vec!["title".into()];
        lost.note_mut().undated = true;
        let refused = ItemOutcome::noted(Outcome::Rejected, Rule::P4, "amount_zero", "send more");
        let duplicate = ItemOutcome::plain(Outcome::Duplicate, Rule::P1);
        let items = [
            updated(Some(0)),
            updated(Some(1)),
            updated(Some(2)),
            updated(Some(4)),
            lost,
            duplicate.clone(),
            duplicate,
            refused.clone(),
            refused,
        ];
        let ids: Vec<CompactString> = (0..items.len()).map(|n| n.to_string().into()).collect();
        let (short, hints) = DeliveredItems::in_short(&ids, &items);
        let counts: Vec<_> = short.iter().map(|run| (run.id.as_str(), run.count)).collect();
        assert_eq!(counts, [("", 3), ("3", 1), ("4", 1), ("", 2), ("", 2)]);
        let record = DeliveryRecord { items: short, hints, ..record(false) };
        let text = serde_json::to_string(&record).unwrap();
        let again: DeliveryRecord = serde_json::from_str(&text).unwrap();
        assert_eq!(again, record);
        assert_eq!(again.outcomes().unwrap(), items);
    }

    #[test]
    fn g2_a_hint_is_kept_once_however_many_items_have_it() {
        let refused = |n: usize| {
            let code = ["amount_zero", "amount_scale"][n % 2];
            ItemOutcome::noted(Outcome::Rejected, Rule::P4, code, format!("hint {}", n % 2))
        };
        let items: Vec<ItemOutcome> = (0..1_000).map(refused).collect();
        let (short, hints) = DeliveredItems::in_short(&[], &items);
        assert_eq!((short.len(), hints.len()), (1_000, 2));
        let record = DeliveryRecord { items: short, hints, ..record(false) };
        assert_eq!(record.outcomes().unwrap(), items);
        let damaged = DeliveryRecord { hints: Vec::new(), ..record };
        assert_eq!(damaged.outcomes(), None);
    }

    #[test]
    fn g2_a_record_of_more_items_than_a_body_can_hold_is_not_one_of_ours() {
        let of = |count: u64| {
            let item = ItemOutcome::plain(Outcome::Updated, Rule::P1);
            let (mut items, _) = DeliveredItems::in_short(&["a".into()], &[item]);
            items[0].count = count as u32;
            DeliveryRecord { items, ..record(false) }.outcomes().map(|outcomes| outcomes.len() as u64)
        };
        assert_eq!(of(ITEMS_MAX + 1), None);
        assert_eq!(of(ITEMS_MAX), Some(ITEMS_MAX));
    }

    #[test]
    fn outcomes_and_rules_come_back_by_name() {
        assert!(Outcome::ALL.into_iter().all(|outcome| outcome_named(outcome.as_str()) == Some(outcome)));
        assert!(Rule::ALL.into_iter().all(|rule| rule_named(rule.as_str()) == Some(rule)));
    }
}
