//! A record with what stands around it, and what is found at the places of a field.

use crate::codec::json::{self, Kind};
use crate::codec::reserved::{Refusal, shortened};
use crate::domain::hook::HookHeaders;
use crate::domain::mapping::{Case, Field, Place, Pointer, Unlisted};
use crate::domain::{RowAbove, Rule, ValueAbove};
use compact_str::CompactString;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What a record's fields can be read from beside the record itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around<'a> {
    /// The name under which it stands in an object of records.
    pub key: Option<&'a str>,
    /// What was found above it.
    pub above: Option<&'a Above>,
    /// Those of the call that it came in: only hooks have such.
    pub headers: Option<&'a HookHeaders>,
}

/// What stands above records of one element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Above {
    /// Source texts, by level and place; nulls are left out.
    pub values: BTreeMap<(u8, Pointer), Box<str>>,
    /// The names of the elements, the nearest first; an array's are their indices.
    pub keys: Vec<Box<str>>,
}

impl From<&RowAbove> for Above {
    fn from(kept: &RowAbove) -> Above {
        let value = |value: &ValueAbove| {
            let at = Pointer(value.at.iter().map(CompactString::from).collect());
            ((value.up, at), value.raw.as_str().into())
        };
        Above {
            values: kept.values.iter().map(value).collect(),
            keys: kept.keys.iter().map(|key| key.as_str().into()).collect(),
        }
    }
}

/// Something of a file that is odd and no fault of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// Its stable name.
    pub code: &'static str,
    /// Where: a JSON pointer into the record.
    pub pointer: String,
    /// What it means and what to do.
    pub detail: Cow<'static, str>,
}

/// A value that a field's places gave.
#[derive(Clone, Debug)]
pub struct FoundValue<'a> {
    /// Its source text; never null.
    pub raw: Cow<'a, str>,
    /// Where it stood; empty where it stood nowhere in the record.
    parts: &'a [CompactString],
}

impl<'a> FoundValue<'a> {
    /// A value that is looked at by itself.
    pub fn at_root(raw: &'a str) -> FoundValue<'a> {
        FoundValue { raw: Cow::Borrowed(raw), parts: &[] }
    }

    /// The same with the partner's words given their meaning; `None` for a word without one.
    pub fn meant(self, field: &Field) -> Option<FoundValue<'a>> {
        match meaning(field, self.raw) {
            Meaning::Text(raw) => Some(FoundValue { raw, parts: self.parts }),
            Meaning::Keep => None,
        }
    }

    /// Points a refusal to where the value was found.
    pub fn point(&self, refusal: Refusal) -> Refusal {
        point_to(self.parts, refusal)
    }

    /// A lint about it.
    pub fn lint(&self, code: &'static str, detail: &'static str) -> Lint {
        let pointer = self.point(Refusal::new(Rule::T2, code, "")).pointer;
        Lint { code, pointer, detail: Cow::Borrowed(detail) }
    }
}

/// Points a refusal to these parts, instead of where it pointed.
pub fn point_to(parts: &[CompactString], refusal: Refusal) -> Refusal {
    let nowhere = Refusal { pointer: String::new(), ..refusal };
    parts.iter().rev().fold(nowhere, |refusal, part| refusal.within(part))
}

/// What a member's word means.
pub enum Meaning<'a> {
    /// This text, in JSON.
    Text(Cow<'a, str>),
    /// Nothing: the member stays as it is stored.
    Keep,
}

/// A record, or an element within it.
pub struct Item<'a> {
    raw: &'a str,
    /// Of an object; empty for what is none.
    pub members: Vec<(Cow<'a, str>, &'a str)>,
    /// What it is read with.
    pub around: Around<'a>,
}

