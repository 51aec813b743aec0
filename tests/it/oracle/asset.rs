//! One asset as the list of all that was accepted about it, and what follows from the list.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::price::{DatedPrice, Parked, UndatedPrice};
use super::types::{Members, Stamp};

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// PUT or a feed record: speaks for all members and gives life.
    Full(Arc<Members>),
    /// POST: speaks for the members named and gives life.
    Post(Arc<Members>),
    /// PATCH, and `inactive` by absence (X5): the members named, no life.
    Patch(Arc<Members>),
    /// Said: what it is newer than is gone.
    Delete,
    /// X3: hides, and takes nothing.
    Absence,
    /// T3: a snapshot holds it, whose record is stamped by a time of its own.
    Presence,
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

    fn hides(&self) -> bool {
        matches!(self.kind, Kind::Delete | Kind::Absence)
    }

    pub fn writes_life(&self) -> bool {
        matches!(self.kind, Kind::Full(_) | Kind::Post(_))
    }

    fn shows_life(&self) -> bool {
        self.writes_life() || matches!(self.kind, Kind::Presence)
    }

    /// D3: what the write says of a member, if it says anything; `None` inside is "it has none".
    fn says_of(&self, member: &str) -> Option<Option<&Value>> {
        match &self.kind {
            Kind::Full(members) => Some(members.get(member)),
            Kind::Post(members) | Kind::Patch(members) => {
                members.get(member).map(|v| (!v.is_null()).then_some(v))
            }
            Kind::Delete | Kind::Absence | Kind::Presence => None,
        }
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
    /// The members that there are.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.named.iter().filter(|(_, (_, value))| value.is_some()).map(|(name, _)| *name)
    }

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
            Kind::Delete | Kind::Absence | Kind::Presence => {}
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Asset {
    pub writes: Vec<Write>,
    /// Dated prices accepted while the asset lived or was absent.
    pub prices: Vec<DatedPrice>,
    /// Prices of feed records without `as_of`, in order of S.
    pub undated: Vec<UndatedPrice>,
    /// P3: by quote.
    pub parked: BTreeMap<String, Parked>,
    /// X3: absences in a row under files that do not prove them.
    pub absences: u32,
    /// X4: when the newest delete was taken.
    pub died: Option<i64>,
}

impl Asset {
    /// Its newest delete, said or by absence.
    pub fn death(&self) -> Option<Stamp> {
        self.newest(Write::hides)
    }

    /// Its newest said delete.
    pub fn end(&self) -> Option<Stamp> {
        self.newest(Write::is_delete)
    }

    /// Its newest PUT, POST or presence in a snapshot.
    pub fn life(&self) -> Option<Stamp> {
        self.newest(Write::shows_life)
    }

    fn newest(&self, which: impl Fn(&Write) -> bool) -> Option<Stamp> {
        self.writes.iter().filter(|w| which(w)).map(|w| w.stamp).max()
    }

    /// Written after its newest said delete: it lives, or is hidden by absence. At equal stamps
    /// delete beats write (D3). Presence does not count here: in a file whose records have times of
    /// their own, one from before the delete says nothing after it.
    fn held(&self) -> bool {
        self.newest(Write::writes_life) > self.end()
    }

    /// Life above death.
    pub fn alive(&self) -> bool {
        self.held() && self.life() > self.death()
    }

    /// Dead, and by an absence: what it holds waits with its tombstone.
    pub fn absent(&self) -> bool {
        !self.alive() && self.death() > self.end()
    }

    /// Ever written or deleted; parked prices alone do not make an asset known.
    pub fn known(&self) -> bool {
        !self.writes.is_empty()
    }

    /// X1: what is stamped at or below the newest said delete is gone.
    pub fn buries(&self, stamp: Stamp) -> bool {
        self.end().is_some_and(|end| stamp <= end)
    }

    /// X1: prices compare `at` alone.
    pub fn buries_price(&self, as_of: i64) -> bool {
        self.end().is_some_and(|end| as_of <= end.at)
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
        if self.alive() { self.held_document() } else { BTreeMap::new() }
    }

    /// What is kept of its members, hidden or not.
    fn held_document(&self) -> BTreeMap<&str, &Value> {
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
        Some(self.held_document().get(member)?.as_str()?.to_string())
    }

    /// D3: whether this was said of the member at this very stamp; it has lost since, or it stands.
    pub fn said_before(&self, write: &Write, member: &str) -> bool {
        if matches!(write.kind, Kind::Full(_)) {
            return self.repeats(write);
        }
        let same_stamp = self.writes.iter().filter(|w| w.stamp == write.stamp);
        write.says_of(member).is_some_and(|said| {
            let mut others = same_stamp.filter_map(|w| w.says_of(member));
            others.any(|other| other == said)
        })
    }

    /// D3: a full write is one content: it repeats another if all of it is the same.
    fn repeats(&self, write: &Write) -> bool {
        let mut same_stamp = self.writes.iter().filter(|w| w.stamp == write.stamp);
        same_stamp.any(|w| w.kind == write.kind)
    }

    /// D3: a value that comes again at its stamp takes the place of none that came after it.
    fn news(&self, mut write: Write) -> Option<Write> {
        if self.repeats(&write) {
            return None;
        }
        let unsaid = |members: &Members| {
            let new = members.iter().filter(|(name, _)| !self.said_before(&write, name));
            Arc::new(new.map(|(name, value)| (name.clone(), value.clone())).collect::<Members>())
        };
        let kind = match &write.kind {
            Kind::Post(members) => Kind::Post(unsaid(members)),
            Kind::Patch(members) => Kind::Patch(unsaid(members)),
            _ => return Some(write),
        };
        write.kind = kind;
        Some(write)
    }

    /// Adds a write, and lets prices park or join as the asset died or came to life (P3).
    pub fn add(&mut self, write: Write, now: i64) {
        let Some(write) = self.news(write) else { return };
        let lived = self.alive();
        if write.hides() && Some(write.stamp) > self.death() {
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
