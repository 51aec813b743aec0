//! A feed's `[feed.pages]`: how a document that comes in pages is read to its end.
//!
//! The way from one page to the next is exactly one of `next`, `link`, `page`, `offset`, `cursor`,
//! `part` and `manifest`. `count` and `more` are what a page says of the whole, and prove that it was read to its
//! end where the way itself does not.

use super::fault::Wrong;
use super::mapping::pointer;
use super::raw::{Section, text_of};
use super::units::seconds;
use super::{CursorPlace, NextPage, PageSettings};
use crate::domain::Pointer;
use toml::de::DeValue;

/// Beyond this a catalogue is better read from one file.
const PAGES_MAX: u32 = 100_000;
/// A longer wait is no politeness: the whole fetch has an hour.
const PAUSE_SECONDS_MAX: u64 = 60;
/// Longer names of parameters are mistakes.
const PARAMETER_BYTES_MAX: usize = 64;
/// What no server counts to; sums with it stay far from any overflow.
const NUMBER_MAX: u64 = 1 << 40;

pub(super) fn pages(mut section: Section<'_>) -> Option<PageSettings> {
    let s = &mut section;
    let member = s.read("next", pointer).map(NextPage::Member);
    let header = s.boolean("link", false).then_some(NextPage::Header);
    let number = s.optional_section("page").and_then(number);
    let offset = s.optional_section("offset").and_then(offset);
    let cursor = s.optional_section("cursor").and_then(cursor);
    let part = s.optional_section("part").and_then(part);
    let manifest = s.optional_section("manifest").map(manifest);
    let given = ["next", "link", "page", "offset", "cursor", "part", "manifest"]
        .into_iter()
        .filter(|key| s.has(key))
        .count();
    if given != 1 {
        let rule = Wrong::rule(
            "pages are found by exactly one of next, link, page, offset, cursor, part and manifest",
        );
        s.refuse("next", rule.hint("next = \"/next\" where each page holds the address of the one after"));
    }
    let next = [member, header, number, offset, cursor, part, manifest].into_iter().flatten().next();
    let default = PageSettings::by(NextPage::Header);
    let settings = PageSettings {
        next: next.clone().unwrap_or(default.next),
        count: s.read("count", pointer),
        more: s.read("more", pointer),
        pages_max: s.number("pages_max", default.pages_max, 1..=PAGES_MAX),
        pause: s.duration("pause", default.pause, seconds(0, PAUSE_SECONDS_MAX)),
    };
    if matches!(settings.next, NextPage::Member(_) | NextPage::Header) && settings.more.is_some() {
        s.refuse("more", Wrong::rule("has no use beside a link, which says itself whether a page follows"));
    }
    if matches!(settings.next, NextPage::Part { .. } | NextPage::Manifest { .. }) && settings.more.is_some() {
        s.refuse("more", Wrong::rule("has no use beside parts, whose number is known"));
    }
    section.finish();
    next.map(|_| settings)
}

fn number(mut section: Section<'_>) -> Option<NextPage> {
    let parameter = parameter(&mut section);
    let first = section.number("first", 1, 0..=NUMBER_MAX);
    let total = section.read("total", pointer);
    section.finish();
    Some(NextPage::Number { parameter: parameter?, first, total })
}

fn offset(mut section: Section<'_>) -> Option<NextPage> {
    let parameter = parameter(&mut section);
    let first = section.number("first", 0, 0..=NUMBER_MAX);
    let step = section.has("step").then(|| section.number("step", 1, 1..=NUMBER_MAX));
    section.finish();
    Some(NextPage::Offset { parameter: parameter?, first, step })
}

fn cursor(mut section: Section<'_>) -> Option<NextPage> {
    let parameter = parameter(&mut section);
    let page = section.read("at", pointer).map(CursorPlace::Page);
    let record = section.read("of_last", pointer).map(CursorPlace::LastRecord);
    if section.has("at") == section.has("of_last") {
        let rule = Wrong::rule("a cursor is either in the page (at) or in its last record (of_last)");
        section.refuse("at", rule);
    }
    section.finish();
    Some(NextPage::Cursor { parameter: parameter?, place: page.or(record)? })
}

fn part(mut section: Section<'_>) -> Option<NextPage> {
    if !section.has("address") {
        let rule = Wrong::rule("is needed here");
        section.refuse("address", rule.hint("such as \"assets-{part}.json\", beside the feed's url"));
    }
    let address = section.read("address", |value: &DeValue<'_>| {
        let text = text_of(value)?;
        let is_sound =
            text.matches("{part}").count() == 1 && text.bytes().all(|byte| byte.is_ascii_graphic());
        let rule = "must be ASCII without white space, with {part} once, where the number of the part stands";
        if is_sound { Ok(text.to_owned()) } else { Err(Wrong::rule(rule)) }
    });
    let own = |name: &str| Pointer(vec![name.into()]);
    let part = section.read("part", pointer).unwrap_or_else(|| own("part"));
    let parts = section.read("parts", pointer).unwrap_or_else(|| own("parts"));
    let same = section.read("same", pointer).unwrap_or_else(|| own("generated_at"));
    section.finish();
    Some(NextPage::Part { address: address?, part, parts, same })
}

fn manifest(mut section: Section<'_>) -> NextPage {
    let mut place = |key, own: &str| section.read(key, pointer).unwrap_or_else(|| Pointer(vec![own.into()]));
    let (parts, address) = (place("parts", "parts"), place("address", "url"));
    let (sha256, count) = (place("sha256", "sha256"), place("count", "count"));
    section.finish();
    NextPage::Manifest { parts, address, sha256, count }
}

/// The name of the query's parameter; it is needed.
fn parameter(section: &mut Section<'_>) -> Option<String> {
    if !section.has("parameter") {
        section.refuse("parameter", Wrong::rule("is needed here").hint("such as \"page\", for ?page=2"));
    }
    section.read("parameter", |value: &DeValue<'_>| {
        let text = text_of(value)?;
        let is_sound = text.len() <= PARAMETER_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
        let rule = format!("must be ASCII without white space, at most {PARAMETER_BYTES_MAX} bytes");
        if is_sound { Ok(text.to_owned()) } else { Err(Wrong::rule(rule)) }
    })
}
