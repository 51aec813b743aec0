//! The way through the pages of a feed: where the next one is, and whether the last was the last.
//!
//! Decided from what each page gave, without a look at the network or the clock. A change between two
//! pages, as far as their `count` shows it, is `pages_changed`; a server that answers with the same
//! page again is `pages_repeated`. Deliberately absent: what records say. An id on two pages is found
//! by the survey of all of them.

use super::error::{FetchError, PAGES_CHANGED};
use super::link::Links;
use super::page_address::{follow, with_parameter};
use crate::codec::json;
use crate::config::{CursorPlace, NextPage, PageSettings};
use crate::domain::Pointer;
use reqwest::Url;
use std::collections::HashSet;

/// What a page can say of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageSaying {
    /// The link to the next page, or its cursor.
    Way,
    More,
    /// How many pages there are.
    Total,
    /// The number of a part.
    Part,
    /// What all parts say alike.
    Same,
    /// How many records all pages hold.
    Count,
}

/// The places of a page at which it says something of the others.
pub fn places(pages: &PageSettings) -> Vec<(PageSaying, &Pointer)> {
    let (way, total) = match &pages.next {
        NextPage::Member(pointer) => (Some(pointer), None),
        NextPage::Cursor { place: CursorPlace::Page(pointer), .. } => (Some(pointer), None),
        NextPage::Number { total, .. } => (None, total.as_ref()),
        NextPage::Part { parts, .. } => (None, Some(parts)),
        _ => (None, None),
    };
    let (part, same) = match &pages.next {
        NextPage::Part { part, same, .. } => (Some((PageSaying::Part, part)), Some((PageSaying::Same, same))),
        _ => (None, None),
    };
    let more = pages.more.as_ref().map(|pointer| (PageSaying::More, pointer));
    let count = pages.count.as_ref().map(|pointer| (PageSaying::Count, pointer));
    let way = way.map(|pointer| (PageSaying::Way, pointer));
    let total = total.map(|pointer| (PageSaying::Total, pointer));
    [way, more, total, count, part, same].into_iter().flatten().collect()
}

/// What one page has given, as far as the way to the next depends on it.
#[derive(Clone, Debug)]
pub struct PageFacts {
    /// Where it came from, after redirects.
    pub url: Url,
    pub links: Links,
    /// The JSON texts at [`places`], those that are there.
    pub said: Vec<(PageSaying, String)>,
    pub records: u64,
    /// Hash of its records' texts.
    pub print: u64,
    /// The JSON text at the cursor's place in its last record.
    pub last: Option<String>,
    /// It is NDJSON, of which the end proves nothing.
    pub is_lines: bool,
}

impl PageFacts {
    fn said(&self, wanted: PageSaying) -> Option<&str> {
        self.said.iter().find(|(saying, _)| *saying == wanted).map(|(_, raw)| raw.as_str())
    }
}

fn address_of(address: &str, part: u32) -> String {
    address.replace("{part}", &part.to_string())
}

/// What comes after a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AfterPage {
    Next(Url),
    /// It was the last. `proven`: the server has said so, or the counts agree.
    End {
        proven: bool,
    },
}

/// What leads on from a page, or does not.
enum Way {
    On(Url),
    End { proven: bool },
}

/// The pages of one fetch so far.
#[derive(Debug)]
pub struct Pager<'f> {
    settings: &'f PageSettings,
    feed: Url,
    allow_private: bool,
    pages: u32,
    records: u64,
    count: Option<u64>,
    total: Option<u64>,
    /// What the first part says, and all others must.
    same: Option<String>,
    print: Option<u64>,
    /// A page before has led on by a link or cursor: the absence of one means the end.
    has_led_on: bool,
    /// A page before held fewer records than the offset moves by.
    was_short: bool,
    is_lines: bool,
    /// Hashes of the URLs asked for.
    asked: HashSet<u64>,
}

impl<'f> Pager<'f> {
    /// The pager, and the URL of the first page of the feed at `feed`.
    pub fn begin(
        settings: &'f PageSettings,
        feed: Url,
        allow_private: bool,
    ) -> Result<(Pager<'f>, Url), FetchError> {
        let first = match &settings.next {
            NextPage::Number { parameter, first, .. } | NextPage::Offset { parameter, first, .. } => {
                with_parameter(&feed, parameter, &first.to_string(), allow_private)?
            }
            NextPage::Part { address, .. } => follow(&feed, &feed, &address_of(address, 1), allow_private)?,
            NextPage::Member(_) | NextPage::Header | NextPage::Cursor { .. } | NextPage::Manifest { .. } => {
                feed.clone()
            }
        };
        let mut pager = Pager {
            settings,
            feed,
            allow_private,
            pages: 0,
            records: 0,
            count: None,
            total: None,
            same: None,
            print: None,
            has_led_on: false,
            was_short: false,
            is_lines: false,
            asked: HashSet::new(),
        };
        pager.asked.insert(hash_of(&first));
        Ok((pager, first))
    }

    /// Pages so far.
    pub fn pages(&self) -> u32 {
        self.pages
    }

