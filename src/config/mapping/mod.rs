//! `[feed.mapping]` and `[hooks.mapping]`: where things are in the partner's document.
//!
//! `src/MAPPING.md` describes the language by example. What is not mapped keeps its place in our own
//! shape; `false` says that the document has no such value.

mod field;
mod quote;
mod time;

use super::fault::Wrong;
use super::raw::Section;
use crate::domain::mapping::{
    Field, IdMapping, Mapping, MemberRules, PathStep, Place, Pointer, QuoteMapping, RecordsPath, Repeated,
    TimeField, TimeReading, Unlisted,
};
use compact_str::CompactString;
pub(super) use field::{field, header, optional, pointer};
use field::{flag, texts};
pub(super) use time::{time_field, zone};
use toml::de::DeValue;

/// Parts of an id, and prices of a record that are named one by one: more are a mistake.
const PARTS_MAX: usize = 8;

/// Reads the mapping of a feed; all that it leaves out is as in our own shape.
pub(super) fn feed_mapping(mut section: Section<'_>) -> Mapping {
    let default = Mapping::default();
    let s = &mut section;
    let reading = reading(s);
    let mapping = records_mapping(s, &reading, default.records);
    let time = |value: &DeValue<'_>| time::time_field(value, &reading);
    let generated_at = default.generated_at.map(|own| TimeField { reading: reading.clone(), ..own });
    let mapping = Mapping {
        repeated: s.choice(
            "repeated",
            Repeated::Quarantine,
            &[("quarantine", Repeated::Quarantine), ("first", Repeated::First), ("last", Repeated::Last)],
        ),
        generated_at: optional(s, "generated_at", time, generated_at),
        count: optional(s, "count", pointer, default.count),
        ..mapping
    };
    refuse_what_cannot_be(&section, &mapping);
    if mapping.fields().flat_map(|field| &field.places).any(|place| matches!(place, Place::Header(_))) {
        section.refuse("id", Wrong::rule("a header is a place of hooks alone: a feed's document has none"));
    }
    section.finish();
    mapping
}

/// Reads the mapping of a hook: the body is one record unless `records` says otherwise.
pub(super) fn hook_mapping(mut section: Section<'_>) -> Mapping {
    let s = &mut section;
    let reading = reading(s);
    let whole = RecordsPath { steps: Vec::new(), by_key: false, is_written: false, lines: false };
    let mapping = Mapping { generated_at: None, count: None, ..records_mapping(s, &reading, whole) };
    refuse_what_cannot_be(&section, &mapping);
    let stars = |place: &Place| match place {
        Place::At(at) | Place::Above { at, .. } => at.0.iter().filter(|part| *part == "*").count(),
        _ => 0,
    };
    let of_part = |field: &Field| field.places.iter().map(stars).max().unwrap_or(0);
    let most = mapping.id.parts.iter().map(of_part).max().unwrap_or(0);
    if most > usize::from(mapping.id.parts.len() == 1) {
        let rule = "a place of an id steps into one array by *, and only where it is the whole id";
        section.refuse("id", Wrong::rule(rule));
    }
    if mapping.records.lines {
        section.refuse("records", Wrong::rule("`lines` is for feeds: a hook's body is one JSON value"));
    }
    section.finish();
    mapping
}

fn reading(s: &mut Section<'_>) -> TimeReading {
    TimeReading {
        spelling: s.read("time_format", time::spelling).unwrap_or_default(),
        zone: s.read("time_zone", time::zone),
    }
}

/// What a mapping says of its records.
fn records_mapping(s: &mut Section<'_>, reading: &TimeReading, records: RecordsPath) -> Mapping {
    let default = Mapping::default();
    let records = s.read("records", self::records).unwrap_or(records);
    let key = IdMapping { parts: vec![Field::from(Place::Key)], join: String::new() };
    let own_id = if records.by_key { key } else { default.id };
    let time = |value: &DeValue<'_>| time::time_field(value, reading);
    let own_time = default.updated_at.map(|own| TimeField { reading: reading.clone(), ..own });
    let members = Mapping::MEMBERS.into_iter().filter_map(|member| {
        let field = optional(s, member, field::field, None)?;
        Some((member, field))
    });
    let members = members.collect();
    Mapping {
        id: s.read("id", id).unwrap_or(own_id),
        updated_at: optional(s, "updated_at", time, own_time),
        members,
        rules: rules(s),
        quotes: quotes(s, reading),
        records,
        ..Mapping::default()
    }
}

