//! What goes untested for want of something: said aloud, where the test harness cannot swallow it.
//!
//! Tools can be installed: `TIDEGATE_REQUIRE_TOOLS=1` makes a missing one a failure. The archives of real feeds
//! cannot be had everywhere: without them a test says so and passes. Where `TIDEGATE_SKIPPED` names a file, each
//! skip adds a line to it.

use std::io::Write;

/// A program that a test runs cannot be run.
pub fn without_tool(tool: &str, why: &dyn std::fmt::Display) {
    let required = std::env::var_os("TIDEGATE_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(!required, "TIDEGATE_REQUIRE_TOOLS=1, but {tool} cannot be run: {why}");
    say(&format!("{tool} cannot be run ({why}); TIDEGATE_REQUIRE_TOOLS=1 makes this a failure"));
}

/// An archive is not where it is looked for.
#[allow(dead_code, reason = "not every binary of tests that has this file reads archives")]
pub fn without_archive(path: &std::path::Path) {
    say(&format!("{} is not there; set TIDEGATE_SHARED_DATA to the directory that holds it", path.display()));
}

fn say(what: &str) {
    let line = format!("SKIPPED, NOT TESTED: {what}\n");
    // past the macros, whose output the harness keeps to itself when a test passes
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(list) = std::env::var_os("TIDEGATE_SKIPPED") {
        let list = std::fs::OpenOptions::new().append(true).create(true).open(list);
        list.and_then(|mut list| list.write_all(line.as_bytes())).expect("the list of skips can be written");
    }
}
