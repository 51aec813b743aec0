//! One asset as the index holds it, packed.

use super::held_quotes::Quotes;
use crate::domain::{AssetId, Beaten, Micros, Stamp};

/// One asset, packed: what most assets do not have lies apart.
#[derive(Clone)]
pub struct Entry {
    pub id: AssetId,
    pub life: Stamp,
    pub base: Stamp,
    pub hash: [u64; 2],
    pub rare: Option<Box<Rare>>,
    pub quotes: Quotes,
    pub version: u32,
    /// The document's currency as a number, 0 for none.
    pub currency: u16,
    pub inactive: bool,
    pub hidden: bool,
    /// It has died before: `rare` says when. Spares the living a look there.
    pub has_died: bool,
    pub absences: u8,
}

/// What an asset has that has died, or had members written by themselves, or ties.
#[derive(Clone)]
pub struct Rare {
    pub death: Stamp,
    pub end: Stamp,
    pub died_at: Micros,
    pub exceptions: Vec<PackedException>,
    pub beaten: Option<Box<[Beaten]>>,
}

/// An exception with its member's name as a number: 24 bytes.
#[derive(Clone, Copy)]
pub struct PackedException {
    pub stamp: Stamp,
    pub name: u32,
    pub removed: bool,
}

impl Entry {
    pub fn death(&self) -> Stamp {
        self.rare.as_ref().filter(|_| self.has_died).map_or(Stamp::NEVER, |rare| rare.death)
    }

    pub fn end(&self) -> Stamp {
        self.rare.as_ref().filter(|_| self.has_died).map_or(Stamp::NEVER, |rare| rare.end)
    }

    pub fn died_at(&self) -> Micros {
        self.rare.as_ref().filter(|_| self.has_died).map_or(Micros::BEGINNING, |rare| rare.died_at)
    }

    pub fn is_alive(&self) -> bool {
        self.life > self.death()
    }

    /// Reads something of each part, so that all of it is in the cache.
    pub fn touch(&self) -> i64 {
        let quote = self.quotes.as_slice().first().map_or(0, |quote| quote.received_at.0 ^ quote.stamp.at.0);
        self.id.as_bytes().len() as i64 ^ self.base.at.0 ^ i64::from(self.version) ^ quote
    }
}
