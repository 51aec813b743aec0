//! Plans as the actor keeps them: opened, joined, confirmed, turned down, loaded.

use super::draft::Opening;
use super::*;
use crate::codec::records::Record;
use crate::domain::{RecordChange, RecordKind, RunId};
use crate::rules::feed::plan::EXPIRY;

const NOW: Micros = Micros(1_000 * Micros::HOUR);

fn opening(body: &str) -> Opening {
    Opening {
        run: RunId(3),
        snapshot: Micros(7),
        baseline: 10,
        allowed: 2,
        living: 10,
        confirmable: true,
        body: body.into(),
        now: NOW,
    }
}

fn index(ids: impl IntoIterator<Item = impl AsRef<str>>) -> Index {
    let mut index = Index::default();
    for id in ids {
        index.insert(AssetId::new(id.as_ref()).unwrap());
    }
    index
}

fn slot(index: &Index, id: &str) -> Slot {
    index.find(&AssetId::new(id).unwrap()).unwrap()
}

fn slots(index: &Index, ids: &[&str]) -> Vec<Slot> {
    ids.iter().map(|id| slot(index, id)).collect()
}

fn set(index: &Index, ids: &[&str]) -> SlotSet {
    let mut set = SlotSet::default();
    slots(index, ids).into_iter().for_each(|slot| set.insert(slot));
    set
}

/// Opens a plan and writes all of it.
fn open(plans: &mut Plans, index: &Index, body: &str, ids: &[&str]) -> u64 {
    let id = plans.begin(opening(body), slots(index, ids));
    while let Some(page) = plans.write_page(index) {
        plans.moved.push(page);
    }
    id
}

fn page_key(plan: u64, page: u32) -> Box<[u8]> {
    PlanPage::key(&PlanPageKey { plan, page })
}

fn records(changes: Vec<ChangeKind>) -> Vec<RecordChange> {
    let record = |change| match change {
        ChangeKind::Record(record) => *record,
        _ => panic!("plans are records"),
    };
    changes.into_iter().map(record).collect()
}

#[test]
fn f4_what_has_come_back_is_cancelled_and_is_no_longer_spoken_for() {
    let index = index(["a", "b"]);
    let mut plans = Plans::default();
    assert_eq!(open(&mut plans, &index, "x", &["a", "b"]), 1);
    assert_eq!(plans.get(1).unwrap().sample(), ["a", "b"]);
    plans.snapshot_changed(&set(&index, &["a"]), NOW);
    assert_eq!(plans.held(), 1, "half of them is not enough");
    plans.snapshot_changed(&set(&index, &["a", "b"]), NOW);
    assert_eq!(plans.held(), 0);
    assert_eq!(plans.outcomes(), [PlanState::Held, PlanState::Cancelled]);
    let kinds: Vec<_> =
        records(plans.changes()).into_iter().map(|change| (change.kind, change.value.is_some())).collect();
    let (head, ids) = (RecordKind::Plan, RecordKind::PlanIds);
    assert_eq!(kinds, [(head, true), (ids, true), (head, true), (ids, false)], "the ids go with it");
    assert!(!plans.spoken_for().contains(slot(&index, "a")));
}

#[test]
fn f4_what_was_turned_down_is_asked_again_by_a_changed_snapshot_only() {
    let index = index(["a"]);
    let feed = FeedState { last_snapshot_at: Some(7), ..FeedState::default() };
    let mut plans = Plans::default();
    open(&mut plans, &index, "x", &["a"]);
    plans.expire(&feed, NOW.plus(EXPIRY - 1));
    assert_eq!(plans.held(), 1);
    plans.expire(&feed, NOW.plus(EXPIRY));
    let a = slot(&index, "a");
    assert_eq!((plans.held(), plans.spoken_for().contains(a)), (0, true));
    let mut again = Plans::default();
    let heads = records(plans.changes()).into_iter().filter(|change| change.kind == RecordKind::Plan);
    for head in heads.map(|change| Plan::decode(&change.value.unwrap()).unwrap()) {
        if !head.is_held() {
            assert_eq!(head.pages, 1, "its ids are still needed");
            again.take_in(head, vec![a], &feed);
        }
    }
    assert!(again.spoken_for().contains(a), "also after a restart");
    again.snapshot_changed(&SlotSet::default(), NOW);
    assert!(!again.spoken_for().contains(a));
    assert_eq!(records(again.changes()).len(), 1, "now its page is dropped");
}

