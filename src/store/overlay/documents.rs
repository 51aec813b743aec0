//! What the overlay holds of documents: for each id the sum of its changes, as a patch on the row
//! that the layer below holds.
//!
//! A patch is a sum of facts, so it may be laid over a row that holds some of them already: the
//! result is the same. That is what lets readers and recovery disregard how far a checkpoint came.

use crate::domain::{
    AssetChange, AssetEvent, AssetHead, AssetId, Document, Exception, Member, Micros, Origin, PartnerNo, Seq,
    Slot, Stamp,
};
use crate::store::tables::documents::DocumentRow;
use compact_str::CompactString;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What of the row below still shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ground {
    /// The row, changed.
    Row,
    /// The row without members: a delete has taken them all, or a change brought all there are.
    Emptied,
    /// Nothing: the asset was forgotten.
    Bare,
}

/// The sum of an asset's changes since the layer below, laid over the row that it holds.
#[derive(Clone, Debug)]
pub struct DocumentPatch {
    /// The last change of the asset.
    pub seq: Seq,
    /// Where the asset stands.
    pub slot: Slot,
    /// The asset is forgotten: there is no row.
    pub gone: bool,
    ground: Ground,
    changed: Option<Seq>,
    set: Document,
    removed: Vec<CompactString>,
    base_origin: Option<(Origin, Micros)>,
    /// Who wrote the head's exceptions; `None` where the row below knows it.
    exceptions: Vec<(CompactString, Option<(Origin, Micros)>)>,
    /// The change that began the patch: stands in for what nobody else knows.
    began: Beginning,
}

#[derive(Clone, Copy, Debug)]
struct Beginning {
    seq: Seq,
    source: (Origin, Micros),
}

impl DocumentPatch {
    fn new(slot: Slot, began: Beginning) -> DocumentPatch {
        DocumentPatch {
            seq: began.seq,
            slot,
            gone: false,
            ground: Ground::Row,
            changed: None,
            set: Document::default(),
            removed: Vec::new(),
            base_origin: None,
            exceptions: Vec::new(),
            began,
        }
    }

    fn add(&mut self, seq: Seq, committed_at: Micros, change: AssetChange) {
        let source = (change.origin, committed_at);
        if self.gone {
            self.began = Beginning { seq, source };
        }
        self.seq = seq;
        self.slot = change.slot;
        self.gone = change.event == AssetEvent::Forgotten;
        match change.event {
            AssetEvent::Forgotten => {
                let fresh = DocumentPatch::new(change.slot, Beginning { seq, source });
                *self = DocumentPatch { gone: true, ground: Ground::Bare, ..fresh };
                return;
            }
            // the head says so alone, as it did before absence left anything
            AssetEvent::Deleted | AssetEvent::Stamped if !change.head.holds_members() => {
                self.replace_members(Vec::new());
            }
            AssetEvent::Created => self.replace_members(change.set),
            AssetEvent::Updated | AssetEvent::Deleted | AssetEvent::Stamped => {
                self.change_members(&change.removed, change.set);
            }
        }
        if change.event != AssetEvent::Stamped {
            self.changed = Some(seq);
        }
        self.note_origins(&change.head, change.stamp, source);
    }

    fn replace_members(&mut self, members: Vec<Member>) {
        self.ground = if self.ground == Ground::Bare { Ground::Bare } else { Ground::Emptied };
        self.set = Document::from_members(members);
        self.removed.clear();
    }

    fn change_members(&mut self, removed: &[CompactString], set: Vec<Member>) {
        for name in removed {
            self.set.remove(name);
            if let (Ground::Row, Err(place)) = (self.ground, self.removed.binary_search(name)) {
                self.removed.insert(place, name.clone());
            }
        }
        if self.set.is_empty() && self.removed.is_empty() {
            self.set = Document::from_members(set);
            return;
        }
        for member in set {
            if let Ok(place) = self.removed.binary_search(&member.name) {
                self.removed.remove(place);
            }
            self.set.set(member);
        }
    }

