//! What the tests of this room share: one register to which prices are applied one after another.

use super::reading;
use super::{PriceContext, PriceDecision, PricedAsset, UndatedPrice, decide, decide_undated};
use crate::domain::{
    AssetHead, AssetId, Currency, Decimal, Lane, Market, Micros, PriceWrite, Quote, QuoteName, Stamp, Undated,
};
use crate::rules::policy::Policy;

/// When all decisions are made.
pub const NOON: i64 = 1_700_000_000 * Micros::SECOND;

pub fn currency(code: &str) -> Currency {
    Currency::new(code).unwrap()
}

pub fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

/// A price that says no time.
pub fn price(amount: &str, code: Option<&str>) -> PriceWrite {
    PriceWrite {
        id: AssetId::new("a").unwrap(),
        quote: QuoteName::PRICE,
        amount: Some(decimal(amount)),
        currency: code.map(currency),
        at: None,
        sequence: 0,
        market: Market::Unsaid,
        stream: None,
        extra: None,
    }
}

/// A price of a file that dates none, with the time of its snapshot.
pub fn undated(amount: &str, code: Option<&str>, snapshot: i64) -> UndatedPrice<'static> {
    UndatedPrice {
        quote: QuoteName::PRICE,
        amount: decimal(amount),
        currency: code.map(currency),
        snapshot: Micros(snapshot),
        fetch_started_at: Micros(snapshot + 5),
        market: Market::Unsaid,
        extra: None,
    }
}

/// The stamp of a pushed price at this time.
pub fn at(time: i64) -> Stamp {
    Stamp::new(Micros(time), Lane::Price, 0)
}

/// An asset that nobody has deleted.
pub fn living() -> AssetHead {
    AssetHead { life: Stamp::new(Micros(1), Lane::Push, 0), ..AssetHead::unborn() }
}

/// The quote as the prices so far have left it, of an asset that may be changed between them.
pub struct Register {
    pub policy: Policy,
    pub head: Option<AssetHead>,
    pub quote: Option<Quote>,
    /// How many quotes the asset has besides.
    pub others: usize,
}

impl Register {
    pub fn new() -> Register {
        let policy = Policy { default_currency: Some(currency("EUR")), ..Policy::default() };
        Register { policy, head: Some(living()), quote: None, others: 0 }
    }

    pub fn context(&self) -> PriceContext<'_> {
        PriceContext {
            policy: &self.policy,
            asset: self.head.as_ref().map(PricedAsset::from),
            quote: self.quote.as_ref(),
            quotes: usize::from(self.quote.is_some()) + self.others,
            now: Micros(NOON),
            released: false,
            run: None,
            by_arrival: false,
            outlives_after: Undated::OUTLIVES_AFTER,
        }
    }

    pub fn push(&mut self, amount: &str, time: i64) -> PriceDecision {
        self.write(&PriceWrite { at: Some(Micros(time)), ..price(amount, None) }, at(time))
    }

    pub fn write(&mut self, write: &PriceWrite, stamp: Stamp) -> PriceDecision {
        let decision = decide(write, stamp, self.context());
        self.keep(decision)
    }

    /// A feed's price with a time of its own, of the run at `snapshot`.
    pub fn fed(&mut self, amount: &str, time: i64, snapshot: i64) -> PriceDecision {
        let stamp = Stamp::new(Micros(time), Lane::Feed, 0);
        let context = PriceContext { run: Some(Micros(snapshot)), ..self.context() };
        let decision = decide(&price(amount, None), stamp, context);
        self.keep(decision)
    }

    /// A price of a file that dates none.
    pub fn feed(&mut self, amount: &str, code: Option<&str>, snapshot: i64) -> PriceDecision {
        let decision = decide_undated(undated(amount, code, snapshot), self.context());
        self.keep(decision)
    }

    /// The amount that readers see; empty where they see none.
    pub fn top(&self) -> String {
        let shown = self.quote.as_ref().and_then(reading::shown);
        shown.and_then(|shown| shown.amount).map_or(String::new(), |amount| amount.to_string())
    }

    fn keep(&mut self, decision: PriceDecision) -> PriceDecision {
        self.quote = decision.quote.clone().or(self.quote.take());
        decision
    }
}
