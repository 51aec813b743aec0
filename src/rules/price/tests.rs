//! Worked examples and edges of P1–P4 and X1 for quotes.

use super::fixture::{NOON, Register, at, living, price};
use super::*;

#[test]
fn p1_only_a_strictly_greater_stamp_applies() {
    let mut register = Register::new();
    assert_eq!(register.push("100", NOON - 10).item.outcome, Outcome::Updated);
    assert_eq!(register.push("101", NOON - 11).item.outcome, Outcome::Superseded);
    assert_eq!(register.push("100", NOON - 10).item.outcome, Outcome::Duplicate);
    let conflict = register.push("101", NOON - 10);
    assert_eq!(conflict.item.note.unwrap().code, "value_conflict");
    assert_eq!(register.push("101", NOON - 9).item.outcome, Outcome::Updated);
}

#[test]
fn p1_at_an_equal_whole_second_the_later_commit_wins_and_is_counted() {
    let mut register = Register::new();
    register.push("100", NOON - Micros::SECOND);
    let tied = register.push("101", NOON - Micros::SECOND);
    assert!(tied.ambiguous && tied.item.outcome == Outcome::Updated);
}

#[test]
fn p2_a_feeds_undated_price_does_not_turn_back_a_pushed_one() {
    let mut register = Register::new();
    register.push("101.5", NOON - 2 * Micros::SECOND);
    let drift = register.feed("99", None, NOON);
    assert_eq!((drift.item.outcome, drift.visible), (Outcome::Unchanged, false), "no reader sees it");
    assert!(drift.drifted);
    let quote = register.quote.unwrap();
    assert_eq!(quote.amount.unwrap().to_string(), "101.5");
    assert_eq!(quote.undated.unwrap().amount.to_string(), "99");
}

#[test]
fn p2_the_next_feed_replaces_an_undated_price_and_its_age_begins_anew() {
    let mut register = Register::new();
    assert!(register.feed("100", None, 10).visible);
    assert!(!register.feed("100", None, 20).visible);
    assert_eq!(register.quote.as_ref().unwrap().undated.as_ref().unwrap().first_seen, Micros(15));
    assert!(register.feed("101", None, 30).visible);
    assert_eq!(register.quote.as_ref().unwrap().undated.as_ref().unwrap().first_seen, Micros(35));
    assert_eq!(register.feed("102", None, 29).item.outcome, Outcome::Superseded);
}

#[test]
fn p3_a_price_of_an_unknown_or_dead_asset_is_parked() {
    let mut register = Register::new();
    register.head = None;
    let parked = register.push("1", 50);
    assert_eq!((parked.item.outcome, parked.item.rule, parked.visible), (Outcome::Parked, Rule::P3, false));
    let death = Stamp::new(Micros(60), Lane::Push, 0);
    register.head = Some(AssetHead { death, end: death, ..living() });
    assert_eq!(register.push("2", 61).item.outcome, Outcome::Parked);
    register.head = Some(AssetHead { death, ..living() });
    assert_eq!(register.push("3", 62).item.outcome, Outcome::Parked, "absent");
}

#[test]
fn x1_a_price_at_or_below_the_end_is_superseded_whenever_it_comes() {
    let mut register = Register::new();
    let end = Stamp::new(Micros(60), Lane::Feed, 0);
    let head = AssetHead { death: end, end, ..living() };
    register.head = Some(AssetHead { life: Stamp::new(Micros(70), Lane::Push, 0), ..head });
    let late = register.push("1", 60);
    assert_eq!((late.item.outcome, late.item.rule), (Outcome::Superseded, Rule::X1));
    assert_eq!(register.push("1", 61).item.outcome, Outcome::Updated);
}

#[test]
fn x2_a_price_of_before_an_absence_applies_whenever_it_comes() {
    let mut register = Register::new();
    let death = Stamp::new(Micros(60), Lane::Feed, 0);
    register.head = Some(AssetHead { death, ..living() });
    assert_eq!(register.push("1", 50).item.outcome, Outcome::Parked);
    register.head = Some(AssetHead { death, life: Stamp::new(Micros(70), Lane::Push, 0), ..living() });
    assert_eq!(register.push("2", 55).item.outcome, Outcome::Updated);
}

#[test]
fn x1_an_end_takes_the_quotes_at_or_below_it() {
    let mut register = Register::new();
    register.push("1", 60);
    register.feed("2", None, 50);
    let quote = register.quote.unwrap();
    let death = |at| Stamp::new(Micros(at), Lane::Push, 0);
    assert_eq!(after_death(&quote, death(49)), None);
    let half = after_death(&quote, death(50)).unwrap().unwrap();
    assert!(half.undated.is_none() && half.stamp == at(60));
    assert_eq!(after_death(&quote, death(60)), Some(None));
}