    /// Notes who wrote the base and the exceptions: those that carry the change's stamp have its origin,
    /// others keep theirs. If base and exception carry the same stamp, the change was the partial write;
    /// the base keeps its origin. A change without a stamp wrote neither, and a delete at the base's own
    /// stamp only ended it.
    fn note_origins(&mut self, head: &AssetHead, stamp: Stamp, source: (Origin, Micros)) {
        if head.base > head.end
            && head.base == stamp
            && head.exceptions.iter().all(|exception| exception.stamp != stamp)
        {
            self.base_origin = Some(source);
        }
        let before = std::mem::take(&mut self.exceptions);
        let mut known = Walk { rest: &before, name: |(name, _)| name };
        let origin_of = |e: &Exception| match known.find(&e.name) {
            _ if stamp.happened() && e.stamp == stamp => Some(source),
            found => found.and_then(|(_, origin)| *origin),
        };
        let origins = head.exceptions.iter().map(origin_of);
        let names = head.exceptions.iter().map(|e| e.name.clone());
        self.exceptions = names.zip(origins).collect();
    }

    /// Whether the patch says all that the row will, but for the writer of its base: a row below that
    /// is damaged is mended by it.
    pub fn stands_alone(&self) -> bool {
        let has_writers = self.exceptions.iter().all(|(_, source)| source.is_some());
        match self.ground {
            Ground::Row => false,
            Ground::Emptied => self.changed.is_some() && has_writers,
            Ground::Bare => true,
        }
    }

    /// The row as it is with this patch; `None` where there is none.
    pub fn apply(&self, row: Option<DocumentRow>) -> Option<DocumentRow> {
        if self.gone {
            return None;
        }
        let row = row.filter(|_| self.ground != Ground::Bare);
        let (changed, base_origin, members, known) = match row {
            Some(row) => (row.changed, row.base_origin, row.members, row.exceptions),
            None => (self.began.seq, self.began.source, Document::default(), Vec::new()),
        };
        let mut known = Walk { rest: &known, name: |(name, ..)| name };
        let exceptions = self.exceptions.iter().map(|(name, source)| {
            let below = || known.find(name).map(|(_, origin, at)| (*origin, *at));
            let (origin, at) = source.or_else(below).unwrap_or(self.began.source);
            (name.clone(), origin, at)
        });
        Some(DocumentRow {
            applied: self.seq,
            slot: self.slot,
            changed: self.changed.unwrap_or(changed),
            base_origin: self.base_origin.unwrap_or(base_origin),
            exceptions: exceptions.collect(),
            members: self.patched(members),
        })
    }

    fn patched(&self, mut members: Document) -> Document {
        if self.ground != Ground::Row || members.is_empty() {
            return self.set.clone();
        }
        for name in &self.removed {
            members.remove(name);
        }
        for member in self.set.members() {
            members.set(member.clone());
        }
        members
    }

    /// About how many bytes the patch takes in memory.
    pub fn bytes(&self) -> usize {
        let members: usize =
            self.set.members().iter().map(|m| size_of_val(m) + m.text.len() + 32 + m.name.len()).sum();
        size_of::<DocumentPatch>() + members + 64 * (self.exceptions.len() + self.removed.len())
    }
}

/// Looks names up in a list, both in order of name: the list is walked once, however many are
/// looked up. This runs on the writer's thread, in front of which every partner waits.
struct Walk<'a, T> {
    rest: &'a [T],
    name: fn(&T) -> &CompactString,
}

impl<'a, T> Walk<'a, T> {
    fn find(&mut self, wanted: &CompactString) -> Option<&'a T> {
        let passed = self.rest.iter().take_while(|entry| (self.name)(entry) < wanted).count();
        self.rest = &self.rest[passed..];
        self.rest.first().filter(|entry| (self.name)(entry) == wanted)
    }
}

/// Patches by partner and id, in the order of the table.
#[derive(Debug, Default)]
pub struct Documents {
    partners: BTreeMap<PartnerNo, BTreeMap<AssetId, Arc<DocumentPatch>>>,
    /// About how many bytes all of them take in memory.
    pub bytes: usize,
}

