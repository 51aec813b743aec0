//! What a reader sees of a price register (P2, P5): which of its two prices shows, how old it is,
//! and what state that makes.

use crate::domain::{Currency, Decimal, Market, Micros, Quote, Stamp};

/// A price is `delayed` up to this many heartbeats, then `stale`.
const DELAYED_HEARTBEATS: i64 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PriceState {
    Live,
    Delayed,
    Stale,
    Closed,
    Withdrawn,
    Gap,
}

impl PriceState {
    #[rustfmt::skip]
    pub const ALL: [PriceState; 6] = [
        PriceState::Live, PriceState::Delayed, PriceState::Stale,
        PriceState::Closed, PriceState::Withdrawn, PriceState::Gap,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            PriceState::Live => "live",
            PriceState::Delayed => "delayed",
            PriceState::Stale => "stale",
            PriceState::Closed => "closed",
            PriceState::Withdrawn => "withdrawn",
            PriceState::Gap => "gap",
        }
    }
}

/// The price that shows: the dated one, or the feed's undated one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// `None`: withdrawn.
    pub amount: Option<Decimal>,
    pub currency: Currency,
    /// `None` for an undated price.
    pub as_of: Option<Micros>,
    /// What its age counts from: `as_of`, or the first fetch that held it.
    pub since: Micros,
}

/// What shows, with its age and state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    pub shown: Shown,
    /// Microseconds, never below zero.
    pub age: i64,
    pub state: PriceState,
}

/// P2: the dated price, unless there is none, or a feed wrote it before the undated one's S, or it
/// is older than that S by more than three heartbeats. `None` where the register holds nothing.
pub fn shown(quote: &Quote, heartbeat: Option<i64>) -> Option<Shown> {
    let dated = quote.stamp.happened().then_some(quote.stamp);
    match (dated, &quote.undated) {
        (Some(stamp), Some(undated)) if !undated_shows(quote, stamp, undated.snapshot, heartbeat) => {
            Some(dated_price(quote, stamp))
        }
        (Some(stamp), None) => Some(dated_price(quote, stamp)),
        (_, Some(undated)) => Some(Shown {
            amount: Some(undated.amount),
            currency: undated.currency,
            as_of: None,
            since: undated.first_seen,
        }),
        (None, None) => None,
    }
}

fn undated_shows(quote: &Quote, stamp: Stamp, snapshot: Micros, heartbeat: Option<i64>) -> bool {
    let older_by = snapshot.since(stamp.at);
    let fed_before = quote.was_fed() && older_by > 0;
    let outlived = heartbeat.is_some_and(|heartbeat| older_by > heartbeat.saturating_mul(DELAYED_HEARTBEATS));
    fed_before || outlived
}

fn dated_price(quote: &Quote, stamp: Stamp) -> Shown {
    Shown { amount: quote.amount, currency: quote.currency, as_of: Some(stamp.at), since: stamp.at }
}

/// P5: what shows, its age at `now`, and its state. `gap`: a numbered message of its stream is
/// missing since before it was updated (G1).
pub fn read(quote: &Quote, heartbeat: Option<i64>, gap: bool, now: Micros) -> Option<Reading> {
    let shown = shown(quote, heartbeat)?;
    let age = now.since(shown.since);
    let closed = shown.as_of.is_some() && quote.market == Market::Closed;
    let state = match heartbeat {
        _ if shown.amount.is_none() => PriceState::Withdrawn,
        _ if gap => PriceState::Gap,
        _ if closed => PriceState::Closed,
        Some(heartbeat) if age > heartbeat.saturating_mul(DELAYED_HEARTBEATS) => PriceState::Stale,
        Some(heartbeat) if age > heartbeat => PriceState::Delayed,
        _ => PriceState::Live,
    };
    Some(Reading { shown, age, state })
}

/// The same where something has been missing in a stream of the partner since `gap_since`: what
/// was received before that may be older than it looks (G1).
pub fn read_at(
    quote: &Quote,
    heartbeat: Option<i64>,
    gap_since: Option<Micros>,
    now: Micros,
) -> Option<Reading> {
    let gap = gap_since
        .is_some_and(|since| shown(quote, heartbeat).is_some_and(|shown| received_at(quote, shown) < since));
    read(quote, heartbeat, gap, now)
}

