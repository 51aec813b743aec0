//! The verbs that need no running daemon, as they are called from a shell.

use crate::support::program::{Program, configure};
use std::path::Path;
use std::process::{Command, Output};
use tidegate::config::{KeyHash, load};

fn tidegate(directory: &Path, arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_tidegate");
    Command::new(program).args(arguments).arg("--config").arg(directory).output().unwrap()
}

fn said(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

#[test]
fn check_names_all_faults_and_ends_with_78() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("tidegate.toml"), "[server]\nlisten = 1\nitems_max = 0\n").unwrap();
    let output = tidegate(directory.path(), &["check"]);
    assert_eq!(output.status.code(), Some(78));
    let said = said(&output);
    assert!(said.contains("tidegate.toml:2: server.listen = 1: must be an address"), "{said}");
    assert!(said.contains("tidegate.toml:3: server.items_max = 0: must be a whole number"), "{said}");
    assert!(said.ends_with("2 faults\n"), "{said}");
}

#[test]
fn check_says_what_a_sound_configuration_comes_to() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("tidegate.toml"), "[store]\ndirectory = '/srv/tidegate'\n").unwrap();
    let output = tidegate(directory.path(), &["check"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(said(&output).contains("serves on 127.0.0.1:8080"), "{}", said(&output));
    assert!(said(&output).contains("/srv/tidegate\n0 partners"), "{}", said(&output));
}

#[tokio::test]
async fn c9_serve_begins_anew_after_a_loss_only_when_it_is_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store/tidegate.redb");
    configure(directory.path(), "acme");
    assert!(Program::start(directory.path()).await.terminate().await.success());
    std::fs::remove_file(&file).unwrap();
    let refused = tidegate(directory.path(), &["serve"]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(told.contains("start with --init"), "{told}");
    assert!(Program::start_with(directory.path(), &["--init"]).await.terminate().await.success());
    assert!(Program::start(directory.path()).await.terminate().await.success());
    assert!(file.exists());
}

#[test]
fn partner_add_makes_a_configuration_whose_key_opens_it() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path().join("new");
    let feed = "https://feeds.example.com/a.json?x=\"y\"";
    let output = tidegate(&directory, &["partner", "add", "acme", "--feed", feed]);
    assert!(output.status.success(), "{output:?}");
    let said = said(&output);
    let key = said.lines().find_map(|line| line.strip_prefix("key, shown only this once: ")).unwrap();
    assert!(key.starts_with("tg_") && key.len() == 67, "{key}");
    let settings = load(&directory).unwrap();
    assert_eq!(settings.partners[0].keys, [KeyHash::of(key).into()]);
    assert_eq!(settings.partners[0].feed.as_ref().unwrap().url, feed);
    let kept = std::fs::read_to_string(directory.join("partners/acme.toml")).unwrap();
    assert!(!kept.contains(key), "only the hash is kept");
    let calls: Vec<_> = said.lines().filter(|line| line.starts_with("curl ")).collect();
    assert_eq!(calls.len(), 3);
    let ends = ["/api/me", "/api/assets", "/api/prices"];
    assert!(calls.iter().zip(ends).all(|(call, end)| call.ends_with(&format!("http://127.0.0.1:8080{end}"))));
    let left: Vec<_> = std::fs::read_dir(directory.join("partners")).unwrap().collect();
    assert_eq!(left.len(), 1, "no draft is left behind");
}

#[test]
fn partner_add_never_overwrites_and_leaves_no_file_that_is_at_fault() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    assert!(tidegate(directory, &["partner", "add", "acme"]).status.success());
    let file = directory.join("partners/acme.toml");
    let before = std::fs::read(&file).unwrap();
    let again = tidegate(directory, &["partner", "add", "acme"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("is there already"));
    assert_eq!(std::fs::read(&file).unwrap(), before);
    let plain = tidegate(directory, &["partner", "add", "other", "--feed", "http://127.0.0.1:9/f"]);
    assert_eq!(plain.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&plain.stderr).contains("feed.url: must begin with https://"),
        "{plain:?}"
    );
    assert!(!directory.join("partners/other.toml").exists());
    let allowed = ["partner", "add", "other", "--feed", "http://127.0.0.1:9/f", "--allow-private"];
    assert!(tidegate(directory, &allowed).status.success());
    assert_eq!(tidegate(directory, &["partner", "add", "Bad.Name"]).status.code(), Some(2));
    assert_eq!(load(directory).unwrap().partners.len(), 2);
}

#[test]
fn the_version_of_a_release_names_its_commit_and_the_build_script_finds_it() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("build-script");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let compiled = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()))
        .args(["--edition", "2024", "-o"])
        .args([&script, &root.join("src/build.rs")])
        .status();
    assert!(compiled.unwrap().success());
    let version = |profile: &str, commit: Option<&str>| {
        let mut command = Command::new(&script);
        command.current_dir(root).env("PROFILE", profile).env("CARGO_PKG_VERSION", "1.2.3");
        match commit {
            Some(commit) => command.env("TIDEGATE_COMMIT", commit),
            None => command.env_remove("TIDEGATE_COMMIT"),
        };
        let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let version = said.lines().find_map(|line| line.strip_prefix("cargo::rustc-env=TIDEGATE_VERSION="));
        version.unwrap().to_owned()
    };
    assert_eq!(version("release", Some("abc")), "1.2.3 (abc)");
    assert_eq!(version("debug", None), "1.2.3 (not a release)");
    let git = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).current_dir(root).output();
    let head = git.ok().filter(|git| git.status.success());
    let commit = head.map_or("unknown commit".into(), |git| String::from_utf8(git.stdout).unwrap());
    assert_eq!(version("release", None), format!("1.2.3 ({})", commit.trim()));
    let told = Command::new(env!("CARGO_BIN_EXE_tidegate")).arg("--version").output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.starts_with(&format!("tidegate {} (", env!("CARGO_PKG_VERSION"))), "{told}");
}
