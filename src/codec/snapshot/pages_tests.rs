//! Documents that come in pages.

use super::tests::{Drip, LIMITS, at, code};
use super::*;
use crate::codec::mapping;
use crate::domain::Micros;
use crate::domain::mapping::{Field, IdMapping, Place};
use crate::rules::policy::Policy;
use proptest::prelude::*;

/// The pages as they are put together.
fn joined(pages: &[&str], is_proven: bool) -> String {
    let pages: String = pages.iter().map(|page| format!("\x1e{page}\n")).collect();
    if is_proven { pages + "\x1e" } else { pages }
}

fn run_paged(body: &str, mapping: &Mapping) -> Result<(Envelope, Vec<(u32, String)>), SnapshotError> {
    let mut records = Vec::new();
    let limits = SnapshotLimits { is_paged: true, ..LIMITS };
    let parents = parents(Drip { rest: body.as_bytes(), bytes: 5 }, mapping, &limits)?;
    let envelope = scan(Drip { rest: body.as_bytes(), bytes: 7 }, mapping, &limits, &parents, |raw| {
        assert_eq!(raw.record, records.len() as u64);
        assert!(body[raw.offset as usize..].starts_with(raw.text));
        let read = mapping::decode(raw.text, raw.around, mapping, &Policy::default()).unwrap();
        records.push((raw.page, read.write.id.as_str().to_owned()));
    })?;
    assert_eq!(envelope.records, records.len() as u64);
    Ok((envelope, records))
}

#[test]
fn f1_pages_are_one_document_that_is_whole_where_a_mark_follows_the_last() {
    let ours = ["{\"assets\":[{\"id\":\"a\"},{\"id\":\"b\"}]}", " \n{\"assets\":[{\"id\":\"c\"}]} "];
    let arrays = ["[{\"id\":\"a\"},{\"id\":\"b\"}]", "[{\"id\":\"c\"}]"];
    let lines = ["{\"id\":\"a\"}\n{\"id\":\"b\"}\n", "{\"id\":\"c\"}\n{\"id\":\"d\"}"];
    let expected = [(0, "a"), (0, "b"), (1, "c"), (1, "d")].map(|(page, id)| (page, id.to_owned()));
    for (pages, records) in [(ours, 3), (arrays, 3), (lines, 4)] {
        for is_proven in [false, true] {
            let (envelope, found) = run_paged(&joined(&pages, is_proven), &Mapping::default()).unwrap();
            assert_eq!(found, expected[..records]);
            assert_eq!((envelope.may_be_cut, envelope.complete), (!is_proven, true), "{pages:?}");
        }
    }
    let (envelope, found) = run_paged(&joined(&["[]"], true), &Mapping::default()).unwrap();
    assert_eq!((found.len(), envelope.may_be_cut), (0, false));
    let (envelope, found) = run_paged(ours[0], &Mapping::default()).unwrap();
    assert_eq!((found.len(), envelope.may_be_cut), (2, false), "one document without marks is one");
}

#[test]
fn f1_a_document_of_pages_has_no_page_that_would_be_refused_alone() {
    for (pages, code) in [
        (vec!["[{\"id\":\"a\"}]", "{\"error\":\"busy\"}"], "no_records"),
        (vec!["[{\"id\":\"a\"}]", ""], "empty_body"),
        (vec!["[{\"id\":\"a\"}]", "<html>"], "html"),
        (vec!["[{\"id\":\"a\"}] []"], "malformed"),
        (vec!["[{\"id\":\"a\"}", "]"], "truncated"),
        (vec!["[{\"id\":\"a\"}]", "{\"count\":2,\"assets\":[{\"id\":\"b\"}]}"], "count_mismatch"),
    ] {
        let refused = run_paged(&joined(&pages, true), &Mapping::default()).unwrap_err();
        assert_eq!(refused.code, code, "{pages:?}");
    }
    assert_eq!(
        code("\x1e[]\x1e".as_bytes()),
        "malformed",
        "a mark means nothing where no pages are expected"
    );
}

#[test]
fn f8_pages_are_complete_and_dated_only_together() {
    let said = |pages: &[&str]| run_paged(&joined(pages, true), &Mapping::default()).unwrap().0;
    let page = |more: &str| format!("{{\"assets\":[]{more}}}");
    let (plain, part) = (page(""), page(",\"complete\":false"));
    assert!(!said(&[&part, &plain]).complete && !said(&[&plain, &part]).complete);
    let empty = page(",\"complete\":true,\"allow_empty\":true,\"count\":0");
    let meant = said(&[&empty, &empty]);
    assert_eq!((meant.allow_empty, meant.count), (true, Some(0)));
    let half = said(&[&empty, &plain]);
    assert_eq!((half.allow_empty, half.count), (false, None));
    let at = |second: u32| page(&format!(",\"generated_at\":\"1970-01-01T00:00:0{second}Z\""));
    let oldest = Ok(Micros(1_000_000));
    for pages in [[at(1), at(2)], [at(2), at(1)], [at(1), plain.clone()], [plain.clone(), at(1)]] {
        assert_eq!(said(&[&pages[0], &pages[1]]).generated_at.unwrap().at, oldest, "{pages:?}");
    }
    let unread = page(",\"generated_at\":\"today\"");
    assert!(said(&[&at(1), &unread]).generated_at.unwrap().at.is_err());
    assert!(said(&[&unread, &at(1)]).generated_at.unwrap().at.is_err());
}