#[test]
fn a9_a_plan_is_written_page_by_page_and_held_with_the_last_one() {
    let ids: Vec<String> = (0..2_001).map(|n| format!("a{n}")).collect();
    let index = index(&ids);
    let mut plans = Plans::default();
    plans.begin(opening("x"), ids.iter().map(|id| slot(&index, id)).collect());
    for held in [0, 0, 1] {
        let page = records(vec![plans.write_page(&index).unwrap()]).remove(0);
        assert_eq!((page.kind, plans.held()), (RecordKind::PlanIds, held));
        assert!(PlanPage::decode(&page.value.unwrap()).unwrap().ids.len() <= 1_000);
        assert_eq!(plans.changes().len(), held, "the head comes with the last page");
    }
    assert_eq!(plans.write_page(&index), None);
    let head = plans.get(1).unwrap();
    assert_eq!((head.count(), head.pages, head.sample().len()), (2_001, 3, 10));
}

#[test]
fn a9_what_was_written_of_a_plan_that_comes_to_nothing_is_dropped() {
    let ids: Vec<String> = (0..1_500).map(|n| format!("a{n}")).collect();
    let index = index(&ids);
    let mut plans = Plans::default();
    plans.begin(opening("x"), ids.iter().map(|id| slot(&index, id)).collect());
    plans.write_page(&index).unwrap();
    plans.abandon();
    let dropped = records(plans.changes());
    assert_eq!((dropped.len(), &*dropped[0].key), (1, &*page_key(1, 0)));
    assert!(dropped[0].value.is_none() && plans.write_page(&index).is_none());
    assert_eq!(open(&mut plans, &index, "x", &["a1"]), 2, "its number is not given again");
}

#[test]
fn a9_a_join_that_is_written_again_is_not_dropped_with_what_it_came_to_before() {
    let ids: Vec<String> = (0..HELD_MAX + 1_500).map(|n| format!("a{n}")).collect();
    let index = index(&ids);
    let mut plans = Plans::default();
    for id in &ids[..HELD_MAX] {
        open(&mut plans, &index, "x", &[id]);
    }
    plans.changes();
    let rest: Vec<Slot> = ids[HELD_MAX..].iter().map(|id| slot(&index, id)).collect();
    plans.begin(opening("y"), rest.clone());
    plans.write_page(&index).unwrap();
    assert_eq!(plans.begin(opening("y"), rest), 50);
    let mut written = Vec::new();
    while let Some(page) = plans.write_page(&index) {
        written.extend(records(vec![page]).remove(0).key.last().copied());
    }
    let mut dropped = records(plans.changes());
    dropped.retain(|change| change.value.is_none());
    assert_eq!(dropped.iter().map(|change| change.key[11]).collect::<Vec<_>>(), [1]);
    assert_eq!(written, [2, 3]);
    assert_eq!(plans.get(50).unwrap().pages, 4);
}

#[test]
fn a9_a_million_ids_are_dropped_some_pages_at_a_time() {
    let mut plans = Plans::default();
    plans.drop_pages(4, 0..1_000);
    let mut sets = Vec::new();
    loop {
        let set = plans.changes();
        if set.is_empty() {
            break;
        }
        sets.push(set.len());
    }
    assert_eq!((sets.iter().sum::<usize>(), sets.iter().max()), (1_000, Some(&DROPPED_AT_ONCE)));
}

