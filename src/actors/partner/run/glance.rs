//! What is seen of a partner at one glance, without a read of the store and without asking its actor: ten
//! thousand of them are looked through for one page.
//!
//! The actor sets the figures where a message has moved them; the edge counts what has been pushed; now and then all
//! prices are looked at.

use crate::domain::Micros;
use crate::rules::price::reading::PriceState;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

const MILLION: f64 = 1e6;

/// Shared by the partner's entry and all lives of its actor.
#[derive(Clone, Debug, Default)]
pub struct Glance(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    standing: StandingCells,
    pushed: PushedCells,
    prices: PriceCells,
}

/// Apart from what the edge counts: two processors that write to one line of their caches wait for each other.
#[derive(Debug, Default)]
#[repr(align(128))]
struct StandingCells {
    living: AtomicU64,
    gone: AtomicU64,
    quarantined: AtomicU64,
    parked: AtomicU64,
    gaps_open: AtomicU64,
    plans_held: AtomicU64,
    deletes_held: AtomicU64,
    oldest_plan_at: AtomicI64,
    oldest_delivery_at: AtomicI64,
    failures_in_row: AtomicU64,
    last_success_at: AtomicI64,
    /// One more than the parts in a million; 0 where nothing is known.
    push_loss: AtomicU64,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct PushedCells {
    assets: AtomicU64,
    prices: AtomicU64,
    refused: AtomicU64,
    last_at: AtomicI64,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct PriceCells {
    is_counted: AtomicBool,
    by_state: [AtomicU64; PriceState::ALL.len()],
}

/// Where the partner stands, as its actor knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StandingFigures {
    /// Assets that live …
    pub living: u64,
    /// … and those that are remembered as gone.
    pub gone: u64,
    /// Rows of its quarantine.
    pub quarantined: u64,
    /// Prices that wait for their assets.
    pub parked: u64,
    /// Missing ranges of its numbered streams.
    pub gaps_open: u64,
    /// Plans that wait for an operator …
    pub plans_held: u64,
    /// … the deletes of all of them …
    pub deletes_held: u64,
    /// … and when the oldest was opened.
    pub oldest_plan_at: Option<Micros>,
    /// When the oldest delivery that is remembered was received.
    pub oldest_delivery_at: Option<Micros>,
    /// Runs of its feed that have failed since the last good one.
    pub failures_in_row: u64,
    /// When a run of its feed last ended well.
    pub last_success_at: Option<Micros>,
    /// The share of its pushes that were lost, as the last applied run found.
    pub push_loss: Option<f64>,
}

/// What it has pushed since the daemon started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PushedFigures {
    /// Writes of assets.
    pub assets: u64,
    /// Writes of prices.
    pub prices: u64,
    /// Of both, those that were refused.
    pub refused: u64,
    /// When the last of them was durable; `None` before the first.
    pub last_at: Option<Micros>,
}

impl Glance {
    /// Where the partner stands. Figures of one moment may be of two messages that followed each other.
    pub fn standing(&self) -> StandingFigures {
        let seen = &self.0.standing;
        StandingFigures {
            living: number(&seen.living),
            gone: number(&seen.gone),
            quarantined: number(&seen.quarantined),
            parked: number(&seen.parked),
            gaps_open: number(&seen.gaps_open),
            plans_held: number(&seen.plans_held),
            deletes_held: number(&seen.deletes_held),
            oldest_plan_at: time(&seen.oldest_plan_at),
            oldest_delivery_at: time(&seen.oldest_delivery_at),
            failures_in_row: number(&seen.failures_in_row),
            last_success_at: time(&seen.last_success_at),
            push_loss: share(&seen.push_loss),
        }
    }

    /// What the partner has pushed.
    pub fn pushed(&self) -> PushedFigures {
        let seen = &self.0.pushed;
        PushedFigures {
            assets: number(&seen.assets),
            prices: number(&seen.prices),
            refused: number(&seen.refused),
            last_at: time(&seen.last_at),
        }
    }

    /// Its prices by state, in the order of [`PriceState::ALL`]; `None` before they were first counted.
    pub fn prices(&self) -> Option<[u64; PriceState::ALL.len()]> {
        let seen = &self.0.prices;
        seen.is_counted.load(Ordering::Acquire).then(|| seen.by_state.each_ref().map(number))
    }

