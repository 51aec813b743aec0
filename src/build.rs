//! The name of a build: its version, and the commit that it was made of, for `--version`.
//!
//! `TIDEGATE_COMMIT` says it where there is no repository, as in a container. Only a build for release asks git: others
//! would be made again at each commit.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=TIDEGATE_COMMIT");
    println!("cargo::rerun-if-changed=src/build.rs");
    let said = env::var("TIDEGATE_COMMIT").ok().filter(|said| !said.trim().is_empty());
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = match (said, is_release) {
        (Some(said), _) => said,
        (None, true) => {
            // a commit, or a change of branch, writes a line there
            if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
                println!("cargo::rerun-if-changed={log}");
            }
            git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown commit".into())
        }
        (None, false) => "not a release".into(),
    };
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    println!("cargo::rustc-env=TIDEGATE_VERSION={version} ({commit})");
    println!("cargo::rustc-env=TIDEGATE_BUILT_FROM={commit}");
}

/// What git answers; `None` where there is no git or no repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
