//! Heads of assets and ids as bytes: shared by the log and the tables.

use super::bytes::{Input, LogError, put_prefixed, put_stamp, put_varint};
use super::quote::take_currency;
use crate::domain::{AssetHead, AssetId, Beaten, Exception, Micros, Stamp};

const CURRENCY: u8 = 1;
const INACTIVE: u8 = 2;
const HIDDEN: u8 = 4;
/// The end follows; else it is the death, as in all rows that were written before absence hid what it
/// takes.
const END: u8 = 8;
const BEATEN: u8 = 16;

const OF_MEMBER: u8 = 1;

/// Counts read from bytes reserve no more room than this before the bytes prove them.
pub(super) const RESERVE_MAX: usize = 64;

/// An id and its head: the row of one slot in the table `assets`.
pub fn put_head_row(out: &mut Vec<u8>, id: &AssetId, head: &AssetHead) {
    put_prefixed(out, id.as_bytes());
    let mut flags = 0;
    for (flag, set) in [
        (CURRENCY, head.currency.is_some()),
        (INACTIVE, head.inactive),
        (HIDDEN, head.hidden),
        (END, head.end != head.death),
        (BEATEN, !head.beaten.is_empty()),
    ] {
        flags |= if set { flag } else { 0 };
    }
    out.push(flags);
    out.push(head.absences);
    put_varint(out, u64::from(head.version));
    for stamp in [head.life, head.death, head.base] {
        put_stamp(out, stamp);
    }
    if head.death.happened() {
        out.extend_from_slice(&head.died_at.0.to_le_bytes());
    }
    if head.end != head.death {
        put_stamp(out, head.end);
    }
    out.extend_from_slice(&head.hash.to_le_bytes());
    if let Some(currency) = head.currency {
        put_prefixed(out, currency.as_str().as_bytes());
    }
    put_varint(out, head.exceptions.len() as u64);
    for exception in &head.exceptions {
        put_prefixed(out, exception.name.as_bytes());
        out.push(u8::from(exception.removed));
        put_stamp(out, exception.stamp);
    }
    if !head.beaten.is_empty() {
        put_beaten(out, &head.beaten);
    }
}

fn put_beaten(out: &mut Vec<u8>, all: &[Beaten]) {
    put_varint(out, all.len() as u64);
    for beaten in all {
        out.push(if beaten.member.is_some() { OF_MEMBER } else { 0 });
        if let Some(member) = &beaten.member {
            put_prefixed(out, member.as_bytes());
        }
        out.extend_from_slice(&beaten.hash.to_le_bytes());
        put_varint(out, beaten.under.len() as u64);
        beaten.under.iter().for_each(|name| put_prefixed(out, name.as_bytes()));
    }
}

fn take_beaten(input: &mut Input<'_>) -> Result<Vec<Beaten>, LogError> {
    let count = input.length()?;
    let mut all = Vec::with_capacity(count.min(RESERVE_MAX));
    for _ in 0..count {
        let member = match input.u8()? {
            0 => None,
            OF_MEMBER => Some(input.name()?),
            _ => return Err(LogError::Bounds("beaten content")),
        };
        let hash = input.u128()?;
        let names = input.length()?;
        let mut under = Vec::with_capacity(names.min(RESERVE_MAX));
        for _ in 0..names {
            under.push(input.name()?);
        }
        all.push(Beaten { member, hash, under });
    }
    Ok(all)
}

/// Reads a whole row of `assets`.
pub fn head_row(row: &[u8]) -> Result<(AssetId, AssetHead), LogError> {
    let mut input = Input::new(row);
    let parts = take_head_row(&mut input)?;
    input.finish()?;
    Ok(parts)
}

/// Reads a row of `assets` from what may go on after it.
pub(super) fn take_head_row(input: &mut Input<'_>) -> Result<(AssetId, AssetHead), LogError> {
    let id = take_id(input)?;
    let flags = input.u8()?;
    let absences = input.u8()?;
    let version = u32::try_from(input.varint()?).map_err(|_| LogError::Bounds("version"))?;
    let (life, death, base) = (input.stamp()?, input.stamp()?, input.stamp()?);
    let died_at = if death.happened() { Micros(input.i64()?) } else { Micros::BEGINNING };
    let end: Stamp = if flags & END == 0 { death } else { input.stamp()? };
    let hash = input.u128()?;
    let currency = if flags & CURRENCY == 0 { None } else { Some(take_currency(input.prefixed()?)?) };
    let count = input.length()?;
    let mut exceptions = Vec::with_capacity(count.min(RESERVE_MAX));
    for _ in 0..count {
        let name = input.name()?;
        let removed = input.u8()? != 0;
        exceptions.push(Exception { name, stamp: input.stamp()?, removed });
    }
    let beaten = if flags & BEATEN == 0 { Vec::new() } else { take_beaten(input)? };
    let head = AssetHead {
        version,
        life,
        death,
        end,
        died_at,
        base,
        exceptions,
        beaten,
        hash,
        currency,
        inactive: flags & INACTIVE != 0,
        hidden: flags & HIDDEN != 0,
        absences,
    };
    Ok((id, head))
}

/// Reads an id. Errs where the text is none.
pub(super) fn take_id(input: &mut Input<'_>) -> Result<AssetId, LogError> {
    AssetId::new(input.text()?).map_err(|_| LogError::Bounds("asset id"))
}
