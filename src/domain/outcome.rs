//! Outcomes: what became of a write. A closed set, public in replies, metrics and reports.

use compact_str::CompactString;
use std::borrow::Cow;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    Created,
    Updated,
    Unchanged,
    Duplicate,
    Superseded,
    Deleted,
    Parked,
    Held,
    Quarantined,
    Rejected,
    /// PATCH or DELETE named an asset that was never known here.
    NotFound,
    /// PATCH named a deleted asset.
    Gone,
}

impl Outcome {
    pub const ALL: [Outcome; 12] = [
        Outcome::Created,
        Outcome::Updated,
        Outcome::Unchanged,
        Outcome::Duplicate,
        Outcome::Superseded,
        Outcome::Deleted,
        Outcome::Parked,
        Outcome::Held,
        Outcome::Quarantined,
        Outcome::Rejected,
        Outcome::NotFound,
        Outcome::Gone,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Created => "created",
            Outcome::Updated => "updated",
            Outcome::Unchanged => "unchanged",
            Outcome::Duplicate => "duplicate",
            Outcome::Superseded => "superseded",
            Outcome::Deleted => "deleted",
            Outcome::Parked => "parked",
            Outcome::Held => "held",
            Outcome::Quarantined => "quarantined",
            Outcome::Rejected => "rejected",
            Outcome::NotFound => "not_found",
            Outcome::Gone => "gone",
        }
    }

    /// Whether the write changed what readers see.
    pub fn applied(self) -> bool {
        matches!(self, Outcome::Created | Outcome::Updated | Outcome::Deleted)
    }
}

/// The rules of RULES.md that a decision can rest on. Their names are public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[rustfmt::skip]
pub enum Rule {
    T1, T2, T3, T4,
    D1, D2, D3, D4, D5,
    X1, X2, X3, X4, X5,
    F1, F2, F3, F4, F5, F6, F7, F8, F9,
    P1, P2, P3, P4, P5,
    G1, G2, G3, G4,
}

impl Rule {
    #[rustfmt::skip]
    pub const ALL: [Rule; 32] = [
        Rule::T1, Rule::T2, Rule::T3, Rule::T4,
        Rule::D1, Rule::D2, Rule::D3, Rule::D4, Rule::D5,
        Rule::X1, Rule::X2, Rule::X3, Rule::X4, Rule::X5,
        Rule::F1, Rule::F2, Rule::F3, Rule::F4, Rule::F5, Rule::F6, Rule::F7, Rule::F8, Rule::F9,
        Rule::P1, Rule::P2, Rule::P3, Rule::P4, Rule::P5,
        Rule::G1, Rule::G2, Rule::G3, Rule::G4,
    ];

    #[rustfmt::skip]
    pub fn as_str(self) -> &'static str {
        match self {
            Rule::T1 => "T1", Rule::T2 => "T2", Rule::T3 => "T3", Rule::T4 => "T4",
            Rule::D1 => "D1", Rule::D2 => "D2", Rule::D3 => "D3", Rule::D4 => "D4", Rule::D5 => "D5",
            Rule::X1 => "X1", Rule::X2 => "X2", Rule::X3 => "X3", Rule::X4 => "X4", Rule::X5 => "X5",
            Rule::F1 => "F1", Rule::F2 => "F2", Rule::F3 => "F3", Rule::F4 => "F4", Rule::F5 => "F5",
            Rule::F6 => "F6", Rule::F7 => "F7", Rule::F8 => "F8", Rule::F9 => "F9",
            Rule::P1 => "P1", Rule::P2 => "P2", Rule::P3 => "P3", Rule::P4 => "P4", Rule::P5 => "P5",
            Rule::G1 => "G1", Rule::G2 => "G2", Rule::G3 => "G3", Rule::G4 => "G4",
        }
    }
}

/// What became of one item of a batch, in the order of the items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemOutcome {
    pub outcome: Outcome,
    pub rule: Rule,
    /// Which of the write set's changes is this item's last, where it made one: its cursor.
    pub change: Option<u32>,
    /// What most items do not need to say.
    pub note: Option<Box<Note>>,
}

/// Why an item was not applied as asked, and what to do about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// Stable code of the reason, e.g. `future_time`; empty where the outcome says it all. Owned
    /// where a repeated delivery is answered from its record.
    pub code: Cow<'static, str>,
    /// One sentence that says what to do.
    pub hint: String,
    /// JSON pointer into the item.
    pub pointer: String,
    /// Members that lost against newer ones while others of the write won (D1).
    pub superseded: Vec<CompactString>,
    /// The write bore no source time: it was ordered by when it reached us (T1).
    pub undated: bool,
}

impl ItemOutcome {
    pub fn plain(outcome: Outcome, rule: Rule) -> ItemOutcome {
        ItemOutcome { outcome, rule, change: None, note: None }
    }

    pub fn noted(outcome: Outcome, rule: Rule, code: &'static str, hint: impl Into<String>) -> ItemOutcome {
        let note = Note { code: code.into(), hint: hint.into(), ..Note::default() };
        ItemOutcome { outcome, rule, change: None, note: Some(Box::new(note)) }
    }

    pub fn note_mut(&mut self) -> &mut Note {
        self.note.get_or_insert_default()
    }
}
