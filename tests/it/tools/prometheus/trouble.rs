//! A daemon of which much is true at once that an operator has to know, and one that takes no writes.

use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{json as with_json, key, wait_for};
use crate::support::program::Program;
use crate::support::tls_server::Authority;
use reqwest::{Certificate, Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tidegate::clock::{self, Clock};
use tidegate::codec::time;
use tidegate::config::KeyHash;
use tidegate::domain::Micros;
use tokio::task::JoinHandle;

/// Those with keys, each of which may have one stream; in the order of their files, and the last have no series.
const FOLLOWERS: [&str; 4] = ["acme", "fund", "paused", "zeta"];
const OLD_KEY: &str = "a key that has ended";
const MAIN: &str = "[server]\nlisten = '127.0.0.1:0'\nadmin_listen = '127.0.0.1:0'\n\
    failed_calls_per_minute = 1000000000\nstreams_max = 4\nmetrics_partners_max = 4\n\
    [server.tls]\ncertificate = 'server.pem'\nkey = 'server.key'\n\
    [store]\ndirectory = 'store'\ndisk_free_bytes_min = '0B'\n\
    overlay_bytes_max = '1MiB'\ngroup_bytes_max = '1MiB'\n";

/// What keeps a situation as it is.
pub struct Trouble {
    pub program: Arc<Program>,
    client: Client,
    feeds: FeedServer,
    directory: TempDir,
    /// Streams that stay open.
    followers: Vec<Response>,
}

fn partner(directory: &Path, name: &str, text: &str) {
    let keys = format!("keys = ['{}']\ncurrency = 'EUR'\n", KeyHash::of(&key(name)));
    let keys = if text.contains("keys = ") { String::new() } else { keys };
    fs::write(directory.join(format!("partners/{name}.toml")), format!("{keys}{text}")).unwrap();
}

/// Says a moment so many seconds from now.
fn moment(seconds: i64) -> String {
    time::format(Clock::system().now().plus(seconds * Micros::SECOND))
}

/// Prices that were expected within a minute, and are a day old.
async fn leave_stale_prices(client: &Client, program: &Program) {
    let price = json!({"amount": "5", "currency": "EUR", "as_of": moment(-86_400)});
    let assets: Vec<_> =
        (0..20).map(|n| json!({"id": format!("s{n}"), "class": "market", "price": price})).collect();
    let url = format!("https://{}/api/assets", program.address);
    let reply = with_json(client.post(url).bearer_auth(key("acme")), &json!(assets)).send().await.unwrap();
    assert!(reply.status().is_success(), "{}", reply.status());
}

impl Trouble {
    /// Starts it with partners in trouble, the second time: its first look at prices finds stale ones.
    pub async fn start() -> Trouble {
        let directory = TempDir::new().unwrap();
        let place = directory.path();
        fs::create_dir(place.join("partners")).unwrap();
        fs::write(place.join("tidegate.toml"), MAIN).unwrap();
        let feeds = FeedServer::start().await;
        let fed = |name: &str| {
            let url = feeds.url(&format!("/{name}.json"));
            format!("[feed]\nurl = '{url}'\nevery = '1h'\nretries = []\nallow_private = true\n")
        };
        let acme = format!(
            "keys = ['{}', {{ hash = '{}', until = 2020-01-01T00:00:00Z }}]\ncurrency = 'EUR'\n\
             quarantine_max = 200\n[limits]\nprices_per_second = 1\nburst = '1s'\n",
            KeyHash::of(&key("acme")),
            KeyHash::of(OLD_KEY)
        );
        partner(place, "acme", &acme);
        partner(place, "fund", &fed("fund"));
        for name in ["failing", "paused", "zeta", "zulu"] {
            partner(place, name, &fed(name));
        }
        let records: Vec<_> = (0..100).map(|n| json!({"id": format!("f{n}"), "name": "n"})).collect();
        for name in ["fund", "paused"] {
            let document = json!({"generated_at": moment(-7_200), "assets": records});
            feeds.put(&format!("/{name}.json"), Served::json(document.to_string()));
        }
        let authority = Authority::new();
        let soon = moment(36 * 3_600);
        let numbers: Vec<_> = soon[..10].split('-').map(|part| part.parse().unwrap()).collect();
        let signed = authority.until("127.0.0.1", (numbers[0], numbers[1] as u8, numbers[2] as u8));
        fs::write(place.join("server.pem"), signed.chain).unwrap();
        fs::write(place.join("server.key"), signed.key).unwrap();
        let root = Certificate::from_pem(&fs::read(authority.roots(place)).unwrap()).unwrap();
        let client = Client::builder().no_proxy().tls_certs_only([root]).build().unwrap();
        let program = Program::start(place).await;
        leave_stale_prices(&client, &program).await;
        // prices are looked through at a start
        assert!(program.terminate().await.success());
        let program = Arc::new(Program::start(place).await);
        Trouble { program, client, feeds, directory, followers: Vec::new() }
    }

    fn call(&self, name: &str, path: &str, body: &Value) -> RequestBuilder {
        let url = format!("https://{}{path}", self.program.address);
        with_json(self.client.post(url).bearer_auth(key(name)), body)
    }

    /// A push that is answered with 2xx.
    async fn push(&self, name: &str, path: &str, body: &Value) {
        let reply = self.call(name, path, body).send().await.unwrap();
        let status = reply.status();
        assert!(status.is_success(), "{path} of {name}: {status} {}", reply.text().await.unwrap());
    }

    async fn operate(&self, path: &str) -> StatusCode {
        let plain = Client::builder().no_proxy().build().unwrap();
        let request = with_json(plain.post(self.program.admin_url(path)), &json!({"reason": "a test"}));
        request.send().await.unwrap().status()
    }

    /// A series of what the daemon publishes.
    async fn figure(&self, series: &str) -> Option<f64> {
        let plain = Client::builder().no_proxy().build().unwrap();
        let text = plain.get(self.program.admin_url("/metrics")).send().await.unwrap().text().await.unwrap();
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    async fn until(&self, series: &str, holds: impl Fn(f64) -> bool) {
        wait_for(series, async || self.figure(series).await.filter(|value| holds(*value))).await;
    }

    /// Brings about all that needs a moment: once Prometheus has seen how it was before.
    pub async fn come_about(&mut self) {
        self.until("tidegate_feed_failures_in_row{partner=\"failing\"}", |failures| failures >= 1.0).await;
        for failures in 2..=4 {
            assert!(self.operate("/admin/partners/failing/feed/run").await.is_success());
            let series = "tidegate_feed_failures_in_row{partner=\"failing\"}";
            self.until(series, |found| found >= f64::from(failures)).await;
        }
        assert!(self.operate("/admin/partners/paused/feed/pause").await.is_success());
        self.push_what_is_kept_aside().await;
        self.leave_gaps().await;
        self.fill_the_overlay().await;
        self.lose_pushes_and_assets().await;
        let backup = self.program.admin_url("/admin/backup");
        let plain = Client::builder().no_proxy().build().unwrap();
        plain.get(backup).send().await.unwrap().bytes().await.unwrap();
        self.follow().await;
        fs::write(self.directory.path().join("partners/zulu.toml"), "keys = [").unwrap();
        assert_eq!(self.operate("/admin/reload").await, StatusCode::UNPROCESSABLE_ENTITY);
    }

    /// Files of a certificate that cannot be read, one after the other.
    pub async fn spoil_the_certificate(&self, seconds: u64) {
        for n in 0..seconds / 3 {
            fs::write(self.directory.path().join("server.pem"), format!("no certificate {n}")).unwrap();
            clock::sleep(Duration::from_secs(3)).await;
        }
    }

    async fn push_what_is_kept_aside(&self) {
        for batch in [0..150, 150..250] {
            let future = moment(86_400);
            let early: Vec<_> =
                batch.map(|n| json!({"id": format!("q{n}"), "name": "n", "updated_at": future})).collect();
            let reply = self.call("acme", "/api/assets", &json!(early)).send().await.unwrap();
            assert!(reply.status().is_success(), "{}", reply.status());
        }
        let parked = json!({"id": "nobody", "amount": "1", "as_of": moment(-5)});
        let delivery = self.call("fund", "/api/prices", &parked).header("idempotency-key", "one");
        assert!(delivery.send().await.unwrap().status().is_success());
    }

    /// A gap that a late message closes, and more gaps than are remembered.
    async fn leave_gaps(&self) {
        let numbered = |stream: &str, number: u64| json!({"id": "f1", "amount": number.to_string(), "as_of": moment(-3), "stream": stream, "sequence": number});
        for number in [1, 3, 2] {
            self.push("fund", "/api/prices", &numbered("late", number)).await;
        }
        let many: Vec<_> = (1..=400).map(|n| numbered("many", 2 * n)).collect();
        self.push("fund", "/api/prices", &json!(many)).await;
    }

    /// More than waits for a checkpoint.
    async fn fill_the_overlay(&self) {
        for batch in 0..8 {
            let assets: Vec<_> =
                (0..50).map(|n| json!({"id": format!("o{batch}-{n}"), "note": "x".repeat(4_000)})).collect();
            wait_for("room in the overlay", async || {
                let reply = self.call("paused", "/api/assets", &json!(assets)).send().await.unwrap();
                reply.status().is_success().then_some(())
            })
            .await;
        }
    }

    /// A file that says what no push has said, and lacks half of the assets.
    async fn lose_pushes_and_assets(&self) {
        for n in 0..3 {
            let asset = json!({"id": format!("f{n}"), "name": "pushed", "updated_at": moment(-2)});
            self.push("fund", "/api/assets", &asset).await;
        }
        let records: Vec<_> = (0..50).map(|n| json!({"id": format!("f{n}"), "name": "changed"})).collect();
        let document = json!({"generated_at": moment(0), "assets": records});
        self.feeds.put("/fund.json", Served::json(document.to_string()));
        assert!(self.operate("/admin/partners/fund/feed/run").await.is_success());
        self.until("tidegate_plans_held{partner=\"fund\"}", |plans| plans == 1.0).await;
    }

    /// As many streams as may be, after some that were sent back for a cursor of another history.
    async fn follow(&mut self) {
        let open = async |name: &str, since: &str| {
            let url = format!("https://{}/api/changes?since={since}", self.program.address);
            let request = self.client.get(url).bearer_auth(key(name));
            let mut stream = request.header("accept", "text/event-stream").send().await.unwrap();
            stream.chunk().await.unwrap().expect("a first frame");
            stream
        };
        for _ in 0..6 {
            drop(open("fund", "00000000-1").await);
            self.until("tidegate_sse_streams", |streams| streams == 0.0).await;
        }
        let mut followers = Vec::new();
        for name in FOLLOWERS {
            followers.push(open(name, "now").await);
        }
        self.followers = followers;
        self.push("fund", "/api/assets", &json!({"id": "f1", "name": "followed"})).await;
    }

    /// Calls that go on being refused, until the task is ended.
    pub fn go_on(&self, closed: &Arc<Program>) -> JoinHandle<()> {
        let (program, closed, client) = (Arc::clone(&self.program), Arc::clone(closed), self.client.clone());
        let plain = Client::builder().no_proxy().build().unwrap();
        tokio::spawn(async move {
            let url = format!("https://{}/api/prices", program.address);
            let price = json!({"id": "s1", "amount": "1"});
            loop {
                for token in [&key("acme"), &key("acme"), OLD_KEY, "no key", "no key at all"] {
                    let _ = with_json(client.post(&url).bearer_auth(token), &price).send().await;
                }
                let read = client.get(format!("https://{}/api/assets/s1", program.address));
                let _ = read.bearer_auth(key("acme")).send().await;
                let asset = with_json(plain.post(closed.url("/api/assets")), &json!({"id": "a"}));
                let _ = asset.bearer_auth(key("acme")).send().await;
                clock::sleep(Duration::from_millis(250)).await;
            }
        })
    }
}

/// A daemon whose disk has less room than it asks for.
pub async fn closed(directory: &Path) -> Program {
    crate::support::program::configure(directory, "acme");
    let path = directory.join("tidegate.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("disk_free_bytes_min = '0B'", "disk_free_bytes_min = '1024GiB'")).unwrap();
    Program::start(directory).await
}
