//! The edges at `<` and `≤` for D1–D3, X1, X3, X4, T3, T4, P1, P2 and P5.

use super::fixture::*;
use super::types::{
    Absent, Lane, Members, Outcome, Policy, PriceIn, PushIn, PushKind, QuoteState, RecordIn, RunStatus,
    SnapshotIn, Visible,
};
use super::{BEGINNING, Model};

fn put(m: &mut Model, at: i64, pairs: &[(&str, &str)]) -> Outcome {
    m.put(oclock(1), "a", Some(at), &doc(pairs), None).outcome
}

fn post(m: &mut Model, at: i64, pairs: &[(&str, &str)]) -> Outcome {
    m.post(oclock(1), "a", Some(at), &doc(pairs), None).outcome
}

fn push_in_lane(m: &mut Model, lane: Lane, sequence: u64, members: Members) {
    let id = "a".to_string();
    let kind = PushKind::Post;
    m.push(oclock(1), PushIn { kind, id, at: Some(5), lane, sequence, members, price: None });
}

#[test]
fn d1_d2_around_the_stored_stamp() {
    let mut m = model();
    assert_eq!(put(&mut m, 10, &[("t", "1")]), Outcome::Created);
    assert_eq!(post(&mut m, 9, &[("t", "2")]), Outcome::Superseded);
    assert_eq!(post(&mut m, 10, &[("t", "1")]), Outcome::Duplicate);
    assert_eq!(post(&mut m, 11, &[("t", "1")]), Outcome::Unchanged);
    assert_eq!(post(&mut m, 10, &[("t", "2")]), Outcome::Superseded);
    assert_eq!(post(&mut m, 12, &[("t", "2")]), Outcome::Updated);
    let verdict = m.post(oclock(1), "a", Some(11), &doc(&[("t", "3"), ("u", "1")]), None);
    assert_eq!((verdict.outcome, verdict.superseded_members), (Outcome::Updated, vec!["t".into()]));
}

#[test]
fn d3_at_equal_times_lane_then_sequence_then_later_commit_decide() {
    let mut m = model();
    push_in_lane(&mut m, Lane::Admin, 0, doc(&[("t", "admin")]));
    push_in_lane(&mut m, Lane::Push, 9, doc(&[("t", "push"), ("u", "nine")]));
    push_in_lane(&mut m, Lane::Push, 8, doc(&[("u", "eight")]));
    assert_eq!(m.ambiguous_order(), 0);
    push_in_lane(&mut m, Lane::Push, 9, doc(&[("u", "nine again")]));
    assert_eq!(m.ambiguous_order(), 1);
    assert_eq!(members(&m, "a"), doc(&[("t", "admin"), ("u", "nine again")]));
}

#[test]
fn d3_delete_beats_write_at_the_same_stamp_in_both_orders() {
    for delete_first in [true, false] {
        let mut m = model();
        if delete_first {
            m.delete(oclock(1), "a", Some(5));
        }
        put(&mut m, 5, &[("t", "1")]);
        if !delete_first {
            m.delete(oclock(1), "a", Some(5));
        }
        assert!(is_dead(&m, "a"));
        assert_eq!(put(&mut m, 6, &[]), Outcome::Created);
    }
}

#[test]
fn x1_outcomes_of_deletes() {
    let mut m = model();
    let delete = |m: &mut Model, at| m.delete(oclock(1), "a", Some(at)).outcome;
    assert_eq!(delete(&mut m, 3), Outcome::Deleted);
    assert_eq!(m.visible(oclock(1), "a"), Visible::Dead);
    assert_eq!(delete(&mut m, 3), Outcome::Duplicate);
    assert_eq!(delete(&mut m, 2), Outcome::Superseded);
    assert_eq!(delete(&mut m, 4), Outcome::Unchanged);
    put(&mut m, 10, &[("t", "1")]);
    post(&mut m, 20, &[("u", "1")]);
    assert_eq!(delete(&mut m, 9), Outcome::Superseded);
    assert_eq!(delete(&mut m, 10), Outcome::Updated);
    assert_eq!(members(&m, "a"), doc(&[("u", "1")]));
    assert_eq!(delete(&mut m, 20), Outcome::Deleted);
}

