//! The worked examples of RULES.md about documents, existence and prices, named by their rule.

use super::Model;
use super::fixture::*;
use super::types::{Outcome, Policy, PriceIn, QuoteState, RecordIn, Visible};

#[test]
fn d1_a_title_pushed_after_the_feed_was_generated_is_kept() {
    let mut m = model();
    m.put(at(0, 30, 0), "a", Some(at(0, 30, 0)), &doc(&[("title", "old"), ("city", "old")]), None);
    m.post(at(1, 20, 0), "a", Some(at(1, 20, 0)), &doc(&[("title", "pushed")]), None);
    let file = dated(oclock(1), oclock(2), vec![record("a", &[("title", "feed"), ("city", "feed")])]);
    let report = run(&mut m, file);
    assert_eq!(report.verdicts["feed_stale"], 1);
    assert_eq!((report.updated, report.unchanged), (1, 0));
    assert_eq!(members(&m, "a"), doc(&[("title", "pushed"), ("city", "feed")]));
}

#[test]
fn t3_an_undated_file_cannot_beat_a_push_made_since_the_previous_fetch() {
    let mut m = model();
    run(&mut m, undated(oclock(2) - DAY, vec![record("a", &[("title", "yesterday")])]));
    m.post(at(1, 20, 0), "a", Some(at(1, 20, 0)), &doc(&[("title", "pushed")]), None);
    let report = run(&mut m, undated(oclock(2), vec![record("a", &[("title", "feed")])]));
    assert_eq!(report.s, Some(oclock(2) - DAY));
    assert_eq!(member(&m, "a", "title").as_deref(), Some("pushed"));
}

#[test]
fn t3_an_undated_file_beats_a_push_of_two_days_ago() {
    let mut m = model();
    m.put(oclock(0), "a", Some(oclock(2) - 2 * DAY), &doc(&[("title", "pushed")]), None);
    for day in [2, 1, 0] {
        let title = format!("feed {day}");
        run(&mut m, undated(oclock(3) - day * DAY, vec![record("a", &[("title", &title)])]));
    }
    assert_eq!(member(&m, "a", "title").as_deref(), Some("feed 0"));
}

#[test]
fn t3_last_modified_counts_only_where_declared_as_the_data_time() {
    for declared in [false, true] {
        let policy = Policy { last_modified_is_data_time: declared, ..Policy::default() };
        let mut m = Model::new(policy);
        run(&mut m, undated(oclock(2) - DAY, vec![record("a", &[("title", "old")])]));
        m.post(at(1, 20, 0), "a", Some(at(1, 20, 0)), &doc(&[("title", "pushed")]), None);
        let mut file = undated(oclock(2), vec![record("a", &[("title", "export of 01:00")])]);
        file.last_modified = Some(at(1, 30, 0));
        run(&mut m, file);
        let kept = member(&m, "a", "title").as_deref() == Some("pushed");
        assert_eq!(kept, !declared);
    }
}

#[test]
fn d1_a_post_of_one_member_changes_that_member_only() {
    let mut m = model();
    let all = [("title", "t"), ("legal_status", "free"), ("images", "i")];
    m.put(oclock(1), "a", Some(oclock(1)), &doc(&all), None);
    let verdict = m.post(oclock(2), "a", Some(oclock(2)), &doc(&[("legal_status", "frozen")]), None);
    assert_eq!(verdict.outcome, Outcome::Updated);
    let expected = [("title", "t"), ("legal_status", "frozen"), ("images", "i")];
    assert_eq!(members(&m, "a"), doc(&expected));
}

#[test]
fn p2_a_fresh_pushed_price_is_kept_and_drift_is_counted() {
    let mut m = model();
    m.put(oclock(9), "a", Some(oclock(9)), &doc(&[("class", "market")]), None);
    m.price(at(9, 59, 58), usd("a", "101.5", at(9, 59, 58)));
    let report = run(&mut m, dated(oclock(10), oclock(10), vec![priced("a", "99", None)]));
    assert_eq!(report.drift, 1);
    assert_eq!(amount(&m, "a").as_deref(), Some("101.5"));
}

