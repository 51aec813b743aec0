//! The worked examples of RULES.md about snapshots and their guard, named by their rule.

use super::fixture::*;
use super::types::{Absent, PriceIn, RecordIn, RunStatus, SnapshotIn, Visible};
use super::{Model, PlanState, Policy};

/// A dated catalogue of so many assets, as of 01:00.
fn catalogue(count: usize) -> Model {
    let mut m = model();
    run(&mut m, dated(oclock(1), oclock(1), numbered(count)));
    m
}

#[test]
fn x3_an_asset_pushed_after_s_is_kept_as_a_phantom() {
    let mut m = catalogue(3);
    m.put(oclock(9), "new", Some(oclock(9)), &doc(&[]), None);
    let report = run(&mut m, dated(oclock(2), oclock(10), numbered(3)));
    assert_eq!((report.deleted, report.verdicts["phantom"]), (0, 1));
    assert!(matches!(m.visible(oclock(10), "new"), Visible::Alive(_)));
}

#[test]
fn x5_an_inactive_asset_that_the_snapshot_lacks_is_kept() {
    let mut m = catalogue(3);
    m.post(at(1, 30, 0), "asset-00002", Some(at(1, 30, 0)), &doc(&[("status", "inactive")]), None);
    let report = run(&mut m, dated(oclock(2), oclock(2), numbered(2)));
    assert_eq!((report.deleted, report.held), (0, 0));
    assert_eq!(report.verdicts["agree"], 3);
    assert_eq!(alive(&m, oclock(2), "asset-00002").status, "inactive");
}

#[test]
fn x3_an_undated_file_deletes_at_the_second_absence_and_f7_counts() {
    let mut m = model();
    run(&mut m, undated(oclock(1), numbered(8)));
    let first = run(&mut m, undated(oclock(2), numbered(7)));
    assert_eq!((first.absent_once, first.deleted, first.undated), (1, 0, true));
    let second = run(&mut m, undated(oclock(3), numbered(7)));
    assert_eq!((second.status, second.deleted), (RunStatus::Unchanged, 1));
    assert!(is_dead(&m, "asset-00007"));
}

#[test]
fn x3_presence_starts_the_count_again() {
    let mut m = model();
    for (hour, count) in [(1, 8), (2, 7), (3, 8), (4, 7)] {
        assert_eq!(run(&mut m, undated(oclock(hour), numbered(count))).deleted, 0);
    }
    assert_eq!(run(&mut m, undated(oclock(5), numbered(7))).deleted, 1);
}

