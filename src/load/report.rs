//! What was measured: legs, ratios, and the check of what was acknowledged.

use super::driver::LoadTally;
use super::error::RATE_HINT;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// How many mismatches the table shows.
const SHOWN_MAX: usize = 20;

/// Whom a leg measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The ceiling: a server that reads requests and answers at once.
    Sink,
    /// Tidegate.
    Daemon,
    /// Tidegate, with change streams open to which nothing is told.
    Streams,
}

impl Side {
    /// As reports write it.
    pub fn name(self) -> &'static str {
        match self {
            Side::Sink => "sink",
            Side::Daemon => "daemon",
            Side::Streams => "streams",
        }
    }
}

/// One server, pushed to for a while.
#[derive(Clone, Debug, Serialize)]
pub struct Leg {
    /// Whom it measures.
    pub side: Side,
    /// The pair of legs that it belongs to, from 0.
    pub pair: u32,
    /// How long it took.
    pub seconds: f64,
    /// Requests answered with 2xx.
    pub requests: u64,
    /// Requests answered in a second.
    pub requests_per_second: f64,
    /// Prices whose outcome was `updated` or `created`.
    pub prices: u64,
    /// Prices answered in a second.
    pub prices_per_second: f64,
    /// Latency of those requests; with a fixed rate counted from when they were due.
    pub p50_ms: f64,
    /// Nine in ten did.
    pub p90_ms: f64,
    /// 99 in a hundred did.
    pub p99_ms: f64,
    /// 999 in a thousand did.
    pub p999_ms: f64,
    /// The slowest.
    pub max_ms: f64,
    /// Prices by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// Replies other than 2xx, by status.
    pub refused: BTreeMap<u16, u64>,
    /// Requests without a reply that could be understood.
    pub failures: u64,
    /// Requests that were due and found no free connection before the leg was over.
    pub unsent: u64,
    /// The first refusal or failure.
    pub example: Option<String>,
}

impl Leg {
    pub(super) fn new(side: Side, pair: u32, tally: LoadTally, unsent: u64) -> Leg {
        let seconds = tally.ended.as_secs_f64();
        let per_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let requests = tally.latency.count();
        let applied = |outcome: &str| tally.outcomes.get(outcome).copied().unwrap_or_default();
        let prices = applied("updated") + applied("created");
        let quantile = |share| milliseconds(tally.latency.quantile(share));
        Leg {
            side,
            pair,
            seconds,
            requests,
            requests_per_second: per_second(requests),
            prices,
            prices_per_second: per_second(prices),
            p50_ms: quantile(0.5),
            p90_ms: quantile(0.9),
            p99_ms: quantile(0.99),
            p999_ms: quantile(0.999),
            max_ms: milliseconds(tally.latency.max()),
            outcomes: tally.outcomes,
            refused: tally.refused,
            failures: tally.failures,
            unsent,
            example: tally.example,
        }
    }

    /// Requests that were refused or failed.
    pub fn errors(&self) -> u64 {
        self.failures + self.refused.values().sum::<u64>()
    }
}

/// A figure of one side as a share of the other's, pair by pair.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// Of all pairs.
    pub median: f64,
    /// Of all pairs.
    pub lowest: f64,
    /// Of all pairs.
    pub highest: f64,
}

/// What was written before the first leg.
#[derive(Clone, Debug, Serialize)]
pub struct Loaded {
    /// Assets created.
    pub assets: u64,
    /// How long that took.
    pub seconds: f64,
}

/// An acknowledged price that is not what is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// The asset.
    pub id: String,
    /// The amount that was acknowledged last.
    pub acknowledged: String,
    /// `None`: no price at all.
    pub read: Option<String>,
}

/// What reading acknowledged prices back has shown.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verification {
    /// Assets with an acknowledged price.
    pub acknowledged: u64,
    /// How many of them were read back.
    pub checked: u64,
    /// Of them, those that show another amount than the last acknowledged.
    pub mismatched: u64,
    /// The first thousand of them.
    pub mismatches: Vec<Mismatch>,
    /// Assets with a price whose request found no clear answer: either amount is then right.
    pub doubtful: u64,
}

