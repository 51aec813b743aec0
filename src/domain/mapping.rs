//! Where things are in a partner's feed document.

use compact_str::CompactString;
use std::collections::BTreeMap;

/// A JSON pointer (RFC 6901), split into its unescaped parts; empty: the document itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointer(pub Vec<CompactString>);

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Pointer(Pointer),
    /// The same text for every record.
    Constant(String),
}

/// One mapped value: its source, and what the partner's words mean in ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub source: Source,
    /// The partner's text → ours; what is not listed passes as it is.
    pub values: BTreeMap<String, String>,
}

impl Field {
    /// A member of the record itself, by its name.
    pub fn member(name: &str) -> Field {
        Field { source: Source::Pointer(Pointer(vec![name.into()])), values: BTreeMap::new() }
    }

    /// A value inside the record, by the path of names that leads to it.
    pub fn path(names: &[&str]) -> Field {
        let parts = names.iter().map(|&name| name.into()).collect();
        Field { source: Source::Pointer(Pointer(parts)), values: BTreeMap::new() }
    }
}

/// How the document writes times. Numbers are read only where a unit is named (T2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeFormat {
    /// RFC 3339 with an offset; or a date, which is 00:00:00Z.
    #[default]
    Rfc3339,
    UnixSeconds,
    UnixMillis,
    UnixMicros,
}

/// The mapping of one feed. Record fields are relative to the record, envelope fields to the
/// document. The default is our own shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Where the array of records is. A document that is itself an array, or NDJSON, needs none.
    pub records: Pointer,
    pub id: Field,
    pub updated_at: Option<Field>,
    pub name: Option<Field>,
    pub class: Option<Field>,
    pub status: Option<Field>,
    pub legal_status: Option<Field>,
    pub price_amount: Option<Field>,
    pub price_currency: Option<Field>,
    pub price_as_of: Option<Field>,
    /// The quote that the price is of; `price` where there is none.
    pub price_quote: Option<Field>,
    pub generated_at: Option<Pointer>,
    pub count: Option<Pointer>,
    pub time_format: TimeFormat,
}

impl Default for Mapping {
    fn default() -> Mapping {
        Mapping {
            records: Pointer(vec!["assets".into()]),
            id: Field::member("id"),
            updated_at: Some(Field::member("updated_at")),
            name: None,
            class: None,
            status: None,
            legal_status: None,
            price_amount: Some(Field::path(&["price", "amount"])),
            price_currency: Some(Field::path(&["price", "currency"])),
            price_as_of: Some(Field::path(&["price", "as_of"])),
            price_quote: Some(Field::path(&["price", "quote"])),
            generated_at: Some(Pointer(vec!["generated_at".into()])),
            count: Some(Pointer(vec!["count".into()])),
            time_format: TimeFormat::Rfc3339,
        }
    }
}
