//! One mapped value: a pointer, a list of alternatives, or a table that says more.

use super::super::fault::Wrong;
use super::super::raw::{Section, text_of};
use super::super::secret::is_header_name;
use crate::domain::mapping::{Case, Field, Place, Pointer, Unlisted};
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// How many levels a place may look up: documents are nested no deeper.
const UP_MAX: u64 = 16;
/// Alternatives of one value, and words of one list: more are a mistake.
const ITEMS_MAX: usize = 64;

/// Keys that every mapped value knows.
const KNOWN: [&str; 11] =
    ["at", "const", "key", "up", "header", "first", "map", "else", "none", "trim", "lower"];

/// `"/a/b"`, `["/a", "/b"]`, or a table of `KNOWN` keys.
pub fn field(value: &DeValue<'_>) -> Result<Field, Wrong> {
    match value {
        DeValue::Table(table) => {
            check_keys(table, &[])?;
            table_field(table)
        }
        DeValue::Array(_) => Ok(Field { places: places(value)?, ..Field::default() }),
        _ => Ok(Field::from(Place::At(pointer(value)?))),
    }
}

/// What a key gives, `None` where it says `false`, the default where it is left out.
pub fn optional<T>(
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

/// The keys of a table are those of every field, `upper`, and these.
pub fn check_keys(table: &DeTable<'_>, more: &[&str]) -> Result<(), Wrong> {
    let known = |key: &str| KNOWN.contains(&key) || key == "upper" || more.contains(&key);
    match table.keys().find(|key| !known(key.get_ref())) {
        None => Ok(()),
        Some(key) => {
            let keys = KNOWN.iter().chain(["upper"].iter()).chain(more).copied().collect::<Vec<_>>();
            Err(Wrong::rule(format!("`{}` is not known here", key.get_ref()))
                .hint(format!("known here: {}", keys.join(", "))))
        }
    }
}

/// A field of a table whose keys have been checked.
pub fn table_field(table: &DeTable<'_>) -> Result<Field, Wrong> {
    Ok(Field { places: places_of_table(table)?, ..meaning(table)? })
}

/// What a table says of the words of its value, wherever that is.
pub fn meaning(table: &DeTable<'_>) -> Result<Field, Wrong> {
    let mut field = Field::default();
    if let Some(none) = table.get("none") {
        field.none = texts(none.get_ref())?;
    }
    if let Some(map) = table.get("map") {
        field.words = words(map.get_ref())?;
        if let Some(meaning) = field.words.remove("*") {
            field.unlisted = Unlisted::Means(meaning);
        }
    }
    if let Some(otherwise) = table.get("else") {
        if otherwise.get_ref().as_str() != Some("keep") || field.unlisted != Unlisted::Passes {
            return Err(Wrong::rule("`else` must be \"keep\", and not stand beside a \"*\" in `map`")
                .hint("a word for all others is written in map: \"*\" = \"inactive\""));
        }
        field.unlisted = Unlisted::Keeps;
    }
    field.trim = flag(table, "trim")?;
    field.case = match (flag(table, "lower")?, flag(table, "upper")?) {
        (true, true) => return Err(Wrong::rule("must not be both `lower` and `upper`")),
        (true, false) => Some(Case::Lower),
        (false, true) => Some(Case::Upper),
        (false, false) => None,
    };
    Ok(field)
}

/// `true` or `false`; `false` where the key is not there.
pub fn flag(table: &DeTable<'_>, key: &str) -> Result<bool, Wrong> {
    let Some(value) = table.get(key) else { return Ok(false) };
    value.get_ref().as_bool().ok_or_else(|| Wrong::rule(format!("`{key}` must be true or false")))
}

fn places_of_table(table: &DeTable<'_>) -> Result<Vec<Place>, Wrong> {
    if let Some(first) = table.get("first") {
        if ["at", "const", "key", "up", "header"].iter().any(|key| table.contains_key(*key)) {
            return Err(Wrong::rule("`first` must not stand beside at, const, key, up or header"));
        }
        return places(first.get_ref());
    }
    Ok(match table.get("at").map(|at| at.get_ref()) {
        Some(list @ DeValue::Array(_)) if !table.contains_key("up") => places(list)?,
        _ => vec![place(table)?],
    })
}

/// A list of places, or one.
pub fn places(value: &DeValue<'_>) -> Result<Vec<Place>, Wrong> {
    let Some(items) = value.as_array() else { return Ok(vec![Place::At(pointer(value)?)]) };
    if items.is_empty() || items.len() > ITEMS_MAX {
        return Err(Wrong::rule(format!("must be a list of 1 to {ITEMS_MAX} places")));
    }
    let one = |value: &DeValue<'_>| match value {
        DeValue::Table(table) => {
            let known = |key: &str| matches!(key, "at" | "key" | "up" | "const" | "header");
            if !table.keys().all(|key| known(key.get_ref())) {
                return Err(Wrong::rule("a place of a list knows at, key, up, const and header"));
            }
            place(table)
        }
        _ => Ok(Place::At(pointer(value)?)),
    };
    items.iter().map(|item| one(item.get_ref())).collect()
}

