//! The configuration read again while the daemon runs: by a call, by SIGHUP, by watching its files.

use crate::support::house::{House, PATIENCE, answer, json, key, wait_for};
use crate::support::program::{Program, configure};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tempfile::TempDir;
use tidegate::clock::Clock;
use tidegate::config::KeyHash;
use tidegate::daemon::{ConfigSource, Daemon};

const MAIN: &str = "[server]\nlisten = '127.0.0.1:0'\nadmin_listen = '127.0.0.1:0'\n\
    failed_calls_per_minute = 1000000000\n[store]\ndirectory = 'store'\ndisk_free_bytes_min = '0B'\n";

/// A daemon on files of its own.
struct Filed {
    house: House,
    directory: TempDir,
}

fn partner_text(name: &str, prices_per_second: u32) -> String {
    let hash = KeyHash::of(&key(name));
    format!("keys = ['{hash}']\ncurrency = 'EUR'\n[limits]\nprices_per_second = {prices_per_second}\n")
}

impl Filed {
    async fn start(main: &str, partners: &[String]) -> Filed {
        let directory = TempDir::new().unwrap();
        std::fs::create_dir(directory.path().join("partners")).unwrap();
        std::fs::write(directory.path().join("tidegate.toml"), main).unwrap();
        for name in partners {
            write(&file_of(directory.path(), name), &partner_text(name, 1_000_000));
        }
        let source = ConfigSource { directory: directory.path().to_owned(), sandbox: false };
        let settings = source.load().unwrap();
        let mut daemon = Daemon::start(settings.clone(), Clock::system()).await.unwrap();
        daemon.follow(source);
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Filed { house: House::of(daemon, settings, client), directory }
    }

    fn partner(&self, name: &str) -> PathBuf {
        file_of(self.directory.path(), name)
    }

    fn main(&self) -> PathBuf {
        self.directory.path().join("tidegate.toml")
    }

    async fn reload(&self) -> (StatusCode, Value) {
        let request = self.house.admin(Method::POST, "/admin/reload");
        answer(json(request, &json!({ "reason": "a test" }))).await
    }

    async fn last_reload(&self) -> Value {
        let (status, daemon) = answer(self.house.admin(Method::GET, "/admin/status")).await;
        assert_eq!(status, StatusCode::OK);
        daemon["reload"].clone()
    }

    async fn metrics(&self) -> String {
        let scrape = self.house.admin(Method::GET, "/metrics").send().await.unwrap();
        scrape.text().await.unwrap()
    }

    async fn acts(&self, query: &str) -> Vec<Value> {
        let path = format!("/admin/audit?limit=1000&{query}");
        let (_, page) = answer(self.house.admin(Method::GET, &path)).await;
        page["items"].as_array().cloned().expect("items")
    }
}

fn file_of(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("partners/{name}.toml"))
}

