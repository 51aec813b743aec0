//! The demonstration as a newcomer runs it.

use crate::proof_program::BINARY;
use std::process::Command;

#[test]
fn the_demonstration_ends_with_truth_equal_to_the_catalogue() {
    let arguments = ["demo", "--seconds", "3", "--admin-listen", "127.0.0.1:0"];
    let output = Command::new(BINARY).args(arguments).output().unwrap();
    let (said, logged) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{said}\n{logged}", output.status);
    assert!(said.contains("truth equals catalogue"), "{said}");
    assert!(!said.contains("DIFFER"), "{said}");
}
