//! What a call of a hook is answered, whoever sends it.

use super::{SECRET, Shop, hmac_base64};
use crate::support::house::{NEW_YEAR, answer};
use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::clock::Clock;

const SIGNED: &str = r#"[[hooks]]
name = "signed"
auth = { kind = "hmac_sha256", header = "X-Sign", encoding = "base64", secret = { file = "hook.secret" } }
delivery = "/delivery"
event = "/event"
time = "/at"
events = { made = "asset.upserted", gone = "asset.deleted" }
mapping = { records = "/data" }
"#;

async fn signed(shop: &Shop, body: &Value) -> (StatusCode, Value) {
    let body = body.to_string();
    let sign = hmac_base64(SECRET, &body);
    shop.call("signed", &[("x-sign", &sign)], &body).await
}

#[tokio::test]
async fn a_signed_call_is_a_push_and_answered_as_one() {
    let shop = Shop::with(SIGNED, Clock::manual(NEW_YEAR)).await;
    let made = json!({"event": "made", "at": "2025-12-01T00:00:00Z", "delivery": "d1", "data": {"id": "a", "name": "A"}});
    let (status, said) = signed(&shop, &made).await;
    assert_eq!(
        (status, &said["outcome"], &said["id"]),
        (StatusCode::CREATED, &json!("created"), &json!("a")),
        "{said}"
    );
    assert_eq!(shop.asset("a").await["updated_at"], "2025-12-01T00:00:00Z");
    let several = json!({"event": "made", "data": [{"id": "b"}, {"id": "undefined"}, {"id": "c"}]});
    let (status, said) = signed(&shop, &several).await;
    assert_eq!((status, &said["counts"]), (StatusCode::OK, &json!({"created": 2, "rejected": 1})), "{said}");
    assert_eq!(
        (&said["items"][1]["code"], &said["items"][1]["pointer"]),
        (&json!("id_placeholder"), &json!("/data/1/id"))
    );
    let gone = json!({"event": "gone", "at": "2025-12-02T00:00:00Z", "data": {"id": "a"}});
    assert_eq!(signed(&shop, &gone).await.1["outcome"], "deleted");
    let other = json!({"event": "order.paid", "data": {"id": "a"}});
    let (status, said) = signed(&shop, &other).await;
    assert_eq!(
        (status, &said["outcome"], &said["code"]),
        (StatusCode::OK, &json!("ignored"), &json!("event_ignored"))
    );
    shop.stop().await;
}

#[tokio::test]
async fn a_signature_is_over_a_compressed_body_as_it_was_sent() {
    let shop = Shop::with(SIGNED, Clock::manual(NEW_YEAR)).await;
    let made =
        json!({"event": "made", "at": "2025-12-01T00:00:00Z", "data": {"id": "a", "name": "A"}}).to_string();
    let packed = zstd::bulk::compress(made.as_bytes(), 3).unwrap();
    let call = |sign: String| {
        let request = shop.house.client.post(shop.url("signed")).header("content-type", "application/json");
        answer(request.header("content-encoding", "zstd").header("x-sign", sign).body(packed.clone()))
    };
    assert_eq!(call(hmac_base64(SECRET, &made)).await.0, StatusCode::UNAUTHORIZED, "what it becomes");
    let (status, said) = call(hmac_base64(SECRET, &packed)).await;
    assert_eq!((status, &said["outcome"]), (StatusCode::CREATED, &json!("created")), "{said}");
    shop.stop().await;
}

#[tokio::test]
async fn g2_a_delivery_has_one_effect_and_a_body_built_again_is_decided() {
    let shop = Shop::with(SIGNED, Clock::manual(NEW_YEAR)).await;
    let made = |name: &str| json!({"event": "made", "delivery": 7, "at": "2025-12-01T00:00:00Z", "data": {"id": "a", "name": name}});
    let first = signed(&shop, &made("A")).await;
    let body = made("A").to_string();
    let request = shop.house.client.post(shop.url("signed")).header("content-type", "application/json");
    let again = request.header("x-sign", hmac_base64(SECRET, &body)).body(body).send().await.unwrap();
    assert_eq!(
        (again.status(), &again.headers()["idempotent-replayed"]),
        (StatusCode::CREATED, &HeaderValue::from_static("true"))
    );
    assert_eq!(serde_json::from_slice::<Value>(&again.bytes().await.unwrap()).unwrap(), first.1);
    let (status, rebuilt) = signed(&shop, &made("B")).await;
    assert!(status.is_success() && rebuilt.to_string().contains("delivery_id_reused"), "{rebuilt}");
    shop.stop().await;
}

