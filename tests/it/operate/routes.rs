//! The routes of the admin listener, one by one: what each allows, knows, and to whom it is open.

use crate::support::house::{House, answer, json, partner};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::collections::BTreeMap;
use tempfile::TempDir;
use tidegate::clock::Clock;
use tidegate::config::KeyHash;

const TOKEN: &str = "root-token";

/// Method, path, and the parameters that it names where it refuses one; `None` where a query is not
/// read.
type Way = (Method, &'static str, Option<&'static str>);

#[rustfmt::skip]
const WAYS: [Way; 35] = [
    (Method::GET, "/", None),
    (Method::GET, "/page/main.js", None),
    (Method::GET, "/livez", None),
    (Method::GET, "/readyz", None),
    (Method::GET, "/metrics", Some("")),
    (Method::GET, "/admin/status", Some("")),
    (Method::GET, "/admin/overview", Some("search, only, limit, cursor")),
    (Method::GET, "/admin/partners", Some("")),
    (Method::POST, "/admin/reload", Some("")),
    (Method::POST, "/admin/partners/acme/purge", Some("dry_run")),
    (Method::GET, "/admin/audit", Some("partner, act, who, limit, cursor")),
    (Method::GET, "/admin/backup", Some("")),
    (Method::GET, "/admin/partners/acme", Some("")),
    (Method::POST, "/admin/partners/acme/assets/a/patch", Some("id")),
    (Method::POST, "/admin/partners/acme/assets/a/hide", Some("id")),
    (Method::POST, "/admin/partners/acme/assets/a/unhide", Some("id")),
    (Method::GET, "/admin/partners/acme/plans", Some("")),
    (Method::GET, "/admin/partners/acme/plans/1", Some("cursor")),
    (Method::POST, "/admin/partners/acme/plans/1/approve", Some("")),
    (Method::POST, "/admin/partners/acme/plans/1/reject", Some("")),
    (Method::GET, "/admin/partners/acme/feed", Some("")),
    (Method::POST, "/admin/partners/acme/feed/run", Some("")),
    (Method::POST, "/admin/partners/acme/feed/pause", Some("")),
    (Method::POST, "/admin/partners/acme/feed/resume", Some("")),
    (Method::POST, "/admin/partners/acme/feed/rebuild", Some("run")),
    (Method::GET, "/admin/partners/acme/feed/diff", Some("from, to, limit")),
    (Method::GET, "/admin/partners/acme/feed/runs", Some("limit, cursor")),
    (Method::GET, "/admin/partners/acme/feed/runs/1/errors", Some("format, limit, cursor")),
    (Method::GET, "/admin/partners/acme/feed/runs/1", Some("")),
    (Method::GET, "/admin/partners/acme/quarantine", Some("kind, limit, cursor")),
    (Method::DELETE, "/admin/partners/acme/quarantine", Some("kind, code, id, before, limit, dry_run, reason")),
    (Method::GET, "/admin/partners/acme/quarantine/1", Some("")),
    (Method::DELETE, "/admin/partners/acme/quarantine/1", Some("reason")),
    (Method::POST, "/admin/partners/acme/quarantine/1/release", Some("reason")),
    (Method::POST, "/admin/partners/acme/quarantine/1/drop", Some("reason")),
];

/// Every path with its methods, in the order in which `Allow` names them.
fn allowed() -> BTreeMap<&'static str, Vec<Method>> {
    let mut allowed: BTreeMap<&str, Vec<Method>> = BTreeMap::new();
    for (method, path, _) in WAYS {
        let methods = allowed.entry(path).or_default();
        let is_get = method == Method::GET;
        methods.push(method);
        methods.extend(is_get.then_some(Method::HEAD));
    }
    allowed
}

