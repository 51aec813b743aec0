//! `GET /api/changes` of the running program, followed by clients of npm, PyPI and Rust and by a browser: through a
//! hundred cuts, two `kill -9`, and an older copy that is put back, each gets every change once, and comes to what the
//! export says.

use super::browser::Portal;
use super::relay::Relay;
use crate::support::house::{PATIENCE, key, wait_for};
use crate::support::packages;
use crate::support::program::{Program, configure};
use eventsource_client::{Client as _, ClientBuilder, ReconnectOptions, SSE};
use futures_util::StreamExt;
use launchdarkly_sdk_transport::HyperTransport;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A member of the assets that are pushed, as it is written.
pub(super) const SUPPLY: &str = "100000000000000000000000.10";
const CUTS: usize = 100;
const SEED: u64 = 9;
const OWN_EVENTS: [&str; 3] = ["progress", "reset", "end"];

/// A library that follows, in a process of its own.
pub(super) struct Follower {
    library: &'static str,
    /// None where it runs in this process.
    child: Option<Child>,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Follower {
    /// A program that fills `events` by other means than its output.
    pub(super) fn of_child(library: &'static str, child: Child, events: Arc<Mutex<Vec<Value>>>) -> Follower {
        Follower { library, child: Some(child), events }
    }

    /// The crate, in a task of its own.
    fn of_crate(url: &str) -> Follower {
        let transport = HyperTransport::builder().build_http().unwrap();
        let builder = ClientBuilder::for_url(url).unwrap();
        let builder = builder.header("Authorization", &format!("Bearer {}", key("acme"))).unwrap();
        let delay = Duration::from_millis(200);
        let again =
            ReconnectOptions::reconnect(true).retry_initial(true).delay(delay).delay_max(delay).build();
        let client = builder.reconnect(again).build_with_transport(transport);
        let events = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&events);
        tokio::spawn(async move {
            let mut stream = client.stream();
            while let Some(next) = stream.next().await {
                // an error is a connection that broke: it comes back by itself
                let Ok(SSE::Event(event)) = next else { continue };
                let body: Value = serde_json::from_str(&event.data).expect("JSON");
                let event = json!({"event": event.event_type, "id": event.id, "data": body});
                told.lock().unwrap().push(event);
            }
        });
        Follower { library: "eventsource-client of Rust", child: None, events }
    }

    fn start(library: &'static str, url: &str, mut program: Command) -> Follower {
        let mut child = program.args([library, url, &key("acme")]).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let events = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&events);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                told.lock().unwrap().push(serde_json::from_str(&line).expect("a line of JSON"));
            }
        });
        Follower { library, child: Some(child), events }
    }

    /// What has come since the stream began, or, where it was told that changes are missing, since then.
    fn changes(&self) -> Vec<Value> {
        let events = self.events.lock().unwrap();
        let from = events.iter().rposition(|event| event["event"] == "reset").map_or(0, |place| place + 1);
        let changes = events[from..].iter().filter(|e| !OWN_EVENTS.contains(&e["event"].as_str().unwrap()));
        changes.map(|event| event["data"].clone()).collect()
    }

    fn resets(&self) -> Vec<Value> {
        let events = self.events.lock().unwrap();
        events.iter().filter(|event| event["event"] == "reset").cloned().collect()
    }

    /// Each change that there is has come, once, in order, and folded by id they are the catalogue.
    async fn judge(&self, house: &House, since: &str, mut copy: BTreeMap<String, Value>) {
        let pages = house.changes(since).await;
        let wanted: Vec<&Value> = pages.iter().map(|change| &change["cursor"]).collect();
        let library = self.library;
        wait_for(&format!("{library} to come to the end"), async || {
            let changes = self.changes();
            let last = changes.last().map(|change| &change["cursor"]);
            (last == wanted.last().copied()).then_some(())
        })
        .await;
        let changes = self.changes();
        let found: Vec<&Value> = changes.iter().map(|change| &change["cursor"]).collect();
        // no more than the places where they part is of use
        let parts = found.iter().zip(&wanted).position(|(found, wanted)| found != wanted);
        assert!(found == wanted, "{library}: {} of {} came, part at {parts:?}", found.len(), wanted.len());
        for change in &changes {
            let id = change["id"].as_str().unwrap().to_owned();
            match &change["asset"] {
                Value::Null => drop(copy.remove(&id)),
                asset => drop(copy.insert(id, settled(asset))),
            }
        }
        assert_eq!(copy, house.export().await.1, "{library}");
    }
}

