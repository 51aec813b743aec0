//! One change as bytes.
//!
//! ```text
//! tag: bits 0-1 kind · 4 visible · 128 the partner follows (else as in the change before)
//! [partner:u32] body_len:u32 body
//! price:  slot id quote_row
//! asset:  slot head_row event stamp origin set removed
//! record: kind key has_value value
//! ```

use super::bytes::{Input, LogError, put_prefixed, put_stamp, put_varint};
use super::head::{RESERVE_MAX, put_head_row, take_head_row, take_id};
use super::origin::{put_origin, take_origin};
use super::quote::{put_quote_row, take_quote_row};
use crate::domain::{
    AssetChange, AssetEvent, ChangeKind, Member, PartnerNo, PriceChange, RecordChange, RecordKind, Slot,
};
use std::ops::Range;

const KIND: u8 = 3;
const PRICE: u8 = 0;
const ASSET: u8 = 1;
const RECORD: u8 = 2;
const VISIBLE: u8 = 4;
const PARTNER: u8 = 128;

/// Slots from here on are refused: they are dense, and tables in memory are indexed by them.
pub const SLOT_END: u32 = 1 << 28;

/// Where in the record the change's row lies: the quote row of a price, the head row of an asset,
/// empty for records. The store copies those bytes instead of encoding again.
pub type RowPlace = Range<usize>;

/// Appends a change. `partner` is given where it is not that of the change before. Errs where a slot or
/// the length is too large.
#[inline]
pub(super) fn put_change(
    out: &mut Vec<u8>,
    partner: Option<PartnerNo>,
    kind: &ChangeKind,
) -> Result<RowPlace, LogError> {
    let tag = match kind {
        ChangeKind::Price(price) => PRICE | if price.visible { VISIBLE } else { 0 },
        ChangeKind::Asset(_) => ASSET,
        ChangeKind::Record(_) => RECORD,
    };
    match partner {
        Some(partner) => {
            out.push(tag | PARTNER);
            out.extend_from_slice(&partner.0.to_le_bytes());
        }
        None => out.push(tag),
    }
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let place = match kind {
        ChangeKind::Price(price) => put_price(out, price)?,
        ChangeKind::Asset(asset) => put_asset(out, asset)?,
        ChangeKind::Record(record) => put_record(out, record),
    };
    let len = u32::try_from(out.len() - start - 4).map_err(|_| LogError::Bounds("change"))?;
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
    Ok(place)
}

fn put_slot(out: &mut Vec<u8>, slot: Slot) -> Result<(), LogError> {
    if slot.0 >= SLOT_END {
        return Err(LogError::Bounds("slot"));
    }
    put_varint(out, u64::from(slot.0));
    Ok(())
}

#[inline]
fn put_price(out: &mut Vec<u8>, price: &PriceChange) -> Result<RowPlace, LogError> {
    put_slot(out, price.slot)?;
    put_prefixed(out, price.id.as_bytes());
    let start = out.len();
    put_quote_row(out, &price.quote);
    Ok(start..out.len())
}

fn put_asset(out: &mut Vec<u8>, asset: &AssetChange) -> Result<RowPlace, LogError> {
    put_slot(out, asset.slot)?;
    let start = out.len();
    put_head_row(out, &asset.id, &asset.head);
    let place = start..out.len();
    out.push(match asset.event {
        AssetEvent::Created => 0,
        AssetEvent::Updated => 1,
        AssetEvent::Deleted => 2,
        AssetEvent::Stamped => 3,
        AssetEvent::Forgotten => 4,
    });
    put_stamp(out, asset.stamp);
    put_origin(out, asset.origin);
    put_members(out, &asset.set);
    put_varint(out, asset.removed.len() as u64);
    for name in &asset.removed {
        put_prefixed(out, name.as_bytes());
    }
    Ok(place)
}

fn put_record(out: &mut Vec<u8>, record: &RecordChange) -> RowPlace {
    out.push(record.kind as u8);
    put_prefixed(out, &record.key);
    out.push(u8::from(record.value.is_some()));
    out.extend_from_slice(record.value.as_deref().unwrap_or_default());
    out.len()..out.len()
}

/// Appends members with their hashes and texts.
pub fn put_members(out: &mut Vec<u8>, members: &[Member]) {
    put_varint(out, members.len() as u64);
    for member in members {
        put_prefixed(out, member.name.as_bytes());
        out.extend_from_slice(&member.hash.to_le_bytes());
        put_prefixed(out, member.text.as_bytes());
    }
}

