//! The pager against servers that are a function of the URL.

use super::*;
use proptest::prelude::*;

const FEED: &str = "https://a.example/f";

fn pointer(name: &str) -> Pointer {
    Pointer(vec![name.into()])
}

fn settings(next: NextPage) -> PageSettings {
    PageSettings { pages_max: 50, ..PageSettings::by(next) }
}

fn number(total: Option<Pointer>) -> NextPage {
    NextPage::Number { parameter: "page".into(), first: 1, total }
}

fn offset(step: Option<u64>) -> NextPage {
    NextPage::Offset { parameter: "skip".into(), first: 0, step }
}

fn cursor(place: CursorPlace) -> NextPage {
    NextPage::Cursor { parameter: "after".into(), place }
}

/// A page without anything to say, of so many records.
fn plain(url: &Url, records: u64) -> PageFacts {
    let print = xxhash_rust::xxh3::xxh3_64(url.as_str().as_bytes());
    let (links, said, last) = (Links::default(), Vec::new(), None);
    PageFacts { url: url.clone(), links, said, records, print, last, is_lines: false }
}

impl PageFacts {
    fn saying(mut self, saying: PageSaying, raw: impl ToString) -> PageFacts {
        self.said.push((saying, raw.to_string()));
        self
    }
}

#[derive(Debug, PartialEq)]
struct Read {
    records: u64,
    pages: u32,
    proven: bool,
}

/// Reads to the end; or the code of what stops it.
fn read(settings: &PageSettings, mut server: impl FnMut(&Url) -> PageFacts) -> Result<Read, &'static str> {
    let feed = Url::parse(FEED).unwrap();
    let (mut pager, mut url) = Pager::begin(settings, feed, false).map_err(|error| error.code)?;
    let mut records = 0;
    loop {
        let page = server(&url);
        records += page.records;
        match pager.take(&page).map_err(|error| error.code)? {
            AfterPage::Next(next) => url = next,
            AfterPage::End { proven } => return Ok(Read { records, pages: pager.pages(), proven }),
        }
    }
}

/// The number that a parameter of the query has.
fn asked(url: &Url, name: &str) -> Option<u64> {
    let found = url.query_pairs().find(|(key, _)| key == name);
    found.map(|(_, value)| value.parse().unwrap())
}

/// A list of so many records, served in pages of so many.
#[derive(Clone, Copy, Debug)]
struct List {
    records: u64,
    size: u64,
}

impl List {
    fn pages(self) -> u64 {
        self.records.div_ceil(self.size)
    }

    /// The page of that index, from 0.
    fn page(self, url: &Url, index: u64) -> PageFacts {
        plain(url, self.records.saturating_sub(index * self.size).min(self.size))
    }

    fn is_last(self, index: u64) -> bool {
        index + 1 >= self.pages()
    }

    fn read(self, pages: u64, proven: bool) -> Result<Read, &'static str> {
        Ok(Read { records: self.records, pages: pages as u32, proven })
    }
}

