//! The ids of plans in the store: pages in records of their own, so that no commit and no reader
//! has to take a plan whole. Plans of before hold their ids themselves: what they become.
//!
//! Pages are written before their plan's head and dropped after it: what ends in between leaves
//! pages that belong to no plan, which are dropped at the next start.

use crate::actors::partner::books::record;
use crate::domain::{ChangeKind, IdsInHead, PartnerNo, Plan, PlanPage, PlanPageKey};
use crate::store::{ReadError, Reader};

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

/// A page of a plan; `None` where it is not kept.
pub fn read_page(
    reader: &Reader,
    no: PartnerNo,
    plan: u64,
    page: u32,
) -> Result<Option<PlanPage>, ReadError> {
    reader.record(no, &PlanPageKey { plan, page })
}

/// The ids of a page; also of a plan that holds its ids itself, since it was never converted: that of
/// a removed partner.
pub fn page_of(reader: &Reader, no: PartnerNo, plan: &Plan, page: u32) -> Result<Vec<String>, ReadError> {
    if plan.inline.is_none() {
        return Ok(read_page(reader, no, plan.id, page)?.unwrap_or_default().ids);
    }
    let ids = ids_in_head(reader, no, plan.id)?.into_iter();
    Ok(ids.skip(page as usize * PAGE_IDS).take(PAGE_IDS).collect())
}

fn ids_in_head(reader: &Reader, no: PartnerNo, plan: u64) -> Result<Vec<String>, ReadError> {
    Ok(reader.record::<IdsInHead>(no, &plan)?.map_or_else(Vec::new, |ids| ids.0))
}

/// How many pages `page_of` gives.
pub fn pages_of(plan: &Plan) -> u32 {
    let inline = |count: u64| u32::try_from(count.div_ceil(PAGE_IDS as u64)).unwrap_or(u32::MAX);
    plan.inline.as_ref().map_or(plan.pages, |ids| inline(ids.count))
}

/// A plan's number, and the records that it becomes, its head last: none where its ids have pages.
pub type Converted = (u64, Vec<ChangeKind>);

/// The first plan after that number; `None` where there is none.
pub fn next_converted(
    reader: &Reader,
    no: PartnerNo,
    after: Option<u64>,
) -> Result<Option<Converted>, ReadError> {
    // one at a time: one of before may hold a million ids
    let Some(next) = reader.records::<Plan>(no, after.as_ref(), false, 1)?.pop() else { return Ok(None) };
    let plan = next.value?;
    if plan.inline.is_none() {
        return Ok(Some((next.key, Vec::new())));
    }
    let ids = ids_in_head(reader, no, next.key)?;
    Ok(Some((next.key, converted(plan, ids))))
}

fn converted(mut plan: Plan, ids: Vec<String>) -> Vec<ChangeKind> {
    if let Some(inline) = plan.inline.take() {
        (plan.count, plan.sample) = (inline.count, inline.sample);
    }
    let mut changes = Vec::new();
    // one that was decided is not decided again
    if plan.is_held() || plan.turned_down_under.is_some() {
        let mut ids = ids.into_iter();
        loop {
            let page = take_page(&mut ids, plan.snapshot_at);
            if page.ids.is_empty() {
                break;
            }
            changes.push(record::put(&PlanPageKey { plan: plan.id, page: plan.pages }, &page));
            plan.pages += 1;
        }
    }
    changes.push(record::put(&plan.id, &plan));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::records::Record;
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
        let convert = |text: &str| {
            let ids = IdsInHead::decode(text.as_bytes()).unwrap().0;
            converted(Plan::decode(text.as_bytes()).unwrap(), ids)
        };
        let changes = convert(&of_before("held", ""));
        let records_made: Vec<_> = changes.iter().map(record_of).collect();
        let keys: Vec<&[u8]> = records_made.iter().map(|(record, _)| &*record.key).collect();
        let page = |page| PlanPage::key(&PlanPageKey { plan: 7, page });
        assert_eq!(keys, [&*page(0), &*page(1), &*page(2), &*Plan::key(&7)]);
        let last = PlanPage::decode(records_made[2].1).unwrap();
        assert_eq!((last.snapshot_at, last.ids.len(), last.ids[499].as_str()), (5, 500, "a2499"));
        let head = Plan::decode(records_made[3].1).unwrap();
        assert_eq!((head.count(), head.pages), (2_500, 3));
        assert_eq!(convert(&of_before("approved", "")).len(), 1, "one that was decided keeps no ids");
        assert_eq!(convert(&of_before("rejected", r#""turned_down_under":5,"#)).len(), 4);
        assert_eq!(head.inline, None, "once is enough");
    }
}