/// Reads members, as `put_members` writes them.
pub fn take_members(input: &mut Input<'_>) -> Result<Vec<Member>, LogError> {
    take_members_of(input, None)
}

/// Reads all members and keeps those of these names; `None`: all.
pub fn take_members_of(input: &mut Input<'_>, wanted: Option<&[&str]>) -> Result<Vec<Member>, LogError> {
    let count = input.length()?;
    let most = wanted.map_or(RESERVE_MAX, <[&str]>::len);
    let mut members = Vec::with_capacity(count.min(most));
    for _ in 0..count {
        let name = input.text()?;
        let hash = input.u128()?;
        let text = input.prefixed()?;
        if wanted.is_none_or(|wanted| wanted.contains(&name)) {
            let text = std::str::from_utf8(text).map_err(|_| LogError::Bounds("text"))?;
            members.push(Member { name: name.into(), text: text.into(), hash });
        }
    }
    Ok(members)
}

/// One change, cut out of its record but not yet read.
pub(super) struct RawChange<'a> {
    tag: u8,
    /// `None`: that of the change before.
    pub(super) partner: Option<PartnerNo>,
    body: &'a [u8],
    /// Where the body begins in the record.
    start: usize,
}

/// Cuts the next change out of a record.
pub(super) fn take_raw<'a>(input: &mut Input<'a>) -> Result<RawChange<'a>, LogError> {
    let tag = input.u8()?;
    let partner = if tag & PARTNER == 0 { None } else { Some(PartnerNo(input.u32()?)) };
    let len = input.u32()? as usize;
    let start = input.position();
    Ok(RawChange { tag, partner, body: input.slice(len)?, start })
}

impl RawChange<'_> {
    /// The change, and where its row lies in the record.
    pub(super) fn read(&self) -> Result<(ChangeKind, RowPlace), LogError> {
        let mut input = Input::new(self.body);
        let (kind, row) = match self.tag & KIND {
            PRICE => take_price(&mut input, self.tag & VISIBLE != 0)?,
            ASSET => take_asset(&mut input)?,
            RECORD => take_record(&mut input)?,
            _ => return Err(LogError::Bounds("kind of change")),
        };
        input.finish()?;
        Ok((kind, row.start + self.start..row.end + self.start))
    }
}

fn take_slot(input: &mut Input<'_>) -> Result<Slot, LogError> {
    match u32::try_from(input.varint()?) {
        Ok(slot) if slot < SLOT_END => Ok(Slot(slot)),
        _ => Err(LogError::Bounds("slot")),
    }
}

fn take_price(input: &mut Input<'_>, visible: bool) -> Result<(ChangeKind, RowPlace), LogError> {
    let slot = take_slot(input)?;
    let id = take_id(input)?;
    let start = input.position();
    let quote = take_quote_row(input)?;
    Ok((ChangeKind::Price(PriceChange { slot, id, visible, quote }), start..input.position()))
}

fn take_asset(input: &mut Input<'_>) -> Result<(ChangeKind, RowPlace), LogError> {
    let slot = take_slot(input)?;
    let start = input.position();
    let (id, head) = take_head_row(input)?;
    let place = start..input.position();
    let event = match input.u8()? {
        0 => AssetEvent::Created,
        1 => AssetEvent::Updated,
        2 => AssetEvent::Deleted,
        3 => AssetEvent::Stamped,
        4 => AssetEvent::Forgotten,
        _ => return Err(LogError::Bounds("event")),
    };
    let stamp = input.stamp()?;
    let origin = take_origin(input)?;
    let set = take_members(input)?;
    let count = input.length()?;
    let mut removed = Vec::with_capacity(count.min(RESERVE_MAX));
    for _ in 0..count {
        removed.push(input.name()?);
    }
    let change = AssetChange { slot, id, event, head, set, removed, stamp, origin };
    Ok((ChangeKind::Asset(Box::new(change)), place))
}

fn take_record(input: &mut Input<'_>) -> Result<(ChangeKind, RowPlace), LogError> {
    let kind = RecordKind::from_number(input.u8()?).ok_or(LogError::Bounds("kind of record"))?;
    let key = input.prefixed()?.into();
    let has_value = input.u8()? != 0;
    let rest = input.rest();
    if !has_value && !rest.is_empty() {
        return Err(LogError::Trailing);
    }
    input.slice(rest.len())?;
    let value = has_value.then(|| rest.into());
    Ok((ChangeKind::Record(Box::new(RecordChange { kind, key, value })), 0..0))
}
