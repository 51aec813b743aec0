//! Which signed calls are taken, and what all others are answered.

use super::{OTHER_SECRET, SECRET, Signed, house, plain, seconds, shared, signature, signer, timed};
use crate::support::house::{House, NEW_YEAR, answer, key, partner};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tidegate::clock::Clock;
use tidegate::config::Validity;
use tidegate::domain::Micros;

const ASSETS: &str = "/api/partners/acme/assets";
const PRICES: &str = "/api/partners/acme/prices";

fn asset() -> Value {
    json!({"id": "villa", "name": "Villa", "updated_at": "2025-12-01T00:00:00Z"})
}

#[tokio::test]
async fn every_push_with_a_body_takes_a_signature_in_place_of_a_key() {
    let house = house(Clock::manual(NEW_YEAR)).await;
    let price = json!({"amount": "1.00", "currency": "EUR", "as_of": "2025-12-01T00:00:00Z"});
    let mut named = price.clone();
    named["id"] = json!("villa");
    let event = json!({"type": "asset.upserted", "timestamp": "2025-12-03T00:00:00Z", "data": {"id": "villa", "name": "V3"}});
    let later = json!({"id": "villa", "name": "V2", "updated_at": "2025-12-02T00:00:00Z"});
    for (number, (method, path, body, outcome)) in [
        (Method::POST, ASSETS, asset(), "created"),
        (Method::POST, PRICES, named, "updated"),
        (Method::PUT, ASSETS, later, "updated"),
        (Method::POST, "/api/partners/acme/events", event, "updated"),
        (
            Method::PUT,
            "/api/partners/acme/assets/fund",
            json!({"name": "F", "updated_at": "2025-12-01T00:00:00Z"}),
            "created",
        ),
        (
            Method::PATCH,
            "/api/partners/acme/assets/fund",
            json!({"name": "G", "updated_at": "2025-12-02T00:00:00Z"}),
            "updated",
        ),
        (Method::PUT, "/api/partners/acme/assets/fund/price", price, "updated"),
    ]
    .into_iter()
    .enumerate()
    {
        let call = Signed::new(&house, path, &body).method(method.clone()).id(&format!("msg_{number}"));
        let (status, said) = call.send().await;
        assert!(status.is_success(), "{method} {path}: {status} {said}");
        assert_eq!(said["outcome"], outcome, "{method} {path}: {said}");
    }
    house.stop().await;
}

