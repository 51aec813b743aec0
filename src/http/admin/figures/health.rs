//! How a partner stands, in one word.

use crate::actors::{PartnerEntry, StandingFigures};
use crate::domain::Micros;

/// A feed is late once its last good run is so many hundredths of its schedule ago.
const LATE_PERCENT: u128 = 150;

/// How a partner stands, the worst that is true of it: in this order pages are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartnerHealth {
    /// Nothing of it is decided just now.
    Down,
    /// The last run of its feed failed, or was refused.
    Failing,
    /// The last good run of its feed is too long ago.
    Late,
    /// A plan of it waits for an operator.
    PlanWaits,
    /// An operator has stopped its feed's schedule.
    Paused,
    /// Something of it lies in the quarantine.
    Quarantine,
    /// Nothing of that.
    Fine,
    /// No longer configured.
    Removed,
}

impl PartnerHealth {
    /// All of them, the worst first.
    #[rustfmt::skip]
    pub const ALL: [PartnerHealth; 8] = [
        PartnerHealth::Down, PartnerHealth::Failing, PartnerHealth::Late, PartnerHealth::PlanWaits,
        PartnerHealth::Paused, PartnerHealth::Quarantine, PartnerHealth::Fine, PartnerHealth::Removed,
    ];

    /// How it stands now. A feed that was never read is judged from the start of the daemon on.
    pub fn of(
        entry: &PartnerEntry,
        seen: &StandingFigures,
        (now, started_at): (Micros, Micros),
    ) -> PartnerHealth {
        let feed_every = entry.settings.load().feed.as_ref().map(|feed| feed.every);
        let is_paused = feed_every.is_some() && entry.board.is_paused();
        let is_late = feed_every.is_some_and(|every| {
            let late_after = every.as_micros() * LATE_PERCENT / 100;
            now.since(seen.last_success_at.unwrap_or(started_at)) > late_after as i64
        });
        match () {
            () if entry.is_removed() => PartnerHealth::Removed,
            () if entry.why_down().is_some() => PartnerHealth::Down,
            () if seen.failures_in_row > 0 => PartnerHealth::Failing,
            () if is_late && !is_paused => PartnerHealth::Late,
            () if seen.plans_held > 0 => PartnerHealth::PlanWaits,
            () if is_paused => PartnerHealth::Paused,
            () if seen.quarantined > 0 => PartnerHealth::Quarantine,
            () => PartnerHealth::Fine,
        }
    }

    /// Its word in answers and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            PartnerHealth::Down => "down",
            PartnerHealth::Failing => "failing",
            PartnerHealth::Late => "late",
            PartnerHealth::PlanWaits => "plan_waits",
            PartnerHealth::Paused => "paused",
            PartnerHealth::Quarantine => "quarantine",
            PartnerHealth::Fine => "fine",
            PartnerHealth::Removed => "removed",
        }
    }
}
