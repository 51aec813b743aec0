//! What of a run is kept aside, and how it is told (F2, F3, F6, F9, U2).

use crate::support::feed_server::Served;
use crate::support::quarantine::rows;
use crate::support::stage::{PATH, START, Stage, document};
use reqwest::Method;
use serde_json::{Value, json};
use tidegate::codec::time;
use tidegate::domain::Micros;

async fn run(stage: &mut Stage, assets: Value) -> Value {
    let generated_at = time::format(stage.now().plus(Micros::HOUR));
    let file = json!({"generated_at": generated_at, "complete": false, "assets": assets});
    stage.server.put(PATH, Served::json(file.to_string()));
    stage.fetch().await
}

async fn asset(stage: &Stage, id: &str) -> Value {
    stage.house.get("acme", &format!("/api/assets/{id}")).await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn f2_a_bad_price_keeps_only_the_price_aside_and_says_where_it_is() {
    let mut stage = Stage::open(document(Some(START), 0..0), |_| {}).await;
    let future = time::format(START.plus(400 * Micros::DAY));
    let cases = [
        (json!({"amount": "0.00", "currency": "EUR"}), "amount_zero", "/price/amount"),
        (json!({"amount": "7", "currency": "XQX"}), "currency_unknown", "/price/currency"),
        (json!({"amount": "7", "currency": "USD"}), "currency_changed", "/price"),
        (json!({"amount": "7", "as_of": future}), "future_time", "/price"),
        (json!("15.50"), "price_shape", "/price"),
    ];
    let good = json!({"amount": "10", "currency": "EUR"});
    let record = |status: &str, name: &str, price: &Value| json!({"id": "t", "status": status, "name": name, "price": price});
    run(&mut stage, json!([record("active", "start", &good)])).await;
    for (n, (price, code, pointer)) in cases.into_iter().enumerate() {
        // alone in its file: a record whose price alone is bad is no invalid one (F3)
        let report = run(&mut stage, json!([record("inactive", &format!("n{n}"), &price)])).await;
        assert_eq!((&report["status"], &report["quarantined"]), (&json!("applied"), &json!(1)), "{report}");
        assert_eq!(report["counts"]["prices_quarantined"], 1, "{report}");
        assert_eq!((&report["faults"][0]["code"], &report["faults"][0]["id"]), (&json!(code), &json!("t")));
        let shown = asset(&stage, "t").await;
        assert_eq!((&shown["status"], &shown["name"]), (&json!("inactive"), &json!(format!("n{n}"))));
        assert_eq!(shown["price"]["amount"], "10", "{code}");
        let row = rows(&stage.house, "acme").await.remove(0);
        assert_eq!((&row["code"], &row["pointer"], &row["id"]), (&json!(code), &json!(pointer), &json!("t")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f3_a_run_that_can_read_none_or_less_than_half_of_its_records_is_refused_and_counts_as_a_failure() {
    let mut stage = Stage::open(document(Some(START), 0..8), |_| {}).await;
    let records = |bad: usize| -> Value {
        let at = |n| if n < bad { "2026-11-28 18:00:00" } else { "2026-05-01T18:00:00Z" };
        (0..8).map(|n| json!({"id": format!("a{n}"), "updated_at": at(n), "name": "m"})).collect()
    };
    for (bad, failures) in [(8, 1), (5, 2)] {
        let report = run(&mut stage, records(bad)).await;
        assert_eq!((&report["status"], &report["code"]), (&json!("refused"), &json!("too_many_invalid")));
        assert_eq!(report["faults"].as_array().unwrap().len(), bad);
        assert_eq!(asset(&stage, "a7").await["name"], "n7");
        assert_eq!(stage.house.get("acme", "/api/feed").await.1["failures_in_row"], failures);
    }
    let report = run(&mut stage, records(4)).await;
    assert_eq!(
        (&report["status"], &report["quarantined"]),
        (&json!("applied"), &json!(4)),
        "just half: {report}"
    );
    assert_eq!(
        (&asset(&stage, "a0").await["name"], &asset(&stage, "a7").await["name"]),
        (&json!("n0"), &json!("m"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn f3_an_applied_run_says_the_number_of_its_refused_records_wherever_its_status_is_shown() {
    let mut stage = Stage::open(document(Some(START), 0..2), |_| {}).await;
    let records = json!([
        {"id": "a0", "status": "odd"}, {"id": "a1", "price": "7"}, {"id": "a2"}, {"id": "a3"}
    ]);
    let report = run(&mut stage, records).await;
    assert_eq!((&report["status"], &report["quarantined"]), (&json!("applied"), &json!(2)), "{report}");
    let (_, feed) = stage.house.get("acme", "/api/feed").await;
    assert_eq!(feed["last_run"]["quarantined"], 2);
    let (_, page) = crate::support::house::answer(stage.house.admin(Method::GET, "/admin/status")).await;
    assert_eq!(page["partners"][0]["feed"]["last_run"]["quarantined"], 2, "what the status page shows");
    let admin = format!("http://{}", stage.house.daemon().admin_address());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(["feed", "rebuild", "acme", "--admin", &admin]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("run 3 applied, 2 quarantined: 4 records"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn u2_a_good_record_beside_a_faulty_twin_is_named_in_the_report_and_in_the_quarantine() {
    let mut stage = Stage::open(document(Some(START), 0..0), |_| {}).await;
    let good = json!({"id": "a", "name": "good first", "updated_at": "2026-05-01T10:00:00Z"});
    let faulty = json!({"id": "a", "name": "second", "status": "sold", "updated_at": "2026-05-01T11:00:00Z"});
    let other = |n: usize| json!({"id": format!("b{n}")});
    for (assets, at) in [
        (json!([good, other(0), faulty, other(1)]), [("id_repeated", 0), ("status_unknown", 2)]),
        (json!([faulty, other(2), other(3), good]), [("status_unknown", 0), ("id_repeated", 3)]),
    ] {
        for row in rows(&stage.house, "acme").await {
            stage.house.delete("acme", &format!("/api/quarantine/{}", row["row"])).await;
        }
        let report = run(&mut stage, assets).await;
        assert_eq!(report["counts"]["quarantined"], 2, "{report}");
        let named = report["faults"].as_array().unwrap().iter().filter(|fault| fault["record"].is_u64());
        let named: Vec<_> = named.map(|fault| (fault["code"].clone(), fault["record"].clone())).collect();
        assert_eq!(named, at.map(|(code, record)| (json!(code), json!(record))), "{report}");
        let kept = rows(&stage.house, "acme").await;
        let kept: Vec<_> =
            kept.iter().rev().map(|row| (row["code"].clone(), row["origin"]["record"].clone())).collect();
        assert_eq!(kept, named);
        assert_eq!(stage.house.get("acme", "/api/assets/a").await.0.as_u16(), 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn u2_a_record_that_the_rules_refuse_is_named_in_the_report_too() {
    let mut stage = Stage::open(document(Some(START), 0..3), |partner| partner.policy.assets_max = 3).await;
    let report = run(&mut stage, json!([{"id": "a0"}, {"id": "beyond"}])).await;
    assert_eq!(report["counts"]["quarantined"], 1, "{report}");
    let fault = &report["faults"][0];
    assert_eq!(
        (&fault["id"], &fault["code"], &fault["record"]),
        (&json!("beyond"), &json!("too_many_assets"), &json!(1))
    );
    assert_eq!(rows(&stage.house, "acme").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn f9_what_no_push_was_to_tell_of_is_new_and_only_of_a_partner_that_pushes_documents_it_was_missed() {
    let mut stage = Stage::open(document(Some(START), 0..2), |_| {}).await;
    let verdicts =
        |report: &Value| (report["counts"]["new"].clone(), report["counts"]["missed_push"].clone());
    let first = stage.house.run_report("acme", 1).await;
    assert_eq!(verdicts(&first), (json!(2), json!(0)), "its first run: {first}");
    let price = json!([{"id": "a0", "amount": "5", "as_of": time::format(stage.now())}]);
    stage.house.post("acme", "/api/prices", &price).await;
    let report = run(&mut stage, json!([{"id": "a2"}])).await;
    assert_eq!(verdicts(&report), (json!(1), json!(0)), "it pushes prices only: {report}");
    assert_eq!(report["push_loss"]["ratio"], 0.0, "{report}");
    stage.house.post("acme", "/api/assets", &json!({"id": "a0", "n": 1})).await;
    stage.house.restart().await;
    assert_eq!(stage.house.run_report("acme", 3).await["status"], "unchanged");
    stage.runs = 3;
    let report = run(&mut stage, json!([{"id": "a3"}])).await;
    assert_eq!(verdicts(&report), (json!(0), json!(1)), "a push should have come: {report}");
}
