//! The worked examples of the delete guard and its plans (F4), and its edges.

use super::fixture::*;
use super::types::{RunStatus, SnapshotIn};
use super::{Model, PlanState, Policy};

/// A dated catalogue of so many assets, as of 01:00.
fn catalogue(count: usize) -> Model {
    let mut m = model();
    run(&mut m, dated(oclock(1), oclock(1), numbered(count)));
    m
}

#[test]
fn f4_600_of_10000_deletes_are_held_while_upserts_apply() {
    let mut m = catalogue(10_000);
    let mut records = numbered(9_400);
    records[0] = record("asset-00000", &[("title", "changed")]);
    let report = run(&mut m, dated(oclock(2), oclock(2), records.clone()));
    assert_eq!((report.updated, report.deleted, report.held), (1, 0, 600));
    let plan = report.plan.expect("a plan was opened");
    // Ids in a held plan open no second one.
    records.push(record("new", &[]));
    let next = run(&mut m, dated(oclock(3), oclock(3), records));
    assert_eq!((next.created, next.held, next.plan), (1, 0, None));
    assert_eq!(m.approve(oclock(4), plan), Some(600));
    assert_eq!(m.catalogue(oclock(4)).len(), 9_401);
    assert_eq!(m.approve(oclock(4), plan), None);
}

#[test]
fn f4_one_of_eight_is_deleted() {
    let mut m = catalogue(8);
    assert_eq!(run(&mut m, dated(oclock(2), oclock(2), numbered(7))).deleted, 1);
}

#[test]
fn f4_page_one_of_two_of_forty_assets_is_held() {
    let mut m = catalogue(40);
    let report = run(&mut m, dated(oclock(2), oclock(2), numbered(20)));
    assert_eq!((report.deleted, report.held), (0, 20));
    assert_eq!(m.catalogue(oclock(3)).len(), 40);
}

/// Seven of ten assets, from such a day; each day's file has a body of its own.
fn seven(day: i64) -> SnapshotIn {
    let mut records = numbered(7);
    records[0] = record("asset-00000", &[("title", &format!("of day {day}"))]);
    dated(oclock(1) + day * DAY, oclock(1) + day * DAY, records)
}

#[test]
fn f4_three_of_ten_are_held_and_confirmed_by_two_further_files() {
    let mut m = catalogue(10);
    let plan = run(&mut m, seven(1)).plan.expect("a plan was opened");
    // The same bytes confirm nothing.
    let still = SnapshotIn { fetch_start: oclock(30), ..seven(1) };
    assert_eq!(run(&mut m, still).status, RunStatus::Unchanged);
    let second = run(&mut m, seven(2));
    assert_eq!((second.held, second.deleted, second.confirmed), (0, 0, vec![]));
    assert_eq!(m.catalogue(oclock(50)).len(), 10);
    let third = run(&mut m, seven(3));
    assert_eq!((third.deleted, third.confirmed), (0, vec![plan]));
    assert_eq!(m.plan(plan).map(|p| p.state), Some(PlanState::Approved));
    assert_eq!(m.catalogue(oclock(80)).len(), 7);
}

#[test]
fn f4_a_file_that_has_one_of_the_ids_starts_the_confirming_again() {
    let mut m = catalogue(10);
    let plan = run(&mut m, seven(1)).plan.expect("a plan was opened");
    run(&mut m, seven(2));
    let mut with_one = seven(3);
    with_one.records.push(record("asset-00009", &[]));
    assert_eq!(run(&mut m, with_one).cancelled, Vec::<u64>::new());
    // The plan would expire after 72 hours.
    let later = |hour: i64, title: &str| {
        let mut records = numbered(7);
        records[0] = record("asset-00000", &[("title", title)]);
        dated(oclock(73 + hour), oclock(73 + hour), records)
    };
    assert_eq!(run(&mut m, later(1, "x")).confirmed, Vec::<u64>::new());
    assert_eq!(run(&mut m, later(2, "y")).confirmed, vec![plan]);
}

#[test]
fn f4_neither_large_plans_nor_undated_ones_are_confirmed_nor_any_where_that_is_switched_off() {
    let mut m = Model::new(Policy { confirm: 0, ..Policy::default() });
    run(&mut m, dated(oclock(1), oclock(1), numbered(10)));
    let mut large = catalogue(100);
    let mut without_date = model();
    run(&mut without_date, undated(oclock(1), numbered(10)));
    let file = |count: usize, day: i64| {
        let mut records = numbered(count);
        records[0] = record("asset-00000", &[("title", &format!("of day {day}"))]);
        (oclock(1) + 12 * HOUR * day, records)
    };
    for day in 1..6 {
        let (at, records) = file(7, day);
        assert_eq!(run(&mut m, dated(at, at, records.clone())).confirmed, Vec::<u64>::new());
        assert_eq!(run(&mut without_date, undated(at, records)).confirmed, Vec::<u64>::new());
        let (at, records) = file(79, day);
        assert_eq!(run(&mut large, dated(at, at, records)).confirmed, Vec::<u64>::new());
    }
    for m in [m, large, without_date] {
        assert_eq!(m.plan(1).map(|p| p.state), Some(PlanState::Held));
    }
}

