//! What a reader sees of a price register (P2, P5): which of its two prices shows, how old it is,
//! and what state that makes.
//!
//! Which price shows follows from the register alone: what the asset's class and the feed have to say
//! of it is stored with the undated price. All who show a price ask here, so that a list, an asset, a
//! price and the change stream say the same.

use crate::domain::{Currency, Decimal, Market, Micros, Quote, Stamp, Undated};
use crate::rules::policy::Policy;

/// A price is `delayed` up to this many heartbeats, then `stale`.
const DELAYED_HEARTBEATS: i64 = 3;

/// How far a price can be relied on (P5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PriceState {
    /// Not older than its class allows.
    Live,
    /// Older than one heartbeat of its class.
    Delayed,
    /// Older than three heartbeats of its class.
    Stale,
    /// Its market is closed, so that it does not age.
    Closed,
    /// Its partner has taken it back.
    Withdrawn,
    /// Something is missing in its stream (G1).
    Gap,
}

impl PriceState {
    /// All of them.
    #[rustfmt::skip]
    pub const ALL: [PriceState; 6] = [
        PriceState::Live, PriceState::Delayed, PriceState::Stale,
        PriceState::Closed, PriceState::Withdrawn, PriceState::Gap,
    ];

    /// As the API names it.
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
    /// Of the amount.
    pub currency: Currency,
    /// `None` for an undated price.
    pub as_of: Option<Micros>,
    /// What its age counts from: `as_of`, or the first fetch that held it.
    pub since: Micros,
}

impl Shown {
    /// Whether what the quote says beside its amount (market, kind, per) was said with what shows: it is
    /// the dated price's, or an undated one's as long as no dated price has come.
    pub fn has_words(&self, quote: &Quote) -> bool {
        self.as_of.is_some() || !quote.stamp.happened()
    }
}

/// What shows, with its age and state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The price on top.
    pub shown: Shown,
    /// Microseconds, never below zero.
    pub age: i64,
    /// How far it can be relied on.
    pub state: PriceState,
}

/// P2: the price on top, by what the register holds alone. `None` where it holds nothing.
pub fn shown(quote: &Quote) -> Option<Shown> {
    match (&quote.undated, undated_reason(quote)) {
        (Some(undated), Some(_)) => Some(Shown {
            amount: Some(undated.amount),
            currency: undated.currency,
            as_of: None,
            since: undated.first_seen,
        }),
        _ => quote.stamp.happened().then(|| dated_price(quote, quote.stamp)),
    }
}

/// Whether readers are told the same of both registers, as long as time stands still.
pub fn reads_alike(before: Option<&Quote>, after: &Quote) -> bool {
    // nearly all: a price with a newer time of its own
    let said = |quote: &&Quote| quote.stamp.happened() && !quote.by_arrival && quote.undated.is_none();
    if let (Some(before), Some(after)) = (before.filter(said), Some(after).filter(said))
        && before.stamp.at != after.stamp.at
    {
        return false;
    }
    let told = |quote: &Quote| {
        let shown = shown(quote)?;
        let words = shown.has_words(quote).then(|| {
            let words = quote.extra.as_ref().map(|extra| (extra.kind.clone(), extra.per.clone()));
            (quote.market, words.unwrap_or_default())
        });
        Some((shown, shown.as_of.map(|_| quote.received_at), words))
    };
    before.and_then(told) == told(after)
}

/// Why an undated price shows although, or because, there is no better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UndatedReason {
    /// There is no dated price.
    NoDated,
    /// An earlier run of the feed wrote the dated one.
    FedBefore,
    /// A push wrote the dated one, and it is too much older than `S`.
    Outlived,
}

