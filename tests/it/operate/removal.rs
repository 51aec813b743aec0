//! A partner that is taken out of the configuration, while the daemon runs or not: its feed stops,
//! its key is refused, its assets stay, marked; until they are purged.

use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, READER, answer, feed, partner, wait_for};
use crate::support::stage::{START, document};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;
use tidegate::clock::Clock;
use tidegate::config::{KeyHash, load};
use tidegate::daemon::{ConfigSource, Daemon};

async fn removed(house: &House) -> Vec<Value> {
    let (_, list) = answer(house.admin(Method::GET, "/admin/partners")).await;
    let items = list["items"].as_array().cloned().unwrap();
    items.into_iter().filter(|item| item["removed"] == true).collect()
}

async fn is_gone_but_readable(house: &House, assets: usize) {
    let (status, _) = house.get("acme", "/api/me").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "its key is refused");
    let catalogue = house.catalogue("acme").await;
    assert_eq!(catalogue.len(), assets);
    assert!(catalogue.values().all(|asset| asset["partner_removed"] == true));
    let (status, one) = answer(house.read("/api/partners/acme/assets/a1")).await;
    assert_eq!((status, &one["partner_removed"]), (StatusCode::OK, &json!(true)));
    let listed = removed(house).await;
    assert_eq!((listed.len(), &listed[0]["name"]), (1, &json!("acme")));
    assert_eq!(listed[0]["assets"], json!({"living": assets, "dead": 0}));
}

#[tokio::test]
async fn a_removed_partner_s_feed_stops_its_key_is_refused_and_its_assets_stay_marked() {
    let server = FeedServer::start().await;
    server.put("/feed.json", Served::json(document(Some(START), 0..30)).etag("\"1\""));
    let both = vec![partner("acme").with_feed(feed(&server.url("/feed.json"))), partner("beta")];
    let mut house = House::start(both.clone(), Clock::manual(START)).await;
    house.run_report("acme", 1).await;
    house.post("beta", "/api/assets", &json!({"id": "b", "name": "n"})).await;
    let tag = house.read("/api/partners/acme/assets/a1").send().await.unwrap().headers()["etag"].clone();

    house.settings.partners = vec![partner("beta")];
    house.daemon().reconfigure(house.settings.clone()).await.unwrap();
    is_gone_but_readable(&house, 30).await;
    let again = house.read("/api/partners/acme/assets/a1").header("if-none-match", tag);
    assert_eq!(answer(again).await.0, StatusCode::OK, "it looks different now");
    let (status, problem) = answer(house.admin(Method::POST, "/admin/partners/acme/feed/rebuild")).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("partner_removed")), "{problem}");
    let everything = answer(house.read("/api/assets?limit=1000")).await.1;
    assert_eq!(everything["items"].as_array().unwrap().len(), 31);
    assert_eq!(house.get("beta", "/api/assets/b").await.1.get("partner_removed"), None);

    house.restart().await;
    is_gone_but_readable(&house, 30).await;
    assert_eq!(server.answered("/feed.json").whole, 1, "nobody has asked for its feed");

    house.settings.partners = both;
    house.daemon().reconfigure(house.settings.clone()).await.unwrap();
    house.run_report("acme", 2).await;
    let (status, own) = house.get("acme", "/api/assets/a1").await;
    assert_eq!((status, own.get("partner_removed")), (StatusCode::OK, None), "it is back");
    assert!(removed(&house).await.is_empty());
    house.stop().await;
}

/// What has been said of partners themselves since.
async fn standings(house: &House, query: &str) -> Vec<(String, String)> {
    let path = format!("/api/changes?limit=1000&type=partner.removed&type=partner.restored{query}");
    let (_, page) = answer(house.read(&path)).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let items = page["items"].as_array().unwrap().iter();
    let items = items.map(|item| {
        assert!(item["cursor"].is_string() && item["committed_at"].is_string(), "{item}");
        (text(&item["type"]), text(&item["partner"]))
    });
    items.collect()
}

