//! Assets by id: one, or a page in order of id.

use super::AssetRow;
use super::slot::{SlotTables, SlotView};
use crate::codec::log::LogError;
use crate::domain::{AssetId, PartnerNo, Quote, Slot};
use crate::store::overlay::{DocumentPatch, Overlay};
use crate::store::shared::Shared;
use crate::store::tables::documents::{self, DocumentRow};
use crate::store::{ReadError, StoreError};
use redb::ReadTransaction;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

type Patches = Vec<Arc<DocumentPatch>>;

pub fn one(shared: &Shared, partner: PartnerNo, id: &AssetId) -> Result<Option<AssetRow>, ReadError> {
    let scout = |txn: &ReadTransaction| stored(txn, partner, id, DocumentRow::take);
    let collect = |overlay: &Overlay, row: &Option<DocumentRow>| {
        let patches: Patches = patches(overlay, partner, id).collect();
        let slot = current_slot(&patches, row.as_ref().map(|row| row.slot));
        (patches, slot.map(|slot| SlotView::take(overlay, partner, slot)))
    };
    let (txn, row, (patches, view)) = shared.together(scout, collect)?;
    let Some(view) = view else { return Ok(None) };
    let tables = SlotTables::open(&txn)?;
    Ok(finish(&tables, partner, id.clone(), Found { row, patches, view })?)
}

pub fn quotes(
    shared: &Shared,
    partner: PartnerNo,
    id: &AssetId,
) -> Result<Option<(Slot, Vec<Quote>)>, ReadError> {
    let scout = |txn: &ReadTransaction| stored(txn, partner, id, DocumentRow::take_slot);
    let collect = |overlay: &Overlay, stored: &Option<Slot>| {
        let patches: Patches = patches(overlay, partner, id).collect();
        let slot = current_slot(&patches, *stored)?;
        Some((slot, SlotView::take(overlay, partner, slot)))
    };
    let (txn, _, found) = shared.together(scout, collect)?;
    let Some((slot, view)) = found else { return Ok(None) };
    Ok(Some((slot, SlotTables::open(&txn)?.quotes(&view, partner, slot)?)))
}

fn stored<T>(
    txn: &ReadTransaction,
    partner: PartnerNo,
    id: &AssetId,
    take: fn(&[u8]) -> Result<T, LogError>,
) -> Result<Option<T>, StoreError> {
    let table = txn.open_table(documents::TABLE)?;
    let row = table.get((partner.0, id.as_bytes()))?;
    row.map(|row| take(row.value())).transpose().map_err(StoreError::corrupt("documents"))
}

fn patches(overlay: &Overlay, partner: PartnerNo, id: &AssetId) -> impl Iterator<Item = Arc<DocumentPatch>> {
    overlay.layers().filter_map(move |layer| layer.documents.get(partner, id).cloned())
}

/// The asset's slot; `None` where there is no asset.
fn current_slot(patches: &[Arc<DocumentPatch>], stored: Option<Slot>) -> Option<Slot> {
    match patches.last() {
        Some(patch) => (!patch.gone).then_some(patch.slot),
        None => stored,
    }
}

/// All that is known of an asset but its packed rows.
struct Found {
    row: Option<DocumentRow>,
    patches: Patches,
    view: SlotView,
}

fn finish(
    tables: &SlotTables,
    partner: PartnerNo,
    id: AssetId,
    found: Found,
) -> Result<Option<AssetRow>, StoreError> {
    let row = found.patches.iter().fold(found.row, |row, patch| patch.apply(row));
    let Some(row) = row else { return Ok(None) };
    let slot = row.slot;
    // written together with the document in every commit and in every checkpoint
    let Some((_, head)) = tables.head(&found.view, partner, slot)? else {
        let source = LogError::Bounds("slot of a document");
        return Err(StoreError::Corrupt { table: "documents", source });
    };
    Ok(Some(AssetRow {
        partner,
        slot,
        id,
        head,
        document: row.members,
        base_origin: row.base_origin,
        exception_origins: row.exceptions,
        quotes: tables.quotes(&found.view, partner, slot)?,
        changed: row.changed,
    }))
}

pub fn page(
    shared: &Shared,
    partner: PartnerNo,
    after: Option<&AssetId>,
    limit: usize,
) -> Result<Vec<AssetRow>, ReadError> {
    let mut rows = Vec::new();
    let mut after = after.cloned();
    // a stretch may hold less than asked for, where assets in it are forgotten
    while rows.len() < limit {
        let end = stretch(shared, partner, after.as_ref(), limit - rows.len(), &mut rows)?;
        if end.is_none() {
            break;
        }
        after = end;
    }
    Ok(rows)
}