/// As an editor does: a whole file, put in the place of the old one.
fn write(file: &Path, text: &str) {
    let draft = file.with_extension("draft");
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(&draft, file).unwrap();
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Pushes as partners of a slice, in turn, until it is told to stop; counts what was taken and what was not.
async fn push_on(
    client: Client,
    address: std::net::SocketAddr,
    partners: Vec<String>,
    stop: Arc<AtomicBool>,
    taken: Arc<AtomicU64>,
) -> Vec<String> {
    let mut failed = Vec::new();
    let mut turn = 0;
    while !stop.load(Ordering::Relaxed) {
        let name = &partners[turn % partners.len()];
        turn += 1;
        let price = json!({ "id": "a", "amount": format!("{turn}"), "currency": "EUR" });
        let request = client.post(format!("http://{address}/api/prices")).bearer_auth(key(name));
        match json(request, &price).send().await {
            Ok(reply) if reply.status().is_success() => drop(taken.fetch_add(1, Ordering::Relaxed)),
            Ok(reply) => failed.push(format!("{name}: {}", reply.status())),
            Err(error) => failed.push(format!("{name}: {error:?}")),
        }
    }
    failed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_under_load_of_1000_partners_with_100_changed_fails_no_request_of_any_and_touches_no_other()
{
    let partners: Vec<String> = (0..1_000).map(|n| format!("p{n:04}")).collect();
    let filed = Filed::start(MAIN, &partners).await;
    let house = &filed.house;
    let settings = |name: &str| house.daemon().registry().by_name(name).unwrap().settings.load_full();
    let before: Vec<_> = partners.iter().map(|name| settings(name)).collect();
    let (stop, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let workers = partners.chunks(125).map(|slice| {
        let (client, address) = (house.client.clone(), house.daemon().address());
        let (stop, taken) = (Arc::clone(&stop), Arc::clone(&taken));
        tokio::spawn(push_on(client, address, slice.to_vec(), stop, taken))
    });
    let workers: Vec<_> = workers.collect();
    for round in 0..3u64 {
        let begun = taken.load(Ordering::Relaxed);
        for name in &partners[..100] {
            write(&filed.partner(name), &partner_text(name, 2_000_000 + round as u32));
        }
        let (status, report) = filed.reload().await;
        assert_eq!((status, &report["outcome"]), (StatusCode::OK, &json!("applied")), "{report}");
        assert_eq!(report["partners"]["changed"]["count"], 100);
        assert_eq!((&report["partners"]["added"]["count"], &report["faults"]), (&json!(0), &json!([])));
        // all of the load has gone on behind the reload too
        wait_for("pushes", async || (taken.load(Ordering::Relaxed) > begun + 100).then_some(())).await;
    }
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        assert_eq!(worker.await.unwrap(), [""; 0]);
    }
    for (place, name) in partners.iter().enumerate() {
        let is_as_before = Arc::ptr_eq(&settings(name), &before[place]);
        assert_eq!(is_as_before, place >= 100, "{name}");
    }
    filed.house.stop().await;
}

#[tokio::test]
async fn partners_are_added_changed_and_removed_by_a_reload_and_each_is_on_the_trail() {
    let filed = Filed::start(MAIN, &names(&["acme", "beta"])).await;
    assert_eq!(filed.last_reload().await, Value::Null);
    write(&filed.partner("gamma"), &partner_text("gamma", 5));
    let other = KeyHash::of("another");
    write(&filed.partner("acme"), &format!("keys = ['{other}']\ncurrency = 'EUR'\n"));
    std::fs::remove_file(filed.partner("beta")).unwrap();
    let (status, report) = filed.reload().await;
    assert_eq!(status, StatusCode::OK, "{report}");
    let named = |what: &str| report["partners"][what]["names"].clone();
    assert_eq!(
        (named("added"), named("changed"), named("removed")),
        (json!(["gamma"]), json!(["acme"]), json!(["beta"]))
    );
    assert_eq!(filed.last_reload().await, report);
    let metrics = filed.metrics().await;
    assert!(
        metrics.contains("partner=\"gamma\"") && !metrics.contains("partner=\"beta\""),
        "case 21\n{metrics}"
    );
    assert_eq!(filed.house.get("gamma", "/api/me").await.0, StatusCode::OK);
    for gone in ["acme", "beta"] {
        assert_eq!(filed.house.get(gone, "/api/me").await.0, StatusCode::UNAUTHORIZED, "{gone}");
    }
    let acts = filed.acts("").await;
    let said: Vec<_> =
        acts.iter().map(|act| (act["act"].as_str().unwrap(), act["partner"].as_str())).collect();
    let expected = [
        ("partner_changed", Some("acme")),
        ("partner_removed", Some("beta")),
        ("partner_added", Some("gamma")),
        ("keys_changed", Some("gamma")),
        ("keys_changed", Some("acme")),
        ("reload", None),
    ];
    assert_eq!(said, expected);
    let keys = acts[4]["note"].as_str().unwrap();
    let id = |hash: &KeyHash| hash.to_string()["sha256:".len()..][..12].to_owned();
    let (added, gone) = (id(&other), id(&KeyHash::of(&key("acme"))));
    assert_eq!(keys, format!("key {added} added, key {gone} taken away; taken over by act 1"));
    assert_eq!((&acts[4]["who"], &acts[5]["reason"]), (&json!("configuration"), &json!("a test")));
    assert_eq!(acts[5]["note"], "partners: 1 added, 1 changed, 1 removed");

    let (_, report) = filed.reload().await;
    assert_eq!(report["outcome"], "unchanged");
    assert_eq!(filed.acts("").await.len(), 7);
    filed.house.stop().await;
}

#[tokio::test]
async fn a_faulty_configuration_changes_nothing_and_all_its_faults_are_told() {
    let filed = Filed::start(MAIN, &names(&["acme", "beta"])).await;
    write(&filed.main(), &format!("{MAIN}colour = 'blue'\n"));
    write(&filed.partner("acme"), "keys = ['plain']\ncurrency = 'eur'\n");
    write(&filed.partner("gamma"), &partner_text("gamma", 5));
    let (status, refused) = filed.reload().await;
    assert_eq!(
        (status, &refused["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("configuration_faulty")),
        "{refused}"
    );
    let faults = refused["faults"].as_array().expect("faults");
    let keys: Vec<&str> = faults.iter().map(|fault| fault["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["store.colour", "keys[0]", "currency"]);
    assert!(!refused.to_string().contains("plain"), "what may be a key is not shown");
    assert_eq!(filed.house.get("acme", "/api/me").await.0, StatusCode::OK);
    assert_eq!(filed.house.get("gamma", "/api/me").await.0, StatusCode::UNAUTHORIZED);
    let last = filed.last_reload().await;
    assert_eq!(
        (&last["outcome"], &last["faults_count"], &last["by"]),
        (&json!("refused"), &json!(3), &json!("local"))
    );
    assert_eq!(last["faults"], refused["faults"]);
    let metrics = filed.metrics().await;
    assert!(metrics.contains("tidegate_reload_sound 0\n"), "{metrics}");
    assert!(metrics.contains("tidegate_reloads_total{outcome=\"refused\"} 1\n"), "{metrics}");
    let acts = filed.acts("act=reload").await;
    assert_eq!((&acts[0]["outcome"], &acts[0]["code"]), (&json!("refused"), &json!("configuration_faulty")));
    assert!(acts[0]["note"].as_str().unwrap().starts_with("3 faults; the first: "), "{acts:?}");

    write(&filed.main(), MAIN);
    write(&filed.partner("acme"), &partner_text("acme", 7));
    let (status, report) = filed.reload().await;
    assert_eq!((status, &report["outcome"]), (StatusCode::OK, &json!("applied")));
    assert_eq!(filed.last_reload().await["faults"], json!([]));
    assert!(filed.metrics().await.contains("tidegate_reload_sound 1\n"), "mended");
    assert_eq!(filed.house.get("gamma", "/api/me").await.0, StatusCode::OK);
    filed.house.stop().await;
}

#[tokio::test]
async fn u17_what_needs_a_restart_is_named_while_it_differs_and_not_once_it_is_taken_back() {
    let filed = Filed::start(MAIN, &names(&["acme"])).await;
    write(&filed.main(), &MAIN.replace("listen = '127.0.0.1:0'\nadmin", "listen = '127.0.0.1:1'\nadmin"));
    for _ in 0..2 {
        let (_, report) = filed.reload().await;
        assert_eq!(
            (&report["outcome"], &report["needs_restart"]),
            (&json!("applied"), &json!(["server.listen"]))
        );
    }
    write(&filed.main(), MAIN);
    let (_, report) = filed.reload().await;
    assert_eq!((&report["outcome"], &report["needs_restart"]), (&json!("unchanged"), &json!([])));
    filed.house.stop().await;
}

#[tokio::test]
async fn files_that_are_watched_are_taken_over_once_they_stand_still() {
    let filed = Filed::start(&MAIN.replace("[store]", "watch = true\n[store]"), &names(&["acme"])).await;
    write(&filed.partner("beta"), &partner_text("beta", 5));
    wait_for("beta to be served", async || {
        (filed.house.get("beta", "/api/me").await.0 == StatusCode::OK).then_some(())
    })
    .await;
    wait_for("the reload's end", async || (filed.last_reload().await["by"] == "watch").then_some(())).await;
    write(&filed.partner("beta"), "currency = 'eur'");
    let last = wait_for("the faulty file to be seen", async || {
        Some(filed.last_reload().await).filter(|last| last["outcome"] == "refused")
    })
    .await;
    assert_eq!(last["faults_count"], 2, "{last}");
    assert_eq!(filed.house.get("beta", "/api/me").await.0, StatusCode::OK);
    let acts = filed.acts("act=reload").await;
    assert_eq!(acts.iter().map(|act| &act["who"]).collect::<Vec<_>>(), ["watch", "watch"]);
    filed.house.stop().await;
}

#[tokio::test]
async fn sighup_reads_the_files_again_and_is_on_the_trail() {
    let directory = TempDir::new().unwrap();
    configure(directory.path(), "acme");
    let program = Program::start(directory.path()).await;
    write(&file_of(directory.path(), "beta"), &partner_text("beta", 5));
    program.hang_up();
    let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let act = wait_for("the reload's end", async || {
        let (_, page) = answer(client.get(program.admin_url("/admin/audit?act=reload"))).await;
        page["items"].as_array()?.iter().find(|act| act["outcome"] == "done").cloned()
    })
    .await;
    assert_eq!(
        (&act["who"], &act["note"]),
        (&json!("SIGHUP"), &json!("partners: 1 added, 0 changed, 0 removed"))
    );
    assert!(program.terminate().await.success());
}
