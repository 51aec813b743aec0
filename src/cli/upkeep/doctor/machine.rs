//! What can be seen on this machine: the store, the disk, who may read what, the certificate.

use super::finding::{Finding, Findings};
use crate::cli::upkeep::said::size;
use crate::clock::Clock;
use crate::codec::time;
use crate::config::{Settings, TlsSettings};
use crate::domain::Micros;
use crate::store::{self, STORE_FILE, StoreError};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A certificate that expires within this is looked at.
const CERTIFICATE_LEFT_MIN: i64 = 14 * 24 * 60 * 60 * Micros::SECOND;

/// Looks at all of it. A store that a daemon has open is left to the daemon.
pub fn look(settings: &Settings, config: &Path, runs: bool, findings: &mut Findings) {
    let directory = &settings.store.directory;
    findings.add("store", store(&directory.join(STORE_FILE), runs));
    findings.add("disk", disk(directory, settings.store.disk_free_bytes_min));
    for (path, kind) in [(directory.as_path(), "the store"), (&config.join("secrets"), "secrets")] {
        findings.add("permissions", permissions(path, kind));
    }
    if let Some(tls) = &settings.server.tls {
        findings.add("certificate", certificate(tls, Clock::system().now()));
    }
}

fn store(path: &Path, runs: bool) -> Finding {
    let what = path.display();
    if !path.exists() {
        return match runs {
            true => Finding::warn(
                format!("there is none at {what}"),
                "the daemon has another configuration than this",
            ),
            false => Finding::warn(
                format!("there is none at {what} yet"),
                "the first start makes it; if it was lost, restore a backup",
            ),
        };
    }
    match store::inspect(path) {
        Ok(found) if found.damaged.is_empty() => {
            let (bytes, reached) = (size(found.bytes), found.reached.0);
            Finding::ok(format!("{what} is sound: {bytes}, up to change {reached}"))
        }
        Ok(found) => {
            let tables: Vec<_> =
                found.damaged.iter().map(|(table, rows)| format!("{rows} rows of {table}")).collect();
            Finding::fail(format!("{what} is damaged in part: {}", tables.join(", ")), "restore a backup")
        }
        Err(StoreError::AlreadyOpen { .. }) => Finding::ok(format!(
            "{what} is open; `tidegate backup - | tidegate verify -` verifies all of it meanwhile"
        )),
        Err(StoreError::Directory { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
            Finding::warn(format!("{what} cannot be read by this user"), "run this as the daemon's user")
        }
        Err(error) => Finding::fail(error.to_string(), "see \"The file is damaged\" in OPERATING.md"),
    }
}

fn disk(directory: &Path, free_min: u64) -> Finding {
    let there = directory.ancestors().find(|path| path.exists()).unwrap_or(directory);
    let Ok(stat) = rustix::fs::statvfs(there) else {
        return Finding::warn(
            format!("the free space of {} cannot be told", there.display()),
            "look at it by df",
        );
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let file = fs::metadata(directory.join(STORE_FILE)).map_or(0, |found| found.len());
    judge_disk(free, free_min, file)
}

fn judge_disk(free: u64, free_min: u64, file: u64) -> Finding {
    let says = format!("{} are free; writes need {}", size(free), size(free_min));
    match () {
        () if free < free_min => Finding::fail(says, "make room: writes are refused"),
        () if free < free_min.saturating_add(file) => Finding::warn(
            format!("{says}, and a restore as much again as the store, {}", size(file)),
            "make room before it is needed",
        ),
        () => Finding::ok(says),
    }
}

/// Whether others than its owner may read a file, or what lies in a directory.
fn permissions(path: &Path, kind: &'static str) -> Finding {
    match readable_for_others(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Finding::ok(format!("{kind}: nothing there yet"))
        }
        Err(error) => Finding::warn(
            format!("{} cannot be looked at: {error}", path.display()),
            "run this as the daemon's user",
        ),
        Ok(None) => Finding::ok(format!("{} is for its owner alone", path.display())),
        Ok(Some(open)) => Finding::fail(
            format!("others may read {kind}: {open}"),
            format!("chmod -R go= {}", path.display()),
        ),
    }
}

fn readable_for_others(path: &Path) -> io::Result<Option<String>> {
    let found = fs::metadata(path)?;
    let is_open = |mode: u32| mode & 0o077 != 0;
    if !is_open(found.permissions().mode()) {
        return Ok(None);
    }
    if found.is_file() {
        return Ok(Some(path.display().to_string()));
    }
    // a directory that others may enter: it depends on what lies in it
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.metadata()?.is_file() && is_open(entry.metadata()?.permissions().mode()) {
            return Ok(Some(entry.path().display().to_string()));
        }
    }
    Ok(None)
}

fn certificate(tls: &TlsSettings, now: Micros) -> Finding {
    let identity = match tls.load() {
        Ok(identity) => identity,
        Err(error) => {
            return Finding::fail(error.to_string(), "write a certificate and the key that belongs to it");
        }
    };
    let until = time::format(identity.not_after);
    match identity.complaint(now) {
        Some(lapsed) => Finding::fail(lapsed.to_string(), "renew it: clients refuse it"),
        None if identity.not_after.since(now) < CERTIFICATE_LEFT_MIN => {
            Finding::warn(format!("it is valid until {until} only"), "renew it")
        }
        None => Finding::ok(format!("it is valid until {until}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::DoctorState;
    use super::*;

    #[test]
    fn a_disk_is_judged_by_what_writes_and_a_restore_need() {
        let state = |free, file| judge_disk(free, 100, file).state;
        assert_eq!(
            [state(99, 0), state(150, 60), state(160, 60)],
            [DoctorState::Fail, DoctorState::Warn, DoctorState::Ok]
        );
    }

    #[test]
    fn a_file_that_others_may_read_is_named_with_what_to_do() {
        let place = tempfile::tempdir().unwrap();
        let mode = |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        let file = place.path().join("acme.secret");
        fs::write(&file, "s").unwrap();
        mode(place.path(), 0o755);
        mode(&file, 0o644);
        let found = permissions(place.path(), "secrets");
        assert_eq!(found.state, DoctorState::Fail);
        assert!(found.says.contains("acme.secret") && found.to_do.unwrap().starts_with("chmod"));
        mode(&file, 0o600);
        assert_eq!(permissions(place.path(), "secrets").state, DoctorState::Ok);
        mode(&file, 0o644);
        mode(place.path(), 0o700);
        assert_eq!(permissions(place.path(), "secrets").state, DoctorState::Ok, "nobody gets to it");
        assert_eq!(permissions(&place.path().join("none"), "secrets").state, DoctorState::Ok);
    }
}
