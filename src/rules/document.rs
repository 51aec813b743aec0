//! Existence and members of an asset (D1–D3, X1, X5): what a write does to its head and document.
//!
//! What is kept is a set of maxima (death, life, base, exceptions), so the order of arrival does
//! not matter: a write either raises one of them or has lost. Prices are not looked at here.

use crate::domain::{
    AssetEvent, AssetHead, Currency, Document, Exception, Member, Outcome, Rule, Stamp, Verb,
};
use compact_str::CompactString;

/// A write with its stamp made out.
#[derive(Clone, Copy, Debug)]
pub struct StampedWrite<'a> {
    pub verb: Verb,
    pub stamp: Stamp,
    pub members: &'a Document,
    pub removed: &'a [CompactString],
}

/// What the write does. `effect: None` means that nothing at all is recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentDecision {
    pub outcome: Outcome,
    pub rule: Rule,
    /// Members for which the write lost while it won for others, or for all.
    pub superseded: Vec<CompactString>,
    /// Equal stamps with different content: the later commit won (D3).
    pub ambiguous: bool,
    pub effect: Option<Effect>,
}

/// The asset after the write, and how its document differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    pub head: AssetHead,
    pub event: AssetEvent,
    pub document: Document,
    pub set: Vec<Member>,
    pub removed: Vec<CompactString>,
}

impl DocumentDecision {
    fn lost(outcome: Outcome, rule: Rule) -> DocumentDecision {
        DocumentDecision { outcome, rule, superseded: Vec::new(), ambiguous: false, effect: None }
    }
}

/// Decides one write of an asset's document. `head` is `AssetHead::unborn()` for an unknown id,
/// `document` what readers would see now (empty where dead).
pub fn decide(head: &AssetHead, document: &Document, write: StampedWrite<'_>) -> DocumentDecision {
    match write.verb {
        Verb::Delete => delete(head, document, write.stamp),
        Verb::Put => put(head, document, write),
        Verb::Patch if !head.is_alive() => {
            let known = head.death.happened();
            DocumentDecision::lost(if known { Outcome::Gone } else { Outcome::NotFound }, Rule::X1)
        }
        Verb::Post | Verb::Patch => partial(head, document, write),
    }
}

/// A full write: speaks for all members (D1), and is a sign of life (X1).
fn put(head: &AssetHead, document: &Document, write: StampedWrite<'_>) -> DocumentDecision {
    let stamp = write.stamp;
    if stamp <= head.death {
        return DocumentDecision::lost(Outcome::Superseded, Rule::X1);
    }
    if stamp < head.base {
        return DocumentDecision::lost(Outcome::Superseded, Rule::D1);
    }
    let again = stamp == head.base;
    let mut after = write.members.clone();
    let mut superseded = Vec::new();
    let stays = |e: &&Exception| if again { e.stamp >= stamp } else { e.stamp > stamp };
    let exceptions: Vec<Exception> = head.exceptions.iter().filter(stays).cloned().collect();
    for exception in &exceptions {
        let kept = if exception.removed { None } else { document.get(&exception.name) };
        let wanted = after.get(&exception.name);
        if kept.map(|m| m.hash) != wanted.map(|m| m.hash) {
            superseded.push(exception.name.clone());
        }
        match kept {
            Some(member) => after.set(member.clone()),
            None => drop(after.remove(&exception.name)),
        }
    }
    let same = head.is_alive() && after.hash() == document.hash();
    if again && same {
        return DocumentDecision { superseded, ..DocumentDecision::lost(Outcome::Duplicate, Rule::D2) };
    }
    let next = AssetHead { life: head.life.max(stamp), base: stamp, exceptions, ..head.clone() };
    won(head, document, next, after, superseded, again)
}

