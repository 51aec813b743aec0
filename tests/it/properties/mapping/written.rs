//! The words of TOML for what a mapping says.

use super::spec::{Field, Path, Place, Spelling, Time};
use serde_json::json;

/// A JSON pointer, in quotes.
pub fn pointer(path: &Path) -> String {
    let parts = path.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1")));
    json!(parts.collect::<String>()).to_string()
}

fn place(place: &Place) -> String {
    match place {
        Place::At(path) => pointer(path),
        Place::Key => "{ key = true }".to_owned(),
        Place::Above(up, path) => format!("{{ up = {up}, at = {} }}", pointer(path)),
        Place::KeyAbove(up) => format!("{{ up = {up}, key = true }}"),
        Place::Constant(text) => format!("{{ const = \"{text}\" }}"),
    }
}

pub fn field(field: &Field) -> String {
    table(field, "", "first")
}

pub fn time(time: &Time) -> String {
    let zone = time.zone.map(|zone| format!("time_zone = \"{zone}\", ")).unwrap_or_default();
    table(&time.field, &format!("time = {}, {zone}", spelling(time.spelling)), "first")
}

pub fn spelling(spelling: Spelling) -> &'static str {
    match spelling {
        Spelling::Rfc3339 => "\"rfc3339\"",
        Spelling::Seconds => "\"unix_seconds\"",
        Spelling::Millis => "\"unix_millis\"",
        Spelling::Micros => "\"unix_micros\"",
        Spelling::Pattern => "\"%d.%m.%Y %H:%M\"",
    }
}

/// A table of all that a field says, its places under the key `at`, with `more` of its own.
pub fn table(field: &Field, more: &str, at: &str) -> String {
    let places: Vec<_> = field.places.iter().map(place).collect();
    let mut text = format!("{{ {at} = [{}], {more}", places.join(", "));
    if !field.none.is_empty() {
        text.push_str(&format!("none = {}, ", json!(field.none)));
    }
    if !field.words.is_empty() || field.star.is_some() {
        let star = field.star.iter().map(|ours| ("*", *ours));
        let words = field.words.iter().map(|(theirs, ours)| (*theirs, *ours)).chain(star);
        let words: Vec<_> = words.map(|(theirs, ours)| format!("\"{theirs}\" = \"{ours}\"")).collect();
        text.push_str(&format!("map = {{ {} }}, ", words.join(", ")));
    }
    let flags = [("lower", field.lower), ("upper", field.upper), ("trim", field.trim)];
    for (name, _) in flags.iter().filter(|(_, is_set)| *is_set) {
        text.push_str(&format!("{name} = true, "));
    }
    if field.keeps {
        text.push_str("else = \"keep\", ");
    }
    format!("{} }}", text.trim_end_matches(", "))
}