#[test]
fn p2_a_price_only_ever_fed_follows_the_feed() {
    let mut m = model();
    run(&mut m, dated(oclock(1), oclock(1), vec![priced("a", "100", None)]));
    assert_eq!(amount(&m, "a").as_deref(), Some("100"));
    run(&mut m, dated(oclock(2), oclock(2), vec![priced("a", "101", None)]));
    assert_eq!(amount(&m, "a").as_deref(), Some("101"));
    let quote = alive(&m, oclock(3), "a").quotes["price"].clone();
    assert_eq!((quote.as_of, quote.age_us), (None, HOUR));
}

#[test]
fn p2_a_price_stale_since_the_first_of_march_yields_to_the_feed() {
    let mut m = model();
    m.put(oclock(0), "a", Some(oclock(0) - 11 * DAY), &doc(&[("class", "market")]), None);
    m.price(oclock(0), usd("a", "101.5", oclock(0) - 11 * DAY));
    run(&mut m, dated(oclock(1), oclock(1), vec![priced("a", "99", None)]));
    assert_eq!(amount(&m, "a").as_deref(), Some("99"));
}

#[test]
fn g1_a_gap_holds_nothing_back_and_a_late_message_closes_it() {
    let mut m = model();
    let numbered =
        |id: &str, n: u64| PriceIn { stream: Some(("s".into(), n)), ..usd(id, "1", oclock(1) + n as i64) };
    for id in ["a", "b", "c"] {
        m.put(oclock(1), id, Some(oclock(1)), &doc(&[]), None);
    }
    for n in 1..=41 {
        m.price(oclock(2), numbered("c", n));
    }
    let now = oclock(2) + SECOND;
    assert_eq!(m.price(now, numbered("a", 43)).outcome, Outcome::Updated);
    assert_eq!(m.gaps().missing("s"), vec![(42, 42)]);
    assert_eq!(alive(&m, now, "c").quotes["price"].state, QuoteState::Gap);
    assert_eq!(alive(&m, now, "a").quotes["price"].state, QuoteState::Live);
    assert_eq!(m.gaps().named("s", now + SECOND), vec![]);
    assert_eq!(m.gaps().named("s", now + 2 * SECOND), vec![(42, 42)]);
    assert!(m.gaps().fetch_due(now + 10 * SECOND) && !m.gaps().fetch_due(now + 9 * SECOND));
    assert_eq!(m.price(now, numbered("b", 42)).outcome, Outcome::Updated);
    assert_eq!(m.gaps().missing("s"), vec![]);
    assert_eq!(alive(&m, now, "c").quotes["price"].state, QuoteState::Live);
    assert_eq!(m.price(now, numbered("b", 42)).outcome, Outcome::Duplicate);
}

#[test]
fn x1_put_post_delete_in_any_order_leave_the_post_alone() {
    for order in orders(3) {
        let mut m = model();
        for step in order {
            match step {
                0 => m.put(oclock(1), "a", Some(1), &doc(&[("t", "1"), ("x", "1")]), None),
                1 => m.post(oclock(1), "a", Some(15), &doc(&[("x", "15")]), None),
                _ => m.delete(oclock(1), "a", Some(10)),
            };
        }
        assert_eq!(members(&m, "a"), doc(&[("x", "15")]));
    }
}

#[test]
fn x2_a_snapshot_from_before_the_delete_is_suppressed() {
    let mut m = model();
    m.put(oclock(1), "a", Some(oclock(1)), &doc(&[]), None);
    m.delete(oclock(10), "a", Some(oclock(10)));
    let report = run(&mut m, dated(oclock(2), oclock(11), vec![record("a", &[])]));
    assert_eq!((report.suppressed, report.unchanged), (1, 1));
    assert_eq!(report.verdicts["feed_stale"], 1);
    assert!(is_dead(&m, "a"));
}

