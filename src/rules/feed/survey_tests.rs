//! Surveys of files with sound, invalid and repeated records (F2, F3, F6).

use super::*;

fn id(text: &str) -> AssetId {
    AssetId::new(text).unwrap()
}

fn record(record: u32, content: u128, updated_at: Option<i64>) -> SurveyedRecord {
    SurveyedRecord {
        record,
        offset: 0,
        bytes: 1,
        lead: 0,
        element: 0,
        page: 0,
        updated_at: updated_at.map(Micros),
        content,
    }
}

fn fault() -> InvalidRecord {
    let fault =
        RecordFault { record: Some(0), code: "x".into(), detail: "x".into(), ..RecordFault::default() };
    InvalidRecord { fault, bytes: 1, lead: 0, element: 0, rule: Rule::F2 }
}

/// A survey with so many sound records beside those that a test is about.
fn among(others: u32) -> Survey {
    let mut survey = Survey::keeping(3, Repeated::Quarantine);
    (0..others).for_each(|n| survey.valid(id(&format!("z{n}")), record(100 + n, 1, None)));
    survey
}

fn twins(a: SurveyedRecord, b: SurveyedRecord) -> Presence {
    let mut survey = among(1);
    survey.valid(id("a"), a);
    survey.valid(id("a"), b);
    survey.finish().unwrap().present.remove(0).1
}

#[test]
fn f6_the_same_id_twice_is_settled_by_content_then_time_or_not_at_all() {
    assert_eq!(twins(record(0, 1, None), record(1, 1, None)), Presence::Valid(record(0, 1, None)));
    assert_eq!(twins(record(0, 1, Some(5)), record(1, 2, Some(6))), Presence::Valid(record(1, 2, Some(6))));
    assert_eq!(twins(record(0, 1, Some(6)), record(1, 2, Some(5))), Presence::Valid(record(0, 1, Some(6))));
    assert_eq!(twins(record(0, 1, Some(5)), record(1, 2, Some(5))), Presence::Quarantined);
    assert_eq!(twins(record(0, 1, Some(5)), record(1, 2, None)), Presence::Quarantined);
    assert_eq!(twins(record(0, 1, None), record(1, 2, None)), Presence::Quarantined);
}

#[test]
fn f6_u2_every_record_that_is_kept_aside_has_a_row_and_a_fault() {
    let mut survey = among(2);
    survey.valid(id("a"), record(0, 1, None));
    survey.valid(id("a"), record(1, 2, None));
    survey.valid(id("a"), record(2, 3, None));
    let surveyed = survey.finish().unwrap();
    let kept: Vec<_> = surveyed.kept.iter().map(|kept| kept.fault.record).collect();
    assert_eq!(kept, [Some(0), Some(1), Some(2)]);
    assert_eq!((surveyed.faults.len(), surveyed.quarantined), (3, 3));
}

#[test]
fn u2_a_sound_record_beside_a_faulty_one_of_its_id_is_named_whichever_comes_first() {
    let faulty = || InvalidRecord {
        fault: RecordFault { record: Some(2), id: Some("a".into()), ..fault().fault },
        ..fault()
    };
    let sound = |place| (id("a"), record(place, 1, Some(5)));
    for faulty_first in [false, true] {
        let mut survey = among(3);
        let (id, good) = sound(0);
        if faulty_first {
            survey.invalid(faulty(), Some(id.clone()));
        }
        survey.valid(id.clone(), good);
        if !faulty_first {
            survey.invalid(faulty(), Some(id));
        }
        let surveyed = survey.finish().unwrap();
        let named = |fault: &RecordFault| (fault.record, fault.code.clone());
        let faults: Vec<_> = surveyed.faults.iter().map(named).collect();
        let kept: Vec<_> = surveyed.kept.iter().map(|kept| named(&kept.fault)).collect();
        assert_eq!(faults, [(Some(0), "id_repeated".into()), (Some(2), "x".into())]);
        assert_eq!((kept, surveyed.quarantined), (faults, 2));
        assert_eq!(surveyed.present[0].1, Presence::Quarantined);
    }
}

#[test]
fn f6_a_file_that_repeats_an_id_may_be_a_mixture_and_one_that_does_not_is_none() {
    let mixed = |records: &[(&str, u128, Option<i64>)]| {
        let mut survey = among(1);
        for (place, (name, content, at)) in (0..).zip(records) {
            survey.valid(id(name), record(place, *content, *at));
        }
        survey.finish().unwrap().may_be_mixed
    };
    assert!(!mixed(&[("a", 1, None), ("b", 1, None)]));
    assert!(mixed(&[("a", 1, None), ("a", 1, None)]), "the same twice");
    assert!(mixed(&[("a", 1, Some(1)), ("a", 2, Some(2))]), "told apart by time");
    let mut survey = among(2);
    survey.invalid(fault(), Some(id("a")));
    assert!(!survey.finish().unwrap().may_be_mixed, "faulty, and there once");
}

#[test]
fn f6_every_record_of_an_id_that_cannot_be_told_apart_is_counted_as_quarantined() {
    let mut survey = Survey::default();
    for (name, content) in [("a", 1), ("a", 1), ("a", 2), ("b", 1), ("b", 1), ("c", 1)] {
        survey.valid(id(name), record(0, content, None));
    }
    let surveyed = survey.finish().unwrap();
    assert_eq!((surveyed.records, surveyed.quarantined), (6, 3));
}