#[test]
fn x1_prices_compare_the_time_alone() {
    for (as_of, outcome) in [(5, Outcome::Superseded), (6, Outcome::Parked)] {
        let mut m = model();
        m.delete(oclock(1), "a", Some(5));
        // The price lane outranks the delete's, and does not help.
        assert_eq!(m.price(oclock(1), usd("a", "1", as_of)).outcome, outcome);
    }
}

#[test]
fn patch_neither_creates_nor_revives_nor_lives() {
    let mut m = model();
    let patch = |m: &mut Model, at| m.patch(oclock(1), "a", Some(at), &doc(&[("p", "1")]), None).outcome;
    assert_eq!(patch(&mut m, 1), Outcome::NotFound);
    put(&mut m, 2, &[]);
    assert_eq!(patch(&mut m, 20), Outcome::Updated);
    assert_eq!(m.delete(oclock(1), "a", Some(10)).outcome, Outcome::Deleted);
    assert_eq!(patch(&mut m, 30), Outcome::Gone);
    post(&mut m, 15, &[]);
    assert_eq!(members(&m, "a"), doc(&[("p", "1")]));
}

#[test]
fn a_full_write_removes_and_a_null_removes_in_a_partial_one() {
    let mut m = model();
    put(&mut m, 5, &[("t", "1"), ("u", "1")]);
    assert_eq!(post(&mut m, 6, &[("t", "-")]), Outcome::Updated);
    assert_eq!(members(&m, "a"), doc(&[("u", "1")]));
    put(&mut m, 7, &[("v", "1")]);
    assert_eq!(members(&m, "a"), doc(&[("v", "1")]));
    assert_eq!(put(&mut m, 6, &[("v", "2")]), Outcome::Superseded);
}

#[test]
fn x3_a_push_at_exactly_s_keeps_the_asset_and_a_price_does_not() {
    let s = oclock(2);
    for (at, deleted) in [(s - 1, 1), (s, 0), (s + 1, 0)] {
        let mut m = model();
        m.put(oclock(3), "a", Some(at), &doc(&[]), None);
        m.put(oclock(3), "b", Some(oclock(1)), &doc(&[]), None);
        m.price(oclock(3), usd("a", "1", oclock(3)));
        let report = run(&mut m, dated(s, oclock(3), vec![record("b", &[])]));
        assert_eq!(report.deleted, deleted);
    }
}

#[test]
fn what_is_above_the_end_is_held_in_every_order_in_which_the_patch_is_taken() {
    // The words' own example: PUT at 1, PATCH `n` at 15, DELETE at 10, POST `b` at 20.
    let mut taken = 0;
    for order in orders(4) {
        let mut m = model();
        let mut patched = false;
        for step in order {
            match step {
                0 => m.put(oclock(1), "a", Some(1), &doc(&[("p", "1")]), None),
                1 => {
                    let verdict = m.patch(oclock(1), "a", Some(15), &doc(&[("n", "15")]), None);
                    patched = verdict.outcome == Outcome::Updated;
                    verdict
                }
                2 => m.delete(oclock(1), "a", Some(10)),
                _ => post_at_20(&mut m),
            };
        }
        taken += usize::from(patched);
        let expected = if patched { doc(&[("b", "20"), ("n", "15")]) } else { doc(&[("b", "20")]) };
        assert_eq!(members(&m, "a"), expected);
    }
    assert!(taken > 12);
}

fn post_at_20(m: &mut Model) -> super::types::Verdict {
    m.post(oclock(1), "a", Some(20), &doc(&[("b", "20")]), None)
}