/// All that a load run has measured.
#[derive(Clone, Debug, Serialize)]
pub struct LoadReport {
    /// Connections held open.
    pub connections: usize,
    /// Prices of each request.
    pub prices_per_request: usize,
    /// Requests per second asked for; `None`: as fast as they are answered.
    pub rate: Option<f64>,
    /// Assets written before; `None`: none were asked for.
    pub loaded: Option<Loaded>,
    /// In the order in which they ran.
    pub legs: Vec<Leg>,
    /// `None` without a sink, and with a fixed rate, which both keep.
    pub ratio: Option<Ratio>,
    /// Change streams that were open in every second leg.
    pub idle_streams: usize,
    /// The p99 with those streams as a share of the one without, pair by pair.
    pub p99_ratio: Option<Ratio>,
    /// What reading back has shown; `None`: it was not asked for.
    pub verification: Option<Verification>,
}

impl LoadReport {
    /// Every acknowledged price that was read back is the one that was acknowledged.
    pub fn verified(&self) -> bool {
        self.verification.as_ref().is_none_or(|verification| verification.mismatched == 0)
    }

    /// The median of a figure over the legs of one side.
    pub fn median(&self, side: Side, figure: impl Fn(&Leg) -> f64) -> Option<f64> {
        median(self.legs.iter().filter(|leg| leg.side == side).map(figure).collect())
    }
}

/// The daemon's requests per second as a share of the sink's.
pub(super) fn ratio(legs: &[Leg]) -> Option<Ratio> {
    of_pairs(legs, (Side::Sink, Side::Daemon), |leg| leg.requests_per_second)
}

/// The p99 with streams as a share of the one without.
pub(super) fn p99_ratio(legs: &[Leg]) -> Option<Ratio> {
    of_pairs(legs, (Side::Daemon, Side::Streams), |leg| leg.p99_ms)
}

fn of_pairs(legs: &[Leg], (one, other): (Side, Side), figure: impl Fn(&Leg) -> f64) -> Option<Ratio> {
    let of = |side: Side| legs.iter().filter(move |leg| leg.side == side).map(&figure);
    let pairs = of(one).zip(of(other)).filter(|(one, _)| *one > 0.0);
    let ratios: Vec<f64> = pairs.map(|(one, other)| other / one).collect();
    let lowest = ratios.iter().copied().reduce(f64::min)?;
    let highest = ratios.iter().copied().reduce(f64::max)?;
    Some(Ratio { median: median(ratios)?, lowest, highest })
}

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    let upper = *figures.get(middle)?;
    Some(if figures.len() % 2 == 1 { upper } else { (figures[middle - 1] + upper) / 2.0 })
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

impl Display for LoadReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(loaded) = &self.loaded {
            writeln!(f, "loaded {} assets in {:.1} s", loaded.assets, loaded.seconds)?;
        }
        if !self.legs.is_empty() {
            self.table(f)?;
        }
        if let Some(ratio) = self.ratio {
            let Ratio { median, lowest, highest } = ratio;
            writeln!(f, "daemon / sink: {median:.3} median of pairs ({lowest:.3} to {highest:.3})")?;
        }
        if let Some(Ratio { median, lowest, highest }) = self.p99_ratio {
            let streams = self.idle_streams;
            writeln!(
                f,
                "p99 with {streams} idle streams / without: {median:.3} median of pairs ({lowest:.3} to {highest:.3})"
            )?;
        }
        match &self.verification {
            Some(verification) => verification.fmt(f),
            None => Ok(()),
        }
    }
}

