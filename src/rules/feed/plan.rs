//! Plans (F4): deletes that the guard kept back, until someone or the feed itself decides.

use crate::domain::{Micros, Plan};

/// A held plan is undone after this long.
pub const EXPIRY: i64 = 72 * Micros::HOUR;
/// A snapshot that has this share of a plan's ids again cancels it.
const CANCEL_PERCENT: u64 = 90;
/// A plan of more ids is never approved by the feed itself.
const CONFIRMED_IDS_MAX: u64 = 20;
/// Why a plan was approved that nobody has decided.
pub const CONFIRMED: &str = "confirmed";

impl Plan {
    /// F4: whether it is undone by time.
    pub fn is_overdue(&self, now: Micros) -> bool {
        self.is_held() && now.0 >= self.expires_at
    }

    /// F4: whether a later snapshot, which holds `present` of the ids again, cancels it.
    pub fn is_cancelled_by(&self, present: u64) -> bool {
        self.is_held() && present * 100 >= self.count() * CANCEL_PERCENT
    }

    /// F4: an accepted run whose file has this body lacks all of the ids. Whether that is new.
    pub fn is_confirmed_by(&mut self, body: &str) -> bool {
        let counts = self.is_held() && self.confirmable && self.count() <= CONFIRMED_IDS_MAX;
        if !counts || self.bodies.iter().any(|known| known == body) {
            return false;
        }
        self.bodies.push(body.to_owned());
        true
    }

    /// A file has some of the ids again: what has confirmed the plan before counts for nothing.
    /// Whether that is new.
    pub fn is_doubted(&mut self) -> bool {
        let confirmed = self.bodies.len() > 1;
        self.bodies.truncate(1);
        confirmed
    }

    /// Further runs in a row that have lacked all of its ids.
    pub fn confirmations(&self) -> u32 {
        self.bodies.len().saturating_sub(1) as u32
    }

    /// F4: whether so many further runs approve it; 0: none do.
    pub fn is_approved_after(&self, runs: u32) -> bool {
        runs > 0 && self.confirmable && self.confirmations() >= runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PlanState;

    fn plan(count: u64) -> Plan {
        Plan {
            id: 1,
            state: PlanState::Held,
            run: 1,
            snapshot_at: 0,
            opened_at: 0,
            expires_at: EXPIRY,
            closed_at: None,
            baseline: 10_000,
            allowed: 500,
            count,
            living: 10_000,
            sample: Vec::new(),
            pages: 1,
            confirmable: true,
            bodies: vec!["a".into()],
            turned_down_under: None,
            reason: None,
            by: None,
            inline: None,
        }
    }

    #[test]
    fn f4_ninety_percent_back_cancel_a_plan() {
        assert!(!plan(600).is_cancelled_by(539));
        assert!(plan(600).is_cancelled_by(540));
        let mut approved = plan(600);
        approved.close(PlanState::Approved, Micros(5), None);
        assert!(!approved.is_cancelled_by(600));
    }

    #[test]
    fn f4_a_plan_expires_after_seventy_two_hours() {
        assert!(!plan(1).is_overdue(Micros(EXPIRY - 1)));
        assert!(plan(1).is_overdue(Micros(EXPIRY)));
    }

    #[test]
    fn u7_the_share_is_of_what_lives() {
        assert_eq!(plan(600).share_percent(), 6.0);
        let nonsense = Plan { baseline: 1, living: 201, ..plan(150) };
        assert_eq!(nonsense.share_percent().round(), 75.0, "150 of 201, not 15000 % of 1");
        let of_before = Plan { baseline: 1, living: 0, ..plan(150) };
        assert_eq!(of_before.share_percent(), 100.0, "never more than all");
    }

    #[test]
    fn f4_two_further_runs_with_other_bodies_approve_a_plan_of_at_most_twenty() {
        let mut small = plan(20);
        assert!(!small.is_confirmed_by("a"), "its own file says nothing new");
        assert!(small.is_confirmed_by("b") && !small.is_confirmed_by("b"));
        assert!(!small.is_approved_after(2));
        assert!(small.is_confirmed_by("c") && small.is_approved_after(2));
        assert!(!small.is_approved_after(0), "switched off");
        assert!(small.is_doubted() && !small.is_doubted() && !small.is_approved_after(2));
        assert!(!plan(21).is_confirmed_by("b"), "too many");
        assert!(!Plan { confirmable: false, ..plan(3) }.is_confirmed_by("b"));
    }
}