    /// Takes the page that was asked for last, and decides what comes after it.
    pub fn take(&mut self, page: &PageFacts) -> Result<AfterPage, FetchError> {
        self.pages += 1;
        self.is_lines |= page.is_lines;
        if page.records > 0 && self.print.replace(page.print) == Some(page.print) {
            return Err(self.repeated("it holds the same records as the page before"));
        }
        self.records += page.records;
        self.count = self.same_number(page, PageSaying::Count, self.count)?;
        self.total = self.same_number(page, PageSaying::Total, self.total)?;
        match self.way(page)? {
            Way::End { proven } => self.end(proven),
            Way::On(_) if self.pages == self.settings.pages_max => {
                let detail = format!("more than {} pages: raise `pages_max`", self.pages);
                Err(FetchError::new("too_many_pages", detail))
            }
            Way::On(url) if !self.asked.insert(hash_of(&url)) => {
                Err(self.repeated("it leads on to a page that was fetched before"))
            }
            Way::On(url) => {
                self.has_led_on = true;
                Ok(AfterPage::Next(url))
            }
        }
    }

    fn end(&self, proven: bool) -> Result<AfterPage, FetchError> {
        match self.count {
            Some(count) if count == self.records => Ok(AfterPage::End { proven: true }),
            Some(count) => {
                let detail = format!("the pages hold {} records together, and say {count}", self.records);
                Err(FetchError::new("count_mismatch", detail))
            }
            None => Ok(AfterPage::End { proven: proven && !self.is_lines }),
        }
    }

    fn way(&mut self, page: &PageFacts) -> Result<Way, FetchError> {
        let more = self.more(page)?;
        match &self.settings.next {
            NextPage::Member(_) => match self.word(page.said(PageSaying::Way))? {
                Word::Text(link) => self.follow(page, &link),
                Word::None => Ok(Way::End { proven: true }),
                Word::Absent => Ok(Way::End { proven: self.has_led_on }),
            },
            NextPage::Header => match &page.links.next {
                Some(link) => self.follow(page, link),
                None => Ok(Way::End { proven: self.has_led_on || page.links.is_paged }),
            },
            NextPage::Number { parameter, first, .. } => {
                let ends = match (more, self.total) {
                    (None, None) => page.records == 0 || self.is_counted(),
                    (more, total) => {
                        more == Some(false) || total.is_some_and(|total| u64::from(self.pages) >= total)
                    }
                };
                self.numbered(ends, parameter, first + u64::from(self.pages))
            }
            NextPage::Offset { parameter, first, step } => {
                self.check_step(page, *step)?;
                let ends = more.map_or(page.records == 0 || self.is_counted(), |more| !more);
                let moved = step.map_or(self.records, |step| step.saturating_mul(self.pages.into()));
                self.numbered(ends, parameter, first + moved)
            }
            NextPage::Cursor { parameter, place } => self.cursor(page, more, parameter, place),
            NextPage::Part { address, .. } => self.part(page, address),
            // all of them are known before the first is asked for
            NextPage::Manifest { .. } => Ok(Way::End { proven: true }),
        }
    }

    fn cursor(
        &self,
        page: &PageFacts,
        more: Option<bool>,
        parameter: &str,
        place: &CursorPlace,
    ) -> Result<Way, FetchError> {
        if more == Some(false) || (more.is_none() && self.is_counted()) {
            return Ok(Way::End { proven: true });
        }
        let raw = match place {
            CursorPlace::Page(_) => page.said(PageSaying::Way),
            CursorPlace::LastRecord(_) if page.records == 0 && more.is_none() => {
                return Ok(Way::End { proven: true });
            }
            CursorPlace::LastRecord(_) => page.last.as_deref(),
        };
        let is_of_record = matches!(place, CursorPlace::LastRecord(_));
        match self.word(raw)? {
            Word::Text(cursor) => {
                let url = with_parameter(&self.feed, parameter, &cursor, self.allow_private)?;
                // a server that has no more may give the cursor back that it was asked with
                let ends = page.records == 0 && more.is_none() && self.asked.contains(&hash_of(&url));
                Ok(if ends { Way::End { proven: true } } else { Way::On(url) })
            }
            Word::None | Word::Absent if more == Some(true) || is_of_record => {
                Err(self.unreadable("there is no cursor, and more pages are to follow"))
            }
            Word::None => Ok(Way::End { proven: true }),
            Word::Absent => Ok(Way::End { proven: self.has_led_on }),
        }
    }

