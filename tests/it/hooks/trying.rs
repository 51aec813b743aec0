//! `tidegate hook try` as an operator runs it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const FILE: &str = r#"currency = "EUR"
[[hooks]]
name = "cms"
preset = "directus"
auth = { secret = { env = "PATH" } }
"#;

fn tried(directory: &Path, body: &str, more: &[&str]) -> (Option<i32>, String) {
    fs::create_dir_all(directory.join("partners")).unwrap();
    fs::write(directory.join("tidegate.toml"), "").unwrap();
    fs::write(directory.join("partners/acme.toml"), FILE).unwrap();
    fs::write(directory.join("body.json"), body).unwrap();
    let file = directory.join("body.json");
    let mut program = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    program
        .args(["hook", "try"])
        .arg(file)
        .args(["--partner", "acme", "--hook", "cms", "--config"])
        .arg(directory);
    let Output { status, stdout, stderr } = program.args(more).output().unwrap();
    (status.code(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
}

#[test]
fn a_body_is_shown_as_it_would_be_written_with_what_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let body = r#"{"event":"villas.items.update","keys":["a","b"],"payload":{"name":"A","note":null}}"#;
    let (code, said) = tried(directory.path(), body, &[]);
    let wanted = "event villas.items.update: asset.upserted\nPOST a without a time: when it first comes counts\n  name: \"A\"\n  note: removed\n\
                  POST b without a time: when it first comes counts\n  name: \"A\"\n  note: removed\n2 to write, 0 refused\n";
    assert_eq!((code, said.as_str()), (Some(0), wanted));
    let (code, said) = tried(directory.path(), &body.replace("\"b\"", "\"undefined\""), &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("rejected at /payload: id_placeholder"), "{said}");
    let (code, said) = tried(directory.path(), "{", &["--header", "X-Any: thing"]);
    assert_eq!((code, said.contains("refused whole at byte 1: json_syntax")), (Some(1), true), "{said}");
    let (code, said) = tried(directory.path(), "{\"event\":\"users.login\"}", &[]);
    assert_eq!((code, said.contains("ignored: event_ignored")), (Some(0), true), "{said}");
    let (code, said) = tried(directory.path(), "webhook_id=12", &[]);
    assert_eq!((code, said.starts_with("a ping")), (Some(0), true), "{said}");
}

#[test]
fn a_hook_that_there_is_not_and_a_file_that_is_wrong_are_said() {
    let directory = tempfile::tempdir().unwrap();
    let (code, said) = tried(directory.path(), "{}", &["--header", "no colon"]);
    assert_eq!(code, Some(2), "{said}");
    let mut program = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    program
        .args(["hook", "try", "-", "--partner", "acme", "--hook", "other", "--config"])
        .arg(directory.path());
    let output = program.stdin(std::process::Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), said.contains("it has: cms")), (Some(1), true), "{said}");
    fs::write(directory.path().join("partners/acme.toml"), FILE.replace("directus", "direct")).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    program
        .args(["hook", "try", "-", "--partner", "acme", "--hook", "cms", "--config"])
        .arg(directory.path());
    let output = program.stdin(std::process::Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!((output.status.code(), said.contains("hooks[0].preset")), (Some(78), true), "{said}");
}
