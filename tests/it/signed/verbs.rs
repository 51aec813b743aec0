//! `tidegate key` and `tidegate secret`, on files as operators write them, with the daemon that reads them.

use super::signature;
use crate::support::house::{answer, key, wait_for};
use crate::support::program::{BINARY, Program, configure};
use reqwest::{Client, RequestBuilder, StatusCode};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;
use tidegate::clock::Clock;

const BODY: &str = r#"{"id": "villa", "name": "Villa"}"#;

fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "acme");
    let file = directory.path().join("partners/acme.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, format!("# first of all\n{text}# and last\n")).unwrap();
    directory
}

fn ran(directory: &Path, words: &str) -> Output {
    let mut verb = Command::new(BINARY);
    verb.args(words.split(' ')).arg("--config").arg(directory).output().unwrap()
}

fn said(directory: &Path, words: &str) -> String {
    let output = ran(directory, words);
    assert!(output.status.success(), "{words}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(directory: &Path, words: &str) -> String {
    let output = ran(directory, words);
    assert!(!output.status.success(), "{words}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// What is shown only once.
fn shown(said: &str) -> String {
    let shown = said.lines().find_map(|line| line.split_once("shown only this once: "));
    shown.unwrap_or_else(|| panic!("{said}")).1.to_owned()
}

fn file(directory: &Path) -> String {
    std::fs::read_to_string(directory.join("partners/acme.toml")).unwrap()
}

/// The ids that are listed, with their states.
fn listed(directory: &Path, words: &str) -> Vec<(String, String)> {
    let said = said(directory, words);
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        (words.next().unwrap().to_owned(), words.next_back().unwrap().to_owned())
    };
    said.lines().skip(1).map(row).collect()
}

async fn push(
    program: &Program,
    client: &Client,
    prove: impl Fn(RequestBuilder) -> RequestBuilder,
) -> StatusCode {
    let request =
        client.post(program.url("/api/partners/acme/assets")).header("content-type", "application/json");
    answer(prove(request).body(BODY)).await.0
}

fn by_key(key: &str) -> impl Fn(RequestBuilder) -> RequestBuilder + '_ {
    move |request| request.bearer_auth(key)
}

fn by_secret(secret: &str) -> impl Fn(RequestBuilder) -> RequestBuilder + '_ {
    move |request| {
        let at = super::seconds(&Clock::system()).to_string();
        let list = signature(secret, "msg_1", &at, BODY.as_bytes());
        request
            .header("webhook-id", "msg_1")
            .header("webhook-timestamp", at)
            .header("webhook-signature", list)
    }
}

/// Waits until a call is answered so: a reload takes a moment.
async fn becomes(
    program: &Program,
    client: &Client,
    is_taken: bool,
    prove: impl Fn(RequestBuilder) -> RequestBuilder,
) {
    wait_for(format!("a call that is taken: {is_taken}"), async || {
        (push(program, client, &prove).await.is_success() == is_taken).then_some(())
    })
    .await;
}

#[tokio::test]
async fn b10_keys_and_secrets_are_rotated_without_a_restart_and_comments_stay() {
    let directory = directory();
    let place = directory.path();
    let old_secret = shown(&said(place, "secret add acme"));
    let program = Program::start(place).await;
    let client = Client::builder().no_proxy().build().unwrap();
    assert!(push(&program, &client, by_secret(&old_secret)).await.is_success());
    let new_secret = shown(&said(place, "secret rotate acme --overlap 1h"));
    let new_key = shown(&said(place, "key rotate acme --overlap 1h"));
    program.hang_up();
    becomes(&program, &client, true, by_secret(&new_secret)).await;
    assert!(push(&program, &client, by_secret(&old_secret)).await.is_success(), "they overlap");
    for key in [&key("acme"), &new_key] {
        assert!(push(&program, &client, by_key(key)).await.is_success());
    }
    assert_eq!(file(place).matches("until = ").count(), 2, "{}", file(place));
    let ids = listed(place, "secret list acme");
    assert_eq!(ids.iter().map(|(_, state)| &**state).collect::<Vec<_>>(), ["live", "live"]);
    said(place, &format!("secret revoke acme {} --yes", &ids[0].0[..6]));
    let keys = listed(place, "key list acme");
    said(place, &format!("key revoke acme {} --yes", keys[0].0));
    program.hang_up();
    becomes(&program, &client, false, by_secret(&old_secret)).await;
    assert!(push(&program, &client, by_secret(&new_secret)).await.is_success());
    assert_eq!(push(&program, &client, by_key(&key("acme"))).await, StatusCode::UNAUTHORIZED);
    assert!(push(&program, &client, by_key(&new_key)).await.is_success());
    said(place, "check");
    let text = file(place);
    assert!(text.starts_with("# first of all\n") && text.contains("# and last"), "{text}");
    assert!(text.contains("currency = 'EUR'") && !text.contains("until = "), "{text}");
    program.kill();
}