/// The ids of one stretch behind some id, and where it ends.
#[derive(Default)]
struct Stretch {
    patches: BTreeMap<AssetId, Patches>,
    views: BTreeMap<AssetId, SlotView>,
    /// The last id that was looked at in all layers; `None` where that was all.
    end: Option<AssetId>,
}

/// Reads up to `limit` assets behind `after`; returns the id to go on behind, `None` at the end.
fn stretch(
    shared: &Shared,
    partner: PartnerNo,
    after: Option<&AssetId>,
    limit: usize,
    rows: &mut Vec<AssetRow>,
) -> Result<Option<AssetId>, ReadError> {
    let scout = |txn: &ReadTransaction| stored_rows(txn, partner, after, limit);
    let collect = |overlay: &Overlay, stored: &BTreeMap<AssetId, DocumentRow>| {
        Stretch::take(overlay, partner, after, limit, stored)
    };
    let (txn, mut stored, mut stretch) = shared.together(scout, collect)?;
    let tables = SlotTables::open(&txn)?;
    for (id, view) in stretch.views {
        let patches = stretch.patches.remove(&id).unwrap_or_default();
        let row = stored.remove(&id);
        rows.extend(finish(&tables, partner, id, Found { row, patches, view })?);
    }
    Ok(stretch.end)
}

fn stored_rows(
    txn: &ReadTransaction,
    partner: PartnerNo,
    after: Option<&AssetId>,
    limit: usize,
) -> Result<BTreeMap<AssetId, DocumentRow>, StoreError> {
    let table = txn.open_table(documents::TABLE)?;
    let from = match after {
        Some(id) => Bound::Excluded((partner.0, id.as_bytes())),
        None => Bound::Included((partner.0, &[][..])),
    };
    let to = partner.0.checked_add(1).map_or(Bound::Unbounded, |next| Bound::Excluded((next, &[][..])));
    let mut rows = BTreeMap::new();
    for row in table.range::<(u32, &[u8])>((from, to))?.take(limit) {
        let (key, row) = row?;
        let corrupt = StoreError::corrupt("documents");
        let id = std::str::from_utf8(key.value().1).ok().and_then(|id| AssetId::new(id).ok());
        let id = id.ok_or(LogError::Bounds("asset id")).map_err(&corrupt)?;
        rows.insert(id, DocumentRow::take(row.value()).map_err(&corrupt)?);
    }
    Ok(rows)
}

impl Stretch {
    fn take(
        overlay: &Overlay,
        partner: PartnerNo,
        after: Option<&AssetId>,
        limit: usize,
        stored: &BTreeMap<AssetId, DocumentRow>,
    ) -> Stretch {
        let mut stretch = Stretch::default();
        if stored.len() >= limit {
            stretch.end = stored.last_key_value().map(|(id, _)| id.clone());
        }
        for layer in overlay.layers() {
            let mut living = 0;
            for (id, patch) in layer.documents.after(partner, after) {
                if living == limit || stretch.end.as_ref().is_some_and(|end| id > end) {
                    break;
                }
                stretch.patches.entry(id.clone()).or_default().push(patch.clone());
                living += usize::from(!patch.gone);
                if living == limit {
                    stretch.end = Some(id.clone());
                }
            }
        }
        stretch.take_views(overlay, partner, limit, stored);
        stretch
    }

    fn take_views(
        &mut self,
        overlay: &Overlay,
        partner: PartnerNo,
        limit: usize,
        stored: &BTreeMap<AssetId, DocumentRow>,
    ) {
        let only_stored = stored.iter().filter(|(id, _)| !self.patches.contains_key(*id));
        let mut slots: BTreeMap<&AssetId, Slot> = only_stored.map(|(id, row)| (id, row.slot)).collect();
        for (id, patches) in &self.patches {
            slots.extend(current_slot(patches, None).map(|slot| (id, slot)));
        }
        let end = self.end.clone();
        let in_stretch = slots.into_iter().filter(|(id, _)| end.as_ref().is_none_or(|end| *id <= end));
        for (id, slot) in in_stretch {
            if self.views.len() == limit {
                self.end = self.views.last_key_value().map(|(id, _)| id.clone());
                break;
            }
            self.views.insert(id.clone(), SlotView::take(overlay, partner, slot));
        }
    }
}