#[test]
fn x2_the_next_days_snapshot_revives_whatever_its_records_say() {
    let mut m = model();
    m.put(oclock(1), "a", Some(oclock(1)), &doc(&[("old", "o")]), None);
    m.delete(oclock(10), "a", Some(oclock(10)));
    let mut again = record("a", &[("t", "1"), ("u", "2")]);
    again.updated_at = Some(1_560_000_000 * SECOND);
    let report = run(&mut m, dated(oclock(26), oclock(27), vec![again]));
    assert_eq!((report.created, report.verdicts["resurrected"]), (1, 1));
    assert_eq!(members(&m, "a"), doc(&[("t", "1"), ("u", "2")]));
}

#[test]
fn x2_a_fund_that_one_file_lacks_comes_back_with_its_price_of_february() {
    let mut m = model();
    let fund = || RecordIn {
        members: doc(&[("class", "valuation"), ("name", "f")]),
        ..priced("a", "100", Some(oclock(1) - 39 * DAY))
    };
    let file = |hour, mut records: Vec<RecordIn>| {
        records.push(record("b", &[]));
        dated(oclock(hour), oclock(hour), records)
    };
    run(&mut m, file(1, vec![fund()]));
    assert_eq!(run(&mut m, file(2, vec![])).deleted, 1);
    assert!(is_dead(&m, "a"));
    // Longer away than anything is parked for.
    let back = RecordIn { price: None, ..fund() };
    assert_eq!(run(&mut m, file(50, vec![back])).verdicts["resurrected"], 1);
    let quote = alive(&m, oclock(51), "a").quotes["price"].clone();
    assert_eq!((quote.amount.as_deref(), quote.as_of), (Some("100"), Some(oclock(1) - 39 * DAY)));
    assert_eq!(run(&mut m, file(51, vec![fund()])).status, super::types::RunStatus::Applied);
    assert_eq!(amount(&m, "a").as_deref(), Some("100"));
}

#[test]
fn x3_a_post_stamped_after_s_leaves_the_asset_whole_before_the_run_or_after_it() {
    for post_first in [true, false] {
        let mut m = model();
        m.put(
            oclock(1),
            "a",
            Some(oclock(1)),
            &doc(&[("name", "n")]),
            Some(PriceIn::new("", "5", "USD", None)),
        );
        let post = |m: &mut Model| m.post(oclock(4), "a", Some(oclock(3)), &doc(&[("x", "1")]), None);
        if post_first {
            assert_eq!(post(&mut m).outcome, Outcome::Updated);
        }
        let report = run(&mut m, dated(oclock(2), oclock(4), vec![record("b", &[])]));
        assert_eq!(report.deleted, usize::from(!post_first));
        if !post_first {
            assert_eq!(post(&mut m).outcome, Outcome::Created);
        }
        assert_eq!(members(&m, "a"), doc(&[("name", "n"), ("x", "1")]));
        assert_eq!(amount(&m, "a").as_deref(), Some("5"));
    }
}

#[test]
fn p1_of_two_prices_of_one_whole_second_the_first_never_comes_back() {
    let mut m = model();
    m.put(oclock(1), "a", Some(oclock(1)), &doc(&[]), None);
    let send = |m: &mut Model, amount: &str| m.price(oclock(3), usd("a", amount, oclock(2))).outcome;
    assert_eq!(send(&mut m, "101"), Outcome::Updated);
    assert_eq!(send(&mut m, "102"), Outcome::Updated);
    assert_eq!(send(&mut m, "101"), Outcome::Duplicate);
    assert_eq!((amount(&m, "a").as_deref(), m.ambiguous_order()), (Some("102"), 1));
    assert_eq!(send(&mut m, "103"), Outcome::Updated);
    assert_eq!(send(&mut m, "102"), Outcome::Duplicate);
    assert_eq!(amount(&m, "a").as_deref(), Some("103"));
}

#[test]
fn p2_one_test_push_of_last_year_without_a_class_is_outlived_by_the_feed() {
    let mut m = model();
    let last_year = oclock(1) - 400 * DAY;
    m.put(oclock(1), "a", Some(last_year), &doc(&[]), Some(PriceIn::new("", "1", "USD", None)));
    let fed = RecordIn { members: doc(&[]), ..priced("a", "99", None) };
    run(&mut m, dated(oclock(2), oclock(2), vec![fed]));
    assert_eq!(amount(&m, "a").as_deref(), Some("99"));
}