#[tokio::test]
async fn what_the_path_alone_says_needs_a_key_and_so_does_the_short_path() {
    let house = house(Clock::manual(NEW_YEAR)).await;
    assert_eq!(Signed::new(&house, ASSETS, &asset()).send().await.0, StatusCode::CREATED);
    for (method, path) in [
        (Method::POST, "/api/assets"),
        (Method::GET, ASSETS),
        (Method::GET, "/api/partners/acme/assets/villa"),
        (Method::DELETE, "/api/partners/acme/assets/villa"),
        (Method::DELETE, "/api/partners/acme/quarantine/1"),
        (Method::POST, "/api/partners/acme/feed/run"),
        (Method::POST, "/api/partners/acme/feed/preview"),
        (Method::GET, "/api/partners/acme/changes"),
    ] {
        let mut call = Signed::new(&house, path, &asset()).method(method.clone()).id("msg_2");
        if matches!(method, Method::GET | Method::DELETE) {
            call.body.clear();
        }
        assert_eq!(call.send().await.0, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
    assert_eq!(house.get("acme", "/api/assets/villa").await.0, StatusCode::OK);
    house.stop().await;
}

#[tokio::test]
async fn b4_an_old_call_is_refused_as_any_other_that_is_not_proven() {
    let house = house(Clock::manual(NEW_YEAR)).await;
    let call = || Signed::new(&house, ASSETS, &asset()).at(NEW_YEAR.0 / Micros::SECOND);
    assert_eq!(call().send().await.0, StatusCode::CREATED);
    house.clock.set(NEW_YEAR.plus(301 * Micros::SECOND));
    let (status, said) = call().send().await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{said}");
    let (_, wrong) = Signed::new(&house, ASSETS, &asset()).by(OTHER_SECRET).send().await;
    assert_eq!(plain(said), plain(wrong));
    house.stop().await;
}

#[tokio::test]
async fn b5_a_call_that_is_sent_again_in_time_has_one_effect_and_none_elsewhere() {
    let house = house(Clock::manual(NEW_YEAR)).await;
    let at = NEW_YEAR.0 / Micros::SECOND;
    let body = json!({"id": "villa", "name": "Villa"});
    let first = Signed::new(&house, ASSETS, &body).at(at).send().await;
    assert_eq!(first.0, StatusCode::CREATED);
    house.clock.set(NEW_YEAR.plus(299 * Micros::SECOND));
    let again = Signed::new(&house, ASSETS, &body).at(at).request().send().await.unwrap();
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.status(), StatusCode::CREATED);
    assert_eq!(serde_json::from_slice::<Value>(&again.bytes().await.unwrap()).unwrap(), first.1);
    for (method, path) in [
        (Method::PUT, "/api/partners/acme/assets"),
        (Method::POST, "/api/partners/acme/prices"),
        (Method::POST, "/api/partners/acme/assets?dry_run=true"),
        (Method::PUT, "/api/partners/acme/assets/another"),
    ] {
        let (status, said) = Signed::new(&house, path, &body).at(at).method(method.clone()).send().await;
        assert_eq!(
            (status, &said["code"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("key_reused")),
            "{method} {path}"
        );
    }
    let (_, all) = house.get("acme", "/api/changes").await;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(1), "{all}");
    house.stop().await;
}

/// All the ways in which headers can be wrong, and one that is right.
fn malformed(house: &House) -> Vec<(&'static str, reqwest::RequestBuilder)> {
    let call = || Signed::new(house, ASSETS, &asset());
    let good = signature(SECRET, "msg_1", &call().at, asset().to_string().as_bytes());
    let without = |name: &str| {
        let mut request = call().request().build().unwrap();
        request.headers_mut().remove(name);
        reqwest::RequestBuilder::from_parts(house.client.clone(), request)
    };
    vec![
        ("no id", without("webhook-id")),
        ("no timestamp", without("webhook-timestamp")),
        ("no signature", without("webhook-signature")),
        ("no list", call().list("").request()),
        ("a space", call().list(" ").request()),
        ("two ids", call().with("webhook-id", "msg_1").request()),
        ("two timestamps", call().with("webhook-timestamp", call().at).request()),
        ("two lists", call().with("webhook-signature", good.clone()).request()),
        ("another id as svix-id", call().with("svix-id", "msg_2").request()),
        ("another list as svix-signature", call().with("svix-signature", "v1,AAAA").request()),
        ("another secret", call().by(OTHER_SECRET).request()),
        ("an unknown version", call().list(good.replace("v1,", "v2,")).request()),
        ("a version in capitals", call().list(good.replace("v1,", "V1,")).request()),
        ("ed25519 where there is none", call().list(format!("v1a,{}", "A".repeat(86))).request()),
        ("half a signature", call().list(&good[..24]).request()),
        ("a signature without its version", call().list(&good[3..]).request()),
        ("not base64", call().list("v1,????").request()),
        ("base64 for URLs", call().list(good.replace(['+', '/'], "-")).request()),
        ("17 signatures", call().list(format!("{}{good}", "v1,AAAA ".repeat(16))).request()),
        ("another body", call().list(signature(SECRET, "msg_1", &call().at, b"{}")).request()),
    ]
}

#[tokio::test]
async fn b9_what_is_malformed_is_answered_alike_and_nothing_of_it_is_read() {
    let house = house(Clock::manual(NEW_YEAR)).await;
    let mut said = Vec::new();
    for (what, request) in malformed(&house) {
        let (status, problem) = answer(request).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{what}: {problem}");
        said.push(plain(problem));
    }
    assert!(said.iter().all(|problem| *problem == said[0]), "{said:?}");
    let broken = Signed { body: "{".into(), ..Signed::new(&house, ASSETS, &asset()) };
    assert_eq!(broken.by(OTHER_SECRET).send().await.0, StatusCode::UNAUTHORIZED);
    let call = || Signed::new(&house, ASSETS, &asset());
    let good = signature(SECRET, "msg_1", &call().at, asset().to_string().as_bytes());
    let at_the_end = format!("{}{good}", "v1,AAAA v2,x v1a,AAAA ".repeat(5));
    assert_eq!(call().list(at_the_end).send().await.0, StatusCode::CREATED, "any of 16 suffices");
    house.stop().await;
}

#[tokio::test]
async fn b9_a_signature_beside_a_key_is_checked_too() {
    let partners = vec![signer("acme", vec![shared(SECRET)]), partner("plain")];
    let house = House::start(partners, Clock::manual(NEW_YEAR)).await;
    for (name, path) in [
        ("acme", "/api/assets"),
        ("acme", ASSETS),
        ("plain", "/api/assets"),
        ("plain", "/api/partners/plain/assets"),
    ] {
        let call =
            || Signed::new(&house, path, &asset()).with("authorization", format!("Bearer {}", key(name)));
        let (status, said) = call().by(OTHER_SECRET).send().await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{name} {path}: {said}");
        let (status, _) = call().send().await;
        let expected = if name == "acme" { StatusCode::CREATED } else { StatusCode::UNAUTHORIZED };
        assert_eq!(status, expected, "{name} {path}: of a partner without a secret no signature is right");
    }
    let read = |list: &str| {
        let request = house.call("acme", Method::GET, "/api/assets/villa").header("webhook-id", "msg_1");
        let at = seconds(&house.clock).to_string();
        let list = if list.is_empty() { signature(SECRET, "msg_1", &at, b"") } else { list.to_owned() };
        answer(request.header("webhook-timestamp", at).header("webhook-signature", list))
    };
    assert_eq!(read("v1,AAAA").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(read("").await.0, StatusCode::OK);
    let order = house.call("acme", Method::POST, "/api/feed/run").header("webhook-signature", "v1,AAAA");
    assert_eq!(answer(order).await.0, StatusCode::UNAUTHORIZED);
    let reader = house.read("/api/assets").header("webhook-signature", "v1,AAAA");
    assert_eq!(answer(reader).await.0, StatusCode::UNAUTHORIZED);
    let wrong_key = Signed::new(&house, ASSETS, &asset()).with("authorization", "Bearer nonsense");
    assert_eq!(wrong_key.send().await.0, StatusCode::UNAUTHORIZED, "a wrong key beside a good signature");
    let id_alone = house.call("plain", Method::POST, "/api/assets").header("webhook-id", "msg_9");
    let id_alone = crate::support::house::json(id_alone, &json!({"id": "b", "name": "B"}));
    assert_eq!(answer(id_alone).await.0, StatusCode::CREATED, "an id alone claims nothing");
    house.stop().await;
}

#[tokio::test]
async fn b10_two_secrets_hold_while_one_is_rotated_and_each_in_its_own_time() {
    let hour = 3_600 * Micros::SECOND;
    let old = Validity { from: None, until: Some(NEW_YEAR.plus(hour)) };
    let new = Validity { from: Some(NEW_YEAR), until: None };
    let signing = vec![timed(SECRET, old), timed(OTHER_SECRET, new)];
    let house = House::start(vec![signer("acme", signing)], Clock::manual(NEW_YEAR.plus(-1))).await;
    let mut number = 0;
    for (after, old_holds, new_holds) in
        [(-1, true, false), (0, true, true), (hour - 1, true, true), (hour, false, true)]
    {
        house.clock.set(NEW_YEAR.plus(after));
        for (secret, holds) in [(SECRET, old_holds), (OTHER_SECRET, new_holds)] {
            number += 1;
            let call = Signed::new(&house, ASSETS, &asset()).id(&format!("msg_{number}")).by(secret);
            let (status, said) = call.send().await;
            let expected = if !holds {
                StatusCode::UNAUTHORIZED
            } else if number == 1 {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            };
            assert_eq!(status, expected, "{after} µs, {secret}: {said}");
        }
    }
    let (_, me) = house.get("acme", "/api/me").await;
    assert_eq!(me["signing"].as_array().map(Vec::len), Some(1), "the old one is no longer live: {me}");
    house.stop().await;
}

#[tokio::test]
async fn b10_a_reload_changes_the_secrets_without_a_restart() {
    let house = house(Clock::manual(NEW_YEAR)).await;
    assert_eq!(Signed::new(&house, ASSETS, &asset()).send().await.0, StatusCode::CREATED);
    let mut settings = house.settings.clone();
    settings.partners[0].signing = vec![shared(OTHER_SECRET)];
    house.daemon().reconfigure(settings).await.unwrap();
    let call = || Signed::new(&house, ASSETS, &asset()).id("msg_2");
    assert_eq!(call().send().await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(call().by(OTHER_SECRET).send().await.0, StatusCode::OK);
    house.stop().await;
}

#[tokio::test]
async fn b11_the_time_of_a_call_is_within_five_minutes_past_and_one_ahead() {
    let house = house(Clock::manual(NEW_YEAR)).await;
    let now = seconds(&house.clock);
    for (number, (moved, taken)) in
        [(-301, false), (-300, true), (-1, true), (0, true), (60, true), (61, false)].into_iter().enumerate()
    {
        let call = Signed::new(&house, ASSETS, &asset()).id(&format!("msg_{number}")).at(now + moved);
        let (status, said) = call.send().await;
        assert_eq!(status.is_success(), taken, "{moved} s: {status} {said}");
        assert!(taken || status == StatusCode::UNAUTHORIZED);
    }
    for odd in [
        i64::MIN.to_string(),
        i64::MAX.to_string(),
        u64::MAX.to_string(),
        format!("+{now}"),
        format!("-{now}"),
        format!("{now}.5"),
        format!("{now}.0"),
        format!("0{now}"),
        format!("{now}0"),
        format!("{now}0000000000"),
        format!("{now}e0"),
        format!("{now} {now}"),
        "0".into(),
        "1.5".into(),
        "0x6955b900".into(),
        "٣".into(),
    ] {
        let (status, said) = Signed::new(&house, ASSETS, &asset()).at(&odd).send().await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{odd}: {said}");
    }
    assert_eq!(house.get("acme", "/api/me").await.0, StatusCode::OK, "it still runs");
    house.stop().await;
}

#[tokio::test]
async fn b12_an_id_that_would_shift_what_is_signed_is_refused() {
    let house = house(Clock::manual(NEW_YEAR)).await;
    for odd in ["msg.1", ".", "msg 1", "m\tg", "undefined", "null", &"x".repeat(256), &"x".repeat(2048)] {
        let (status, said) = Signed::new(&house, ASSETS, &asset()).id(odd).send().await;
        assert_eq!((status, &said["code"]), (StatusCode::BAD_REQUEST, &json!("bad_header")), "{odd}");
    }
    // the dot moved from before the body into the id
    let at = seconds(&house.clock).to_string();
    let shifted = signature(SECRET, "msg", &format!("1.{at}"), asset().to_string().as_bytes());
    let (status, _) = Signed::new(&house, ASSETS, &asset()).id("msg.1").list(shifted).send().await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let longest = "x".repeat(255);
    assert_eq!(Signed::new(&house, ASSETS, &asset()).id(&longest).send().await.0, StatusCode::CREATED);
    house.stop().await;
}

#[tokio::test]
async fn b13_of_a_partner_that_there_is_not_or_has_no_secret_or_is_removed_nothing_is_learnt() {
    let partners = vec![
        signer("acme", vec![shared(SECRET)]),
        partner("plain"),
        signer("gone", vec![shared(OTHER_SECRET)]),
    ];
    let house = House::start(partners, Clock::manual(NEW_YEAR)).await;
    let call = |path: &str| Signed::new(&house, path, &asset());
    assert_eq!(call("/api/partners/gone/assets").by(OTHER_SECRET).send().await.0, StatusCode::CREATED);
    let mut settings = house.settings.clone();
    settings.partners.pop();
    house.daemon().reconfigure(settings).await.unwrap();
    let mut said = Vec::new();
    for (path, secret) in [
        ("/api/partners/acme/assets", OTHER_SECRET),
        ("/api/partners/plain/assets", SECRET),
        ("/api/partners/gone/assets", OTHER_SECRET),
        ("/api/partners/gone/assets", SECRET),
        ("/api/partners/nobody/assets", SECRET),
        ("/api/partners/No%20body/assets", SECRET),
        ("/api/partners/%FF/assets", SECRET),
        ("/api/partners/gone/assets/x/price", SECRET),
    ] {
        let method = if path.ends_with("price") { Method::PUT } else { Method::POST };
        let call = call(path).method(method).id("msg_2").by(secret);
        let (status, problem) = call.send().await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        said.push(plain(problem));
    }
    assert!(said.iter().all(|problem| *problem == said[0]), "{said:?}");
    let mut large = call("/api/partners/nobody/assets");
    large.body = " ".repeat(300_000);
    assert_eq!(plain(large.send().await.1), said[0]);
    house.stop().await;
}
