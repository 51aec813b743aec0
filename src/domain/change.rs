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
    /// The member's name.
    pub name: CompactString,
    /// The stamp of the write that named the member: above the base.
    pub stamp: Stamp,
    /// The write removed the member; else it gave it a value.
    pub removed: bool,
}

/// Content that has lost at the very stamp at which other content stands (D3): when it comes again
/// it has lost already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beaten {
    /// The member whose value has lost; `None`: the content of a full write has.
    pub member: Option<CompactString>,
    /// The hash of the member's value, 0 where it was removed; or of the full write's content without
    /// `under`.
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
    /// The newest sign that the asset exists: a PUT, a POST, or its presence in a snapshot.
    pub life: Stamp,
    /// The newest delete, said or by absence.
    pub death: Stamp,
    /// The newest delete that was said: what is stamped at or below it is gone. Never above `death`.
    pub end: Stamp,
    /// When we learned of the newest death or end, by our clock.
    pub died_at: Micros,
    /// The newest full write: members at or above it show.
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
    /// The head of an asset of which nothing has been heard: neither alive nor deleted.
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

    /// Whether readers find it, unless an operator hides it.
    pub fn is_alive(&self) -> bool {
        self.life > self.death
    }

    /// Whether a file lacked it and nobody has said a delete since: what it holds shows when it comes
    /// back.
    pub fn is_absent(&self) -> bool {
        !self.is_alive() && self.death > self.end
    }

    /// Whether the held document may have members: those of a base above the end, or written since.
    pub fn holds_members(&self) -> bool {
        self.base > self.end || self.exceptions.iter().any(|exception| !exception.removed)
    }

    /// The newest stamp of the asset or of one of its members: an absence above it deletes (X3).
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
    /// The document of a living asset is different.
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
    /// Where the asset stands within its partner.
    pub slot: Slot,
    /// The partner's name for it.
    pub id: AssetId,
    /// What readers of the change stream learn.
    pub event: AssetEvent,
    /// The head from now on, whole.
    pub head: AssetHead,
    /// Members that are new or different.
    pub set: Vec<Member>,
    /// Names of members that the held document has no more.
    pub removed: Vec<CompactString>,
    /// The stamp of the write that caused it; `Stamp::NEVER` where no write did.
    pub stamp: Stamp,
    /// Where that write came from.
    pub origin: Origin,
}

/// The register of one quote as it is now. The asset may be dead: then it is parked (P3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceChange {
    /// Where the asset stands within its partner.
    pub slot: Slot,
    /// The partner's name for it.
    pub id: AssetId,
    /// Readers see a difference; else only stamps moved, or the asset is dead.
    pub visible: bool,
    /// The register from now on, whole; emptied where nothing is left of the quote.
    pub quote: Quote,
}

/// What a change is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// An asset's existence or document.
    Asset(Box<AssetChange>),
    /// One quote of an asset.
    Price(PriceChange),
    /// What is kept of the partner beside its assets; never in the change stream.
    Record(Box<RecordChange>),
}

/// One effect, before the log gives it a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whose asset or record it is.
    pub partner: PartnerNo,
    /// The effect itself.
    pub kind: ChangeKind,
}

/// Changes decided together for one partner: committed together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteSet {
    /// Whose changes they are.
    pub partner: PartnerNo,
    /// In the order in which they were decided, which is that of their sequences.
    pub changes: Vec<ChangeKind>,
}

impl WriteSet {
    /// A set without changes yet.
    pub fn new(partner: PartnerNo) -> WriteSet {
        WriteSet { partner, changes: Vec::new() }
    }
}

/// A change of the log, with its place there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its place in the log.
    pub seq: Seq,
    /// When its group was committed, by our clock.
    pub committed_at: Micros,
    /// The effect.
    pub change: Change,
}