#[test]
fn p2_a_feed_that_begins_to_date_its_prices_shows_them_at_once() {
    for class in ["own", "market"] {
        let mut m = model();
        let fed = |amount: &str, as_of| RecordIn {
            members: doc(&[("class", class)]),
            ..priced("a", amount, as_of)
        };
        let first_of_march = oclock(0) - 11 * DAY;
        run(&mut m, undated(first_of_march - DAY, vec![fed("100", None)]));
        run(&mut m, undated(first_of_march, vec![fed("101", None)]));
        assert_eq!(amount(&m, "a").as_deref(), Some("101"));
        let (third, before) = (first_of_march + 2 * DAY, first_of_march - DAY);
        run(&mut m, dated(third, third, vec![fed("120", Some(before))]));
        let quote = alive(&m, third, "a").quotes["price"].clone();
        assert_eq!((quote.amount.as_deref(), quote.as_of), (Some("120"), Some(before)));
        // and again undated
        run(&mut m, dated(third + DAY, third + DAY, vec![fed("121", None)]));
        assert_eq!(amount(&m, "a").as_deref(), Some("121"));
        // the price that stands, said by a newer run
        run(&mut m, dated(third + 2 * DAY, third + 2 * DAY, vec![fed("120", Some(before))]));
        assert_eq!(amount(&m, "a").as_deref(), Some("120"));
    }
}

#[test]
fn x1_a_price_from_before_the_delete_never_shows() {
    for price_first in [true, false] {
        let mut m = model();
        m.delete(oclock(1), "a", Some(6));
        let price = |m: &mut Model| m.price(oclock(1), usd("a", "5", 1)).outcome;
        if price_first {
            assert_eq!(price(&mut m), Outcome::Superseded);
        }
        m.post(oclock(1), "a", Some(7), &doc(&[]), None);
        if !price_first {
            assert_eq!(price(&mut m), Outcome::Superseded);
        }
        assert_eq!(amount(&m, "a"), None);
    }
}

#[test]
fn x1_a_late_push_from_before_the_delete_is_superseded() {
    let mut m = model();
    m.delete(oclock(10), "a", Some(oclock(10)));
    let verdict = m.put(oclock(11), "a", Some(at(9, 30, 0)), &doc(&[("t", "1")]), None);
    assert_eq!((verdict.outcome, verdict.rule), (Outcome::Superseded, "X1"));
    assert!(is_dead(&m, "a"));
}

#[test]
fn t4_a_price_of_next_year_is_quarantined() {
    let mut m = model();
    m.put(oclock(1), "a", Some(oclock(1)), &doc(&[]), None);
    let verdict = m.price(oclock(2), usd("a", "1", oclock(2) + 365 * DAY));
    assert_eq!((verdict.outcome, verdict.reason), (Outcome::Quarantined, "future_time"));
    assert_eq!(amount(&m, "a"), None);
    assert_eq!(m.quarantine().len(), 1);
}

#[test]
fn p3_a_price_for_an_unknown_asset_joins_the_commit_that_creates_it() {
    let mut m = model();
    assert_eq!(m.price(oclock(1), usd("a", "5", oclock(1))).outcome, Outcome::Parked);
    assert_eq!(m.visible(oclock(1), "a"), Visible::Unknown);
    assert_eq!(m.put(oclock(2), "a", None, &doc(&[]), None).outcome, Outcome::Created);
    assert_eq!(amount(&m, "a").as_deref(), Some("5"));
}

#[test]
fn p3_a_parked_price_becomes_a_quarantine_row_after_24_hours() {
    let mut m = model();
    m.price(oclock(1), usd("a", "5", oclock(1)));
    m.expire(oclock(1) + DAY - 1);
    assert_eq!((m.parked(), m.quarantine().len()), (1, 0));
    m.expire(oclock(1) + DAY);
    assert_eq!((m.parked(), m.quarantine()[0].reason), (0, "parked_expired"));
}

