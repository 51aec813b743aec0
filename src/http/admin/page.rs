//! The files of the status page: one document, its style, and modules that browsers run as they are. They
//! hold nothing of any partner; what they show they ask for under `/admin`, as every other client does.

use crate::http::gate::route::Answer;
use crate::http::reply::{self, Fault};
use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use xxhash_rust::xxh3::xxh3_64;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// Nothing from anywhere else, nothing inline, and no text that becomes code.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
     trusted-types 'none'",
);
/// Asked for again each time, and answered in a few bytes as long as it is the same.
const KEPT: HeaderValue = HeaderValue::from_static("no-cache");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");

/// Name, type and text of each; the document itself has no name.
#[rustfmt::skip]
static FILES: [(&str, &str, &str); 19] = [
    ("", HTML, include_str!("page/index.html")),
    ("icon.svg", IMAGE, include_str!("page/icon.svg")),
    ("style.css", STYLE, include_str!("page/style.css")),
    ("parts.css", STYLE, include_str!("page/parts.css")),
    ("main.js", SCRIPT, include_str!("page/main.js")),
    ("api.js", SCRIPT, include_str!("page/api.js")),
    ("dom.js", SCRIPT, include_str!("page/dom.js")),
    ("words.js", SCRIPT, include_str!("page/words.js")),
    ("chart.js", SCRIPT, include_str!("page/chart.js")),
    ("samples.js", SCRIPT, include_str!("page/samples.js")),
    ("dialog.js", SCRIPT, include_str!("page/dialog.js")),
    ("parts.js", SCRIPT, include_str!("page/parts.js")),
    ("acts.js", SCRIPT, include_str!("page/acts.js")),
    ("overview.js", SCRIPT, include_str!("page/overview.js")),
    ("partner.js", SCRIPT, include_str!("page/partner.js")),
    ("feed.js", SCRIPT, include_str!("page/feed.js")),
    ("run.js", SCRIPT, include_str!("page/run.js")),
    ("plan.js", SCRIPT, include_str!("page/plan.js")),
    ("quarantine.js", SCRIPT, include_str!("page/quarantine.js")),
];

/// The file of this name; 304 where the browser has it as it is.
pub fn file(headers: &HeaderMap, name: &str) -> Answer {
    let found = FILES.iter().find(|(known, ..)| *known == name);
    let (_, content_type, text) = found.ok_or(Fault::NoSuchPath)?;
    let tag = format!("\"{:016x}\"", xxh3_64(text.as_bytes()));
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known.flat_map(|tags| tags.split(',')).any(|given| given.trim().ends_with(&tag));
    let content_type = HeaderValue::from_static(content_type);
    let mut response = match is_known {
        true => reply::typed(StatusCode::NOT_MODIFIED, content_type, ""),
        false => reply::typed(StatusCode::OK, content_type, *text),
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, HeaderValue::try_from(tag).expect("digits in quotes"));
    headers.insert(header::CACHE_CONTROL, KEPT);
    headers.insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    headers.insert(header::REFERRER_POLICY, NO_REFERRER);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// What a module names behind `from`, or a document behind `href` and `src`.
    fn named(text: &str) -> BTreeSet<&str> {
        let after = ["from './", "import './", "href=\"/page/", "src=\"/page/"];
        let found = after.iter().flat_map(|mark| text.split(mark).skip(1));
        found.filter_map(|rest| rest.split(['\'', '"']).next()).collect()
    }

    #[test]
    fn every_file_is_reached_from_the_document_and_none_is_named_that_is_not_served() {
        let text_of = |name: &str| FILES.iter().find(|(known, ..)| *known == name).map(|(.., text)| *text);
        let (mut reached, mut next) = (BTreeSet::from([""]), vec![""]);
        while let Some(name) = next.pop() {
            let text = text_of(name).unwrap_or_else(|| panic!("{name} is named and not served"));
            next.extend(named(text).into_iter().filter(|name| reached.insert(name)));
        }
        assert_eq!(reached, FILES.iter().map(|(name, ..)| *name).collect());
    }

    #[test]
    fn the_files_are_small_and_put_no_text_in_as_markup() {
        for (name, _, text) in FILES {
            assert!(text.lines().count() < 300, "{name} is to be read in one go");
            for banned in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http:"]
            {
                let text = text.replace("http://www.w3.org/2000/svg", "");
                assert!(!text.contains(banned), "{name} says {banned}");
            }
        }
    }

    #[test]
    fn a_file_is_sent_once_and_then_said_to_be_the_same() {
        let first = file(&HeaderMap::new(), "main.js").unwrap();
        assert_eq!(first.headers()[header::CONTENT_TYPE], SCRIPT);
        let tag = first.headers()[header::ETAG].clone();
        let again = HeaderMap::from_iter([(header::IF_NONE_MATCH, tag.clone())]);
        assert_eq!(file(&again, "main.js").unwrap().status(), StatusCode::NOT_MODIFIED);
        assert_eq!(file(&again, "api.js").unwrap().status(), StatusCode::OK);
        assert!(matches!(file(&again, "../main.js"), Err(Fault::NoSuchPath)));
    }
}
