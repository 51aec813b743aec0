//! Assets by id: one, or a page in order of id.

use super::rows::{AssetRow, AssetsPage, DamagedRow, Span};
use super::slot::{SlotTables, SlotView};
use crate::codec::log::{FrameKey, LogError};
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
/// An error where the row in the table is damaged.
type StoredRow = Result<Option<DocumentRow>, LogError>;

/// About how many bytes a row takes beside its members.
const ROW_BYTES: usize = 512;

/// One asset, with the members of these names (`None`: all); `None` where the id is unknown.
pub fn one(
    shared: &Shared,
    partner: PartnerNo,
    id: &AssetId,
    members: Option<&[&str]>,
) -> Result<Option<AssetRow>, ReadError> {
    let scout = |txn: &ReadTransaction| {
        stored(txn, partner, id, |row, key| DocumentRow::take_with(row, key, members))
    };
    let collect = |overlay: &Overlay, row: &StoredRow| {
        let patches: Patches = patches(overlay, partner, id).collect();
        let stored = row.as_ref().ok().and_then(|row| row.as_ref());
        let slot = current_slot(&patches, stored.map(|row| row.slot));
        (patches, slot.map(|slot| SlotView::take(overlay, partner, slot)))
    };
    let (txn, row, (patches, view)) = shared.together(scout, collect)?;
    let row = below(row, &patches, DocumentRow::lost())?;
    let Some(view) = view else { return Ok(None) };
    let tables = SlotTables::open(&txn)?;
    Ok(finish(&tables, partner, id.clone(), Found { row, patches, view }, members)?)
}

/// Slot and quotes of one asset; `None` where the id is unknown.
pub fn quotes(
    shared: &Shared,
    partner: PartnerNo,
    id: &AssetId,
) -> Result<Option<(Slot, Vec<Quote>)>, ReadError> {
    let scout = |txn: &ReadTransaction| stored(txn, partner, id, DocumentRow::take_slot);
    let collect = |overlay: &Overlay, stored: &Result<Option<Slot>, LogError>| {
        let patches: Patches = patches(overlay, partner, id).collect();
        let slot = current_slot(&patches, stored.as_ref().ok().copied().flatten());
        (patches, slot.map(|slot| (slot, SlotView::take(overlay, partner, slot))))
    };
    let (txn, stored, (patches, found)) = shared.together(scout, collect)?;
    below(stored, &patches, Slot(0))?;
    let Some((slot, view)) = found else { return Ok(None) };
    Ok(Some((slot, SlotTables::open(&txn)?.quotes(&view, partner, slot)?)))
}

fn stored<T>(
    txn: &ReadTransaction,
    partner: PartnerNo,
    id: &AssetId,
    take: impl Fn(&[u8], FrameKey) -> Result<T, LogError>,
) -> Result<Result<Option<T>, LogError>, StoreError> {
    let table = txn.open_table(documents::TABLE)?;
    let row = table.get((partner.0, id.as_bytes()))?;
    let key = documents::key_of(partner.0, id.as_bytes());
    Ok(row.map(|row| take(row.value(), key)).transpose())
}