#[test]
fn p3_the_quotes_of_an_absent_asset_wait_with_its_tombstone_without_an_end() {
    let mut m = model();
    m.put(oclock(1), "a", Some(oclock(1)), &doc(&[]), None);
    m.price(oclock(1), usd("a", "5", oclock(1)));
    run(&mut m, dated(oclock(2), oclock(2), vec![record("b", &[])]));
    // Newer than the absence or older: into its register, hidden.
    let send = |m: &mut Model, amount: &str, as_of| m.price(oclock(5), usd("a", amount, as_of)).outcome;
    assert_eq!(send(&mut m, "6", oclock(1) + 1), Outcome::Parked);
    assert_eq!(send(&mut m, "7", oclock(4)), Outcome::Parked);
    assert_eq!(send(&mut m, "6", oclock(3)), Outcome::Superseded);
    assert!(is_dead(&m, "a"));
    m.expire(oclock(2) + 20 * DAY);
    assert_eq!((m.parked(), m.quarantine().len()), (0, 0));
    m.post(oclock(6), "a", Some(oclock(6)), &doc(&[]), None);
    assert_eq!(amount(&m, "a").as_deref(), Some("7"));
}

#[test]
fn p3_a_quote_newer_than_the_death_is_parked_and_comes_back() {
    let mut m = model();
    m.put(oclock(1), "a", Some(oclock(1)), &doc(&[]), None);
    m.price(oclock(5), usd("a", "5", oclock(5)));
    m.delete(oclock(6), "a", Some(oclock(4)));
    assert!(is_dead(&m, "a") && m.parked() == 1);
    m.post(oclock(7), "a", Some(oclock(7)), &doc(&[]), None);
    assert_eq!((amount(&m, "a").as_deref(), m.parked()), (Some("5"), 0));
}

#[test]
fn p4_a_changed_currency_waits_for_a_newer_document_that_names_it() {
    let mut m = model();
    m.put(oclock(1), "a", Some(oclock(1)), &doc(&[]), None);
    m.price(oclock(2), usd("a", "5", oclock(2)));
    let euros = PriceIn::new("a", "4", "EUR", Some(oclock(3)));
    assert_eq!(m.price(oclock(3), euros).reason, "currency_changed");
    assert_eq!(amount(&m, "a").as_deref(), Some("5"));
    m.post(oclock(4), "a", Some(oclock(4)), &doc(&[("currency", "EUR")]), None);
    assert_eq!(amount(&m, "a").as_deref(), Some("4"));
}

#[test]
fn p4_an_omitted_currency_is_the_stored_one_else_the_documents_else_the_default() {
    let without = |as_of| PriceIn { currency: None, ..usd("a", "5", as_of) };
    let mut m = model();
    m.put(oclock(1), "a", Some(oclock(1)), &doc(&[]), None);
    assert_eq!(m.price(oclock(2), without(oclock(2))).reason, "currency_missing");
    m.post(oclock(2), "a", Some(oclock(2)), &doc(&[("currency", "CHF")]), None);
    m.price(oclock(3), without(oclock(3)));
    let currency = |m: &Model| alive(m, TODAY, "a").quotes["price"].currency.clone();
    assert_eq!(currency(&m).as_deref(), Some("CHF"));
    let policy = Policy { default_currency: Some("JPY".into()), ..Policy::default() };
    let mut m = Model::new(policy);
    m.put(oclock(1), "a", Some(oclock(1)), &doc(&[]), None);
    m.price(oclock(3), without(oclock(3)));
    assert_eq!(currency(&m).as_deref(), Some("JPY"));
}

#[test]
fn d5_an_item_whose_price_is_refused_applies_nothing() {
    let mut m = model();
    let bad = PriceIn::new("", "-3", "USD", None);
    let verdict = m.put(oclock(1), "a", None, &doc(&[("t", "1")]), Some(bad));
    assert_eq!(verdict.outcome, Outcome::Rejected);
    assert_eq!(m.visible(oclock(1), "a"), Visible::Unknown);
}