    /// F8: parts of different snapshots never mix.
    fn part(&mut self, page: &PageFacts, address: &str) -> Result<Way, FetchError> {
        let part = page.said(PageSaying::Part).and_then(|raw| raw.trim_matches('"').parse::<u64>().ok());
        if part != Some(u64::from(self.pages)) {
            let said = page.said(PageSaying::Part).unwrap_or("nothing");
            let detail = format!("part {} says {said} where its number is expected", self.pages);
            return Err(FetchError::new("parts_mixed", detail));
        }
        let Some(same) = page.said(PageSaying::Same) else {
            return Err(self.unreadable("it does not say of which snapshot it is a part: check `same`"));
        };
        match &self.same {
            Some(first) if first != same => {
                let detail =
                    format!("it is of {same}, and the first part of {first}: they are of two snapshots");
                return Err(FetchError::new(PAGES_CHANGED, format!("part {}: {detail}", self.pages)));
            }
            Some(_) => {}
            None => self.same = Some(same.to_owned()),
        }
        match self.total.unwrap_or(0) {
            parts if u64::from(self.pages) < parts => {
                let next = address_of(address, self.pages + 1);
                follow(&self.feed, &self.feed, &next, self.allow_private).map(Way::On)
            }
            _ => Ok(Way::End { proven: true }),
        }
    }

    fn numbered(&self, ends: bool, parameter: &str, number: u64) -> Result<Way, FetchError> {
        if ends {
            return Ok(Way::End { proven: true });
        }
        with_parameter(&self.feed, parameter, &number.to_string(), self.allow_private).map(Way::On)
    }

    fn follow(&self, page: &PageFacts, link: &str) -> Result<Way, FetchError> {
        follow(&self.feed, &page.url, link, self.allow_private).map(Way::On)
    }

    /// All records that there are have been read.
    fn is_counted(&self) -> bool {
        self.count.is_some_and(|count| self.records >= count)
    }

    fn more(&self, page: &PageFacts) -> Result<Option<bool>, FetchError> {
        if self.settings.more.is_none() {
            return Ok(None);
        }
        match page.said(PageSaying::More) {
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            _ => Err(self.unreadable("what `more` points to is not true or false: check the pointer")),
        }
    }

    /// Between a page that was shorter than the step and the one after it lie records that were never
    /// asked for, unless the counts agree in the end.
    fn check_step(&mut self, page: &PageFacts, step: Option<u64>) -> Result<(), FetchError> {
        let Some(step) = step.filter(|_| self.settings.count.is_none()) else { return Ok(()) };
        if self.was_short && page.records > 0 {
            let detail = format!(
                "a page before it holds fewer records than the {step} that the offset moves by: leave `step` \
                 out, then the offset moves by what each page holds, or name `count`"
            );
            return Err(self.unreadable(&detail));
        }
        self.was_short |= page.records < step;
        Ok(())
    }

    /// A number that every page says, and that must not move from one to the next.
    fn same_number(
        &self,
        page: &PageFacts,
        saying: PageSaying,
        before: Option<u64>,
    ) -> Result<Option<u64>, FetchError> {
        let (is_wanted, name) = match (saying, &self.settings.next) {
            (PageSaying::Count, _) => (self.settings.count.is_some(), "count"),
            (_, NextPage::Number { total, .. }) => (total.is_some(), "total"),
            (_, NextPage::Part { .. }) => (true, "parts"),
            _ => (false, ""),
        };
        if !is_wanted {
            return Ok(None);
        }
        let Some(number) = page.said(saying).and_then(|raw| raw.trim_matches('"').parse::<u64>().ok()) else {
            let detail = format!("what `{name}` points to is no whole number: check the pointer");
            return Err(self.unreadable(&detail));
        };
        match before {
            Some(before) if before != number => {
                let detail = format!(
                    "`{name}` says {before} on the page before page {}, and {number} there: the document \
                     changed while its pages were fetched; nothing was used",
                    self.pages
                );
                Err(FetchError::new(PAGES_CHANGED, detail))
            }
            _ => Ok(Some(number)),
        }
    }

    /// What a link's or cursor's JSON says.
    fn word(&self, raw: Option<&str>) -> Result<Word, FetchError> {
        let Some(raw) = raw else { return Ok(Word::Absent) };
        match raw.as_bytes().first() {
            Some(b'n' | b'f') => Ok(Word::None),
            Some(b'"') => match json::string(raw) {
                Ok(text) if text.trim().is_empty() => Ok(Word::None),
                Ok(text) => Ok(Word::Text(text.into_owned())),
                Err(error) => Err(self.unreadable(&error.detail)),
            },
            Some(b'-' | b'0'..=b'9') => Ok(Word::Text(raw.to_owned())),
            _ => Err(self.unreadable("what leads to the next page is no text: check the pointer")),
        }
    }

    fn unreadable(&self, what: &str) -> FetchError {
        FetchError::new("bad_page", format!("page {}: {what}", self.pages))
    }

    fn repeated(&self, how: &str) -> FetchError {
        let detail = format!(
            "page {}: {how}: check that the server heeds the parameter, and what leads to the next page",
            self.pages
        );
        FetchError::new("pages_repeated", detail)
    }
}

enum Word {
    Text(String),
    /// `null`, `false` or an empty text: there is none.
    None,
    Absent,
}

fn hash_of(url: &Url) -> u64 {
    xxhash_rust::xxh3::xxh3_64(url.as_str().as_bytes())
}

#[cfg(test)]
#[path = "pager_tests.rs"]
mod tests;
