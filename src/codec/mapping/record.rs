//! One record of a feed, through the partner's mapping, as a full write.
//!
//! The mapping says where id, time, prices and the reserved members are. All else at the record's
//! top passes as the partner's own, under its own name, what the mapping has read included. Never
//! passed: the record's own `id`, `updated_at` and `price`, which have places of their own, a
//! reserved member that the mapping takes from elsewhere, and what the mapping drops. Reserved members
//! that are not mapped are held to the same checks as in pushes. Of a feed of prices alone (F8) nothing
//! but the id and the prices is read.

use super::item::{Around, FoundValue, Item, Lint, Meaning, meaning, shown_word};
use super::{ids, quote, time};
use crate::codec::json::{self, JsonError, Kind};
use crate::codec::reserved::{self, Refusal};
use crate::domain::mapping::{Field, Mapping, Place, TimeField};
use crate::domain::{AssetId, AssetWrite, Document, ItemOutcome, Member, Micros, Rule, Verb};
use crate::rules::policy::{FeedKind, Policy};
use compact_str::CompactString;
use std::borrow::Cow;

/// A record whose document is sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedRecord {
    /// What it asks for.
    pub write: AssetWrite,
    /// F2: why prices are not taken, which the write then lacks; pointed into the record.
    pub prices_aside: Vec<ItemOutcome>,
    /// What is odd about it, and no fault.
    pub lints: Vec<Lint>,
    /// Which of the mapping's optional places held a value, a bit for each of [`optional_fields`].
    pub found: u64,
}

/// Why a record is invalid (F2). With an id it counts as present.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct MappingError {
    /// The asset that it is of, where that can be read.
    pub id: Option<AssetId>,
    /// The codes of pushes, of `JsonError`, and `record_type`.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub detail: String,
    /// JSON pointer into the record.
    pub pointer: String,
}

/// Reads one record of a feed as a full write, or as its prices alone, as the feed's kind is. Its prices have
/// no time unless the mapping finds one.
pub fn decode(
    text: &str,
    around: Around<'_>,
    mapping: &Mapping,
    policy: &Policy,
) -> Result<MappedRecord, MappingError> {
    let item = match Item::new(text, around) {
        Ok(item) => item,
        Err(error) => return Err(spoilt(text, around, mapping, error)),
    };
    let record = Record { item, mapping, policy, lints: Vec::new(), found: 0 };
    let id = match ids::one(&record.item, &mapping.id) {
        Err(refusal) if refusal.code == "id_missing" && json::kind(text) != Kind::Object => {
            return Err(refused(None, no_object()));
        }
        read => read.map_err(|refusal| refused(None, refusal))?,
    };
    match policy.feed_kind {
        FeedKind::Assets => record.read(id, text, Extent::Whole),
        FeedKind::Prices => {
            let mut read = record.read(id, text, Extent::Prices)?;
            let prices = std::mem::take(&mut read.write.prices);
            read.write = AssetWrite { prices, ..AssetWrite::of_prices(read.write.id) };
            Ok(read)
        }
    }
}

/// What is read of a record whose id is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// Its time and its prices.
    Prices,
    /// Its time.
    Time,
}

/// As [`decode`], for a record whose id is known, and no more of it than is wanted.
pub fn decode_as(
    (id, extent): (AssetId, Extent),
    text: &str,
    around: Around<'_>,
    mapping: &Mapping,
    policy: &Policy,
) -> Result<MappedRecord, MappingError> {
    match Item::new(text, around) {
        Ok(item) => Record { item, mapping, policy, lints: Vec::new(), found: 0 }.read(id, text, extent),
        Err(error) => Err(spoilt(text, around, mapping, error)),
    }
}