/// An asset without what a later change of another member, or waiting alone, changes.
pub(super) fn settled(asset: &Value) -> Value {
    let mut asset = asset.clone();
    if let Some(price) = asset.get_mut("price").and_then(Value::as_object_mut) {
        price.remove("age_seconds");
        price.remove("state");
    }
    asset
}

/// The program, the way to it that can be cut, and what is pushed.
pub(super) struct House {
    program: Option<Program>,
    pub(super) relay: Relay,
    client: Client,
    pushed: u32,
}

impl House {
    pub(super) async fn start(directory: &Path) -> House {
        House::start_with(directory, |_| ()).await
    }

    /// With a configuration that the test adds to.
    pub(super) async fn start_with(directory: &Path, add: impl FnOnce(&Path)) -> House {
        configure(directory, "acme");
        add(directory);
        let program = Program::start(directory).await;
        let relay = Relay::start(program.address).await;
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        House { program: Some(program), relay, client, pushed: 0 }
    }

    pub(super) fn stop(mut self) {
        self.program.take().expect("it runs").kill();
    }

    pub(super) fn program(&self) -> &Program {
        self.program.as_ref().expect("it runs")
    }

    /// `kill -9`, and a start on what `happens` to the store meanwhile.
    pub(super) async fn restart_over(&mut self, directory: &Path, happens: impl FnOnce(&Path)) {
        self.program.take().expect("it runs").kill();
        happens(&directory.join("store"));
        let program = Program::start(directory).await;
        self.relay.lead_to(program.address);
        self.program = Some(program);
    }

    /// Assets with names beyond ASCII, prices, and every so often a delete.
    pub(super) async fn push(&mut self, times: u32) {
        for n in self.pushed..self.pushed + times {
            let path = format!("/api/assets/{}", n % 37);
            let (method, body) = match n % 5 {
                4 => (Method::DELETE, None),
                3 => (Method::PATCH, Some(json!({"n": n}).to_string())),
                _ => {
                    let price = json!({"amount": (n + 1).to_string(), "currency": "EUR"});
                    let text = format!("\u{2028}\u{85}{n}");
                    let asset = json!({"name": "café 中", "text": text, "price": price, "supply": 0});
                    // a number that no float holds
                    let supply = format!("\"supply\":{SUPPLY}");
                    (Method::PUT, Some(asset.to_string().replace("\"supply\":0", &supply)))
                }
            };
            let mut request = self.client.request(method, self.program().url(&path)).bearer_auth(key("acme"));
            if let Some(body) = body {
                request = request.header("content-type", "application/json").body(body);
            }
            let status = request.send().await.unwrap().status();
            // of an asset that has been deleted a member cannot be changed
            assert!(status.is_success() || [404, 410].contains(&status.as_u16()), "{status}");
        }
        self.pushed += times;
    }

    /// Pushes while connections break wherever chance has it, until so many have.
    pub(super) async fn push_through_a_storm(&mut self, cuts: usize) {
        eprintln!("the storm's seed is {SEED}");
        self.relay.storm(SEED, cuts);
        wait_for("the storm to be over", async || {
            self.push(10).await;
            (self.relay.cuts_left() == 0).then_some(())
        })
        .await;
        // what broke last comes back by itself
        self.relay.cut();
    }

    pub(super) async fn changes(&self, since: &str) -> Vec<Value> {
        let (mut cursor, mut found) = (since.to_owned(), Vec::new());
        loop {
            let path = format!("/api/changes?limit=1000&since={cursor}");
            let page = self.program().read(&self.client, "acme", &path).await;
            found.extend(page["items"].as_array().unwrap().iter().cloned());
            cursor = page["next_cursor"].as_str().unwrap().to_owned();
            if page["more"] == json!(false) {
                return found;
            }
        }
    }

