//! Presets: what is known of a sender, in the keys that a file would say it by.

use super::super::fault::Wrong;
use super::super::raw::Section;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Keys whose tables are put together entry by entry; all others are replaced whole.
const PUT_TOGETHER: [&str; 4] = ["auth", "events", "times", "mapping"];

/// Each preset by its name. What only the partner can know is left out: secrets, and the currency of
/// shops that do not say it.
pub(super) const PRESETS: [(&str, &str); 6] = [
    ("woocommerce", include_str!("presets/woocommerce.toml")),
    ("shopify", include_str!("presets/shopify.toml")),
    ("stripe", include_str!("presets/stripe.toml")),
    ("strapi", include_str!("presets/strapi.toml")),
    ("directus", include_str!("presets/directus.toml")),
    ("standard", include_str!("presets/standard.toml")),
];

/// The keys of the file, with those of the preset that it names beneath; `None` where it names none.
pub fn over<'a>(section: &Section<'a>, own: &DeTable<'a>) -> Option<DeTable<'a>> {
    let named = own.get("preset")?;
    let word = named.get_ref().as_str().unwrap_or_default();
    let Some((_, text)) = PRESETS.iter().find(|(name, _)| *name == word) else {
        let known = PRESETS.map(|(name, _)| format!("\"{name}\"")).join(", ");
        section.refuse("preset", Wrong::rule(format!("must be one of {known}")));
        return None;
    };
    let preset = DeTable::parse(text).expect("a preset is TOML: a test reads each").into_inner();
    let mut whole = own.clone();
    for (key, value) in preset {
        // what is wrong with it in this file is shown where the preset is named
        let key = Spanned::new(named.span(), key.into_inner());
        let value = at_span(value, &named.span());
        match whole.get_mut(key.get_ref().as_ref()) {
            None => {
                whole.insert(key, value);
            }
            Some(own) if PUT_TOGETHER.contains(&key.get_ref().as_ref()) => put_together(own, value),
            Some(_) => {}
        }
    }
    Some(whole)
}

fn put_together<'a>(own: &mut Spanned<DeValue<'a>>, preset: Spanned<DeValue<'a>>) {
    let (DeValue::Table(own), DeValue::Table(preset)) = (own.get_mut(), preset.into_inner()) else { return };
    let word =
        |table: &DeTable<'_>, key: &str| table.get(key).and_then(|v| v.get_ref().as_str().map(str::to_owned));
    // another kind of proof has keys of its own
    if own.contains_key("kind") && word(own, "kind") != word(&preset, "kind") {
        return;
    }
    for (key, value) in preset {
        own.entry(key).or_insert(value);
    }
}

fn at_span<'a>(value: Spanned<DeValue<'a>>, span: &Range<usize>) -> Spanned<DeValue<'a>> {
    let value = match value.into_inner() {
        DeValue::Table(table) => {
            let moved = |(key, value): (Spanned<_>, _)| {
                (Spanned::new(span.clone(), key.into_inner()), at_span(value, span))
            };
            DeValue::Table(table.into_iter().map(moved).collect())
        }
        DeValue::Array(items) => DeValue::Array(items.into_iter().map(|item| at_span(item, span)).collect()),
        plain => plain,
    };
    Spanned::new(span.clone(), value)
}