#[tokio::test]
async fn all_that_is_not_the_hooks_sender_is_answered_alike() {
    let text = format!(
        "{SIGNED}[[hooks]]\nname = \"bearer\"\nauth = {{ kind = \"bearer\", secret = {{ file = \"hook.secret\" }} }}\n\
         [[hooks]]\nname = \"basic\"\nauth = {{ kind = \"basic\", user = \"shop\", secret = {{ file = \"hook.secret\" }} }}\n\
         [[hooks]]\nname = \"header\"\nauth = {{ kind = \"header\", header = \"X-Key\", secrets = [{{ file = \"old.secret\" }}, {{ file = \"hook.secret\" }}] }}\n"
    );
    let shop = Shop::with(&text, Clock::manual(NEW_YEAR)).await;
    let body = json!({"id": "a"}).to_string();
    let (wrong, right) = (hmac_base64("other", &body), hmac_base64(SECRET, &body));
    let bearer = format!("Bearer {SECRET}");
    let basic = format!(
        "Basic {}",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("shop:{SECRET}"))
    );
    let refused = [
        ("unknown", vec![("x-sign", right.as_str())]),
        ("signed", vec![]),
        ("signed", vec![("x-sign", wrong.as_str())]),
        ("signed", vec![("x-sign", "?")]),
        ("signed", vec![("authorization", bearer.as_str())]),
        ("bearer", vec![("authorization", "Bearer key-of-acme")]),
        ("bearer", vec![("authorization", basic.as_str())]),
        ("basic", vec![("authorization", bearer.as_str())]),
        ("header", vec![("x-key", "s")]),
        ("header", vec![("x-key", SECRET), ("x-key", SECRET)]),
    ];
    let mut said = Vec::new();
    for (hook, headers) in &refused {
        let (status, problem) = shop.call(hook, headers, &body).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{hook} {headers:?}");
        said.push(problem);
    }
    let foreign = shop.url("signed").replace("/acme/", "/nobody/");
    let request =
        shop.house.client.post(foreign).header("content-type", "application/json").body(body.clone());
    let (status, problem) = answer(request.header("x-sign", &right)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    said.push(problem);
    assert!(said.iter().all(|problem| *problem == said[0]), "{said:?}");
    for (hook, header) in [
        ("bearer", ("authorization", bearer.as_str())),
        ("basic", ("authorization", &basic)),
        ("header", ("x-key", SECRET)),
    ] {
        let (status, said) = shop.call(hook, &[header], &body).await;
        assert!(status.is_success(), "{hook}: {said}");
    }
    let short = shop.url("signed").replace("/partners/acme", "");
    assert_eq!(answer(shop.house.client.post(short).body("")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(
        shop.house.call("acme", Method::GET, "/api/hooks/signed").send().await.unwrap().status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
    shop.stop().await;
}

#[tokio::test]
async fn a_secret_that_is_changed_in_its_file_counts_from_the_next_call() {
    let shop = Shop::with(SIGNED, Clock::manual(NEW_YEAR)).await;
    let body = json!({"event": "made", "data": {"id": "a"}}).to_string();
    std::fs::write(shop._directory.path().join("hook.secret"), "changed").unwrap();
    assert_eq!(
        shop.call("signed", &[("x-sign", &hmac_base64(SECRET, &body))], &body).await.0,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        shop.call("signed", &[("x-sign", &hmac_base64("changed", &body))], &body).await.0,
        StatusCode::CREATED
    );
    std::fs::remove_file(shop._directory.path().join("hook.secret")).unwrap();
    assert_eq!(
        shop.call("signed", &[("x-sign", &hmac_base64("changed", &body))], &body).await.0,
        StatusCode::UNAUTHORIZED
    );
    shop.stop().await;
}

#[tokio::test]
async fn a_ping_and_an_empty_body_are_taken_without_a_write() {
    let shop = Shop::with(SIGNED, Clock::manual(NEW_YEAR)).await;
    let form = [("content-type", "application/x-www-form-urlencoded; charset=UTF-8")];
    let known = shop.call("signed", &form, "webhook_id=17").await;
    assert_eq!((known.0, &known.1["outcome"]), (StatusCode::OK, &json!("ignored")));
    assert_eq!(
        shop.call("unknown", &form, "webhook_id=17").await,
        known,
        "it says of no hook that it exists"
    );
    for other in ["webhook_id=", "webhook_id=x", "id=17", "webhook_id=17&a=b"] {
        assert_eq!(shop.call("signed", &form, other).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{other}");
    }
    let sign = hmac_base64(SECRET, "");
    let (status, said) = shop.call("signed", &[("x-sign", &sign)], "").await;
    assert_eq!((status, &said["code"]), (StatusCode::OK, &json!("empty_body")), "{said}");
    assert_eq!(shop.call("signed", &[], "").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(shop.house.catalogue("acme").await.len(), 0);
    shop.stop().await;
}

#[tokio::test]
async fn a_refused_item_is_kept_with_its_body_and_decided_again_by_the_hook_of_that_day() {
    let text = format!("statuses_extra = [\"sold\"]\n{SIGNED}");
    let mut shop = Shop::with(&text.replace("\"sold\"", ""), Clock::manual(NEW_YEAR)).await;
    let body = json!({"event": "made", "at": "2025-12-01T00:00:00Z", "data": [{"id": "a"}, {"id": "b", "status": "sold"}]});
    let (_, said) = signed(&shop, &body).await;
    assert_eq!(said["items"][1]["code"], "status_unknown", "{said}");
    let rows = shop.house.get("acme", "/api/quarantine").await.1;
    let row = &rows["items"][0];
    assert_eq!(
        (&row["kind"], &row["id"], &row["pointer"]),
        (&json!("hook"), &json!("b"), &json!("/data/1/status")),
        "{rows}"
    );
    let shown = shop.house.get("acme", &format!("/api/quarantine/{}", row["row"])).await.1;
    assert_eq!(shown["raw"], body.to_string());
    shop.house.settings.partners = vec![super::settings(shop._directory.path(), &text)];
    shop.house.restart().await;
    let release = format!("/admin/partners/acme/quarantine/{}/release", row["row"]);
    let (status, said) = answer(shop.house.admin(Method::POST, &release)).await;
    assert!(status.is_success(), "{said}");
    assert_eq!(shop.asset("b").await["status"], "sold");
    shop.stop().await;
}

#[tokio::test]
async fn a_stranger_who_keeps_bodies_back_takes_up_nobodys_own_room() {
    use tokio::io::AsyncWriteExt;
    let limits = "[limits]\nbytes_in_flight_max = \"4MiB\"\n";
    let shop = Shop::with(&format!("{limits}{SIGNED}"), Clock::manual(NEW_YEAR)).await;
    let address = shop.house.daemon().address();
    let head = format!(
        "POST /api/partners/acme/hooks/signed HTTP/1.1\r\nhost: a\r\nx-sign: {}\r\ncontent-type: application/json\r\n\
         content-length: 4000000\r\n\r\n{{",
        hmac_base64("guessed", "")
    );
    let mut strangers = Vec::new();
    for _ in 0..4 {
        let mut stranger = tokio::net::TcpStream::connect(address).await.unwrap();
        stranger.write_all(head.as_bytes()).await.unwrap();
        strangers.push(stranger);
    }
    let text = "x".repeat(60_000);
    let members: serde_json::Map<_, _> = (0..4).map(|n| (format!("m{n}"), json!(text))).collect();
    for _ in 0..3 {
        let (status, said) = shop.house.put("acme", "/api/assets/own", &Value::Object(members.clone())).await;
        assert!(status.is_success(), "{status} {said}");
        let made = json!({"event": "made", "at": "2025-12-01T00:00:00Z", "data": {"id": "a"}});
        let (status, said) = signed(&shop, &made).await;
        assert!(status.is_success(), "{status} {said}");
    }
    drop(strangers);
    shop.stop().await;
}
