//! Feeds to test with: the archives of real feeds where they are there, and small ones of our own
//! that always are.
//!
//! The archives lie in `../shared/data`, or where `TIDEGATE_SHARED_DATA` says. They are unpacked by
//! `zstd` and `tar`, once for a build directory. Without them the tests that need them say so
//! and pass.
//!
//! All have the same shape: records under `/assets`, the id under `/base`. Our own history
//! (`tests/feeds/history`), version by version: 1 ten records · 2 creates `ufen`, `gamm/pool/3`,
//! changes `umarsh` · 3 the same, in another order and layout · 4 deletes `gamm/pool/2`, changes
//! `utide`, `ufen`, `cw20:…` · 5 `ufen` twice, alike; creates `factory/…/copper` · 6 `ufen` twice,
//! unlike; changes `gamm/pool/1` · 7 `ufen` once, with a third content; deletes `ibc/0C1D…`,
//! brings `gamm/pool/2` back · 8 creates `gamm/pool/4`, `usedge`, changes `utide`, `gamm/pool/3`.

use crate::support::skipped;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use tidegate::domain::Micros;

/// The versions of one real feed, in order, each with the time of its publication.
pub fn osmosis() -> Option<Vec<(Micros, PathBuf)>> {
    static UNPACKED: OnceLock<Option<PathBuf>> = OnceLock::new();
    let root = UNPACKED.get_or_init(|| unpacked("osmosis-assetlist-history")).as_ref()?;
    Some(history(&root.join("osmosis")))
}

/// One feed for each of many partners, by name.
pub fn fleet() -> Option<Vec<(String, PathBuf)>> {
    static UNPACKED: OnceLock<Option<PathBuf>> = OnceLock::new();
    let root = UNPACKED.get_or_init(|| unpacked("chain-registry-fleet")).as_ref()?;
    Some(by_name(&root.join("fleet")))
}

pub fn small_history() -> Vec<(Micros, PathBuf)> {
    history(&own_feeds().join("history"))
}

pub fn small_fleet() -> Vec<(String, PathBuf)> {
    by_name(&own_feeds().join("fleet"))
}

fn own_feeds() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/feeds")
}

fn history(directory: &Path) -> Vec<(Micros, PathBuf)> {
    let dated = |(stem, path): (String, PathBuf)| (published(&stem), path);
    by_name(directory).into_iter().map(dated).collect()
}

fn by_name(directory: &Path) -> Vec<(String, PathBuf)> {
    let listed = std::fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    let paths = listed.map(|entry| entry.unwrap().path());
    let json = paths.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let mut files: Vec<_> =
        json.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path)).collect();
    files.sort();
    files
}

/// The time in `NNN_YYYYMMDDTHHMMSSZ`.
fn published(stem: &str) -> Micros {
    let (_, time) = stem.split_once('_').expect("a number and a time");
    let utc = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", time).unwrap();
    Micros(utc.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_microsecond())
}

fn unpacked(name: &str) -> Option<PathBuf> {
    let archive = shared().join(format!("{name}.tar.zst"));
    let Ok(found) = archive.metadata() else {
        skipped::without_archive(&archive);
        return None;
    };
    let build = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let target = build.join(format!("{name}-{}", found.len()));
    if target.is_dir() {
        return Some(target);
    }
    let scratch = tempfile::tempdir_in(build).unwrap();
    if let Err(why) = unpack(&archive, scratch.path()) {
        skipped::without_tool("zstd or tar", &why);
        return None;
    }
    // Another test process may have been faster; what it has put there is the same.
    let _ = std::fs::rename(scratch.path(), &target);
    Some(target)
}

fn shared() -> PathBuf {
    match std::env::var_os("TIDEGATE_SHARED_DATA") {
        Some(directory) => directory.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    }
}

fn unpack(archive: &Path, into: &Path) -> Result<(), String> {
    let mut zstd = Command::new("zstd")
        .args(["-q", "-d", "--long=27", "-c"])
        .arg(archive)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("zstd: {e}"))?;
    let plain = zstd.stdout.take().expect("it is piped");
    let tar = Command::new("tar").arg("-x").arg("-C").arg(into).stdin(plain).status();
    let zstd = zstd.wait().map_err(|e| format!("zstd: {e}"))?;
    let tar = tar.map_err(|e| format!("tar: {e}"))?;
    if zstd.success() && tar.success() { Ok(()) } else { Err(format!("zstd {zstd}, tar {tar}")) }
}

#[test]
fn the_real_history_is_complete_and_in_order() {
    let Some(versions) = osmosis() else { return };
    assert_eq!(versions.len(), 360);
    assert!(versions.is_sorted_by(|a, b| a.0 < b.0));
}

#[test]
fn the_real_fleet_is_complete() {
    let Some(feeds) = fleet() else { return };
    assert_eq!(feeds.len(), 262);
}

#[test]
fn our_own_feeds_are_there_and_their_times_are_read() {
    let versions = small_history();
    assert_eq!(versions.len(), 8);
    assert!(versions.is_sorted_by(|a, b| a.0 < b.0));
    // 2026-03-01T02:00:00Z
    assert_eq!(versions[0].0, Micros(1_772_330_400 * Micros::SECOND));
    let names: Vec<_> = small_fleet().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["heathland", "moorgate", "tidemarsh"]);
}
