//! Rows of the quarantine that close themselves, and rows that are mended.

use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, answer, feed, json, partner};
use crate::support::quarantine::{START, at, release, rows};
use crate::support::written::with_mapping;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json as value};
use tidegate::clock::Clock;
use tidegate::config::PartnerSettings;
use tidegate::domain::Currency;

fn codes(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["code"].as_str().unwrap()).collect()
}

/// What the run of that number counted as closed.
async fn closed(house: &House, run: u64) -> u64 {
    let report = house.run_report("acme", run).await;
    assert_eq!(report["status"], "applied", "{report}");
    report["counts"]["rows_closed"].as_u64().unwrap_or_default()
}

fn file(seconds: i64, rest: &str) -> Served {
    Served::json(format!("{{\"generated_at\":\"{}\",{rest}}}", at(seconds)))
}

async fn served(server: &FeedServer) -> House {
    let acme = partner("acme").with_feed(feed(&server.url("/f")));
    House::start(vec![acme], Clock::manual(START)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn u18_a_record_that_a_later_file_mends_leaves_the_quarantine_whole_or_for_its_price() {
    let server = FeedServer::start().await;
    let bad = r#""assets":[{"id":"p","price":{"amount":"abc","currency":"EUR"}},{"id":"s","status":"odd"},
        {"id":"gone","status":"odd"},{"id":"","name":"nameless"},{"id":"x"},{"id":"y"},{"id":"z"}]"#;
    server.put("/f", file(-600, bad));
    let mut house = served(&server).await;
    assert_eq!(closed(&house, 1).await, 0);
    assert_eq!(rows(&house, "acme").await.len(), 4);
    // the nameless one is still there, so that "gone" may be it
    let half = r#""assets":[{"id":"p","price":{"amount":"abc","currency":"EUR"}},{"id":"s"},
        {"id":"","name":"nameless"},{"id":"x"},{"id":"y"},{"id":"z"}]"#;
    server.put("/f", file(-500, half));
    house.restart().await;
    assert_eq!(closed(&house, 2).await, 1);
    let left = rows(&house, "acme").await;
    let mut ids: Vec<&str> = left.iter().map(|row| row["id"].as_str().unwrap_or_default()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["", "gone", "p"]);
    let mended = r#""assets":[{"id":"p","price":{"amount":"5","currency":"EUR"}},{"id":"s"},{"id":"n"},
        {"id":"x"},{"id":"y"},{"id":"z"}]"#;
    server.put("/f", file(-400, mended));
    house.fetch_now("acme");
    assert_eq!(closed(&house, 3).await, 3);
    assert_eq!(codes(&rows(&house, "acme").await), [""; 0]);
    house.restart().await;
    assert_eq!(codes(&rows(&house, "acme").await), [""; 0], "they were taken out in the run's own commits");
    let metrics = house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("tidegate_quarantine_rows{partner=\"acme\"} 0"), "{metrics}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_complete_closes_only_what_it_mends() {
    let server = FeedServer::start().await;
    let bad = r#""assets":[{"id":"a","status":"odd"},{"id":"b","status":"odd"},{"id":"x"},{"id":"y"}]"#;
    server.put("/f", file(-600, bad));
    let house = served(&server).await;
    closed(&house, 1).await;
    server.put("/f", file(-500, r#""complete":false,"assets":[{"id":"a"}]"#));
    house.fetch_now("acme");
    assert_eq!(closed(&house, 2).await, 1);
    assert_eq!(rows(&house, "acme").await[0]["id"], "b");
    let metrics = house.admin(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("tidegate_quarantine_closed_total{partner=\"acme\"} 1"), "{metrics}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn u18_a_push_closes_the_rows_of_what_it_speaks_for_and_no_others() {
    let mut house = House::with(&["acme"], Clock::manual(START)).await;
    let asset =
        |status: &str, seconds| value!({"id": "a", "name": "A", "status": status, "updated_at": at(seconds)});
    let price = |quote: &str, amount: &str, seconds| value!({"id": "a", "quote": quote, "amount": amount, "currency": "EUR", "as_of": at(seconds)});
    house.post("acme", "/api/assets", &asset("odd", -50)).await;
    house.post("acme", "/api/prices", &price("price", "x", -50)).await;
    house.post("acme", "/api/prices", &price("nav", "x", -50)).await;
    assert_eq!(rows(&house, "acme").await.len(), 3);
    house.restart().await;
    let left = async |house: &House| {
        let rows = rows(house, "acme").await;
        rows.iter().map(|row| row["quote"].as_str().unwrap_or("-").to_owned()).collect::<Vec<_>>()
    };
    let tried = house.post("acme", "/api/assets?dry_run=true", &asset("active", -50)).await;
    assert_eq!(tried.0, StatusCode::CREATED);
    house.post("acme", "/api/assets", &asset("active", -51)).await;
    house.post("acme", "/api/assets", &value!({"id": "a", "name": "B", "updated_at": at(-40)})).await;
    house
        .post(
            "acme",
            "/api/assets?atomic=true",
            &value!([asset("active", -30), {"id": "b", "status": "odd"}]),
        )
        .await;
    house.post("acme", "/api/assets", &value!({"id": "b", "name": "B"})).await;
    let before = left(&house).await;
    assert_eq!(before.iter().filter(|quote| *quote == "nav").count(), 1, "{before:?}");
    assert!(rows(&house, "acme").await.iter().any(|row| row["id"] == "a" && row["kind"] == "post"));
    house.post("acme", "/api/assets", &asset("active", -30)).await;
    assert!(rows(&house, "acme").await.iter().all(|row| row["id"] != "a" || row["kind"] != "post"));
    house.post("acme", "/api/prices", &price("price", "5", -50)).await;
    house.post("acme", "/api/prices", &price("nav", "5", -51)).await;
    let after = left(&house).await;
    assert!(after.contains(&"nav".into()) && !after.contains(&"price".into()), "{after:?}");
    // what is said to be gone needs no price
    house.delete("acme", &format!("/api/assets/a?at={}", at(-20))).await;
    assert!(!left(&house).await.contains(&"nav".into()));
    house.stop().await;
}

/// A partner whose file is groups of assets, each under its name.
fn grouped(server: &FeedServer) -> PartnerSettings {
    let mapping = "records = { at = \"/groups/*/assets\", by_key = true }\n\
                   id = { of = [{ up = 1, at = \"/id\" }, { key = true }], join = \":\" }";
    let mut settings = feed(&server.url("/f"));
    settings.mapping = with_mapping(mapping).expect("a sound mapping").feed.expect("a feed").mapping;
    partner("acme").with_feed(settings)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_under_a_name_and_below_others_is_released_with_its_id() {
    let server = FeedServer::start().await;
    let groups = r#""groups":[{"id":"g1","assets":{"a":{"status":"frozen"},"b":{"name":"B"}}},
        {"id":"g2","assets":{"a":{"name":"A"},"c":{"name":"C","price":{"amount":"5","currency":"USD"}}}}]"#;
    server.put("/f", file(-600, &groups.replace("USD", "EUR")));
    let mut house = House::start(vec![grouped(&server)], Clock::manual(START)).await;
    closed(&house, 1).await;
    server.put("/f", file(-500, groups));
    house.fetch_now("acme");
    closed(&house, 2).await;
    // with other words the same file would be read again, and close the row itself
    server.put("/f", Served::json("no JSON"));
    let mut settings = house.settings.clone();
    settings.partners[0].policy.statuses_extra.insert("frozen".into());
    house.restart().await;
    house.daemon().reconfigure(settings).await.expect("the settings are sound");
    let rows = rows(&house, "acme").await;
    assert_eq!(codes(&rows), ["currency_changed", "status_unknown"]);
    for row in &rows {
        let released = release(&house, "acme", row).await;
        assert_eq!(released.0, StatusCode::OK, "{}", released.1);
    }
    assert_eq!(house.get("acme", "/api/assets/g1:a").await.1["status"], "frozen");
    assert_eq!(house.get("acme", "/api/assets/g2:c").await.1["price"]["currency"], "USD");
    house.stop().await;
}

/// Has the operator, or the partner itself, release a row with this text.
async fn mend(house: &House, row: &Value, text: &Value, by_operator: bool) -> (StatusCode, Value) {
    let row = &row["row"];
    let request = match by_operator {
        true => house.admin(Method::POST, &format!("/admin/partners/acme/quarantine/{row}/release")),
        false => house.call("acme", Method::POST, &format!("/api/quarantine/{row}/release")),
    };
    answer(json(request, text)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn u03_a_row_is_released_with_a_mended_text_of_the_same_asset() {
    let house = House::with(&["acme"], Clock::manual(START)).await;
    house.post("acme", "/api/assets", &value!({"id": "a", "status": "odd", "updated_at": at(-60)})).await;
    for by_operator in [true, false] {
        let row = rows(&house, "acme").await.remove(0);
        let (status, told) = mend(&house, &row, &value!({"id": "b"}), by_operator).await;
        assert_eq!((status.as_u16(), &told["item"]["code"]), (422, &value!("id_mismatch")), "{told}");
        let (status, told) = mend(&house, &row, &value!({"id": "a", "price": 7}), by_operator).await;
        assert_eq!((status.as_u16(), &told["released"]), (422, &value!(false)), "{told}");
        assert!(told["item"]["pointer"].as_str().unwrap().starts_with("/price"), "{told}");
        let still = rows(&house, "acme").await.remove(0);
        assert_eq!((&still["row"], &still["code"]), (&row["row"], &value!("status_unknown")));
        let (status, told) = mend(&house, &row, &value!({"id": "a", "name": "A"}), by_operator).await;
        assert_eq!((status.as_u16(), &told["released"]), (200, &value!(true)), "{told}");
        assert!(rows(&house, "acme").await.is_empty());
        house.post("acme", "/api/assets", &value!({"id": "a", "status": "odd", "updated_at": at(-30)})).await;
    }
    assert_eq!(house.get("acme", "/api/assets/a").await.1["name"], "A");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_mends_what_it_could_push_and_lets_no_currency_change() {
    let house = House::with(&["acme"], Clock::manual(START)).await;
    house.post("acme", "/api/assets", &value!({"id": "a", "updated_at": at(-60)})).await;
    let price = |currency: &str, seconds| value!({"id": "a", "amount": "5", "currency": currency, "as_of": at(seconds)});
    house.post("acme", "/api/prices", &price("EUR", -50)).await;
    house.post("acme", "/api/prices", &price("USD", -40)).await;
    let row = rows(&house, "acme").await.remove(0);
    let (status, told) = mend(&house, &row, &price("USD", -40), false).await;
    assert_eq!((status.as_u16(), &told["item"]["code"]), (422, &value!("currency_changed")), "{told}");
    assert_eq!(mend(&house, &row, &price("EUR", -40), false).await.0, StatusCode::OK);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_row_is_released_with_its_whole_text() {
    let house = House::with(&["acme"], Clock::manual(START)).await;
    let asset = |status: &str| value!({"id": "a", "status": status, "text": "x".repeat(20_000)});
    house.post("acme", "/api/assets", &asset("odd")).await;
    let row = rows(&house, "acme").await.remove(0);
    assert_eq!((&row["cut"], &row["waits_for"]), (&value!(true), &value!("setting")));
    assert_eq!(release(&house, "acme", &row).await.1["code"], "raw_cut");
    assert_eq!(mend(&house, &row, &asset("active"), false).await.0, StatusCode::OK);
    assert_eq!(house.get("acme", "/api/assets/a").await.1["text"].as_str().unwrap().len(), 20_000);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn u03_a_row_is_released_as_it_is_after_a_setting_and_says_what_is_wrong_until_then() {
    let house = House::with(&["acme"], Clock::manual(START)).await;
    let price = value!({"id": "a", "amount": "5", "currency": "XYZ", "as_of": at(-50)});
    house.post("acme", "/api/assets", &value!({"id": "a"})).await;
    house.post("acme", "/api/prices", &price).await;
    let row = rows(&house, "acme").await.remove(0);
    assert_eq!((&row["code"], &row["waits_for"]), (&value!("currency_unknown"), &value!("setting")));
    assert!(row["closes_when"].as_str().unwrap().contains("price of this quote"), "{row}");
    let refused = release(&house, "acme", &row).await;
    assert_eq!((refused.0.as_u16(), &refused.1["item"]["code"]), (422, &value!("currency_unknown")));
    let mut settings = house.settings.clone();
    settings.partners[0].policy.currencies_extra.insert(Currency::new("XYZ").expect("a code"));
    house.daemon().reconfigure(settings).await.expect("the settings are sound");
    assert_eq!(release(&house, "acme", &row).await.0, StatusCode::OK);
    assert_eq!(house.get("acme", "/api/assets/a").await.1["price"]["currency"], "XYZ");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_file_that_was_refused_as_a_whole_are_released_below_what_is_newer() {
    let server = FeedServer::start().await;
    server.put(
        "/f",
        file(-600, r#""assets":[{"id":"a","status":"odd","name":"old"},{"id":"b","status":"odd"}]"#),
    );
    let house = served(&server).await;
    assert_eq!(house.run_report("acme", 1).await["status"], "refused");
    house.post("acme", "/api/assets", &value!({"id": "a", "name": "new", "updated_at": at(-700)})).await;
    let mut settings = house.settings.clone();
    settings.partners[0].policy.statuses_extra.insert("odd".into());
    house.daemon().reconfigure(settings).await.expect("the settings are sound");
    for row in rows(&house, "acme").await {
        let released = release(&house, "acme", &row).await;
        assert_eq!(released.0, StatusCode::OK, "{}", released.1);
    }
    let (_, seen) = house.get("acme", "/api/assets/a").await;
    assert_eq!(
        (&seen["name"], &seen["status"]),
        (&value!("new"), &value!("odd")),
        "what was pushed stands: {seen}"
    );
    assert_eq!(house.get("acme", "/api/assets/b").await.1["status"], "odd");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn u18_rows_are_dropped_by_what_they_have_in_common() {
    let mut house = House::with(&["acme"], Clock::manual(START)).await;
    let odd = |id: usize| value!({"id": format!("o{id}"), "status": "odd"});
    house.post("acme", "/api/assets", &(0..250).map(odd).collect::<Value>()).await;
    house.post("acme", "/api/prices", &value!({"id": "p", "amount": "x"})).await;
    house.clock.set(START.plus(60_000_000));
    house.post("acme", "/api/assets", &odd(900)).await;
    let gone =
        async |house: &House, query: &str| house.delete("acme", &format!("/api/quarantine?{query}")).await;
    assert_eq!(house.delete("acme", "/api/quarantine").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(gone(&house, "limit=5").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(gone(&house, "kind=prize").await.0, StatusCode::BAD_REQUEST);
    let tried = gone(&house, "code=status_unknown&dry_run=true").await.1;
    assert_eq!(tried, value!({"matching": 251}));
    assert_eq!(gone(&house, "id=o7&kind=price").await.1, value!({"dropped": 0, "complete": true}));
    assert_eq!(gone(&house, "id=o7").await.1, value!({"dropped": 1, "complete": true}));
    let limited = gone(&house, "code=status_unknown&limit=120").await.1;
    assert_eq!(limited, value!({"dropped": 120, "complete": false}));
    let path = format!("/admin/partners/acme/quarantine?kind=post&before={}", at(30));
    let (status, told) = answer(house.admin(Method::DELETE, &path)).await;
    assert_eq!((status, &told["dropped"]), (StatusCode::OK, &value!(130)), "{told}");
    house.restart().await;
    let left = rows(&house, "acme").await;
    assert_eq!((left.len(), &left[0]["kind"]), (1, &value!("price")), "{left:?}");
    house.stop().await;
}

/// What the verb says, and how it ends. `editor` is a script over the file `$1`.
async fn verb(house: &House, arguments: &[&str], editor: &str) -> (String, Option<i32>) {
    let (said, beside, code) = outputs(house, arguments, editor).await;
    (said + &beside, code)
}

/// The same of standard output alone.
async fn edited(house: &House, arguments: &[&str], editor: &str) -> (String, Option<i32>) {
    let (said, beside, code) = outputs(house, arguments, editor).await;
    assert!(beside.contains("refused: status_unknown"), "the reason is shown beside: {beside}");
    (said, code)
}

async fn outputs(house: &House, arguments: &[&str], editor: &str) -> (String, String, Option<i32>) {
    let directory = tempfile::tempdir().expect("a directory");
    let script = directory.path().join("edit");
    std::fs::write(&script, format!("{editor}\n")).expect("written");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.arg("quarantine").args(arguments);
    command.args(["--admin", &format!("http://{}", house.daemon().admin_address())]);
    command.env_remove("VISUAL").env("EDITOR", format!("sh {}", script.display()));
    command.env("TMPDIR", directory.path()).stdin(std::process::Stdio::null());
    let ended =
        tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it runs");
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let left = std::fs::read_dir(directory.path()).expect("a directory").count() - 1;
    let is_kept = said.contains("it is in") || said.contains("\"kept\"");
    assert_eq!(left, usize::from(is_kept), "no draft is left but what is named: {said}");
    (said, String::from_utf8_lossy(&ended.stderr).into_owned(), ended.status.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_mends_a_row_in_the_editor_and_drops_others_by_filter() {
    let house = House::with(&["acme"], Clock::manual(START)).await;
    for id in ["a", "b", "c"] {
        house.post("acme", "/api/assets", &value!({"id": id, "status": "odd"})).await;
    }
    let listed = rows(&house, "acme").await;
    let number = listed[2]["row"].to_string();
    let (said, _) = verb(&house, &["list", "acme"], "").await;
    assert_eq!((said.lines().count(), said.matches("waits for setting").count()), (3, 3), "{said}");
    let (said, code) = verb(&house, &["show", "acme", &number], "").await;
    assert!(said.contains("at /status") && said.contains(r#"{"id":"a","status":"odd"}"#), "{said}");
    assert_eq!(code, Some(0));
    let (said, code) = verb(&house, &["release", "acme", &number], "").await;
    assert!(said.contains("refused still: status_unknown at /status") && code == Some(1), "{said}");
    let (said, code) = verb(&house, &["edit", "acme", &number], "").await;
    assert!(said.contains("unchanged") && code == Some(1), "{said}");
    // first another wrong word, then the right one
    let twice = r#"grep -q odd "$1" && sed -i s/odd/even/ "$1" || sed -i s/even/active/ "$1""#;
    let (said, code) = verb(&house, &["edit", "acme", &number], twice).await;
    assert!(said.contains("refused still") && said.contains("released: created"), "{said}");
    assert_eq!(code, Some(0));
    assert_eq!(house.get("acme", "/api/assets/a").await.0, StatusCode::OK);
    assert_eq!(verb(&house, &["drop", "acme"], "").await.1, Some(2), "a filter is needed");
    let (said, code) = verb(&house, &["drop", "acme", "--code", "status_unknown"], "").await;
    assert!(said.contains("2 rows") && said.contains("Say --yes") && code == Some(1), "{said}");
    assert_eq!(rows(&house, "acme").await.len(), 2, "nobody has said yes");
    let json = |(said, code): (String, Option<i32>)| {
        (serde_json::from_str::<Value>(&said).unwrap_or_else(|error| panic!("{error}: {said}")), code)
    };
    let none = ["drop", "acme", "--id", "nobody's", "--json"];
    let nothing = value!({ "matching": 0, "dropped": 0 });
    assert_eq!(json(verb(&house, &none, "").await), (nothing, Some(0)));
    let number = listed[1]["row"].to_string();
    let edit = ["edit", "acme", &number, "--json"];
    let (said, kept) = edited(&house, &edit, "echo an editor says something").await;
    let (answer, code) = json((said, kept));
    assert_eq!((&answer["released"], code), (&value!(false), Some(1)), "{answer}");
    let kept = std::path::PathBuf::from(answer["kept"].as_str().expect("where the text is"));
    assert_eq!(
        kept.file_name().and_then(|name| name.to_str()).map(|name| name.contains(&number)),
        Some(true)
    );
    let (answer, code) = json(edited(&house, &edit, twice).await);
    assert_eq!((&answer["released"], &answer["said"], code), (&value!(true), &value!("created"), Some(0)));
    house.post("acme", "/api/assets", &value!({"id": "b", "status": "odd"})).await;
    let (said, _) =
        verb(&house, &["drop", "acme", "--code", "status_unknown", "--id", "b", "--yes"], "").await;
    assert!(said.contains("1 of 1 dropped"), "{said}");
    assert_eq!(rows(&house, "acme").await[0]["id"], "c");
    house.stop().await;
}