/// A partial write: speaks for the members that it names (D1).
fn partial(head: &AssetHead, document: &Document, write: StampedWrite<'_>) -> DocumentDecision {
    let stamp = write.stamp;
    if stamp <= head.death {
        return DocumentDecision::lost(Outcome::Superseded, Rule::X1);
    }
    let mut tally = Tally::default();
    let mut next = head.clone();
    let mut after = document.clone();
    let named = write.members.members().iter().map(|m| (&m.name, Some(m)));
    let nulls = write.removed.iter().map(|name| (name, None));
    for (name, member) in named.chain(nulls) {
        match compare(head, document, name, member, stamp) {
            Standing::Older => tally.superseded.push(name.clone()),
            Standing::Repeated => tally.repeated += 1,
            Standing::Newer { tied } => {
                tally.ambiguous |= tied;
                set_exception(&mut next.exceptions, name, stamp, member.is_none());
                match member {
                    Some(member) => after.set(member.clone()),
                    None => drop(after.remove(name)),
                }
            }
        }
    }
    if write.verb == Verb::Post {
        next.life = next.life.max(stamp);
    }
    // a tie leaves every stamp as it was, but not what it says
    let nothing_recorded = next == *head && !tally.ambiguous;
    if nothing_recorded {
        return tally.without_effect(stamp, head);
    }
    let raised_none = next.exceptions == head.exceptions && !tally.ambiguous;
    let all_lost = head.is_alive() && !tally.superseded.is_empty() && raised_none;
    let decision = won(head, document, next, after, tally.superseded, tally.ambiguous);
    if all_lost {
        // only life moved: the write said something, and lost with all of it
        return DocumentDecision { outcome: Outcome::Superseded, rule: Rule::D1, ..decision };
    }
    decision
}

#[derive(Default)]
struct Tally {
    superseded: Vec<CompactString>,
    repeated: usize,
    ambiguous: bool,
}

impl Tally {
    fn without_effect(self, stamp: Stamp, head: &AssetHead) -> DocumentDecision {
        let (outcome, rule) = if !self.superseded.is_empty() {
            (Outcome::Superseded, Rule::D1)
        } else if self.repeated > 0 || stamp == head.life {
            (Outcome::Duplicate, Rule::D2)
        } else {
            (Outcome::Unchanged, Rule::D2)
        };
        DocumentDecision { superseded: self.superseded, ..DocumentDecision::lost(outcome, rule) }
    }
}

enum Standing {
    Older,
    Repeated,
    Newer { tied: bool },
}

/// D1–D3 for one member: the stamp that holds it now against the write's.
fn compare(
    head: &AssetHead,
    document: &Document,
    name: &str,
    wanted: Option<&Member>,
    stamp: Stamp,
) -> Standing {
    let held = member_stamp(head, name);
    if stamp > held {
        return Standing::Newer { tied: false };
    }
    if stamp < held {
        return Standing::Older;
    }
    let same = document.get(name).map(|m| m.hash) == wanted.map(|m| m.hash);
    if same { Standing::Repeated } else { Standing::Newer { tied: true } }
}

/// The stamp that a member's present state bears: its exception's, else the base's.
pub fn member_stamp(head: &AssetHead, name: &str) -> Stamp {
    match head.exceptions.binary_search_by(|e| e.name.as_str().cmp(name)) {
        Ok(place) => head.exceptions[place].stamp,
        Err(_) => head.base,
    }
}

fn set_exception(exceptions: &mut Vec<Exception>, name: &CompactString, stamp: Stamp, removed: bool) {
    let exception = Exception { name: name.clone(), stamp, removed };
    match exceptions.binary_search_by(|e| e.name.cmp(name)) {
        Ok(place) => exceptions[place] = exception,
        Err(place) => exceptions.insert(place, exception),
    }
}

