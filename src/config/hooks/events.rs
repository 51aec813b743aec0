//! What kinds of event mean, when they were true, and which bodies mean something else.

use super::super::fault::Wrong;
use super::super::raw::{Section, text_of};
use super::place;
use crate::domain::hook::{EventMeaning, EventPattern, EventTable, WhenMatch, WhenRule};
use crate::domain::mapping::TimeField;
use toml::de::DeValue;

/// `{ "product.updated" = "asset.upserted", "*" = "ignored" }`.
pub fn meanings(section: Section<'_>) -> EventTable<EventMeaning> {
    let entries = section.entries(|name, value| Ok((pattern(name)?, meaning(value)?)));
    EventTable::new(entries.map(|(_, row)| row).collect())
}

/// `{ "entry.delete" = "/createdAt", "products/delete" = false }`.
pub fn times(section: Section<'_>) -> EventTable<Option<TimeField>> {
    let entries = section.entries(|name, value| {
        let time = if value.as_bool() == Some(false) { None } else { Some(place::time(value)?) };
        Ok((pattern(name)?, time))
    });
    EventTable::new(entries.map(|(_, row)| row).collect())
}

/// `{ at = "/entry/publishedAt", is = "null", then = "ignored" }`.
pub fn rule(mut section: Section<'_>) -> Option<WhenRule> {
    let s = &mut section;
    let rule = (s.read("at", place::field), s.read("is", wanted), s.read("then", meaning));
    for key in ["at", "is", "then"] {
        if !s.has(key) {
            s.refuse(key, Wrong::rule("is needed here"));
        }
    }
    let events = s.read("event", |value| words(value)?.iter().map(|word| pattern(word)).collect());
    section.finish();
    let (Some(at), Some(is), Some(then)) = rule else { return None };
    Some(WhenRule { events: events.unwrap_or_default(), at, is, then })
}

fn pattern(text: &str) -> Result<EventPattern, Wrong> {
    let wrong = || Wrong::rule("a kind of event has at most one *, which stands for any text");
    EventPattern::new(text).ok_or_else(wrong)
}

fn meaning(value: &DeValue<'_>) -> Result<EventMeaning, Wrong> {
    let found = value.as_str().and_then(|text| EventMeaning::ALL.into_iter().find(|m| m.as_str() == text));
    let known = EventMeaning::ALL.map(|meaning| format!("\"{}\"", meaning.as_str())).join(", ");
    found.ok_or_else(|| Wrong::rule(format!("must be one of {known}")))
}

fn wanted(value: &DeValue<'_>) -> Result<WhenMatch, Wrong> {
    Ok(match value.as_str() {
        Some("null") => WhenMatch::Null,
        Some("missing") => WhenMatch::Missing,
        _ => WhenMatch::Words(words(value)?),
    })
}

/// A text, or a list of them.
fn words(value: &DeValue<'_>) -> Result<Vec<String>, Wrong> {
    const WORDS_MAX: usize = 64;
    let Some(items) = value.as_array() else { return Ok(vec![text_of(value)?.to_owned()]) };
    if items.is_empty() || items.len() > WORDS_MAX {
        return Err(Wrong::rule(format!("must be a text, or a list of 1 to {WORDS_MAX} texts")));
    }
    items.iter().map(|item| text_of(item.get_ref()).map(str::to_owned)).collect()
}
