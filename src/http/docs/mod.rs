//! What the daemon says of itself: the guide, the rules, each problem by its code, and the description
//! of the API for programs. Open to everybody, without anything from outside.
//!
//! The texts are files of this tree, made into pages once.

mod page;
mod reference;
mod sections;

use crate::http::reply::{self, Body, Fault};
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use hyper::{Response, StatusCode};
use page::{framed, of_markdown};
use std::collections::BTreeMap;
use std::sync::LazyLock;

const QUICKSTART: &str = include_str!("../../../config/QUICKSTART.md");
const READING: &str = include_str!("../../../config/READING.md");
const WEBHOOKS: &str = include_str!("../../../config/WEBHOOKS.md");
const SQLITE: &str = include_str!("../../../tests/it/tools/copy_sqlite.py");
const POSTGRES: &str = include_str!("../../../tests/it/tools/copy_postgres.py");
const MAPPING: &str = include_str!("../../MAPPING.md");
const RULES: &str = include_str!("../../RULES.md");
const PROBLEMS: &str = include_str!("problems.md");
/// The API for programs: OpenAPI 3.1.
pub const OPENAPI: &str = include_str!("openapi.json");

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// A page; `id` names a section of it, where the path has one.
pub type DocsPage = fn(id: Option<&str>) -> Result<Response<Body>, Fault>;

/// Where everything is.
pub fn index(_: Option<&str>) -> Result<Response<Body>, Fault> {
    static PAGE: LazyLock<String> = LazyLock::new(|| {
        let list = "<h1>Tidegate</h1><ul>\
            <li><a href=\"/docs/quickstart\">Quick start</a>: push, publish a feed</li>\
            <li><a href=\"/docs/webhooks\">Webhooks</a>: events, signed calls, a shop's or a CMS's own</li>\
            <li><a href=\"/docs/reading\">For readers</a>: read the catalogue, keep a copy</li>\
            <li><a href=\"/docs/api\">The API</a>, call by call; for programs: <a href=\"/openapi.json\">openapi.json</a></li>\
            <li><a href=\"/docs/mapping\">The mapping</a>: your JSON as it is</li>\
            <li><a href=\"/docs/rules\">The rules</a>: which write wins</li>\
            <li><a href=\"/docs/problems\">Problems</a>, by their codes</li></ul>";
        framed("Tidegate", list)
    });
    Ok(html(&PAGE))
}

/// The guide for partners.
pub fn quickstart(_: Option<&str>) -> Result<Response<Body>, Fault> {
    static PAGE: LazyLock<String> = LazyLock::new(|| of_markdown("Quick start", QUICKSTART));
    Ok(html(&PAGE))
}

/// The guide for those who send webhooks.
pub fn webhooks(_: Option<&str>) -> Result<Response<Body>, Fault> {
    static PAGE: LazyLock<String> = LazyLock::new(|| of_markdown("Webhooks", WEBHOOKS));
    Ok(html(&PAGE))
}

/// The guide for readers, with the followers that the tests run.
pub fn reading(_: Option<&str>) -> Result<Response<Body>, Fault> {
    static PAGE: LazyLock<String> = LazyLock::new(|| {
        let follower = |title, code| format!("\n## {title}\n\n```python\n{code}```\n");
        let followers = [follower("A copy in SQLite", SQLITE), follower("A copy in PostgreSQL", POSTGRES)];
        of_markdown("For readers", &format!("{READING}{}", followers.concat()))
    });
    Ok(html(&PAGE))
}

/// The language of mappings.
pub fn mapping(_: Option<&str>) -> Result<Response<Body>, Fault> {
    static PAGE: LazyLock<String> = LazyLock::new(|| of_markdown("The mapping", MAPPING));
    Ok(html(&PAGE))
}

/// The contract, whole or one rule of it.
pub fn rules(id: Option<&str>) -> Result<Response<Body>, Fault> {
    static PAGE: LazyLock<String> = LazyLock::new(|| of_markdown("The rules", RULES));
    static SECTIONS: LazyLock<Pages> = LazyLock::new(|| pages(sections::rules(RULES)));
    section(id, &PAGE, &SECTIONS)
}

/// All problems, or one.
pub fn problems(id: Option<&str>) -> Result<Response<Body>, Fault> {
    static PAGE: LazyLock<String> = LazyLock::new(|| of_markdown("Problems", PROBLEMS));
    static SECTIONS: LazyLock<Pages> = LazyLock::new(|| pages(sections::problems(PROBLEMS)));
    section(id, &PAGE, &SECTIONS)
}

/// The API, call by call.
pub fn api(_: Option<&str>) -> Result<Response<Body>, Fault> {
    static PAGE: LazyLock<String> = LazyLock::new(|| framed("The API", &reference::render(OPENAPI)));
    Ok(html(&PAGE))
}

/// The API for programs.
pub fn openapi(_: Option<&str>) -> Result<Response<Body>, Fault> {
    Ok(reply::typed(StatusCode::OK, JSON, OPENAPI))
}

type Pages = BTreeMap<&'static str, String>;

fn pages(sections: Vec<(&'static str, String)>) -> Pages {
    sections.into_iter().map(|(name, text)| (name, of_markdown(name, &text))).collect()
}

fn section(id: Option<&str>, whole: &'static str, sections: &'static Pages) -> Result<Response<Body>, Fault> {
    match id {
        None => Ok(html(whole)),
        Some(id) => sections.get(id).map(|page| html(page)).ok_or(Fault::NoSuchPath),
    }
}

fn html(page: &'static str) -> Response<Body> {
    let mut response = reply::typed(StatusCode::OK, HTML, page);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, PAGE_POLICY);
    response
}
