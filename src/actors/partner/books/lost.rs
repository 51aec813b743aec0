//! The writes that lost, kept per asset so that `explain` can say why a value is not the one that
//! was sent.
//!
//! Only a write that lost costs anything here. The lists touched lately lie in memory, so that a
//! partner whose prices come late pays a look-up, not a read; and what a batch or a second may
//! write of them is bounded: the rest goes unrecorded, and is answered all the same.

use super::record;
use crate::actors::partner::ledger::loss::Loss;
use crate::domain::{AssetId, ChangeKind, LostWrite, Micros, PartnerNo};
use crate::store::Reader;
use std::collections::HashMap;

/// Lists that one partner may write within a second: some 100 kB.
const PER_SECOND_MAX: u32 = 256;
/// Lists held in memory are twice this at most.
const YOUNG_MAX: usize = 512;

type Lists = HashMap<AssetId, Vec<LostWrite>>;

/// The lists touched lately, newest decided state, in two generations.
#[derive(Debug, Default)]
pub struct LostBook {
    young: Lists,
    old: Lists,
    second: i64,
    written: u32,
}

impl LostBook {
    /// The changes that record a batch's losses, one for each asset.
    pub fn record(
        &mut self,
        losses: Vec<Loss>,
        (reader, partner): (&Reader, PartnerNo),
        now: Micros,
    ) -> Vec<ChangeKind> {
        if losses.is_empty() {
            return Vec::new();
        }
        let mut touched: Vec<AssetId> = Vec::new();
        for Loss { id, write } in losses {
            let known = touched.contains(&id);
            if !known && !self.may_write(now) {
                continue;
            }
            let Some(list) = self.list(&id, reader, partner) else { continue };
            if list.iter().any(|held| held.repeats(&write)) {
                continue;
            }
            list.push(write);
            let surplus = list.len().saturating_sub(LostWrite::KEPT);
            list.drain(..surplus);
            if !known {
                touched.push(id);
            }
        }
        touched.into_iter().filter_map(|id| self.change(id)).collect()
    }

    fn may_write(&mut self, now: Micros) -> bool {
        let second = now.0.div_euclid(Micros::SECOND);
        if second != self.second {
            (self.second, self.written) = (second, 0);
        }
        self.written += 1;
        self.written <= PER_SECOND_MAX
    }

    /// The asset's list, read where it has not been touched lately. `None` where it cannot be read:
    /// an explanation is not worth refusing a write for.
    fn list(&mut self, id: &AssetId, reader: &Reader, partner: PartnerNo) -> Option<&mut Vec<LostWrite>> {
        if !self.young.contains_key(id) {
            let list = match self.old.remove(id) {
                Some(list) => list,
                None => {
                    let stored = reader.record::<Vec<LostWrite>>(partner, id);
                    let stored =
                        stored.inspect_err(|error| tracing::warn!(%error, "cannot read lost writes"));
                    stored.ok()?.unwrap_or_default()
                }
            };
            if self.young.len() >= YOUNG_MAX {
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(id.clone(), list);
        }
        self.young.get_mut(id)
    }

    /// The list goes with its asset.
    pub fn forget(&mut self, id: &AssetId) -> ChangeKind {
        self.young.remove(id);
        self.old.remove(id);
        record::remove::<Vec<LostWrite>>(id)
    }

    fn change(&self, id: AssetId) -> Option<ChangeKind> {
        let list = self.young.get(&id).or_else(|| self.old.get(&id))?;
        Some(record::put(&id, list))
    }
}
