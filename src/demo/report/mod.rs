//! What a demonstration has shown.

pub mod tally;
pub mod terminal;

use self::tally::{Counts, PushTally};
use crate::demo::partner::Partner;
use crate::demo::verdict::PartnerVerdict;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;

/// What the demonstration has shown.
#[derive(Debug)]
pub struct DemoReport {
    /// One for each partner.
    pub verdicts: Vec<PartnerVerdict>,
    /// What was sent, and what became of it.
    pub counts: Counts,
    /// Half of all pushes were answered within so many milliseconds.
    pub p50_ms: f64,
    /// 99 in a hundred were.
    pub p99_ms: f64,
    /// Lost, repeated, reordered, and fetches of the feeds, in words.
    mischief: String,
}

impl DemoReport {
    pub(super) fn new(
        verdicts: Vec<PartnerVerdict>,
        partners: &[Arc<Partner>],
        tally: &PushTally,
    ) -> DemoReport {
        let latencies = tally.all_latencies();
        DemoReport {
            verdicts,
            counts: tally.read(),
            p50_ms: terminal::milliseconds(latencies.quantile(0.5)),
            p99_ms: terminal::milliseconds(latencies.quantile(0.99)),
            mischief: terminal::mischief(partners),
        }
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let Counts { answered, items, outcomes, shed, unreached, refused, refusals } = &self.counts;
        json!({
            "equal": self.equal(),
            "partners": self.verdicts.iter().map(PartnerVerdict::json).collect::<Vec<_>>(),
            "requests": answered,
            "writes": items,
            "outcomes": outcomes,
            "shed": shed,
            "unreached": unreached,
            "refused": refused,
            "refusals": refusals,
            "p50_ms": self.p50_ms,
            "p99_ms": self.p99_ms,
        })
    }

    /// Every partner's truth is what the catalogue says.
    pub fn equal(&self) -> bool {
        self.verdicts.iter().all(PartnerVerdict::equal)
    }
}

impl fmt::Display for DemoReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { answered, items, shed, unreached, refused, .. } = &self.counts;
        writeln!(
            f,
            "{items} writes in {answered} requests, p50 {:.1} ms, p99 {:.1} ms",
            self.p50_ms, self.p99_ms
        )?;
        writeln!(f, "on purpose{}", self.mischief.replacen(" |", ":", 1))?;
        if shed + unreached > 0 {
            writeln!(f, "tried again: {shed} times when asked to, {unreached} times without an answer")?;
        }
        if *refused > 0 {
            writeln!(f, "{refused} requests were refused in part or whole:")?;
            self.counts.refusals.iter().try_for_each(|said| writeln!(f, "        {said}"))?;
        }
        self.verdicts.iter().try_for_each(|verdict| writeln!(f, "{verdict}"))?;
        let word = if self.equal() { "truth equals catalogue" } else { "truth and catalogue DIFFER" };
        write!(f, "{word}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::verdict::compare::{Difference, Discrepancy};

    fn report(verdicts: Vec<PartnerVerdict>) -> DemoReport {
        DemoReport::new(verdicts, &[], &PushTally::default())
    }

    #[test]
    fn a_report_is_equal_only_if_every_verdict_is() {
        let equal = || PartnerVerdict { partner: "a".into(), living: 3, ..PartnerVerdict::default() };
        assert!(report(vec![equal(), equal()]).equal());
        let troubled = report(vec![equal(), PartnerVerdict::troubled("b", "no answer")]);
        assert!(!troubled.equal());
        assert!(troubled.to_string().contains("could not be compared: no answer"));
        let difference = Difference { id: "x".into(), fault: Discrepancy::Phantom };
        let differs =
            report(vec![PartnerVerdict { differences: vec![difference], differences_found: 1, ..equal() }]);
        assert!(!differs.equal());
        assert!(differs.to_string().contains("x: is in the catalogue"), "{differs}");
    }
}