#[tokio::test]
async fn u16_followers_are_told_of_a_removed_partner_after_its_last_change_and_when_it_is_back() {
    let said = |words: &[&str]| {
        words.iter().map(|word| (format!("partner.{word}"), "acme".to_owned())).collect::<Vec<_>>()
    };
    let both = vec![partner("acme"), partner("beta")];
    let mut house = House::start(both.clone(), Clock::manual(START)).await;
    house.post("acme", "/api/assets", &json!({"id": "a", "name": "n"})).await;
    let reconfigure = async |house: &mut House, partners| {
        house.settings.partners = partners;
        house.daemon().reconfigure(house.settings.clone()).await.unwrap();
    };
    assert_eq!(standings(&house, "").await, [], "whoever is new is not told of");
    let stream = house.read("/api/changes?partner=acme&since=now").header("accept", "text/event-stream");
    let mut stream = stream.send().await.unwrap();
    reconfigure(&mut house, vec![partner("beta")]).await;
    assert_eq!(standings(&house, "").await, said(&["removed"]), "once the reload is done");
    assert_eq!(standings(&house, "&partner=acme").await, said(&["removed"]));
    assert_eq!(standings(&house, "&partner=beta").await, []);
    let mut text = String::new();
    while !text.contains("event: partner.removed") {
        let chunk =
            tokio::time::timeout(crate::support::house::PATIENCE, stream.chunk()).await.expect("it is told");
        text.push_str(std::str::from_utf8(&chunk.unwrap().expect("the stream is open")).unwrap());
    }
    let (_, page) = answer(house.read("/api/changes?full=true")).await;
    let last = page["items"].as_array().unwrap().last().unwrap();
    assert_eq!(last["type"], "partner.removed", "after all that is its own: {page}");
    assert_eq!((last.get("id"), last.get("asset")), (None, None), "it is of no asset");
    reconfigure(&mut house, vec![partner("beta")]).await;
    house.restart().await;
    assert_eq!(standings(&house, "").await, said(&["removed"]), "once, whatever is done then");
    reconfigure(&mut house, both.clone()).await;
    assert_eq!(standings(&house, "").await, said(&["removed", "restored"]));
    house.settings.partners = vec![partner("beta")];
    house.restart().await;
    assert_eq!(standings(&house, "").await, said(&["removed", "restored", "removed"]), "found at a start");
    house.settings.partners = both;
    house.restart().await;
    house.restart().await;
    assert_eq!(standings(&house, "").await, said(&["removed", "restored", "removed", "restored"]));
    drop(stream);
    house.stop().await;
}

fn tidegate(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.arg("partner").args(arguments).arg("--config").arg(directory).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn write_partner(directory: &Path, name: &str) {
    let key = KeyHash::of(&crate::support::house::key(name));
    std::fs::write(directory.join(format!("partners/{name}.toml")), format!("keys = [\"{key}\"]\n")).unwrap();
}

/// A directory with a configuration: a reader, these partners, and ports that are free.
fn configuration_of(partners: &[&str]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("partners")).unwrap();
    let reader = format!("[[readers]]\nname = 'r'\nkeys = [\"{}\"]\n", KeyHash::of(READER));
    let ports = "[server]\nlisten = '127.0.0.1:0'\nadmin_listen = '127.0.0.1:0'\n";
    std::fs::write(directory.path().join("tidegate.toml"), format!("{ports}{reader}")).unwrap();
    partners.iter().for_each(|name| write_partner(directory.path(), name));
    directory
}

/// A daemon of the configuration in `directory`, on ports of its own.
async fn house_of(directory: &Path) -> House {
    let mut settings = load(directory).unwrap();
    settings.store.disk_free_bytes_min = 0;
    let daemon = Daemon::start(settings.clone(), Clock::system()).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    House::of(daemon, settings, client)
}

