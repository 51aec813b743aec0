//! The trail of operators' acts: who did what, when and why, durable, listed by the API and the command line,
//! and named by `explain`.

use crate::support::house::{House, answer, json, key, partner};
use crate::support::program::BINARY;
use crate::support::stage::{START, Stage, document};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tempfile::TempDir;
use tidegate::clock::Clock;
use tidegate::config::OperatorSettings;

impl House {
    async fn acts(&self, query: &str) -> Vec<Value> {
        let (status, page) = answer(self.admin(Method::GET, &format!("/admin/audit{query}"))).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        page["items"].as_array().cloned().expect("items")
    }
}

#[tokio::test]
async fn u07_an_approval_is_on_the_trail_with_its_reason_and_explain_names_the_plan_and_who_approved_it() {
    let mut stage = Stage::open(document(Some(START), 0..100), |_| {}).await;
    let run = stage.publish(true, 50..100).await["run"].clone();
    let (status, _) = stage.decide(1, "approve").await;
    assert_eq!(status, StatusCode::OK);
    stage.house.restart().await;
    let acts = stage.house.acts("?partner=acme").await;
    assert_eq!(acts.len(), 1, "{acts:?}");
    let act = &acts[0];
    assert_eq!((&act["act"], &act["who"]), (&json!("approve"), &json!("local")));
    assert_eq!((&act["target"], &act["reason"]), (&json!({"kind": "plan", "id": "1"}), &json!("seen")));
    assert_eq!((&act["outcome"], &act["note"]), (&json!("done"), &json!("50 deleted, 0 kept")));
    let (_, told) = stage.house.get("acme", "/api/assets/a7/explain").await;
    let by = &told["existence"]["last_change"]["by"];
    assert_eq!((&by["kind"], &by["plan"], &by["run"]), (&json!("plan"), &json!(1), &run));
    assert_eq!((&by["who"], &by["reason"]), (&json!("local"), &json!("seen")));
    assert_eq!(told["existence"]["death"]["by"], *by, "{told}");

    let (status, refused) = stage.decide(1, "reject").await;
    assert_eq!(status, StatusCode::CONFLICT, "{refused}");
    let acts = stage.house.acts("?act=reject").await;
    assert_eq!((&acts[0]["outcome"], &acts[0]["code"]), (&json!("refused"), &refused["code"]));
    stage.house.stop().await;
}