#[test]
fn f7_a_file_that_stands_still_never_turns_a_push_back() {
    let mut m = model();
    let file = |hour| undated(oclock(hour), vec![record("a", &[("title", "feed")])]);
    run(&mut m, file(1));
    m.post(oclock(2), "a", Some(oclock(2)), &doc(&[("title", "pushed")]), None);
    for day in 1..5 {
        let report = run(&mut m, file(1 + 24 * day));
        assert_eq!(report.status, RunStatus::Unchanged);
        assert_eq!(member(&m, "a", "title").as_deref(), Some("pushed"));
    }
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
fn f4_the_limit_is_half_of_few_20_of_some_and_5_percent_of_many() {
    for (count, limit) in [(8, 4), (9, 4), (40, 20), (200, 20), (400, 20), (1_000, 50)] {
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
    let mut m = catalogue(200);
    let mut fed = |now: i64, count: usize| run(&mut m, dated(now, now, numbered(count)));
    assert_eq!(fed(oclock(2), 180).deleted, 20);
    assert_eq!(fed(oclock(3), 160).deleted, 20);
    assert_eq!(fed(oclock(4), 159).held, 1);
    assert_eq!(fed(oclock(5), 160).cancelled, vec![1]);
    assert_eq!(fed(oclock(27), 140).deleted, 20);
    assert_eq!(fed(oclock(28), 120).deleted, 20);
    assert_eq!(fed(oclock(60), 119).held, 1);
}

#[test]
fn f1_a_body_cut_off_changes_nothing() {
    let mut m = catalogue(100);
    let before = m.catalogue(oclock(3));
    let cut = SnapshotIn { closed: false, ..dated(oclock(2), oclock(2), numbered(60)) };
    assert_eq!(run(&mut m, cut).status, RunStatus::Failed);
    let miscounted = SnapshotIn { count: Some(61), ..dated(oclock(2), oclock(2), numbered(60)) };
    assert_eq!(run(&mut m, miscounted).status, RunStatus::Failed);
    assert_eq!(m.catalogue(oclock(3)), before);
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

#[test]
fn f2_an_invalid_record_leaves_its_asset_untouched_and_present() {
    let mut m = catalogue(10);
    let mut records = numbered(10);
    let bad = Some(PriceIn::new("", "1", "XQX", None));
    records[9] = RecordIn { price: bad, ..record("asset-00009", &[("title", "new")]) };
    let report = run(&mut m, dated(oclock(2), oclock(2), records));
    assert_eq!((report.quarantined, report.deleted), (1, 0));
    assert_eq!(member(&m, "asset-00009", "title").as_deref(), Some("t"));
}

#[test]
fn f2_a_record_without_readable_id_forbids_deletes() {
    let mut m = catalogue(10);
    let mut records = numbered(9);
    records.push(RecordIn { id: None, ..record("", &[]) });
    let report = run(&mut m, dated(oclock(2), oclock(2), records));
    assert_eq!((report.quarantined, report.deleted), (1, 0));
    assert_eq!(m.catalogue(oclock(2)).len(), 10);
}

#[test]
fn f3_the_run_is_refused_above_5_percent_and_at_least_20_invalid() {
    for (count, invalid, refused) in [(100, 19, false), (400, 20, false), (399, 20, true)] {
        let mut m = catalogue(1);
        let mut records = numbered(count);
        records.iter_mut().take(invalid).for_each(|r| r.valid = false);
        let report = run(&mut m, dated(oclock(2), oclock(2), records));
        assert_eq!(report.status == RunStatus::Refused, refused, "{count} {invalid}");
    }
}

#[test]
fn f5_yesterdays_file_from_a_cache_is_skipped() {
    let mut m = model();
    run(&mut m, dated(oclock(2), oclock(2), numbered(3)));
    let report = run(&mut m, dated(oclock(2) - DAY, oclock(3), numbered(2)));
    assert_eq!((report.status, report.s), (RunStatus::SkippedOlder, Some(oclock(2) - DAY)));
    assert_eq!(m.catalogue(oclock(3)).len(), 3);
}

#[test]
fn f6_the_same_id_twice() {
    let twice = |first: Option<i64>, second: Option<i64>, title: &str| {
        let mut m = catalogue(1);
        let one =
            |updated_at, title: &str| RecordIn { updated_at, ..record("asset-00000", &[("title", title)]) };
        let file = dated(oclock(2), oclock(2), vec![one(first, "one"), one(second, title)]);
        let report = run(&mut m, file);
        (report.quarantined, report.repeated, member(&m, "asset-00000", "title").expect("a title"))
    };
    assert_eq!(twice(None, None, "one"), (0, 1, "one".into()));
    assert_eq!(twice(Some(2), Some(1), "two"), (0, 1, "one".into()));
    assert_eq!(twice(Some(1), Some(2), "two"), (0, 1, "two".into()));
    assert_eq!(twice(Some(1), Some(1), "two"), (2, 0, "t".into()));
    assert_eq!(twice(Some(1), None, "two"), (2, 0, "t".into()));
}

#[test]
fn f8_a_partial_file_deletes_nothing() {
    let mut m = catalogue(10);
    let part = SnapshotIn { complete: false, ..dated(oclock(2), oclock(2), numbered(1)) };
    assert_eq!(run(&mut m, part).status, RunStatus::Applied);
    assert_eq!(m.catalogue(oclock(2)).len(), 10);
}

#[test]
fn x5_absence_may_mean_inactive() {
    let mut m = Model::new(Policy { absent: Absent::Inactive, ..Policy::default() });
    run(&mut m, dated(oclock(1), oclock(1), numbered(8)));
    assert_eq!(run(&mut m, dated(oclock(2), oclock(2), numbered(7))).deleted, 1);
    assert_eq!(alive(&m, oclock(2), "asset-00007").status, "inactive");
    run(&mut m, dated(oclock(3), oclock(3), numbered(8)));
    assert_eq!(alive(&m, oclock(3), "asset-00007").status, "active");
}
