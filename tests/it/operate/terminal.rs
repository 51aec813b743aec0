//! Verbs on a terminal, as somebody who sits there meets them: the picture of `status` that goes on until a key is
//! pressed, and a question that takes no and yes.

use crate::operate::verbs::{configured, json as json_of, run};
use crate::support::house::{json, key};
use crate::support::packages;
use crate::support::program::{BINARY, Program};
use crate::support::skipped;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use tidegate::config::KeyHash;

/// A verb that is run on a terminal of its own, with what is waited for and the keys that are pressed then; `None`
/// where no Python is there, which has been said.
async fn on_a_terminal(directory: &Path, verb: &[&str], steps: &[(&str, &str)]) -> Option<Value> {
    let config = directory.to_str().expect("a plain path");
    let command = [&[BINARY], verb, &["--config", config]].concat();
    let steps: Vec<Value> =
        steps.iter().map(|(until, press)| json!({ "until": until, "press": press })).collect();
    let asked = json!({ "command": command, "steps": steps, "size": [8, 120] }).to_string();
    let mut python = Command::new("python3");
    python.arg(packages::script("operate/terminal.py")).arg(asked).env_remove("TIDEGATE_ADMIN_TOKEN");
    python.env("NO_COLOR", "1");
    let output = match tokio::task::spawn_blocking(move || python.output()).await.unwrap() {
        Ok(output) => output,
        Err(error) => {
            skipped::without_tool("python3", &error);
            return None;
        }
    };
    let said = String::from_utf8_lossy(&output.stderr);
    Some(serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn status_draws_again_and_again_until_q_or_ctrl_c_and_leaves_the_terminal_as_it_was() {
    let directory = configured();
    let directory = directory.path();
    std::fs::write(directory.join("admin.token"), "hers\n").unwrap();
    for n in 0..9 {
        let name = format!("other-{n}");
        let file = directory.join(format!("partners/{name}.toml"));
        std::fs::write(file, format!("keys = ['{}']\n", KeyHash::of(&name))).unwrap();
    }
    let program = Program::start(directory).await;
    for end in ["q", "\u{3}"] {
        let steps = [("  ready  up ", "x"), ("  ready  up ", ""), ("  ready  up ", end)];
        let Some(told) = on_a_terminal(directory, &["status", "--every", "1"], &steps).await else { return };
        assert_eq!((&told["code"], &told["restored"]), (&json!(0), &json!(true)), "{told}");
        assert_eq!(told["modes"][1], json!({ "lines": false, "echo": false }), "{told}");
        let said = told["said"].as_str().unwrap();
        let pictures: Vec<&str> = said.split("\u{1b}[H").skip(1).collect();
        assert!(pictures.len() >= 3, "{said:?}");
        for picture in pictures {
            assert_eq!(
                picture.matches('\n').count(),
                7,
                "eight rows, of which one is the cursor's: {picture:?}"
            );
            assert!(picture.contains("more lines") && picture.contains("\u{1b}[J"), "{picture:?}");
        }
        assert!(said.ends_with("\u{1b}[?7h"), "long lines are wrapped again: {said:?}");
    }
    program.kill();
    let steps = [("does not answer at", ""), ("does not answer at", "q")];
    let told = on_a_terminal(directory, &["status", "--every", "1"], &steps).await.expect("there is python3");
    assert_eq!(
        (&told["code"], &told["restored"]),
        (&json!(0), &json!(true)),
        "it waits for a daemon: {told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_without_a_daemon_asks_on_a_terminal_and_is_on_the_trail_once_one_runs() {
    let directory = configured();
    let directory = directory.path();
    std::fs::write(directory.join("admin.token"), "hers\n").unwrap();
    let beta = format!("keys = ['{}']\n", KeyHash::of("of-beta"));
    std::fs::write(directory.join("partners/beta.toml"), beta).unwrap();
    let program = Program::start(directory).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let put = json(client.put(program.url("/api/assets/a")), &json!({ "id": "a", "name": "n" }));
    assert!(put.bearer_auth(key("acme")).send().await.unwrap().status().is_success());
    assert!(program.terminate().await.success());
    let (file, spool) = (directory.join("partners/acme.toml"), directory.join("store/spool"));
    let waits = spool.join("acme.cut.feed");
    let note = spool.join("acme.cut.note.feed");
    [&waits, &note].into_iter().for_each(|file| std::fs::write(file, "cut short").unwrap());

    let alone = run(directory, &["partner", "remove", "acme", "--purge"]);
    let words = String::from_utf8_lossy(&alone.stderr);
    assert!(
        alone.status.code() == Some(1) && words.contains("Say --yes: nobody can be asked here"),
        "{words}"
    );
    let verb = ["partner", "remove", "acme", "--purge", "--reason", "they have left"];
    let question =
        "acme has 1 living assets and 0 deleted ones. Remove it, and delete all of that for good? [y/N] ";
    let Some(told) = on_a_terminal(directory, &verb, &[(question, "n\n")]).await else { return };
    assert_eq!((&told["code"], &told["restored"]), (&json!(1), &json!(true)), "{told}");
    assert!(told["said"].as_str().unwrap().ends_with("nothing was removed\r\n") && file.exists(), "{told}");
    assert!(waits.exists());
    let told = on_a_terminal(directory, &verb, &[(question, "y\n")]).await.expect("there is python3");
    assert!(told["code"] == json!(0) && !file.exists(), "{told}");
    assert!(!waits.exists() && !note.exists(), "what was spooled for it is gone as well");

    let program = Program::start(directory).await;
    let trail = json_of(&run(directory, &["audit", "--json"]));
    let act =
        trail["items"].as_array().unwrap().iter().find(|act| act["act"] == "purge").expect("it is there");
    assert!(act["who"].as_str().unwrap().starts_with("offline:"), "{act}");
    assert_eq!((&act["partner"], &act["outcome"]), (&json!("acme"), &json!("done")), "{act}");
    assert_eq!((&act["reason"], &act["address"]), (&json!("they have left"), &Value::Null));
    assert_eq!(act["note"], "1 living assets and 0 deleted ones");
    assert!(act["at"].is_string() && act["ended_at"].is_string(), "{act}");
    let purges = trail["items"].as_array().unwrap().iter().filter(|act| act["act"] == "purge").count();
    assert_eq!(purges, 1, "who said no did nothing");
    program.kill();
}