#[test]
fn f4_beyond_fifty_held_plans_new_ids_join_the_newest_with_the_time_of_their_own_file() {
    let ids: Vec<String> = (0..=HELD_MAX + 1).map(|n| format!("a{n}")).collect();
    let index = index(&ids);
    let mut plans = Plans::default();
    for id in &ids[..HELD_MAX] {
        open(&mut plans, &index, "x", &[id]);
    }
    plans.applying =
        Some(Applying { plan: 50, reason: None, by: None, next: 0, place: 0, deleted: 0, kept: 0 });
    assert_eq!(open(&mut plans, &index, "x", &[&ids[HELD_MAX]]), 49, "none that is being applied");
    plans.applying = None;
    plans.changes();
    let later = Opening { snapshot: Micros(9), ..opening("y") };
    assert_eq!(plans.begin(later, slots(&index, &[&ids[HELD_MAX + 1]])), 50);
    let page = records(vec![plans.write_page(&index).unwrap()]).remove(0);
    assert_eq!(&*page.key, &*page_key(50, 1));
    assert_eq!(PlanPage::decode(&page.value.unwrap()).unwrap().snapshot_at, 9);
    let head = plans.get(50).unwrap();
    assert_eq!((head.count(), head.pages, head.snapshot_at, plans.held()), (2, 2, 7, HELD_MAX));
    assert!(plans.spoken_for().contains(slot(&index, &ids[HELD_MAX + 1])));
}

#[test]
fn f4_a_plan_is_confirmed_by_two_further_bodies_that_lack_all_of_it() {
    let index = index(["a", "b"]);
    let mut plans = Plans::default();
    open(&mut plans, &index, "x", &["a", "b"]);
    let (none, one) = (SlotSet::default(), set(&index, &["b"]));
    assert_eq!(plans.confirm(&none, "x", 2), [0; 0], "its own body");
    assert_eq!(plans.confirm(&none, "y", 2), [0; 0]);
    assert_eq!(plans.confirm(&one, "z", 2), [0; 0], "one of them is there: it begins again");
    assert_eq!(plans.confirm(&none, "u", 2), [0; 0]);
    assert_eq!(plans.confirm(&none, "v", 0), [0; 0], "switched off");
    assert_eq!(plans.confirm(&none, "v", 2), [1]);
    plans.close_confirmed(1, NOW);
    assert_eq!(plans.outcomes().last(), Some(&PlanState::Approved));
    let last = records(plans.changes()).into_iter().rfind(|change| change.kind == RecordKind::Plan).unwrap();
    let head = Plan::decode(&last.value.unwrap()).unwrap();
    assert_eq!((head.state, head.reason.as_deref()), (PlanState::Approved, Some("confirmed")));
}

#[test]
fn f4_closed_plans_are_bounded() {
    let index = index(["a"]);
    let feed = FeedState::default();
    let mut plans = Plans::default();
    for n in 1..=CLOSED_KEPT as u64 + 5 {
        assert_eq!(open(&mut plans, &index, "x", &["a"]), n);
        plans.turn_down(n, PlanState::Rejected, None, &feed, NOW);
    }
    let removed = records(plans.changes()).into_iter().filter(|change| change.value.is_none());
    assert_eq!((removed.count(), plans.closed.len()), (5, CLOSED_KEPT));
}

#[test]
fn f4_a_plan_that_is_being_applied_is_closed_by_nothing_else() {
    let index = index(["a"]);
    let mut plans = Plans::default();
    open(&mut plans, &index, "x", &["a"]);
    plans.applying =
        Some(Applying { plan: 1, reason: None, by: None, next: 0, place: 0, deleted: 0, kept: 0 });
    plans.snapshot_changed(&set(&index, &["a"]), NOW);
    plans.expire(&FeedState::default(), NOW.plus(EXPIRY));
    plans.confirm(&SlotSet::default(), "y", 1);
    assert_eq!(plans.held(), 1);
}

#[test]
fn a_slot_that_is_forgotten_leaves_its_plan_before_another_id_stands_there() {
    let index = index(["a", "b"]);
    let mut plans = Plans::default();
    open(&mut plans, &index, "x", &["a", "b"]);
    plans.forget(slot(&index, "a"));
    let spoken = plans.spoken_for();
    assert!(!spoken.contains(slot(&index, "a")) && spoken.contains(slot(&index, "b")));
}
