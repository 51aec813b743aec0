//! The edges of P1–P4 and X1 for quotes: what a slip of one sign would change.

use super::fixture::{NOON, Register, at, currency, living, price, undated};
use super::{PriceContext, PriceDecision, after_death, decide_undated};
use crate::domain::{AssetHead, Exception, Lane, Micros, Outcome, Rule, Stamp};

/// A living asset whose document names `code` since `named_at`.
fn naming(code: &str, named_at: i64) -> AssetHead {
    let stamp = Stamp::new(Micros(named_at), Lane::Push, 0);
    let exceptions = vec![Exception { name: "currency".into(), stamp, removed: false }];
    AssetHead { currency: Some(currency(code)), exceptions, ..living() }
}

fn code_of(decision: &PriceDecision) -> String {
    decision.item.note.as_ref().map_or(String::new(), |note| note.code.to_string())
}

#[test]
fn p1_an_asset_has_four_quotes_and_a_fifth_is_refused_from_any_lane() {
    for (others, refused) in [(3, false), (4, true)] {
        let mut register = Register { others, ..Register::new() };
        assert_eq!(code_of(&register.write(&price("1", None), at(10))) == "too_many_quotes", refused);
        let mut register = Register { others, ..Register::new() };
        assert_eq!(code_of(&register.feed("1", None, 10)) == "too_many_quotes", refused);
    }
    let mut register = Register::new();
    register.write(&price("1", None), at(10));
    register.others = 3;
    assert_eq!(
        register.write(&price("2", None), at(11)).item.outcome,
        Outcome::Updated,
        "it is one of the four"
    );
    assert_eq!(register.feed("2", None, 12).item.outcome, Outcome::Unchanged, "it is one of the four");
}

#[test]
fn p1_at_the_equal_stamp_the_same_amount_in_another_currency_is_no_duplicate() {
    for (stored, other) in [("EUR", "USD"), ("USD", "EUR")] {
        let mut register = Register::new();
        register.write(&price("1", Some(stored)), at(10));
        assert_eq!(register.write(&price("1", Some(stored)), at(10)).item.outcome, Outcome::Duplicate);
        assert_eq!(register.write(&price("1", None), at(10)).item.outcome, Outcome::Duplicate);
        assert_eq!(code_of(&register.write(&price("1", Some(other)), at(10))), "value_conflict");
    }
}

#[test]
fn p1_an_equal_time_goes_by_lane_then_sequence() {
    let mut register = Register::new();
    let stamp = |lane, sequence| Stamp::new(Micros(10), lane, sequence);
    register.write(&price("1", None), stamp(Lane::Push, 0));
    assert_eq!(register.write(&price("2", None), stamp(Lane::Feed, 9)).item.outcome, Outcome::Superseded);
    assert_eq!(register.write(&price("2", None), stamp(Lane::Push, 1)).item.outcome, Outcome::Updated);
    assert_eq!(register.write(&price("3", None), stamp(Lane::Price, 0)).item.outcome, Outcome::Updated);
    assert_eq!(register.write(&price("4", None), stamp(Lane::Admin, 0)).item.outcome, Outcome::Updated);
}

#[test]
fn p4_a_currency_may_change_only_after_a_document_newer_than_the_stored_price_names_it() {
    // both ways, so that no order of codes decides
    for (stored, other) in [("EUR", "USD"), ("USD", "EUR")] {
        for (named_at, allowed) in [(9, false), (10, false), (11, true), (NOON, true), (NOON + 1, false)] {
            let mut register = Register::new();
            register.write(&price("1", Some(stored)), at(10));
            register.head = Some(naming(other, named_at));
            let changed = register.write(&price("2", Some(other)), at(20));
            assert_eq!(code_of(&changed) == "currency_changed", !allowed, "{stored} {other} {named_at}");
        }
        let mut register = Register::new();
        register.write(&price("1", Some(stored)), at(10));
        register.head = Some(naming("CHF", 15));
        assert_eq!(code_of(&register.write(&price("2", Some(other)), at(20))), "currency_changed");
        register.head = Some(naming(stored, 15));
        assert_eq!(code_of(&register.write(&price("2", Some(other)), at(20))), "currency_changed");
    }
}

#[test]
fn p4_a_document_ahead_of_our_clock_counts_for_a_price_that_is_as_far_ahead() {
    let mut register = Register::new();
    register.write(&price("1", Some("EUR")), at(10));
    register.head = Some(naming("USD", NOON + 20));
    assert_eq!(code_of(&register.write(&price("2", Some("USD")), at(NOON + 19))), "currency_changed");
    assert_eq!(register.write(&price("2", Some("USD")), at(NOON + 20)).item.outcome, Outcome::Updated);
}

#[test]
fn p4_the_stored_price_is_the_newer_of_the_dated_and_the_undated_one() {
    for (dated, undated) in [(30, 10), (10, 30)] {
        let mut register = Register::new();
        register.write(&price("1", Some("EUR")), at(dated));
        register.feed("1", Some("EUR"), undated);
        register.head = Some(naming("USD", 30));
        assert_eq!(code_of(&register.write(&price("2", Some("USD")), at(40))), "currency_changed");
        register.head = Some(naming("USD", 31));
        assert_eq!(register.write(&price("2", Some("USD")), at(40)).item.outcome, Outcome::Updated);
    }
}

