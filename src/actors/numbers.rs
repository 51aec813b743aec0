//! The numbers of partners: given once, and never to another.

use crate::actors::partner::record;
use crate::domain::{ChangeKind, PartnerName, PartnerNo, PartnerNumber};
use crate::store::{ReadError, Reader};
use std::collections::HashMap;

/// The number that the records of all partners' numbers are kept under: no partner has it.
pub const NUMBERS: PartnerNo = PartnerNo(0);
/// Records read at once.
const PAGE: usize = 1_000;

/// The change that records a partner's number, and what is known of it: who follows the changes is told by
/// it where the partner stands.
pub fn number_record(name: &PartnerName, number: &PartnerNumber) -> ChangeKind {
    record::put(name, number)
}

/// The numbers given so far, by the names of their partners. Errs where any of them cannot be read:
/// it could be given again.
pub fn partner_numbers(reader: &Reader) -> Result<HashMap<PartnerName, PartnerNumber>, ReadError> {
    let mut numbers = HashMap::new();
    record::each::<PartnerNumber>(reader, NUMBERS, PAGE, |row| {
        numbers.insert(row.key, row.value?);
        Ok(())
    })?;
    Ok(numbers)
}
