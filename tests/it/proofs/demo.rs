//! The demonstration as a newcomer runs it.

use crate::support::house::wait_for;
use crate::support::program::BINARY;
use std::process::{Command, Stdio};

#[test]
fn the_demonstration_ends_with_truth_equal_to_the_catalogue() {
    let arguments = ["demo", "--seconds", "3", "--admin-listen", "127.0.0.1:0"];
    let output = Command::new(BINARY).args(arguments).output().unwrap();
    let (said, logged) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{said}\n{logged}", output.status);
    assert!(said.contains("truth equals catalogue"), "{said}");
    assert!(!said.contains("DIFFER"), "{said}");
}

/// Bytes of the ledger of acknowledged prices: some hundreds of them.
const ACKNOWLEDGED_BYTES: u64 = 20_000;

#[tokio::test]
async fn g4_a_demonstration_that_was_killed_finds_every_acknowledged_price_at_its_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let demo = |seconds: &str| {
        let mut command = Command::new(BINARY);
        command.args(["demo", "--seconds", seconds, "--admin-listen", "127.0.0.1:0", "--directory"]);
        command.arg(directory.path());
        command
    };
    let mut first = demo("60").stdout(Stdio::null()).spawn().unwrap();
    let ledger = directory.path().join("demo.acknowledged");
    wait_for("acknowledged prices", async || {
        std::fs::metadata(&ledger).ok().filter(|found| found.len() > ACKNOWLEDGED_BYTES)
    })
    .await;
    first.kill().unwrap();
    first.wait().unwrap();

    let output = demo("2").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}\n{said}", output.status);
    assert!(said.contains("found again") && said.contains("none missing"), "{said}");
    assert!(said.contains("truth equals catalogue"), "{said}");
}
