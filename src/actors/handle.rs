//! What the edge holds of the actors: a registry by partner, and typed calls.

use super::admission::{Admission, Limits, Permit};
use crate::config::PartnerSettings;
use crate::domain::{ItemOutcome, Micros, PartnerName, PartnerNo, Seq, Write};
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One batch of writes from one partner, decoded.
#[derive(Debug)]
pub struct Push {
    /// In the order of the items; what could not be decoded stands as its refusal.
    pub writes: Vec<Result<Write, Box<ItemOutcome>>>,
    pub received_at: Micros,
    /// All or nothing.
    pub atomic: bool,
    /// Decide, but change nothing.
    pub dry_run: bool,
    pub permit: Permit,
}

/// What became of a batch; sent when all that it rests on is durable.
#[derive(Debug)]
pub struct PushReply {
    pub items: Vec<ItemOutcome>,
    /// The sequence of the first of the batch's changes: an item's cursor is this plus its index.
    pub first: Seq,
    /// Everything up to here is durable, the batch included.
    pub durable: Seq,
}

/// The outcome is unknown: retry with the same delivery id (503).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the outcome is not known, retry with the same delivery id")]
pub struct Unavailable;

/// One partner, as the edge sees it.
pub struct PartnerEntry {
    pub name: PartnerName,
    pub no: PartnerNo,
    pub settings: ArcSwap<PartnerSettings>,
    pub limits: ArcSwap<Limits>,
    pub admission: Admission,
}

impl PartnerEntry {
    /// Has the partner's actor decide a batch, and waits until the decision is durable.
    pub async fn push(&self, _push: Push) -> Result<PushReply, Unavailable> {
        todo!("seam")
    }

    /// Fetches the feed now instead of at its time; `false` where the partner has none.
    pub fn fetch_now(&self) -> bool {
        todo!("seam")
    }
}

/// Partners by name and number. Cheap to clone.
#[derive(Clone, Default)]
pub struct Registry(Arc<ArcSwap<Partners>>);

#[derive(Default)]
struct Partners {
    by_name: BTreeMap<PartnerName, Arc<PartnerEntry>>,
    by_no: BTreeMap<PartnerNo, Arc<PartnerEntry>>,
}

impl Registry {
    pub fn by_name(&self, name: &str) -> Option<Arc<PartnerEntry>> {
        let name = PartnerName::new(name).ok()?;
        self.0.load().by_name.get(&name).cloned()
    }

    pub fn by_no(&self, no: PartnerNo) -> Option<Arc<PartnerEntry>> {
        self.0.load().by_no.get(&no).cloned()
    }

    pub fn all(&self) -> Vec<Arc<PartnerEntry>> {
        self.0.load().by_name.values().cloned().collect()
    }
}