/// What a map's node adds to an entry, about.
const NODE_BYTES: usize = size_of::<AssetId>() + 32;

impl Documents {
    /// Adds a change to the asset's patch.
    pub fn add(&mut self, seq: Seq, committed_at: Micros, partner: PartnerNo, change: AssetChange) {
        let patches = self.partners.entry(partner).or_default();
        let patch = patches.entry(change.id.clone()).or_insert_with(|| {
            self.bytes += NODE_BYTES + change.id.as_str().len() + size_of::<DocumentPatch>();
            Arc::new(DocumentPatch::new(
                change.slot,
                Beginning { seq, source: (change.origin, committed_at) },
            ))
        });
        // a reader may hold the patch: then this makes a copy, and the reader keeps what it saw
        let patch = Arc::make_mut(patch);
        let before = patch.bytes();
        patch.add(seq, committed_at, change);
        self.bytes = self.bytes + patch.bytes() - before;
    }

    /// The asset's patch; `None` where nothing has changed since the layer below.
    pub fn get(&self, partner: PartnerNo, id: &AssetId) -> Option<&Arc<DocumentPatch>> {
        self.partners.get(&partner)?.get(id)
    }

    /// The partner's patches after this id, in order of id; from the first where `None`.
    pub fn after<'a>(
        &'a self,
        partner: PartnerNo,
        after: Option<&AssetId>,
    ) -> impl Iterator<Item = (&'a AssetId, &'a Arc<DocumentPatch>)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.partners.get(&partner).into_iter().flat_map(move |p| p.range::<AssetId, _>((from, Unbounded)))
    }

    /// All patches after this place, partner by partner.
    pub fn from<'a>(
        &'a self,
        partner: PartnerNo,
        after: Option<&'a AssetId>,
    ) -> impl Iterator<Item = (PartnerNo, &'a AssetId, &'a DocumentPatch)> {
        self.partners.range(partner..).flat_map(move |(&found, _)| {
            let after = after.filter(|_| found == partner);
            self.after(found, after).map(move |(id, patch)| (found, id, &**patch))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Mark;
    use crate::domain::Lane;
    use std::time::Duration;

    const ASSET: Slot = Slot(3);

    fn push(delivery: u64) -> (Origin, Micros) {
        (Origin::Push { delivery }, Micros(delivery as i64))
    }

    fn at(micros: i64) -> Stamp {
        Stamp::new(Micros(micros), Lane::Push, 0)
    }

    fn removals(names: impl Iterator<Item = (usize, i64)>) -> Vec<Exception> {
        let name = |n: usize| CompactString::from(format!("member {n:06}"));
        names.map(|(n, time)| Exception { name: name(n), stamp: at(time), removed: true }).collect()
    }

    /// A partial write at `time` that leaves these exceptions.
    fn stamped(patch: &mut DocumentPatch, time: i64, exceptions: Vec<Exception>) {
        let head = AssetHead { life: at(1), base: at(1), exceptions, ..AssetHead::unborn() };
        let (origin, committed_at) = push(time as u64);
        let change = AssetChange {
            slot: ASSET,
            id: AssetId::new("a").unwrap(),
            event: AssetEvent::Stamped,
            head,
            set: Vec::new(),
            removed: Vec::new(),
            stamp: at(time),
            origin,
        };
        patch.add(Seq(time as u64), committed_at, change);
    }

    fn patch() -> DocumentPatch {
        DocumentPatch::new(ASSET, Beginning { seq: Seq(2), source: push(2) })
    }

    #[test]
    fn each_exception_keeps_its_writer_through_patches_and_the_row_below() {
        let mut below = patch();
        stamped(&mut below, 2, removals([(1, 2), (3, 2), (5, 2)].into_iter()));
        let row = below.apply(None);
        let mut above = patch();
        stamped(&mut above, 6, removals([(1, 2), (2, 6), (3, 2), (5, 2)].into_iter()));
        stamped(&mut above, 7, removals([(2, 6), (3, 7), (5, 2), (9, 7)].into_iter()));
        let exceptions = above.apply(row).unwrap().exceptions;
        let writers: Vec<_> = exceptions.iter().map(|(_, origin, at)| (*origin, *at)).collect();
        assert_eq!(writers, [push(6), push(7), push(2), push(7)]);
    }

    #[test]
    fn b2_a_change_without_a_stamp_writes_no_base() {
        let mut patch = patch();
        stamped(&mut patch, 2, Vec::new());
        let head = AssetHead { life: at(1), absences: 1, ..AssetHead::unborn() };
        let change = AssetChange {
            slot: ASSET,
            id: AssetId::new("a").unwrap(),
            event: AssetEvent::Stamped,
            head,
            set: Vec::new(),
            removed: Vec::new(),
            stamp: Stamp::NEVER,
            origin: Origin::Feed { run: 9, record: u32::MAX },
        };
        patch.add(Seq(9), Micros(9), change.clone());
        assert_eq!(patch.apply(None).unwrap().base_origin, push(2));
        let head = AssetHead { base: at(2), death: at(2), end: at(2), ..change.head.clone() };
        let deleted = AssetChange { event: AssetEvent::Deleted, head, stamp: at(2), ..change };
        patch.add(Seq(10), Micros(10), deleted);
        assert_eq!(patch.apply(None).unwrap().base_origin, push(2), "a delete writes none either");
    }

    #[test]
    fn a_patch_stands_alone_where_it_says_all_that_the_row_below_would() {
        let change = |event, head: AssetHead, stamp| AssetChange {
            slot: ASSET,
            id: AssetId::new("a").unwrap(),
            event,
            head,
            set: Vec::new(),
            removed: Vec::new(),
            stamp,
            origin: Origin::Push { delivery: 9 },
        };
        let full = AssetHead { life: at(9), base: at(9), ..AssetHead::unborn() };
        let older = AssetHead { base: at(5), ..full.clone() };
        let excepted = AssetHead { exceptions: removals([(1, 10)].into_iter()), ..full.clone() };
        let ended = AssetHead { death: at(9), end: at(9), ..AssetHead::unborn() };
        for (event, head, alone) in [
            (AssetEvent::Created, &full, true),
            (AssetEvent::Created, &older, true),
            (AssetEvent::Created, &excepted, false),
            (AssetEvent::Updated, &full, false),
            (AssetEvent::Deleted, &ended, true),
            (AssetEvent::Stamped, &ended, false),
            (AssetEvent::Forgotten, &ended, true),
        ] {
            let mut patch = patch();
            patch.add(Seq(9), Micros(9), change(event, head.clone(), at(9)));
            assert_eq!(patch.stands_alone(), alone, "{event:?} {head:?}");
            let mut below = self::patch();
            stamped(&mut below, 4, removals([(1, 4)].into_iter()));
            let (row, mended) = (patch.apply(below.apply(None)), patch.apply(Some(DocumentRow::lost())));
            let mended = mended.map(|mended| match mended.base_origin {
                DocumentRow::UNKNOWN => {
                    DocumentRow { base_origin: row.as_ref().unwrap().base_origin, ..mended }
                }
                _ => mended,
            });
            assert!(!alone || mended == row, "{event:?} {head:?}");
        }
    }

    #[test]
    fn thousands_of_exceptions_are_taken_in_and_laid_over_a_row_in_milliseconds() {
        const MANY: usize = 60_000;
        let began = Mark::now();
        let mut below = patch();
        stamped(&mut below, 2, removals((0..MANY).map(|n| (n, 2))));
        let row = below.apply(None);
        let mut above = patch();
        stamped(&mut above, 3, removals((0..MANY).map(|n| (n, 2))));
        stamped(&mut above, 4, removals((0..=MANY).map(|n| (n, if n < MANY { 2 } else { 4 }))));
        let exceptions = above.apply(row).unwrap().exceptions;
        assert_eq!((exceptions.len(), exceptions[MANY].1), (MANY + 1, push(4).0));
        // some 20 ms; each looked up in the whole list, they would take many seconds
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
}