#[test]
fn p4_the_currency_is_the_stored_one_else_the_documents_else_the_partners() {
    let mut register = Register::new();
    register.head = Some(AssetHead { currency: Currency::new("CHF").ok(), ..living() });
    register.push("1", 10);
    assert_eq!(register.quote.as_ref().unwrap().currency.as_str(), "CHF");
    register.head = Some(living());
    register.push("1", 20);
    assert_eq!(register.quote.as_ref().unwrap().currency.as_str(), "CHF");
    register.quote = None;
    register.push("1", 30);
    assert_eq!(register.quote.as_ref().unwrap().currency.as_str(), "EUR");
    register.quote = None;
    register.policy.default_currency = None;
    assert_eq!(register.push("1", 40).item.note.unwrap().code, "currency_missing");
}

#[test]
fn p4_another_currency_is_quarantined_until_a_newer_document_names_it() {
    let mut register = Register::new();
    register.push("1", 10);
    let changed = register.write(&price("1", Some("USD")), at(20));
    assert_eq!(changed.item.note.unwrap().code, "currency_changed");
    let base = Stamp::new(Micros(15), Lane::Push, 0);
    register.head = Some(AssetHead { currency: Currency::new("USD").ok(), base, ..living() });
    assert_eq!(register.write(&price("1", Some("USD")), at(20)).item.outcome, Outcome::Updated);
}

#[test]
fn t4_a_price_beyond_thirty_seconds_ahead_is_quarantined() {
    let mut register = Register::new();
    assert_eq!(register.push("1", NOON + 30 * Micros::SECOND).item.outcome, Outcome::Updated);
    assert_eq!(register.push("1", NOON + 30 * Micros::SECOND + 1).item.note.unwrap().code, "future_time");
}

#[test]
fn a_withdrawal_is_a_value_like_any_other() {
    let mut register = Register::new();
    register.push("1", 10);
    let withdrawal = PriceWrite { amount: None, ..price("1", None) };
    assert_eq!(register.write(&withdrawal, at(20)).item.outcome, Outcome::Updated);
    assert!(register.quote.as_ref().unwrap().is_withdrawn());
    assert_eq!(register.push("2", 15).item.outcome, Outcome::Superseded);
}

#[test]
fn p3_a_withdrawal_may_come_before_the_first_price_and_needs_no_currency() {
    let mut register = Register::new();
    register.policy.default_currency = None;
    let withdrawal = PriceWrite { amount: None, ..price("1", None) };
    assert_eq!(register.write(&withdrawal, at(20)).item.outcome, Outcome::Updated);
    assert_eq!(register.write(&price("5", Some("EUR")), at(10)).item.outcome, Outcome::Superseded);
    let later = register.write(&price("5", Some("EUR")), at(30));
    assert_eq!(later.item.outcome, Outcome::Updated, "any currency may follow");
    assert_eq!(register.quote.unwrap().currency.as_str(), "EUR");
}

#[test]
fn p1_the_same_price_by_a_lower_lane_is_no_news() {
    let mut register = Register::new();
    register.push("5", 10);
    let fed = Stamp::new(at(10).at, Lane::Feed, 0);
    assert_eq!(register.write(&price("5", None), fed).item.outcome, Outcome::Duplicate);
    assert_eq!(register.write(&price("6", None), fed).item.outcome, Outcome::Superseded);
}

#[test]
fn p2_drift_is_where_the_undated_price_differs_from_the_dated_one() {
    let mut register = Register::new();
    assert!(!register.feed("5", None, 10).drifted, "there is no dated one");
    register.push("5", 20);
    assert!(!register.feed("5", None, 30).drifted);
    assert!(register.feed("6", None, 40).drifted);
}

#[test]
fn p1_a_value_that_has_lost_at_its_second_does_not_come_back() {
    let mut register = Register::new();
    let second = NOON - Micros::SECOND;
    register.push("101", second);
    register.push("102", second);
    let late = register.push("101", second);
    assert_eq!((late.item.outcome, late.item.rule, late.quote), (Outcome::Duplicate, Rule::P1, None));
    assert_eq!(register.top(), "102");
    assert!(register.push("103", second).ambiguous, "what has not been there may still win");
    for known in ["101", "102", "103"] {
        assert_eq!(register.push(known, second).item.outcome, Outcome::Duplicate, "{known}");
    }
    assert_eq!(register.top(), "103");
    // a newer stamp forgets them
    register.push("104", second + 1);
    assert!(register.quote.as_ref().unwrap().extra.is_none());
    assert_eq!(register.push("101", second + Micros::SECOND).item.outcome, Outcome::Updated);
}

