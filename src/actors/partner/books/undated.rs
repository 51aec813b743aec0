//! The last receive time given to an undated write (T1).

use super::record;
use crate::domain::{ChangeKind, LastUndated, Micros, PartnerNo};
use crate::store::{ReadError, Reader};

/// The last receive time that was given to an undated write; `None` where none ever was.
pub fn undated_of(reader: &Reader, no: PartnerNo) -> Result<Option<Micros>, ReadError> {
    Ok(reader.record::<LastUndated>(no, &())?.map(|last| last.0))
}

/// The change that records it.
pub fn undated_record(last: Micros) -> ChangeKind {
    record::put(&(), &LastUndated(last))
}
