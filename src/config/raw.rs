//! The raw shape: a TOML file as sections from which typed values are asked by key.
//!
//! A serde shape would stop at the first value that does not fit. Here every key is read by
//! itself: what is wrong becomes a [`ConfigFault`] with its line, the default takes its place, and
//! reading goes on. A key that nobody asked for is a fault too.

use super::KeyHash;
use super::fault::{ConfigFault, Wrong};
use super::units::{format_bytes, format_duration, parse_bytes, parse_duration};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Values longer than this are shortened in faults.
const SHOWN_CHARS_MAX: usize = 60;
/// Syntax errors reported of one file: behind the first few they only echo each other.
const SYNTAX_FAULTS_MAX: usize = 5;

/// What all files of one configuration share.
#[derive(Default)]
pub(super) struct Findings {
    pub faults: RefCell<Vec<ConfigFault>>,
    /// Who holds which key: no two partners, readers or the operator may share one.
    keys: RefCell<HashMap<KeyHash, String>>,
}

/// One file: its text, and where its relative paths begin.
pub(super) struct Source<'a> {
    pub file: PathBuf,
    pub text: &'a str,
    /// Whose keys stand in it, for faults about shared keys.
    pub owner: String,
    /// The directory of the configuration.
    pub directory: &'a Path,
    pub findings: &'a Findings,
}

impl Findings {
    /// Reports what is wrong with a file as a whole.
    pub fn report_file(&self, file: PathBuf, wrong: Wrong) {
        let Wrong { rule, hint } = wrong;
        let fault = ConfigFault { file, line: None, key: String::new(), value: None, rule, hint };
        self.faults.borrow_mut().push(fault);
    }
}

impl<'a> Source<'a> {
    /// The file's table; `None` after syntax faults.
    pub fn parse(&self) -> Option<Spanned<DeTable<'a>>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors.iter().take(SYNTAX_FAULTS_MAX) {
            // `message` alone: the error's full text would quote the line, and with it a secret
            let wrong = Wrong::rule(format!("is not TOML: {}", error.message()));
            self.report("", error.span(), None, wrong);
        }
        errors.is_empty().then_some(table)
    }

    pub fn report(&self, key: &str, place: Option<Range<usize>>, value: Option<String>, wrong: Wrong) {
        let line = place.map(|span| {
            let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
            before.iter().filter(|&&byte| byte == b'\n').count() + 1
        });
        let Wrong { rule, hint } = wrong;
        let fault = ConfigFault { file: self.file.clone(), line, key: key.to_owned(), value, rule, hint };
        self.findings.faults.borrow_mut().push(fault);
    }
}

impl Source<'_> {
    /// The hash of a key, which is held from here on.
    pub fn key(&self, value: &DeValue<'_>) -> Result<KeyHash, Wrong> {
        let hash = value.as_str().and_then(KeyHash::parse).ok_or_else(|| {
            Wrong::rule("must be the hash of a key, \"sha256:\" and 64 hexadecimal digits")
                .hint("never the key itself; make the hash with: printf %s KEY | sha256sum")
        })?;
        self.hold(hash).map(|()| hash)
    }

    /// A key, or what signs, has one holder.
    pub fn hold(&self, hash: KeyHash) -> Result<(), Wrong> {
        match self.findings.keys.borrow_mut().insert(hash, self.owner.clone()) {
            None => Ok(()),
            Some(holder) => Err(Wrong::rule(format!("this key is already held by {holder}"))
                .hint("a key names one partner or reader: give each its own")),
        }
    }
}

/// A table of a file, or the absence of one: then every key has its default.
pub(super) struct Section<'a> {
    pub source: &'a Source<'a>,
    /// Where in the file; empty for the file itself.
    path: String,
    place: Option<Range<usize>>,
    table: Option<&'a DeTable<'a>>,
    asked: Vec<&'static str>,
}

type Value<'a> = Spanned<DeValue<'a>>;

