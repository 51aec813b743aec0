//! What operators have done to assets by hand, with their reasons.

use super::record;
use crate::domain::{ChangeKind, OperatorAction, PartnerNo};
use crate::store::{ReadError, Reader};

/// Records of actions kept per partner; older ones are dropped as new ones come.
const ACTIONS_KEPT: u64 = 10_000;

/// The number of the last action on record; 0 where there is none.
pub fn last_action(reader: &Reader, partner: PartnerNo) -> Result<u64, ReadError> {
    let newest = reader.records::<OperatorAction>(partner, None, true, 1)?;
    Ok(newest.first().map_or(0, |newest| newest.key))
}

/// The record of an action, and the removal of the oldest that it takes the place of.
pub fn action_records(number: u64, action: &OperatorAction) -> Vec<ChangeKind> {
    let oldest = number.checked_sub(ACTIONS_KEPT).filter(|&old| old > 0);
    let dropped = oldest.map(|old| record::remove::<OperatorAction>(&old));
    [record::put(&number, action)].into_iter().chain(dropped).collect()
}