#[test]
fn d3_content_that_has_lost_at_its_stamp_never_comes_back() {
    let mut m = model();
    put(&mut m, 5, &[("t", "1"), ("u", "1")]);
    assert_eq!(put(&mut m, 5, &[("t", "2")]), Outcome::Updated);
    assert_eq!(put(&mut m, 5, &[("t", "1"), ("u", "1")]), Outcome::Duplicate);
    assert_eq!((members(&m, "a"), m.ambiguous_order()), (doc(&[("t", "2")]), 1));
    assert_eq!(post(&mut m, 5, &[("t", "3")]), Outcome::Updated);
    for (t, v) in [("t", "2"), ("t", "1"), ("t", "3")] {
        assert_eq!(post(&mut m, 5, &[(t, v)]), Outcome::Duplicate);
    }
    assert_eq!(put(&mut m, 5, &[("t", "2")]), Outcome::Duplicate);
    assert_eq!((members(&m, "a"), m.ambiguous_order()), (doc(&[("t", "3")]), 2));
    // A newer stamp asks nobody.
    assert_eq!(post(&mut m, 6, &[("t", "1")]), Outcome::Updated);
}

#[test]
fn p1_a_price_that_lost_while_it_was_parked_or_hidden_does_not_come_back_either() {
    for absent in [true, false] {
        let mut m = model();
        let send = |m: &mut Model, amount: &str| m.price(oclock(1), usd("a", amount, SECOND)).outcome;
        if absent {
            put(&mut m, 5, &[]);
            run(&mut m, dated(oclock(1), oclock(1), vec![record("b", &[])]));
        }
        assert_eq!((send(&mut m, "1"), send(&mut m, "2")), (Outcome::Parked, Outcome::Parked));
        assert_eq!(send(&mut m, "1"), Outcome::Duplicate);
        m.post(oclock(2), "a", Some(oclock(2)), &doc(&[]), None);
        assert_eq!((send(&mut m, "1"), send(&mut m, "2")), (Outcome::Duplicate, Outcome::Duplicate));
        assert_eq!((amount(&m, "a").as_deref(), m.ambiguous_order()), (Some("2"), 1));
    }
}

#[test]
fn x3_a_push_at_or_below_the_s_of_the_last_file_that_lacked_it_is_hidden_by_that_absence() {
    let s = oclock(2);
    for kind in [PushKind::Put, PushKind::Post] {
        for (lane, at, hidden) in [(Lane::Feed, s, true), (Lane::Push, s - 1, true), (Lane::Push, s, false)] {
            for was_known in [true, false] {
                let mut m = model();
                if was_known {
                    m.put(oclock(1), "a", Some(oclock(1)), &doc(&[("t", "1")]), None);
                }
                run(&mut m, dated(s, oclock(3), vec![record("b", &[])]));
                let late = PushIn { kind, at: Some(at), lane, ..put_in("a", &[("u", "1")]) };
                let verdict = m.push(oclock(3), late);
                let expected = if hidden { Outcome::Superseded } else { Outcome::Created };
                assert_eq!(verdict.outcome, expected);
                assert!(!hidden || verdict.rule == "X3");
                assert_eq!(is_dead(&m, "a"), hidden);
                // All of it shows when a file holds it; the file speaks for all members.
                m.post(oclock(3), "a", Some(s + 1), &doc(&[("v", "1")]), None);
                let all = doc(&[("u", "1"), ("v", "1")]);
                let old = doc(&[("t", "1")]);
                let held = if was_known && kind == PushKind::Post {
                    all.into_iter().chain(old).collect()
                } else {
                    all
                };
                assert_eq!(members(&m, "a"), held);
            }
        }
    }
}

fn put_in(id: &str, pairs: &[(&str, &str)]) -> PushIn {
    let (kind, lane) = (PushKind::Put, Lane::Push);
    PushIn { kind, id: id.into(), at: None, lane, sequence: 0, members: doc(pairs), price: None }
}