/// What lies in the table below the patches: `lost` where that is damaged, and one of them stands alone.
fn below<T>(
    stored: Result<Option<T>, LogError>,
    patches: &[Arc<DocumentPatch>],
    lost: T,
) -> Result<Option<T>, StoreError> {
    match stored {
        Err(_) if patches.iter().any(|patch| patch.stands_alone()) => Ok(Some(lost)),
        stored => stored.map_err(StoreError::corrupt("documents")),
    }
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
    members: Option<&[&str]>,
) -> Result<Option<AssetRow>, StoreError> {
    let row = found.patches.iter().fold(found.row, |row, patch| patch.apply(row));
    let Some(mut row) = row else { return Ok(None) };
    if let Some(wanted) = members {
        row.members.retain(wanted);
    }
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

/// Assets in order of id, as far as the span goes, those that are damaged in their places.
pub fn within(
    shared: &Shared,
    partner: PartnerNo,
    after: Option<&AssetId>,
    span: Span<'_>,
) -> Result<AssetsPage, ReadError> {
    let mut page = AssetsPage { next: after.cloned(), ..AssetsPage::default() };
    let mut room = Room { rows: span.rows, bytes: span.bytes };
    // a stretch may hold less than asked for, where assets in it are forgotten
    while room.rows > 0 && room.bytes > 0 {
        let after = page.next.take();
        stretch(shared, (partner, after.as_ref()), &mut room, span.members, &mut page)?;
        if page.next.is_none() {
            break;
        }
    }
    Ok(page)
}

/// What of a span is left.
#[derive(Clone, Copy)]
struct Room {
    rows: usize,
    bytes: usize,
}

impl Room {
    fn take(&mut self, row: &Result<AssetRow, DamagedRow>) {
        let bytes = row.as_ref().map_or(0, |row| row.document.bytes());
        self.rows = self.rows.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(ROW_BYTES + bytes);
    }
}

/// The ids of one stretch after some id, and where it ends.
#[derive(Default)]
struct Stretch {
    patches: BTreeMap<AssetId, Patches>,
    /// `None` where the slot stands in a row that is damaged.
    views: BTreeMap<AssetId, Option<SlotView>>,
    /// The last id that was looked at in all layers; `None` where that was all.
    end: Option<AssetId>,
}

/// Reads what there is room for after `after`; `page.next` is then the id to go on after.
fn stretch(
    shared: &Shared,
    (partner, after): (PartnerNo, Option<&AssetId>),
    room: &mut Room,
    members: Option<&[&str]>,
    page: &mut AssetsPage,
) -> Result<(), ReadError> {
    let most = *room;
    let scout = |txn: &ReadTransaction| Stored::read(txn, (partner, after), most, members);
    let collect =
        |overlay: &Overlay, stored: &Stored| Stretch::take(overlay, partner, after, most.rows, stored);
    let (txn, mut stored, mut stretch) = shared.together(scout, collect)?;
    let tables = SlotTables::open(&txn)?;
    page.read_bytes += stored.bytes;
    page.next = stretch.end;
    let last = stretch.views.last_key_value().map(|(id, _)| id.clone());
    for (id, view) in stretch.views {
        let patches = stretch.patches.remove(&id).unwrap_or_default();
        page.read_bytes += patches.iter().map(|patch| patch.bytes()).sum::<usize>();
        let row = below(stored.rows.remove(&id).transpose(), &patches, DocumentRow::lost());
        let found = row.and_then(|row| match view {
            Some(view) => finish(&tables, partner, id.clone(), Found { row, patches, view }, members),
            None => Ok(None),
        });
        let found = match found {
            Ok(found) => found.map(Ok),
            Err(cause) if cause.damaged().is_some() => Some(Err(DamagedRow { id: id.clone(), cause })),
            Err(failed) => return Err(failed.into()),
        };
        found.iter().for_each(|row| room.take(row));
        page.rows.extend(found);
        if room.bytes == 0 && last.as_ref() != Some(&id) {
            page.next = Some(id);
            break;
        }
    }
    Ok(())
}

/// Rows of the table after some id.
#[derive(Default)]
struct Stored {
    rows: BTreeMap<AssetId, Result<DocumentRow, LogError>>,
    /// How many bytes the rows take as they are stored.
    bytes: usize,
    /// There may be more after them.
    more: bool,
}

impl Stored {
    fn read(
        txn: &ReadTransaction,
        (partner, after): (PartnerNo, Option<&AssetId>),
        room: Room,
        members: Option<&[&str]>,
    ) -> Result<Stored, StoreError> {
        let table = txn.open_table(documents::TABLE)?;
        let from = match after {
            Some(id) => Bound::Excluded((partner.0, id.as_bytes())),
            None => Bound::Included((partner.0, &[][..])),
        };
        let to = partner.0.checked_add(1).map_or(Bound::Unbounded, |next| Bound::Excluded((next, &[][..])));
        let mut stored = Stored::default();
        let mut held = 0;
        for row in table.range::<(u32, &[u8])>((from, to))? {
            let (key, row) = row?;
            let corrupt = StoreError::corrupt("documents");
            let id = std::str::from_utf8(key.value().1).ok().and_then(|id| AssetId::new(id).ok());
            let id = id.ok_or(LogError::Bounds("asset id")).map_err(&corrupt)?;
            let bytes = row.value();
            stored.bytes += bytes.len();
            let row = DocumentRow::take_with(bytes, documents::key_of(partner.0, key.value().1), members);
            held += ROW_BYTES + row.as_ref().map_or(0, |row| row.members.bytes());
            stored.rows.insert(id, row);
            if stored.rows.len() == room.rows || held >= room.bytes {
                stored.more = true;
                break;
            }
        }
        Ok(stored)
    }
}

impl Stretch {
    fn take(
        overlay: &Overlay,
        partner: PartnerNo,
        after: Option<&AssetId>,
        limit: usize,
        stored: &Stored,
    ) -> Stretch {
        let mut stretch = Stretch::default();
        if stored.more {
            stretch.end = stored.rows.last_key_value().map(|(id, _)| id.clone());
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
        stretch.take_views(overlay, partner, limit, &stored.rows);
        stretch
    }

    fn take_views(
        &mut self,
        overlay: &Overlay,
        partner: PartnerNo,
        limit: usize,
        stored: &BTreeMap<AssetId, Result<DocumentRow, LogError>>,
    ) {
        let only_stored = stored.iter().filter(|(id, _)| !self.patches.contains_key(*id));
        let slot_of = |row: &Result<DocumentRow, LogError>| row.as_ref().ok().map(|row| row.slot);
        let mut slots: BTreeMap<&AssetId, Option<Slot>> =
            only_stored.map(|(id, row)| (id, slot_of(row))).collect();
        for (id, patches) in &self.patches {
            slots.extend(current_slot(patches, None).map(|slot| (id, Some(slot))));
        }
        let end = self.end.clone();
        let in_stretch = slots.into_iter().filter(|(id, _)| end.as_ref().is_none_or(|end| *id <= end));
        for (id, slot) in in_stretch {
            if self.views.len() == limit {
                self.end = self.views.last_key_value().map(|(id, _)| id.clone());
                break;
            }
            let view = slot.map(|slot| SlotView::take(overlay, partner, slot));
            self.views.insert(id.clone(), view);
        }
    }
}