    /// Its cursor, and the assets by id.
    pub(super) async fn export(&self) -> (String, BTreeMap<String, Value>) {
        self.export_as(&key("acme")).await
    }

    /// The same as the owner of this key sees it.
    pub(super) async fn export_as(&self, key: &str) -> (String, BTreeMap<String, Value>) {
        let request = self.client.get(self.program().url("/api/export")).bearer_auth(key);
        let text = request.send().await.unwrap().text().await.unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.last().unwrap()["type"], "end");
        let assets = lines.iter().filter(|line| line["type"] == "asset").map(|line| &line["asset"]);
        let by_id = assets.map(|asset| (asset["id"].as_str().unwrap().to_owned(), settled(asset)));
        (lines[0]["cursor"].as_str().unwrap().to_owned(), by_id.collect())
    }

    /// Cuts the followers off once they are all there.
    async fn cut(&self, followers: &[Follower]) {
        self.all_follow(followers).await;
        self.relay.cut();
    }

    async fn all_follow(&self, followers: &[Follower]) {
        wait_for("all to follow", async || (self.relay.open() >= followers.len()).then_some(())).await;
    }
}

pub(super) fn put_back(copy: &Path, store: &Path) {
    std::fs::remove_dir_all(store).unwrap();
    copy_files(store, copy);
}

pub(super) fn copy_files(to: &Path, from: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let entries = std::fs::read_dir(from).unwrap().map(Result::unwrap);
    for entry in entries.filter(|entry| entry.path().is_file()) {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// What all clients follow by: those whose tools are here.
fn all_followers(house: &House, since: &str, portal: Portal, place: &Path) -> Vec<Follower> {
    let url = house.relay.url(&format!("/api/changes?full=true&since={since}"));
    let mut followers = vec![Follower::of_crate(&url)];
    for library in ["eventsource", "eventsource-client"] {
        followers.extend(packages::node().map(|mut node| {
            node.arg(packages::script("tools/follow.mjs"));
            Follower::start(library, &url, node)
        }));
    }
    for library in ["httpx-sse", "sseclient-py", "aiosseclient"] {
        followers.extend(packages::python().map(|mut python| {
            python.arg(packages::script("tools/follow.py"));
            Follower::start(library, &url, python)
        }));
    }
    followers.extend(portal.follow(&house.relay.url(""), since, &place.join("profile")));
    followers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_and_a_browser_get_each_change_once_through_a_hundred_cuts_two_kills_and_an_older_store() {
    let directory = tempfile::tempdir().unwrap();
    let (place, copy) = (directory.path(), directory.path().join("copy"));
    let portal = Portal::bind().await;
    let origin = format!("[server]\ncors_origins = ['{}']\n", portal.origin);
    let mut house = House::start_with(place, |directory| {
        let file = directory.join("tidegate.toml");
        let text = std::fs::read_to_string(&file).unwrap().replacen("[server]\n", &origin, 1);
        std::fs::write(&file, text).unwrap();
    })
    .await;
    let (since, nothing) = house.export().await;
    let followers = all_followers(&house, &since, portal, place);
    house.all_follow(&followers).await;
    house.push_through_a_storm(CUTS).await;
    house.restart_over(place, |store| copy_files(&copy, store)).await;
    house.push(60).await;
    house.restart_over(place, |_| ()).await;
    house.push(60).await;
    for follower in &followers {
        follower.judge(&house, &since, nothing.clone()).await;
        assert_eq!(follower.resets(), [json!(null); 0], "{}", follower.library);
    }
    house.restart_over(place, |store| put_back(&copy, store)).await;
    for follower in &followers {
        let library = follower.library;
        wait_for(&format!("{library} to be told"), async || follower.resets().pop()).await;
    }
    // as its application would: the catalogue is read again, and from there it goes on
    let (since, copy) = house.export().await;
    house.push(60).await;
    house.cut(&followers).await;
    house.push(60).await;
    for follower in &followers {
        follower.judge(&house, &since, copy.clone()).await;
        assert_eq!(follower.resets().len(), 1, "{}", follower.library);
    }
    drop(followers);
    house.stop();
}