impl<'a> Item<'a> {
    /// Scans a value, whose names must be unique and whose limits are those of every text.
    pub fn new(raw: &'a str, around: Around<'a>) -> Result<Item<'a>, json::JsonError> {
        let members = match json::kind(raw) {
            Kind::Object => json::members(raw)?,
            _ => {
                json::value(raw)?;
                Vec::new()
            }
        };
        Ok(Item { raw, members, around })
    }

    /// The value at the first of a field's places that holds one: neither null nor one of its words for
    /// none. Where a later place holds a plain value, an object or array before it is passed over.
    pub fn find<'f: 'a>(&self, field: &'f Field) -> Result<Option<FoundValue<'a>>, Refusal> {
        choose(field, |place| self.at(place))
    }

    /// As `find`, with the partner's words given their meaning; a word without one is no value.
    pub fn value<'f: 'a>(&self, field: &'f Field) -> Result<Option<FoundValue<'a>>, Refusal> {
        Ok(self.find(field)?.and_then(|found| found.meant(field)))
    }

    /// The values at a place whose pointer steps into every element of an array by `*`; `None` where
    /// there is no such array, or nothing in it.
    pub fn each(&self, place: &Place) -> Result<Option<Vec<Cow<'a, str>>>, Refusal> {
        let (Place::At(pointer) | Place::Above { at: pointer, .. }) = place else { return Ok(None) };
        let Some((prefix, rest)) = pointer.around_star() else { return Ok(None) };
        let array = match place {
            Place::At(_) => self.lookup(prefix)?,
            // it stands there under the whole pointer
            _ => self.at(place)?.and_then(|raw| match raw {
                Cow::Borrowed(raw) => Some(raw),
                Cow::Owned(_) => None,
            }),
        };
        let Some(array) = array.filter(|raw| json::kind(raw) == Kind::Array) else { return Ok(None) };
        let mut found = Vec::new();
        for element in json::elements(array).map_err(unreadable)? {
            let value = json::lookup(element, rest).map_err(unreadable)?;
            found.extend(value.filter(|raw| json::kind(raw) != Kind::Null).map(Cow::Borrowed));
        }
        Ok((!found.is_empty()).then_some(found))
    }

    /// Whether a null stands within the record at this place.
    pub fn is_null(&self, place: &Place) -> bool {
        let Place::At(pointer) = place else { return false };
        let found = json::lookup(self.raw, &pointer.0).ok().flatten();
        found.is_some_and(|raw| json::kind(raw) == Kind::Null)
    }

    /// The source text at one place; `None` where there is nothing, or null.
    fn at(&self, place: &Place) -> Result<Option<Cow<'a, str>>, Refusal> {
        let quoted = |text: &str| Cow::Owned(json::quoted(text));
        Ok(match place {
            Place::At(pointer) => self.lookup(&pointer.0)?.map(Cow::Borrowed),
            Place::Key => self.around.key.map(quoted),
            Place::Above { up, at } => {
                let above = self.around.above.and_then(|above| above.values.get(&(*up, at.clone())));
                above.map(|raw| Cow::Borrowed(raw.as_ref()))
            }
            Place::KeyAbove { up } => {
                let keys = self.around.above.map(|above| &above.keys);
                keys.and_then(|keys| keys.get(usize::from(*up) - 1)).map(|key| quoted(key))
            }
            Place::Constant(text) => Some(quoted(text)),
            Place::Header(name) => self.around.headers.and_then(|headers| headers.one(name)).map(quoted),
        })
    }

    /// The source text at a pointer; `None` where there is nothing, or null.
    pub fn lookup(&self, pointer: &[CompactString]) -> Result<Option<&'a str>, Refusal> {
        let found = match pointer.split_first() {
            None => Some(self.raw),
            Some(_) if json::kind(self.raw) != Kind::Object => {
                json::lookup(self.raw, pointer).map_err(unreadable)?
            }
            Some((first, rest)) => match self.members.iter().find(|(name, _)| name == first.as_str()) {
                None => None,
                Some((_, raw)) if rest.is_empty() => Some(*raw),
                Some((_, raw)) => json::lookup(raw, rest).map_err(unreadable)?,
            },
        };
        Ok(found.filter(|raw| json::kind(raw) != Kind::Null))
    }

    /// How many parts of a pointer lead to a value that stands in its way: one that is neither null
    /// nor empty, and does not hold the next part. A record that lacks the first part says nothing, and
    /// is no such value; an element of a list of prices (`must_hold`) is one.
    pub fn blocked(&self, pointer: &[CompactString], must_hold: bool) -> Result<Option<usize>, Refusal> {
        let mut raw = self.raw;
        for (passed, part) in pointer.iter().enumerate() {
            if json::kind(raw) == Kind::Null || is_empty(raw) {
                return Ok(None);
            }
            let is_object = json::kind(raw) == Kind::Object;
            let next = match passed {
                0 if is_object => {
                    self.members.iter().find(|(name, _)| name == part.as_str()).map(|(_, raw)| *raw)
                }
                _ => json::lookup(raw, std::slice::from_ref(part)).map_err(unreadable)?,
            };
            match next {
                Some(next) => raw = next,
                None if passed == 0 && is_object && !must_hold => return Ok(None),
                None => return Ok(Some(passed)),
            }
        }
        Ok(None)
    }
}

