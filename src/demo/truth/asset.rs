//! What a partner knows of its assets, and what happens to them: plain values.

use super::book::Members;
use crate::domain::{Currency, Decimal, Micros, Verb};
use compact_str::CompactString;
use std::sync::Arc;

/// What the partners' configuration names as their currency: pushes leave it out.
pub const DEFAULT_CURRENCY: &str = "EUR";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    pub amount: Decimal,
    pub currency: Currency,
    pub as_of: Micros,
}

/// One asset as the partner knows it; deleted ones stay, to be looked for in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedAsset {
    pub id: String,
    pub members: Members,
    pub price: Price,
    pub updated_at: Micros,
    pub deleted: bool,
    /// There since the start and never deleted: no create or revival of it can be on its way.
    pub steady: bool,
    /// Was inactive once: X5 keeps such an asset when it is absent, so a lost delete or a lost
    /// reactivation before it would not heal.
    pub was_inactive: bool,
    pub offer: usize,
}

impl SimulatedAsset {
    pub fn is_active(&self) -> bool {
        !self.deleted && self.members.get("status").is_none_or(|status| status == "\"active\"")
    }

    pub(super) fn deletable(&self) -> bool {
        self.is_active() && !self.was_inactive
    }
}

/// One price, or one write of an asset, as it happened at the partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TruthWrite {
    Price { id: String, price: Price },
    Asset(AssetStep),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetStep {
    pub verb: Verb,
    pub id: String,
    pub at: Micros,
    /// `None` removes the member.
    pub members: Vec<(CompactString, Option<String>)>,
    pub price: Option<Price>,
}

/// A consistent copy.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub generated_at: Micros,
    /// Rises with every step: equal versions hold equal assets.
    pub version: u64,
    pub assets: Vec<Arc<SimulatedAsset>>,
}

impl Snapshot {
    pub fn living(&self) -> impl Iterator<Item = &SimulatedAsset> {
        self.assets.iter().map(Arc::as_ref).filter(|asset| !asset.deleted)
    }
}