/// The ids that a record speaks for: one, or with a `*` in its place one for each element; in the place
/// of one that cannot be read, why.
pub fn ids_of(text: &str, around: Around<'_>, mapping: &Mapping) -> Vec<Result<AssetId, MappingError>> {
    let item = match Item::new(text, around) {
        Ok(item) => item,
        Err(error) => return vec![Err(spoilt(text, around, mapping, error))],
    };
    let ids = ids::each(&item, &mapping.id).into_iter();
    ids.map(|id| id.map_err(|refusal| refused(None, refusal))).collect()
}

/// The optional fields of a mapping that its configuration names, in the order of `found`'s bits: those
/// of which it is worth a word that no record at all has anything there.
pub fn optional_fields(mapping: &Mapping) -> impl Iterator<Item = &Field> {
    let time = mapping.updated_at.iter().map(|time| &time.field).filter(|field| !is_own_time(field));
    let quotes = mapping.quotes.iter().filter(|quote| !quote.is_own).map(|quote| &quote.amount.field);
    time.chain(mapping.members.values()).chain(quotes)
}

/// Nobody had to write where our own shape has it.
fn is_own_time(field: &Field) -> bool {
    matches!(field.places.as_slice(), [Place::At(pointer)] if pointer.0.len() == 1 && pointer.0[0] == "updated_at")
}

fn no_object() -> Refusal {
    let hint =
        "a record must be a JSON object, or a value that the mapping reads: check the path to the records";
    Refusal::new(Rule::F2, "record_type", hint)
}

fn refused(id: Option<AssetId>, refusal: Refusal) -> MappingError {
    MappingError { id, code: refusal.code, detail: refusal.hint, pointer: refusal.pointer }
}

/// A record that breaks the limits or repeats a name: its id is read where it stands once.
fn spoilt(text: &str, around: Around<'_>, mapping: &Mapping, error: JsonError) -> MappingError {
    let part = |field: &Field| {
        let raw = field.places.iter().find_map(|place| match place {
            Place::At(pointer) => json::lookup_in_spoilt(text, &pointer.0).map(Cow::Borrowed),
            Place::Key => around.key.map(|key| Cow::Owned(json::quoted(key))),
            _ => None,
        })?;
        Some(raw.into_owned())
    };
    let parts: Option<Vec<String>> = mapping.id.parts.iter().map(part).collect();
    let id = parts
        .and_then(|parts| ids::joined(&mapping.id, parts.iter().map(|raw| FoundValue::at_root(raw))).ok());
    let detail = format!("{} (byte {} of the record)", error.detail, error.offset);
    MappingError { id, code: error.code, detail, pointer: String::new() }
}

/// A record while it is read.
struct Record<'a> {
    item: Item<'a>,
    mapping: &'a Mapping,
    policy: &'a Policy,
    lints: Vec<Lint>,
    found: u64,
}

impl<'a> Record<'a> {
    fn read(mut self, id: AssetId, text: &str, extent: Extent) -> Result<MappedRecord, MappingError> {
        let write = match extent {
            Extent::Whole => self.write(&id),
            Extent::Prices | Extent::Time => self.at().map(|at| bare(&id, at)),
        };
        let mut write = write.map_err(|refusal| refused(Some(id), refusal))?;
        let prices_aside = if extent == Extent::Time { Vec::new() } else { self.prices(&mut write) };
        // a bare value says something only where the mapping reads it: an error's text is no asset
        if json::kind(text) != Kind::Object && self.found == 0 && extent != Extent::Time {
            return Err(refused(Some(write.id), no_object()));
        }
        Ok(MappedRecord { write, prices_aside, lints: self.lints, found: self.found })
    }

    fn at(&mut self) -> Result<Option<Micros>, Refusal> {
        let mapping = self.mapping;
        match &mapping.updated_at {
            Some(field) => self.time(field),
            None => Ok(None),
        }
    }

