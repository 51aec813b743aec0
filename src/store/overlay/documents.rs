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
    /// The row without members: the asset was deleted.
    Emptied,
    /// Nothing: the asset was forgotten.
    Bare,
}

#[derive(Clone, Debug)]
pub struct DocumentPatch {
    /// The last change of the asset.
    pub seq: Seq,
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
            AssetEvent::Deleted => {
                self.ground = if self.ground == Ground::Bare { Ground::Bare } else { Ground::Emptied };
                self.set = Document::default();
                self.removed.clear();
                self.changed = Some(seq);
            }
            AssetEvent::Created | AssetEvent::Updated => {
                self.change_members(&change.removed, change.set);
                self.changed = Some(seq);
            }
            AssetEvent::Stamped => {}
        }
        self.note_origins(&change.head, change.stamp, source);
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

    /// The base and the exceptions that bear the change's stamp are its own; others keep theirs. Where
    /// both bear it, a partial write came as of the same time as the base: that stays another's.
    fn note_origins(&mut self, head: &AssetHead, stamp: Stamp, source: (Origin, Micros)) {
        if head.base == stamp && head.exceptions.iter().all(|exception| exception.stamp != stamp) {
            self.base_origin = Some(source);
        }
        let before = std::mem::take(&mut self.exceptions);
        let known =
            |name: &CompactString| before.iter().find(|(n, _)| n == name).and_then(|(_, origin)| *origin);
        let origin_of = |e: &Exception| if e.stamp == stamp { Some(source) } else { known(&e.name) };
        self.exceptions = head.exceptions.iter().map(|e| (e.name.clone(), origin_of(e))).collect();
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
        let origin_of = |name: &CompactString| {
            known.iter().find(|(n, ..)| n == name).map_or(self.began.source, |(_, origin, at)| (*origin, *at))
        };
        let exceptions = self.exceptions.iter().map(|(name, source)| {
            let (origin, at) = source.unwrap_or_else(|| origin_of(name));
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

    fn bytes(&self) -> usize {
        let members: usize =
            self.set.members().iter().map(|m| size_of_val(m) + m.text.len() + 16 + m.name.len()).sum();
        size_of::<DocumentPatch>() + members + 64 * (self.exceptions.len() + self.removed.len())
    }
}

/// Patches by partner and id, in the order of the table.
#[derive(Debug, Default)]
pub struct Documents {
    partners: BTreeMap<PartnerNo, BTreeMap<AssetId, Arc<DocumentPatch>>>,
    pub bytes: usize,
}

/// What a map's node adds to an entry, about.
const NODE_BYTES: usize = size_of::<AssetId>() + 32;

impl Documents {
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

    pub fn get(&self, partner: PartnerNo, id: &AssetId) -> Option<&Arc<DocumentPatch>> {
        self.partners.get(&partner)?.get(id)
    }

    /// The partner's patches behind `after`, in order of id.
    pub fn after<'a>(
        &'a self,
        partner: PartnerNo,
        after: Option<&AssetId>,
    ) -> impl Iterator<Item = (&'a AssetId, &'a Arc<DocumentPatch>)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.partners.get(&partner).into_iter().flat_map(move |p| p.range::<AssetId, _>((from, Unbounded)))
    }

    /// All patches behind the place named, partner by partner.
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
