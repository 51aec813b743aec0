//! What a record of an applied run says about the feed and the pushes (F9).

use crate::domain::{Outcome, Rule, RunCounts};

/// F9: the verdict on one record, or on one absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// The asset was unknown, and no push was to tell of it.
    New,
    /// It says what is stored.
    Agree,
    /// A push is newer: expected.
    FeedStale,
    /// The feed knows newer: a push never arrived; healed now.
    MissedPush,
    /// It lacks an asset whose delete never arrived.
    MissedDelete,
    /// It lacks an asset that something was pushed to after its S: kept.
    Phantom,
    /// It holds an asset that a push had deleted.
    Resurrected,
    /// Equal stamps, different values.
    ValueConflict,
}

impl Verdict {
    /// All of them, in the order of a report.
    pub const ALL: [Verdict; 8] = [
        Verdict::New,
        Verdict::Agree,
        Verdict::FeedStale,
        Verdict::MissedPush,
        Verdict::MissedDelete,
        Verdict::Phantom,
        Verdict::Resurrected,
        Verdict::ValueConflict,
    ];

    /// As reports and metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::New => "new",
            Verdict::Agree => "agree",
            Verdict::FeedStale => "feed_stale",
            Verdict::MissedPush => "missed_push",
            Verdict::MissedDelete => "missed_delete",
            Verdict::Phantom => "phantom",
            Verdict::Resurrected => "resurrected",
            Verdict::ValueConflict => "value_conflict",
        }
    }
}

/// What the decision on a record came to, as far as the verdict needs it.
#[derive(Clone, Copy, Debug)]
pub struct RecordFacts {
    /// What became of its document.
    pub document: Outcome,
    /// By which rule.
    pub document_rule: Rule,
    /// Members of the record lost against newer ones.
    pub document_lost: bool,
    /// Its stamp was another write's too.
    pub ambiguous: bool,
    /// `None` where the record carried no price.
    pub price: Option<Outcome>,
}

/// F9 for one record. `expects_push`: the partner pushes documents, and a run before has told which
/// there are.
pub fn of_record(facts: RecordFacts, expects_push: bool) -> Verdict {
    if facts.ambiguous || facts.price == Some(Outcome::Rejected) {
        return Verdict::ValueConflict;
    }
    if facts.document == Outcome::Created && facts.document_rule == Rule::X1 {
        return Verdict::Resurrected;
    }
    // what a push knows newer says more than what the same record heals
    let price_lost = facts.price == Some(Outcome::Superseded);
    if facts.document == Outcome::Superseded || facts.document_lost || price_lost {
        return Verdict::FeedStale;
    }
    if facts.document == Outcome::Created && !expects_push {
        return Verdict::New;
    }
    let healed = matches!(facts.document, Outcome::Created | Outcome::Updated);
    if healed || facts.price == Some(Outcome::Updated) { Verdict::MissedPush } else { Verdict::Agree }
}

/// Counts a verdict in a run's report.
pub fn count(counts: &mut RunCounts, verdict: Verdict) {
    let place = match verdict {
        Verdict::New => &mut counts.new,
        Verdict::Agree => &mut counts.agree,
        Verdict::FeedStale => &mut counts.feed_stale,
        Verdict::MissedPush => &mut counts.missed_push,
        Verdict::MissedDelete => &mut counts.missed_delete,
        Verdict::Phantom => &mut counts.phantom,
        Verdict::Resurrected => &mut counts.resurrected,
        Verdict::ValueConflict => &mut counts.value_conflict,
    };
    *place += 1;
}

/// F9: the share of pushes that never arrived, for a partner that pushes at all: one whose pushes
/// have all been lost since the last run has lost every one.
pub fn push_loss_rate(missed: u64, pushes: u64, pushes_at_all: bool) -> Option<f64> {
    let expected = missed + pushes;
    (pushes_at_all && expected > 0).then(|| missed as f64 / expected as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(document: Outcome, price: Option<Outcome>) -> RecordFacts {
        RecordFacts { document, document_rule: Rule::D1, document_lost: false, ambiguous: false, price }
    }

    fn verdict(facts: RecordFacts) -> Verdict {
        of_record(facts, true)
    }

    #[test]
    fn f9_each_record_gets_one_verdict() {
        assert_eq!(verdict(facts(Outcome::Unchanged, None)), Verdict::Agree);
        assert_eq!(verdict(facts(Outcome::Unchanged, Some(Outcome::Duplicate))), Verdict::Agree);
        assert_eq!(verdict(facts(Outcome::Superseded, None)), Verdict::FeedStale);
        assert_eq!(verdict(facts(Outcome::Unchanged, Some(Outcome::Superseded))), Verdict::FeedStale);
        assert_eq!(verdict(facts(Outcome::Updated, None)), Verdict::MissedPush);
        assert_eq!(verdict(facts(Outcome::Unchanged, Some(Outcome::Updated))), Verdict::MissedPush);
        let partly = RecordFacts { document_lost: true, ..facts(Outcome::Updated, None) };
        assert_eq!(verdict(partly), Verdict::FeedStale, "the worked example of D1");
        let suppressed = RecordFacts { document_rule: Rule::X1, ..facts(Outcome::Superseded, None) };
        assert_eq!(verdict(suppressed), Verdict::FeedStale, "the worked example of X2");
        assert_eq!(verdict(facts(Outcome::Unchanged, Some(Outcome::Parked))), Verdict::Agree);
        let revived = RecordFacts { document_rule: Rule::X1, ..facts(Outcome::Created, None) };
        assert_eq!(verdict(revived), Verdict::Resurrected);
        assert_eq!(verdict(facts(Outcome::Unchanged, Some(Outcome::Rejected))), Verdict::ValueConflict);
    }

    #[test]
    fn f9_an_asset_that_no_push_was_to_tell_of_is_new_and_its_later_changes_are_not() {
        let born = facts(Outcome::Created, Some(Outcome::Updated));
        assert_eq!(of_record(born, false), Verdict::New);
        assert_eq!(of_record(born, true), Verdict::MissedPush);
        let revived = RecordFacts { document_rule: Rule::X1, ..born };
        assert_eq!(of_record(revived, false), Verdict::Resurrected);
        assert_eq!(of_record(facts(Outcome::Updated, None), false), Verdict::MissedPush);
    }

    #[test]
    fn f9_the_loss_rate_needs_a_partner_that_pushes() {
        assert_eq!(push_loss_rate(5, 0, false), None);
        assert_eq!(push_loss_rate(1, 99, true), Some(0.01));
        assert_eq!(push_loss_rate(5, 0, true), Some(1.0), "all that was pushed was lost");
        assert_eq!(push_loss_rate(0, 0, true), None);
    }
}