proptest! {
    #[test]
    fn f1_every_way_reads_all_of_a_list_and_proves_it(records in 0u64..60, size in 1u64..9) {
        let list = List { records, size };
        let shown = list.pages().max(1);
        if shown <= 49 {
            let index = |url: &Url| asked(url, "page").map_or(0, |page| page - 1);
            let link = |url: &Url| match list.is_last(index(url)) {
                true => "null".to_owned(),
                false => format!("\"?page={}\"", index(url) + 2),
            };
            let by_link = settings(NextPage::Member(pointer("next")));
            let server = |url: &Url| list.page(url, index(url)).saying(PageSaying::Way, link(url));
            prop_assert_eq!(read(&by_link, server), list.read(shown, true));

            let until_empty = settings(number(None));
            let server = |url: &Url| list.page(url, index(url));
            prop_assert_eq!(read(&until_empty, server), list.read(list.pages() + 1, true));

            let by_total = settings(number(Some(pointer("total"))));
            let server = |url: &Url| list.page(url, index(url)).saying(PageSaying::Total, list.pages());
            prop_assert_eq!(read(&by_total, server), list.read(shown, true));

            let counted = PageSettings { count: Some(pointer("count")), ..settings(offset(None)) };
            let at = |url: &Url| asked(url, "skip").unwrap() / size;
            let server = |url: &Url| list.page(url, at(url)).saying(PageSaying::Count, records);
            prop_assert_eq!(read(&counted, server), list.read(shown, true));

            let told = PageSettings { more: Some(pointer("more")), ..settings(offset(Some(size))) };
            let server = |url: &Url| list.page(url, at(url)).saying(PageSaying::More, !list.is_last(at(url)));
            prop_assert_eq!(read(&told, server), list.read(shown, true));

            let last = |url: &Url| asked(url, "after").unwrap_or(0);
            let from = |url: &Url| List { records: records - last(url), size };
            let of_last = settings(cursor(CursorPlace::LastRecord(pointer("id"))));
            let server = |url: &Url| {
                let page = from(url).page(url, 0);
                let id = last(url) + page.records;
                PageFacts { last: (page.records > 0).then(|| id.to_string()), ..page }
            };
            prop_assert_eq!(read(&of_last, server), list.read(list.pages() + 1, true));

            let given = settings(cursor(CursorPlace::Page(pointer("cursor"))));
            let server = |url: &Url| {
                let page = from(url).page(url, 0);
                let id = last(url) + page.records;
                page.saying(PageSaying::Way, format!("\"{id}\""))
            };
            prop_assert_eq!(read(&given, server).map(|read| (read.records, read.proven)), Ok((records, true)));
        }
    }
}

#[test]
fn f1_only_what_says_so_or_was_linked_before_is_the_last_page() {
    let by_link = settings(NextPage::Member(pointer("next")));
    let alone = |raw: Option<&str>| {
        read(&by_link, |url| {
            let page = plain(url, 3);
            raw.map_or(page.clone(), |raw| page.saying(PageSaying::Way, raw))
        })
    };
    let one = |proven| Ok(Read { records: 3, pages: 1, proven });
    assert_eq!(alone(None), one(false), "the pointer may be wrong");
    for raw in ["null", "false", "\"\"", "\" \""] {
        assert_eq!(alone(Some(raw)), one(true), "{raw}");
    }
    for raw in ["{}", "[]", "true", "\"\\ud800\""] {
        assert_eq!(alone(Some(raw)), Err("bad_page"), "{raw}");
    }
    let second_is_silent = |url: &Url| match url.query() {
        None => plain(url, 3).saying(PageSaying::Way, "\"?page=2\""),
        Some(_) => plain(url, 2),
    };
    assert_eq!(read(&by_link, second_is_silent), Ok(Read { records: 5, pages: 2, proven: true }));
    let header = settings(NextPage::Header);
    let linked =
        |is_paged| read(&header, |url| PageFacts { links: Links { next: None, is_paged }, ..plain(url, 3) });
    assert_eq!((linked(false), linked(true)), (one(false), one(true)));
}

#[test]
fn f1_lines_are_proven_by_a_count_only() {
    let lines = |count: Option<Pointer>| {
        let settings = PageSettings { count, ..settings(number(None)) };
        read(&settings, |url| {
            let records = if asked(url, "page") == Some(1) { 3 } else { 0 };
            PageFacts { is_lines: true, ..plain(url, records) }.saying(PageSaying::Count, 3)
        })
    };
    assert!(!lines(None).unwrap().proven);
    assert!(lines(Some(pointer("n"))).unwrap().proven);
}

#[test]
fn f1_a_count_or_total_that_moves_between_two_pages_is_a_change() {
    let moving = |saying, settings: &PageSettings| {
        read(settings, |url| {
            let page = asked(url, "page").unwrap();
            plain(url, 3).saying(saying, 9 + page)
        })
    };
    let counted = PageSettings { count: Some(pointer("n")), ..settings(number(None)) };
    assert_eq!(moving(PageSaying::Count, &counted), Err(PAGES_CHANGED));
    assert_eq!(moving(PageSaying::Total, &settings(number(Some(pointer("n"))))), Err(PAGES_CHANGED));
}

