//! Calls that the libraries of senders have signed: npm and PyPI `standardwebhooks` and `svix`, PyPI
//! `cryptography` for ed25519. 2,500 of each of the four, and every one is taken.

use super::{SECRET, public, shared, signer};
use crate::support::house::{House, answer};
use crate::support::packages;
use crate::support::random::Random;
use futures_util::{StreamExt, stream};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use tidegate::clock::Clock;

const OF_EACH: usize = 2_500;
const AT_ONCE: usize = 16;
const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

type Headers = BTreeMap<String, String>;

/// One call to be signed.
struct Order {
    method: Method,
    path: String,
    sign: Value,
}

/// Text of all that JSON may hold, some of it escaped.
fn text(random: &mut Random) -> String {
    const PIECES: [&str; 12] =
        ["Haus", "ü", "€", "😀", "\u{2028}", "\\u00e4", "\\n", " ", "日本", "\u{7f}", "\\\"", "é"];
    (0..random.below(30)).map(|_| PIECES[random.below(PIECES.len())]).collect()
}

/// Any visible character but the dot.
fn id(random: &mut Random, number: usize) -> String {
    let length = random.below(60);
    let letters = (0..length).map(|_| char::from(b'!' + u8::try_from(random.below(94)).unwrap()));
    format!("{number}_{}", letters.filter(|letter| *letter != '.').collect::<String>())
}

fn orders(libraries: &[&str], secret: &str, of_each: usize, now: i64, random: &mut Random) -> Vec<Order> {
    let mut orders = Vec::new();
    for (library, number) in
        libraries.iter().flat_map(|library| (0..of_each).map(move |number| (library, number)))
    {
        let (asset, name) = (format!("{library}-{}", number / 5), text(random));
        let (method, path, body) = match number % 5 {
            0 => (Method::POST, "assets".into(), format!(r#"{{"id":"{asset}", "name" : "{name}"}}"#)),
            1 => (
                Method::POST,
                "prices".into(),
                format!(r#"[{{"id":"{asset}","amount":"1.5","currency":"EUR"}}]"#),
            ),
            2 => (
                Method::POST,
                "events".into(),
                format!(
                    "{{\"type\":\"asset.upserted\",\n\t\"timestamp\":\"2026-01-01T00:00:00Z\",\"data\":{{\"id\":\"{asset}\",\"name\":\"{name}\"}}}}\n"
                ),
            ),
            3 => (
                Method::PUT,
                format!("assets/{asset}/price"),
                r#"{"amount":"2","currency":"EUR"}"#.to_owned(),
            ),
            _ => (Method::PATCH, format!("assets/{asset}"), format!(r#"{{"name":"{name}"}}"#)),
        };
        let at = now - 300 + i64::try_from(random.below(361)).unwrap();
        let id = id(random, orders.len());
        let sign = json!({"library": library, "secret": secret, "id": id, "at": at, "body": body});
        orders.push(Order { method, path, sign });
    }
    orders
}

/// The headers of each order; the last line that the program prints.
fn signed(mut program: Command, script: &str, orders: &[Order]) -> Vec<Headers> {
    program.arg(packages::script(&format!("signed/libraries/{script}")));
    let mut child =
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it has been installed");
    let asked = Value::from_iter(orders.iter().map(|order| order.sign.clone())).to_string();
    child.stdin.take().expect("it is piped").write_all(asked.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let said = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(said.trim_end().lines().next_back().unwrap_or_default()).expect("a list of headers")
}

async fn all_taken(house: &House, calls: Vec<(&Order, &Headers)>) -> usize {
    for (order, headers) in &calls {
        let url = format!("http://{}/api/partners/acme/{}", house.daemon().address(), order.path);
        let body = order.sign["body"].as_str().unwrap().to_owned();
        let request =
            house.client.request(order.method.clone(), url).header("content-type", "application/json");
        let headers = headers.iter().filter(|(name, _)| *name != "public");
        let request = headers.fold(request, |request, (name, value)| request.header(name, value));
        let (status, said) = answer(request.body(body)).await;
        assert!(matches!(status, StatusCode::OK | StatusCode::CREATED), "{status} {said} of {}", order.sign);
    }
    calls.len()
}

/// Sends all, in order by fives, and gives how many were taken.
async fn taken(house: &House, orders: &[Order], signed: &[Headers]) -> usize {
    let calls: Vec<_> = orders.iter().zip(signed).collect();
    let fives = calls.chunks(5).map(|five| all_taken(house, five.to_vec())).collect::<Vec<_>>();
    stream::iter(fives).buffer_unordered(AT_ONCE).fold(0, async |sum, taken| sum + taken).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_libraries_of_node_sign_is_taken() {
    let Some(node) = packages::node() else { return };
    let clock = Clock::manual(Clock::system().now());
    let orders =
        orders(&["standardwebhooks", "svix"], SECRET, OF_EACH, super::seconds(&clock), &mut Random(1));
    let signed = signed(node, "sign.mjs", &orders);
    let house = House::start(vec![signer("acme", vec![shared(SECRET)])], clock).await;
    assert_eq!(taken(&house, &orders, &signed).await, 2 * OF_EACH);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_libraries_of_python_sign_is_taken() {
    let Some(python) = packages::python() else { return };
    let clock = Clock::manual(Clock::system().now());
    let orders =
        orders(&["standardwebhooks", "svix"], SECRET, OF_EACH, super::seconds(&clock), &mut Random(2));
    let signed = signed(python, "sign.py", &orders);
    let house = House::start(vec![signer("acme", vec![shared(SECRET)])], clock).await;
    assert_eq!(taken(&house, &orders, &signed).await, 2 * OF_EACH);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_ed25519_signs_is_taken_beside_a_shared_secret() {
    let Some(python) = packages::python() else { return };
    let clock = Clock::manual(Clock::system().now());
    let orders = orders(&["cryptography"], SEED, 500, super::seconds(&clock), &mut Random(3));
    let signed = signed(python, "sign.py", &orders);
    let keys = vec![shared(SECRET), public(&signed[0]["public"])];
    let house = House::start(vec![signer("acme", keys)], clock).await;
    assert_eq!(taken(&house, &orders, &signed).await, 500);
    house.stop().await;
}

/// The page's only block of that language.
fn example(language: &str) -> &'static str {
    const PAGE: &str = include_str!("../../../../config/WEBHOOKS.md");
    let fence = format!("```{language}\n");
    let after = PAGE.split(&fence).skip(1).find(|block| block.contains("standardwebhooks"));
    after.expect("the page has one").split("```").next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_page_about_webhooks_sign_as_they_stand_there() {
    let (Some(mut node), Some(mut python)) = (packages::node(), packages::python()) else { return };
    let house = House::start(vec![signer("acme", vec![shared(SECRET)])], Clock::system()).await;
    node.args(["--input-type=module", "--eval", example("js")]);
    python.args(["-c", example("python")]);
    // what the second says is the newer
    for mut program in [python, node] {
        program.env("API", format!("http://{}", house.daemon().address())).env("SECRET", SECRET);
        let said = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(text.starts_with("202 ") && text.contains("parked"), "{said:?}");
    }
    house.stop().await;
}
