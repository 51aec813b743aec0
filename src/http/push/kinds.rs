//! What the items of a push speak of: assets or prices, charged and counted apart.

use crate::actors::{Limits, PushReply};
use crate::domain::{ItemOutcome, Outcome, Write};
use crate::http::gate::auth::Caller;
use crate::http::gate::limit::Rate;
use crate::http::reply::Fault;
use crate::http::request::call::Call;
use crate::telemetry::ItemKind;

/// One kind for all items, or for each its own.
pub enum Kinds {
    All(ItemKind, usize),
    Each(Vec<ItemKind>),
}

pub fn rate_of(kind: ItemKind) -> Rate {
    match kind {
        ItemKind::Price => Rate::Prices,
        ItemKind::Asset => Rate::AssetWrites,
    }
}

impl Kinds {
    /// `mixed`: items of both kinds may stand together.
    pub fn of(mixed: bool, kind: ItemKind, writes: &[Result<Write, Box<ItemOutcome>>]) -> Kinds {
        if !mixed {
            return Kinds::All(kind, writes.len());
        }
        let kind_of = |write: &Result<Write, _>| match write {
            Ok(Write::Asset(_)) => ItemKind::Asset,
            Ok(Write::Price(_)) | Err(_) => ItemKind::Price,
        };
        Kinds::Each(writes.iter().map(kind_of).collect())
    }

    /// Charges what has not been charged before the body was read: one item.
    pub fn charge_rest(&self, limits: &Limits) -> Result<(), Fault> {
        match self {
            Kinds::All(kind, count) => rate_of(*kind).charge_rest(limits, *count),
            Kinds::Each(kinds) => {
                let assets = kinds.iter().filter(|kind| **kind == ItemKind::Asset).count();
                if assets > 0 {
                    Rate::AssetWrites.charge_first(limits)?;
                    Rate::AssetWrites.charge_rest(limits, assets)?;
                }
                Rate::Prices.charge_rest(limits, kinds.len() - assets)
            }
        }
    }

    /// Counts the items by what became of them.
    pub fn count(&self, call: &Call<'_>, done: &PushReply) {
        let Caller::Partner { metrics, .. } = &call.caller else { return };
        if let (Kinds::All(kind, _), [only]) = (self, done.items.as_slice()) {
            return metrics.items_decided(*kind, only.outcome, 1);
        }
        let mut counts = [[0; Outcome::ALL.len()]; 2];
        for (place, item) in done.items.iter().enumerate() {
            let kind = match self {
                Kinds::All(kind, _) => *kind,
                Kinds::Each(kinds) => kinds.get(place).copied().unwrap_or(ItemKind::Price),
            };
            counts[usize::from(kind == ItemKind::Price)][item.outcome as usize] += 1;
        }
        for (kind, counts) in [ItemKind::Asset, ItemKind::Price].into_iter().zip(counts) {
            for (outcome, count) in Outcome::ALL.into_iter().zip(counts).filter(|&(_, count)| count > 0) {
                metrics.items_decided(kind, outcome, count);
            }
        }
    }
}