#[test]
fn f4_beyond_fifty_held_plans_new_ids_join_the_newest() {
    let mut m = Model::new(Policy { confirm: 0, ..Policy::default() });
    let mut fed = |count: usize, minute: i64| {
        let at = oclock(2) + minute * 60 * SECOND;
        run(&mut m, dated(at, at, numbered(count)))
    };
    fed(400, 0);
    assert_eq!((fed(380, 1).deleted, fed(360, 2).deleted), (20, 20));
    for n in 1..=50 {
        let report = fed(360 - n, 2 + n as i64);
        assert_eq!((report.held, report.plan), (1, Some(n as u64)));
    }
    let more = fed(309, 53);
    assert_eq!((more.held, more.plan, more.deleted), (1, None, 0));
    assert_eq!(m.plan(50).map(|p| p.ids), Some(vec!["asset-00310".into(), "asset-00309".into()]));
    assert_eq!(m.plan(51), None);
}

#[test]
fn f4_the_limit_is_2_of_few_a_tenth_of_some_20_of_more_and_5_percent_of_many() {
    let limits =
        [(8, 2), (20, 2), (29, 2), (30, 3), (40, 4), (199, 19), (200, 20), (400, 20), (419, 20), (1_000, 50)];
    for (count, limit) in limits {
        let mut m = catalogue(count);
        let report = run(&mut m, dated(oclock(2), oclock(2), numbered(count - limit)));
        assert_eq!((report.deleted, report.held), (limit, 0), "{count}");
        let mut m = catalogue(count);
        let report = run(&mut m, dated(oclock(2), oclock(2), numbered(count - limit - 1)));
        assert_eq!((report.deleted, report.held), (0, limit + 1), "{count}");
    }
}

#[test]
fn f4_twice_the_limit_in_24_hours_and_four_times_in_7_days() {
    let mut m = catalogue(300);
    let mut fed = |now: i64, count: usize| run(&mut m, dated(now, now, numbered(count)));
    assert_eq!(fed(oclock(2), 280).deleted, 20);
    assert_eq!(fed(oclock(3), 260).deleted, 20);
    assert_eq!(fed(oclock(4), 259).held, 1);
    assert_eq!(fed(oclock(5), 260).cancelled, vec![1]);
    assert_eq!(fed(oclock(27), 240).deleted, 20);
    assert_eq!(fed(oclock(28), 220).deleted, 20);
    assert_eq!(fed(oclock(60), 219).held, 1);
}

#[test]
fn f4_an_empty_snapshot_is_held_dated_or_not() {
    for is_dated in [true, false] {
        let mut m = catalogue(100);
        if !is_dated {
            m = model();
            run(&mut m, undated(oclock(1), numbered(100)));
        }
        let empty = if is_dated { dated(oclock(2), oclock(2), vec![]) } else { undated(oclock(2), vec![]) };
        let report = run(&mut m, empty);
        assert_eq!((report.held, report.deleted, report.absent_once), (100, 0, 0));
        assert_eq!(m.catalogue(oclock(3)).len(), 100);
    }
}

#[test]
fn f4_empty_on_purpose_deletes_without_a_plan() {
    let mut m = catalogue(100);
    let empty = SnapshotIn { count: Some(0), allow_empty: true, ..dated(oclock(2), oclock(2), vec![]) };
    assert_eq!(run(&mut m, empty).deleted, 100);
}

#[test]
fn f4_a_plan_is_cancelled_when_nine_in_ten_are_back() {
    let mut m = catalogue(100);
    let report = run(&mut m, dated(oclock(2), oclock(2), numbered(50)));
    let plan = report.plan.expect("a plan was opened");
    assert_eq!(run(&mut m, dated(oclock(3), oclock(3), numbered(94))).cancelled, Vec::<u64>::new());
    assert_eq!(run(&mut m, dated(oclock(4), oclock(4), numbered(95))).cancelled, vec![plan]);
    assert_eq!(m.plan(plan).map(|p| p.state), Some(PlanState::Cancelled));
}

#[test]
fn f4_after_rejection_or_expiry_only_a_changed_snapshot_opens_a_new_plan() {
    for expires in [true, false] {
        let mut m = catalogue(100);
        let file = |hour| dated(oclock(2), oclock(hour), numbered(50));
        let plan = run(&mut m, file(2)).plan.expect("a plan was opened");
        if !expires {
            assert_eq!(m.reject(oclock(3), plan), Some(50));
        }
        let still = run(&mut m, file(2 + 72));
        assert_eq!((still.status, still.held), (RunStatus::Unchanged, 0));
        let state = if expires { PlanState::Expired } else { PlanState::Rejected };
        assert_eq!(m.plan(plan).map(|p| p.state), Some(state));
        let changed = run(&mut m, dated(oclock(80), oclock(80), numbered(51)));
        assert_eq!(changed.held, 49);
    }
}

#[test]
fn f4_approval_decides_each_id_again_by_the_plans_s() {
    let mut m = catalogue(100);
    let plan = run(&mut m, dated(oclock(2), oclock(2), numbered(50))).plan.expect("a plan");
    m.post(oclock(3), "asset-00099", Some(oclock(3)), &doc(&[("x", "1")]), None);
    run(&mut m, dated(oclock(4), oclock(4), numbered(60)));
    assert_eq!(m.approve(oclock(5), plan), Some(39));
}
