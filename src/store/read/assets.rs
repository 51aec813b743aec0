//! Assets by id: one, or a page in order of id.

use super::slot::{SlotTables, SlotView};
use super::{AssetRow, AssetsPage, Span};
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

/// What a row takes beside its members, about.
const ROW_BYTES: usize = 512;

pub fn one(
    shared: &Shared,
    partner: PartnerNo,
    id: &AssetId,
    members: Option<&[&str]>,
) -> Result<Option<AssetRow>, ReadError> {
    let scout = |txn: &ReadTransaction| {
        stored(txn, partner, id, |row, key| DocumentRow::take_with(row, key, members))
    };
    let collect = |overlay: &Overlay, row: &Option<DocumentRow>| {
        let patches: Patches = patches(overlay, partner, id).collect();
        let slot = current_slot(&patches, row.as_ref().map(|row| row.slot));
        (patches, slot.map(|slot| SlotView::take(overlay, partner, slot)))
    };
    let (txn, row, (patches, view)) = shared.together(scout, collect)?;
    let Some(view) = view else { return Ok(None) };
    let tables = SlotTables::open(&txn)?;
    Ok(finish(&tables, partner, id.clone(), Found { row, patches, view }, members)?)
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
    take: impl Fn(&[u8], FrameKey) -> Result<T, LogError>,
) -> Result<Option<T>, StoreError> {
    let table = txn.open_table(documents::TABLE)?;
    let row = table.get((partner.0, id.as_bytes()))?;
    let key = documents::key_of(partner.0, id.as_bytes());
    row.map(|row| take(row.value(), key)).transpose().map_err(StoreError::corrupt("documents"))
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
    fn take(&mut self, row: &AssetRow) {
        self.rows = self.rows.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(ROW_BYTES + row.document.bytes());
    }
}

/// The ids of one stretch behind some id, and where it ends.
#[derive(Default)]
struct Stretch {
    patches: BTreeMap<AssetId, Patches>,
    views: BTreeMap<AssetId, SlotView>,
    /// The last id that was looked at in all layers; `None` where that was all.
    end: Option<AssetId>,
}

/// Reads what there is room for behind `after`; `page.next` is then the id to go on behind.
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
        let row = stored.rows.remove(&id);
        let found = finish(&tables, partner, id.clone(), Found { row, patches, view }, members)?;
        found.iter().for_each(|row| room.take(row));
        page.rows.extend(found);
        if room.bytes == 0 && last.as_ref() != Some(&id) {
            page.next = Some(id);
            break;
        }
    }
    Ok(())
}

/// Rows of the table behind some id.
#[derive(Default)]
struct Stored {
    rows: BTreeMap<AssetId, DocumentRow>,
    /// Of the rows as they are stored.
    bytes: usize,
    /// There may be more behind them.
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
            let row = DocumentRow::take_with(bytes, documents::key_of(partner.0, key.value().1), members)
                .map_err(&corrupt)?;
            held += ROW_BYTES + row.members.bytes();
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
