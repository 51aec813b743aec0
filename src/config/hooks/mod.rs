//! A partner's `[[hooks]]`: calls of a shop, a CMS or a payment service, in their own shape.
//!
//! A `preset` is a table of the same keys; what the file says goes before it, key by key. `src/MAPPING.md`
//! describes the language by example.

mod events;
mod place;
mod preset;
mod proof;

use super::HookSettings;
use super::fault::Wrong;
use super::mapping::{self, hook_mapping};
use super::raw::{Section, text_of};
use crate::domain::PartnerName;
use crate::domain::hook::{EventTable, Hook};
use place::{field, time};
use std::collections::BTreeSet;
use std::sync::Arc;

/// More hooks of one partner are a mistake.
const HOOKS_MAX: usize = 32;

/// Reads all hooks of a partner.
pub(super) fn hooks(sections: Vec<Section<'_>>) -> Vec<HookSettings> {
    let mut names = BTreeSet::new();
    let mut hooks = Vec::with_capacity(sections.len());
    for (place, section) in sections.into_iter().enumerate() {
        if place == HOOKS_MAX {
            section.refuse("name", Wrong::rule(format!("a partner has at most {HOOKS_MAX} hooks")));
            break;
        }
        if let Some(table) = section.table().and_then(|table| preset::over(&section, table)) {
            hooks.extend(hook(section.with_table(&table), &mut names));
        } else {
            hooks.extend(hook(section, &mut names));
        }
    }
    hooks
}

fn hook(mut section: Section<'_>, names: &mut BTreeSet<String>) -> Option<HookSettings> {
    let s = &mut section;
    let name = s.read("name", |value| hook_name(text_of(value)?));
    if !s.has("name") {
        s.refuse("name", Wrong::rule("a hook needs a name: it is a part of its path"));
    }
    if name.as_ref().is_some_and(|name| !names.insert(name.clone())) {
        s.refuse("name", Wrong::rule("another hook of this partner has this name"));
    }
    // read before: it has been put under the keys of the file
    let _ = s.text("preset");
    let proof = s.optional_section("auth").and_then(proof::proof);
    if !s.has("auth") {
        let rule = Wrong::rule("a hook needs to know its sender");
        s.refuse(
            "auth",
            rule.hint("auth = { kind = \"hmac_sha256\", header = \"…\", secret = { file = \"…\" } }"),
        );
    }
    let event = mapping::optional(s, "event", field, None);
    let events = s.optional_section("events").map(events::meanings);
    if event.is_some() != events.is_some() {
        let rule = Wrong::rule(
            "`event` says where the kind of event is, `events` what each kind means: both, or neither",
        );
        s.refuse(
            "events",
            rule.hint("events = { \"product.updated\" = \"asset.upserted\", \"*\" = \"ignored\" }"),
        );
    }
    let times = s.optional_section("times").map(events::times);
    if times.is_some() && event.is_none() {
        s.refuse("times", Wrong::rule("`times` is by kind of event, and there is no `event`"));
    }
    let hook = Hook {
        delivery: mapping::optional(s, "delivery", field, None),
        time: mapping::optional(s, "time", time, None),
        times: times.unwrap_or_else(|| EventTable::new(Vec::new())),
        event,
        events: events.unwrap_or_else(|| EventTable::new(Vec::new())),
        when: s.sections("when").into_iter().filter_map(events::rule).collect(),
        mapping: hook_mapping(s.section("mapping")),
    };
    section.finish();
    let (proof, secrets) = proof?;
    Some(HookSettings { name: name?, proof, secrets, hook: Arc::new(hook) })
}

fn hook_name(name: &str) -> Result<String, Wrong> {
    let sound = PartnerName::new(name).is_ok();
    let wrong = || Wrong::rule("must be 1-64 characters of a-z, 0-9, - and _, and not begin with -");
    sound.then(|| name.to_owned()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests;