/// P2: `None` where the dated price shows, or the register holds no undated one.
///
/// Between two prices of the feed the runs alone decide: one that begins to date its prices shows
/// them at once, however old they are.
pub fn undated_reason(quote: &Quote) -> Option<UndatedReason> {
    let undated = quote.undated.as_deref()?;
    if !quote.stamp.happened() {
        return Some(UndatedReason::NoDated);
    }
    match quote.fed_at() {
        Some(fed_at) => (fed_at < undated.snapshot).then_some(UndatedReason::FedBefore),
        None => {
            let older_by = undated.snapshot.since(quote.stamp.at);
            (older_by > undated.outlives_after).then_some(UndatedReason::Outlived)
        }
    }
}

/// P2: how much older than an undated price a pushed one must be to be outlived: three heartbeats
/// of the asset's class; without one three of the feed's intervals, at least three days.
pub fn outlives_after(heartbeat: Option<i64>, policy: &Policy) -> i64 {
    let times = |interval: i64| interval.saturating_mul(DELAYED_HEARTBEATS);
    heartbeat.map_or_else(|| times(policy.feed_interval).max(Undated::OUTLIVES_AFTER), times)
}

/// The register once the asset's class, or the feed, says another limit; `None` where it is kept.
pub fn outliving_after(quote: &Quote, outlives_after: i64) -> Option<Quote> {
    let held = quote.undated.as_deref().filter(|held| held.outlives_after != outlives_after)?;
    Some(Quote { undated: Some(Box::new(Undated { outlives_after, ..held.clone() })), ..quote.clone() })
}

fn dated_price(quote: &Quote, stamp: Stamp) -> Shown {
    Shown { amount: quote.amount, currency: quote.currency, as_of: Some(stamp.at), since: stamp.at }
}

