//! The status page in Chromium, as an operator uses it: rates that move, plans decided, a row mended, a run
//! followed, the daemon gone; no view that scrolls sideways, and none in which axe-core finds a fault.

use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, answer, feed, json, partner, wait_for};
use crate::support::program::{Program, configure};
use crate::support::{packages, skipped};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tidegate::clock::{Clock, sleep};
use tidegate::codec::time;
use tidegate::config::{KeyHash, PartnerSettings};
use tidegate::domain::Micros;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// What a partner sends that wants to be more than text. Each marker would only set a variable of the page.
const MARKUP: [&str; 3] = [
    r#""><img src=x onerror="window.injected=1">"#,
    "</script><script>window.injected=2</script>",
    "odd<svg onload=window.injected=3>{{window.injected=4}}",
];

/// `None` where a tool is missing, which has been said.
fn driver(mode: &str, base: &str, profile: &Path) -> Option<Child> {
    let mut node = packages::node()?;
    let looked = Command::new("chromium").arg("--version").output();
    looked.map_err(|why| skipped::without_tool("chromium", &why)).ok()?;
    let chromium = std::env::var("PATH").unwrap_or_default();
    let chromium =
        std::env::split_paths(&chromium).map(|place| place.join("chromium")).find(|path| path.exists());
    node.env("CHROMIUM", chromium.unwrap_or_else(|| "chromium".into()));
    node.arg(packages::script("tools/status_page.mjs")).args([mode, base]).arg(profile);
    Some(node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node has been run before"))
}

/// A feed of which the second half is sent when the test lets it.
async fn halting(body: String) -> (String, Arc<Semaphore>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/feed.json", listener.local_addr().unwrap());
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let (first, rest) = body.split_at(body.len() / 2);
            let start = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(start.as_bytes()).await.unwrap();
            stream.write_all(first.as_bytes()).await.unwrap();
            let _passed = held.acquire().await.unwrap();
            let _ = stream.write_all(rest.as_bytes()).await;
        }
    });
    (url, gate)
}

fn document(at: Micros, ids: std::ops::Range<usize>) -> String {
    let assets: Vec<_> =
        ids.map(|n| json!({ "id": format!("asset/{n}"), "name": format!("Number {n}") })).collect();
    json!({ "generated_at": time::format(at), "assets": assets }).to_string()
}

struct Scene {
    house: House,
    gate: Arc<Semaphore>,
    _server: FeedServer,
}

impl Scene {
    /// Three partners with a plan each, one whose feed fails, one that pushes what it should not, one whose file
    /// is still on its way.
    async fn set(directory: &Path) -> Scene {
        let server = FeedServer::start().await;
        let now = Clock::system().now();
        let (slow, gate) = halting(document(now, 0..3000)).await;
        let with_feed = |name: &str| {
            let mut feed = feed(&server.url(&format!("/{name}")));
            feed.retries.clear();
            partner(name).with_feed(feed)
        };
        let mut halted = feed(&slow);
        halted.idle_timeout = Duration::from_secs(300);
        let partners: Vec<PartnerSettings> = vec![
            with_feed("acme"),
            with_feed("bolt"),
            with_feed("crest"),
            partner("dune"),
            with_feed("echo"),
            partner("slow").with_feed(halted),
        ];
        for name in ["acme", "bolt", "echo"] {
            server.put(&format!("/{name}"), Served::json(document(now.plus(-2 * Micros::HOUR), 0..100)));
        }
        let house = House::start_in(directory.to_owned(), partners, Clock::system()).await;
        for name in ["acme", "bolt", "echo"] {
            house.run_report(name, 1).await;
            server.put(&format!("/{name}"), Served::json(document(now.plus(-Micros::HOUR), 0..60)));
            wait_for(format!("a plan of {name}"), async || {
                house.fetch_now(name);
                let plans =
                    answer(house.admin(Method::GET, &format!("/admin/partners/{name}/plans"))).await.1;
                (plans["items"][0]["state"] == "held").then_some(())
            })
            .await;
        }
        house.run_report("crest", 1).await;
        let bad = json!({ "id": MARKUP[0], "name": MARKUP[1], "status": MARKUP[2] });
        house.post("dune", "/api/assets", &bad).await;
        Scene { house, gate, _server: server }
    }