    fn write(&mut self, id: &AssetId) -> Result<AssetWrite, Refusal> {
        let mapping = self.mapping;
        let at = self.at()?;
        let mut named = Vec::with_capacity(self.item.members.len());
        for (name, raw) in &self.item.members {
            let has_its_place = matches!(name.as_ref(), "id" | "updated_at" | "price");
            let is_mapped = || mapping.members.keys().any(|own| *own == name);
            if has_its_place || is_mapped() || !mapping.rules.pass(name) {
                continue;
            }
            reserved::check_member(name, raw, self.policy)?;
            named.push(reserved::member(name, raw)?);
        }
        let mut kept = Vec::new();
        for (name, field) in &mapping.members {
            match self.member(name, field)? {
                Some(member) => named.push(member),
                None if self.keeps(field)? => kept.push(CompactString::from(*name)),
                None => {}
            }
        }
        for (name, text) in &mapping.rules.constants {
            named.retain(|member| member.name != name.as_str());
            named.push(reserved::member(name, text)?);
        }
        Ok(AssetWrite { members: Document::from_members(named), kept, ..bare(id, at) })
    }

    /// A reserved member from where the mapping has it.
    fn member(&mut self, name: &str, field: &'a Field) -> Result<Option<Member>, Refusal> {
        let Some(found) = self.find(field)? else { return Ok(None) };
        let Meaning::Text(raw) = meaning(field, found.raw.clone()) else { return Ok(None) };
        match reserved::check_member(name, &raw, self.policy) {
            Ok(()) => reserved::member(name, &raw).map(Some),
            // a word that nobody gave a meaning keeps no asset out where others have one
            Err(refusal) if is_word_unknown(&refusal, field) => {
                let word = shown_word(&found.raw);
                let detail = format!(
                    "`{word}` is not in the mapping's `map`, so the member stays as it is stored: add it, or \"*\" for all others"
                );
                self.lints.push(Lint { detail: detail.into(), ..found.lint("word_unknown", "") });
                Ok(None)
            }
            Err(refusal) => Err(found.point(refusal)),
        }
    }

    /// Whether there is a word at the field, so that its having no meaning is why the write lacks it.
    fn keeps(&self, field: &'a Field) -> Result<bool, Refusal> {
        Ok(!field.is_plain() && self.item.find(field)?.is_some())
    }

    /// A value of an optional field, which is noted as found.
    fn find(&mut self, field: &'a Field) -> Result<Option<FoundValue<'a>>, Refusal> {
        let found = self.item.find(field)?;
        if found.is_some() {
            self.note_found(field);
        }
        Ok(found)
    }

    fn note_found(&mut self, field: &Field) {
        let place = optional_fields(self.mapping).position(|other| std::ptr::eq(other, field));
        self.found |= place.filter(|place| *place < 64).map_or(0, |place| 1 << place);
    }

    fn time(&mut self, time: &'a TimeField) -> Result<Option<Micros>, Refusal> {
        let Some(found) = self.find(&time.field)? else { return Ok(None) };
        let Some(found) = found.meant(&time.field) else { return Ok(None) };
        time::read(&found, &time.reading, &mut self.lints).map(Some).map_err(|refusal| found.point(refusal))
    }

    /// Puts the record's prices into its write, and gives those that are not taken.
    fn prices(&mut self, write: &mut AssetWrite) -> Vec<ItemOutcome> {
        let mut reader = quote::QuoteReader::new(&write.id, self.policy, &mut self.lints);
        for quote in &self.mapping.quotes {
            reader.read(&self.item, quote);
        }
        let quote::QuotesRead { prices, aside, found } = reader.finish();
        write.prices = prices;
        for amount in found {
            self.note_found(amount);
        }
        aside
    }
}

/// A full write that says nothing yet.
fn bare(id: &AssetId, at: Option<Micros>) -> AssetWrite {
    AssetWrite { verb: Verb::Put, ..AssetWrite::delete(id.clone(), at) }
}

fn is_word_unknown(refusal: &Refusal, field: &Field) -> bool {
    refusal.code == "status_unknown" && !field.words.is_empty()
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
