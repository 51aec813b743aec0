//! The log's bytes: one record for each group commit, and the rows that tables and overlay share.
//!
//! A record is a frame (version and checksum) around `committed_at:i64 bytes_before:u64 count:u32`
//! and its changes one after the other. `bytes_before` counts the bytes of all records before it,
//! so that the size of any stretch of the log is a subtraction. What a released version wrote is
//! read for ever: a layout changes only together with its version byte. Encoding allocates nothing
//! per change.

mod bytes;
mod change;
mod frame;
mod head;
mod origin;
mod quote;
#[cfg(test)]
mod tests;

pub use bytes::{Input, LogError, put_prefixed, put_varint};
pub use change::{RowPlace, SLOT_END, put_members, take_members, take_members_of};
pub use frame::{FRAME_LEN, FrameKey, begin_frame, open_frame, seal_frame};
pub use head::{head_row, put_head_row};
pub use origin::{put_origin, take_origin};
pub use quote::{holds_emptied, merge_quote_rows, put_quote_row, quotes, replaces_whole, settle_quote_rows};

use crate::domain::{Change, Micros, PartnerNo, Seq, WriteSet};

/// Bytes of a record before its first change.
const HEAD_LEN: usize = FRAME_LEN + 8 + 8 + 4;

/// What a record says beside its changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHead {
    /// When the group was committed, by our clock.
    pub committed_at: Micros,
    /// Bytes of all records before this one.
    pub bytes_before: u64,
    /// Changes in the record; their sequences follow each other.
    pub count: u32,
}

/// Where a record begins.
#[derive(Clone, Copy, Debug)]
pub struct RecordStart {
    /// The sequence of its first change, under which it is kept.
    pub first: Seq,
    /// When the group is committed, by our clock.
    pub committed_at: Micros,
    /// Bytes of all records before this one.
    pub bytes_before: u64,
}

/// Writes the record of a group over what is in `out`, and the place of each change's row over
/// what is in `places`. Returns the number of changes.
pub fn put_record(
    out: &mut Vec<u8>,
    places: &mut Vec<RowPlace>,
    start: RecordStart,
    sets: &[WriteSet],
) -> Result<u32, LogError> {
    begin_frame(out);
    places.clear();
    out.extend_from_slice(&start.committed_at.0.to_le_bytes());
    out.extend_from_slice(&start.bytes_before.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    let mut last = None;
    for set in sets {
        for kind in &set.changes {
            let partner = (last != Some(set.partner)).then_some(set.partner);
            places.push(change::put_change(out, partner, kind)?);
            last = Some(set.partner);
        }
    }
    let count = u32::try_from(places.len()).map_err(|_| LogError::Bounds("count of changes"))?;
    out[HEAD_LEN - 4..HEAD_LEN].copy_from_slice(&count.to_le_bytes());
    seal_frame(out, FrameKey::of_record(start.first.0));
    Ok(count)
}

/// Reads the head of a record alone. Errs where any byte of the record is not what was written.
pub fn record_head(record: &[u8], first: Seq) -> Result<RecordHead, LogError> {
    take_head(&mut open_frame(record, FrameKey::of_record(first.0))?)
}

fn take_head(input: &mut Input<'_>) -> Result<RecordHead, LogError> {
    Ok(RecordHead { committed_at: Micros(input.i64()?), bytes_before: input.u64()?, count: input.u32()? })
}

/// The changes of a record, in order.
pub struct Changes<'a> {
    /// What the record says beside them.
    pub head: RecordHead,
    input: Input<'a>,
    partner: Option<PartnerNo>,
    left: u32,
}

impl<'a> Changes<'a> {
    /// Verifies the record that is kept under `first`, and makes ready to read it.
    pub fn new(record: &'a [u8], first: Seq) -> Result<Changes<'a>, LogError> {
        let mut input = open_frame(record, FrameKey::of_record(first.0))?;
        let head = take_head(&mut input)?;
        Ok(Changes { head, input, partner: None, left: head.count })
    }

    /// Bytes read so far, to bound what a reader takes at once.
    pub fn position(&self) -> usize {
        self.input.position()
    }

    /// Passes over `count` changes without reading them.
    pub fn skip(&mut self, count: u64) -> Result<(), LogError> {
        for _ in 0..count.min(u64::from(self.left)) {
            self.take_raw()?;
        }
        Ok(())
    }

    /// The next change and the place of its row; `None` after the last.
    pub fn read(&mut self) -> Result<Option<(Change, RowPlace)>, LogError> {
        if self.left == 0 {
            return if self.input.is_empty() { Ok(None) } else { Err(LogError::Trailing) };
        }
        let (partner, raw) = self.take_raw()?;
        let (kind, place) = raw.read()?;
        Ok(Some((Change { partner, kind }, place)))
    }

    /// The next change where its partner is wanted, else `None` in its stead, without reading it; `None`
    /// after the last.
    pub fn read_of(
        &mut self,
        wanted: impl Fn(PartnerNo) -> bool,
    ) -> Result<Option<Option<Change>>, LogError> {
        if self.left == 0 {
            return if self.input.is_empty() { Ok(None) } else { Err(LogError::Trailing) };
        }
        let (partner, raw) = self.take_raw()?;
        let kind = wanted(partner).then(|| raw.read()).transpose()?;
        Ok(Some(kind.map(|(kind, _)| Change { partner, kind })))
    }

    fn take_raw(&mut self) -> Result<(PartnerNo, change::RawChange<'a>), LogError> {
        let raw = change::take_raw(&mut self.input)?;
        let partner = raw.partner.or(self.partner).ok_or(LogError::Bounds("partner"))?;
        self.partner = Some(partner);
        self.left -= 1;
        Ok((partner, raw))
    }
}