    /// Pushes of `acme`, more of them each time, until the daemon is gone.
    fn push_on(&self) {
        let push = self.house.call("acme", Method::POST, "/api/prices");
        tokio::spawn(async move {
            for n in 1_u64.. {
                let prices: Vec<_> = (0..1 + n % 7)
                    .map(|place| json!({ "id": format!("asset/{place}"), "amount": n.to_string() }))
                    .collect();
                let push = push.try_clone().expect("it has no body yet");
                if json(push, &json!(prices)).send().await.is_err() {
                    return;
                }
                // the pace of the pushes, not something that is waited for
                sleep(Duration::from_millis(20)).await;
            }
        });
    }
}

/// Plays the script's part to its end: does what it asks for, and gives all that it has said, in one object.
async fn played(mut child: Child, mut act: impl AsyncFnMut(&str) -> String) -> Value {
    let (mut to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (lines, mut told) = tokio::sync::mpsc::channel(8);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    let mut said = serde_json::Map::new();
    while let Some(line) = told.recv().await {
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        if let Some(what) = line["please"].as_str() {
            let done = act(what).await;
            writeln!(to, "{done}").unwrap();
        }
        said.extend(line.as_object().unwrap().clone());
    }
    tokio::task::spawn_blocking(move || child.wait()).await.unwrap().unwrap();
    assert_eq!(said["faults"], json!([]), "{said:#?}");
    Value::Object(said)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// What stands in the daemon once the operator has decided.
#[derive(Default)]
struct Decided {
    approved: Value,
    rejected: Value,
    assets: Value,
}

impl Decided {
    async fn at(house: &House) -> Decided {
        let plan = async |name: &str| {
            let plans = answer(house.admin(Method::GET, &format!("/admin/partners/{name}/plans"))).await.1;
            plans["items"][0].clone()
        };
        let assets = json!(house.catalogue("dune").await);
        Decided { approved: plan("acme").await, rejected: plan("bolt").await, assets }
    }

    fn judge(&self, said: &Value) {
        let of = |plan: &Value| (plan["state"].clone(), plan["reason"].clone());
        assert!(text(&said["approved"]).contains("40 deleted"), "{said}");
        assert_eq!(of(&self.approved), (json!("approved"), json!("the partner has sold them")));
        assert_eq!(of(&self.rejected), (json!("rejected"), json!("a broken export")));
        assert_eq!(said["focus_came_back_to"], "Reject plan 1 of bolt");

        assert!(text(&said["shown"]).contains(MARKUP[0]), "markup is shown as text: {}", said["shown"]);
        assert_eq!(
            (&said["made"], &said["injected"]),
            (&json!(0), &Value::Null),
            "no text became an element"
        );
        assert!(text(&said["kept"]).contains(r#""status":"active""#), "what is typed survives each update");
        let name = &self.assets[MARKUP[0]]["name"];
        assert_eq!(name, MARKUP[1], "released as it was mended: {}", self.assets);
    }
}

/// One of each view, with what is hard to show in it.
async fn addresses(house: &House) -> Value {
    let mut bad = json!({ "id": MARKUP[0], "name": MARKUP[1], "status": MARKUP[2] });
    house.post("dune", "/api/assets", &bad).await;
    bad["id"] = json!("x".repeat(200));
    house.post("dune", "/api/assets", &bad).await;
    let rows = answer(house.admin(Method::GET, "/admin/partners/dune/quarantine")).await.1;
    let row = format!("#/partners/dune/quarantine/{}", rows["items"][0]["row"]);
    json!([
        "#/",
        "#/acts",
        "#/partners/echo",
        "#/partners/echo/plans/1",
        "#/partners/crest",
        "#/partners/crest/runs/1",
        "#/partners/slow/runs/1",
        "#/partners/dune",
        "#/partners/dune/quarantine",
        row,
        "#/partners/none",
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u06_u19_an_operator_sees_decides_and_mends_in_a_browser_and_no_view_has_a_fault() {
    let directory = TempDir::new().unwrap();
    let scene = Scene::set(&directory.path().join("store")).await;
    let base = format!("http://{}", scene.house.daemon().admin_address());
    let Some(child) = driver("all", &base, &directory.path().join("profile")) else {
        return scene.house.stop().await;
    };
    scene.push_on();
    let Scene { house, gate, .. } = scene;
    let mut house = Some(house);
    let mut decided = Decided::default();
    let said = played(child, async |what| match what {
        "send the rest of the file" => {
            gate.add_permits(10);
            "done".to_owned()
        }
        "say which views there are" => {
            let house = house.as_ref().unwrap();
            decided = Decided::at(house).await;
            addresses(house).await.to_string()
        }
        "stop the daemon" => {
            house.take().unwrap().stop().await;
            "done".to_owned()
        }
        other => panic!("nobody knows how to {other}"),
    })
    .await;

    assert_ne!(said["rates"][0], said["rates"][1], "{said}");
    for (row, words) in
        [("acme", "1 plan waits"), ("acme", "40 deletes"), ("acme", "every 24 h"), ("crest", "feed fails")]
    {
        assert!(text(&said[row]).contains(words), "{row}: {words}: {}", said[row]);
    }
    assert_eq!(
        said["order"],
        json!(["crest", "acme", "bolt", "echo", "dune", "slow"]),
        "those with trouble first"
    );
    assert_eq!(said["with_plans"], json!(["acme", "bolt", "echo"]));

    decided.judge(&said);
    let trail: Vec<_> = said["acts"].as_array().unwrap().iter().map(text).collect();
    for (place, words) in [
        (0, ["released", "dune", "a slip of the pen"]),
        (2, ["rejected plan 1 of bolt", "done", "a broken export"]),
        (3, ["approved plan 1 of acme", "done", "the partner has sold them"]),
    ] {
        assert!(words.iter().all(|word| trail[place].contains(word)), "{place}: {trail:#?}");
    }
    assert!(text(&said["ended"]).contains("3,000"), "{}", said["ended"]);
    assert_eq!(said["looked"], 2 * 3 * 11);
    assert_eq!((&said["before"], &said["violations"]), (&said["after"], &json!([])), "the last figures stay");
    assert!(text(&said["title"]).starts_with("No answer"), "{}", said["title"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d11_the_page_asks_for_the_token_and_shows_nothing_without_it() {
    let directory = TempDir::new().unwrap();
    let store = directory.path().join("store");
    let house = House::start_as(store, Clock::system(), |settings| {
        settings.partners = vec![partner("acme")];
        settings.server.admin_token = Some(KeyHash::of("root-token"));
    })
    .await;
    let base = format!("http://{}", house.daemon().admin_address());
    if let Some(child) = driver("token", &base, &directory.path().join("profile")) {
        let said = played(child, async |what| panic!("nobody knows how to {what}")).await;
        assert!(text(&said["state"]).contains("ready"), "{said}");
        assert_eq!(said["violations"], json!([]));
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u17_a_reload_that_is_refused_stands_above_all_else_until_the_configuration_is_mended() {
    let directory = TempDir::new().unwrap();
    let place = directory.path().join("config");
    configure(&place, "acme");
    let program = Program::start(&place).await;
    let reload = || async {
        let asked = reqwest::Client::builder().no_proxy().build().unwrap();
        asked.post(program.admin_url("/admin/reload")).send().await.unwrap().status()
    };
    let bolt = place.join("partners/bolt.toml");
    std::fs::write(&bolt, format!("currency = '{}'\n", MARKUP[0])).unwrap();
    assert_eq!(reload().await, StatusCode::UNPROCESSABLE_ENTITY);
    let base = program.admin_url("");
    if let Some(child) = driver("faulty", &base, &directory.path().join("profile")) {
        let said = played(child, async |what| {
            if what == "mend the configuration" {
                configure(&place, "bolt");
                assert_eq!(reload().await, StatusCode::OK);
            } else {
                assert_eq!(what, "ask for what cannot be taken over");
                let sandbox = format!("sandbox = true\nkeys = ['{}']\n", KeyHash::of("of-a-sandbox"));
                std::fs::write(&bolt, sandbox).unwrap();
                assert_eq!(reload().await, StatusCode::UNPROCESSABLE_ENTITY);
            }
            "done".to_owned()
        })
        .await;
        for words in ["the one before is in force", "bolt.toml, line 1: currency", MARKUP[0]] {
            assert!(text(&said["faulty"]).contains(words), "{words}: {}", said["faulty"]);
        }
        assert!(
            text(&said["mended"]).contains("1 partner added, 0 changed, 0 removed"),
            "{}",
            said["mended"]
        );
        assert_eq!((&said["violations"], &said["injected"]), (&json!([]), &Value::Null));
        let refused = text(&said["refused"]);
        for words in [
            "the one before is in force",
            "partner bolt was not a sandbox",
            "refused, nothing was taken over",
        ] {
            assert!(refused.contains(words), "{words}: {refused}");
        }
        assert!(!refused.contains("0 faults"), "{refused}");
        assert_eq!(said["refused_violations"], json!([]));
        let in_part = text(&said["in_part"]);
        assert!(in_part.contains("partner bolt cannot be started"), "{in_part}");
        assert!(!in_part.contains("The configuration was not taken over"), "{in_part}");
    }
    program.kill();
}
