//! What operators have done to assets by hand, with their reasons.

use super::record;
use crate::domain::{ChangeKind, OperatorAction, PartnerNo, RecordKind};
use crate::store::{ReadError, Reader};

/// Records of actions kept per partner; older ones are dropped as new ones come.
const ACTIONS_KEPT: u64 = 10_000;

/// The number of the last action on record.
pub fn last_action(reader: &Reader, partner: PartnerNo) -> Result<u64, ReadError> {
    let newest = reader.records(RecordKind::Action, partner, None, true, 1)?;
    let key = newest.first().and_then(|(key, _)| <[u8; 8]>::try_from(&**key).ok());
    Ok(key.map_or(0, u64::from_be_bytes))
}

/// The record of an action, and the removal of the oldest that it takes the place of.
pub fn action_records(number: u64, action: &OperatorAction) -> Vec<ChangeKind> {
    let oldest = number.checked_sub(ACTIONS_KEPT).filter(|&old| old > 0);
    let dropped = oldest.map(|old| record::gone(RecordKind::Action, &old.to_be_bytes()));
    let action = record::put(RecordKind::Action, &number.to_be_bytes(), action);
    [action].into_iter().chain(dropped).collect()
}