impl<'a> Section<'a> {
    pub fn whole(source: &'a Source<'a>, table: &'a DeTable<'a>) -> Section<'a> {
        Section { source, path: String::new(), place: None, table: Some(table), asked: Vec::new() }
    }

    /// The section with other keys than the file gives it.
    pub fn with_table<'b>(&self, table: &'b DeTable<'b>) -> Section<'b>
    where
        'a: 'b,
    {
        let (path, place) = (self.path.clone(), self.place.clone());
        Section { source: self.source, path, place, table: Some(table), asked: Vec::new() }
    }

    /// What the file gives.
    pub fn table(&self) -> Option<&'a DeTable<'a>> {
        self.table
    }

    /// Reads a key by `read`; a fault where that refuses, `None` where there is nothing to use.
    pub fn read<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&DeValue<'a>) -> Result<T, Wrong>,
    ) -> Option<T> {
        let value = self.ask(key)?;
        let shown = self.shown(value);
        self.settle(key, value, Some(shown), read)
    }

    /// As `read`, for what may be a secret: a fault does not show the value.
    pub fn read_masked<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&DeValue<'a>) -> Result<T, Wrong>,
    ) -> Option<T> {
        let value = self.ask(key)?;
        self.settle(key, value, None, read)
    }

    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.read(key, |value| text_of(value).map(str::to_owned))
    }

    pub fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        let read = |value: &DeValue<'_>| value.as_bool().ok_or_else(|| Wrong::rule("must be true or false"));
        self.read(key, read).unwrap_or(default)
    }

    /// A whole number within `range`.
    pub fn number<T>(&mut self, key: &'static str, default: T, range: RangeInclusive<T>) -> T
    where
        T: TryFrom<u64> + PartialOrd + Display,
    {
        let read = |value: &DeValue<'_>| {
            let number = whole_number(value).and_then(|number| T::try_from(number).ok());
            let sound = number.filter(|number| range.contains(number));
            let (least, most) = (range.start(), range.end());
            sound.ok_or_else(|| Wrong::rule(format!("must be a whole number from {least} to {most}")))
        };
        self.read(key, read).unwrap_or(default)
    }

    /// A share between the bounds, as `0.1`.
    pub fn share(&mut self, key: &'static str, default: f64, range: RangeInclusive<f64>) -> f64 {
        let read = |value: &DeValue<'_>| {
            let number = match value {
                DeValue::Float(float) => float.as_str().parse().ok(),
                DeValue::Integer(integer) => integer.as_str().parse().ok(),
                _ => None,
            };
            let (least, most) = (range.start(), range.end());
            let sound = number.filter(|number: &f64| range.contains(number));
            sound.ok_or_else(|| Wrong::rule(format!("must be a number from {least} to {most}")))
        };
        self.read(key, read).unwrap_or(default)
    }

    pub fn duration(
        &mut self,
        key: &'static str,
        default: Duration,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        self.read(key, |value| duration_of(value, &range)).unwrap_or(default)
    }

    /// A size within `range`, in bytes.
    pub fn bytes<T>(&mut self, key: &'static str, default: T, range: RangeInclusive<u64>) -> T
    where
        T: TryFrom<u64>,
    {
        let read = |value: &DeValue<'_>| {
            let bytes = value.as_str().and_then(parse_bytes).filter(|bytes| range.contains(bytes));
            let (least, most) = (format_bytes(*range.start()), format_bytes(*range.end()));
            let rule = format!("must be a size from \"{least}\" to \"{most}\"");
            let wrong =
                || Wrong::rule(rule).hint("write a whole number and B, KiB, MiB or GiB, such as \"4MiB\"");
            bytes.and_then(|bytes| T::try_from(bytes).ok()).ok_or_else(wrong)
        };
        self.read(key, read).unwrap_or(default)
    }

    /// One of a closed set of words.
    pub fn choice<T: Copy>(&mut self, key: &'static str, default: T, words: &[(&str, T)]) -> T {
        let read = |value: &DeValue<'_>| {
            let found = value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
            let known: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            let wrong = || Wrong::rule(format!("must be one of {}", known.join(", ")));
            found.map(|(_, meaning)| *meaning).ok_or_else(wrong)
        };
        self.read(key, read).unwrap_or(default)
    }

    /// A list whose items are read one by one; items that are refused are left out.
    pub fn list<T>(
        &mut self,
        key: &'static str,
        items_max: usize,
        read: impl Fn(&DeValue<'a>) -> Result<T, Wrong>,
    ) -> Option<Vec<T>> {
        self.items(key, items_max, false, read)
    }

    /// The items of a list, as they are read one by one where they are sections, and by `plain` where not.
    pub fn items_or_sections<T>(
        &mut self,
        key: &'static str,
        items_max: usize,
        plain: impl Fn(&DeValue<'a>) -> Result<T, Wrong>,
        of_section: impl Fn(Section<'a>) -> Option<T>,
    ) -> Vec<T> {
        let items = self.items(key, items_max, true, |value| match value.is_table() {
            true => Ok(None),
            false => plain(value).map(Some),
        });
        let tables = self.table.and_then(|table| table.get(key)?.get_ref().as_array());
        let tables = tables.into_iter().flat_map(|array| array.iter().enumerate());
        let mut tables = tables.filter(|(_, item)| item.get_ref().is_table());
        let mut sections = || {
            let (place, item) = tables.next()?;
            self.subsection(format!("{}[{place}]", self.path_of(key)), item).and_then(&of_section)
        };
        items.into_iter().flatten().filter_map(|item| item.or_else(&mut sections)).collect()
    }

    /// The hash of one key, where it is given; it may be held by one owner only.
    pub fn key(&mut self, key: &'static str) -> Option<KeyHash> {
        let source = self.source;
        self.read_masked(key, |value| source.key(value))
    }

    /// A section below this one, present or not.
    pub fn section(&mut self, key: &'static str) -> Section<'a> {
        let absent = Section {
            source: self.source,
            path: self.path_of(key),
            place: None,
            table: None,
            asked: Vec::new(),
        };
        self.optional_section(key).unwrap_or(absent)
    }

    pub fn optional_section(&mut self, key: &'static str) -> Option<Section<'a>> {
        let value = self.ask(key)?;
        let path = self.path_of(key);
        self.subsection(path, value)
    }

    /// Sections under one key, as `[[key]]` writes them.
    pub fn sections(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.ask(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            let wrong = Wrong::rule(format!("must be a list of sections, each begun with [[{key}]]"));
            self.source.report(&self.path_of(key), Some(value.span()), None, wrong);
            return Vec::new();
        };
        let named =
            array.iter().enumerate().map(|(place, item)| (format!("{}[{place}]", self.path_of(key)), item));
        named.filter_map(|(path, item)| self.subsection(path, item)).collect()
    }

    /// Reads a section whose keys are free: each with its text.
    pub fn entries<T>(
        self,
        read: impl Fn(&str, &DeValue<'a>) -> Result<T, Wrong>,
    ) -> impl Iterator<Item = (String, T)> {
        let table = self.table.into_iter().flatten();
        table.filter_map(move |(key, value)| {
            let name = key.get_ref().as_ref();
            let path = format!("{}.{name}", self.path);
            let shown = Some(self.shown(value));
            let read = read(name, value.get_ref()).map_err(|wrong| {
                self.source.report(&path, Some(value.span()), shown, wrong);
            });
            Some((name.to_owned(), read.ok()?))
        })
    }

    /// Whether the file gives the key a value, sound or not.
    pub fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Whether a list is absent or empty as written: then nothing has been said of it yet.
    pub fn lacks_items(&self, key: &str) -> bool {
        let value = self.table.and_then(|table| table.get(key));
        value.is_none_or(|value| value.get_ref().as_array().is_some_and(|array| array.is_empty()))
    }

    /// Reports a rule that a key breaks together with others, or by its absence.
    pub fn refuse(&self, key: &'static str, wrong: Wrong) {
        let value = self.table.and_then(|table| table.get(key));
        let place = value.map(Spanned::span).or(self.place.clone());
        // what a list or a section holds may be a secret
        let plain = value.filter(|value| !value.get_ref().is_array() && !value.get_ref().is_table());
        let shown = plain.map(|value| self.shown(value));
        self.source.report(&self.path_of(key), place, shown, wrong);
    }

    /// Closes the section: keys that nobody asked for are faults.
    pub fn finish(self) {
        for (key, _) in self.table.into_iter().flatten() {
            let name: &Cow<'_, str> = key.get_ref();
            if self.asked.iter().any(|asked| asked == name) {
                continue;
            }
            let path = if self.path.is_empty() { name.to_string() } else { format!("{}.{name}", self.path) };
            let known =
                Wrong::rule("is not a known key").hint(format!("known here: {}", self.asked.join(", ")));
            self.source.report(&path, Some(key.span()), None, known);
        }
    }

    fn ask(&mut self, key: &'static str) -> Option<&'a Value<'a>> {
        self.asked.push(key);
        self.table?.get(key)
    }

    fn settle<T>(
        &self,
        key: &'static str,
        value: &Value<'a>,
        shown: Option<String>,
        read: impl FnOnce(&DeValue<'a>) -> Result<T, Wrong>,
    ) -> Option<T> {
        let refused = |wrong| self.source.report(&self.path_of(key), Some(value.span()), shown, wrong);
        read(value.get_ref()).map_err(refused).ok()
    }

    fn items<T>(
        &mut self,
        key: &'static str,
        items_max: usize,
        masked: bool,
        read: impl Fn(&DeValue<'a>) -> Result<T, Wrong>,
    ) -> Option<Vec<T>> {
        let value = self.ask(key)?;
        let Some(array) = value.get_ref().as_array().filter(|array| array.len() <= items_max) else {
            let wrong = Wrong::rule(format!("must be a list of at most {items_max} items"));
            self.source.report(&self.path_of(key), Some(value.span()), None, wrong);
            return None;
        };
        let mut items = Vec::with_capacity(array.len());
        for (place, item) in array.iter().enumerate() {
            let shown = (!masked).then(|| self.shown(item));
            match read(item.get_ref()) {
                Ok(sound) => items.push(sound),
                Err(wrong) => {
                    let path = format!("{}[{place}]", self.path_of(key));
                    self.source.report(&path, Some(item.span()), shown, wrong);
                }
            }
        }
        Some(items)
    }

    fn subsection(&self, path: String, value: &'a Value<'a>) -> Option<Section<'a>> {
        let place = Some(value.span());
        let Some(table) = value.get_ref().as_table() else {
            // the value is not shown: it may be a secret where a reference to one belongs
            self.source.report(&path, place, None, Wrong::rule("must be a section of keys, not one value"));
            return None;
        };
        Some(Section { source: self.source, path, place, table: Some(table), asked: Vec::new() })
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The value as it stands in the file, on one line and shortened.
    fn shown(&self, value: &Value<'a>) -> String {
        let text = without_secrets(self.source.text.get(value.span()).unwrap_or_default());
        let mut shown: String = text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS_MAX).collect();
        if text.chars().count() > SHOWN_CHARS_MAX {
            shown.push('…');
        }
        shown
    }
}

/// Takes user, password and query out of an address.
fn without_secrets(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else { return text.into() };
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let plain = place.split(['?', '#']).next().unwrap_or_default();
    if plain == rest { text.into() } else { format!("{scheme}://{plain}…").into() }
}

pub(super) fn text_of<'v>(value: &'v DeValue<'_>) -> Result<&'v str, Wrong> {
    let text = value.as_str().filter(|text| !text.is_empty());
    text.ok_or_else(|| Wrong::rule("must be a text in quotes, not empty"))
}

pub(super) fn duration_of(value: &DeValue<'_>, range: &RangeInclusive<Duration>) -> Result<Duration, Wrong> {
    let duration = value.as_str().and_then(parse_duration).filter(|duration| range.contains(duration));
    let (least, most) = (format_duration(*range.start()), format_duration(*range.end()));
    duration.ok_or_else(|| {
        Wrong::rule(format!("must be a duration from \"{least}\" to \"{most}\""))
            .hint("write a whole number and ms, s, m, h or d, such as \"24h\"")
    })
}

fn whole_number(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}
