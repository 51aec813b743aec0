//! One asset as the list of all that was accepted about it, and what follows from the list.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::price::{DatedPrice, Parked, UndatedPrice};
use super::types::{Members, Stamp};

#[derive(Clone, Debug)]
pub enum Kind {
    /// PUT or a feed record: speaks for all members and gives life.
    Full(Arc<Members>),
    /// POST: speaks for the members named and gives life.
    Post(Arc<Members>),
    /// PATCH, and `inactive` by absence (X5): the members named, no life.
    Patch(Arc<Members>),
    Delete,
}

/// An accepted write; `commit` counts the writes of the partner.
#[derive(Clone, Debug)]
pub struct Write {
    pub stamp: Stamp,
    pub commit: u64,
    pub kind: Kind,
}

/// D3: stamp, then delete beats write, then the later commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    pub stamp: Stamp,
    pub delete: bool,
    pub commit: u64,
}

impl Write {
    pub fn order(&self) -> Order {
        Order { stamp: self.stamp, delete: self.is_delete(), commit: self.commit }
    }

    pub fn is_delete(&self) -> bool {
        matches!(self.kind, Kind::Delete)
    }

    fn gives_life(&self) -> bool {
        matches!(self.kind, Kind::Full(_) | Kind::Post(_))
    }

    fn speaks_for_all(&self) -> bool {
        matches!(self.kind, Kind::Full(_) | Kind::Delete)
    }
}

/// The last word on each member: by name where a write named it, else the newest full write or
/// delete, which speaks for all the rest.
#[derive(Default)]
pub struct Registers<'a> {
    rest: Option<Order>,
    named: BTreeMap<&'a str, (Order, Option<&'a Value>)>,
}

impl<'a> Registers<'a> {
    pub fn last_word(&self, member: &str) -> (Option<Order>, Option<&'a Value>) {
        match self.named.get(member) {
            Some((order, value)) => (Some(*order), *value),
            None => (self.rest, None),
        }
    }

    fn hear(&mut self, write: &'a Write) {
        let order = write.order();
        if write.speaks_for_all() {
            self.named.clear();
            self.rest = Some(order);
        }
        match &write.kind {
            Kind::Full(members) => {
                self.named.extend(members.iter().map(|(k, v)| (k.as_str(), (order, Some(v)))));
            }
            Kind::Post(members) | Kind::Patch(members) => {
                // A partial write removes by null.
                let said = |v: &'a Value| (!v.is_null()).then_some(v);
                self.named.extend(members.iter().map(|(k, v)| (k.as_str(), (order, said(v)))));
            }
            Kind::Delete => {}
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Asset {
    pub writes: Vec<Write>,
    /// Dated prices accepted while the asset lived.
    pub prices: Vec<DatedPrice>,
    /// Prices of feed records without `as_of`, in order of S.
    pub undated: Vec<UndatedPrice>,
    /// P3: by quote.
    pub parked: BTreeMap<String, Parked>,
    /// X3: absences in a row under undated files.
    pub absences: u32,
    /// X4: when the newest delete was taken.
    pub died: Option<i64>,
}

impl Asset {
    /// Its newest delete.
    pub fn death(&self) -> Option<Stamp> {
        self.writes.iter().filter(|w| w.is_delete()).map(|w| w.stamp).max()
    }

    /// Its newest PUT, POST or presence in a snapshot.
    pub fn life(&self) -> Option<Stamp> {
        self.writes.iter().filter(|w| w.gives_life()).map(|w| w.stamp).max()
    }

    /// Life above death; at equal stamps delete beats write (D3).
    pub fn alive(&self) -> bool {
        self.life() > self.death()
    }

    /// Ever written or deleted; parked prices alone do not make an asset known.
    pub fn known(&self) -> bool {
        !self.writes.is_empty()
    }

    /// X1: what is stamped at or below the newest delete is gone.
    pub fn buries(&self, stamp: Stamp) -> bool {
        self.death().is_some_and(|death| stamp <= death)
    }

    /// X1: prices compare `at` alone.
    pub fn buries_price(&self, as_of: i64) -> bool {
        self.death().is_some_and(|death| as_of <= death.at)
    }

    /// All writes heard in their order, the newest last.
    pub fn registers(&self) -> Registers<'_> {
        let mut writes: Vec<&Write> = self.writes.iter().collect();
        writes.sort_by_key(|w| w.order());
        // Whatever lies below the newest word on everything has nothing left to say.
        let first = writes.iter().rposition(|w| w.speaks_for_all()).unwrap_or(0);
        let mut registers = Registers::default();
        for write in &writes[first..] {
            registers.hear(write);
        }
        registers
    }

    /// The visible members; none unless it lives.
    pub fn document(&self) -> BTreeMap<&str, &Value> {
        if !self.alive() {
            return BTreeMap::new();
        }
        let registers = self.registers();
        registers.named.into_iter().filter_map(|(k, (_, v))| Some((k, v?))).collect()
    }

    /// The newest stamp of life or of any member, removals included: what X3 compares with S.
    pub fn newest_word(&self) -> Option<Stamp> {
        let registers = self.registers();
        let members = registers.named.values().map(|(order, _)| order.stamp).max();
        self.life().max(members)
    }

    /// X5: `active` unless the document says otherwise.
    pub fn status(&self) -> String {
        self.text_member("status").unwrap_or_else(|| "active".into())
    }

    pub fn text_member(&self, member: &str) -> Option<String> {
        Some(self.document().get(member)?.as_str()?.to_string())
    }

    /// Adds a write, and lets prices park or join as the asset died or came to life (P3).
    pub fn add(&mut self, write: Write, now: i64) {
        let lived = self.alive();
        if write.is_delete() && Some(write.stamp) > self.death() {
            self.died = Some(now);
        }
        self.writes.push(self.shared(write));
        if self.alive() && !lived {
            // X3: a new life starts without absences.
            self.absences = 0;
        }
        self.settle_prices(now);
    }

    /// The same write, its members shared with an equal full write already kept: months of
    /// unchanged feed records are then stored once.
    fn shared(&self, mut write: Write) -> Write {
        if let Kind::Full(members) = &mut write.kind
            && let Some(Write { kind: Kind::Full(kept), .. }) = self.writes.last()
            && kept == members
        {
            *members = Arc::clone(kept);
        }
        write
    }
}

/// How `stamp` stands to the last word on a member, were it to arrive now.
pub fn standing(stamp: Stamp, last: Option<Order>) -> Ordering {
    match last {
        None => Ordering::Greater,
        // D3: delete beats write.
        Some(order) if order.delete && order.stamp == stamp => Ordering::Less,
        Some(order) => stamp.cmp(&order.stamp),
    }
}