/// X1: what is stamped at or below the delete is gone and stays gone.
fn delete(head: &AssetHead, document: &Document, stamp: Stamp) -> DocumentDecision {
    if stamp == head.death {
        return DocumentDecision::lost(Outcome::Duplicate, Rule::D2);
    }
    if stamp < head.death {
        return DocumentDecision::lost(Outcome::Superseded, Rule::X1);
    }
    let mut next = AssetHead { death: stamp, ..head.clone() };
    if next.life <= stamp {
        return died(head, document, next);
    }
    // a late delete on an asset that has lived since: it takes what is not newer
    next.exceptions.retain(|e| e.stamp > stamp);
    let base_is_gone = head.base <= stamp;
    let survives = |m: &&Member| match next.exceptions.binary_search_by(|e| e.name.cmp(&m.name)) {
        Ok(_) => true,
        Err(_) => !base_is_gone,
    };
    let after = Document::from_members(document.members().iter().filter(survives).cloned().collect());
    let decision = won(head, document, next, after, Vec::new(), false);
    let removes = decision.outcome == Outcome::Updated;
    let outcome = if removes { Outcome::Updated } else { Outcome::Superseded };
    DocumentDecision { outcome, rule: Rule::X1, ..decision }
}

fn died(head: &AssetHead, document: &Document, mut next: AssetHead) -> DocumentDecision {
    let was_alive = head.is_alive();
    let was_known = was_alive || head.death.happened();
    next.exceptions.clear();
    next.currency = None;
    next.inactive = false;
    next.absences = 0;
    next.hash = Document::default().hash();
    if was_alive {
        next.version = next.version.wrapping_add(1);
    }
    let effect = Effect {
        head: next,
        event: if was_alive { AssetEvent::Deleted } else { AssetEvent::Stamped },
        document: Document::default(),
        set: Vec::new(),
        removed: document.members().iter().map(|m| m.name.clone()).collect(),
    };
    let outcome = if was_known && !was_alive { Outcome::Unchanged } else { Outcome::Deleted };
    DocumentDecision { effect: Some(effect), ..DocumentDecision::lost(outcome, Rule::X1) }
}

/// The write raised something: makes out what of it can be seen.
fn won(
    head: &AssetHead,
    document: &Document,
    mut next: AssetHead,
    after: Document,
    superseded: Vec<CompactString>,
    ambiguous: bool,
) -> DocumentDecision {
    let born = !head.is_alive();
    let (set, removed) = difference(document, &after);
    let differs = born || !set.is_empty() || !removed.is_empty();
    if differs {
        next.version = next.version.wrapping_add(1);
        next.hash = after.hash();
        next.inactive = is_inactive(&after);
        next.currency = after.plain_text("currency").and_then(|code| Currency::new(code).ok());
    }
    let revived = born && head.death.happened();
    let (outcome, rule, event) = match (born, differs) {
        (true, _) if revived => (Outcome::Created, Rule::X1, AssetEvent::Created),
        (true, _) => (Outcome::Created, Rule::D1, AssetEvent::Created),
        (false, true) => (Outcome::Updated, Rule::D1, AssetEvent::Updated),
        (false, false) => (Outcome::Unchanged, Rule::D2, AssetEvent::Stamped),
    };
    let rule = if ambiguous { Rule::D3 } else { rule };
    let effect = Effect { head: next, event, document: after, set, removed };
    DocumentDecision { outcome, rule, superseded, ambiguous, effect: Some(effect) }
}

/// X5: `status` is active where it is missing or says so.
fn is_inactive(document: &Document) -> bool {
    document.get("status").is_some_and(|member| !matches!(&*member.text, "\"active\"" | "null"))
}

fn difference(before: &Document, after: &Document) -> (Vec<Member>, Vec<CompactString>) {
    let is_new = |m: &&Member| before.get(&m.name).is_none_or(|old| old.hash != m.hash);
    let set = after.members().iter().filter(is_new).cloned().collect();
    let is_gone = |m: &&Member| after.get(&m.name).is_none();
    let removed = before.members().iter().filter(is_gone).map(|m| m.name.clone()).collect();
    (set, removed)
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
