//! The ids of plans in the store: pages in records of their own, so that no commit and no reader
//! has to take a plan whole. Plans of before hold their ids themselves: what they become.
//!
//! Pages are written before their plan's head and dropped after it: what ends in between leaves
//! pages that belong to no plan, which are dropped at the next start.

use crate::actors::partner::books::record;
use crate::domain::{ChangeKind, PartnerNo, Plan, PlanPage, RecordKind, page_key};
use crate::store::{ReadError, Reader};
use serde::Deserialize;

/// Ids of one page, and their bytes: what one set writes.
const PAGE_IDS: usize = 1_000;
const PAGE_BYTES: usize = 64 << 10;

/// Takes the ids of the next page.
pub fn take_page<T: AsRef<str>>(ids: &mut impl Iterator<Item = T>, snapshot_at: i64) -> PlanPage {
    let mut page = PlanPage { snapshot_at, ids: Vec::new() };
    let mut bytes = 0;
    while page.ids.len() < PAGE_IDS && bytes < PAGE_BYTES {
        let Some(id) = ids.next() else { break };
        bytes += id.as_ref().len();
        page.ids.push(id.as_ref().to_owned());
    }
    page
}

/// Sets a plan's head.
pub fn head_record(plan: &Plan) -> ChangeKind {
    record::put(RecordKind::Plan, &plan.id.to_be_bytes(), plan)
}

/// Removes a plan's head.
pub fn no_head(plan: u64) -> ChangeKind {
    record::gone(RecordKind::Plan, &plan.to_be_bytes())
}

pub fn page_record(plan: u64, number: u32, page: &PlanPage) -> ChangeKind {
    record::put(RecordKind::PlanIds, &page_key(plan, number), page)
}

pub fn no_page(plan: u64, number: u32) -> ChangeKind {
    record::gone(RecordKind::PlanIds, &page_key(plan, number))
}

/// A page of a plan; `None` where it is not kept.
pub fn read_page(
    reader: &Reader,
    no: PartnerNo,
    plan: u64,
    number: u32,
) -> Result<Option<PlanPage>, ReadError> {
    let bytes = reader.record(RecordKind::PlanIds, no, &page_key(plan, number))?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// The same of a plan that may be of before, and not converted: that of a removed partner.
pub fn page_of(reader: &Reader, no: PartnerNo, plan: &Plan, number: u32) -> Result<Vec<String>, ReadError> {
    if plan.inline.is_none() {
        return Ok(read_page(reader, no, plan.id, number)?.unwrap_or_default().ids);
    }
    let bytes = reader.record(RecordKind::Plan, no, &plan.id.to_be_bytes())?.unwrap_or_default();
    let ids = ids_of_before(&bytes).into_iter();
    Ok(ids.skip(number as usize * PAGE_IDS).take(PAGE_IDS).collect())
}

/// How many pages `page_of` gives.
pub fn pages_of(plan: &Plan) -> u32 {
    let inline = |count: u64| u32::try_from(count.div_ceil(PAGE_IDS as u64)).unwrap_or(u32::MAX);
    plan.inline.as_ref().map_or(plan.pages, |ids| inline(ids.count))
}

/// Pages read by `page_of` of a plan of before are of ids alone.
fn ids_of_before(bytes: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Ids {
        #[serde(default)]
        ids: Vec<String>,
    }
    serde_json::from_slice::<Ids>(bytes).map(|plan| plan.ids).unwrap_or_default()
}

/// The key of the plan behind `after`, and the records that it becomes, its head last: none where
/// it has pages.
pub type Converted = (Box<[u8]>, Vec<ChangeKind>);

pub fn next_converted(
    reader: &Reader,
    no: PartnerNo,
    after: Option<Box<[u8]>>,
) -> Result<Option<Converted>, ReadError> {
    // one at a time: one of before may hold a million ids
    let Some((key, value)) = reader.records(RecordKind::Plan, no, after.as_deref(), false, 1)?.pop() else {
        return Ok(None);
    };
    let plan = serde_json::from_slice::<Plan>(&value).ok();
    let changes = plan.map_or_else(Vec::new, |plan| converted(plan, &value));
    Ok(Some((key, changes)))
}

fn converted(mut plan: Plan, value: &[u8]) -> Vec<ChangeKind> {
    let Some(inline) = plan.inline.take() else { return Vec::new() };
    (plan.count, plan.sample) = (inline.count, inline.sample);
    let mut changes = Vec::new();
    // one that was decided is not decided again
    if plan.is_held() || plan.turned_down_under.is_some() {
        let mut ids = ids_of_before(value).into_iter();
        loop {
            let page = take_page(&mut ids, plan.snapshot_at);
            if page.ids.is_empty() {
                break;
            }
            changes.push(page_record(plan.id, plan.pages, &page));
            plan.pages += 1;
        }
    }
    changes.push(head_record(&plan));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RecordChange;

    fn record_of(change: &ChangeKind) -> (&RecordChange, &[u8]) {
        match change {
            ChangeKind::Record(record) => (record, record.value.as_deref().unwrap()),
            _ => panic!("plans are records"),
        }
    }

    #[test]
    fn a_page_is_bounded_by_count_and_by_bytes() {
        let mut ids = (0..1_500).map(|n| n.to_string());
        let page = take_page(&mut ids, 7);
        assert_eq!((page.ids.len(), page.snapshot_at, ids.next().as_deref()), (PAGE_IDS, 7, Some("1000")));
        let mut long = (0..1_000).map(|_| "x".repeat(256));
        assert_eq!(take_page(&mut long, 7).ids.len(), PAGE_BYTES / 256);
    }

    #[test]
    fn a9_a_plan_of_before_becomes_pages_and_then_a_head_that_names_them() {
        let ids: Vec<String> = (0..2_500).map(|n| format!("\"a{n}\"")).collect();
        let of_before = |state: &str, rest: &str| {
            format!(
                r#"{{"id":7,"state":"{state}","run":2,"snapshot_at":5,"opened_at":6,"expires_at":9,
                    "baseline":40,"allowed":20,{rest}"ids":[{}]}}"#,
                ids.join(",")
            )
        };
        let convert = |text: &str| converted(serde_json::from_str(text).unwrap(), text.as_bytes());
        let changes = convert(&of_before("held", ""));
        let records_made: Vec<_> = changes.iter().map(record_of).collect();
        let keys: Vec<&[u8]> = records_made.iter().map(|(record, _)| &*record.key).collect();
        assert_eq!(keys, [&page_key(7, 0)[..], &page_key(7, 1), &page_key(7, 2), &7u64.to_be_bytes()]);
        let last: PlanPage = serde_json::from_slice(records_made[2].1).unwrap();
        assert_eq!((last.snapshot_at, last.ids.len(), last.ids[499].as_str()), (5, 500, "a2499"));
        let head: Plan = serde_json::from_slice(records_made[3].1).unwrap();
        assert_eq!((head.count(), head.pages, head.inline), (2_500, 3, None));
        assert_eq!(convert(&of_before("approved", "")).len(), 1, "one that was decided keeps no ids");
        assert_eq!(convert(&of_before("rejected", r#""turned_down_under":5,"#)).len(), 4);
        let again = String::from_utf8(records_made[3].1.to_vec()).unwrap();
        assert_eq!(convert(&again).len(), 0, "once is enough");
    }
}