    pub(in crate::actors) fn stands_at(&self, figures: &StandingFigures) {
        let seen = &self.0.standing;
        seen.living.store(figures.living, Ordering::Relaxed);
        seen.gone.store(figures.gone, Ordering::Relaxed);
        seen.quarantined.store(figures.quarantined, Ordering::Relaxed);
        seen.parked.store(figures.parked, Ordering::Relaxed);
        seen.gaps_open.store(figures.gaps_open, Ordering::Relaxed);
        seen.plans_held.store(figures.plans_held, Ordering::Relaxed);
        seen.deletes_held.store(figures.deletes_held, Ordering::Relaxed);
        seen.oldest_plan_at.store(micros(figures.oldest_plan_at), Ordering::Relaxed);
        seen.oldest_delivery_at.store(micros(figures.oldest_delivery_at), Ordering::Relaxed);
        seen.failures_in_row.store(figures.failures_in_row, Ordering::Relaxed);
        seen.last_success_at.store(micros(figures.last_success_at), Ordering::Relaxed);
        let push_loss = figures.push_loss.map_or(0, |loss| 1 + (loss * MILLION) as u64);
        seen.push_loss.store(push_loss, Ordering::Relaxed);
    }

    /// So much of a push became durable at `at`.
    pub fn was_pushed(&self, at: Micros, assets: u64, prices: u64, refused: u64) {
        let seen = &self.0.pushed;
        for (cell, count) in [(&seen.assets, assets), (&seen.prices, prices), (&seen.refused, refused)] {
            if count > 0 {
                cell.fetch_add(count, Ordering::Relaxed);
            }
        }
        seen.last_at.store(at.0, Ordering::Relaxed);
    }

    /// All its prices have been looked at; this many are in each state.
    pub fn prices_stand_at(&self, by_state: [u64; PriceState::ALL.len()]) {
        let seen = &self.0.prices;
        for (cell, count) in seen.by_state.iter().zip(by_state) {
            cell.store(count, Ordering::Relaxed);
        }
        seen.is_counted.store(true, Ordering::Release);
    }
}

fn number(cell: &AtomicU64) -> u64 {
    cell.load(Ordering::Relaxed)
}

/// 0 stands for never: nothing happened in 1970.
fn time(cell: &AtomicI64) -> Option<Micros> {
    Some(cell.load(Ordering::Relaxed)).filter(|&at| at != 0).map(Micros)
}

fn share(cell: &AtomicU64) -> Option<f64> {
    number(cell).checked_sub(1).map(|parts| parts as f64 / MILLION)
}

fn micros(at: Option<Micros>) -> i64 {
    at.map_or(0, |at| at.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_seen_by_everybody_and_pushes_add_up() {
        let glance = Glance::default();
        assert_eq!((glance.standing(), glance.pushed()), Default::default());
        let figures = StandingFigures {
            living: 1,
            gone: 11,
            quarantined: 2,
            parked: 3,
            gaps_open: 12,
            plans_held: 4,
            deletes_held: 5,
            oldest_plan_at: Some(Micros(6)),
            oldest_delivery_at: Some(Micros(13)),
            failures_in_row: 7,
            last_success_at: Some(Micros(8)),
            push_loss: Some(0.25),
        };
        let other = glance.clone();
        glance.stands_at(&figures);
        assert_eq!(other.standing(), figures);
        glance.stands_at(&StandingFigures { push_loss: Some(0.0), ..figures });
        assert_eq!(other.standing().push_loss, Some(0.0), "none lost is not nothing known");
        assert_eq!(glance.prices(), None);
        other.prices_stand_at([1, 2, 3, 4, 5, 6]);
        assert_eq!(glance.prices(), Some([1, 2, 3, 4, 5, 6]));
        other.was_pushed(Micros(9), 1, 2, 0);
        other.was_pushed(Micros(10), 0, 1, 1);
        let pushed = PushedFigures { assets: 1, prices: 3, refused: 1, last_at: Some(Micros(10)) };
        assert_eq!(glance.pushed(), pushed);
    }
}
