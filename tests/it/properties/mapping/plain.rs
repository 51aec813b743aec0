//! What a mapping reads of a document, said plainly: over values of serde_json, with nothing of ours.

use super::spec::{Field, Path, Place, Spec, Time};
use super::texts::{self, Faults};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A record, with what stands around it.
#[derive(Clone, Debug)]
pub struct Record<'v> {
    pub value: &'v Value,
    pub key: Option<&'v str>,
    /// The document and the elements around it, the outermost first, with their names.
    pub above: Vec<(String, &'v Value)>,
}

/// The records of a document.
#[derive(Debug, Default)]
pub struct Found<'v> {
    pub records: Vec<Record<'v>>,
    /// Elements of the last `*` that hold no records.
    pub elements_without: u64,
    /// By stars passed: elements, and those that lead on.
    levels: BTreeMap<usize, (u64, u64)>,
}

/// The place of an array that a pointer's part names.
pub fn index(part: &str, length: usize) -> Option<usize> {
    let number: i64 = part.parse().ok().filter(|number: &i64| number.to_string() == part)?;
    let place = if number < 0 { length as i64 + number } else { number };
    (0..length as i64).contains(&place).then_some(place as usize)
}

pub fn step<'v>(value: &'v Value, part: &str) -> Option<&'v Value> {
    match value {
        Value::Object(object) => object.get(part),
        Value::Array(list) => list.get(index(part, list.len())?),
        _ => None,
    }
}

pub fn step_mut<'v>(value: &'v mut Value, part: &str) -> Option<&'v mut Value> {
    match value {
        Value::Object(object) => object.get_mut(part),
        Value::Array(list) => {
            let place = index(part, list.len())?;
            list.get_mut(place)
        }
        _ => None,
    }
}

pub fn lookup<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, part| step(value, part))
}

/// The records of a document; `None` where it fails for having none at their place.
pub fn records<'v>(root: &'v Value, spec: &Spec) -> Option<Found<'v>> {
    let mut found = Found::default();
    // a document that is the array needs no pointer
    if !spec.is_written && root.is_array() {
        take(&mut found, root, spec, &[(String::new(), root)])?;
        return Some(found);
    }
    let is_there = walk(&mut found, root, spec, 0, vec![(String::new(), root)])?;
    let leads_nowhere = found.levels.values().any(|(elements, leading)| *elements > 0 && *leading == 0);
    (is_there && !leads_nowhere).then_some(found)
}

/// Whether this value leads to a container of records, or of elements; `None`: the document fails.
fn walk<'v>(
    found: &mut Found<'v>,
    value: &'v Value,
    spec: &Spec,
    from: usize,
    above: Vec<(String, &'v Value)>,
) -> Option<bool> {
    let stars = above.len() - 1;
    match spec.records.get(from).map(String::as_str) {
        // one of many elements may have none
        None | Some("*") if value.is_null() && stars > 0 => Some(false),
        None => take(found, value, spec, &above).map(|()| true),
        Some("*") => {
            let elements: Vec<(String, &Value)> = match value {
                Value::Array(list) => {
                    list.iter().enumerate().map(|(n, element)| (n.to_string(), element)).collect()
                }
                Value::Object(object) => {
                    object.iter().map(|(name, element)| (name.clone(), element)).collect()
                }
                _ => return None,
            };
            for (name, element) in elements {
                let inner = above.iter().cloned().chain([(name, element)]).collect();
                let leads = walk(found, element, spec, from + 1, inner)?;
                let level = found.levels.entry(stars + 1).or_default();
                *level = (level.0 + 1, level.1 + u64::from(leads));
                found.elements_without += u64::from(!leads && stars + 1 == spec.depth());
            }
            Some(true)
        }
        Some(name) => match step(value, name) {
            Some(next) => walk(found, next, spec, from + 1, above),
            None => Some(false),
        },
    }
}

fn take<'v>(
    found: &mut Found<'v>,
    container: &'v Value,
    spec: &Spec,
    above: &[(String, &'v Value)],
) -> Option<()> {
    let record = |key: Option<&'v str>, value| Record { value, key, above: above.to_vec() };
    match container {
        Value::Object(object) if spec.by_key => {
            found.records.extend(object.iter().map(|(key, value)| record(Some(key), value)));
        }
        Value::Array(list) if !spec.by_key => {
            found.records.extend(list.iter().map(|value| record(None, value)))
        }
        _ => return None,
    }
    Some(())
}

/// A value that a field gives, and where it stood in what is read.
pub struct Got {
    pub value: Value,
    pub pointer: String,
}

/// What a field is read from: a record, or an element within it.
#[derive(Clone, Copy)]
pub struct Scope<'v> {
    pub value: &'v Value,
    pub record: &'v Record<'v>,
}