fn place(table: &DeTable<'_>) -> Result<Place, Wrong> {
    let at = table.get("at").map(|at| pointer(at.get_ref())).transpose()?;
    let up = table.get("up").map(|up| levels(up.get_ref())).transpose()?;
    let constant = table.get("const").map(|text| text_of(text.get_ref())).transpose()?;
    let header = table.get("header").map(|name| header(name.get_ref())).transpose()?;
    match (at, up, flag(table, "key")?, constant, header) {
        (Some(at), None, false, None, None) => Ok(Place::At(at)),
        (Some(at), Some(up), false, None, None) if !at.0.is_empty() => Ok(Place::Above { up, at }),
        (None, None, true, None, None) => Ok(Place::Key),
        (None, Some(up), true, None, None) => Ok(Place::KeyAbove { up }),
        (None, None, false, Some(text), None) => Ok(Place::Constant(text.to_owned())),
        (None, None, false, None, Some(header)) => Ok(Place::Header(header)),
        _ => Err(Wrong::rule(
            "must say where the value is by one of at, key, const and header; `up` goes with key, or with a pointer that is not empty",
        )
        .hint(
            "\"/a/b\", { at = \"/a\", up = 1 }, { key = true }, { const = \"EUR\" }, or a list of pointers",
        )),
    }
}

/// The name of a header, in small letters.
pub fn header(value: &DeValue<'_>) -> Result<String, Wrong> {
    let name = text_of(value)?;
    let wrong = || Wrong::rule("must be the name of a header").hint("\"X-Shopify-Topic\"");
    is_header_name(name).then(|| name.to_ascii_lowercase()).ok_or_else(wrong)
}

fn levels(value: &DeValue<'_>) -> Result<u8, Wrong> {
    let number =
        value.as_integer().and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok());
    let sound = number.filter(|number| (1..=UP_MAX).contains(number));
    sound
        .map(|number| number as u8)
        .ok_or_else(|| Wrong::rule(format!("`up` must be a number from 1 to {UP_MAX}")))
}

/// A JSON pointer.
pub fn pointer(value: &DeValue<'_>) -> Result<Pointer, Wrong> {
    let pointer = value.as_str().and_then(parse_pointer);
    pointer.ok_or_else(|| {
        Wrong::rule("must be a JSON pointer (RFC 6901)")
            .hint("\"/data/items\"; a / in a name is written ~1, a ~ is written ~0")
    })
}

/// A list of texts.
pub fn texts(value: &DeValue<'_>) -> Result<Vec<String>, Wrong> {
    let wrong = || Wrong::rule(format!("must be a list of at most {ITEMS_MAX} texts"));
    let items = value.as_array().filter(|items| items.len() <= ITEMS_MAX).ok_or_else(wrong)?;
    items.iter().map(|item| item.get_ref().as_str().map(str::to_owned).ok_or_else(wrong)).collect()
}

fn words(value: &DeValue<'_>) -> Result<BTreeMap<String, String>, Wrong> {
    let table: Option<&DeTable<'_>> = value.as_table();
    let table = table.ok_or_else(|| Wrong::rule("map must be { \"theirs\" = \"ours\", … }"))?;
    let word = |value: &DeValue<'_>| text_of(value).map(str::to_owned);
    table.iter().map(|(theirs, ours)| Ok((theirs.get_ref().to_string(), word(ours.get_ref())?))).collect()
}

/// RFC 6901: empty, or `/` before each part; `~1` is `/`, `~0` is `~`.
pub fn parse_pointer(text: &str) -> Option<Pointer> {
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

    fn read(text: &str) -> Result<Field, Wrong> {
        field(DeValue::parse(text).unwrap().get_ref())
    }

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
    fn a_field_is_a_pointer_a_list_or_a_table() {
        assert_eq!(read("'/a/b'"), Ok(Field::path(&["a", "b"])));
        assert_eq!(read("{ at = '/a' }"), Ok(Field::member("a")));
        assert_eq!(read("{ const = 'nav' }"), Ok(Field::constant("nav")));
        let two = Field { places: vec![Place::At(Pointer::of(&["a"])), Place::Key], ..Field::default() };
        assert_eq!(read("{ header = 'X-Id' }"), Ok(Field::from(Place::Header("x-id".into()))));
        assert_eq!(read("['/a', { key = true }]"), Ok(two.clone()));
        assert_eq!(read("{ first = ['/a', { key = true }] }"), Ok(two.clone()));
        assert_eq!(read("{ at = ['/a', { key = true }] }"), Ok(two));
        let above = Place::Above { up: 1, at: Pointer::of(&["id"]) };
        assert_eq!(read("{ up = 1, at = '/id' }"), Ok(Field::from(above)));
        assert_eq!(read("{ up = 2, key = true }"), Ok(Field::from(Place::KeyAbove { up: 2 })));
    }

    #[test]
    fn a_table_says_what_words_mean_and_which_stand_for_none() {
        let field =
            read("{ at = '/a', map = { live = 'active', '*' = 'inactive' }, none = ['', '-'] }").unwrap();
        assert_eq!((field.words["live"].as_str(), field.words.len()), ("active", 1));
        assert_eq!(field.unlisted, Unlisted::Means("inactive".into()));
        assert_eq!(field.none, ["", "-"]);
        let field =
            read("{ at = '/a', map = { live = 'active' }, else = 'keep', upper = true, trim = true }");
        let field = field.unwrap();
        assert_eq!((field.unlisted, field.case, field.trim), (Unlisted::Keeps, Some(Case::Upper), true));
    }

    #[test]
    fn what_is_no_field_is_refused() {
        for bad in [
            "5",
            "'a'",
            "{}",
            "[]",
            "[5]",
            "{ const = 'a', at = '/b' }",
            "{ header = 'a b' }",
            "{ header = 'a', up = 1 }",
            "{ map = {} }",
            "{ to = '/a' }",
            "{ up = 1 }",
            "{ up = 1, at = '' }",
            "{ up = 0, at = '/a' }",
            "{ at = '/a', else = 'drop' }",
            "{ at = '/a', map = { '*' = 'x' }, else = 'keep' }",
            "{ at = '/a', lower = true, upper = true }",
            "{ first = ['/a'], at = '/b' }",
            "[{ at = '/a', map = {} }]",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
