//! What the items of a push speak of: assets or prices, charged and counted apart.

use crate::actors::PushEffect;
use crate::domain::{ItemOutcome, Outcome, Write};
use crate::http::gate::auth::Caller;
use crate::http::gate::limit::{Meter, Rate};
use crate::http::reply::Fault;
use crate::http::request::call::Call;
use crate::telemetry::ItemKind;

/// What the items of a route may speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Items {
    /// Prices alone.
    Prices,
    /// Assets alone.
    Assets,
    /// Of each item it is known once it has been read.
    Mixed,
}

impl Items {
    /// The rate that a push is charged before its body is read, and that its bytes are charged to. An item
    /// that says later what it speaks of is taken for a price.
    pub fn rate_of_first(self) -> Rate {
        match self {
            Items::Prices | Items::Mixed => Rate::Prices,
            Items::Assets => Rate::AssetWrites,
        }
    }
}

/// What the items of one push speak of: one kind for all, or for each its own.
pub enum ItemKinds {
    /// So many items, all of this kind.
    All(ItemKind, usize),
    /// The kind of each item, in their order.
    Each(Vec<ItemKind>),
}

fn rate_of(kind: ItemKind) -> Rate {
    match kind {
        ItemKind::Price => Rate::Prices,
        ItemKind::Asset => Rate::AssetWrites,
    }
}

impl ItemKinds {
    /// What has been read; an item that cannot be is of the kind that its route is charged as.
    pub fn of(items: Items, writes: &[Result<Write, Box<ItemOutcome>>]) -> ItemKinds {
        let kind_of = |write: &Result<Write, _>| match write {
            Ok(Write::Asset(_)) => ItemKind::Asset,
            Ok(Write::Price(_)) | Err(_) => ItemKind::Price,
        };
        match items {
            Items::Prices => ItemKinds::All(ItemKind::Price, writes.len()),
            Items::Assets => ItemKinds::All(ItemKind::Asset, writes.len()),
            Items::Mixed => ItemKinds::Each(writes.iter().map(kind_of).collect()),
        }
    }

    /// Charges what has not been charged before the body was read: one item.
    pub fn charge_rest(&self, meter: &Meter) -> Result<(), Fault> {
        match self {
            ItemKinds::All(kind, count) => meter.take_rest(rate_of(*kind), *count),
            ItemKinds::Each(kinds) => {
                let assets = kinds.iter().filter(|kind| **kind == ItemKind::Asset).count();
                if assets > 0 {
                    meter.take_first(Rate::AssetWrites)?;
                    meter.take_rest(Rate::AssetWrites, assets)?;
                }
                meter.take_rest(Rate::Prices, kinds.len() - assets)
            }
        }
    }

    /// Counts the items by what became of them.
    pub fn count(&self, call: &Call<'_>, effect: &PushEffect) {
        let Caller::Partner { metrics, .. } = &call.caller else { return };
        if let (ItemKinds::All(kind, _), [only]) = (self, effect.items.as_slice()) {
            self.show(call, effect);
            return metrics.items_decided(*kind, only.outcome, 1);
        }
        let mut counts = [[0; Outcome::ALL.len()]; 2];
        for (place, item) in effect.items.iter().enumerate() {
            let kind = match self {
                ItemKinds::All(kind, _) => *kind,
                ItemKinds::Each(kinds) => kinds.get(place).copied().unwrap_or(ItemKind::Price),
            };
            counts[usize::from(kind == ItemKind::Price)][item.outcome as usize] += 1;
        }
        self.show(call, effect);
        for (kind, counts) in [ItemKind::Asset, ItemKind::Price].into_iter().zip(counts) {
            for (outcome, count) in Outcome::ALL.into_iter().zip(counts).filter(|&(_, count)| count > 0) {
                metrics.items_decided(kind, outcome, count);
            }
        }
    }
    /// Adds them to what is seen of their partner at a glance.
    fn show(&self, call: &Call<'_>, effect: &PushEffect) {
        let Ok(partner) = call.partner() else { return };
        let all = effect.items.len() as u64;
        let assets = match self {
            ItemKinds::All(ItemKind::Asset, _) => all,
            ItemKinds::All(ItemKind::Price, _) => 0,
            ItemKinds::Each(kinds) => kinds.iter().filter(|kind| **kind == ItemKind::Asset).count() as u64,
        };
        let refused = effect.items.iter().filter(|item| item.outcome.is_refused()).count() as u64;
        partner.glance.was_pushed(call.app().clock.now(), assets, all.saturating_sub(assets), refused);
    }
}