pub fn pointer_of(path: &[String]) -> String {
    path.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect()
}

impl Scope<'_> {
    fn at(&self, place: &Place) -> Option<Value> {
        let above =
            |up: usize| self.record.above.len().checked_sub(up).map(|level| &self.record.above[level]);
        let value = match place {
            Place::At(path) => lookup(self.value, path)?.clone(),
            Place::Key => json!(self.record.key?),
            Place::Above(up, path) => lookup(above(*up)?.1, path)?.clone(),
            Place::KeyAbove(up) => json!(above(*up)?.0),
            Place::Constant(text) => json!(text),
        };
        (!value.is_null()).then_some(value)
    }

    /// The first place with a plain value, else the first with any.
    pub fn find(&self, field: &Field) -> Option<Got> {
        choose(field, |place| self.at(place))
    }

    /// As `find`, its word translated.
    pub fn get(&self, field: &Field) -> Option<Got> {
        let got = self.find(field)?;
        Some(Got { value: translated(field, &got.value)?, ..got })
    }
}

/// Of a field's places the first with a plain value, else the first with any.
pub fn choose(field: &Field, at: impl Fn(&Place) -> Option<Value>) -> Option<Got> {
    let found = |place: &Place| {
        let value = spelt(field, at(place)?);
        let pointer = if let Place::At(path) = place { pointer_of(path) } else { String::new() };
        (!is_none(field, &value)).then_some(Got { value, pointer })
    };
    let mut all: Vec<Got> = field.places.iter().filter_map(found).collect();
    let is_plain = |got: &Got| !got.value.is_object() && !got.value.is_array();
    let first = all.iter().position(is_plain).unwrap_or(0);
    (!all.is_empty()).then(|| all.swap_remove(first))
}

