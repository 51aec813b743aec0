//! Secrets are planted wherever there may be one, and used, and used wrongly: none of them is found in anything that
//! the program writes, at any level of its log.

use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{json, key, wait_for};
use crate::support::program::{BINARY, configure};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json as value};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use tidegate::config::KeyHash;
use tokio::task::spawn_blocking;

/// Each is a word of its own, so that one that is found says where it came from.
const ADMIN: &str = "canary-admin-5d1f";
const WRONG: &str = "canary-wrong-77ab";
const FEED: &str = "canary-feed-password-31c9";
const URL: &str = "canary-in-the-address-90fe";
const HOOK: &str = "canary-hook-4e02";
const SIGNING: &str = "whsec_Y2FuYXJ5LXNpZ25pbmctc2VjcmV0LWZvci10ZXN0cy0xMjM0";
const ENVIRONMENT: &str = "canary-environment-b801";

struct Noisy {
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Drop for Noisy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Noisy {
    fn start(directory: &Path) -> Noisy {
        let mut command = Command::new(BINARY);
        command.args(["--log", "json", "serve", "--config"]).arg(directory);
        command.env("RUST_LOG", "trace").env("CANARY_TOKEN", ENVIRONMENT).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (lines, log) =
            (BufReader::new(child.stderr.take().unwrap()), Arc::new(Mutex::new(String::new())));
        let kept = log.clone();
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut log = kept.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Noisy { child, log }
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Where partners and operators call.
    async fn addresses(&self) -> (String, String) {
        wait_for("the daemon", async || {
            let log = self.log();
            let line = log.lines().find(|line| line.contains("daemon ready"))?;
            let event: Value = serde_json::from_str(line).ok()?;
            let address = |name: &str| Some(format!("http://{}", event[name].as_str()?));
            Some((address("partners")?, address("admin")?))
        })
        .await
    }
}

fn plant(directory: &Path, feed: &FeedServer) {
    configure(directory, "acme");
    let path = directory.join("tidegate.toml");
    let main = fs::read_to_string(&path).unwrap();
    let token = format!("[server]\nadmin_token = '{}'\n", KeyHash::of(ADMIN));
    fs::write(&path, main.replacen("[server]\n", &token, 1)).unwrap();
    fs::create_dir(directory.join("secrets")).unwrap();
    for (name, secret) in [("feed", FEED), ("hook", HOOK), ("signing", SIGNING)] {
        fs::write(directory.join("secrets").join(name), secret).unwrap();
    }
    let path = directory.join("partners/acme.toml");
    let mut text = fs::read_to_string(&path).unwrap();
    let url = feed.url(&format!("/a.json?token={URL}"));
    text += &format!(
        "[feed]\nurl = '{url}'\nallow_private = true\nevery = '24h'\n\
         [feed.credentials]\nbasic = {{ user = 'tidegate', password = {{ file = 'secrets/feed' }} }}\n\
         [[signing]]\nsecret = {{ file = 'secrets/signing' }}\n\
         [[hooks]]\nname = 'shop'\npreset = 'shopify'\nauth = {{ secret = {{ file = 'secrets/hook' }} }}\n"
    );
    fs::write(&path, text).unwrap();
    let other = format!(
        "[feed]\nurl = '{}'\nallow_private = true\n[feed.credentials]\nbearer = {{ token = {{ env = 'CANARY_TOKEN' }} }}\n",
        feed.url(&format!("/missing.json?key={URL}"))
    );
    fs::write(directory.join("partners/zeta.toml"), other).unwrap();
}

/// All that was answered.
struct Said {
    client: Client,
    text: String,
}

impl Said {
    async fn note(&mut self, request: RequestBuilder) -> StatusCode {
        let response = request.send().await.unwrap();
        let status = response.status();
        for (name, text) in response.headers() {
            self.text += &format!("{name}: {}\n", String::from_utf8_lossy(text.as_bytes()));
        }
        self.text += &String::from_utf8_lossy(&response.bytes().await.unwrap());
        status
    }

    /// Secrets that open what they should.
    async fn use_rightly(&mut self, partners: &str, admin: &str) {
        let put = self.client.put(format!("{partners}/api/assets/a")).bearer_auth(key("acme"));
        assert_eq!(self.note(json(put, &value!({"name": "n"}))).await, StatusCode::CREATED);
        let me = self.client.get(format!("{partners}/api/me")).bearer_auth(key("acme"));
        assert_eq!(self.note(me).await, StatusCode::OK);
        for path in [
            "/metrics",
            "/admin/status",
            "/admin/partners",
            "/admin/audit",
            "/admin/partners/acme/feed/runs",
            "/admin/partners/zeta/feed",
            "/admin/partners/zeta/feed/runs",
        ] {
            let status = self.note(self.client.get(format!("{admin}{path}")).bearer_auth(ADMIN)).await;
            assert!(status.is_success(), "{path}: {status}");
        }
    }

    /// Secrets in each place that takes one, where they open nothing.
    async fn use_wrongly(&mut self, partners: &str, admin: &str) {
        let paths =
            ["/metrics", "/admin/status", "/admin/backup"].map(|path| (format!("{admin}{path}"), WRONG));
        let me = format!("{partners}/api/me");
        for (url, secret) in paths.into_iter().chain([(me.clone(), WRONG), (me, ADMIN)]) {
            let status = self.note(self.client.get(&url).bearer_auth(secret)).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{url}");
        }
        let hook = self.client.post(format!("{partners}/api/partners/acme/hooks/shop"));
        let hook = json(hook.header("x-shopify-hmac-sha256", WRONG), &value!({"id": 1}));
        assert!(self.note(hook).await.is_client_error());
        let signed = self.client.post(format!("{partners}/api/partners/acme/assets"));
        let signed = signed.header("webhook-id", "1").header("webhook-timestamp", "1");
        let signed = json(signed.header("webhook-signature", WRONG), &value!({"id": "x"}));
        assert!(self.note(signed).await.is_client_error());
    }

    /// What verbs of the shell say.
    async fn run(&mut self, directory: &Path, verb: &str, more: &[&str]) {
        let mut command = Command::new(BINARY);
        command.args([verb, "--config"]).arg(directory).args(more).env("CANARY_TOKEN", ENVIRONMENT);
        command.env("RUST_LOG", "trace").env("TIDEGATE_ADMIN_TOKEN", ADMIN);
        let output = spawn_blocking(move || command.output().unwrap()).await.unwrap();
        self.text += &String::from_utf8_lossy(&[output.stdout, output.stderr].concat());
    }

    fn holds_no_secret(&self) {
        for (name, secret) in [
            ("the admin token", ADMIN),
            ("a wrong key", WRONG),
            ("the feed's password", FEED),
            ("a secret in the feed's address", URL),
            ("the hook's secret", HOOK),
            ("the signing secret", SIGNING),
            ("a token of the environment", ENVIRONMENT),
            ("the partner's key", key("acme").as_str()),
        ] {
            let found = self.text.lines().find(|line| line.contains(secret));
            assert!(found.is_none(), "{name} is told: {}", found.unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_that_was_planted_stands_in_log_metrics_answers_or_errors() {
    let directory = tempfile::tempdir().unwrap();
    let feed = FeedServer::start().await;
    for path in [format!("/a.json?token={URL}"), "/a.json".into()] {
        feed.put(&path, Served::json(r#"[{"id": "from-the-feed", "name": "n"}]"#));
    }
    plant(directory.path(), &feed);
    let daemon = Noisy::start(directory.path());
    let (partners, admin) = daemon.addresses().await;
    let mut said = Said { client: Client::builder().no_proxy().build().unwrap(), text: String::new() };
    wait_for("both feeds to be fetched", async || {
        let metrics = said.client.get(format!("{admin}/metrics")).bearer_auth(ADMIN).send().await.ok()?;
        let text = metrics.text().await.ok()?;
        let runs = |partner: &str| {
            let of = format!("tidegate_feed_runs_total{{partner=\"{partner}\"");
            text.lines().any(|line| line.starts_with(&of) && !line.ends_with(" 0"))
        };
        (runs("acme") && runs("zeta")).then_some(())
    })
    .await;
    said.use_rightly(&partners, &admin).await;
    said.use_wrongly(&partners, &admin).await;
    said.run(directory.path(), "check", &[]).await;
    said.run(directory.path(), "doctor", &["--admin", &admin]).await;
    // a reload that fails says what is wrong, and not what is there
    fs::write(directory.path().join("secrets/signing"), WRONG).unwrap();
    let hang_up = format!("kill -HUP {}", daemon.child.id());
    assert!(Command::new("sh").args(["-c", &hang_up]).status().unwrap().success());
    wait_for("the reload", async || daemon.log().contains("not taken over").then_some(())).await;
    said.text += &daemon.log();
    assert!(
        said.text.contains("TRACE") && said.text.contains("tidegate_feed_runs_total"),
        "there is much to search"
    );
    said.holds_no_secret();
}