#[test]
fn p1_at_most_eight_values_are_remembered_as_lost_at_one_stamp() {
    let mut register = Register::new();
    let second = NOON - Micros::SECOND;
    (1..=10).for_each(|n| drop(register.push(&n.to_string(), second)));
    assert_eq!(register.quote.as_ref().unwrap().extra.as_ref().unwrap().beaten.len(), 8);
    assert_eq!(register.push("2", second).item.outcome, Outcome::Duplicate);
    assert_eq!(register.push("1", second).item.outcome, Outcome::Updated, "it was forgotten");
}

#[test]
fn p1_a_withdrawal_and_another_currency_are_values_that_can_lose_too() {
    let mut register = Register::new();
    let second = NOON - Micros::SECOND;
    let withdrawal = PriceWrite { amount: None, ..price("1", None) };
    register.push("1", second);
    assert!(register.write(&withdrawal, at(second)).ambiguous);
    assert_eq!(register.push("1", second).item.outcome, Outcome::Duplicate);
    assert!(register.push("2", second).ambiguous);
    assert_eq!(register.write(&withdrawal, at(second)).item.outcome, Outcome::Duplicate);
    let other = register.write(&price("1", Some("USD")), at(second));
    assert_eq!(other.item.note.unwrap().code, "currency_changed", "1 EUR has lost, 1 USD has not");
}

#[test]
fn p1_below_the_second_an_equal_time_stays_a_conflict_however_often_it_comes() {
    let mut register = Register::new();
    register.push("100", NOON - 10);
    for _ in 0..2 {
        assert_eq!(register.push("101", NOON - 10).item.note.unwrap().code, "value_conflict");
    }
}

#[test]
fn p2_a_feed_that_begins_to_date_its_prices_shows_them_at_once() {
    let mut register = Register::new();
    let (march, day) = (NOON - 30 * Micros::DAY, Micros::DAY);
    register.feed("101", None, march);
    let dated = register.fed("120", march - 90 * day, march + 2 * day);
    assert!(dated.visible && register.top() == "120");
    // it dates them no longer, and then again the same one
    assert!(register.feed("99", None, march + 3 * day).visible && register.top() == "99");
    let again = register.fed("120", march - 90 * day, march + 4 * day);
    assert_eq!((again.item.outcome, again.visible), (Outcome::Duplicate, true));
    assert_eq!(register.top(), "120");
    // said again it is no news, and costs no change
    assert_eq!(register.fed("120", march - 90 * day, march + 5 * day).quote, None);
    // P1, property 3: one dated earlier replaces none, whatever run says it
    assert_eq!(register.fed("7", march - 91 * day, march + 6 * day).item.outcome, Outcome::Superseded);
    assert_eq!(register.top(), "120");
}

#[test]
fn p2_a_replayed_run_does_not_bring_a_dated_price_back_on_top() {
    let mut register = Register::new();
    register.fed("120", 10, 1_000);
    register.feed("99", None, 2_000);
    assert_eq!(register.fed("120", 10, 1_999).quote, None);
    assert_eq!(register.top(), "99");
    assert!(register.fed("120", 10, 2_000).visible);
    assert_eq!(register.top(), "120");
}

#[test]
fn p2_one_old_push_does_not_hide_the_feeds_price_for_ever() {
    let mut register = Register::new();
    let limit = Undated::OUTLIVES_AFTER;
    register.push("50", NOON - limit);
    assert!(!register.feed("99", None, NOON).visible && register.top() == "50");
    // the same file a moment later: no amount is new, but what shows is
    let later = register.feed("99", None, NOON + 1);
    assert_eq!((later.item.outcome, later.visible), (Outcome::Updated, true));
    assert_eq!(register.top(), "99");
    // a push as old as the one before stays below it, and no reader hears of it
    assert!(!register.write(&price("52", None), Stamp::new(Micros(NOON - limit), Lane::Price, 1)).visible);
    assert!(register.push("53", NOON - limit + 1).visible && register.top() == "53");
}

#[test]
fn a6_a_price_that_nobody_has_dated_is_never_ahead() {
    let mut register = Register::new();
    let ahead = at(NOON + 31 * Micros::SECOND);
    let context = PriceContext { by_arrival: true, ..register.context() };
    let decision = decide(&price("1", None), ahead, context);
    assert!(decision.quote.as_ref().is_some_and(|quote| quote.by_arrival), "{decision:?}");
    register.quote = decision.quote;
    assert_eq!(register.write(&price("2", None), ahead).item.note.unwrap().code, "future_time");
}