fn spelt(field: &Field, value: Value) -> Value {
    let Value::String(text) = value else { return value };
    let text = if field.trim { text.trim().to_owned() } else { text };
    json!(match (field.lower, field.upper) {
        (true, _) => text.to_ascii_lowercase(),
        (_, true) => text.to_ascii_uppercase(),
        _ => text,
    })
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn is_none(field: &Field, value: &Value) -> bool {
    field.none.iter().any(|none| word(value) == *none || (*none == "0" && value.as_f64() == Some(0.0)))
}

/// What the value means; `None` where that is nothing.
fn translated(field: &Field, value: &Value) -> Option<Value> {
    match (field.words.get(word(value).as_str()).copied(), field.star) {
        (Some(ours), _) | (None, Some(ours)) => Some(json!(ours)),
        (None, None) if field.keeps => None,
        (None, None) => Some(value.clone()),
    }
}

/// What is read of one record.
#[derive(Debug, PartialEq)]
pub enum Reading {
    /// One of these faults is named.
    Refused {
        id: Option<String>,
        faults: Faults,
    },
    Taken(Box<Taken>),
}

#[derive(Debug, Default, PartialEq)]
pub struct Taken {
    pub id: String,
    pub at: Option<i64>,
    pub members: Map<String, Value>,
    pub kept: BTreeSet<String>,
    pub prices: BTreeMap<String, Price>,
    /// Of each price that is kept aside one of these faults is named.
    pub asides: Vec<Faults>,
    pub lints: Faults,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Price {
    pub amount: String,
    pub currency: Option<String>,
    pub at: Option<i64>,
    pub market: Option<String>,
    pub per: Option<String>,
    pub kind: Option<String>,
}

pub fn read(record: &Record<'_>, spec: &Spec) -> Reading {
    let scope = Scope { value: record.value, record };
    let id = match id(scope, spec) {
        Ok(id) => id,
        Err(faults) => {
            let is_missing = faults.iter().any(|(code, _)| code == "id_missing");
            let none = Faults::from([("record_type".to_owned(), String::new())]);
            return Reading::Refused {
                id: None,
                faults: if is_missing && !record.value.is_object() { none } else { faults },
            };
        }
    };
    let (mut taken, mut faults, mut found) =
        (Taken { id: id.clone(), ..Taken::default() }, Faults::new(), false);
    if let Some(time) = &spec.updated_at {
        let is_own = matches!(time.field.places.as_slice(), [Place::At(path)] if path == &["updated_at"]);
        found |= !is_own && scope.find(&time.field).is_some();
        taken.at = texts::time_at(scope, time, &mut faults, &mut taken.lints);
    }
    members(scope, spec, &mut taken, &mut faults, &mut found);
    if !faults.is_empty() {
        return Reading::Refused { id: Some(id), faults };
    }
    super::prices::read(scope, spec, &mut taken, &mut found);
    if !record.value.is_object() && !found {
        let faults = Faults::from([("record_type".to_owned(), String::new())]);
        return Reading::Refused { id: Some(id), faults };
    }
    Reading::Taken(Box::new(taken))
}

fn id(scope: Scope<'_>, spec: &Spec) -> Result<String, Faults> {
    let (mut parts, mut missing, mut bad) = (Vec::new(), Faults::new(), Faults::new());
    for field in &spec.id {
        let Some(got) = scope.get(field) else {
            let first = field.places.iter().find_map(|place| match place {
                Place::At(path) => Some(pointer_of(path)),
                _ => None,
            });
            missing.insert(("id_missing".to_owned(), first.unwrap_or_default()));
            continue;
        };
        match texts::id(&got.value) {
            Ok(id) => parts.push(id),
            Err(code) => drop(bad.insert((code.to_owned(), got.pointer))),
        }
    }
    if !missing.is_empty() || !bad.is_empty() {
        return Err(if missing.is_empty() { bad } else { missing });
    }
    Ok(parts.join(spec.join))
}

fn members(scope: Scope<'_>, spec: &Spec, taken: &mut Taken, faults: &mut Faults, found: &mut bool) {
    let none = Map::new();
    for (name, value) in scope.value.as_object().unwrap_or(&none) {
        let passes = spec.keep.as_ref().is_none_or(|keep| keep.contains(name.as_str()))
            && !spec.drop.contains(name.as_str());
        if ["id", "updated_at", "price"].contains(&name.as_str())
            || spec.members.contains_key(name.as_str())
            || !passes
        {
            continue;
        }
        if let Err(code) = texts::member(name, value) {
            faults.insert((code.to_owned(), pointer_of(std::slice::from_ref(name))));
        }
        taken.members.insert(name.clone(), value.clone());
    }
    for (name, field) in &spec.members {
        let Some(got) = scope.find(field) else { continue };
        *found = true;
        let Some(value) = translated(field, &got.value) else {
            taken.kept.insert((*name).to_owned());
            continue;
        };
        match texts::member(name, &value) {
            Ok(()) => drop(taken.members.insert((*name).to_owned(), value)),
            Err("status_unknown") if !field.words.is_empty() => {
                taken.kept.insert((*name).to_owned());
                taken.lints.insert(("word_unknown".to_owned(), got.pointer));
            }
            Err(code) => drop(faults.insert((code.to_owned(), got.pointer))),
        }
    }
    taken.members.extend(spec.constants.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
}

/// What the document says of itself.
#[derive(Debug, Default, PartialEq)]
pub struct Envelope {
    /// `None` within where it cannot be read.
    pub generated_at: Option<Option<i64>>,
    pub count: Option<u64>,
    pub complete: bool,
    pub allow_empty: bool,
}

/// `Err`: its count does not agree with the number of its records.
pub fn envelope(root: &Value, spec: &Spec, records: usize) -> Result<Envelope, ()> {
    // the records are all that such a document holds
    if spec.records.is_empty() || (!spec.is_written && root.is_array()) {
        return Ok(Envelope { complete: true, ..Envelope::default() });
    }
    let said = |path: &Path| lookup(root, path).filter(|value| !value.is_null());
    let generated_at = spec.generated_at.as_ref().and_then(|time: &Time| {
        let at = |place: &Place| if let Place::At(path) = place { said(path).cloned() } else { None };
        let got = choose(&time.field, at)?;
        let value = translated(&time.field, &got.value)?;
        Some(texts::time(&value, time).map(|(at, _)| at).ok())
    });
    let count = spec.count.as_ref().and_then(said).map(|value| word(value).parse::<u64>());
    let top = |name: &str| root.get(name).filter(|_| root.is_object()).filter(|value| !value.is_null());
    Ok(Envelope {
        generated_at,
        count: match count {
            Some(count) => Some(count.ok().filter(|count| *count == records as u64).ok_or(())?),
            None => None,
        },
        complete: top("complete").is_none_or(|value| value == true),
        allow_empty: top("allow_empty").is_some_and(|value| value == true)
            && top("complete").is_some_and(|value| value == true),
    })
}

/// Lines of JSON: each is a record.
pub fn lines(values: &[Value]) -> Found<'_> {
    let records = values.iter().map(|value| Record { value, key: None, above: vec![(String::new(), value)] });
    Found { records: records.collect(), ..Found::default() }
}
