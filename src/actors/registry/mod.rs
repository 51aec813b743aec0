//! The partners as the edge finds them: an entry for each, with typed calls to its actor.

pub mod entry;
mod preview;
pub mod quarantine;

use crate::domain::{PartnerName, PartnerNo};
use arc_swap::ArcSwap;
use entry::PartnerEntry;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Partners by name and number. Cheap to clone.
#[derive(Clone, Default)]
pub struct Registry(Arc<ArcSwap<Partners>>);

#[derive(Clone, Default)]
struct Partners {
    by_name: BTreeMap<PartnerName, Arc<PartnerEntry>>,
    by_no: BTreeMap<PartnerNo, Arc<PartnerEntry>>,
}

impl Registry {
    /// The partner of this name; `None` where there is none.
    pub fn by_name(&self, name: &str) -> Option<Arc<PartnerEntry>> {
        let name = PartnerName::new(name).ok()?;
        self.0.load().by_name.get(&name).cloned()
    }

    /// The partner of this number; `None` where there is none.
    pub fn by_no(&self, no: PartnerNo) -> Option<Arc<PartnerEntry>> {
        self.0.load().by_no.get(&no).cloned()
    }

    /// All at once: whoever reads has the maps as they were before, and each change copies them whole.
    pub(in crate::actors) fn insert(&self, entries: &[Arc<PartnerEntry>]) {
        if entries.is_empty() {
            return;
        }
        self.0.rcu(|partners| {
            let mut partners = Partners::clone(partners);
            for entry in entries {
                partners.by_name.insert(entry.name.clone(), entry.clone());
                partners.by_no.insert(entry.no, entry.clone());
            }
            partners
        });
    }

    /// Removed ones included.
    pub fn all(&self) -> Vec<Arc<PartnerEntry>> {
        self.0.load().by_name.values().cloned().collect()
    }

    /// Partners without actors, numbered from 1: enough for what only names them.
    #[cfg(test)]
    pub fn of_names(names: &[&str], reader: &crate::store::Reader) -> Registry {
        let registry = Registry::default();
        for (no, name) in (1..).map(PartnerNo).zip(names) {
            let name = PartnerName::new(name).expect("a test's names are good");
            let number = crate::domain::PartnerNumber::new(no, false);
            registry.insert(&[Arc::new(PartnerEntry::removed(number, name, reader.clone()))]);
        }
        registry
    }
}