#[test]
fn x3_what_no_file_proves_to_be_absent_is_not_late() {
    let s = oclock(2);
    let file = || dated(s, oclock(3), vec![record("b", &[])]);
    let cases: Vec<(SnapshotIn, &str)> = vec![
        (undated(oclock(3), vec![record("b", &[])]), "undated"),
        (SnapshotIn { complete: false, ..file() }, "partial"),
        (SnapshotIn { ndjson: true, ..file() }, "lines"),
        (dated(s, oclock(3), vec![record("b", &[]), record("b", &[])]), "repeats"),
        (
            dated(
                s,
                oclock(3),
                vec![record("b", &[]), RecordIn { id: None, ..record("", &[]) }, record("c", &[])],
            ),
            "unreadable",
        ),
        (
            dated(
                s,
                oclock(3),
                vec![record("b", &[]), record("c", &[]), RecordIn { valid: false, ..record("a", &[]) }],
            ),
            "invalid",
        ),
    ];
    for (file, why) in cases {
        let mut m = model();
        assert_eq!(run(&mut m, file).status, RunStatus::Applied, "{why}");
        m.put(oclock(3), "a", Some(oclock(1)), &doc(&[]), None);
        assert!(matches!(m.visible(oclock(3), "a"), Visible::Alive(_)), "{why}");
    }
    // X5: nor what comes out inactive.
    let mut m = model();
    run(&mut m, file());
    m.put(oclock(3), "a", Some(oclock(1)), &doc(&[("status", "inactive")]), None);
    assert!(matches!(m.visible(oclock(3), "a"), Visible::Alive(_)));
    // And where absence marks as inactive, what comes late is marked too.
    let mut m = Model::new(Policy { absent: Absent::Inactive, ..Policy::default() });
    run(&mut m, file());
    m.put(oclock(3), "a", Some(oclock(1)), &doc(&[("t", "1")]), None);
    assert_eq!(members(&m, "a"), doc(&[("t", "1"), ("status", "inactive")]));
}

#[test]
fn t4_what_bears_no_time_is_never_ahead_whatever_our_clock_did() {
    let mut m = model();
    let tomorrow = oclock(1) + DAY;
    m.put(tomorrow, "a", None, &doc(&[("t", "1")]), None);
    assert_eq!(m.put(oclock(1), "a", None, &doc(&[("t", "2")]), None).outcome, Outcome::Updated);
    assert_eq!(m.price(oclock(1), PriceIn::new("a", "1", "USD", None)).outcome, Outcome::Updated);
    let priced = Some(PriceIn::new("", "2", "USD", None));
    assert_eq!(m.post(oclock(1), "a", None, &doc(&[]), priced).outcome, Outcome::Updated);
    assert_eq!(m.delete(oclock(1), "a", None).outcome, Outcome::Deleted);
}

#[test]
fn p2_without_a_heartbeat_three_intervals_of_the_feed_or_three_days_outlive_a_push() {
    for (interval, limit) in [(HOUR, 3 * DAY), (DAY, 3 * DAY), (2 * DAY, 6 * DAY)] {
        for class in ["", "own"] {
            for (behind, shown) in [(limit, "101.5"), (limit + 1, "99")] {
                let mut m = Model::new(Policy { feed_interval_us: interval, ..Policy::default() });
                let members = doc(&[("class", class)]);
                m.put(oclock(1), "a", Some(5), &members, None);
                m.price(oclock(2), usd("a", "101.5", oclock(2) - behind));
                let fed = RecordIn { members: members.clone(), ..priced("a", "99", None) };
                run(&mut m, dated(oclock(2), oclock(2), vec![fed]));
                assert_eq!(amount(&m, "a").as_deref(), Some(shown), "{class} {interval}");
            }
        }
    }
}

#[test]
fn x3_a_removal_after_s_keeps_the_asset_too() {
    let mut m = model();
    put(&mut m, oclock(1), &[("t", "1")]);
    m.put(oclock(1), "b", Some(oclock(1)), &doc(&[]), None);
    m.patch(oclock(3), "a", Some(oclock(3)), &doc(&[("t", "-")]), None);
    let report = run(&mut m, dated(oclock(2), oclock(3), vec![record("b", &[])]));
    assert_eq!(report.verdicts["phantom"], 1);
}

