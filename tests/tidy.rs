//! The house's own rules, held by a test: floors and fences, sizes and names, and what no file may
//! say.
//!
//! Every check takes a map from path to text and gives back what breaks it, so that each is itself
//! tested on a few lines that do.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

#[path = "tidy/alerts.rs"]
mod alerts;
#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/code.rs"]
mod code;
#[path = "tidy/contract.rs"]
mod contract;
#[path = "tidy/dashboards.rs"]
mod dashboards;
#[path = "tidy/floors.rs"]
mod floors;
#[path = "tidy/nouns.rs"]
mod nouns;
#[path = "tidy/objects.rs"]
mod objects;
#[path = "tidy/problems.rs"]
mod problems;
#[path = "tidy/promql.rs"]
mod promql;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/words.rs"]
mod words;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Paths relative to the repository, with `/`, and what stands there.
type Files = BTreeMap<String, String>;

/// The files that belong to the repository: tracked, or new and not ignored.
fn repository() -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok());
    let paths = match listed {
        Some(listed) => listed.lines().map(str::to_owned).collect(),
        None => walked(root, ""),
    };
    // what is deleted but still tracked, and what is no text, has nothing to check
    let text = |path: String| Some((path.clone(), std::fs::read_to_string(root.join(path)).ok()?));
    paths.into_iter().filter_map(text).collect()
}

/// The same without git, for sources that came as an archive.
fn walked(root: &Path, below: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(root.join(below)).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        match entry.file_type().unwrap().is_dir() {
            true if name == "target" || name == ".git" => {}
            true => paths.extend(walked(root, &path)),
            false => paths.push(path),
        }
    }
    paths
}

/// A map of a few files, for testing the checks themselves.
fn files(texts: &[(&str, &str)]) -> Files {
    texts.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect()
}

fn held(breaches: Vec<String>) {
    assert!(breaches.is_empty(), "{} breaches:\n{}", breaches.len(), breaches.join("\n"));
}

#[test]
fn rooms_import_only_from_the_floors_below() {
    held(floors::breaches(&repository()));
}

#[test]
fn no_two_files_need_each_other() {
    held(circles::breaches(&repository()));
}

#[test]
fn folders_of_code_hold_few_files() {
    held(shape::crowded(&repository()));
}

#[test]
fn crates_of_others_stay_behind_their_fences() {
    held(floors::fence_breaches(&repository()));
}

#[test]
fn rules_in_the_code_and_rules_on_the_page_are_the_same() {
    held(contract::breaches(&repository()));
}

#[test]
fn structs_of_the_edge_are_read_from_objects_only() {
    held(objects::unguarded(&repository()));
}

#[test]
fn files_and_functions_are_short() {
    held(shape::too_long(&repository()));
}

#[test]
fn every_file_of_code_says_what_it_is() {
    held(shape::without_head(&repository()));
}

#[test]
fn names_say_what_things_are() {
    held(words::banned_names(&repository()));
}

#[test]
fn no_two_public_types_share_a_name() {
    held(nouns::shared(&repository()));
}

#[test]
fn nothing_is_left_unfinished() {
    held(words::unfinished(&repository()));
}

#[test]
fn no_file_names_a_place_that_only_we_have() {
    held(words::private_places(&repository()));
}

#[test]
fn the_top_level_holds_what_was_agreed() {
    held(shape::strangers_at_the_top(&repository()));
}

#[test]
fn locked_versions_are_not_below_those_that_were_mended() {
    held(words::versions_below_the_least(&repository()));
}

#[test]
fn every_code_has_a_section_in_the_page_of_problems() {
    held(problems::breaches(&repository()));
}

#[test]
fn metrics_dashboards_alerts_runbook_and_their_tests_are_of_one_list() {
    held(alerts::breaches(&repository()));
}

#[test]
fn dashboards_say_what_they_show_and_lead_to_each_other() {
    held(dashboards::breaches(&repository()));
}

#[test]
fn a_code_without_a_section_is_found_and_a_section_without_a_code() {
    let page = ("src/http/docs/problems.md", "# Problems\n\n## known_code\nText.\n\n## old_code\nText.\n");
    let source =
        ("src/codec/a.rs", "Refusal::new(Rule::D1, \"known_code\", x); BodyError::new(\"new_code\", \"y\");");
    let breaches = problems::breaches(&files(&[page, source]));
    assert_eq!(breaches.len(), 2, "{breaches:?}");
    assert!(breaches[0].contains("`new_code`") && breaches[1].contains("`old_code`"), "{breaches:?}");
}
