//! Where things are in a partner's document, and what they mean.

mod place;
mod quote;
mod time;

pub use place::{Case, Field, Place, Pointer, Unlisted};
pub use quote::{AmountField, QuoteMapping};
pub use time::{TimeField, TimeFormat, TimeReading, TimeSpelling};

use compact_str::CompactString;
use std::collections::{BTreeMap, BTreeSet};

/// One step on the way to the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathStep {
    /// Into a member of an object, or an element of an array, by its name or index.
    Into(CompactString),
    /// Into every element of an array, or every member of an object.
    Each,
}

/// Where the records are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordsPath {
    /// From the document to the array of records, or to the object of them.
    pub steps: Vec<PathStep>,
    /// The records are the members of an object, and the name of each is its key.
    pub by_key: bool,
    /// The configuration names the place: a document without it fails the run.
    pub is_written: bool,
    /// The document is NDJSON also where it has one line and is served as something else.
    pub lines: bool,
}

impl RecordsPath {
    /// How many elements enclose a record: the number of `*`.
    pub fn depth(&self) -> usize {
        self.steps.iter().filter(|step| **step == PathStep::Each).count()
    }
}

/// How a record's id is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdMapping {
    /// Its parts; without any one of them the record has no id.
    pub parts: Vec<Field>,
    /// What stands between two parts.
    pub join: String,
}

/// What becomes of records that carry the same id (F6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeated {
    /// They are kept aside unless their contents or times tell which one stands.
    #[default]
    Quarantine,
    /// The first in the document stands.
    First,
    /// The last one stands.
    Last,
    /// Each is taken by itself, as prices are (F8).
    Each,
}

/// Which of a record's own members pass into the asset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberRules {
    /// Only these; `None`: all.
    pub keep: Option<BTreeSet<String>>,
    /// All but these.
    pub drop: BTreeSet<String>,
    /// Members that every asset gets: name → JSON text.
    pub constants: BTreeMap<String, String>,
}

/// Names of different lengths are told apart without a look at them: few are quicker one by one.
fn holds(names: &BTreeSet<String>, name: &str) -> bool {
    const FEW: usize = 16;
    if names.len() <= FEW { names.iter().any(|own| own == name) } else { names.contains(name) }
}

impl MemberRules {
    /// Whether a member of this name passes.
    pub fn pass(&self, name: &str) -> bool {
        self.keep.as_ref().is_none_or(|keep| holds(keep, name)) && !holds(&self.drop, name)
    }
}

/// The mapping of one feed. Places of record fields are relative to the record, those of the
/// envelope to the document. The default is our own shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Where the records are. A document that is itself an array, or NDJSON, needs none.
    pub records: RecordsPath,
    /// The asset's id.
    pub id: IdMapping,
    /// Which of several records of one id stands.
    pub repeated: Repeated,
    /// When the record's document was true.
    pub updated_at: Option<TimeField>,
    /// Members of the asset that have a meaning and come from elsewhere than the record's member of
    /// that name: member → where from.
    pub members: BTreeMap<&'static str, Field>,
    /// Which other members pass.
    pub rules: MemberRules,
    /// The record's prices.
    pub quotes: Vec<QuoteMapping>,
    /// When the export was made, in the document.
    pub generated_at: Option<TimeField>,
    /// How many records the document says that it holds.
    pub count: Option<Pointer>,
}

impl Default for Mapping {
    fn default() -> Mapping {
        Mapping {
            records: RecordsPath {
                steps: vec![PathStep::Into("assets".into())],
                by_key: false,
                is_written: false,
                lines: false,
            },
            id: IdMapping { parts: vec![Field::member("id")], join: String::new() },
            repeated: Repeated::Quarantine,
            updated_at: Some(TimeField::own(Field::member("updated_at"))),
            members: BTreeMap::new(),
            rules: MemberRules::default(),
            quotes: vec![QuoteMapping::own()],
            generated_at: Some(TimeField::own(Field::member("generated_at"))),
            count: Some(Pointer::of(&["count"])),
        }
    }
}

impl Mapping {
    /// The members of an asset that a mapping can take from elsewhere.
    pub const MEMBERS: [&'static str; 5] = ["name", "class", "status", "legal_status", "currency"];

    /// Every field that is read of a record, prices included.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        let times = self.updated_at.iter().map(|time| &time.field);
        let quotes = self.quotes.iter().flat_map(QuoteMapping::fields);
        self.id.parts.iter().chain(times).chain(self.members.values()).chain(quotes)
    }

    /// The places above the record that its fields are read from, each once, sorted.
    pub fn places_above(&self) -> Vec<(u8, Pointer)> {
        let places = self.fields().flat_map(|field| &field.places);
        let above = places.filter_map(|place| match place {
            Place::Above { up, at } => Some((*up, at.clone())),
            _ => None,
        });
        let sorted: BTreeSet<_> = above.collect();
        sorted.into_iter().collect()
    }

    /// Whether what stands around a record has to be known before it is read.
    pub fn looks_above(&self) -> bool {
        let mut places = self.fields().flat_map(|field| &field.places);
        places.any(|place| matches!(place, Place::Above { .. } | Place::KeyAbove { .. }))
    }
}

impl QuoteMapping {
    /// Every field of it.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        let optional =
            [&self.name, &self.currency, &self.market, &self.per, &self.kind, &self.amount.exponent];
        let time = self.as_of.iter().map(|time| &time.field);
        std::iter::once(&self.amount.field).chain(optional.into_iter().flatten()).chain(time)
    }
}
