//! Calls signed by the libraries of their senders: npm `standardwebhooks`, `stripe`,
//! `@shopify/shopify-api`, PyPI `standardwebhooks`, `stripe`. What they sign is taken; with one bit
//! of it flipped it is not.

use super::{SECRET, Shop};
use crate::support::packages;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use tidegate::clock::Clock;

const WHSEC: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

type Headers = BTreeMap<String, String>;

/// What is to be signed: library, hook, body.
fn orders(libraries: &[&str]) -> Vec<(String, &'static str, String)> {
    let order = |library: &&str| match *library {
        "standardwebhooks" => (
            "standard",
            json!({"type": "asset.upserted", "timestamp": "2026-01-01T00:00:00Z", "data": {"id": "ü/1", "name": "Ä"}}),
        ),
        "stripe" => (
            "stripe",
            json!({"id": "evt_1", "object": "event", "type": "product.updated", "created": 1_767_225_600, "livemode": false,
                "data": {"object": {"id": "prod_1", "object": "product", "name": "Ä", "active": true}}}),
        ),
        _ => (
            "shopify",
            json!({"id": 1, "title": "Ä", "status": "active", "updated_at": "2026-01-01T00:00:00Z", "variants": [{"price": "1.00"}]}),
        ),
    };
    libraries
        .iter()
        .map(|library| (library.to_string(), order(library)))
        .map(|(l, (hook, body))| (l, hook, body.to_string()))
        .collect()
}

async fn shop() -> Shop {
    let hook = |name: &str, file: &str| {
        format!(
            "[[hooks]]\nname = \"{name}\"\npreset = \"{name}\"\nauth = {{ secret = {{ file = \"{file}\" }} }}\n"
        )
    };
    let text =
        hook("standard", "old.secret") + &hook("stripe", "hook.secret") + &hook("shopify", "hook.secret");
    Shop::with(&text, Clock::system()).await
}

async fn are_taken_as_signed(program: Option<(Command, &[&str])>) {
    let Some((program, libraries)) = program else { return };
    let orders = orders(libraries);
    let asked: Vec<Value> = orders
        .iter()
        .map(|(library, hook, body)| {
            let secret = if *hook == "standard" { WHSEC } else { SECRET };
            json!({"library": library, "secret": secret, "id": format!("msg_{hook}"), "body": body})
        })
        .collect();
    let signed = run(program, &Value::from(asked).to_string());
    let shop = shop().await;
    for ((_, hook, body), headers) in orders.iter().zip(&signed) {
        for (place, flipped) in flips(headers, body).into_iter().enumerate() {
            let (headers, body) = flipped;
            let (status, said) = call(&shop, hook, &headers, &body).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{hook}, flip {place}: {said}");
        }
        let (status, said) = call(&shop, hook, headers, body).await;
        assert_eq!((status, &said["outcome"]), (StatusCode::CREATED, &json!("created")), "{hook}: {said}");
    }
    shop.stop().await;
}

async fn call(shop: &Shop, hook: &str, headers: &Headers, body: &str) -> (StatusCode, Value) {
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    shop.call(hook, &headers, body).await
}

/// One bit of the body changed, and one of each header that belongs to the signature.
fn flips(headers: &Headers, body: &str) -> Vec<(Headers, String)> {
    let flip = |text: &str, place: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[place] ^= 1;
        String::from_utf8(bytes).unwrap()
    };
    let mut flipped = vec![
        (headers.clone(), flip(body, body.find(":").unwrap() + 1)),
        (headers.clone(), format!("{body} ")),
    ];
    for name in
        ["webhook-id", "webhook-timestamp", "webhook-signature", "stripe-signature", "x-shopify-hmac-sha256"]
    {
        let Some(value) = headers.get(name) else { continue };
        // not its last: of base64 it may hold bits that name no byte
        let place = value.len() - if name == "webhook-timestamp" { 1 } else { 5 };
        let mut headers = headers.clone();
        headers.insert(name.into(), flip(value, place));
        flipped.push((headers, body.to_owned()));
    }
    flipped
}

#[tokio::test]
async fn what_the_libraries_of_node_sign_is_taken_and_with_a_bit_flipped_it_is_not() {
    are_taken_as_signed(node()).await;
}

#[tokio::test]
async fn what_the_libraries_of_python_sign_is_taken_and_with_a_bit_flipped_it_is_not() {
    are_taken_as_signed(python()).await;
}

fn node() -> Option<(Command, &'static [&'static str])> {
    let mut node = packages::node()?;
    node.arg(packages::script("hooks/senders/sign.mjs"));
    Some((node, &["standardwebhooks", "stripe", "shopify"]))
}

fn python() -> Option<(Command, &'static [&'static str])> {
    let mut python = packages::python()?;
    python.arg(packages::script("hooks/senders/sign.py"));
    Some((python, &["standardwebhooks", "stripe"]))
}

/// The headers of each order; the last line that the program prints.
fn run(mut program: Command, orders: &str) -> Vec<Headers> {
    let mut child =
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it has been installed");
    child.stdin.take().expect("it is piped").write_all(orders.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let said = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(said.trim_end().lines().next_back().unwrap_or_default()).expect("a list of headers")
}
