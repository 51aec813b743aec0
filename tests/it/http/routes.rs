//! The routes of the partner listener, one by one: what each allows, knows, takes, and to whom it is
//! open.

use crate::support::house::{House, READER, answer, json};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::collections::BTreeMap;
use tidegate::clock::Clock;

/// Method, path, the parameters that it names where it refuses one, and for a body the types that it
/// takes.
type Way = (Method, &'static str, &'static str, Option<&'static str>);

const ITEMS: Option<&str> = Some("application/json, application/x-ndjson");
const OBJECT: Option<&str> = Some("application/json");
const PATCH: Option<&str> = Some("application/merge-patch+json, application/json");

#[rustfmt::skip]
const WAYS: [Way; 31] = [
    (Method::GET, "/prices", "partner, status, class, changed_since, limit, cursor, quote, id, min_cursor, wait", None),
    (Method::POST, "/prices", "atomic, dry_run", ITEMS),
    (Method::GET, "/assets", "partner, status, class, changed_since, limit, cursor, fields, min_cursor, wait", None),
    (Method::POST, "/assets", "atomic, dry_run", ITEMS),
    (Method::PUT, "/assets", "dry_run", OBJECT),
    (Method::GET, "/assets/a", "id, fields, min_cursor, wait", None),
    (Method::PUT, "/assets/a", "id, dry_run", OBJECT),
    (Method::PATCH, "/assets/a", "id, dry_run", PATCH),
    (Method::DELETE, "/assets/a", "id, at, dry_run", None),
    (Method::GET, "/assets/a/price", "id, quote, max_age, min_cursor, wait", None),
    (Method::PUT, "/assets/a/price", "id, quote, dry_run", OBJECT),
    (Method::DELETE, "/assets/a/price", "id, quote, at, dry_run", None),
    (Method::GET, "/assets/a/explain", "id, member, min_cursor, wait", None),
    (Method::GET, "/changes", "since, cursor, limit, partner, type, full, mode, events, ticket, min_cursor, wait", None),
    (Method::POST, "/changes/ticket", "partner, type, full, mode, events", None),
    (Method::GET, "/export", "partner, deleted, resume, min_cursor, wait", None),
    (Method::POST, "/events", "atomic, dry_run", ITEMS),
    (Method::GET, "/receipts/1", "hash, min_cursor, wait", None),
    (Method::GET, "/me", "min_cursor, wait", None),
    (Method::GET, "/feed", "min_cursor, wait", None),
    (Method::GET, "/feed/runs", "limit, cursor, min_cursor, wait", None),
    (Method::GET, "/feed/runs/1", "min_cursor, wait", None),
    (Method::GET, "/feed/runs/1/errors", "format, limit, cursor, min_cursor, wait", None),
    (Method::GET, "/feed/plans", "min_cursor, wait", None),
    (Method::POST, "/feed/run", "", None),
    (Method::GET, "/quarantine", "kind, limit, cursor, min_cursor, wait", None),
    (Method::DELETE, "/quarantine", "kind, code, id, before, limit, dry_run", None),
    (Method::GET, "/quarantine/1", "min_cursor, wait", None),
    (Method::DELETE, "/quarantine/1", "", None),
    (Method::POST, "/quarantine/1/release", "", OBJECT),
    (Method::DELETE, "/sandbox", "", None),
];

/// What is between a partner and us.
const PRIVATE: [&str; 8] = [
    "/receipts/1",
    "/feed",
    "/feed/runs",
    "/feed/runs/1",
    "/feed/runs/1/errors",
    "/feed/plans",
    "/quarantine",
    "/quarantine/1",
];

#[tokio::test]
async fn each_path_names_its_methods_and_answers_them_under_both_of_its_spellings() {
    let house = House::with(&["acme"], Clock::system()).await;
    let mut allowed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (method, path, ..) in &WAYS {
        let methods = allowed.entry(path).or_default();
        methods.push(method.as_str());
        methods.extend((method == Method::GET).then_some("HEAD"));
    }
    for (path, methods) in allowed {
        for prefix in ["/api", "/api/partners/acme"] {
            let refused =
                house.call("acme", Method::OPTIONS, &format!("{prefix}{path}")).send().await.unwrap();
            assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED, "{prefix}{path}");
            assert_eq!(refused.headers()["allow"], methods.join(", "), "{prefix}{path}");
            for method in &methods {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let request = house.call("acme", method.clone(), &format!("{prefix}{path}"));
                let (status, reply) = answer(json(request, &json!({"id": "b"}))).await;
                assert_ne!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {prefix}{path}");
                assert_ne!(reply["code"], "no_such_path", "{method} {prefix}{path}");
            }
        }
    }
    house.stop().await;
}

#[tokio::test]
async fn each_route_refuses_a_parameter_that_it_does_not_know_with_those_that_it_does() {
    let house = House::with(&["acme"], Clock::system()).await;
    for (method, path, known, _) in WAYS {
        let request = house.call("acme", method.clone(), &format!("/api{path}?nonsense=1"));
        let (status, refused) = answer(json(request, &json!({}))).await;
        assert_eq!((status.as_u16(), &refused["code"]), (400, &json!("bad_query")), "{method} {path}");
        let known = match known {
            "" => "no parameters are known here".to_owned(),
            known => format!("known parameters: {known}"),
        };
        assert_eq!(refused["detail"], known, "{method} {path}");
    }
    house.stop().await;
}

#[tokio::test]
async fn each_route_with_a_body_names_the_types_that_it_takes() {
    let house = House::with(&["acme"], Clock::system()).await;
    for (method, path, _, accept) in WAYS {
        let request = house.call("acme", method.clone(), &format!("/api{path}"));
        let refused = request.header("content-type", "text/plain").body("{}").send().await.unwrap();
        assert_eq!(
            refused.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE,
            accept.is_some(),
            "{method} {path}: {}",
            refused.status()
        );
        let named = refused.headers().get("accept").map(|value| value.to_str().unwrap());
        assert_eq!(named, accept, "{method} {path}");
    }
    house.stop().await;
}

#[tokio::test]
async fn a_readers_token_opens_the_catalogue_and_nothing_else() {
    let house = House::with(&["acme"], Clock::system()).await;
    for (method, path, ..) in WAYS {
        let url = format!("http://{}/api/partners/acme{path}", house.daemon().address());
        let request = house.client.request(method.clone(), url).bearer_auth(READER);
        let (status, reply) = answer(request).await;
        let code = reply["code"].clone();
        // who may follow may have a ticket made
        let is_read = method == Method::GET || path == "/changes/ticket";
        let wanted = match (is_read, PRIVATE.contains(&path)) {
            (true, false) => json!(null),
            (true, true) => json!("partner_only"),
            (false, _) => json!("read_only"),
        };
        match wanted.is_null() {
            // there are no assets yet
            true => assert!(code.is_null() || code == "no_such_asset", "{method} {path}: {code}"),
            false => assert_eq!((status, &code), (StatusCode::FORBIDDEN, &wanted), "{method} {path}"),
        }
    }
    house.stop().await;
}