#[tokio::test]
async fn each_path_answers_its_methods_and_refuses_every_other_with_their_names() {
    let house = House::with(&["acme"], Clock::system()).await;
    for (path, methods) in allowed() {
        let names = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        for method in [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ] {
            let request = json(house.admin(method.clone(), path), &json!({}));
            let response = request.send().await.unwrap();
            let (status, allow) = (response.status(), response.headers().get("allow").cloned());
            if methods.contains(&method) {
                assert_ne!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
                let text = response.text().await.unwrap();
                assert!(!text.contains("no_such_path"), "{method} {path}: {text}");
            } else {
                assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
                assert_eq!(allow.unwrap(), names, "{method} {path}");
            }
        }
    }
    house.stop().await;
}

#[tokio::test]
async fn a_path_that_no_route_has_is_not_found_by_any_method() {
    let house = House::with(&["acme"], Clock::system()).await;
    for path in [
        "/nothing",
        "/livez/",
        "/admin",
        "/admin/partners/",
        "/admin/partners/acme/",
        "/page/",
        "/admin/partners/acme/plans/1/drop",
        "/admin/partners/acme/assets/a",
        "/admin/partners/acme/assets/a/drop",
        "/admin/partners/acme/assets/a/hide/now",
        "/admin/partners/acme/quarantine/1/approve",
        "/admin/partners/acme/feed/stop",
        "/api/prices",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let (status, refused) = answer(house.admin(method.clone(), path)).await;
            assert_eq!(
                (status, &refused["code"]),
                (StatusCode::NOT_FOUND, &json!("no_such_path")),
                "{method} {path}"
            );
        }
    }
    house.stop().await;
}

#[tokio::test]
async fn each_route_refuses_a_parameter_that_it_does_not_know_with_those_that_it_does() {
    let house = House::with(&["acme"], Clock::system()).await;
    for (method, path, known) in WAYS {
        let request = house.admin(method.clone(), &format!("{path}?nonsense=1"));
        let (status, refused) = answer(json(request, &json!({}))).await;
        let Some(known) = known else {
            assert_eq!(status, StatusCode::OK, "{path}: a probe that adds a parameter is answered");
            continue;
        };
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
async fn each_route_about_a_partner_names_none_that_is_not_configured() {
    let house = House::with(&["acme"], Clock::system()).await;
    for (method, path, _) in WAYS.into_iter().filter(|(_, path, _)| path.contains("/acme/")) {
        let path = path.replace("/acme/", "/nobody/");
        let (status, refused) = answer(json(house.admin(method.clone(), &path), &json!({}))).await;
        let found = (status, &refused["code"]);
        assert_eq!(found, (StatusCode::NOT_FOUND, &json!("no_such_partner")), "{method} {path}");
    }
    house.stop().await;
}

#[tokio::test]
async fn d11_every_route_asks_for_the_token_but_those_of_probes_and_of_the_page() {
    let directory = TempDir::new().unwrap();
    let house = House::start_as(directory.path().to_owned(), Clock::system(), |settings| {
        settings.partners = vec![partner("acme")];
        settings.server.admin_token = Some(KeyHash::of(TOKEN));
    })
    .await;
    for (method, path, known) in WAYS {
        let bare = json(house.admin(method.clone(), path), &json!({})).send().await.unwrap();
        let is_refused = bare.status() == StatusCode::UNAUTHORIZED;
        assert_eq!(is_refused, known.is_some(), "{method} {path}: {}", bare.status());
        let with_token = json(house.admin(method.clone(), path).bearer_auth(TOKEN), &json!({}));
        let status = with_token.send().await.unwrap().status();
        assert_ne!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
    house.stop().await;
}

#[tokio::test]
async fn an_answer_is_counted_by_the_pattern_of_its_route() {
    let house = House::with(&["acme"], Clock::system()).await;
    for method in [Method::GET, Method::HEAD] {
        house.admin(method, "/admin/partners/acme/plans").send().await.unwrap();
    }
    house.admin(Method::GET, "/admin/partners/acme/plans/7").send().await.unwrap();
    let text = house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    for line in [
        r#"tidegate_http_requests_total{route="/admin/partners/{partner}/plans",method="GET",code="2xx"} 2"#,
        r#"tidegate_http_requests_total{route="/admin/partners/{partner}/plans/{id}",method="GET",code="4xx"} 1"#,
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    house.stop().await;
}