/// Of a field's places the first that holds a plain value, else the first that holds any.
fn choose<'a>(
    field: &'a Field,
    at: impl Fn(&'a Place) -> Result<Option<Cow<'a, str>>, Refusal>,
) -> Result<Option<FoundValue<'a>>, Refusal> {
    let mut container = None;
    for place in &field.places {
        let Some(raw) = at(place)? else { continue };
        let parts: &'a [CompactString] = match place {
            Place::At(pointer) => &pointer.0,
            _ => &[],
        };
        let found = FoundValue { raw: spelled(field, raw), parts };
        if is_none(field, &found.raw) {
            continue;
        }
        match json::kind(&found.raw) {
            Kind::Object | Kind::Array => container = container.or(Some(found)),
            _ => return Ok(Some(found)),
        }
    }
    Ok(container)
}

/// A value of a field whose places have been looked up before: where it stands, and what it says in our
/// words.
pub fn value_of<'a>(
    field: &'a Field,
    at: impl Fn(&'a Pointer) -> Option<&'a str>,
) -> Option<(&'a [CompactString], Cow<'a, str>)> {
    let looked_up = |place: &'a Place| match place {
        Place::At(pointer) => Ok(at(pointer).map(Cow::Borrowed)),
        _ => Ok(None),
    };
    let found = choose(field, looked_up).ok().flatten()?;
    match meaning(field, found.raw) {
        Meaning::Text(raw) => Some((found.parts, raw)),
        Meaning::Keep => None,
    }
}

fn unreadable(error: json::JsonError) -> Refusal {
    Refusal::new(Rule::F2, error.code, error.detail)
}

fn is_empty(container: &str) -> bool {
    let inner = container.trim_ascii_start().strip_prefix(['{', '[']).map(str::trim_ascii_start);
    inner.is_some_and(|inner| inner.starts_with(['}', ']']))
}

/// The text with its letters and blanks as the field wants them.
pub fn spelled<'a>(field: &Field, raw: Cow<'a, str>) -> Cow<'a, str> {
    if (field.case.is_none() && !field.trim) || json::kind(&raw) != Kind::String {
        return raw;
    }
    // letters and blanks are the same in a JSON text without escapes as in what it says
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner.filter(|inner| !inner.contains('\\')) else {
        let Ok(text) = json::string(&raw) else { return raw };
        let text = if field.trim { text.trim() } else { &text };
        return Cow::Owned(json::quoted(&in_case(field.case, text)));
    };
    let trimmed = if field.trim { inner.trim() } else { inner };
    match in_case(field.case, trimmed) {
        // nearly all are spelt so already
        Cow::Borrowed(same) if same.len() == inner.len() => raw,
        spelt => Cow::Owned(["\"", &*spelt, "\""].concat()),
    }
}

fn in_case(case: Option<Case>, text: &str) -> Cow<'_, str> {
    match case {
        Some(Case::Lower) if text.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            Cow::Owned(text.to_ascii_lowercase())
        }
        Some(Case::Upper) if text.bytes().any(|byte| byte.is_ascii_lowercase()) => {
            Cow::Owned(text.to_ascii_uppercase())
        }
        _ => Cow::Borrowed(text),
    }
}

/// Whether a value is one of the field's words for none.
pub fn is_none(field: &Field, raw: &str) -> bool {
    if field.none.is_empty() {
        return false;
    }
    let word = word(raw);
    // 0, 0.0 and 0e3 are one number
    let mut mantissa = raw.bytes().take_while(|byte| !matches!(byte, b'e' | b'E'));
    let is_zero = json::kind(raw) == Kind::Number && !mantissa.any(|byte| matches!(byte, b'1'..=b'9'));
    field.none.iter().any(|none| *none == word || (is_zero && none.parse::<f64>() == Ok(0.0)))
}

/// What a value says as a word: a string's value, or the source text of anything else.
pub fn word(raw: &str) -> Cow<'_, str> {
    match json::kind(raw) {
        Kind::String => json::string(raw).unwrap_or(Cow::Borrowed(raw)),
        _ => Cow::Borrowed(raw),
    }
}

/// What the partner's word means in ours.
pub fn meaning<'a>(field: &Field, raw: Cow<'a, str>) -> Meaning<'a> {
    if field.words.is_empty() && field.unlisted == Unlisted::Passes {
        return Meaning::Text(raw);
    }
    let ours = match (field.words.get(word(&raw).as_ref()), &field.unlisted) {
        (Some(ours), _) | (None, Unlisted::Means(ours)) => Some(json::quoted(ours)),
        (None, Unlisted::Keeps) => return Meaning::Keep,
        (None, Unlisted::Passes) => None,
    };
    Meaning::Text(ours.map_or(raw, Cow::Owned))
}