/// What single values do not show: an id that all records would share, places that are not there.
fn refuse_what_cannot_be(section: &Section<'_>, mapping: &Mapping) {
    let is_constant = |field: &Field| field.places.iter().all(|place| matches!(place, Place::Constant(_)));
    if mapping.id.parts.iter().all(is_constant) {
        section.refuse("id", Wrong::rule("must be a pointer: every record has an id of its own"));
    }
    let depth = mapping.records.depth() as u8;
    let up_of = |place: &Place| match place {
        // the document itself lies above the outermost element
        Place::Above { up, .. } => up.saturating_sub(1),
        Place::KeyAbove { up } => *up,
        _ => 0,
    };
    let highest = mapping.fields().flat_map(|field| &field.places).map(up_of).max().unwrap_or(0);
    if highest > depth {
        let rule = format!("`up` looks {highest} levels up, and `records` steps into {depth} by *");
        section.refuse(
            "records",
            Wrong::rule(rule).hint(
                "up = 1 is the nearest element that a * steps into, \
                                                          and the level above the outermost is the document",
            ),
        );
    }
    let values =
        mapping.fields().filter(|field| !mapping.members.values().any(|member| std::ptr::eq(member, *field)));
    if values.into_iter().any(|field| field.unlisted == Unlisted::Keeps) {
        let rule = Wrong::rule(
            "`else = \"keep\"` is for members of the asset: ids, times and prices are not kept apart",
        );
        section.refuse("id", rule);
    }
    for (key, rule) in what_a_walk_misses(mapping) {
        section.refuse(key, Wrong::rule(rule));
    }
    let in_envelope = mapping.generated_at.iter().flat_map(|time| &time.field.places);
    if in_envelope.into_iter().any(|place| !matches!(place, Place::At(_))) {
        section.refuse("generated_at", Wrong::rule("must be a pointer into the document"));
    }
}

/// Places outside of records are met on the way through the document, once each: none may need to know how
/// long an array is, and none may hold the records.
fn what_a_walk_misses(mapping: &Mapping) -> Vec<(&'static str, &'static str)> {
    let from_end = |parts: &[CompactString]| {
        parts.iter().any(|part| {
            part.starts_with('-') && part.len() > 1 && part[1..].bytes().all(|b| b.is_ascii_digit())
        })
    };
    let last = "must not count from the end of an array (`-1`): only places within a record may";
    let holds = "must not be on the way to the records, which it would hold";
    let steps = &mapping.records.steps;
    let leads = |steps: &[PathStep], at: &Pointer| {
        at.0.len() <= steps.len()
            && steps.iter().zip(&at.0).all(|(step, part)| *step == PathStep::Into(part.clone()))
    };
    let mut wrong = Vec::new();
    let names: Vec<_> = steps
        .iter()
        .filter_map(|step| match step {
            PathStep::Into(name) => Some(name.clone()),
            PathStep::Each => None,
        })
        .collect();
    if from_end(&names) {
        wrong.push(("records", last));
    }
    let times = mapping.generated_at.iter().flat_map(|time| &time.field.places);
    let times = times.filter_map(|place| match place {
        Place::At(at) => Some(("generated_at", at)),
        _ => None,
    });
    for (key, at) in times.chain(mapping.count.iter().map(|at| ("count", at))) {
        if from_end(&at.0) {
            wrong.push((key, last));
        } else if mapping.records.is_written && leads(steps, at) {
            wrong.push((key, holds));
        }
    }
    let depth = mapping.records.depth();
    for (up, at) in mapping.places_above() {
        let stars = (depth + 1).saturating_sub(usize::from(up));
        let begin = steps.iter().enumerate().filter(|(_, step)| **step == PathStep::Each).map(|(n, _)| n + 1);
        let begin = std::iter::once(0).chain(begin).nth(stars).unwrap_or(steps.len());
        if from_end(&at.0) {
            wrong.push(("records", "is read by an `up` whose `at` counts from the end of an array (`-1`): only places within a record may"));
        } else if leads(&steps[begin..], &at) {
            wrong.push((
                "records",
                "is read by an `up` whose `at` is on the way to the records, which it would hold",
            ));
        }
    }
    wrong
}