#[test]
fn x4_tombstones_are_collected_after_30_days_and_leave_the_floor() {
    let mut m = model();
    m.delete(oclock(1), "a", Some(oclock(1)));
    m.collect_tombstones(oclock(1) + 30 * DAY - 1);
    assert_eq!(m.history_floor(), None);
    let now = oclock(1) + 30 * DAY;
    m.collect_tombstones(now);
    assert_eq!((m.history_floor(), m.visible(now, "a")), (Some(oclock(1)), Visible::Unknown));
    let late = m.put(now, "a", Some(oclock(1)), &doc(&[]), None);
    assert_eq!(late.reason, "older_than_history");
    let report = run(&mut m, dated(oclock(1), now, vec![record("a", &[])]));
    assert_eq!((report.status, report.rule), (RunStatus::Refused, "X4"));
    assert_eq!(m.put(now, "a", Some(oclock(1) + 1), &doc(&[]), None).outcome, Outcome::Created);
}

#[test]
fn t1_undated_pushes_get_unique_and_rising_times() {
    let mut m = model();
    for n in 0..3 {
        let title = format!("{n}");
        m.put(oclock(1), "a", None, &doc(&[("t", &title)]), None);
    }
    assert_eq!(m.ambiguous_order(), 0);
    assert_eq!(member(&m, "a", "t").as_deref(), Some("2"));
    assert_eq!(put(&mut m, oclock(1) + 2, &[("t", "2")]), Outcome::Duplicate);
}

#[test]
fn t3_the_sources_of_s_in_their_order() {
    let mut m = Model::new(Policy { last_modified_is_data_time: true, ..Policy::default() });
    let dated_record = |t: i64| RecordIn { updated_at: Some(t), ..record("a", &[]) };
    assert_eq!(run(&mut m, undated(oclock(1), vec![])).s, Some(BEGINNING));
    let mut file = undated(oclock(3), vec![dated_record(oclock(2))]);
    file.last_modified = Some(oclock(3));
    assert_eq!(run(&mut m, file).s, Some(oclock(2)));
    // A record time at or below the last S is raised.
    let older = undated(oclock(4), vec![dated_record(oclock(1))]);
    assert_eq!(run(&mut m, older).s, Some(oclock(2) + 1));
    // An envelope too far ahead of the fetch counts as undated.
    let ahead = |ahead: i64| dated(oclock(5) + ahead, oclock(5), vec![record("b", &[])]);
    assert_eq!(run(&mut m, ahead(60 * SECOND + 1)).s, Some(oclock(4)));
    assert_eq!(run(&mut m, ahead(60 * SECOND)).s, Some(at(5, 1, 0)));
    // The same S with another body is raised.
    let other = dated(at(5, 1, 0), oclock(6), vec![record("c", &[])]);
    assert_eq!(run(&mut m, other).s, Some(at(5, 1, 0) + 1));
}

#[test]
fn t3_the_first_undated_run_only_fills_what_is_empty() {
    let mut m = model();
    put(&mut m, 5, &[("t", "pushed")]);
    let records = vec![record("a", &[("t", "feed")]), record("b", &[("t", "feed")])];
    let report = run(&mut m, undated(oclock(1), records));
    assert_eq!((report.created, report.unchanged), (1, 1));
    assert_eq!(member(&m, "a", "t").as_deref(), Some("pushed"));
}

#[test]
fn t4_documents_may_be_5_minutes_ahead_and_prices_30_seconds() {
    let now = oclock(1);
    for (ahead, quarantined) in [(300 * SECOND, false), (300 * SECOND + 1, true)] {
        let outcome = model().put(now, "a", Some(now + ahead), &doc(&[]), None).outcome;
        assert_eq!(outcome == Outcome::Quarantined, quarantined);
    }
    for (ahead, quarantined) in [(30 * SECOND, false), (30 * SECOND + 1, true)] {
        let outcome = model().price(now, usd("a", "1", now + ahead)).outcome;
        assert_eq!(outcome == Outcome::Quarantined, quarantined);
    }
}

