//! What is seen of a partner at one glance, without a read of the store and without asking its actor: ten
//! thousand of them are looked through for one page.
//!
//! The actor sets the figures after each message; the edge counts what has been pushed.

use crate::domain::Micros;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Shared by the partner's entry and all lives of its actor.
#[derive(Clone, Debug, Default)]
pub struct Glance(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    living: AtomicU64,
    quarantined: AtomicU64,
    parked: AtomicU64,
    plans_held: AtomicU64,
    deletes_held: AtomicU64,
    oldest_plan_at: AtomicI64,
    failures_in_row: AtomicU64,
    last_success_at: AtomicI64,
    assets_pushed: AtomicU64,
    prices_pushed: AtomicU64,
    items_refused: AtomicU64,
    last_push_at: AtomicI64,
}

/// Where the partner stands, as its actor knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StandingFigures {
    /// Assets that live.
    pub living: u64,
    /// Rows of its quarantine.
    pub quarantined: u64,
    /// Prices that wait for their assets.
    pub parked: u64,
    /// Plans that wait for an operator …
    pub plans_held: u64,
    /// … the deletes of all of them …
    pub deletes_held: u64,
    /// … and when the oldest was opened.
    pub oldest_plan_at: Option<Micros>,
    /// Runs of its feed that have failed since the last good one.
    pub failures_in_row: u64,
    /// When a run of its feed last ended well.
    pub last_success_at: Option<Micros>,
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
        let seen = &*self.0;
        StandingFigures {
            living: number(&seen.living),
            quarantined: number(&seen.quarantined),
            parked: number(&seen.parked),
            plans_held: number(&seen.plans_held),
            deletes_held: number(&seen.deletes_held),
            oldest_plan_at: time(&seen.oldest_plan_at),
            failures_in_row: number(&seen.failures_in_row),
            last_success_at: time(&seen.last_success_at),
        }
    }

    /// What the partner has pushed.
    pub fn pushed(&self) -> PushedFigures {
        let seen = &*self.0;
        PushedFigures {
            assets: number(&seen.assets_pushed),
            prices: number(&seen.prices_pushed),
            refused: number(&seen.items_refused),
            last_at: time(&seen.last_push_at),
        }
    }

    pub(in crate::actors) fn stands_at(&self, figures: &StandingFigures) {
        let seen = &*self.0;
        seen.living.store(figures.living, Ordering::Relaxed);
        seen.quarantined.store(figures.quarantined, Ordering::Relaxed);
        seen.parked.store(figures.parked, Ordering::Relaxed);
        seen.plans_held.store(figures.plans_held, Ordering::Relaxed);
        seen.deletes_held.store(figures.deletes_held, Ordering::Relaxed);
        seen.oldest_plan_at.store(micros(figures.oldest_plan_at), Ordering::Relaxed);
        seen.failures_in_row.store(figures.failures_in_row, Ordering::Relaxed);
        seen.last_success_at.store(micros(figures.last_success_at), Ordering::Relaxed);
    }

    /// So much of a push became durable at `at`.
    pub fn was_pushed(&self, at: Micros, assets: u64, prices: u64, refused: u64) {
        let seen = &*self.0;
        seen.assets_pushed.fetch_add(assets, Ordering::Relaxed);
        seen.prices_pushed.fetch_add(prices, Ordering::Relaxed);
        seen.items_refused.fetch_add(refused, Ordering::Relaxed);
        seen.last_push_at.store(at.0, Ordering::Relaxed);
    }
}

fn number(cell: &AtomicU64) -> u64 {
    cell.load(Ordering::Relaxed)
}

/// 0 stands for never: nothing happened in 1970.
fn time(cell: &AtomicI64) -> Option<Micros> {
    Some(cell.load(Ordering::Relaxed)).filter(|&at| at != 0).map(Micros)
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
            quarantined: 2,
            parked: 3,
            plans_held: 4,
            deletes_held: 5,
            oldest_plan_at: Some(Micros(6)),
            failures_in_row: 7,
            last_success_at: Some(Micros(8)),
        };
        let other = glance.clone();
        glance.stands_at(&figures);
        assert_eq!(other.standing(), figures);
        other.was_pushed(Micros(9), 1, 2, 0);
        other.was_pushed(Micros(10), 0, 1, 1);
        let pushed = PushedFigures { assets: 1, prices: 3, refused: 1, last_at: Some(Micros(10)) };
        assert_eq!(glance.pushed(), pushed);
    }
}
