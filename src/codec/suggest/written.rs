//! A proposal as the text of a configuration: one key a line, each with its reason.

use super::hints::Hints;
use crate::codec::json;

/// Lines of keys that a proposal may have: what is beyond is named, not written.
const LINES_MAX: usize = 15;

/// One key with its value, as TOML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its name.
    pub key: &'static str,
    /// In TOML.
    pub value: String,
    /// Why so; may be empty.
    pub why: String,
}

/// A section of the configuration below `[feed]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Of `[feed.mapping]`.
    pub mapping: Vec<Line>,
    /// Of `[feed.mapping.price]`, or of each `[[feed.mapping.quotes]]`.
    pub quotes: Vec<Vec<Line>>,
    /// There is but one price, and it needs no name.
    pub is_one: bool,
    /// Of `[feed.pages]`.
    pub pages: Vec<Line>,
    /// What could not be decided, with what was seen.
    pub undecided: Vec<String>,
    /// What is worth a look.
    pub notes: Vec<String>,
}

/// A line of its own.
pub fn line(key: &'static str, value: impl Into<String>, why: impl Into<String>) -> Line {
    Line { key, value: value.into(), why: why.into() }
}

/// A text in TOML.
pub fn text(text: &str) -> String {
    // what JSON does not escape, and TOML wants so
    json::quoted(text).replace('\u{7f}', "\\u007F")
}

/// A list of texts in TOML.
pub fn texts<'s>(items: impl IntoIterator<Item = &'s str>) -> String {
    let items: Vec<String> = items.into_iter().map(text).collect();
    format!("[{}]", items.join(", "))
}

impl Written {
    /// Adds a key of `[feed.mapping]`.
    pub fn map(&mut self, key: &'static str, value: impl Into<String>, why: impl Into<String>) {
        self.mapping.push(line(key, value, why));
    }

    /// The text, which `[feed]` of a partner's file reads as it is.
    pub fn toml(mut self, hints: &Hints) -> String {
        let one = self.is_one;
        let mut lines = self.mapping.len() + self.pages.len();
        let mut left = Vec::new();
        self.quotes.retain(|quote| {
            lines += quote.len();
            if lines > LINES_MAX {
                left.extend(quote.iter().filter(|line| line.key == "amount").map(|line| line.value.clone()));
            }
            lines <= LINES_MAX
        });
        if !left.is_empty() {
            self.undecided.push(format!("which prices matter most: left out here are {}", left.join(", ")));
        }
        let mut out = String::from("[feed.mapping]\n");
        self.mapping.iter().for_each(|line| write(&mut out, line));
        for quote in &self.quotes {
            out.push_str(if one { "\n[feed.mapping.price]\n" } else { "\n[[feed.mapping.quotes]]\n" });
            quote.iter().for_each(|line| write(&mut out, line));
        }
        if !self.pages.is_empty() {
            out.push_str("\n[feed.pages]\n");
            self.pages.iter().for_each(|line| write(&mut out, line));
        }
        if !self.undecided.is_empty() {
            out.push_str("\n# Could not be decided from the document:\n");
            self.undecided.iter().for_each(|said| out.push_str(&format!("# - {}\n", plain(said))));
            let asks = |about: &str| self.undecided.iter().any(|said| said.starts_with(about));
            if hints.currency.is_none() && asks("the currency") {
                out.push_str("#   (--currency EUR says it)\n");
            }
            if hints.time_zone.is_none() && asks("the zone") {
                out.push_str("#   (--time-zone Europe/Berlin says it)\n");
            }
        }
        if !self.notes.is_empty() {
            out.push_str("\n# Worth a look:\n");
            self.notes.iter().for_each(|said| out.push_str(&format!("# - {}\n", plain(said))));
        }
        out
    }
}

fn write(out: &mut String, line: &Line) {
    let why = if line.why.is_empty() { String::new() } else { format!("    # {}", plain(&line.why)) };
    out.push_str(&format!("{} = {}{why}\n", line.key, line.value));
}

/// What the document says, in one line of a comment: no control character ends it.
fn plain(said: &str) -> String {
    said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
