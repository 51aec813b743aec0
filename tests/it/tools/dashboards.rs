//! Dashboards and rules, held to the programs that read them: promtool, and the types of Grafana's own SDK.

use crate::support::{packages, skipped};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards")
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|found| found == ending)).collect();
    files.sort();
    files
}

/// What promtool says; nothing where it is not installed, which is said.
pub fn promtool(arguments: &[&str], paths: &[PathBuf]) -> Option<Output> {
    match Command::new("promtool").args(arguments).args(paths).output() {
        Ok(output) => Some(output),
        Err(error) => {
            skipped::without_tool("promtool", &error);
            None
        }
    }
}

#[test]
fn promtool_takes_the_rules_and_finds_nothing_odd_in_them() {
    let rules = files(&folder().join("rules"), "yaml");
    assert_eq!(rules.len(), 2);
    let strictly = ["check", "rules", "--lint=all", "--lint-fatal"];
    let Some(sound) = promtool(&strictly, &rules) else { return };
    assert!(sound.status.success(), "{sound:?}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("alerts.yaml");
    let text = fs::read_to_string(folder().join("rules/alerts.yaml")).unwrap();
    fs::write(&path, text.replace("tidegate_writes_open == 0", "tidegate_writes_open ==")).unwrap();
    let faulty = promtool(&strictly, &[path]).unwrap();
    assert!(!faulty.status.success(), "it looks: {faulty:?}");
}

#[test]
fn every_alert_fires_in_its_situation_and_in_no_other() {
    let tests = files(&folder().join("tests"), "yaml");
    assert!(tests.len() >= 7, "{tests:?}");
    // the one of days is as long as all others together
    let (days, others): (Vec<_>, Vec<_>) = tests.into_iter().partition(|path| path.ends_with("days.yaml"));
    std::thread::scope(|scope| {
        for part in [days, others] {
            scope.spawn(move || {
                let Some(tested) = promtool(&["test", "rules"], &part) else { return };
                let said = String::from_utf8_lossy(&tested.stdout);
                assert!(tested.status.success(), "{said}{}", String::from_utf8_lossy(&tested.stderr));
            });
        }
    });
}

#[test]
fn a_rule_that_is_changed_fails_its_test() {
    let directory = tempfile::tempdir().unwrap();
    for part in ["rules", "tests"] {
        fs::create_dir(directory.path().join(part)).unwrap();
        for path in files(&folder().join(part), "yaml") {
            let text = fs::read_to_string(&path).unwrap();
            let text = text.replace("tidegate_writes_open == 0", "tidegate_writes_open == 7");
            fs::write(directory.path().join(part).join(path.file_name().unwrap()), text).unwrap();
        }
    }
    let Some(tested) = promtool(&["test", "rules"], &[directory.path().join("tests/store.yaml")]) else {
        return;
    };
    assert!(!tested.status.success(), "{tested:?}");
    let said = String::from_utf8_lossy(&tested.stderr) + String::from_utf8_lossy(&tested.stdout);
    assert!(said.contains("TidegateWritesClosed") && !said.contains("TidegateBackupOld"), "{said}");
}

/// Lines that the types of the SDK give rise to.
fn read_back(paths: &[PathBuf]) -> Option<Vec<String>> {
    let mut python = packages::python()?;
    let read = python.arg(packages::script("tools/dashboards.py")).args(paths).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    Some(String::from_utf8(read.stdout).unwrap().lines().map(str::to_owned).collect())
}

#[test]
fn the_types_of_grafana_know_every_member_of_the_dashboards() {
    let dashboards = files(&folder(), "json");
    assert_eq!(dashboards.len(), 5);
    let Some(said) = read_back(&dashboards) else { return };
    let [panels] = &said[..] else { panic!("{}", said.join("\n")) };
    assert!(panels.strip_suffix(" panels").unwrap().parse::<u32>().unwrap() > 80, "{panels}");
}

#[test]
fn members_that_grafana_does_not_know_and_those_of_another_kind_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("feeds.json");
    let text = fs::read_to_string(folder().join("feeds.json")).unwrap();
    let broken = [
        ("\"schemaVersion\": 42", "\"schemaVersion\": \"42\"", "/schema_version: '42' is of another kind"),
        (
            "\"uid\": \"tidegate-feeds\"",
            "\"uid\": \"tidegate-feeds\", \"colour\": 1",
            "/colour: is not known",
        ),
        ("\"unit\": \"none\"", "\"unit\": 5", "/unit: 5 is of another kind"),
    ];
    for (sound, faulty, what) in broken {
        assert!(text.contains(sound), "{sound}");
        fs::write(&path, text.replacen(sound, faulty, 1)).unwrap();
        let Some(said) = read_back(std::slice::from_ref(&path)) else { return };
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].ends_with(what), "{said:?}");
    }
}