/// P5: what shows, its age at `now`, and its state. `gap`: a numbered message of its stream is
/// missing since before it was updated (G1).
pub fn read(quote: &Quote, heartbeat: Option<i64>, gap: bool, now: Micros) -> Option<Reading> {
    let shown = shown(quote)?;
    let age = now.since(shown.since);
    let closed = shown.has_words(quote) && quote.market == Market::Closed;
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
    let gap =
        gap_since.is_some_and(|since| shown(quote).is_some_and(|shown| received_at(quote, shown) < since));
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
    use crate::domain::{Lane, QuoteExtra, QuoteName, Undated};

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
            by_arrival: false,
            extra: None,
            undated: None,
        }
    }

    /// As a run at `fed_at` wrote it.
    fn fed(at: i64, fed_at: i64) -> Quote {
        let extra = QuoteExtra { fed_at: Some(Micros(fed_at)), ..QuoteExtra::default() };
        Quote { extra: Some(Box::new(extra)), ..dated(Lane::Feed, at) }
    }

    fn with_undated(quote: Quote, snapshot: i64) -> Quote {
        let undated = Undated {
            snapshot: Micros(snapshot),
            first_seen: Micros(snapshot - HOUR),
            amount: decimal("99"),
            currency: quote.currency,
            outlives_after: 3 * HOUR,
        };
        Quote { undated: Some(Box::new(undated)), ..quote }
    }

    fn amount(quote: &Quote) -> String {
        shown(quote).unwrap().amount.unwrap().to_string()
    }

    #[test]
    fn p2_a_pushed_price_shows_before_an_undated_one_of_about_its_time() {
        assert_eq!(amount(&with_undated(dated(Lane::Price, 10 * HOUR), 12 * HOUR)), "101.5");
    }

    #[test]
    fn p2_an_undated_price_shows_once_a_pushed_one_is_older_by_more_than_its_limit() {
        assert_eq!(amount(&with_undated(dated(Lane::Price, 10 * HOUR), 13 * HOUR)), "101.5");
        let beyond = with_undated(dated(Lane::Price, 10 * HOUR), 13 * HOUR + 1);
        assert_eq!((amount(&beyond), undated_reason(&beyond)), ("99".into(), Some(UndatedReason::Outlived)));
        let reading = read(&beyond, Some(HOUR), false, Micros(13 * HOUR + 1)).unwrap();
        assert_eq!((reading.shown.as_of, reading.age, reading.state), (None, HOUR, PriceState::Live));
    }

    #[test]
    fn p2_between_two_prices_of_the_feed_the_runs_decide_and_not_the_as_of() {
        // 120 as of long before, said by a run after the undated one: shown at once
        assert_eq!(amount(&with_undated(fed(HOUR, 1_000 * HOUR), 999 * HOUR)), "101.5");
        assert_eq!(amount(&with_undated(fed(HOUR, 999 * HOUR), 999 * HOUR)), "101.5");
        assert_eq!(amount(&with_undated(fed(999 * HOUR, 998 * HOUR), 998 * HOUR + 1)), "99");
    }

    #[test]
    fn p2_what_was_stored_before_runs_were_noted_counts_as_of_its_own_time() {
        assert_eq!(amount(&with_undated(dated(Lane::Feed, 10 * HOUR), 10 * HOUR)), "101.5");
        assert_eq!(amount(&with_undated(dated(Lane::Feed, 10 * HOUR), 10 * HOUR + 1)), "99");
    }

    #[test]
    fn p2_a_push_is_outlived_after_three_heartbeats_or_three_intervals_of_the_feed() {
        let policy = |feed_interval| Policy { feed_interval, ..Policy::default() };
        for (heartbeat, interval, limit) in [
            (Some(60), 9 * Micros::DAY, 180),
            (None, 9 * Micros::DAY, 27 * Micros::DAY),
            (None, Micros::DAY, 3 * Micros::DAY),
            (None, HOUR, 3 * Micros::DAY),
            (None, 0, 3 * Micros::DAY),
            (Some(i64::MAX), 0, i64::MAX),
        ] {
            assert_eq!(outlives_after(heartbeat, &policy(interval)), limit, "{heartbeat:?} {interval}");
        }
    }

    #[test]
    fn p2_another_limit_may_change_what_shows() {
        let quote = with_undated(dated(Lane::Price, 10 * HOUR), 12 * HOUR);
        assert_eq!(outliving_after(&quote, 3 * HOUR), None);
        let moved = outliving_after(&quote, 2 * HOUR - 1).unwrap();
        assert_eq!((amount(&quote), amount(&moved)), ("101.5".into(), "99".into()));
        assert!(!reads_alike(Some(&quote), &moved));
        assert!(reads_alike(Some(&quote), &outliving_after(&quote, 2 * HOUR).unwrap()));
        assert_eq!(outliving_after(&dated(Lane::Price, 1), 1), None);
    }

    #[test]
    fn registers_read_alike_where_only_what_is_hidden_differs() {
        let quote = with_undated(dated(Lane::Price, 10 * HOUR), 12 * HOUR);
        assert!(reads_alike(Some(&quote), &dated(Lane::Price, 10 * HOUR)), "the undated one is hidden");
        let hidden = with_undated(dated(Lane::Price, 10 * HOUR), 99 * HOUR);
        let other = Quote { amount: Some(decimal("7")), received_at: Micros(1), ..hidden.clone() };
        assert!(reads_alike(Some(&hidden), &other), "the dated one is hidden");
        for other in [
            Quote { amount: Some(decimal("7")), ..quote.clone() },
            Quote { received_at: Micros(1), ..quote.clone() },
            Quote { market: Market::Closed, ..quote.clone() },
            Quote {
                extra: Some(Box::new(QuoteExtra { per: Some("g".into()), ..Default::default() })),
                ..quote.clone()
            },
            quote.clone().emptied(),
        ] {
            assert!(!reads_alike(Some(&quote), &other), "{other:?}");
        }
        assert!(!reads_alike(None, &quote) && reads_alike(None, &quote.clone().emptied()));
    }

    #[test]
    fn p2_an_undated_price_alone_shows_and_an_empty_register_shows_nothing() {
        let mut quote = with_undated(dated(Lane::Price, 0), HOUR);
        quote.stamp = Stamp::NEVER;
        quote.amount = None;
        assert_eq!(amount(&quote), "99");
        quote.undated = None;
        assert_eq!(shown(&quote), None);
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