#[tokio::test]
async fn an_act_names_the_token_that_asked_for_it_and_tokens_are_told_apart() {
    let directory = TempDir::new().unwrap();
    let house = House::start_as(directory.path().to_owned(), Clock::system(), |settings| {
        settings.partners = vec![partner("acme")];
        settings.operators =
            vec![OperatorSettings::named("anna", "hers"), OperatorSettings::named("bob", "his")];
    })
    .await;
    house.put("acme", "/api/assets/a", &json!({ "name": "n" })).await;
    let hide = |token: &str, deed: &str| {
        let path = format!("/admin/partners/acme/assets/a/{deed}");
        answer(json(house.admin(Method::POST, &path).bearer_auth(token), &json!({ "reason": deed })))
    };
    assert_eq!(hide("hers", "hide").await.0, StatusCode::OK);
    assert_eq!(hide("his", "unhide").await.0, StatusCode::OK);
    assert_eq!(hide("nobody's", "hide").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(hide(&key("acme"), "hide").await.0, StatusCode::UNAUTHORIZED);
    let list =
        |query: &str| answer(house.admin(Method::GET, &format!("/admin/audit{query}")).bearer_auth("his"));
    let said = |page: &Value| {
        let items = page["items"].as_array().expect("items").iter();
        items.map(|act| (act["who"].as_str().unwrap().to_owned(), act["act"].clone())).collect::<Vec<_>>()
    };
    let (_, all) = list("").await;
    assert_eq!(said(&all), [("bob".into(), json!("unhide")), ("anna".into(), json!("hide"))]);
    assert_eq!(said(&list("?who=anna").await.1), [("anna".into(), json!("hide"))]);
    let (_, first) = list("?limit=1").await;
    let cursor = first["next_cursor"].as_str().expect("another page");
    assert_eq!(said(&list(&format!("?limit=1&cursor={cursor}")).await.1), [("anna".into(), json!("hide"))]);
    assert!(said(&list("?partner=other").await.1).is_empty());
    let (status, refused) = list("?act=nonsense").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(refused["detail"].as_str().is_some_and(|text| text.contains("approve")), "{refused}");
    assert_eq!(list("?cursor=x").await.0, StatusCode::BAD_REQUEST);
    let (_, told) = house.get("acme", "/api/assets/a/explain").await;
    let by: Vec<_> = told["actions"].as_array().unwrap().iter().map(|action| &action["by"]).collect();
    assert_eq!(by, ["bob", "anna"]);
    house.stop().await;
}

/// Each act that an operator can ask for about a partner with a feed and a row in quarantine.
#[tokio::test]
async fn each_order_that_is_carried_out_is_on_the_trail() {
    let stage = Stage::open(document(Some(START), 0..3), |_| {}).await;
    let house = &stage.house;
    let order = async |method: Method, path: &str, body: Value| {
        let request = house.admin(method, &format!("/admin/partners/acme/{path}"));
        let (status, said) = answer(if body.is_null() { request } else { json(request, &body) }).await;
        assert!(status.is_success(), "{path}: {said}");
        said
    };
    let reason = json!({ "reason": "because" });
    for n in 0..4 {
        house.post("acme", "/api/prices", &json!({ "id": format!("a{n}"), "amount": "x" })).await;
    }
    let (_, rows) = house.get("acme", "/api/quarantine").await;
    let row = |place: usize| rows["items"][place]["row"].as_u64().expect("a row");
    order(Method::POST, "assets/a0/patch", json!({ "reason": "because", "set": { "name": "m" } })).await;
    order(Method::POST, "assets/a0/hide", reason.clone()).await;
    order(Method::POST, "assets/a0/unhide", reason.clone()).await;
    order(Method::POST, "feed/pause", reason.clone()).await;
    order(Method::POST, "feed/resume", reason.clone()).await;
    order(Method::POST, "feed/run", reason.clone()).await;
    house.run_report("acme", 2).await;
    crate::support::house::wait_for("a rebuild to begin", async || {
        let request = house.admin(Method::POST, "/admin/partners/acme/feed/rebuild?run=1");
        let (status, _) = answer(json(request, &reason)).await;
        status.is_success().then_some(())
    })
    .await;
    let mended = json!({ "id": "a1", "amount": "7", "currency": "EUR" });
    order(Method::POST, &format!("quarantine/{}/release?reason=because", row(2)), mended).await;
    order(Method::POST, &format!("quarantine/{}/drop?reason=because", row(0)), Value::Null).await;
    order(Method::DELETE, "quarantine?kind=price&reason=because&dry_run=true", Value::Null).await;
    order(Method::DELETE, "quarantine?kind=price&reason=because", Value::Null).await;
    let acts = house.acts("").await;
    let done = acts.iter().filter(|act| act["outcome"] == "done");
    let done: Vec<&str> = done.map(|act| act["act"].as_str().unwrap()).collect();
    let expected = ["drop", "drop", "edit", "rebuild", "run", "resume", "pause", "unhide", "hide", "patch"];
    assert_eq!(done, expected);
    let reasons: BTreeSet<_> = acts.iter().map(|act| act["reason"].as_str()).collect();
    assert_eq!(reasons, BTreeSet::from([Some("because")]));
    assert_eq!(acts[0]["target"], json!({ "kind": "rows", "id": "kind=price" }));
    assert_eq!(acts[0]["note"], "2 dropped");
    stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_lists_the_trail_as_a_table_and_as_json() {
    let house = House::with(&["acme"], Clock::system()).await;
    house.put("acme", "/api/assets/a", &json!({ "name": "n" })).await;
    let path = "/admin/partners/acme/assets/a/hide";
    answer(json(house.admin(Method::POST, path), &json!({ "reason": "by court\u{1b}[31m order" }))).await;
    let admin = format!("http://{}", house.daemon().admin_address());
    let say = async |arguments: &[&str]| {
        let mut command = std::process::Command::new(BINARY);
        command.arg("audit").args(arguments).args(["--admin", &admin]);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = say(&[]).await;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((code, lines.len()), (Some(0), 2), "{said}");
    assert!(lines[0].starts_with("at ") && lines[1].contains("local  hide"), "{said}");
    assert!(lines[1].ends_with("done     by court [31m order; updated"), "no terminal obeys it: {said}");
    let (_, said) = say(&["--json", "--partner", "acme"]).await;
    let listed: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(listed["items"][0]["act"], "hide");
    let (_, said) = say(&["--who", "nobody"]).await;
    assert_eq!(said, "nothing of this is on the trail\n");
    let (code, _) = say(&["--act", "nonsense"]).await;
    assert_eq!(code, Some(1));
    house.stop().await;
}
