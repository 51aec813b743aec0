//! What stands above the records of a document, for mappings that read fields from there.
//!
//! It may stand behind the records that need it, so it is gathered in a walk of its own, and kept for
//! the second reading of single records.

use super::envelope::SnapshotError;
use super::role::Roles;
use crate::codec::mapping::Above;
use crate::domain::mapping::Mapping;
use compact_str::CompactString;
use std::sync::Arc;

/// Bytes that it may hold.
const BYTES_MAX: usize = 16 << 20;

/// What stands above the records, by the number of their nearest element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parents {
    rows: Vec<Arc<Above>>,
}

impl Parents {
    /// Of a record in the element of that number.
    pub fn of(&self, element: u32) -> Option<&Arc<Above>> {
        self.rows.get(element as usize)
    }
}

/// One element that a `*` stepped into, or the document.
#[derive(Debug, Default)]
struct Element {
    /// Its place among those one level up.
    parent: usize,
    key: Box<str>,
    values: Vec<(usize, Box<str>)>,
}

/// Gathers parents while a document is walked.
#[derive(Debug)]
pub(super) struct Gathering {
    /// By depth, the document first.
    levels: Vec<Vec<Element>>,
    bytes: usize,
}

impl Gathering {
    pub fn new(mapping: &Mapping) -> Gathering {
        let levels = (0..=mapping.records.depth()).map(|_| Vec::new()).collect();
        Gathering { levels, bytes: 0 }
    }

    /// The document begins, or its next page.
    pub fn enter_document(&mut self) {
        self.levels[0].push(Element::default());
    }

    /// An element begins whose name or index in its container is this.
    pub fn enter(&mut self, depth: usize, key: &CompactString, offset: u64) -> Result<(), SnapshotError> {
        let parent = self.levels[depth - 1].len().saturating_sub(1);
        self.levels[depth].push(Element { parent, key: key.as_str().into(), values: Vec::new() });
        self.count(key.len() + size_of::<Element>(), offset)
    }

    /// A value that records are read with.
    pub fn put(&mut self, depth: usize, slot: usize, raw: &str, offset: u64) -> Result<(), SnapshotError> {
        if raw == "null" {
            return Ok(());
        }
        if let Some(element) = self.levels[depth].last_mut() {
            element.values.push((slot, raw.into()));
        }
        self.count(raw.len(), offset)
    }

    pub fn finish(self, roles: &Roles<'_>) -> Parents {
        let deepest = self.levels.len() - 1;
        let rows = (0..self.levels[deepest].len()).map(|place| Arc::new(self.row(deepest, place, roles)));
        Parents { rows: rows.collect() }
    }

    fn row(&self, deepest: usize, place: usize, roles: &Roles<'_>) -> Above {
        let (mut above, mut place) = (Above::default(), place);
        for depth in (0..=deepest).rev() {
            let Some(element) = self.levels[depth].get(place) else { break };
            for (slot, raw) in &element.values {
                let slot = &roles.slots[*slot];
                above.values.insert((slot.up, slot.at.clone()), raw.clone());
            }
            if depth > 0 {
                above.keys.push(element.key.clone());
            }
            place = element.parent;
        }
        above
    }

    fn count(&mut self, bytes: usize, offset: u64) -> Result<(), SnapshotError> {
        self.bytes += bytes;
        if self.bytes <= BYTES_MAX {
            return Ok(());
        }
        let detail = format!(
            "what stands above the records takes more than {} MiB: read it from the records themselves",
            BYTES_MAX >> 20
        );
        Err(SnapshotError { code: "parents_too_large", offset, detail })
    }
}
