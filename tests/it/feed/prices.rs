//! A feed of prices alone (F8, P3): it prices what others create, and creates and deletes nothing.

use crate::support::feed_server::Served;
use crate::support::house::answer;
use crate::support::quarantine::{release, rows};
use crate::support::random::Random;
use crate::support::stage::{START, Stage};
use crate::support::written::written;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tidegate::codec::time;
use tidegate::config::PartnerSettings;
use tidegate::domain::Micros;

const MAPPING: &str = r#"records = "/prices"
id = "/asset"
[[feed.mapping.quotes]]
name = "/quote"
amount = "/amount"
currency = "/currency"
as_of = "/as_of"
"#;

/// A document of assets, read for its prices alone.
const OF_ASSETS: &str = r#"records = "/assets"
[[feed.mapping.quotes]]
each = "/price"
name = "/quote"
amount = "/amount"
currency = "/currency"
as_of = "/as_of"
"#;

/// A time so many seconds from the start of the stage.
fn at(seconds: i64) -> String {
    time::format(START.plus(seconds * Micros::SECOND))
}

fn of_prices(mapping: &str) -> PartnerSettings {
    let text = format!(
        "[feed]\nkind = \"prices\"\nurl = \"https://feeds.example/f.json\"\n[feed.mapping]\n{mapping}"
    );
    written(&text).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// The partner's settings with the kind and the mapping of these.
fn taken_over(partner: &mut PartnerSettings, from: PartnerSettings) {
    partner.policy.feed_kind = from.policy.feed_kind;
    partner.feed.as_mut().expect("a feed").mapping = from.feed.expect("a feed").mapping;
}

/// A file of prices whose time is so many seconds from the start.
fn file(seconds: i64, prices: &Value) -> Served {
    Served::json(json!({"generated_at": at(seconds), "prices": prices}).to_string())
}

fn price(asset: &str, amount: &str, as_of: Option<i64>) -> Value {
    quote(asset, "price", amount, as_of)
}

fn quote(asset: &str, quote: &str, amount: &str, as_of: Option<i64>) -> Value {
    let mut price = json!({"asset": asset, "quote": quote, "amount": amount, "currency": "EUR"});
    if let Some(seconds) = as_of {
        price["as_of"] = json!(at(seconds));
    }
    price
}

/// A daemon whose first file of prices is empty.
async fn stage() -> Stage {
    let stage = Stage::open_at(START, Some(file(-1_000, &json!([]))), |partner| {
        taken_over(partner, of_prices(MAPPING));
    })
    .await;
    stage.wait(Micros::SECOND);
    stage
}

async fn shown(stage: &Stage, id: &str) -> Value {
    stage.house.get("acme", &format!("/api/assets/{id}")).await.1
}

async fn push(stage: &Stage, id: &str) {
    let (status, said) = stage.house.post("acme", "/api/assets", &json!({"id": id, "name": "N"})).await;
    assert!(status.is_success(), "{said}");
}

fn count(report: &Value, name: &str) -> u64 {
    report["counts"][name].as_u64().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn f8_a_feed_of_prices_creates_and_deletes_nothing_and_leaves_documents_alone() {
    let mut stage = stage().await;
    for id in ["a", "b", "c"] {
        push(&stage, id).await;
    }
    let mut priced = price("a", "10", Some(-500));
    (priced["name"], priced["status"]) = (json!("other"), json!("no such word"));
    let report = stage.serve(file(-400, &json!([priced, price("new", "5", Some(-500))]))).await;
    assert_eq!((&report["status"], &report["faults"]), (&json!("applied"), &Value::Null), "{report}");
    let counts = ["created", "deleted", "held", "prices", "prices_parked"].map(|name| count(&report, name));
    assert_eq!(counts, [0, 0, 0, 1, 1], "{report}");
    let a = shown(&stage, "a").await;
    assert_eq!((&a["name"], &a["status"], &a["price"]["amount"]), (&json!("N"), &Value::Null, &json!("10")));
    assert_eq!(stage.living().await, 3);
    assert_eq!(stage.house.get("acme", "/api/feed").await.1["kind"], "prices", "its partner sees why");
    // two complete, dated files without any price: neither an absence, nor a plan, nor an empty catalogue
    for seconds in [-300, -200] {
        let report = stage.serve(file(seconds, &json!([]))).await;
        assert_eq!(
            ["deleted", "held", "absent_once"].map(|name| count(&report, name)),
            [0, 0, 0],
            "{report}"
        );
    }
    assert_eq!((stage.living().await, stage.plans().await.len()), (3, 0));
    assert_eq!(shown(&stage, "a").await["price"]["amount"], "10", "a quote that is absent is left alone");
    // X3: no file of prices makes a push of an asset come too late
    let late = json!({"id": "late", "name": "L", "updated_at": at(-1_000)});
    assert_eq!(stage.house.post("acme", "/api/assets", &late).await.1["outcome"], "created");
    stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_price_of_an_unknown_asset_waits_and_shows_when_the_asset_comes() {
    let mut stage = stage().await;
    let undated = price("undated", "7", None);
    let report = stage.serve(file(-400, &json!([price("dated", "5", Some(-500)), undated]))).await;
    assert_eq!(["prices", "prices_parked"].map(|name| count(&report, name)), [0, 2], "{report}");
    let (_, parked) = stage.house.get("acme", "/api/quarantine?kind=parked").await;
    assert_eq!(parked["items"].as_array().map(Vec::len), Some(2), "{parked}");
    for (id, amount, as_of) in [("dated", "5", json!(at(-500))), ("undated", "7", Value::Null)] {
        assert_eq!(stage.house.get("acme", &format!("/api/assets/{id}")).await.0, StatusCode::NOT_FOUND);
        let asset = json!({"id": id, "updated_at": at(-350)});
        assert_eq!(stage.house.post("acme", "/api/assets", &asset).await.1["outcome"], "created");
        let price = shown(&stage, id).await["price"].clone();
        assert_eq!((&price["amount"], &price["as_of"]), (&json!(amount), &as_of), "{price}");
    }
    // X1: of an asset that is said dead a newer price waits, an older one is lost
    stage.house.delete("acme", &format!("/api/assets/dated?at={}", at(-300))).await;
    let prices = json!([price("dated", "6", Some(-310)), quote("dated", "nav", "9", Some(-290))]);
    let report = stage.serve(file(-250, &prices)).await;
    assert_eq!(["prices", "prices_parked"].map(|name| count(&report, name)), [0, 1], "{report}");
    assert_eq!(stage.house.get("acme", "/api/assets/dated").await.0, StatusCode::GONE);
    stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_an_undated_price_that_a_newer_file_says_again_waits_anew() {
    let mut stage = stage().await;
    for hours in [0, 20] {
        stage.house.clock.set(START.plus(hours * Micros::HOUR));
        stage.serve(file(hours * 3_600 - 10, &json!([price("late", "7", None)]))).await;
    }
    // more than 24 h after the first file that said it, less after the last
    stage.house.clock.set(START.plus(30 * Micros::HOUR));
    push(&stage, "late").await;
    assert_eq!(shown(&stage, "late").await["price"]["amount"], "7");
    assert_eq!(rows(&stage.house, "acme").await.len(), 0, "nothing has expired");
    stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_price_of_an_absent_asset_is_kept_with_its_tombstone_and_shows_when_it_comes_back() {
    let body = |ids: &[&str], seconds: i64| {
        let assets: Vec<Value> = ids.iter().map(|id| json!({"id": id, "name": "N"})).collect();
        Served::json(json!({"generated_at": at(seconds), "assets": assets}).to_string())
    };
    let mut stage = Stage::open_at(START, Some(body(&["a", "b", "c"], -900)), |_| {}).await;
    assert_eq!(count(&stage.serve(body(&["b", "c"], -800)).await, "deleted"), 1);
    let mut settings = stage.house.settings.clone();
    taken_over(&mut settings.partners[0], of_prices(MAPPING));
    stage.house.daemon().reconfigure(settings).await.expect("sound");
    let prices = json!([price("a", "4", Some(-700)), quote("a", "nav", "5", None)]);
    let report = stage.serve(file(-600, &prices)).await;
    assert_eq!(["prices", "prices_parked"].map(|name| count(&report, name)), [0, 2], "{report}");
    assert_eq!(stage.living().await, 2, "an absent asset is not brought back by its prices");
    // longer than what is parked elsewhere
    stage.wait(30 * Micros::HOUR);
    push(&stage, "a").await;
    let a = shown(&stage, "a").await;
    let amounts = [&a["price"]["amount"], &a["quotes"]["nav"]["amount"]];
    assert_eq!((amounts, stage.living().await), ([&json!("4"), &json!("5")], 3), "{a}");
    stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_a_newer_push_stays_and_undated_prices_are_kept_apart() {
    let mut stage = stage().await;
    push(&stage, "a").await;
    let pushed = json!({"id": "a", "amount": "12", "currency": "EUR", "as_of": at(-100)});
    stage.house.post("acme", "/api/prices", &pushed).await;
    let report = stage.serve(file(-90, &json!([price("a", "10", Some(-101))]))).await;
    assert_eq!(count(&report, "prices"), 0, "{report}");
    assert_eq!(shown(&stage, "a").await["price"]["amount"], "12");
    let report = stage.serve(file(-80, &json!([price("a", "11", None)]))).await;
    assert_eq!(count(&report, "drift"), 1, "{report}");
    assert_eq!(shown(&stage, "a").await["price"]["amount"], "12", "P2: the dated one shows");
    let report = stage.serve(file(-70, &json!([price("a", "13", Some(-99))]))).await;
    assert_eq!((count(&report, "prices"), count(&report, "updated")), (1, 1), "{report}");
    assert_eq!(shown(&stage, "a").await["price"]["amount"], "13");
    stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_an_id_may_stand_once_for_each_quote_and_of_one_quote_the_newest_counts() {
    let mut stage = stage().await;
    push(&stage, "a").await;
    let prices = json!([
        price("a", "3", Some(-300)),
        quote("a", "nav", "30", Some(-500)),
        price("a", "1", Some(-500)),
        price("a", "2", Some(-400)),
        quote("a", "bid", "29", None),
    ]);
    let report = stage.serve(file(-200, &prices)).await;
    assert_eq!((&report["faults"], count(&report, "quarantined")), (&Value::Null, 0), "{report}");
    assert_eq!(["prices", "repeated"].map(|name| count(&report, name)), [3, 0], "{report}");
    let a = shown(&stage, "a").await;
    let amounts = ["nav", "bid"].map(|name| a["quotes"][name]["amount"].clone());
    assert_eq!((&a["price"]["amount"], amounts), (&json!("3"), [json!("30"), json!("29")]), "{a}");
    stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f2_faults_are_kept_aside_and_released_without_making_an_asset() {
    let mut stage = stage().await;
    push(&stage, "a").await;
    let good = [price("a", "1", Some(-500)), price("b", "2", Some(-500)), price("c", "3", Some(-500))];
    let zero = quote("a", "nav", "0", Some(-500));
    let ahead = price("unknown", "8", Some(3_600));
    let nameless = json!({"amount": "4"});
    let all: Vec<Value> = good.iter().chain([&zero, &ahead, &nameless]).cloned().collect();
    let report = stage.serve(file(-400, &json!(all))).await;
    assert_eq!(["prices", "prices_parked"].map(|name| count(&report, name)), [1, 2], "{report}");
    assert_eq!(["quarantined", "prices_quarantined"].map(|name| count(&report, name)), [1, 2], "{report}");
    let mut codes: Vec<String> =
        rows(&stage.house, "acme").await.iter().map(|row| row["code"].as_str().unwrap().into()).collect();
    codes.sort();
    assert_eq!(codes, ["amount_zero", "future_time", "id_missing"]);
    // another record of the same asset closes no row of one that is refused still
    let report = stage.serve(file(-300, &json!(all))).await;
    assert_eq!(count(&report, "rows_closed"), 0, "{report}");
    assert_eq!(rows(&stage.house, "acme").await.len(), 3);
    // a row that is released says its price alone, whatever else is in the record
    stage.wait(2 * Micros::HOUR);
    let row = rows(&stage.house, "acme").await.into_iter().find(|row| row["code"] == "future_time").unwrap();
    let (status, said) = release(&stage.house, "acme", &row).await;
    assert_eq!((status.is_success(), &said["item"]["outcome"]), (true, &json!("parked")), "{said}");
    assert_eq!(stage.house.get("acme", "/api/assets/unknown").await.0, StatusCode::NOT_FOUND);
    push(&stage, "unknown").await;
    assert_eq!(shown(&stage, "unknown").await["price"]["amount"], "8");
    // and one that a later file mends closes itself
    let report = stage
        .serve(file(3_700, &json!([price("a", "1", Some(-500)), quote("a", "nav", "9", Some(-500))])))
        .await;
    assert_eq!(count(&report, "rows_closed"), 2, "{report}");
    assert_eq!(rows(&stage.house, "acme").await.len(), 0);
    stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f7_another_kind_reads_the_same_bytes_again() {
    let body = json!({"generated_at": at(-500), "assets": [
        {"id": "a", "name": "A", "price": {"amount": "5", "currency": "EUR"}}, {"id": "b", "name": "B"}]});
    let mut stage = Stage::open(body.to_string(), |_| {}).await;
    assert_eq!(stage.living().await, 2);
    stage.house.delete("acme", "/api/assets/a").await;
    let mut settings = stage.house.settings.clone();
    let kept = settings.partners[0].clone();
    taken_over(&mut settings.partners[0], of_prices(OF_ASSETS));
    stage.house.daemon().reconfigure(settings.clone()).await.expect("sound");
    let report = stage.fetch().await;
    assert_eq!((&report["status"], count(&report, "created")), (&json!("applied"), 0), "{report}");
    assert_eq!(stage.living().await, 1, "what was deleted stays so");
    assert_eq!(stage.fetch().await["status"], "unchanged");
    assert_eq!(stage.living().await, 1);
    settings.partners[0] = kept;
    stage.house.daemon().reconfigure(settings).await.expect("sound");
    assert_eq!(stage.fetch().await["status"], "applied");
    stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f8_held_deletes_of_a_feed_of_assets_are_neither_confirmed_nor_cancelled_by_prices() {
    let body = |ids: std::ops::Range<usize>, seconds: i64| {
        let assets: Vec<Value> = ids.map(|n| json!({"id": format!("a{n}"), "name": "N"})).collect();
        Served::json(json!({"generated_at": at(seconds), "assets": assets}).to_string())
    };
    let mut stage = Stage::open_at(START, Some(body(0..10, -900)), |_| {}).await;
    stage.serve(body(0..5, -800)).await;
    assert_eq!(stage.states().await, ["held"]);
    let mut settings = stage.house.settings.clone();
    taken_over(&mut settings.partners[0], of_prices(OF_ASSETS));
    stage.house.daemon().reconfigure(settings).await.expect("sound");
    for (ids, seconds) in [(0..5, -700), (0..4, -600), (0..3, -500), (0..10, -400)] {
        assert_eq!(stage.serve(body(ids, seconds)).await["status"], "applied");
    }
    assert_eq!((stage.states().await, stage.living().await), (vec!["held".to_owned()], 10));
    stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f8_a_preview_says_what_a_feed_of_prices_would_do() {
    let mut stage = stage().await;
    push(&stage, "a").await;
    let document =
        json!({"generated_at": at(-300), "prices": [price("a", "1", Some(-400)), price("new", "2", None)]});
    let request = stage.house.call("acme", Method::POST, "/api/feed/preview");
    let (status, said) =
        answer(request.header("content-type", "application/json").body(document.to_string())).await;
    assert_eq!(
        (status, &said["prices"], &said["quarantined"]),
        (StatusCode::OK, &json!(2), &json!(0)),
        "{said}"
    );
    let effect = ["created", "updated", "deleted"].map(|name| said["effect"][name].as_u64());
    assert_eq!((effect, &said["effect"]["held"]), ([0, 1, 0].map(Some), &json!(false)), "{said}");
    assert_eq!(shown(&stage, "a").await["price"], Value::Null, "nothing is changed by the look");
    let report = stage.serve(Served::json(document.to_string())).await;
    assert_eq!(
        ["created", "updated", "deleted"].map(|name| report["counts"][name].as_u64()),
        effect,
        "{report}"
    );
    stage.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_of_prices_without_any_price_says_so() {
    let mut stage = Stage::open_at(START, Some(file(-1_000, &json!([]))), |partner| {
        taken_over(partner, of_prices("records = \"/prices\"\nid = \"/asset\""));
    })
    .await;
    let report = stage.serve(file(-900, &json!([{"asset": "a", "value": "1"}]))).await;
    let fault = &report["faults"][0];
    assert_eq!((&fault["code"], &fault["pointer"]), (&json!("nothing_found"), &json!("/amount")), "{report}");
    stage.house.stop().await;
}

#[test]
fn what_means_nothing_to_prices_is_refused_with_a_hint() {
    let feed = "[feed]\nkind = \"prices\"\nurl = \"https://feeds.example/f.json\"\n";
    let wrong = [
        "absent = \"inactive\"",
        "record_time = \"record\"",
        "[feed.guard]\nconfirm = 1",
        "[feed.mapping]\nname = \"/n\"",
        "[feed.mapping]\nstatus = \"/s\"",
        "[feed.mapping]\nupdated_at = \"/t\"",
        "[feed.mapping]\nkeep = [\"a\"]",
        "[feed.mapping]\ndrop = [\"a\"]",
        "[feed.mapping]\nrepeated = \"last\"",
        "[feed.mapping.constants]\na = 1",
    ];
    for lines in wrong {
        let faults = written(&format!("{feed}{lines}\n")).expect_err(lines);
        let said = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(faults.len() == 1 && said.contains("kind = \"assets\""), "{lines}: {said}");
    }
    for lines in
        ["", "every = \"5m\"", "[feed.mapping.price]\namount = \"/p\"", "last_modified = \"data_time\""]
    {
        written(&format!("{feed}{lines}\n")).unwrap_or_else(|faults| panic!("{lines}: {faults:?}"));
    }
    assert!(written(&feed.replace("prices", "quotes")).is_err());
    let print = |text: &str| written(text).expect("sound").mapping_print();
    assert_ne!(print(feed), print(&feed.replace("prices", "assets")));
    assert_eq!(print(&feed.replace("prices", "assets")), print(&feed.replace("kind = \"prices\"", "")));
}

/// One step: a push of a price, or the next file of prices.
#[derive(Clone, Debug)]
enum Step {
    Push(Value),
    File(i64, Vec<Value>),
}

/// Files with rising times, and pushes: all prices that bear a time bear one of their own.
fn steps(random: &mut Random) -> (Vec<Step>, Vec<Step>) {
    let ids = ["a", "b", "unknown"];
    let names = ["price", "nav"];
    let mut time = -5_000;
    let mut next = |random: &mut Random| {
        time += 1 + random.below(9) as i64;
        let (id, name) = (ids[random.below(3)], names[random.below(2)]);
        let amount = (1 + random.below(90)).to_string();
        (id, name, amount, time)
    };
    let mut pushes = Vec::new();
    let mut files: Vec<Vec<Value>> = (0..3).map(|_| Vec::new()).collect();
    for _ in 0..24 {
        let (id, name, amount, time) = next(random);
        if random.chance(50) {
            let push =
                json!({"id": id, "quote": name, "amount": amount, "currency": "EUR", "as_of": at(time)});
            pushes.push(Step::Push(push));
        } else {
            let as_of = random.chance(70).then_some(time);
            files[random.below(3)].push(quote(id, name, &amount, as_of));
        }
    }
    for at in (1..pushes.len()).rev() {
        pushes.swap(at, random.below(at + 1));
    }
    let files = (0..).zip(files).map(|(n, prices)| Step::File(-800 + n * 100, prices)).collect();
    (pushes, files)
}

/// Both, each in its own order, by chance one before the other.
fn merged(random: &mut Random, pushes: &[Step], files: &[Step]) -> Vec<Step> {
    let (mut pushes, mut files) = (pushes.to_vec(), files.to_vec());
    for at in (1..pushes.len()).rev() {
        pushes.swap(at, random.below(at + 1));
    }
    let mut merged = Vec::new();
    while !pushes.is_empty() || !files.is_empty() {
        let from = if files.is_empty() || (!pushes.is_empty() && random.chance(70)) {
            &mut pushes
        } else {
            &mut files
        };
        merged.push(from.remove(0));
    }
    merged
}

/// What readers see of each quote in the end, where the unknown asset has come last.
async fn ends_in(steps: &[Step]) -> BTreeMap<String, Value> {
    let mut stage = stage().await;
    push(&stage, "a").await;
    push(&stage, "b").await;
    for step in steps {
        match step {
            Step::Push(price) => drop(stage.house.post("acme", "/api/prices", price).await),
            Step::File(seconds, prices) => {
                let report = stage.serve(file(*seconds, &json!(prices))).await;
                assert_eq!(report["status"], "applied", "{report}");
            }
        }
    }
    push(&stage, "unknown").await;
    let mut seen = BTreeMap::new();
    for (id, asset) in stage.house.catalogue("acme").await {
        for (name, quote) in [("price", &asset["price"]), ("nav", &asset["quotes"]["nav"])] {
            seen.insert(
                format!("{id} {name}"),
                json!([quote["amount"], quote["as_of"], quote["undated"]["amount"]]),
            );
        }
    }
    stage.house.stop().await;
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn f8_pushes_and_files_of_prices_end_alike_in_whatever_order_they_come() {
    for seed in 0..6 {
        let mut random = Random(seed);
        let (pushes, files) = steps(&mut random);
        let first = merged(&mut random, &pushes, &files);
        let wanted = ends_in(&first).await;
        assert!(wanted.values().any(|quote| !quote[0].is_null()), "seed {seed}: {wanted:?}");
        let other = merged(&mut random, &pushes, &files);
        assert_eq!(ends_in(&other).await, wanted, "seed {seed}: {first:?} and {other:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f8_a_document_of_the_shape_that_is_pushed_needs_no_mapping() {
    let mut stage =
        Stage::open_at(START, Some(file(-1_000, &json!([]))), |partner| taken_over(partner, of_prices("")))
            .await;
    stage.wait(Micros::SECOND);
    push(&stage, "a").await;
    let pushed = |amount: &str, seconds: i64| {
        json!([{"id": "a", "amount": amount, "currency": "EUR", "as_of": at(seconds)},
               {"id": "a", "quote": "nav", "amount": "9", "currency": "EUR", "as_of": at(seconds), "market": "closed"}])
    };
    let report = stage.serve(file(-400, &pushed("5", -500))).await;
    assert_eq!((&report["faults"], count(&report, "prices")), (&Value::Null, 2), "{report}");
    let a = shown(&stage, "a").await;
    assert_eq!((&a["price"]["amount"], &a["quotes"]["nav"]["state"]), (&json!("5"), &json!("closed")), "{a}");
    let report = stage.serve(Served::json(pushed("6", -300).to_string())).await;
    assert_eq!((&report["faults"], count(&report, "prices")), (&Value::Null, 2), "the array alone: {report}");
    assert_eq!(shown(&stage, "a").await["price"]["amount"], "6");
    stage.house.stop().await;
}