#[tokio::test]
async fn partner_remove_takes_the_file_and_purge_the_assets_once_the_daemon_has_stopped() {
    let directory = configuration_of(&["acme", "beta"]);
    let directory = directory.path();
    let house = house_of(directory).await;
    let assets: Vec<Value> = (0..700).map(|n| json!({"id": format!("a{n}"), "name": "n"})).collect();
    house.post("acme", "/api/assets", &json!(assets)).await;
    house.delete("acme", "/api/assets/a0").await;
    house.post("beta", "/api/assets", &json!({"id": "b", "name": "n"})).await;
    let cursor = answer(house.read("/api/changes?limit=1000")).await.1["next_cursor"].clone();

    let running = tidegate(directory, &["remove", "acme", "--purge", "--yes"]);
    assert!(running.status.code() == Some(1) && said(&running).contains("say --admin URL"), "{running:?}");
    house.stop().await;
    let counted = tidegate(directory, &["remove", "acme", "--purge"]);
    assert_eq!(counted.status.code(), Some(1), "nobody can be asked");
    assert!(said(&counted).contains("acme has 699 living assets and 1 deleted ones"), "{counted:?}");
    assert!(directory.join("partners/acme.toml").exists(), "only counted");
    let done = tidegate(directory, &["remove", "acme", "--purge", "--yes"]);
    assert!(done.status.success(), "{done:?}");
    assert!(
        said(&done).contains("can be read by /api/changes until the log is trimmed, in up to 7 days"),
        "b05"
    );
    assert!(!directory.join("partners/acme.toml").exists());
    assert_eq!(tidegate(directory, &["remove", "acme"]).status.code(), Some(1), "it is no partner any more");

    let house = house_of(directory).await;
    assert!(removed(&house).await.is_empty(), "nothing is left of it");
    let everything = answer(house.read("/api/assets")).await.1;
    assert_eq!(everything["items"].as_array().unwrap().len(), 1, "the other's stay");
    let since = format!("/api/changes?limit=1000&since={}", cursor.as_str().unwrap());
    let changes = answer(house.read(&since)).await.1["items"].as_array().cloned().unwrap();
    let deletes =
        changes.iter().filter(|change| change["type"] == "asset.deleted" && change["partner"] == "acme");
    assert_eq!(deletes.count(), 699, "who follows the changes learns of each");
    let last = changes.last().unwrap();
    assert_eq!((&last["type"], &last["purged"]), (&json!("partner.removed"), &json!(true)), "u16");
    house.stop().await;

    write_partner(directory, "acme");
    let house = house_of(directory).await;
    assert_eq!(house.catalogue("acme").await.len(), 0);
    let (_, old) =
        house.post("acme", "/api/assets", &json!({"id": "a1", "updated_at": "2020-01-01T00:00:00Z"})).await;
    assert_eq!(old["code"], "older_than_history", "what was purged does not come back (X4): {old}");
    let (_, new) = house.post("acme", "/api/assets", &json!({"id": "a1", "name": "n"})).await;
    assert_eq!(new["outcome"], "created", "{new}");
    wait_for("the new asset", async || Some(house.catalogue("acme").await.len()).filter(|n| *n == 1)).await;
    house.stop().await;
}

