//! The worked examples of RULES.md about snapshots, named by their rule.

use super::fixture::*;
use super::types::{Absent, PriceIn, RecordIn, RecordTime, RunStatus, SnapshotIn, Visible};
use super::{Model, Policy};

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
fn f2_a_record_with_a_bad_currency_leaves_its_asset_untouched_and_present() {
    let mut m = catalogue(10);
    let mut records = numbered(10);
    records[9] = record("asset-00009", &[("title", "new"), ("currency", "XQX")]);
    let report = run(&mut m, dated(oclock(2), oclock(2), records));
    assert_eq!((report.quarantined, report.deleted), (1, 0));
    assert_eq!(member(&m, "asset-00009", "title").as_deref(), Some("t"));
}

#[test]
fn f2_a_record_whose_price_is_zero_is_inactive_and_redeemed_all_the_same() {
    let mut m = model();
    let before = RecordIn { members: doc(&[("status", "active")]), ..priced("a", "10", Some(oclock(1))) };
    run(&mut m, dated(oclock(1), oclock(1), vec![before]));
    let members = doc(&[("status", "inactive"), ("redeemed", "yes")]);
    let record = RecordIn { members, ..priced("a", "0", Some(oclock(2))) };
    let report = run(&mut m, dated(oclock(2), oclock(2), vec![record]));
    assert_eq!((report.updated, report.quarantined, report.prices_aside), (1, 0, 1));
    let asset = alive(&m, oclock(2), "a");
    assert_eq!((asset.status.as_str(), &asset.members["redeemed"]), ("inactive", &"yes".into()));
    assert_eq!(asset.quotes["price"].amount.as_deref(), Some("10"));
    let row = m.quarantine().last().expect("the price was kept aside");
    assert_eq!((row.reason, row.price.is_some()), ("amount_zero", true));
}

