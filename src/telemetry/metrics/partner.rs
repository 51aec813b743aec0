//! What is counted of one partner: of its pushes, its quarantine, and what became of them.

use super::catalogue::{
    AMBIGUOUS, PUSH_ITEMS, PUSH_REFUSALS, PUSH_REQUESTS, QUARANTINE_CLOSED, QUARANTINE_DROPPED,
};
use super::feed::FeedMetrics;
use super::labels::{CODES, ItemKind, class_of};
use super::pushes::{DeliveryMetrics, GapMetrics};
use super::series::{ByReason, Series};
use crate::domain::Outcome;
use metrics::Counter;
use std::sync::Arc;

/// Why a call of a known partner was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its key is not valid now, or its signature does not fit: 401.
    Credentials,
    /// It may not do that: 403.
    Forbidden,
    /// Its body, or what it holds, is too large: 413.
    TooLarge,
    /// It came too often: 429.
    TooMany,
    /// We had no room, or were not up: 503.
    Busy,
    /// What it rests on is not, or no longer, so: 409, 412, 428.
    Conflict,
    /// It cannot be read, or not be so: every other 4xx.
    Invalid,
    /// Something failed here: every other 5xx.
    Failed,
}

impl Refusal {
    /// All of them.
    #[rustfmt::skip]
    pub const ALL: [Refusal; 8] = [
        Refusal::Credentials, Refusal::Forbidden, Refusal::TooLarge, Refusal::TooMany, Refusal::Busy,
        Refusal::Conflict, Refusal::Invalid, Refusal::Failed,
    ];

    /// What a status of an answer means; `None` for one that is no refusal.
    pub fn of(status: u16) -> Option<Refusal> {
        Some(match status {
            401 => Refusal::Credentials,
            403 => Refusal::Forbidden,
            413 => Refusal::TooLarge,
            429 => Refusal::TooMany,
            503 => Refusal::Busy,
            409 | 412 | 428 => Refusal::Conflict,
            400..=499 => Refusal::Invalid,
            500..=599 => Refusal::Failed,
            _ => return None,
        })
    }

    /// Its word in the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Refusal::Credentials => "credentials",
            Refusal::Forbidden => "forbidden",
            Refusal::TooLarge => "too_large",
            Refusal::TooMany => "too_many",
            Refusal::Busy => "busy",
            Refusal::Conflict => "conflict",
            Refusal::Invalid => "invalid",
            Refusal::Failed => "failed",
        }
    }
}

/// What is counted of one partner.
pub struct PartnerMetrics {
    assets: [Counter; Outcome::ALL.len()],
    prices: [Counter; Outcome::ALL.len()],
    requests: [Counter; CODES.len()],
    refusals: [Counter; Refusal::ALL.len()],
    quarantine_taken: Arc<ByReason>,
    quarantine_dropped: Counter,
    quarantine_closed: Counter,
    ambiguous: Counter,
    deliveries: DeliveryMetrics,
    gaps: GapMetrics,
    feed: FeedMetrics,
}

impl PartnerMetrics {
    /// `taken` is counted for all partners together: the codes are many.
    pub(super) fn new(series: &Series, name: &str, taken: &Arc<ByReason>) -> PartnerMetrics {
        let by = |metric, label, value| series.counter(metric, &[("partner", name), (label, value)]);
        let items = |kind| {
            Outcome::ALL.map(|outcome| {
                let labels = [("partner", name), ("kind", kind), ("outcome", outcome.as_str())];
                series.counter(PUSH_ITEMS, &labels)
            })
        };
        let own = |metric| series.counter(metric, &[("partner", name)]);
        PartnerMetrics {
            assets: items("asset"),
            prices: items("price"),
            requests: CODES.map(|code| by(PUSH_REQUESTS, "code", code)),
            refusals: Refusal::ALL.map(|refusal| by(PUSH_REFUSALS, "reason", refusal.as_str())),
            quarantine_taken: Arc::clone(taken),
            quarantine_dropped: own(QUARANTINE_DROPPED),
            quarantine_closed: own(QUARANTINE_CLOSED),
            ambiguous: own(AMBIGUOUS),
            deliveries: DeliveryMetrics::new(series, name),
            gaps: GapMetrics::new(series, name),
            feed: FeedMetrics::new(series, name),
        }
    }

    /// `count` items of a push came to `outcome`.
    pub fn items_decided(&self, kind: ItemKind, outcome: Outcome, count: u64) {
        let counters = match kind {
            ItemKind::Asset => &self.assets,
            ItemKind::Price => &self.prices,
        };
        counters[outcome as usize].increment(count);
    }

    /// A push was answered with this status code.
    pub fn push_answered(&self, status: u16) {
        self.requests[class_of(status)].increment(1);
    }

    /// A call of it was answered with this status code; where that is a refusal it is counted as one.
    pub fn answered(&self, status: u16) {
        if let Some(refusal) = Refusal::of(status) {
            self.refusals[refusal as usize].increment(1);
        }
    }

    /// The quarantine took a row, for this code of what was wrong.
    pub fn quarantined(&self, code: &str) {
        self.quarantine_taken.of(code).increment(1);
    }

    /// The quarantine has dropped so many rows since it was counted last.
    pub fn quarantine_rows_dropped(&self, rows: u64) {
        self.quarantine_dropped.increment(rows);
    }

    /// So many rows closed themselves, since what they hold was taken later.
    pub fn quarantine_rows_closed(&self, rows: u64) {
        self.quarantine_closed.increment(rows);
    }

    /// So many writes that only their order of arrival put before others (D3, P1).
    pub fn ambiguous_order(&self, writes: u64) {
        if writes > 0 {
            self.ambiguous.increment(writes);
        }
    }

    /// What is counted of deliveries.
    pub fn deliveries(&self) -> &DeliveryMetrics {
        &self.deliveries
    }

    /// What is counted of gaps in numbered streams.
    pub fn gaps(&self) -> &GapMetrics {
        &self.gaps
    }

    /// What is counted of its feed.
    pub fn feed(&self) -> &FeedMetrics {
        &self.feed
    }
}
