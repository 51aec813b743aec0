//! How long what waits is kept: parked prices (P3) and tombstones (X4).

use crate::domain::{AssetHead, Micros};
use crate::rules::policy::Policy;

/// P3: a price waits this long for its asset.
pub const PARKED_KEPT: i64 = Micros::DAY;
/// X4: a tombstone lives at least this long …
const TOMBSTONE_KEPT: i64 = 30 * Micros::DAY;
/// X4: … and for so many intervals of its partner's feed.
const TOMBSTONE_INTERVALS: i64 = 3;

/// X4: how long tombstones live.
pub fn tombstones_kept(policy: &Policy) -> i64 {
    TOMBSTONE_KEPT.max(policy.feed_interval.saturating_mul(TOMBSTONE_INTERVALS))
}

/// X4: whether a slot may be forgotten at `now`. One that was never born is, once nothing waits on
/// it; it raises no floor. An absent one goes with all that it holds, quotes too.
pub fn is_forgettable(head: &AssetHead, quotes: usize, policy: &Policy, now: Micros) -> bool {
    if head.is_alive() || (quotes > 0 && !head.is_absent()) {
        return false;
    }
    // a delete may come late: it is remembered from when we heard of it
    let since = head.death.at.max(head.died_at);
    !head.death.happened() || now.since(since) >= tombstones_kept(policy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Lane, Stamp};

    fn dead_since(at: i64) -> AssetHead {
        let death = Stamp::new(Micros(at), Lane::Push, 0);
        AssetHead { death, end: death, ..AssetHead::unborn() }
    }

    #[test]
    fn x4_a_tombstone_lives_thirty_days_and_three_intervals() {
        let month = 30 * Micros::DAY;
        let policy = Policy::default();
        assert!(!is_forgettable(&dead_since(0), 0, &policy, Micros(month - 1)));
        assert!(is_forgettable(&dead_since(0), 0, &policy, Micros(month)));
        let slow = Policy { feed_interval: 20 * Micros::DAY, ..Policy::default() };
        assert!(!is_forgettable(&dead_since(0), 0, &slow, Micros(2 * month - 1)));
        assert!(is_forgettable(&dead_since(0), 0, &slow, Micros(2 * month)));
    }

    #[test]
    fn x4_a_delete_that_comes_late_is_remembered_from_when_it_came() {
        let month = 30 * Micros::DAY;
        let late = AssetHead { died_at: Micros(2 * month), ..dead_since(0) };
        assert!(!is_forgettable(&late, 0, &Policy::default(), Micros(3 * month - 1)));
        assert!(is_forgettable(&late, 0, &Policy::default(), Micros(3 * month)));
    }

    #[test]
    fn x4_what_lives_or_holds_a_price_is_not_forgotten() {
        let policy = Policy::default();
        let late = Micros(i64::MAX);
        let alive = AssetHead { life: Stamp::new(Micros(1), Lane::Push, 0), ..dead_since(0) };
        assert!(!is_forgettable(&alive, 0, &policy, late));
        assert!(!is_forgettable(&dead_since(0), 1, &policy, late));
        assert!(is_forgettable(&AssetHead::unborn(), 0, &policy, Micros(0)));
        assert!(!is_forgettable(&AssetHead::unborn(), 1, &policy, late));
    }

    #[test]
    fn x4_the_tombstone_of_an_absent_asset_goes_with_the_prices_that_it_holds() {
        let absent = AssetHead { end: Stamp::NEVER, ..dead_since(0) };
        let month = 30 * Micros::DAY;
        assert!(!is_forgettable(&absent, 2, &Policy::default(), Micros(month - 1)));
        assert!(is_forgettable(&absent, 2, &Policy::default(), Micros(month)));
    }
}