#[test]
fn p1_equal_stamps() {
    let mut m = model();
    put(&mut m, 5, &[]);
    let send = |m: &mut Model, amount: &str, as_of| m.price(oclock(1), usd("a", amount, as_of)).outcome;
    assert_eq!(send(&mut m, "101.5", SECOND), Outcome::Updated);
    assert_eq!(send(&mut m, "101.50", SECOND), Outcome::Duplicate);
    assert_eq!(send(&mut m, "102", SECOND), Outcome::Updated);
    assert_eq!(send(&mut m, "103", SECOND - 1), Outcome::Superseded);
    assert_eq!(send(&mut m, "103", SECOND + 1), Outcome::Updated);
    assert_eq!(send(&mut m, "104", SECOND + 1), Outcome::Rejected);
    assert_eq!(send(&mut m, "103", SECOND + 2), Outcome::Unchanged);
    assert_eq!(amount(&m, "a").as_deref(), Some("103"));
}

#[test]
fn p2_three_heartbeats_are_not_yet_too_old() {
    for (behind, shown) in [(180 * SECOND, "101.5"), (180 * SECOND + 1, "99")] {
        let mut m = model();
        put(&mut m, 5, &[("class", "market")]);
        m.price(oclock(2), usd("a", "101.5", oclock(2) - behind));
        run(&mut m, dated(oclock(2), oclock(2), vec![priced("a", "99", None)]));
        assert_eq!(amount(&m, "a").as_deref(), Some(shown));
    }
}

#[test]
fn p2_the_age_of_an_undated_price_counts_from_the_first_fetch_that_held_it() {
    let mut m = model();
    for (hour, price) in [(1, "99"), (2, "100"), (3, "100.0"), (4, "100")] {
        run(&mut m, dated(oclock(hour), oclock(hour), vec![priced("a", price, None)]));
    }
    assert_eq!(alive(&m, oclock(5), "a").quotes["price"].age_us, 3 * HOUR);
}

#[test]
fn p5_states_by_age() {
    let mut m = model();
    put(&mut m, 5, &[("class", "market")]);
    m.price(oclock(1), usd("a", "1", oclock(1)));
    let state = |m: &Model, age: i64| alive(m, oclock(1) + age, "a").quotes["price"].state;
    assert_eq!(state(&m, 60 * SECOND), QuoteState::Live);
    assert_eq!(state(&m, 60 * SECOND + 1), QuoteState::Delayed);
    assert_eq!(state(&m, 180 * SECOND), QuoteState::Delayed);
    assert_eq!(state(&m, 180 * SECOND + 1), QuoteState::Stale);
    m.price(oclock(1), PriceIn { closed: true, ..usd("a", "1", oclock(1) + 1) });
    assert_eq!(state(&m, DAY), QuoteState::Closed);
    m.price(oclock(1), PriceIn { amount: None, ..usd("a", "1", oclock(1) + 2) });
    assert_eq!(state(&m, 0), QuoteState::Withdrawn);
    m.post(oclock(2), "a", Some(oclock(2)), &doc(&[("class", "own")]), None);
    m.price(oclock(2), usd("a", "1", oclock(1) + 3));
    assert_eq!(state(&m, 400 * DAY), QuoteState::Live);
}

#[test]
fn a_fifth_quote_is_refused() {
    let mut m = model();
    put(&mut m, 5, &[]);
    let named = |quote: &str| PriceIn { quote: quote.into(), ..usd("a", "1", 9) };
    for quote in ["price", "nav", "bid", "ask"] {
        assert_eq!(m.price(oclock(1), named(quote)).outcome, Outcome::Updated);
    }
    assert_eq!(m.price(oclock(1), named("mid")).reason, "quotes_max");
}