#[test]
fn f2_whatever_is_wrong_with_a_price_only_the_price_is_kept_aside() {
    let cases = [
        ("0", "USD", None, "amount_zero"),
        ("-1", "USD", None, "amount_negative"),
        ("1,5", "USD", None, "amount_format"),
        ("1", "XQX", None, "currency_unknown"),
        ("1", "EUR", None, "currency_changed"),
        ("1", "EUR", Some(oclock(2)), "currency_changed"),
        ("1", "USD", Some(oclock(3)), "future_time"),
    ];
    for (amount, currency, as_of, reason) in cases {
        let mut m = model();
        run(&mut m, dated(oclock(1), oclock(1), vec![priced("a", "10", None)]));
        let price = Some(PriceIn::new("a", amount, currency, as_of));
        let record = RecordIn { price, ..record("a", &[("title", "new")]) };
        let report = run(&mut m, dated(oclock(2), oclock(2), vec![record]));
        assert_eq!((report.updated, report.quarantined, report.prices_aside), (1, 0, 1), "{reason}");
        assert_eq!(m.quarantine().last().map(|row| row.reason), Some(reason));
        assert_eq!(member(&m, "a", "title").as_deref(), Some("new"));
        assert_eq!(super::fixture::amount(&m, "a").as_deref(), Some("10"));
    }
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
fn f3_the_run_is_refused_above_5_percent_and_at_least_20_invalid_or_above_half() {
    let cases =
        [(100, 19, false), (400, 20, false), (399, 20, true), (2, 1, false), (3, 2, true), (1, 1, true)];
    for (count, invalid, refused) in cases {
        let mut m = catalogue(1);
        let mut records = numbered(count);
        records.iter_mut().take(invalid).for_each(|r| r.valid = false);
        let report = run(&mut m, dated(oclock(2), oclock(2), records));
        assert_eq!(report.status == RunStatus::Refused, refused, "{count} {invalid}");
    }
}

#[test]
fn f3_bad_prices_alone_refuse_no_run() {
    let mut m = catalogue(1);
    let bad = |r: RecordIn| RecordIn { price: Some(PriceIn::new("", "0", "USD", None)), ..r };
    let report = run(&mut m, dated(oclock(2), oclock(2), numbered(50).into_iter().map(bad).collect()));
    assert_eq!((report.status, report.created, report.prices_aside), (RunStatus::Applied, 49, 50));
}

#[test]
fn t3_a_stated_time_that_stands_still_for_months_is_applied_file_after_file() {
    let mut m = model();
    let file = |day: i64, title: &str| {
        let records = vec![record("a", &[("title", title)]), record("b", &[("title", title)])];
        dated(oclock(1), oclock(2) + day * DAY, records)
    };
    assert_eq!(run(&mut m, file(0, "0")).s, Some(oclock(1)));
    for day in 1..90 {
        let title = day.to_string();
        if day == 45 {
            m.delete(oclock(1) + 45 * DAY, "b", Some(oclock(1) + 44 * DAY));
        }
        let report = run(&mut m, file(day, &title));
        assert_eq!((report.status, report.s), (RunStatus::Applied, Some(oclock(1) + day)));
        assert_eq!(member(&m, "a", "title"), Some(title));
        assert_eq!(report.suppressed, usize::from(day >= 45));
    }
    // Once it moves on, its own time counts again; once it falls back, it is an older file.
    let later = dated(oclock(30), oclock(2) + 90 * DAY, vec![record("a", &[])]);
    assert_eq!(run(&mut m, later).s, Some(oclock(30)));
    assert_eq!(run(&mut m, file(91, "old")).status, RunStatus::SkippedOlder);
}

#[test]
fn t3_an_undated_file_in_between_does_not_make_the_standing_time_an_older_one() {
    let mut m = model();
    run(&mut m, dated(oclock(1), oclock(2), vec![record("a", &[])]));
    assert!(run(&mut m, undated(oclock(3), vec![record("a", &[("t", "1")])])).undated);
    let report = run(&mut m, dated(oclock(1), oclock(4), vec![record("a", &[("t", "2")])]));
    assert_eq!((report.status, report.s), (RunStatus::Applied, Some(oclock(2) + 1)));
}

#[test]
fn t3_the_third_run_in_a_row_that_is_refused_for_its_time_is_a_failure() {
    let mut m = catalogue(3);
    let old = |n: i64| dated(oclock(0) + n, oclock(2), vec![]);
    let failures: Vec<bool> = (0..4).map(|n| run(&mut m, old(n)).failure).collect();
    assert_eq!(failures, [false, false, true, true]);
    run(&mut m, dated(oclock(2), oclock(2), numbered(3)));
    assert!(!run(&mut m, old(5)).failure);
}

#[test]
fn t2_a_stated_time_that_cannot_be_used_is_a_lint() {
    let mut m = model();
    let mut records = numbered(1);
    records[0].updated_at = Some(oclock(1));
    let unreadable = SnapshotIn { time_unreadable: true, ..undated(oclock(1), records) };
    let report = run(&mut m, unreadable);
    assert_eq!((report.undated, report.lints), (true, vec!["time_unreadable"]));
    let report = run(&mut m, dated(oclock(4), oclock(2), numbered(2)));
    assert_eq!((report.undated, report.lints), (true, vec!["time_ahead"]));
}

#[test]
fn f1_lines_without_a_count_prove_an_absence_at_the_second_file_only() {
    for (count, first, second) in [(None, 0, 1), (Some(7), 1, 0)] {
        let mut m = catalogue(8);
        let lines = SnapshotIn { ndjson: true, count, ..dated(oclock(2), oclock(2), numbered(7)) };
        let report = run(&mut m, lines.clone());
        assert_eq!((report.deleted, report.absent_once), (first, second));
        assert!(!report.undated);
        assert_eq!(run(&mut m, SnapshotIn { fetch_start: oclock(3), ..lines }).deleted, second);
    }
}

#[test]
fn f6_a_file_that_repeats_an_id_proves_an_absence_at_the_second_file_only() {
    for by_a_sound_file in [true, false] {
        let mut m = catalogue(8);
        let mut twice = numbered(7);
        twice.push(record("asset-00000", &[("title", "t")]));
        let report = run(&mut m, dated(oclock(2), oclock(2), twice.clone()));
        assert_eq!((report.deleted, report.absent_once), (0, 1));
        let next = if by_a_sound_file { numbered(7) } else { twice };
        assert_eq!(run(&mut m, dated(oclock(3), oclock(3), next)).deleted, 1);
    }
}

#[test]
fn f9_what_no_push_could_have_told_is_new() {
    let mut m = catalogue(2);
    let created =
        |m: &mut Model, hour: i64, count: usize| run(m, dated(oclock(hour), oclock(hour), numbered(count)));
    assert_eq!(created(&mut m, 2, 3).verdicts.get("new"), Some(&1));
    m.price(oclock(2), PriceIn::new("asset-00000", "1", "USD", None));
    assert_eq!(created(&mut m, 3, 4).verdicts.get("new"), Some(&1));
    m.post(oclock(3), "asset-00000", None, &doc(&[]), None);
    assert_eq!(created(&mut m, 4, 5).verdicts.get("missed_push"), Some(&1));
    // The first run of a partner that pushes.
    let mut m = model();
    m.post(oclock(1), "pushed", None, &doc(&[]), None);
    assert_eq!(created(&mut m, 2, 3).verdicts.get("new"), Some(&3));
}

#[test]
fn t3_records_that_lag_behind_their_envelope_are_stamped_by_their_own_time() {
    let mut m = Model::new(Policy { record_time: RecordTime::Record, ..Policy::default() });
    let lagging =
        |hour, title: &str| RecordIn { updated_at: Some(oclock(hour)), ..record("a", &[("title", title)]) };
    let file = |hour, record: Option<RecordIn>| {
        let others = numbered(8).into_iter().chain(record);
        dated(oclock(hour), oclock(hour), others.collect())
    };
    run(&mut m, file(2, Some(lagging(1, "one"))));
    m.post(oclock(4), "a", Some(oclock(3)), &doc(&[("title", "pushed")]), None);
    let report = run(&mut m, file(5, Some(lagging(2, "two"))));
    assert_eq!((report.s, report.verdicts["feed_stale"]), (Some(oclock(5)), 1));
    assert_eq!(member(&m, "a", "title").as_deref(), Some("pushed"));
    // Never above S.
    run(&mut m, file(6, Some(lagging(7, "ahead"))));
    m.post(oclock(8), "a", Some(oclock(6)), &doc(&[("title", "at S")]), None);
    assert_eq!(member(&m, "a", "title").as_deref(), Some("at S"));
    // Its absences count at S, and its presence too.
    assert_eq!(run(&mut m, file(9, None)).deleted, 1);
    assert_eq!(run(&mut m, file(10, Some(lagging(8, "back")))).verdicts["resurrected"], 1);
    assert_eq!(member(&m, "a", "title").as_deref(), Some("back"));
    // A delete that was said is later than a record of before it.
    m.delete(oclock(12), "a", Some(oclock(11)));
    assert_eq!(run(&mut m, file(13, Some(lagging(10, "stale")))).suppressed, 1);
    assert!(is_dead(&m, "a"));
    assert_eq!(run(&mut m, file(14, Some(lagging(12, "new")))).verdicts["resurrected"], 1);
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
        let file = dated(oclock(2), oclock(2), vec![one(first, "one"), one(second, title), record("b", &[])]);
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
