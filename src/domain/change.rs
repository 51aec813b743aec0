//! Changes: what the log holds. A change is a fact, never a command: it states the resulting
//! head or register whole, so that applying it needs no clock, no configuration and no rule, and
//! applying it twice is harmless.

use super::records::RecordChange;
use super::{AssetId, Currency, Member, Micros, Origin, PartnerNo, Quote, Slot, Stamp};
use compact_str::CompactString;

/// The place of a change in the log: gapless, total order, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seq(pub u64);

/// A member written or removed by itself after the base (D1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    pub name: CompactString,
    pub stamp: Stamp,
    /// Removed rather than written.
    pub removed: bool,
}

/// Content that has lost at the very stamp at which other content stands (D3): when it comes again
/// it has lost already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beaten {
    /// Of a member written by itself; `None`: of a full write.
    pub member: Option<CompactString>,
    /// Of a member's value, 0 for one removed; of a full write's content without `under`.
    pub hash: u128,
    /// Members whose content the full write did not decide any more when it lost, sorted.
    pub under: Vec<CompactString>,
}

impl Beaten {
    /// Values remembered for one stamp (D3).
    pub const PER_STAMP_MAX: usize = 8;
    /// Values remembered for one asset: a partner must not fill our memory with ties.
    pub const PER_ASSET_MAX: usize = 64;
}

/// All about an asset that decisions need, beside its quotes: existence, base, exceptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetHead {
    /// Counts the changes of the document, so that a reader can tell whether its copy is current.
    pub version: u32,
    pub life: Stamp,
    /// The newest delete, said or by absence.
    pub death: Stamp,
    /// The newest delete that was said: what is stamped at or below it is gone. Never above `death`.
    pub end: Stamp,
    /// When we learned of the newest death or end, by our clock.
    pub died_at: Micros,
    pub base: Stamp,
    /// Sorted by name; none below the base, all above the end.
    pub exceptions: Vec<Exception>,
    /// Oldest first; nearly always empty.
    pub beaten: Vec<Beaten>,
    /// Hash of the held document: what readers see, or would see if the asset were alive.
    pub hash: u128,
    /// The document's `currency`, where it names a valid one.
    pub currency: Option<Currency>,
    /// The document's `status` is something else than active (X5).
    pub inactive: bool,
    /// Taken out of lists by an operator.
    pub hidden: bool,
    /// Absences in a row from an undated feed (X3).
    pub absences: u8,
}

impl AssetHead {
    pub fn unborn() -> AssetHead {
        AssetHead {
            version: 0,
            life: Stamp::NEVER,
            death: Stamp::NEVER,
            end: Stamp::NEVER,
            died_at: Micros::BEGINNING,
            base: Stamp::NEVER,
            exceptions: Vec::new(),
            beaten: Vec::new(),
            hash: 0,
            currency: None,
            inactive: false,
            hidden: false,
            absences: 0,
        }
    }

    pub fn is_alive(&self) -> bool {
        self.life > self.death
    }

    /// A file lacked it, and nobody has said a delete since: what it holds shows when it comes back.
    pub fn is_absent(&self) -> bool {
        !self.is_alive() && self.death > self.end
    }

    /// The held document may have members: those of a base above the end, or written since.
    pub fn holds_members(&self) -> bool {
        self.base > self.end || self.exceptions.iter().any(|exception| !exception.removed)
    }

    /// The newest stamp that speaks for the asset or for one of its members (X3).
    pub fn newest(&self) -> Stamp {
        let members = self.exceptions.iter().map(|exception| exception.stamp);
        members.fold(self.life.max(self.base), Ord::max)
    }
}

/// What the change stream calls an asset's change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssetEvent {
    /// Readers find it from here on: the change sets the whole document.
    Created,
    Updated,
    /// Readers find it no longer. Members that the change removes are gone; others are held, hidden.
    Deleted,
    /// Stamps moved, or what a dead asset holds: no reader sees a difference, the change stream
    /// skips it.
    Stamped,
    /// A tombstone was collected (X4): id and slot are free again. Not in the change stream.
    Forgotten,
}

/// The asset's new head, and how its document differs from before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetChange {
    pub slot: Slot,
    pub id: AssetId,
    pub event: AssetEvent,
    pub head: AssetHead,
    /// Members that are new or different.
    pub set: Vec<Member>,
    pub removed: Vec<CompactString>,
    /// The stamp of the write that caused it.
    pub stamp: Stamp,
    pub origin: Origin,
}

/// The register of one quote as it is now. The asset may be dead: then it is parked (P3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceChange {
    pub slot: Slot,
    pub id: AssetId,
    /// Readers see a difference; else only stamps moved.
    pub visible: bool,
    pub quote: Quote,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    Asset(Box<AssetChange>),
    Price(PriceChange),
    Record(Box<RecordChange>),
}

/// One committed effect, once it has its sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub partner: PartnerNo,
    pub kind: ChangeKind,
}

/// Changes decided together for one partner: committed together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteSet {
    pub partner: PartnerNo,
    pub changes: Vec<ChangeKind>,
}

impl WriteSet {
    pub fn new(partner: PartnerNo) -> WriteSet {
        WriteSet { partner, changes: Vec::new() }
    }
}

/// When a change became durable, beside what the change itself says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    pub seq: Seq,
    pub committed_at: Micros,
    pub change: Change,
}