#[test]
fn f1_a_count_that_does_not_agree_in_the_end_fails() {
    let counted = PageSettings { count: Some(pointer("n")), ..settings(number(None)) };
    let says = |raw: &str| {
        read(&counted, |url| {
            let records = if asked(url, "page") == Some(1) { 3 } else { 0 };
            plain(url, records).saying(PageSaying::Count, raw)
        })
    };
    assert_eq!(says("3").map(|read| read.pages), Ok(1), "all were read: no further page is asked for");
    assert_eq!(says("\"3\"").map(|read| read.proven), Ok(true));
    assert_eq!(says("4"), Err("count_mismatch"));
    assert_eq!(says("2"), Err("count_mismatch"));
    assert_eq!(says("3.5"), Err("bad_page"));
    assert_eq!(says("null"), Err("bad_page"));
}

#[test]
fn a_server_that_heeds_no_parameter_is_found_out_at_the_second_page() {
    for next in [number(None), offset(None), cursor(CursorPlace::LastRecord(pointer("id")))] {
        let mut fetched = 0;
        let server = |url: &Url| {
            fetched += 1;
            PageFacts { print: 7, last: Some("\"z\"".into()), ..plain(url, 3) }
        };
        assert_eq!(read(&settings(next), server), Err("pages_repeated"));
        assert_eq!(fetched, 2);
    }
}

#[test]
fn links_in_a_circle_and_pages_without_end_are_stopped() {
    let by_link = settings(NextPage::Member(pointer("next")));
    let circle = |url: &Url| {
        let next = if url.query() == Some("page=2") { "\"/f\"" } else { "\"/f?page=2\"" };
        plain(url, 3).saying(PageSaying::Way, next)
    };
    assert_eq!(read(&by_link, circle), Err("pages_repeated"));
    let mut fetched = 0;
    let endless = |url: &Url| {
        fetched += 1;
        plain(url, 3).saying(PageSaying::Way, format!("\"?page={fetched}\""))
    };
    assert_eq!(read(&by_link, endless), Err("too_many_pages"));
    assert_eq!(fetched, 50);
}

#[test]
fn as_many_pages_as_are_allowed_are_read() {
    let exactly = PageSettings { pages_max: 3, ..settings(number(Some(pointer("n")))) };
    let of = |pages: u32| read(&exactly, |url| plain(url, 1).saying(PageSaying::Total, pages));
    assert_eq!(of(3), Ok(Read { records: 3, pages: 3, proven: true }));
    assert_eq!(of(4), Err("too_many_pages"));
}

/// A server that gives fewer records than it was asked for loses none, or the run fails.
#[test]
fn f1_no_record_is_passed_over_by_an_offset_that_moves_too_far() {
    let list = List { records: 10, size: 3 };
    let server = |url: &Url| {
        let skipped = asked(url, "skip").unwrap();
        plain(url, list.records.saturating_sub(skipped).min(list.size))
            .saying(PageSaying::Count, list.records)
    };
    assert_eq!(read(&settings(offset(None)), server).map(|read| read.records), Ok(10));
    assert_eq!(
        read(&settings(offset(Some(3))), server).map(|read| read.records),
        Ok(10),
        "the last is short"
    );
    assert_eq!(read(&settings(offset(Some(5))), server), Err("bad_page"));
    let counted = PageSettings { count: Some(pointer("n")), ..settings(offset(Some(5))) };
    assert_eq!(read(&counted, server), Err("count_mismatch"));
}

#[test]
fn what_more_and_total_say_stands_above_an_empty_page() {
    let told = PageSettings { more: Some(pointer("more")), ..settings(number(None)) };
    let middle_is_empty = |url: &Url| {
        let page = asked(url, "page").unwrap();
        plain(url, if page == 2 { 0 } else { 2 })
            .saying(PageSaying::More, page < 3)
            .saying(PageSaying::Total, 3)
    };
    let all = Ok(Read { records: 4, pages: 3, proven: true });
    assert_eq!(read(&told, middle_is_empty), all);
    assert_eq!(read(&settings(number(Some(pointer("total")))), middle_is_empty), all);
    for raw in ["1", "null", "\"true\""] {
        let unreadable = |url: &Url| plain(url, 2).saying(PageSaying::More, raw);
        assert_eq!(read(&told, unreadable), Err("bad_page"), "{raw}");
    }
    assert_eq!(read(&told, |url| plain(url, 2)), Err("bad_page"), "not there");
}