/// A word that is shown in a lint.
pub fn shown_word(raw: &str) -> String {
    shortened(&word(raw)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(record: &str, field: &Field) -> Option<String> {
        let field: &'static Field = Box::leak(Box::new(field.clone()));
        let record: &'static str = Box::leak(record.to_owned().into_boxed_str());
        let item = Item::new(record, Around { key: Some("k"), ..Around::default() }).unwrap();
        item.value(field).unwrap().map(|found| found.raw.into_owned())
    }

    fn first(places: &[&[&str]]) -> Field {
        let places = places.iter().map(|names| Place::At(Pointer::of(names))).collect();
        Field { places, ..Field::default() }
    }

    #[test]
    fn the_first_place_that_holds_a_value_counts() {
        let field = first(&[&["a"], &["b", "c"], &["d"]]);
        assert_eq!(find(r#"{"a":1,"b":{"c":2}}"#, &field), Some("1".into()));
        assert_eq!(find(r#"{"a":null,"b":{"c":2}}"#, &field), Some("2".into()));
        assert_eq!(find(r#"{"b":5,"d":3}"#, &field), Some("3".into()));
        assert_eq!(find(r#"{"x":5}"#, &field), None);
    }

    #[test]
    fn an_object_is_passed_over_where_a_later_place_holds_a_plain_value() {
        let field = first(&[&["p"], &["p", "base"]]);
        assert_eq!(find(r#"{"p":3}"#, &field), Some("3".into()));
        assert_eq!(find(r#"{"p":{"base":4}}"#, &field), Some("4".into()));
        assert_eq!(find(r#"{"p":{"other":4}}"#, &field), Some(r#"{"other":4}"#.into()), "to be named");
    }

    #[test]
    fn words_for_none_are_no_value_and_zero_is_one_number() {
        let field = Field { none: vec!["0".into(), String::new()], ..first(&[&["a"], &["b"]]) };
        for none in ["0", "0.0", "-0", "\"0\"", "\"\"", "null"] {
            assert_eq!(find(&format!(r#"{{"a":{none},"b":7}}"#), &field), Some("7".into()), "{none}");
        }
        assert_eq!(find(r#"{"a":"0.0"}"#, &field), Some("\"0.0\"".into()), "another word");
    }

    #[test]
    fn letters_and_blanks_are_brought_to_the_fields_form_before_words_are_read() {
        let field = Field {
            words: [("eur".to_owned(), "EUR".to_owned())].into(),
            case: Some(Case::Lower),
            trim: true,
            ..Field::member("a")
        };
        assert_eq!(find(r#"{"a":" Eur\n"}"#, &field), Some("\"EUR\"".into()));
        assert_eq!(find(r#"{"a":7}"#, &field), Some("7".into()));
    }

    #[test]
    fn a_last_element_a_bare_record_and_its_key_are_places_too() {
        assert_eq!(find(r#"{"a":[1,2,3]}"#, &first(&[&["a", "-1"]])), Some("3".into()));
        assert_eq!(find(r#"{"a":[1,2,3]}"#, &first(&[&["a", "-3"]])), Some("1".into()));
        assert_eq!(find(r#"{"a":[1,2,3]}"#, &first(&[&["a", "-4"]])), None);
        assert_eq!(find(r#"{"a":[]}"#, &first(&[&["a", "-1"]])), None);
        assert_eq!(find("41235", &first(&[&[]])), Some("41235".into()));
        assert_eq!(find(r#"["x",5]"#, &first(&[&["1"]])), Some("5".into()));
        assert_eq!(find("5", &Field::from(Place::Key)), Some("\"k\"".into()));
    }

    #[test]
    fn what_stands_in_a_pointers_way_is_found() {
        let blocked = |record: &str, must_hold| {
            let item = Item::new(record, Around::default()).unwrap();
            item.blocked(&Pointer::of(&["price", "amount"]).0, must_hold).unwrap()
        };
        for silent in ["{}", r#"{"x":1}"#, r#"{"price":null}"#, r#"{"price":{}}"#, r#"{"price":[]}"#] {
            assert_eq!(blocked(silent, false), None, "{silent}");
        }
        assert_eq!(blocked(r#"{"price":5}"#, false), Some(1));
        assert_eq!(blocked(r#"{"price":{"x":5}}"#, false), Some(1));
        assert_eq!(blocked(r#"{"x":5}"#, true), Some(0));
        assert_eq!(blocked("5", false), Some(0));
    }
}
