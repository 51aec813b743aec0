//! Records: what is kept of a partner beside its assets and prices, each set or removed whole.

/// What a record is about. The numbers are persisted; key, value and lifetime of each kind are stated
/// where its bytes are made, in `codec::records`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum RecordKind {
    /// The number of a partner, by its name; kept under the partner number 0.
    Partner = 1,
    /// The state of a partner's feed; and the count of its pushes since the last run (F9).
    Feed = 2,
    /// The report of a run, by its number.
    Run = 3,
    /// A delivery that was made, by the hash of its id (G2).
    Delivery = 4,
    /// The head of a plan of held deletes, by its number (F4).
    Plan = 5,
    /// A row of the quarantine, by its number.
    Quarantine = 6,
    /// Reserved: no release has written such a record. Parked prices (P3) are kept as prices.
    Parked = 7,
    /// The last writes to an asset that lost, by its id.
    Lost = 8,
    /// A numbered price stream, by its name (G1); and the last time given to an undated write (T1).
    Stream = 9,
    /// What an operator did to an asset, by the number of the action.
    Action = 10,
    /// A page of a plan's ids, by the numbers of plan and page.
    PlanIds = 11,
    /// An act of an operator, by its number; kept under the partner number 0.
    Audit = 12,
}

impl RecordKind {
    /// All kinds, in the order of their numbers.
    #[rustfmt::skip]
    pub const ALL: [RecordKind; 12] = [
        RecordKind::Partner, RecordKind::Feed, RecordKind::Run, RecordKind::Delivery, RecordKind::Plan,
        RecordKind::Quarantine, RecordKind::Parked, RecordKind::Lost, RecordKind::Stream,
        RecordKind::Action, RecordKind::PlanIds, RecordKind::Audit,
    ];

    /// The kind of that number; `None` where this release knows none.
    pub fn from_number(number: u8) -> Option<RecordKind> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }

    /// The word for it in errors and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            RecordKind::Partner => "partner",
            RecordKind::Feed => "feed",
            RecordKind::Run => "run",
            RecordKind::Delivery => "delivery",
            RecordKind::Plan => "plan",
            RecordKind::Quarantine => "quarantine",
            RecordKind::Parked => "parked",
            RecordKind::Lost => "lost writes",
            RecordKind::Stream => "stream",
            RecordKind::Action => "action",
            RecordKind::PlanIds => "plan ids",
            RecordKind::Audit => "audit",
        }
    }
}

/// A record set or removed whole. The log and the tables of the store do not look into the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordChange {
    /// What it is about.
    pub kind: RecordKind,
    /// What it is found by, beside its kind and its partner.
    pub key: Box<[u8]>,
    /// Its value from now on; `None` removes it.
    pub value: Option<Box<[u8]>>,
}
