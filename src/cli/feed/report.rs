//! A run of a daemon's feed, from the outside: how far it is, and what it came to.

use crate::cli::admin::Admin;
use crate::cli::terminal::{OutputArgs, plain};
use crate::clock::{Mark, sleep};
use crate::domain::PartnerName;
use anyhow::bail;
use reqwest::Method;
use serde_json::Value;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A line of progress at most so often.
const TOLD_EVERY: Duration = Duration::from_secs(1);
/// Longer than any fetch may take.
const PATIENCE: Duration = Duration::from_secs(2 * 3_600);

/// One run of one partner, asked for at a daemon.
pub struct FollowedRun<'a> {
    pub admin: &'a Admin,
    pub partner: &'a PartnerName,
    pub run: u64,
}

impl FollowedRun<'_> {
    /// Waits until the run has a report; `told`: says meanwhile how far it is.
    pub async fn report(&self, mut told: Option<&mut dyn Write>) -> anyhow::Result<Value> {
        let path = format!("/admin/partners/{}/feed/runs/{}", self.partner, self.run);
        let (began, mut last) = (Mark::now(), None::<(Mark, String)>);
        loop {
            match self.admin.call(Method::GET, &path, None).await {
                Ok(report) => return Ok(report),
                Err(error) if began.elapsed() > PATIENCE => return Err(error),
                // refused until the run has ended
                Err(error) if error.downcast_ref::<reqwest::Error>().is_none() => {}
                Err(error) => bail!("{error:#}"),
            }
            if let Some(out) = &mut told {
                let is_due = last.as_ref().is_none_or(|(at, _)| at.elapsed() >= TOLD_EVERY);
                if let Some(line) = self.progress().await?.filter(|_| is_due)
                    && last.as_ref().is_none_or(|(_, said)| *said != line)
                {
                    writeln!(out, "{line}")?;
                    last = Some((Mark::now(), line));
                }
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// `None` between the run's end and its report.
    async fn progress(&self) -> anyhow::Result<Option<String>> {
        let path = format!("/admin/partners/{}/feed", self.partner);
        let feed = self.admin.call(Method::GET, &path, None).await?;
        Ok(Some(&feed["running"]).filter(|running| running["run"] == self.run).map(progress_line))
    }

    /// What the run came to, and the exit code that says so.
    pub fn write_end(
        &self,
        output: OutputArgs,
        out: &mut dyn Write,
        report: &Value,
    ) -> anyhow::Result<ExitCode> {
        output.write(out, report, |out| self.tell_end(out, report))?;
        Ok(match report["status"].as_str() {
            Some("applied" | "unchanged") => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        })
    }

    fn tell_end(&self, out: &mut dyn Write, report: &Value) -> io::Result<()> {
        let (run, counts) = (self.run, &report["counts"]);
        writeln!(
            out,
            "run {run} {}: {} records, {} created, {} updated, {} deleted, {} held",
            said(report),
            counts["records"],
            counts["created"],
            counts["updated"],
            counts["deleted"],
            counts["held"],
        )?;
        match report["detail"].as_str() {
            Some(detail) => writeln!(out, "{}", plain(detail)),
            None => Ok(()),
        }
    }
}

fn progress_line(running: &Value) -> String {
    let phase = running["phase"].as_str().unwrap_or_default();
    let share = running["share"].as_f64().map(|share| format!(" {:.0} %", share * 100.0)).unwrap_or_default();
    let of = |done: &str, total: &str, unit: &str| {
        let done = running[done].as_u64().filter(|&done| done > 0)?;
        Some(match running[total].as_u64() {
            Some(total) => format!(", {done} of {total} {unit}"),
            None => format!(", {done} {unit}"),
        })
    };
    let bytes = of("bytes", "bytes_total", "bytes").unwrap_or_default();
    let records = of("records", "records_total", "records").unwrap_or_default();
    let left = running["seconds_left"].as_f64().map(|left| format!(", {left:.0} s left")).unwrap_or_default();
    format!("run {}: {phase}{share}{bytes}{records}{left}", running["run"])
}

/// A run's status, with the number of what was kept aside of it (F3).
pub fn said(report: &Value) -> String {
    let status = report["status"].as_str().unwrap_or_default();
    let code = report["code"].as_str().map(|code| format!(" ({code})")).unwrap_or_default();
    match report["quarantined"].as_u64() {
        Some(aside) => format!("{status}{code}, {aside} quarantined"),
        None => format!("{status}{code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_of_progress_says_what_is_known_and_leaves_out_what_is_not() {
        let fetching = json!({"run": 3, "phase": "fetching", "records": 0, "bytes": 512, "share": null});
        assert_eq!(progress_line(&fetching), "run 3: fetching, 512 bytes");
        let applying = json!({
            "run": 3, "phase": "applying", "records": 500, "records_total": 2000, "bytes": 0, "share": 0.25,
            "seconds_left": 2.6,
        });
        assert_eq!(progress_line(&applying), "run 3: applying 25 %, 500 of 2000 records, 3 s left");
        let refused = json!({"status": "failed", "code": "truncated"});
        assert_eq!(said(&refused), "failed (truncated)");
        assert_eq!(said(&json!({"status": "applied", "quarantined": 2})), "applied, 2 quarantined");
    }
}
