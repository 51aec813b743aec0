//! The ids of plans, in pages.
//!
//! - Key: the plan's number, eight bytes, and the page's, four, both big-endian.
//! - Value: JSON of `PlanPage`.
//! - Lifetime: written before the plan's head, dropped after the plan is decided. The pages of one that
//!   was rejected or has expired stay until a changed file is accepted. Pages of no plan go at the next
//!   start.

use super::form::{Encode, Record, RecordCause, from_json, json};
use crate::domain::{PlanPage, PlanPageKey, RecordKind};

impl Record for PlanPage {
    const KIND: RecordKind = RecordKind::PlanIds;
    type Key = PlanPageKey;

    fn key(key: &PlanPageKey) -> Box<[u8]> {
        [&key.plan.to_be_bytes()[..], &key.page.to_be_bytes()].concat().into()
    }

    fn read_key(bytes: &[u8]) -> Option<PlanPageKey> {
        let (plan, page) = bytes.split_first_chunk()?;
        let page = u32::from_be_bytes(page.try_into().ok()?);
        Some(PlanPageKey { plan: u64::from_be_bytes(*plan), page })
    }

    fn decode(bytes: &[u8]) -> Result<PlanPage, RecordCause> {
        from_json(bytes)
    }
}

impl Encode for PlanPage {
    fn encode(&self) -> Box<[u8]> {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::tests::pinned;
    use super::*;

    #[test]
    fn the_bytes_of_a_page_of_ids_are_these() {
        let text = br#"{"snapshot_at":1780007200000000,"ids":["a10","a11","z\u0000"]}"#;
        let key = PlanPageKey { plan: 2, page: 1 };
        let page = pinned::<PlanPage>(&key, b"\0\0\0\0\0\0\0\x02\0\0\0\x01", text);
        assert_eq!((page.snapshot_at, page.ids.len()), (1_780_007_200_000_000, 3));
    }

    #[test]
    fn a9_pages_are_ordered_by_plan_and_number() {
        let keys = [(1, 0), (1, 255), (1, 256), (2, 0)].map(|(plan, page)| PlanPageKey { plan, page });
        assert!(keys.map(|key| PlanPage::key(&key)).is_sorted());
        assert!([&b"short"[..], &[0; 11], &[0; 13]].iter().all(|bytes| PlanPage::read_key(bytes).is_none()));
    }
}
