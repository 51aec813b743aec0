//! Every verb with `--json`, as a program runs it: standard output is one document of JSON, and nothing else.

use crate::operate::verbs::configured;
use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{json as with_json, key};
use crate::support::program::{BINARY, Program};
use crate::support::stage::document;
use reqwest::Client;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use tidegate::clock::Clock;
use tidegate::config::KeyHash;
use tidegate::domain::Micros;

/// A server, a script, two that write lines of JSON whatever is asked, and two that have a test of their own.
const OTHERS: [&str; 6] = ["serve", "completions", "export", "changes", "demo", "load"];

/// What was run, and where.
struct Shell {
    directory: TempDir,
    ran: BTreeSet<String>,
}

impl Shell {
    /// The answer of a verb that finds its configuration here, and ends with this code.
    fn says(&mut self, code: i32, arguments: &[&str]) -> Value {
        let config = self.path("").to_str().unwrap().to_owned();
        self.runs(code, &[arguments, &["--config", &config]].concat())
    }

    fn runs(&mut self, code: i32, arguments: &[&str]) -> Value {
        self.ran.insert(verb_of(arguments));
        let mut command = Command::new(BINARY);
        command.args(arguments).arg("--json").stdin(Stdio::null());
        command.env_remove("TIDEGATE_ADMIN_TOKEN").env_remove("VISUAL").env("EDITOR", "sed -i s/odd/active/");
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let beside = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}{beside}");
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said}{beside}"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// The words of the verb that a command line begins with.
fn verb_of(arguments: &[&str]) -> String {
    let mut verb = tidegate::cli::command();
    let mut words = Vec::new();
    for word in arguments {
        let Some(next) = verb.find_subcommand(word).cloned() else { break };
        words.push(*word);
        verb = next;
    }
    words.join(" ")
}