#[test]
fn a_secret_stands_in_a_file_for_its_owner_alone_and_goes_with_its_key() {
    let directory = directory();
    let place = directory.path();
    let secret = shown(&said(place, "secret add acme --until 2099-01-01T00:00:00Z"));
    let files: Vec<_> =
        std::fs::read_dir(place.join("secrets")).unwrap().map(|f| f.unwrap().path()).collect();
    let [path] = &files[..] else { panic!("{files:?}") };
    assert_eq!(std::fs::read_to_string(path).unwrap(), format!("{secret}\n"));
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(place.join("secrets")).unwrap().permissions().mode() & 0o777, 0o700);
    let all = file(place) + &said(place, "secret list acme") + &said(place, "check");
    assert!(!all.contains(&secret[6..]), "{all}");
    let id = listed(place, "secret list acme")[0].0.clone();
    said(place, &format!("secret revoke acme {id} --yes"));
    assert!(!path.exists() && !file(place).contains("signing"), "{}", file(place));
    assert!(
        said(place, "secret add acme --public-key whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
            .contains("private half")
    );
    assert_eq!(std::fs::read_dir(place.join("secrets")).unwrap().count(), 0);
    assert!(said(place, "secret list acme").contains("v1a"));
}

#[test]
fn what_would_not_be_sound_is_refused_and_the_files_stay_as_they_were() {
    let directory = directory();
    let place = directory.path();
    said(place, "secret add acme");
    said(place, "secret add acme");
    let before = file(place);
    for (words, why) in [
        ("secret add acme", "more than 2 keys"),
        ("secret add acme --public-key whpk_AAAA", "must be the public key"),
        ("secret add acme --until yesterday", "RFC 3339"),
        ("secret revoke acme zz --yes", "none has an id"),
        ("secret add nobody", "there is no partner nobody"),
        ("key revoke acme zz --yes", "none has an id"),
        ("key add acme --from 2026-12-02 --until 2026-12-01", "later than `from`"),
        ("key add --reader nobody", "there is no reader nobody"),
    ] {
        let said = refused(place, words);
        assert!(said.contains(why), "{words}: {said}");
        assert_eq!(file(place), before, "{words}");
    }
    assert_eq!(std::fs::read_dir(place.join("secrets")).unwrap().count(), 2, "none is left behind");
    let revoked = refused(place, &format!("key revoke acme {}", listed(place, "key list acme")[0].0));
    assert!(revoked.contains("--yes"), "{revoked}");
    let inline = "signing = [{ public_key = 'whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=' }]\n";
    std::fs::write(place.join("partners/acme.toml"), inline).unwrap();
    assert!(refused(place, "secret add acme").contains("edit it by hand"));
    assert_eq!(file(place), inline);
    std::fs::write(place.join("real.toml"), &before).unwrap();
    std::fs::remove_file(place.join("partners/acme.toml")).unwrap();
    std::os::unix::fs::symlink(place.join("real.toml"), place.join("partners/acme.toml")).unwrap();
    assert!(refused(place, "key add acme").contains("no plain file"));
}

#[tokio::test]
async fn a_readers_token_is_rotated_in_the_daemon_s_own_file() {
    let directory = directory();
    let place = directory.path();
    let main = place.join("tidegate.toml");
    let hash = tidegate::config::KeyHash::of("old-token");
    let text = std::fs::read_to_string(&main).unwrap()
        + &format!("[[readers]]\nname = 'portal' # ours\nkeys = ['{hash}']\n");
    std::fs::write(&main, text).unwrap();
    let token = shown(&said(place, "key rotate --reader portal --overlap 0s"));
    assert_eq!(
        listed(place, "key list --reader portal").iter().map(|(_, state)| &**state).collect::<Vec<_>>(),
        ["ended", "live"]
    );
    assert!(std::fs::read_to_string(&main).unwrap().contains("name = 'portal' # ours"));
    let program = Program::start(place).await;
    let client = Client::builder().no_proxy().build().unwrap();
    let read = async |token: &str| answer(client.get(program.url("/api/assets")).bearer_auth(token)).await.0;
    assert_eq!((read(&token).await, read("old-token").await), (StatusCode::OK, StatusCode::UNAUTHORIZED));
    program.kill();
}
