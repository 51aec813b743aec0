//! A feed's `[feed.mapping]`: where things are in the partner's document.
//!
//! A value is a JSON pointer (`"/a/b"`), a constant (`{ const = "nav" }`), or a pointer with the
//! meaning of the partner's words (`{ at = "/state", map = { "live" = "active" } }`). `false` says
//! that the document has no such value. What is not mapped keeps its place in our own shape.

use super::fault::Wrong;
use super::raw::{Section, text_of};
use crate::domain::{Field, Mapping, Pointer, Source, TimeFormat};
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

pub(super) fn mapping(mut section: Section<'_>) -> Mapping {
    let default = Mapping::default();
    let s = &mut section;
    let mut price = s.section("price");
    let price_amount = optional(&mut price, "amount", field, default.price_amount.clone());
    // beside an amount from elsewhere the partner's own `price` may mean anything
    let price_quote = default.price_quote.filter(|_| price_amount == default.price_amount);
    let mapping = Mapping {
        records: s.read("records", pointer).unwrap_or(default.records),
        id: s.read("id", field).unwrap_or(default.id),
        updated_at: optional(s, "updated_at", field, default.updated_at),
        name: optional(s, "name", field, default.name),
        class: optional(s, "class", field, default.class),
        status: optional(s, "status", field, default.status),
        legal_status: optional(s, "legal_status", field, default.legal_status),
        price_amount,
        price_currency: optional(&mut price, "currency", field, default.price_currency),
        price_as_of: optional(&mut price, "as_of", field, default.price_as_of),
        price_quote: optional(&mut price, "quote", field, price_quote),
        generated_at: optional(s, "generated_at", pointer, default.generated_at),
        count: optional(s, "count", pointer, default.count),
        time_format: s.choice(
            "time_format",
            default.time_format,
            &[
                ("rfc3339", TimeFormat::Rfc3339),
                ("unix_seconds", TimeFormat::UnixSeconds),
                ("unix_millis", TimeFormat::UnixMillis),
                ("unix_micros", TimeFormat::UnixMicros),
            ],
        ),
    };
    price.finish();
    if matches!(mapping.id.source, Source::Constant(_)) {
        s.refuse("id", Wrong::rule("must be a pointer: every record has an id of its own"));
    }
    section.finish();
    mapping
}

fn optional<T>(
    section: &mut Section<'_>,
    key: &'static str,
    read: impl Fn(&DeValue<'_>) -> Result<T, Wrong>,
    default: Option<T>,
) -> Option<T> {
    let given = section.read(key, |value| match value.as_bool() {
        Some(false) => Ok(None),
        _ => read(value).map(Some),
    });
    given.unwrap_or(default)
}

fn pointer(value: &DeValue<'_>) -> Result<Pointer, Wrong> {
    let pointer = value.as_str().and_then(parse_pointer);
    pointer.ok_or_else(|| {
        Wrong::rule("must be a JSON pointer (RFC 6901)")
            .hint("\"/data/items\"; a / in a name is written ~1, a ~ is written ~0")
    })
}

fn field(value: &DeValue<'_>) -> Result<Field, Wrong> {
    let Some(table) = value.as_table() else {
        return Ok(Field { source: Source::Pointer(pointer(value)?), values: BTreeMap::new() });
    };
    let known = |key: &str| matches!(key, "at" | "const" | "map");
    if let Some(key) = table.keys().find(|key| !known(key.get_ref())) {
        return Err(Wrong::rule(format!("`{}` is not known here, but at, const and map", key.get_ref())));
    }
    match (table.get("at"), table.get("const"), table.get("map")) {
        (Some(at), None, None) => field(at.get_ref()),
        (Some(at), None, Some(map)) => {
            Ok(Field { source: Source::Pointer(pointer(at.get_ref())?), values: words(map.get_ref())? })
        }
        (None, Some(constant), None) => {
            let text = text_of(constant.get_ref())?.to_owned();
            Ok(Field { source: Source::Constant(text), values: BTreeMap::new() })
        }
        _ => Err(Wrong::rule("must be a pointer, { const = \"…\" }, or { at = \"/x\", map = { … } }")),
    }
}

fn words(value: &DeValue<'_>) -> Result<BTreeMap<String, String>, Wrong> {
    let table: Option<&DeTable<'_>> = value.as_table();
    let table = table.ok_or_else(|| Wrong::rule("map must be { \"theirs\" = \"ours\", … }"))?;
    let word = |value: &DeValue<'_>| text_of(value).map(str::to_owned);
    table.iter().map(|(theirs, ours)| Ok((theirs.get_ref().to_string(), word(ours.get_ref())?))).collect()
}

/// RFC 6901: empty, or `/` before each part; `~1` is `/`, `~0` is `~`.
fn parse_pointer(text: &str) -> Option<Pointer> {
    if text.is_empty() {
        return Some(Pointer::default());
    }
    let parts = text.strip_prefix('/')?.split('/').map(|part| {
        let stray = part.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1']));
        (!stray).then(|| part.replace("~1", "/").replace("~0", "~").into())
    });
    parts.collect::<Option<Vec<_>>>().map(Pointer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_split_and_unescaped() {
        let parts = |text| parse_pointer(text).map(|pointer| pointer.0);
        assert_eq!(parts(""), Some(vec![]));
        assert_eq!(parts("/a/b"), Some(vec!["a".into(), "b".into()]));
        assert_eq!(parts("/"), Some(vec!["".into()]));
        assert_eq!(parts("/a~1b/~01"), Some(vec!["a/b".into(), "~1".into()]));
        for bad in ["a", "a/b", "/~", "/~2", "/a~"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_field_is_a_pointer_a_constant_or_a_pointer_with_words() {
        let read = |text: &str| field(DeValue::parse(text).unwrap().get_ref());
        assert_eq!(read("'/a/b'"), Ok(Field::path(&["a", "b"])));
        assert_eq!(read("{ at = '/a' }"), Ok(Field::member("a")));
        let constant = read("{ const = 'nav' }").unwrap();
        assert_eq!(constant.source, Source::Constant("nav".into()));
        let mapped = read("{ at = '/a', map = { live = 'active' } }").unwrap();
        assert_eq!(mapped.values["live"], "active");
        for bad in ["5", "'a'", "{}", "{ const = 'a', at = '/b' }", "{ map = {} }", "{ to = '/a' }"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