/// `"/areas/*/sections"`, or `{ at = "/assets", by_key = true }`.
fn records(value: &DeValue<'_>) -> Result<RecordsPath, Wrong> {
    let (at, by_key, lines) = match value {
        DeValue::Table(table) => {
            let known = |key: &str| matches!(key, "at" | "by_key" | "lines");
            if !table.keys().all(|key| known(key.get_ref())) {
                return Err(Wrong::rule("`records` knows at, by_key and lines"));
            }
            let at = table.get("at").map_or(Ok(Default::default()), |at| pointer(at.get_ref()))?;
            (at, flag(table, "by_key")?, flag(table, "lines")?)
        }
        _ => (pointer(value)?, false, false),
    };
    if lines && (by_key || !at.0.is_empty()) {
        return Err(Wrong::rule("`lines` stands alone: { lines = true }"));
    }
    let step =
        |part: compact_str::CompactString| if part == "*" { PathStep::Each } else { PathStep::Into(part) };
    Ok(RecordsPath { steps: at.0.into_iter().map(step).collect(), by_key, is_written: true, lines })
}

/// A field, or `{ of = ["/chainId", "/address"], join = ":" }`.
fn id(value: &DeValue<'_>) -> Result<IdMapping, Wrong> {
    let Some(table) = value.as_table().filter(|table| table.contains_key("of")) else {
        return Ok(IdMapping { parts: vec![field::field(value)?], join: String::new() });
    };
    let known = |key: &str| matches!(key, "of" | "join" | "lower" | "trim" | "upper");
    if !table.keys().all(|key| known(key.get_ref())) {
        return Err(Wrong::rule("an id of several parts knows of, join, lower, upper and trim"));
    }
    let parts = table["of"].get_ref().as_array().filter(|parts| (1..=PARTS_MAX).contains(&parts.len()));
    let wrong = || Wrong::rule(format!("`of` must be a list of 1 to {PARTS_MAX} places"));
    let whole = field::meaning(table)?;
    let part = |value: &DeValue<'_>| {
        let part = field::field(value)?;
        let case = part.case.or(whole.case);
        Ok(Field { case, trim: part.trim || whole.trim, ..part })
    };
    let parts: Result<Vec<_>, Wrong> =
        parts.ok_or_else(wrong)?.iter().map(|value| part(value.get_ref())).collect();
    let join = table.get("join").map_or(Some(""), |join| join.get_ref().as_str());
    let join = join.ok_or_else(|| Wrong::rule("`join` must be a text"))?.to_owned();
    Ok(IdMapping { parts: parts?, join })
}

fn rules(s: &mut Section<'_>) -> MemberRules {
    let keep = s.read("keep", texts);
    let drop = s.read("drop", texts).unwrap_or_default();
    let constants = s.optional_section("constants").map(|constants| {
        constants
            .entries(|name, value| match name {
                "id" | "updated_at" | "price" => Err(Wrong::rule("has a place of its own in an asset")),
                _ => Ok(json_of(value).to_string()),
            })
            .collect()
    });
    let rules = MemberRules {
        keep: keep.map(|names| names.into_iter().collect()),
        drop: drop.into_iter().collect(),
        constants: constants.unwrap_or_default(),
    };
    if rules.keep.is_some() && !rules.drop.is_empty() {
        s.refuse("drop", Wrong::rule("must not stand beside `keep`, which names all that passes"));
    }
    rules
}

/// A TOML value as JSON; a date or time becomes its text.
fn json_of(value: &DeValue<'_>) -> serde_json::Value {
    match value {
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(0).into(),
        DeValue::Float(number) => number.as_str().parse::<f64>().unwrap_or(0.0).into(),
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Datetime(at) => at.to_string().into(),
        DeValue::Array(items) => items.iter().map(|item| json_of(item.get_ref())).collect(),
        DeValue::Table(table) => {
            let members =
                table.iter().map(|(name, value)| (name.get_ref().to_string(), json_of(value.get_ref())));
            serde_json::Value::Object(members.collect())
        }
    }
}

/// The prices of a record: those of `price` first.
fn quotes(s: &mut Section<'_>, reading: &TimeReading) -> Vec<QuoteMapping> {
    let price = s.optional_section("price").map(|section| quote::price(section, reading));
    let several: Vec<_> =
        s.sections("quotes").into_iter().map(|section| quote::quote(section, reading)).collect();
    if price.is_none() && several.is_empty() {
        let own = QuoteMapping::own();
        let as_of = own.as_of.map(|own| TimeField { reading: reading.clone(), ..own });
        return vec![QuoteMapping { as_of, ..own }];
    }
    price.into_iter().chain(several).flatten().collect()
}