#[test]
fn p2_an_undated_price_follows_the_newest_run_only() {
    let mut register = Register::new();
    assert_eq!(register.feed("1", None, 10).item.outcome, Outcome::Updated);
    assert_eq!(register.feed("1", None, 10).item.outcome, Outcome::Duplicate);
    // a run that broke off, and another file at its time
    assert_eq!(register.feed("2", None, 10).item.outcome, Outcome::Updated);
    assert_eq!(register.feed("1", None, 10).item.outcome, Outcome::Updated);
    assert_eq!(register.feed("1", None, 9).item.outcome, Outcome::Superseded);
    assert_eq!(register.feed("1", None, 11).item.outcome, Outcome::Unchanged);
    assert_eq!(register.feed("2", None, 12).item.outcome, Outcome::Updated);
}

#[test]
fn p2_an_undated_price_in_another_currency_begins_a_new_age() {
    for (first, second) in [("EUR", "USD"), ("USD", "EUR")] {
        let mut register = Register::new();
        register.feed("1", Some(first), 10);
        register.head = Some(naming(second, 15));
        assert_eq!(register.feed("1", Some(second), 20).item.outcome, Outcome::Updated);
        let undated = register.quote.unwrap().undated.unwrap();
        assert_eq!((undated.currency, undated.first_seen), (currency(second), Micros(25)));
    }
}

#[test]
fn p2_an_undated_price_is_told_where_it_shows_and_only_then() {
    for (lane, dated, shows, shows_next) in [
        (Lane::Feed, 9, true, true),
        (Lane::Feed, 10, false, true),
        (Lane::Feed, 11, false, false),
        (Lane::Price, 9, false, false),
    ] {
        let mut register = Register::new();
        register.write(&price("1", None), Stamp::new(Micros(dated), lane, 0));
        let fed = register.feed("2", None, 10);
        assert_eq!((fed.item.outcome == Outcome::Updated, fed.visible), (shows, shows), "{lane:?} {dated}");
        let next = register.feed("2", None, 11);
        let news = shows_next && !shows;
        assert_eq!((next.item.outcome == Outcome::Updated, next.visible), (news, news), "{lane:?} {dated}");
    }
}

#[test]
fn b10_at_the_time_of_the_held_undated_price_another_currency_is_no_duplicate() {
    for (stored, other) in [("EUR", "USD"), ("USD", "EUR")] {
        let mut register = Register::new();
        register.feed("1", Some(stored), 10);
        assert_eq!(register.feed("1", Some(stored), 10).item.outcome, Outcome::Duplicate);
        assert_eq!(register.feed("1", None, 10).item.outcome, Outcome::Duplicate);
        assert_eq!(code_of(&register.feed("1", Some(other), 10)), "currency_changed");
    }
}

#[test]
fn p4_a_register_that_loses_its_dated_price_is_in_the_currency_of_its_undated_one() {
    let mut register = Register::new();
    register.write(&price("1", Some("EUR")), at(10));
    let released = undated("2", Some("USD"), 20);
    register.quote = decide_undated(released, PriceContext { released: true, ..register.context() }).quote;
    let both = register.quote.clone().unwrap();
    assert_eq!((both.currency, both.undated.as_ref().unwrap().currency), (currency("EUR"), currency("USD")));
    // each register is held to its own
    assert_eq!(code_of(&register.write(&price("3", Some("USD")), at(30))), "currency_changed");
    assert_eq!(code_of(&register.feed("3", Some("EUR"), 30)), "currency_changed");
    let left = after_death(&both, Stamp::new(Micros(10), Lane::Push, 0)).unwrap().unwrap();
    assert_eq!((left.currency, left.stamp), (currency("USD"), Stamp::NEVER));
    register.quote = Some(left);
    assert_eq!(register.write(&price("3", None), at(30)).quote.unwrap().currency, currency("USD"));
}

#[test]
fn x1_prices_compare_their_time_alone_with_the_end_and_buried_registers_are_emptied_one_by_one() {
    let death = Stamp::new(Micros(10), Lane::Feed, 0);
    for (time, buried) in [(9, true), (10, true), (11, false)] {
        let mut register = Register::new();
        register.head = Some(AssetHead { death, end: death, life: at(20), ..living() });
        let late = register.write(&price("1", None), at(time));
        assert_eq!((late.item.outcome == Outcome::Superseded, late.item.rule == Rule::X1), (buried, buried));
        assert_eq!(register.feed("1", None, time).item.rule == Rule::X1, buried);
    }
    let mut dated = Register::new();
    dated.write(&price("1", None), at(10));
    let quote = dated.quote.clone().unwrap();
    assert_eq!(after_death(&quote, Stamp::new(Micros(9), Lane::Admin, 0)), None);
    assert_eq!(after_death(&quote, death), Some(None), "no lane helps");
    dated.feed("2", None, 11);
    let left = after_death(&dated.quote.unwrap(), death).unwrap().unwrap();
    assert_eq!((left.stamp, left.amount, left.undated.is_some()), (Stamp::NEVER, None, true));
}

#[test]
fn p4_an_undated_register_keeps_the_currency_that_was_released() {
    let mut register = Register::new();
    register.feed("1", Some("EUR"), 10);
    assert_eq!(code_of(&register.feed("2", Some("USD"), 20)), "currency_changed");
    let price = undated("2", Some("USD"), 20);
    let released = decide_undated(price, PriceContext { released: true, ..register.context() });
    register.quote = released.quote;
    assert_eq!(register.feed("3", Some("USD"), 30).item.outcome, Outcome::Updated);
    assert_eq!(code_of(&register.feed("3", Some("EUR"), 40)), "currency_changed");
}
