//! Outcomes: what became of a write. A closed set, public in replies, metrics and reports.

use compact_str::CompactString;
use std::borrow::Cow;

/// What became of one write, with the status of its reply where it is the only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// The asset is alive and was not before (201).
    Created,
    /// Readers see a difference (200).
    Updated,
    /// A newer stamp with equal content (200).
    Unchanged,
    /// The same stamp and content again (200).
    Duplicate,
    /// Something newer is stored; the write lost (200).
    Superseded,
    /// The asset is gone (200).
    Deleted,
    /// The price waits for its asset (202).
    Parked,
    /// The delete waits for approval (202).
    Held,
    /// Kept aside, to be mended and released (202).
    Quarantined,
    /// An event of a type that says nothing about assets or prices (200).
    Ignored,
    /// Refused; the sender has to change it (422).
    Rejected,
    /// PATCH or DELETE named an asset that was never known here.
    NotFound,
    /// PATCH named a deleted asset.
    Gone,
}

impl Outcome {
    /// All outcomes, each once.
    pub const ALL: [Outcome; 13] = [
        Outcome::Created,
        Outcome::Updated,
        Outcome::Unchanged,
        Outcome::Duplicate,
        Outcome::Superseded,
        Outcome::Deleted,
        Outcome::Parked,
        Outcome::Held,
        Outcome::Quarantined,
        Outcome::Ignored,
        Outcome::Rejected,
        Outcome::NotFound,
        Outcome::Gone,
    ];

    /// Its name in replies, metrics and records of deliveries.
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
            Outcome::Ignored => "ignored",
            Outcome::Rejected => "rejected",
            Outcome::NotFound => "not_found",
            Outcome::Gone => "gone",
        }
    }

    /// Whether nothing of the write was taken: it is kept aside, or was turned away.
    pub fn is_refused(self) -> bool {
        matches!(self, Outcome::Rejected | Outcome::Quarantined)
    }

    /// Whether the write changed what readers see.
    pub fn applied(self) -> bool {
        matches!(self, Outcome::Created | Outcome::Updated | Outcome::Deleted)
    }
}

/// The rules that a decision can rest on. Their names are public; `src/RULES.md` has each in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// Source time of a push: its own, its envelope's, else when it first reached us.
    T1,
    /// Source time of a price: its `as_of`, else as T1.
    T2,
    /// The time S of a snapshot: stated, or the floor of an undated file.
    T3,
    /// What lies in the future is kept aside, never clamped.
    T4,
    /// Member by member the higher stamp wins.
    D1,
    /// Equal content changes nothing but the stamp.
    D2,
    /// Equal times: lane, sequence, delete before write, then the later commit.
    D3,
    /// Accepted runs of one feed have strictly rising S.
    D4,
    /// All of one item, its price included, shows in one commit.
    D5,
    /// A said delete ends what is stamped at or below it.
    X1,
    /// A snapshot that holds a dead asset brings it back, if it is newer.
    X2,
    /// Absent from a complete snapshot: hidden, unless something newer was pushed.
    X3,
    /// What is older than the history that is kept creates nothing.
    X4,
    /// `status`, and absence of what is not active.
    X5,
    /// A run changes nothing until the whole file has been read.
    F1,
    /// An invalid record is kept aside and counts as present.
    F2,
    /// Too many invalid records: the run is refused.
    F3,
    /// The delete guard: too many deletes wait for approval.
    F4,
    /// A snapshot older than the last accepted one is skipped.
    F5,
    /// The same id twice in one file.
    F6,
    /// The same bytes again count as one more absence, and as nothing else.
    F7,
    /// A file that says it is not complete never deletes.
    F8,
    /// The verdict of each record of an applied run.
    F9,
    /// A price applies if its stamp is strictly greater than its quote's.
    P1,
    /// A feed's prices, dated and undated, and which of them readers get.
    P2,
    /// A price of an unknown or dead asset waits for it.
    P3,
    /// Amounts are exact decimals; currencies are known and stay.
    P4,
    /// The state of a price when it is read.
    P5,
    /// Numbered streams: gaps are named, and hold nothing back.
    G1,
    /// A delivery that is repeated has one effect and one reply.
    G2,
    /// One write at a time, in the partner's actor.
    G3,
    /// An acknowledged write survives a crash.
    G4,
}

impl Rule {
    /// All rules that a decision can rest on, in the order of the page.
    #[rustfmt::skip]
    pub const ALL: [Rule; 32] = [
        Rule::T1, Rule::T2, Rule::T3, Rule::T4,
        Rule::D1, Rule::D2, Rule::D3, Rule::D4, Rule::D5,
        Rule::X1, Rule::X2, Rule::X3, Rule::X4, Rule::X5,
        Rule::F1, Rule::F2, Rule::F3, Rule::F4, Rule::F5, Rule::F6, Rule::F7, Rule::F8, Rule::F9,
        Rule::P1, Rule::P2, Rule::P3, Rule::P4, Rule::P5,
        Rule::G1, Rule::G2, Rule::G3, Rule::G4,
    ];

    /// Its id on the page of rules.
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
    /// What became of it.
    pub outcome: Outcome,
    /// The rule that decided.
    pub rule: Rule,
    /// Which of the write set's changes is this item's last, where it made one: its cursor.
    pub change: Option<u32>,
    /// Why it was not applied as asked; `None` where there is nothing to add, as for most items.
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
    /// JSON pointer to the member of the item that is at fault; empty: the item as a whole.
    pub pointer: String,
    /// Members that lost against newer ones while others of the write won (D1).
    pub superseded: Vec<CompactString>,
    /// The write carried no source time: it was ordered by when it reached us (T1).
    pub undated: bool,
}

impl ItemOutcome {
    /// The code of what could not be decided because what is stored is damaged (500).
    pub const DAMAGED: &str = "damaged";

    /// Whether it could not be decided since what is stored of the asset is damaged.
    pub fn is_damaged(&self) -> bool {
        self.note.as_ref().is_some_and(|note| note.code == ItemOutcome::DAMAGED)
    }

    /// An outcome that its rule explains.
    pub fn plain(outcome: Outcome, rule: Rule) -> ItemOutcome {
        ItemOutcome { outcome, rule, change: None, note: None }
    }

    /// An outcome with the code of its reason and a sentence that says what to do.
    pub fn noted(outcome: Outcome, rule: Rule, code: &'static str, hint: impl Into<String>) -> ItemOutcome {
        let note = Note { code: code.into(), hint: hint.into(), ..Note::default() };
        ItemOutcome { outcome, rule, change: None, note: Some(Box::new(note)) }
    }

    /// The note, empty at first.
    pub fn note_mut(&mut self) -> &mut Note {
        self.note.get_or_insert_default()
    }
}
