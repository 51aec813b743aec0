//! The verbs that ask a running daemon, as they are run: it is found by the configuration, and what it says is
//! printed for people or for programs.

use crate::support::house::key;
use crate::support::program::{BINARY, Program, configure};
use crate::support::skipped;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;
use tidegate::config::KeyHash;

pub fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(arguments).arg("--config").arg(directory).env_remove("TIDEGATE_ADMIN_TOKEN");
    command.stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

/// A configuration of one partner and one operator, whose admin listener has a port of its own.
pub fn configured() -> TempDir {
    let directory = TempDir::new().unwrap();
    configure(directory.path(), "acme");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let main = directory.path().join("tidegate.toml");
    let text = std::fs::read_to_string(&main).unwrap();
    let text = text.replace("admin_listen = '127.0.0.1:0'", &format!("admin_listen = '{free}'"));
    let operator = format!("[[operators]]\nname = 'anna'\nkeys = ['{}']\n", KeyHash::of("hers"));
    std::fs::write(main, text + &operator).unwrap();
    directory
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_is_found_by_its_configuration_and_asked_with_the_token_beside_it() {
    let directory = configured();
    let directory = directory.path();
    let program = Program::start(directory).await;
    let refused = run(directory, &["status", "--once"]);
    assert!(refused.status.code() == Some(1) && said(&refused).contains("401"), "{}", said(&refused));
    std::fs::write(directory.join("admin.token"), "hers\n").unwrap();

    let status = run(directory, &["status"]);
    let text = said(&status);
    assert!(status.status.success() && text.contains("  ready  up "), "{text}");
    assert!(text.lines().any(|line| line.starts_with("acme") && line.contains("up")), "{text}");
    assert!(!text.contains('\x1b'), "no colours and no cleared screen where nobody sees them: {text:?}");
    assert_eq!(json(&run(directory, &["status", "--json"]))["partners"][0]["name"], "acme");
    let listed = run(directory, &["partner", "list"]);
    assert!(said(&listed).starts_with("partner  state  feed"), "{}", said(&listed));
    let shown = run(directory, &["partner", "show", "acme"]);
    assert!(said(&shown).starts_with("acme  up\n"), "{}", said(&shown));
    assert_eq!(json(&run(directory, &["partner", "show", "acme", "--json"]))["quarantine_rows"], 0);
    assert_eq!(run(directory, &["partner", "show", "nobody"]).status.code(), Some(1));

    let beta = directory.join("partners/beta.toml");
    std::fs::write(&beta, format!("keys = ['{}']\n", KeyHash::of(&key("beta")))).unwrap();
    let reload = run(directory, &["reload", "--reason", "they are new"]);
    assert_eq!((reload.status.code(), &*said(&reload)), (Some(0), "+ 1 partners added: beta\n"));
    assert_eq!(said(&run(directory, &["reload"])), "nothing has changed\n");
    std::fs::write(&beta, "keys = []\ncurrency = 'eur'\n").unwrap();
    let faulty = run(directory, &["reload"]);
    let text = said(&faulty);
    assert_eq!(faulty.status.code(), Some(78), "{text}");
    assert!(
        text.contains("beta.toml:2: currency = 'eur': ") && text.contains("nothing has been taken over"),
        "{text}"
    );
    let trail = json(&run(directory, &["audit", "--who", "anna", "--act", "reload", "--json"]));
    let reasons: Vec<_> =
        trail["items"].as_array().unwrap().iter().map(|act| act["reason"].as_str()).collect();
    assert_eq!(reasons, [None, None, Some("they are new")]);

    let asked = run(directory, &["partner", "purge", "acme"]);
    let text = said(&asked);
    assert!(asked.status.code() == Some(1) && text.contains("Say --yes"), "{text}");
    assert!(text.contains("acme has 0 living assets and 0 deleted ones"), "{text}");
    assert!(program.terminate().await.success());
    let gone = run(directory, &["status"]);
    assert!(gone.status.code() == Some(1) && said(&gone).contains("does not answer at http://127.0.0.1:"));
}

#[test]
fn completions_are_a_script_that_the_shell_can_read() {
    let output = Command::new(BINARY).args(["completions", "bash"]).output().unwrap();
    let script = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && script.contains("quarantine") && script.contains("--admin"));
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("completions");
    std::fs::write(&file, script).unwrap();
    let read = match Command::new("bash").arg("-n").arg(&file).status() {
        Ok(read) => read,
        Err(error) => return skipped::without_tool("bash", &error),
    };
    assert!(read.success());
}