fn verbs() -> BTreeSet<String> {
    let mut rest = vec![(String::new(), tidegate::cli::command())];
    let mut verbs = BTreeSet::new();
    while let Some((words, verb)) = rest.pop() {
        let below = verb.get_subcommands().map(|verb| (format!("{words} {}", verb.get_name()), verb.clone()));
        match verb.has_subcommands() {
            true => rest.extend(below),
            false => drop(verbs.insert(words.trim().to_owned())),
        }
    }
    verbs
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_answers_a_program_by_one_document_of_json() {
    let mut shell = Shell { directory: configured(), ran: BTreeSet::new() };
    let server = FeedServer::start().await;
    let now = Clock::system().now();
    let hours_ago = |hours: i64| Some(now.plus(-hours * Micros::HOUR));
    server.put("/acme", Served::json(document(hours_ago(3), 0..100)));
    let acme = shell.path("partners/acme.toml");
    let hook = "[[hooks]]\nname = 'cms'\npreset = 'directus'\nauth = { secret = { env = 'PATH' } }\n";
    let feed = format!("[feed]\nurl = '{}'\nallow_private = true\nretries = []\n", server.url("/acme"));
    let text = std::fs::read_to_string(&acme).unwrap();
    std::fs::write(&acme, format!("{text}{feed}{hook}")).unwrap();
    std::fs::write(shell.path("admin.token"), "hers\n").unwrap();
    keys_and_files(&mut shell);

    let program = Program::start(shell.directory.path()).await;
    shell.says(0, &["feed", "run", "acme", "--follow"]);
    with_a_daemon(&mut shell, &program, &server, hours_ago).await;
    assert!(program.terminate().await.success());
    let backup = shell.path("one.backup").to_str().unwrap().to_owned();
    let other = shell.path("other").to_str().unwrap().to_owned();
    assert_eq!(shell.says(0, &["restore", &backup, "--to", &other])["replaced"], Value::Null);
    assert_eq!(shell.says(0, &["verify", &other])["sound"], true);
    assert_eq!(shell.says(1, &["ready"])["ready"], false);
    let gone = shell.says(0, &["partner", "remove", "acme", "--purge", "--yes"]);
    assert_eq!((&gone["purged"], &gone["dead"]), (&json!(true), &json!(50)), "{gone}");

    let ran: BTreeSet<String> = shell.ran.into_iter().chain(OTHERS.map(str::to_owned)).collect();
    assert_eq!(ran, verbs(), "each verb was run");
}

/// Verbs that ask no daemon.
fn keys_and_files(shell: &mut Shell) {
    let sound = shell.says(0, &["check"]);
    assert_eq!(
        (&sound["sound"], &sound["partners"], &sound["partners_with_feed"]),
        (&json!(true), &json!(1), &json!(1))
    );
    let text = format!("keys = ['{}']\nnonsense = 1\n", KeyHash::of("of-broken"));
    let broken = shell.write("partners/broken.toml", &text);
    let faults = shell.says(78, &["check"]);
    assert_eq!((&faults["faults_count"], &faults["faults"][0]["key"]), (&json!(1), &json!("nonsense")));
    shell.says(78, &["verify"]);
    std::fs::remove_file(broken).unwrap();

    let added = shell.says(0, &["partner", "add", "beta"]);
    assert!(
        added["key"].as_str().unwrap().starts_with("tg_")
            && Path::new(added["file"].as_str().unwrap()).exists()
    );
    let made = shell.says(0, &["key", "add", "beta"]);
    let rotated = shell.says(0, &["key", "rotate", "beta"]);
    assert_eq!(rotated["older"], 2, "{rotated}");
    let listed = shell.says(0, &["key", "list", "beta"]);
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
    assert!(listed["items"].as_array().unwrap().iter().any(|item| item["id"] == made["id"]), "{listed}");
    shell.says(0, &["key", "revoke", "beta", made["id"].as_str().unwrap(), "--yes"]);
    let made = shell.says(0, &["secret", "add", "beta"]);
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"), "{made}");
    shell.says(0, &["secret", "rotate", "beta"]);
    assert_eq!(shell.says(0, &["secret", "list", "beta"])["items"][0]["id"], made["id"]);
    let revoked = shell.says(0, &["secret", "revoke", "beta", made["id"].as_str().unwrap(), "--yes"]);
    assert_eq!(revoked["secret_file_left"], Value::Null);

    let tried = |shell: &mut Shell, code: i32, body: &str| {
        let body = shell.write("body.json", body);
        shell.says(code, &["hook", "try", &body, "--partner", "acme", "--hook", "cms"])
    };
    let event =
        r#"{"event":"villas.items.update","keys":["a","undefined"],"payload":{"n":1.50,"note":null}}"#;
    let read = tried(shell, 1, event);
    assert_eq!(read["writes"][0]["members"], json!([{ "name": "n", "text": "1.50" }]), "{read}");
    assert_eq!(read["refused"][0]["code"], "id_placeholder");
    assert_eq!(tried(shell, 1, "{")["refused_whole"]["code"], "json_syntax");
    assert_eq!(tried(shell, 0, "webhook_id=12")["ping"], true);
    let export = shell.write("export.json", r#"{"assets":[{"id":"a","n":12345678901234567890.10}]}"#);
    assert!(shell.says(0, &["feed", "suggest", &export])["proposed"].is_string());
    assert_eq!(shell.says(0, &["feed", "preview", &export, "--partner", "acme"])["records"], 1);
}

/// Those that ask one. Its feed has been read once.
async fn with_a_daemon(
    shell: &mut Shell,
    program: &Program,
    server: &FeedServer,
    hours_ago: impl Fn(i64) -> Option<Micros>,
) {
    for (run, (left, decided)) in [(50, "approve"), (30, "reject")].into_iter().enumerate() {
        server.put("/acme", Served::json(document(hours_ago(2 - run as i64), 0..left)));
        let report = shell.says(0, &["feed", "run", "acme", "--follow"]);
        assert!(report["counts"]["held"].as_u64().is_some_and(|held| held > 0), "{report}");
        let plan = shell.says(0, &["plan", "list", "acme"])["items"][0]["id"].to_string();
        assert!(!shell.says(0, &["plan", "show", "acme", &plan])["ids"].as_array().unwrap().is_empty());
        let end = shell.says(0, &["plan", decided, "acme", &plan, "--yes"]);
        assert_eq!(end["deleted"], if decided == "approve" { 50 } else { 0 }, "{end}");
    }
    let client = Client::builder().no_proxy().build().unwrap();
    for id in ["x", "y", "z"] {
        let push = with_json(client.post(program.url("/api/assets")), &json!({ "id": id, "status": "odd" }));
        push.bearer_auth(key("acme")).send().await.unwrap();
    }
    let rows = shell.says(0, &["quarantine", "list", "acme"]);
    let row = |place: usize| rows["items"][place]["row"].to_string();
    assert_eq!(shell.says(0, &["quarantine", "show", "acme", &row(0)])["id"], "z");
    assert_eq!(shell.says(1, &["quarantine", "release", "acme", &row(0)])["released"], false);
    assert_eq!(shell.says(0, &["quarantine", "edit", "acme", &row(1)])["released"], true);
    assert_eq!(shell.says(0, &["quarantine", "drop", "acme", "--id", "x", "--yes"])["dropped"], 1);

    shell.says(0, &["feed", "pause", "acme", "--reason", "odd"]);
    assert_eq!(shell.says(0, &["partner", "pause", "acme"])["paused"]["reason"], Value::Null);
    assert_eq!(shell.says(0, &["partner", "show", "acme"])["partner"]["name"], "acme");
    shell.says(0, &["feed", "resume", "acme"]);
    assert_eq!(shell.says(0, &["partner", "resume", "acme"])["paused"], Value::Null);
    let runs = shell.says(0, &["feed", "runs", "acme"]);
    let run = |place: usize| runs["items"][place]["run"].to_string();
    let found = shell.says(0, &["feed", "diff", "acme", &run(2), &run(1)]);
    assert_eq!(found["removed"]["count"], 50, "{found}");
    assert_eq!(shell.says(0, &["feed", "rebuild", "acme", "--run", &run(0)])["status"], "applied");
    let replayed = shell.says(0, &["feed", "replay", "acme", &run(0)]);
    assert_eq!(replayed["status"], "applied", "{replayed}");

    assert_eq!(shell.says(0, &["status"])["ready"], true);
    assert_eq!(shell.says(0, &["ready"])["ready"], true);
    assert!(shell.says(0, &["doctor", "--no-feeds"])["checks"].is_array());
    assert_eq!(shell.says(0, &["partner", "list"])["items"].as_array().unwrap().len(), 2);
    assert_eq!(shell.says(0, &["partner", "remove", "beta"])["removed"], true);
    assert_eq!(shell.says(0, &["reload"])["partners"]["removed"]["count"], 1);
    assert_eq!(shell.says(0, &["partner", "purge", "beta", "--yes"])["purged"], true);
    assert!(!shell.says(0, &["audit"])["items"].as_array().unwrap().is_empty());
    let backup = shell.path("one.backup").to_str().unwrap().to_owned();
    assert!(shell.says(0, &["backup", &backup])["sequence"].is_number());
    let token = shell.write("acme.key", &key("acme"));
    let told = shell.runs(0, &["explain", "acme/a1", "--url", &program.url(""), "--token-file", &token]);
    assert_eq!(told["id"], "a1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demonstration_and_a_measurement_are_reported_as_json_as_well() {
    let mut shell = Shell { directory: configured(), ran: BTreeSet::new() };
    let program = Program::start(shell.directory.path()).await;
    let token = shell.write("acme.key", &key("acme"));
    let url = program.url("");
    let load =
        ["load", "--url", &url, "--key-file", &token, "--assets", "20", "--load-assets", "--pairs", "1"];
    let report = shell.runs(0, &[&load[..], &["--connections", "2", "--seconds", "0.2"]].concat());
    assert!(report["legs"].as_array().is_some_and(|legs| legs.len() == 2), "{report}");
    let report = shell.runs(0, &["demo", "--seconds", "1", "--admin-listen", "127.0.0.1:0"]);
    assert_eq!((&report["equal"], &report["life_before"]), (&json!(true), &Value::Null), "{report}");
    assert_eq!(report["partners"].as_array().unwrap().len(), 6);
    program.kill();
}
