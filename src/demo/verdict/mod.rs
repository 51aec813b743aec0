//! The end of a demonstration: once the last run of the feed has healed what was lost, is the
//! catalogue what the partner knows?

mod catalogue;
pub mod compare;
pub mod recall;

use self::catalogue::Shelf;
use self::compare::{Difference, compare};
use crate::clock::{self, Clock};
use crate::demo::partner::Partner;
use crate::demo::partner::client::{ApiClient, ClientError, object};
use crate::demo::text;
use crate::domain::Micros;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Between two looks at the runs.
const LOOK: Duration = Duration::from_millis(250);
/// One look in this many asks the daemon to fetch the feed now.
const LOOKS_PER_REQUEST: usize = 12;
/// For a fetch and its run, beside the feed's own interval.
const RUN_MAX: Duration = Duration::from_secs(30);
/// Differences that are named; all are counted.
const DIFFERENCES_NAMED: usize = 20;

/// What was found for one partner.
#[derive(Debug, Default)]
pub struct PartnerVerdict {
    /// Whose catalogue was compared.
    pub partner: String,
    /// Assets that it shows.
    pub living: usize,
    /// Assets that were deleted.
    pub deleted: usize,
    /// The first differences.
    pub differences: Vec<Difference>,
    /// How many differences there are; not all of them are kept.
    pub differences_found: usize,
    /// Why truth and catalogue could not be compared.
    pub trouble: Option<String>,
}

impl PartnerVerdict {
    /// The catalogue could not be compared, for this reason.
    pub fn troubled(partner: &str, trouble: impl Into<String>) -> PartnerVerdict {
        PartnerVerdict { partner: partner.into(), trouble: Some(trouble.into()), ..PartnerVerdict::default() }
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let differences: Vec<String> = self.differences.iter().map(ToString::to_string).collect();
        json!({
            "partner": self.partner,
            "equal": self.equal(),
            "living": self.living,
            "deleted": self.deleted,
            "differences": differences,
            "differences_found": self.differences_found,
            "trouble": self.trouble,
        })
    }

    /// Whether truth and catalogue are the same.
    pub fn equal(&self) -> bool {
        self.trouble.is_none() && self.differences_found == 0
    }
}

impl fmt::Display for PartnerVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.equal() { "equal" } else { "DIFFERS" };
        write!(f, "{word:8}{:22}", self.partner)?;
        if let Some(trouble) = &self.trouble {
            return write!(f, "could not be compared: {trouble}");
        }
        write!(f, "{} assets, {} deleted", self.living, self.deleted)?;
        if self.differences_found > 0 {
            write!(f, ", {} differences", self.differences_found)?;
        }
        self.differences.iter().try_for_each(|difference| write!(f, "\n        {difference}"))
    }
}

/// Waits for the partner's feed to have told all, then compares.
pub async fn judge(partner: &Partner, client: &ApiClient, reader_key: &str, clock: &Clock) -> PartnerVerdict {
    let sealed_at = partner.truth().seal(clock.now());
    if partner.has_feed()
        && let Err(trouble) = wait_for_run(partner, client, sealed_at).await
    {
        return PartnerVerdict::troubled(partner.name(), trouble);
    }
    let truth = partner.truth().snapshot(clock.now());
    let shelf = Shelf { client, reader_key, partner: partner.name() };
    let found = async {
        let mut differences = compare(&truth, &shelf.list().await?);
        differences.extend(shelf.by_address(&truth).await?);
        Ok::<_, ClientError>(differences)
    };
    match found.await {
        Err(error) => PartnerVerdict::troubled(partner.name(), error.to_string()),
        Ok(mut differences) => {
            let differences_found = differences.len();
            differences.truncate(DIFFERENCES_NAMED);
            let living = truth.living().count();
            let deleted = truth.assets.len() - living;
            let partner = partner.name().into();
            PartnerVerdict { partner, living, deleted, differences, differences_found, trouble: None }
        }
    }
}

type Run = BTreeMap<String, Box<RawValue>>;

/// Until a run whose snapshot was taken after `sealed_at` has been applied.
async fn wait_for_run(partner: &Partner, client: &ApiClient, sealed_at: Micros) -> Result<(), String> {
    let mut last = None;
    let looking = async {
        for look in 0usize.. {
            // asked again, because a run may be under way whose fetch was too early
            if look % LOOKS_PER_REQUEST == 0 {
                client.ask_for_run(&partner.key).await;
            }
            let runs = runs(partner, client).await.map_err(|error| error.to_string())?;
            if runs.iter().any(|run| applied_after(run, sealed_at)) {
                break;
            }
            last = runs.into_iter().max_by_key(|run| time_of(run, "started_at"));
            clock::sleep(LOOK).await;
        }
        Ok(())
    };
    let bound = partner.plan.feed_every * 3 + RUN_MAX;
    tokio::time::timeout(bound, looking).await.unwrap_or_else(|_| {
        let last = last.and_then(|run| serde_json::to_string(&run).ok());
        Err(format!("no feed run after the last change; the last one: {}", last.unwrap_or_default()))
    })
}

async fn runs(partner: &Partner, client: &ApiClient) -> Result<Vec<Run>, ClientError> {
    let path = "/api/feed/runs";
    let (status, body) = client.get(&partner.key, path).await?;
    if !status.is_success() {
        return Err(ClientError::Status { path: path.into(), status });
    }
    let items = object(path, &body)?.remove("items").and_then(|items| text::elements(items.get()));
    let items = items.ok_or(ClientError::Shape { path: path.into(), what: "items are not a list" })?;
    Ok(items.iter().filter_map(|run| text::members(run.get())).collect())
}

fn applied_after(run: &Run, sealed_at: Micros) -> bool {
    let status = run.get("status").and_then(|status| text::string(status.get()));
    status.as_deref() == Some("applied") && time_of(run, "snapshot_at").is_some_and(|at| at >= sealed_at)
}

/// A time of a run's report: microseconds or RFC 3339.
fn time_of(run: &Run, name: &str) -> Option<Micros> {
    let value = run.get(name)?.get();
    value.parse().ok().map(Micros).or_else(|| text::parse_time(&text::string(value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_that_was_applied_and_cut_late_enough_counts() {
        let counts = |run: &str| applied_after(&text::members(run).unwrap(), Micros(2_000_000));
        assert!(counts(r#"{"status":"applied","snapshot_at":2000000}"#));
        assert!(counts(r#"{"status":"applied","snapshot_at":"1970-01-01T00:00:02.000001Z"}"#));
        assert!(!counts(r#"{"status":"applied","snapshot_at":1999999}"#));
        assert!(!counts(r#"{"status":"failed","snapshot_at":3000000}"#));
        assert!(!counts(r#"{"status":"applied","snapshot_at":null}"#));
    }
}