impl LoadReport {
    fn table(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (connections, prices) = (self.connections, self.prices_per_request);
        let loop_name =
            self.rate.map_or("closed loop".into(), |rate| format!("open loop, {rate} requests/s"));
        writeln!(f, "{connections} connections, {prices} prices a request, {loop_name}")?;
        writeln!(
            f,
            "{:<10} {:>10} {:>10} {:>8} {:>8} {:>8} {:>8} {:>9} {:>7} {:>7}",
            "leg", "requests/s", "prices/s", "p50 ms", "p90", "p99", "p99.9", "max", "errors", "unsent"
        )?;
        for leg in &self.legs {
            row(f, &format!("{} {}", leg.side.name(), leg.pair), |figure| figure(leg))?;
        }
        for side in [Side::Sink, Side::Daemon, Side::Streams] {
            if self.legs.iter().filter(|leg| leg.side == side).count() > 1 {
                let median = |figure: fn(&Leg) -> f64| self.median(side, figure).unwrap_or_default();
                row(f, &format!("{} med", side.name()), median)?;
            }
        }
        self.legs.iter().try_for_each(|leg| leg.remarks(f))
    }
}

fn row(f: &mut Formatter<'_>, name: &str, value: impl Fn(fn(&Leg) -> f64) -> f64) -> fmt::Result {
    write!(f, "{name:<10} {:>10.0} ", value(|leg| leg.requests_per_second))?;
    write!(f, "{:>10.0} ", value(|leg| leg.prices_per_second))?;
    write!(f, "{:>8.3} {:>8.3} ", value(|leg| leg.p50_ms), value(|leg| leg.p90_ms))?;
    write!(f, "{:>8.3} {:>8.3} ", value(|leg| leg.p99_ms), value(|leg| leg.p999_ms))?;
    write!(f, "{:>9.3} ", value(|leg| leg.max_ms))?;
    writeln!(f, "{:>7.0} {:>7.0}", value(|leg| leg.errors() as f64), value(|leg| leg.unsent as f64))
}

impl Leg {
    /// What the row does not say: other outcomes than expected, and what was refused.
    fn remarks(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = format!("{} {}", self.side.name(), self.pair);
        if self.outcomes.keys().any(|outcome| outcome != "updated") {
            writeln!(f, "{name}: outcomes {:?}", self.outcomes)?;
        }
        if self.outcomes.contains_key("parked") {
            writeln!(f, "{name}: parked prices have no asset: create them first with --load-assets")?;
        }
        if self.errors() > 0 {
            writeln!(f, "{name}: {} failed, refused {:?}", self.failures, self.refused)?;
        }
        if self.refused.contains_key(&429) {
            writeln!(f, "{name}: {}", RATE_HINT)?;
        }
        match &self.example {
            Some(example) => writeln!(f, "{name}: for example {example}"),
            None => Ok(()),
        }
    }
}

impl Display for Verification {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Verification { acknowledged, checked, mismatched, doubtful, .. } = self;
        writeln!(
            f,
            "verified: {checked} of {acknowledged} acknowledged prices read back, {mismatched} wrong, {doubtful} in doubt"
        )?;
        for mismatch in self.mismatches.iter().take(SHOWN_MAX) {
            let read = mismatch.read.as_deref().unwrap_or("no price");
            writeln!(f, "  {}: acknowledged {}, read {read}", mismatch.id, mismatch.acknowledged)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(side: Side, rate: f64) -> Leg {
        Leg { requests_per_second: rate, ..Leg::new(side, 1, LoadTally::default(), 0) }
    }

    #[test]
    fn the_ratio_is_the_median_of_the_pairs_not_of_the_legs() {
        let figures = [(100.0, 50.0), (200.0, 60.0), (10.0, 9.0)];
        let legs: Vec<Leg> = figures
            .into_iter()
            .flat_map(|(sink, daemon)| [leg(Side::Sink, sink), leg(Side::Daemon, daemon)])
            .collect();
        assert_eq!(ratio(&legs), Some(Ratio { median: 0.5, lowest: 0.3, highest: 0.9 }));
        assert_eq!(ratio(&legs[1..2]), None);
    }

    #[test]
    fn a_median_of_an_even_number_lies_between_the_middle_two() {
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
    }
}