/// When what shows reached us; of an undated price, what its run spoke of.
fn received_at(quote: &Quote, shown: Shown) -> Micros {
    match (&quote.undated, shown.as_of) {
        (Some(undated), None) => undated.snapshot,
        _ => quote.received_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Lane, QuoteName, Undated};

    const HOUR: i64 = Micros::HOUR;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    fn dated(lane: Lane, at: i64) -> Quote {
        Quote {
            name: QuoteName::PRICE,
            currency: Currency::new("EUR").unwrap(),
            market: Market::Unsaid,
            stamp: Stamp::new(Micros(at), lane, 0),
            amount: Some(decimal("101.5")),
            received_at: Micros(at),
            extra: None,
            undated: None,
        }
    }

    fn with_undated(quote: Quote, snapshot: i64) -> Quote {
        let undated = Undated {
            snapshot: Micros(snapshot),
            first_seen: Micros(snapshot - HOUR),
            amount: decimal("99"),
            currency: quote.currency,
        };
        Quote { undated: Some(Box::new(undated)), ..quote }
    }

    fn amount(quote: &Quote, heartbeat: Option<i64>) -> String {
        shown(quote, heartbeat).unwrap().amount.unwrap().to_string()
    }

    #[test]
    fn p2_a_pushed_price_shows_before_an_undated_one_of_about_its_time() {
        let quote = with_undated(dated(Lane::Price, 10 * HOUR), 12 * HOUR);
        assert_eq!(amount(&quote, Some(HOUR)), "101.5");
        assert_eq!(amount(&quote, None), "101.5");
    }

    #[test]
    fn p2_an_undated_price_shows_once_the_dated_one_is_older_by_more_than_three_heartbeats() {
        let at_the_edge = with_undated(dated(Lane::Price, 10 * HOUR), 13 * HOUR);
        assert_eq!(amount(&at_the_edge, Some(HOUR)), "101.5");
        let beyond = with_undated(dated(Lane::Price, 10 * HOUR), 13 * HOUR + 1);
        assert_eq!(amount(&beyond, Some(HOUR)), "99");
        let reading = read(&beyond, Some(HOUR), false, Micros(13 * HOUR + 1)).unwrap();
        assert_eq!((reading.shown.as_of, reading.age, reading.state), (None, HOUR, PriceState::Live));
    }

    #[test]
    fn p2_what_a_feed_dated_before_yields_to_the_next_undated_run() {
        assert_eq!(amount(&with_undated(dated(Lane::Feed, 10 * HOUR), 10 * HOUR), None), "101.5");
        assert_eq!(amount(&with_undated(dated(Lane::Feed, 10 * HOUR), 10 * HOUR + 1), None), "99");
    }

    #[test]
    fn p2_an_undated_price_alone_shows_and_an_empty_register_shows_nothing() {
        let mut quote = with_undated(dated(Lane::Price, 0), HOUR);
        quote.stamp = Stamp::NEVER;
        quote.amount = None;
        assert_eq!(amount(&quote, None), "99");
        quote.undated = None;
        assert_eq!(shown(&quote, None), None);
    }

    #[test]
    fn p5_states_change_after_one_and_three_heartbeats() {
        let quote = dated(Lane::Price, 0);
        let state = |now, heartbeat| read(&quote, heartbeat, false, Micros(now)).unwrap().state;
        assert_eq!(state(HOUR, Some(HOUR)), PriceState::Live);
        assert_eq!(state(HOUR + 1, Some(HOUR)), PriceState::Delayed);
        assert_eq!(state(3 * HOUR, Some(HOUR)), PriceState::Delayed);
        assert_eq!(state(3 * HOUR + 1, Some(HOUR)), PriceState::Stale);
        assert_eq!(state(1_000 * HOUR, None), PriceState::Live);
        assert_eq!(read(&quote, None, false, Micros(-5)).unwrap().age, 0);
    }

    #[test]
    fn p5_what_was_received_before_a_gap_opened_reads_as_gap() {
        let quote = dated(Lane::Price, HOUR);
        let state = |quote: &Quote, since| read_at(quote, None, since, Micros(2 * HOUR)).unwrap().state;
        assert_eq!(state(&quote, None), PriceState::Live);
        assert_eq!(state(&quote, Some(Micros(HOUR))), PriceState::Live, "it came with what opened the gap");
        assert_eq!(state(&quote, Some(Micros(HOUR + 1))), PriceState::Gap);
        let mut undated = with_undated(quote, 2 * HOUR);
        undated.stamp = Stamp::NEVER;
        assert_eq!(state(&undated, Some(Micros(2 * HOUR))), PriceState::Live);
        assert_eq!(state(&undated, Some(Micros(2 * HOUR + 1))), PriceState::Gap);
    }

    #[test]
    fn p5_withdrawn_gap_and_closed_come_before_age() {
        let mut quote = dated(Lane::Price, 0);
        quote.market = Market::Closed;
        let state = |quote: &Quote, gap| read(quote, Some(1), gap, Micros(HOUR)).unwrap().state;
        assert_eq!(state(&quote, false), PriceState::Closed);
        assert_eq!(state(&quote, true), PriceState::Gap);
        quote.amount = None;
        assert_eq!(state(&quote, true), PriceState::Withdrawn);
    }
}
