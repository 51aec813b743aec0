//! What the running daemon says of itself, where one answers.

use super::finding::{Finding, Findings};
use crate::cli::admin::Admin;
use crate::clock::Clock;
use crate::codec::time;
use crate::domain::{Micros, TimeFormat};
use reqwest::Method;
use serde_json::Value;

/// A clock that is this far from another is looked at.
const CLOCK_APART_MAX: i64 = 2 * Micros::SECOND;
/// A backup that is older than this is looked at.
const BACKUP_AGE_MAX: i64 = 24 * 60 * 60 * Micros::SECOND;

/// The daemon's status; `None` where none answers.
pub async fn look(admin: &Admin, findings: &mut Findings) -> Option<Value> {
    let status = match admin.call(Method::GET, "/admin/status", None).await {
        Ok(status) => status,
        Err(error) => {
            let says = format!("no daemon answers ({error:#})");
            let to_do = "where one should run, start it, or name its listener by --admin and its token";
            findings.add("daemon", Finding::warn(says, to_do));
            return None;
        }
    };
    let now = Clock::system().now();
    findings.add("daemon", readiness(&status));
    findings.add("version", version(status["version"].as_str().unwrap_or_default()));
    findings.add("clock", clock(&status, now));
    for partner in status["partners"].as_array().into_iter().flatten() {
        if let Some(why) = partner["down"].as_str() {
            let says = format!("partner {} is down: {why}", partner["name"].as_str().unwrap_or("?"));
            findings.add("partners", Finding::fail(says, "do what it says; the log has more"));
        }
    }
    if let Ok(metrics) = admin.text("/metrics").await {
        findings.add("damage", damage(&metrics));
        findings.add("backup", backup(&metrics, now));
    }
    Some(status)
}

fn readiness(status: &Value) -> Finding {
    match (status["ready"] == true, status["storage_failed"] == true) {
        (true, _) => {
            let up = status["uptime_seconds"].as_i64().unwrap_or_default();
            Finding::ok(format!("it runs and is ready, since {up} s"))
        }
        (false, true) => Finding::fail("it takes no writes", "make room on the disk, or see its log"),
        (false, false) => Finding::fail("it is not ready", "see its log: it starts or stops"),
    }
}

fn version(running: &str) -> Finding {
    let ours = env!("CARGO_PKG_VERSION");
    match running == ours {
        true => Finding::ok(format!("{ours}, and so is the daemon")),
        false => Finding::warn(
            format!("this program is {ours}, the daemon is {running}"),
            "restart the daemon after an upgrade",
        ),
    }
}

fn clock(status: &Value, now: Micros) -> Finding {
    let behind = status["clock_behind_seconds"].as_i64().unwrap_or_default();
    if behind > 0 {
        return Finding::warn(
            format!("the clock is {behind} s behind what the store has seen"),
            "set it by NTP; if it is more than a day, restart the daemon after that",
        );
    }
    let theirs = status["now"].as_str().and_then(|text| time::parse(text, TimeFormat::Rfc3339).ok());
    match theirs.map(|theirs| now.since(theirs)) {
        Some(apart) if apart.abs() > CLOCK_APART_MAX => Finding::warn(
            format!("our clock and the daemon's are {} s apart", apart / Micros::SECOND),
            "set both by NTP",
        ),
        _ => Finding::ok(format!("{}, as the daemon's", time::format(now))),
    }
}

fn series<'a>(metrics: &'a str, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
    let rows = metrics.lines().filter_map(move |line| line.strip_prefix(name));
    rows.filter(|rest| rest.starts_with([' ', '{'])).filter_map(|rest| {
        let (labels, value) = rest.rsplit_once(' ')?;
        Some((labels, value.parse().ok()?))
    })
}

fn damage(metrics: &str) -> Finding {
    let damaged: Vec<String> = series(metrics, "tidegate_store_damaged_total")
        .filter(|(_, times)| *times > 0.0)
        .map(|(labels, times)| format!("{times} times in {labels}"))
        .collect();
    match damaged.is_empty() {
        true => Finding::ok("no damaged bytes were met since the start"),
        false => Finding::fail(format!("damaged bytes were met: {}", damaged.join(", ")), "restore a backup"),
    }
}

fn backup(metrics: &str, now: Micros) -> Finding {
    let last = series(metrics, "tidegate_backup_last_timestamp_seconds").next();
    let Some((_, seconds)) = last else {
        return Finding::warn(
            "none was taken since the daemon's start",
            "have a timer run `tidegate backup`",
        );
    };
    let at = Micros((seconds as i64).saturating_mul(Micros::SECOND));
    match now.since(at) > BACKUP_AGE_MAX {
        true => Finding::warn(
            format!("the last one is of {}", time::format(at)),
            "see why the timer does not run",
        ),
        false => Finding::ok(format!("the last one is of {}", time::format(at))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::DoctorState;
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> Micros {
        time::parse(text, TimeFormat::Rfc3339).unwrap()
    }

    #[test]
    fn what_the_daemon_says_is_judged() {
        let status = json!({"ready": true, "uptime_seconds": 5, "clock_behind_seconds": 0, "now": "2026-01-01T00:00:00Z"});
        let now = at("2026-01-01T00:00:01Z");
        let states = |findings: &[Finding]| findings.iter().map(|finding| finding.state).collect::<Vec<_>>();
        let late = Micros(now.0 + 60 * Micros::SECOND);
        let behind = json!({"clock_behind_seconds": 9});
        let full = json!({"ready": false, "storage_failed": true});
        assert_eq!(
            states(&[
                readiness(&status),
                readiness(&full),
                clock(&status, now),
                clock(&status, late),
                clock(&behind, now)
            ]),
            [DoctorState::Ok, DoctorState::Fail, DoctorState::Ok, DoctorState::Warn, DoctorState::Warn]
        );
        assert_eq!(
            states(&[version(env!("CARGO_PKG_VERSION")), version("0.0.1")]),
            [DoctorState::Ok, DoctorState::Warn]
        );
    }

    #[test]
    fn metrics_tell_of_damage_and_of_backups() {
        let metrics = "# TYPE tidegate_store_damaged_total counter\n\
            tidegate_store_damaged_total{table=\"assets\"} 3\n\
            tidegate_backup_last_timestamp_seconds 1767225600\n";
        let found = damage(metrics);
        assert_eq!(found.state, DoctorState::Fail);
        assert!(found.says.contains("3 times in {table=\"assets\"}"), "{found:?}");
        let at = at("2026-01-01T00:00:00Z");
        assert_eq!(backup(metrics, at).state, DoctorState::Ok);
        assert_eq!(backup(metrics, Micros(at.0 + 2 * BACKUP_AGE_MAX)).state, DoctorState::Warn);
        assert_eq!((damage("").state, backup("", at).state), (DoctorState::Ok, DoctorState::Warn));
    }
}
