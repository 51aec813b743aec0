//! What a mapping can say, in the tests' own words.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Names in documents: few, so that what a mapping looks for is often there. Some have to be escaped,
/// some are reserved, some are digits.
pub const NAMES: [&str; 14] = [
    "id",
    "price",
    "updated_at",
    "name",
    "status",
    "currency",
    "amount",
    "a",
    "b",
    "x/y",
    "~t",
    "0",
    "\u{e9}",
    "t",
];

pub type Path = Vec<String>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    At(Path),
    Key,
    Above(usize, Path),
    KeyAbove(usize),
    Constant(&'static str),
}

#[derive(Clone, Debug, Default)]
pub struct Field {
    pub places: Vec<Place>,
    pub none: Vec<&'static str>,
    pub words: BTreeMap<&'static str, &'static str>,
    /// What all other words mean.
    pub star: Option<&'static str>,
    pub keeps: bool,
    pub lower: bool,
    pub upper: bool,
    pub trim: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    Rfc3339,
    Seconds,
    Millis,
    Micros,
    /// `%d.%m.%Y %H:%M`.
    Pattern,
}

#[derive(Clone, Debug)]
pub struct Time {
    pub field: Field,
    pub spelling: Spelling,
    pub zone: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub struct Amount {
    pub field: Field,
    pub scale: i32,
    pub exponent: Option<Field>,
    pub is_money: bool,
    pub decimal_comma: bool,
}

#[derive(Clone, Debug)]
pub struct Quote {
    pub each: Option<Path>,
    pub name: Option<Field>,
    pub amount: Amount,
    pub currency: Option<Field>,
    pub as_of: Option<Time>,
    pub market: Option<Field>,
    pub per: Option<Field>,
    pub kind: Option<Field>,
    pub is_own: bool,
}

#[derive(Clone, Debug)]
pub struct Spec {
    /// `*` steps into every element.
    pub records: Path,
    pub is_written: bool,
    pub by_key: bool,
    pub lines: bool,
    pub id: Vec<Field>,
    pub join: &'static str,
    pub updated_at: Option<Time>,
    pub members: BTreeMap<&'static str, Field>,
    pub keep: Option<BTreeSet<&'static str>>,
    pub drop: BTreeSet<&'static str>,
    pub constants: BTreeMap<&'static str, Value>,
    pub quotes: Vec<Quote>,
    pub generated_at: Option<Time>,
    pub count: Option<Path>,
    /// As its configuration says it.
    pub toml: String,
}

impl Spec {
    pub fn depth(&self) -> usize {
        self.records.iter().filter(|step| *step == "*").count()
    }
}
