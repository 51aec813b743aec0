//! The last receive time given to an undated write (T1).

use super::record;
use crate::domain::{ChangeKind, Micros, PartnerNo, RecordKind};
use crate::store::{ReadError, Reader};

/// Beside the records of streams, which are of the same kind.
const UNDATED_KEY: &[u8] = b"undated";

/// The last receive time that was given to an undated write.
pub fn undated_of(reader: &Reader, no: PartnerNo) -> Result<Option<Micros>, ReadError> {
    let last = reader.record(RecordKind::Stream, no, UNDATED_KEY)?;
    Ok(last.and_then(|bytes| Some(Micros(i64::from_le_bytes((&*bytes).try_into().ok()?)))))
}

pub fn undated_record(last: Micros) -> ChangeKind {
    record::set(RecordKind::Stream, UNDATED_KEY, last.0.to_le_bytes().into())
}
