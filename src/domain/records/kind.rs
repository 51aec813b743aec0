//! Records: what is kept of a partner beside its assets and prices, each set or removed whole.

/// Which kind of record beside assets and prices a change speaks of. Numbers are persisted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum RecordKind {
    /// Key: the partner's name. Value: nothing yet; the change's partner is the number given.
    Partner = 1,
    /// Key: empty. Value: the state of the partner's feed.
    Feed = 2,
    /// Key: run id, big-endian. Value: the run's report.
    Run = 3,
    /// Key: hash of the delivery id. Value: body hash, cursor, outcomes (G2).
    Delivery = 4,
    /// Key: plan number, big-endian. Value: the plan without its ids.
    Plan = 5,
    Quarantine = 6,
    Parked = 7,
    /// Key: the asset's id. Value: its last writes that lost, JSON list, newest last.
    Lost = 8,
    Stream = 9,
    /// Key: action number, big-endian. Value: what an operator did, and why.
    Action = 10,
    /// Key: plan number and page, big-endian. Value: some of the plan's ids.
    PlanIds = 11,
}

impl RecordKind {
    #[rustfmt::skip]
    pub const ALL: [RecordKind; 11] = [
        RecordKind::Partner, RecordKind::Feed, RecordKind::Run, RecordKind::Delivery, RecordKind::Plan,
        RecordKind::Quarantine, RecordKind::Parked, RecordKind::Lost, RecordKind::Stream,
        RecordKind::Action, RecordKind::PlanIds,
    ];

    pub fn from_number(number: u8) -> Option<RecordKind> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// A record set (`Some`) or removed (`None`). The store does not look into the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordChange {
    pub kind: RecordKind,
    pub key: Box<[u8]>,
    pub value: Option<Box<[u8]>>,
}