#[test]
fn f6_equal_content_stands_once_with_the_newer_of_its_times() {
    let newer = record(1, 1, Some(6));
    assert_eq!(twins(record(0, 1, Some(5)), newer.clone()), Presence::Valid(newer));
    let first = record(0, 1, Some(6));
    assert_eq!(twins(first.clone(), record(1, 1, Some(5))), Presence::Valid(first));
    assert_eq!(twins(record(0, 2, None), record(1, 1, None)), Presence::Quarantined);
}

#[test]
fn f6_a_pair_is_told_of_only_where_neither_stands() {
    for (content, told) in [(1, 0), (2, 2)] {
        let mut survey = among(1);
        survey.valid(id("a"), record(0, 1, None));
        survey.valid(id("a"), record(1, content, None));
        assert_eq!(survey.finish().unwrap().faults.len(), told);
    }
}

#[test]
fn t3_the_newest_of_the_records_times_is_found_wherever_it_stands() {
    let mut survey = Survey::default();
    for (n, at) in [(0, Some(5)), (1, Some(7)), (2, None), (3, Some(6))] {
        survey.valid(id(&n.to_string()), record(n, 1, at));
    }
    assert_eq!(survey.finish().unwrap().newest, Some(Micros(7)));
}

#[test]
fn f2_of_many_faults_the_first_are_kept_and_all_are_counted() {
    let mut survey = Survey::default();
    (0..FAULTS_KEPT + 1).for_each(|_| survey.invalid(fault(), Some(id("a"))));
    let refused = survey.finish().expect_err("all of it is invalid");
    assert_eq!((refused.faults.len(), refused.invalid), (FAULTS_KEPT, FAULTS_KEPT as u64 + 1));
}

#[test]
fn f2_an_invalid_record_counts_as_present_and_an_unreadable_id_bars_deletes() {
    let mut survey = among(1);
    survey.invalid(fault(), Some(id("a")));
    assert_eq!(survey.unreadable_ids, 0);
    let surveyed = survey.finish().unwrap();
    assert_eq!(surveyed.present[0], (id("a"), Presence::Quarantined));
    assert!(!surveyed.deletes_barred);
    let mut survey = among(1);
    survey.invalid(fault(), None);
    assert!(survey.finish().unwrap().deletes_barred);
}

#[test]
fn f3_more_than_five_percent_and_at_least_twenty_or_more_than_half_refuse_the_run() {
    let run = |invalid: u32, records: u32| {
        let mut survey = Survey::default();
        (0..invalid).for_each(|_| survey.invalid(fault(), None));
        (invalid..records).for_each(|n| survey.valid(id(&n.to_string()), record(n, 1, None)));
        survey.finish().is_err()
    };
    assert!(!run(19, 38), "nineteen are too few to refuse, and no more than half");
    assert!(run(19, 37) && run(1, 1) && run(2, 3), "more than half");
    assert!(!run(1, 2) && !run(0, 0));
    assert!(run(20, 399));
    assert!(!run(20, 400), "exactly five percent pass");
    assert!(run(21, 400));
}

#[test]
fn f3_a_file_of_which_nothing_can_be_applied_is_refused_also_where_no_record_is_invalid() {
    let mut survey = Survey::default();
    (0..2).for_each(|n| survey.valid(id("a"), record(n, n.into(), None)));
    assert_eq!(survey.finish().unwrap_err().invalid, 2);
}

#[test]
fn f6_the_highest_time_stands_whichever_of_three_comes_first() {
    let (a, b, c) = (record(0, 1, Some(1)), record(1, 2, Some(1)), record(2, 3, Some(2)));
    for order in [[&a, &b, &c], [&c, &a, &b], [&a, &c, &b], [&b, &a, &c], [&b, &c, &a], [&c, &b, &a]] {
        let mut survey = among(1);
        order.into_iter().for_each(|record| survey.valid(id("x"), record.clone()));
        let surveyed = survey.finish().unwrap();
        assert_eq!(surveyed.present[0].1, Presence::Valid(c.clone()));
    }
}

#[test]
fn f6_a_third_record_settles_nothing_without_a_time_that_is_later() {
    let stands = |records: [SurveyedRecord; 3]| {
        let mut survey = among(1);
        records.into_iter().for_each(|record| survey.valid(id("x"), record));
        matches!(survey.finish().unwrap().present[0].1, Presence::Valid(_))
    };
    let at = |place: u32, time| record(place, u128::from(place), time);
    assert!(stands([at(0, Some(1)), at(1, Some(1)), at(2, Some(2))]));
    assert!(!stands([at(0, Some(1)), at(1, Some(1)), at(2, Some(1))]), "no later");
    assert!(!stands([at(0, Some(1)), at(1, Some(1)), at(2, None)]), "of no time");
    assert!(!stands([at(0, Some(1)), at(1, None), at(2, Some(2))]), "one of the tie has none");
    // what says the same as the newest needs no time
    let (old, other, newest) = (record(0, 1, None), record(1, 2, Some(3)), record(2, 1, Some(5)));
    for order in [[&old, &other, &newest], [&newest, &other, &old], [&other, &old, &newest]] {
        assert!(stands(order.map(Clone::clone)));
    }
}

#[test]
fn f6_records_that_say_the_same_again_are_counted() {
    let mut survey = among(1);
    for place in 0..3 {
        survey.valid(id("x"), record(place, 1, None));
    }
    survey.valid(id("x"), record(3, 0, Some(1)));
    survey.valid(id("x"), record(4, 2, Some(2)));
    assert_eq!(survey.finish().unwrap().repeated, 2);
}