#[tokio::test]
async fn b03_a_purged_partner_that_came_back_and_was_removed_again_is_listed() {
    let directory = configuration_of(&["acme", "beta"]);
    let directory = directory.path();
    let house = house_of(directory).await;
    house.post("acme", "/api/assets", &json!({"id": "a", "name": "n"})).await;
    house.stop().await;
    let done = tidegate(directory, &["remove", "acme", "--purge", "--yes"]);
    assert!(done.status.success(), "{done:?}");
    let house = house_of(directory).await;
    assert!(removed(&house).await.is_empty(), "nothing is left of it");

    let without = house.settings.clone();
    write_partner(directory, "acme");
    let mut with = without.clone();
    with.partners = load(directory).unwrap().partners;
    house.daemon().reconfigure(with).await.unwrap();
    house.post("acme", "/api/assets", &json!([{"id": "b", "name": "n"}, {"id": "c", "name": "n"}])).await;
    house.daemon().reconfigure(without).await.unwrap();
    let listed = removed(&house).await;
    assert_eq!(listed.len(), 1, "it has assets again");
    assert_eq!((&listed[0]["name"], &listed[0]["assets"]["living"]), (&json!("acme"), &json!(2)));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn u21_a_partner_is_removed_and_purged_while_the_daemon_serves_the_others() {
    let directory = configuration_of(&["acme", "beta"]);
    let directory = directory.path();
    let source = ConfigSource { directory: directory.to_owned(), sandbox: false };
    let mut settings = source.load().unwrap();
    settings.store.disk_free_bytes_min = 0;
    let mut daemon = Daemon::start(settings.clone(), Clock::system()).await.unwrap();
    daemon.follow(source);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut house = House::of(daemon, settings, client);
    let assets: Vec<Value> = (0..700).map(|n| json!({"id": format!("a{n}"), "name": "n"})).collect();
    house.post("acme", "/api/assets", &json!(assets)).await;
    house.delete("acme", "/api/assets/a0").await;
    house.post("beta", "/api/assets", &json!({"id": "b", "name": "n"})).await;
    let cursor = answer(house.read("/api/changes?limit=1000")).await.1["next_cursor"].clone();
    let (status, refused) = answer(house.admin(Method::POST, "/admin/partners/acme/purge")).await;
    assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("partner_configured")));

    let admin = format!("http://{}", house.daemon().admin_address());
    let run = async |arguments: &[&'static str]| {
        let (directory, mut arguments) = (directory.to_owned(), arguments.to_vec());
        let admin = admin.clone();
        arguments.push("--admin");
        let run = move || tidegate(&directory, &[&arguments[..], &[&*admin]].concat());
        tokio::task::spawn_blocking(run).await.unwrap()
    };
    let counted = run(&["remove", "acme", "--purge"]).await;
    assert!(said(&counted).contains("acme has 699 living assets and 1 deleted ones"), "{counted:?}");
    assert!(directory.join("partners/acme.toml").exists(), "only counted");
    let done = run(&["remove", "acme", "--purge", "--yes", "--reason", "they have left"]).await;
    assert!(done.status.success() && said(&done).contains("acme is removed"), "{done:?}");
    assert!(!directory.join("partners/acme.toml").exists());
    assert!(removed(&house).await.is_empty(), "nothing is left of it");
    assert_eq!(house.get("acme", "/api/me").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(house.get("beta", "/api/assets/b").await.0, StatusCode::OK, "the other is served");
    let since = format!("/api/changes?limit=1000&since={}", cursor.as_str().unwrap());
    let changes = answer(house.read(&since)).await.1["items"].as_array().cloned().unwrap();
    let deletes = changes.iter().filter(|change| change["type"] == "asset.deleted");
    assert_eq!(deletes.count(), 699, "who follows the changes learns of each");
    let last = changes.last().unwrap();
    assert_eq!((&last["type"], &last["purged"]), (&json!("partner.removed"), &json!(true)));
    let acts = answer(house.admin(Method::GET, "/admin/audit?partner=acme&act=purge")).await.1;
    let act = &acts["items"][0];
    assert_eq!((&act["outcome"], &act["reason"]), (&json!("done"), &json!("they have left")), "{acts}");
    assert_eq!(act["note"], "699 living assets and 1 deleted ones");
    let again = run(&["purge", "acme", "--yes"]).await;
    assert!(again.status.code() == Some(1) && said(&again).contains("Nothing is left"), "{again:?}");

    write_partner(directory, "acme");
    let (status, _) = answer(house.admin(Method::POST, "/admin/reload")).await;
    assert_eq!(status, StatusCode::OK);
    let (_, old) =
        house.post("acme", "/api/assets", &json!({"id": "a1", "updated_at": "2020-01-01T00:00:00Z"})).await;
    assert_eq!(old["code"], "older_than_history", "what was purged does not come back (X4): {old}");
    house.settings.partners = load(directory).unwrap().partners;
    house.restart().await;
    let (_, new) = house.post("acme", "/api/assets", &json!({"id": "a1", "name": "n"})).await;
    assert_eq!(new["outcome"], "created", "{new}");
    house.stop().await;
}