#[test]
fn what_stands_above_the_records_is_that_of_their_own_page() {
    let page = |maker: &str, id: &str| format!("{{\"maker\":\"{maker}\",\"assets\":[{{\"n\":\"{id}\"}}]}}");
    let part = |place| Field { places: vec![place], ..Field::default() };
    let above = |name: &str| part(Place::Above { up: 1, at: Pointer(vec![name.into()]) });
    let id = IdMapping { parts: vec![above("maker"), Field::member("n")], join: "-".into() };
    let mapping = Mapping { id, ..Mapping::default() };
    let (_, found) = run_paged(&joined(&[&page("x", "1"), &page("y", "2")], true), &mapping).unwrap();
    assert_eq!(found, [(0, "x-1".to_owned()), (1, "y-2".to_owned())]);

    let nested = |maker: &str| {
        format!("[{{\"id\":\"{maker}\",\"models\":[{{\"n\":\"1\"}}]}},{{\"id\":\"{maker}2\",\"models\":[]}}]")
    };
    let id = IdMapping { parts: vec![above("id"), Field::member("n")], join: "-".into() };
    let mapping = Mapping { id, records: at(&["*", "models"]), ..Mapping::default() };
    let (_, found) = run_paged(&joined(&[&nested("x"), &nested("y")], true), &mapping).unwrap();
    assert_eq!(found, [(0, "x-1".to_owned()), (1, "y-1".to_owned())]);
}

#[test]
fn a_page_by_itself_gives_what_is_asked_for_beside_its_records() {
    let pointer = |parts: &[&str]| Pointer(parts.iter().map(|part| (*part).into()).collect());
    let places = [
        pointer(&["next"]),
        pointer(&["_links", "next", "href"]),
        pointer(&["count"]),
        pointer(&["assets", "0"]),
    ];
    let wanted: Vec<_> = places.iter().collect();
    let said = |body: &str| {
        let mut records = 0;
        let page =
            page(Drip { rest: body.as_bytes(), bytes: 7 }, &Mapping::default(), &LIMITS, &wanted, |_| {
                records += 1
            });
        page.map(|page| {
            assert_eq!(page.records, records);
            page.said.into_iter().map(|raw| raw.unwrap_or_else(|| "-".into())).collect::<Vec<_>>()
        })
    };
    let whole =
        "{\"next\":\"?p=2\",\"count\":127,\"assets\":[{\"id\":1}],\"_links\":{\"next\":{\"href\":\"/x\"}}}";
    assert_eq!(said(whole).unwrap(), ["\"?p=2\"", "\"/x\"", "127", "-"], "a count of all pages is no fault");
    assert_eq!(
        said("{\"assets\":[],\"_links\":{\"next\":null},\"next\":null}").unwrap(),
        ["null", "null", "-", "-"]
    );
    assert_eq!(said("{\"assets\":[],\"_links\":null}").unwrap(), ["-", "null", "-", "-"]);
    assert_eq!(said("{\"assets\":[],\"_links\":{\"prev\":1}}").unwrap(), ["-", "-", "-", "-"]);
    assert_eq!(said("[{\"id\":1}]").unwrap(), ["-", "-", "-", "-"]);
    assert_eq!(said("{\"next\":\"?p=2\"}").unwrap_err().code, "no_records");
    assert_eq!(said("{\"next\":1,\"next\":2,\"assets\":[]}").unwrap_err().code, "malformed");
}

proptest! {
    #[test]
    fn pages_hold_the_records_that_they_hold_one_by_one(
        sizes in prop::collection::vec(0usize..4, 1..6),
        is_proven in any::<bool>(),
    ) {
        let mut ids = 0..;
        let pages: Vec<String> = sizes.iter().map(|size| {
            let records: Vec<_> = ids.by_ref().take(*size).map(|n: u32| format!("{{\"id\":\"{n}\"}}")).collect();
            format!("{{\"assets\":[{}]}}", records.join(","))
        }).collect();
        let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
        let (envelope, found) = run_paged(&joined(&pages, is_proven), &Mapping::default()).unwrap();
        let expected = (0..).zip(&sizes).flat_map(|(page, size)| std::iter::repeat_n(page, *size));
        let expected: Vec<_> = (0..).zip(expected).map(|(n, page): (u32, u32)| (page, n.to_string())).collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(envelope.may_be_cut, !is_proven);
    }
}
