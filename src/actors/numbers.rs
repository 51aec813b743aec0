//! The numbers of partners: given once, and never to another.

use crate::domain::{ChangeKind, PartnerName, PartnerNo, RecordChange, RecordKind};
use crate::store::{ReadError, Reader};
use std::collections::HashMap;

/// Where the numbers of partners are kept: a partner's number is never given to another.
pub const NUMBERS: PartnerNo = PartnerNo(0);

/// The record of a partner's number: four bytes, and a fifth once the partner has been purged.
pub fn number_record(name: &PartnerName, no: PartnerNo, is_purged: bool) -> ChangeKind {
    let mut value = no.0.to_le_bytes().to_vec();
    value.extend(is_purged.then_some(1));
    ChangeKind::Record(Box::new(RecordChange {
        kind: RecordKind::Partner,
        key: name.as_str().as_bytes().into(),
        value: Some(value.into()),
    }))
}

/// The numbers given so far, and whether their partner has been purged.
pub fn partner_numbers(reader: &Reader) -> Result<HashMap<PartnerName, (PartnerNo, bool)>, ReadError> {
    const PAGE: usize = 1_000;
    let mut numbers = HashMap::new();
    let mut after: Option<Box<[u8]>> = None;
    loop {
        let page = reader.records(RecordKind::Partner, NUMBERS, after.as_deref(), false, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(numbers) };
        after = Some(last.clone());
        for (key, value) in &page {
            let name = std::str::from_utf8(key).ok().and_then(|name| PartnerName::new(name).ok());
            let no = value.first_chunk().map(|bytes| PartnerNo(u32::from_le_bytes(*bytes)));
            numbers.extend(name.zip(no.map(|no| (no, value.len() > 4))));
        }
    }
}