#[test]
fn a_cursor_leads_on_over_an_empty_page_and_ends_where_it_stands_still() {
    let given = settings(cursor(CursorPlace::Page(pointer("c"))));
    let server = |url: &Url| match asked(url, "after") {
        None => plain(url, 2).saying(PageSaying::Way, "\"1\""),
        Some(1) => plain(url, 0).saying(PageSaying::Way, 2),
        Some(2) => plain(url, 2).saying(PageSaying::Way, 3),
        _ => plain(url, 0).saying(PageSaying::Way, 3),
    };
    assert_eq!(read(&given, server), Ok(Read { records: 4, pages: 4, proven: true }));
    let stuck = |url: &Url| plain(url, 2).saying(PageSaying::Way, 3);
    assert_eq!(read(&given, stuck), Err("pages_repeated"), "with records it does not end");
    let silent = read(&given, |url| plain(url, 2));
    assert_eq!(silent.map(|read| read.proven), Ok(false), "no page ever had a cursor");
    let told = PageSettings { more: Some(pointer("more")), ..given };
    let lost = read(&told, |url| plain(url, 2).saying(PageSaying::More, true));
    assert_eq!(lost, Err("bad_page"), "more are to follow, and nothing leads to them");
    let done = read(&told, |url| plain(url, 2).saying(PageSaying::More, false).saying(PageSaying::Way, 9));
    assert_eq!(done, Ok(Read { records: 2, pages: 1, proven: true }));
    let of_last = settings(cursor(CursorPlace::LastRecord(pointer("id"))));
    assert_eq!(read(&of_last, |url| plain(url, 2)), Err("bad_page"), "its last record has none");
}

#[test]
fn a_page_of_another_server_is_not_asked_for() {
    let by_link = settings(NextPage::Member(pointer("next")));
    let away = |url: &Url| plain(url, 3).saying(PageSaying::Way, "\"https://b.example/f?page=2\"");
    assert_eq!(read(&by_link, away), Err("link_refused"));
}

fn parts() -> PageSettings {
    let (part, parts, same) = (pointer("part"), pointer("parts"), pointer("generated_at"));
    settings(NextPage::Part { address: "a-{part}.json".into(), part, parts, same })
}

/// Serves part n of three of the snapshot of `time`.
fn part_at(url: &Url, time: impl Fn(u32) -> &'static str, number: impl Fn(u32) -> u32) -> PageFacts {
    let name = url.path().trim_start_matches("/a-").trim_end_matches(".json");
    let n: u32 = name.parse().unwrap();
    let page = plain(url, 5).saying(PageSaying::Part, number(n)).saying(PageSaying::Total, 3);
    page.saying(PageSaying::Same, time(n))
}

#[test]
fn f8_all_parts_of_one_time_are_one_document_that_is_proven_whole() {
    let read_all = read(&parts(), |url| part_at(url, |_| "\"10:00\"", |n| n));
    assert_eq!(read_all, Ok(Read { records: 15, pages: 3, proven: true }));
}

#[test]
fn f8_parts_of_two_times_or_with_other_numbers_than_their_own_are_refused() {
    let moved = read(&parts(), |url| part_at(url, |n| if n < 3 { "\"10:00\"" } else { "\"11:00\"" }, |n| n));
    assert_eq!(moved, Err("pages_changed"));
    let shifted = read(&parts(), |url| part_at(url, |_| "\"10:00\"", |n| if n == 2 { 3 } else { n }));
    assert_eq!(shifted, Err("parts_mixed"));
    let counted = |url: &Url| {
        let mut page = part_at(url, |_| "\"10:00\"", |n| n);
        if url.path().contains('2') {
            page.said.retain(|(saying, _)| *saying != PageSaying::Total);
            page = page.saying(PageSaying::Total, 4);
        }
        page
    };
    assert_eq!(read(&parts(), counted), Err("pages_changed"), "their number moves");
    let silent = |url: &Url| {
        let mut page = part_at(url, |_| "\"10:00\"", |n| n);
        page.said.retain(|(saying, _)| *saying != PageSaying::Same);
        page
    };
    assert!(read(&parts(), silent).is_err(), "nothing says that they belong together");
}
