//! Existence and members of an asset (D1–D3, X1, X3, X5): what a write does to its head and document.
//!
//! What is kept is a set of maxima (death, end, life, base, exceptions), so the order of arrival does
//! not matter: a write either raises one of them or has lost. Decisions rest on the *held* document:
//! what readers see of a living asset, and what they would see of a dead one if it were alive. Absence
//! hides it, a said delete ends what is at or below it. Prices are not looked at here.

pub mod absence;
pub mod extent;
pub(super) mod ties;
pub mod unread;

use self::ties::member_stamp;
use crate::domain::{
    AssetEvent, AssetHead, AssetWrite, Beaten, Currency, Document, Exception, Member, Outcome, Rule, Stamp,
    Verb,
};
use compact_str::CompactString;

/// A write with its stamp made out.
#[derive(Clone, Copy, Debug)]
pub struct StampedWrite<'a> {
    /// How it speaks.
    pub verb: Verb,
    /// Its time, lane and number.
    pub stamp: Stamp,
    /// What it states.
    pub members: &'a Document,
    /// What a partial write removes.
    pub removed: &'a [CompactString],
}

/// What the write does. `effect: None` means that nothing at all is recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentDecision {
    /// What its sender hears.
    pub outcome: Outcome,
    /// The rule that decided.
    pub rule: Rule,
    /// Members for which the write lost while it won for others, or for all.
    pub superseded: Vec<CompactString>,
    /// Equal stamps with different content: the later commit won (D3).
    pub ambiguous: bool,
    /// The asset stays absent (X3): what the write says is held, hidden.
    pub hidden: bool,
    /// `None`: nothing is recorded.
    pub effect: Option<Effect>,
}

/// The asset after the write, and how its document differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// Its existence and stamps after the write.
    pub head: AssetHead,
    /// What the change stream calls it.
    pub event: AssetEvent,
    /// As it is held.
    pub document: Document,
    /// Members that have another value now.
    pub set: Vec<Member>,
    /// Members that are gone now.
    pub removed: Vec<CompactString>,
}

impl DocumentDecision {
    fn lost(outcome: Outcome, rule: Rule) -> DocumentDecision {
        DocumentDecision {
            outcome,
            rule,
            superseded: Vec::new(),
            ambiguous: false,
            hidden: false,
            effect: None,
        }
    }
}

/// The members that a full write states, with those that it leaves as they are stored: it states these
/// again, as of its own time.
pub fn with_kept(write: &AssetWrite, held: &Document) -> Document {
    let mut members = write.members.clone();
    for member in write.kept.iter().filter_map(|name| held.get(name)) {
        members.set(member.clone());
    }
    members
}

/// What a write has raised, before it is made out what of it can be seen.
struct Raised {
    next: AssetHead,
    after: Document,
    superseded: Vec<CompactString>,
    ambiguous: bool,
    /// The write said something, and lost with all of it.
    all_lost: bool,
}

/// Decides one write of an asset's document. `head` is `AssetHead::unborn()` for an unknown id,
/// `held` the document as it is held, whether the asset is alive or not.
pub fn decide(head: &AssetHead, held: &Document, write: StampedWrite<'_>) -> DocumentDecision {
    decide_after(head, held, write, Stamp::NEVER)
}

/// The same after files have been applied: `lacked` is `(S, feed)` of the newest one that would have
/// deleted the asset if the write had come in time (X3), `NEVER` where there is none.
pub fn decide_after(
    head: &AssetHead,
    held: &Document,
    write: StampedWrite<'_>,
    lacked: Stamp,
) -> DocumentDecision {
    if write.verb == Verb::Delete {
        return delete(head, held, write.stamp);
    }
    if write.verb == Verb::Patch && !head.is_alive() {
        let known = head.death.happened();
        return DocumentDecision::lost(if known { Outcome::Gone } else { Outcome::NotFound }, Rule::X1);
    }
    if write.stamp <= head.end {
        return DocumentDecision::lost(Outcome::Superseded, Rule::X1);
    }
    let raised = if write.verb == Verb::Put { put(head, held, write) } else { partial(head, held, write) };
    let mut decision = match raised {
        Ok(raised) => won(head, held, raised, lacked),
        Err(lost) => *lost,
    };
    let after = decision.effect.as_ref().map_or(head, |effect| &effect.head);
    if !after.is_alive() {
        decision.hidden = true;
        (decision.outcome, decision.rule) = (Outcome::Superseded, Rule::X3);
    }
    decision
}

/// A full write: speaks for all members (D1), and is a sign of life (X1).
fn put(head: &AssetHead, held: &Document, write: StampedWrite<'_>) -> Result<Raised, Box<DocumentDecision>> {
    let stamp = write.stamp;
    if stamp < head.base {
        return Err(Box::new(DocumentDecision::lost(Outcome::Superseded, Rule::D1)));
    }
    let again = stamp == head.base;
    if again && ties::base_has_lost(head, write.members) {
        return Err(Box::new(DocumentDecision::lost(Outcome::Duplicate, Rule::D3)));
    }
    let mut after = write.members.clone();
    let (mut superseded, mut exceptions, mut beaten) = (Vec::new(), Vec::new(), Vec::new());
    for exception in &head.exceptions {
        let kept = held.get(&exception.name).filter(|_| !exception.removed);
        let differs = kept.map(|m| m.hash) != after.get(&exception.name).map(|m| m.hash);
        let stays = exception.stamp > stamp || (again && exception.stamp == stamp);
        if !stays {
            if differs && exception.stamp == stamp {
                beaten.push(ties::of_member(&exception.name, ties::hash_of(kept)));
            }
            continue;
        }
        if differs {
            superseded.push(exception.name.clone());
        }
        match kept {
            Some(member) => after.set(member.clone()),
            None => drop(after.remove(&exception.name)),
        }
        exceptions.push(exception.clone());
    }
    if again && after.hash() == held.hash() {
        let lost = DocumentDecision::lost(Outcome::Duplicate, Rule::D2);
        return Err(Box::new(DocumentDecision { superseded, ..lost }));
    }
    if again {
        beaten.push(ties::of_base(&head.exceptions, held));
    }
    let ambiguous = !beaten.is_empty();
    let mut next = AssetHead { life: head.life.max(stamp), base: stamp, exceptions, ..head.clone() };
    next.beaten = ties::after(head, &next, beaten);
    Ok(Raised { next, after, superseded, ambiguous, all_lost: false })
}

/// A partial write: speaks for the members that it names (D1).
fn partial(
    head: &AssetHead,
    held: &Document,
    write: StampedWrite<'_>,
) -> Result<Raised, Box<DocumentDecision>> {
    let stamp = write.stamp;
    let mut tally = Tally::default();
    let mut next = head.clone();
    let mut after = held.clone();
    let named = write.members.members().iter().map(|m| (&m.name, Some(m)));
    let nulls = write.removed.iter().map(|name| (name, None));
    for (name, member) in named.chain(nulls) {
        match compare(head, held, name, member, stamp) {
            Standing::Older => tally.superseded.push(name.clone()),
            Standing::Repeated => tally.repeated += 1,
            Standing::Newer { beaten } => {
                tally.beaten.extend(beaten);
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
    let ambiguous = !tally.beaten.is_empty();
    if next == *head && !ambiguous {
        return Err(Box::new(tally.without_effect(stamp, head)));
    }
    let raised_none = next.exceptions == head.exceptions && !ambiguous;
    let all_lost = head.is_alive() && !tally.superseded.is_empty() && raised_none;
    next.beaten = ties::after(head, &next, tally.beaten);
    Ok(Raised { next, after, superseded: tally.superseded, ambiguous, all_lost })
}

#[derive(Default)]
struct Tally {
    superseded: Vec<CompactString>,
    repeated: usize,
    beaten: Vec<Beaten>,
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
    /// The member says so already, or the value has lost at this very stamp.
    Repeated,
    /// `beaten`: what stood at the equal stamp.
    Newer {
        beaten: Option<Beaten>,
    },
}

/// D1–D3 for one member: the stamp that holds it now against the write's.
fn compare(head: &AssetHead, held: &Document, name: &str, wanted: Option<&Member>, stamp: Stamp) -> Standing {
    let standing = member_stamp(head, name);
    if stamp > standing {
        return Standing::Newer { beaten: None };
    }
    if stamp < standing {
        return Standing::Older;
    }
    let stands = held.get(name);
    let same = stands.map(|m| m.hash) == wanted.map(|m| m.hash);
    if same || ties::member_has_lost(head, name, ties::hash_of(wanted)) {
        return Standing::Repeated;
    }
    Standing::Newer { beaten: Some(ties::of_member(name, ties::hash_of(stands))) }
}

fn set_exception(exceptions: &mut Vec<Exception>, name: &CompactString, stamp: Stamp, removed: bool) {
    let exception = Exception { name: name.clone(), stamp, removed };
    match exceptions.binary_search_by(|e| e.name.cmp(name)) {
        Ok(place) => exceptions[place] = exception,
        Err(place) => exceptions.insert(place, exception),
    }
}

/// Whether a delete at `stamp` leaves nothing of the asset, so that its document need not be read.
pub fn ends_all(head: &AssetHead, stamp: Stamp) -> bool {
    head.newest() <= stamp || (head.life <= head.death && !holds_above(head, stamp))
}

fn holds_above(head: &AssetHead, stamp: Stamp) -> bool {
    head.base > stamp || head.exceptions.iter().any(|exception| exception.stamp > stamp)
}

/// X1: what is stamped at or below the delete is gone and stays gone; what is above it is held.
fn delete(head: &AssetHead, held: &Document, stamp: Stamp) -> DocumentDecision {
    if stamp == head.end {
        return DocumentDecision::lost(Outcome::Duplicate, Rule::D2);
    }
    if stamp < head.end {
        return DocumentDecision::lost(Outcome::Superseded, Rule::X1);
    }
    let mut next = AssetHead { end: stamp, death: head.death.max(stamp), ..head.clone() };
    next.exceptions.retain(|e| e.stamp > stamp);
    next.beaten = ties::after(head, &next, Vec::new());
    if !next.is_alive() {
        next.absences = 0;
    }
    let base_is_gone = head.base <= stamp;
    let survives = |m: &&Member| match next.exceptions.binary_search_by(|e| e.name.cmp(&m.name)) {
        Ok(_) => true,
        Err(_) => !base_is_gone,
    };
    let after = Document::from_members(held.members().iter().filter(survives).cloned().collect());
    let was_said = head.death.happened() && head.death == head.end;
    let was_alive = head.is_alive();
    let raised = Raised { next, after, superseded: Vec::new(), ambiguous: false, all_lost: false };
    let decision = won(head, held, raised, Stamp::NEVER);
    let lives = decision.effect.as_ref().is_some_and(|effect| effect.head.is_alive());
    let outcome = match decision.outcome {
        Outcome::Updated => Outcome::Updated,
        // a late delete that takes nothing of an asset that has lived since
        _ if lives => Outcome::Superseded,
        _ if !was_alive && was_said => Outcome::Unchanged,
        _ => Outcome::Deleted,
    };
    DocumentDecision { outcome, rule: Rule::X1, ..decision }
}

/// The write raised something: makes out what of it can be seen.
fn won(head: &AssetHead, held: &Document, raised: Raised, lacked: Stamp) -> DocumentDecision {
    let Raised { mut next, after, superseded, ambiguous, all_lost } = raised;
    let (set, removed) = difference(held, &after);
    // always: a head of before strings were decoded is mended by the next write
    next.inactive = is_inactive(&after);
    next.currency = after.text_of("currency").and_then(|code| Currency::new(&code).ok());
    let was_alive = head.is_alive();
    if !was_alive && next.is_alive() && !next.inactive && next.newest() < lacked {
        // X3: a file of after it, and of before now, has lacked it
        next.death = next.death.max(lacked);
    }
    let lives = next.is_alive();
    let is_seen = !set.is_empty() || !removed.is_empty() || was_alive != lives;
    if is_seen || head.holds_members() != next.holds_members() {
        next.version = next.version.wrapping_add(1);
        next.hash = after.hash();
    }
    let (outcome, rule, event) = match (was_alive, lives) {
        (false, true) if head.death.happened() => (Outcome::Created, Rule::X1, AssetEvent::Created),
        (false, true) => (Outcome::Created, Rule::D1, AssetEvent::Created),
        (true, true) if all_lost => (Outcome::Superseded, Rule::D1, AssetEvent::Stamped),
        (true, true) if is_seen => (Outcome::Updated, Rule::D1, AssetEvent::Updated),
        (true, false) => (Outcome::Deleted, Rule::X1, AssetEvent::Deleted),
        (true, true) | (false, false) => (Outcome::Unchanged, Rule::D2, AssetEvent::Stamped),
    };
    let rule = if ambiguous { Rule::D3 } else { rule };
    let (set, removed) = match event {
        // readers get it again: whole
        AssetEvent::Created => (after.members().to_vec(), Vec::new()),
        _ => (set, removed),
    };
    let effect = Effect { head: next, event, document: after, set, removed };
    DocumentDecision { outcome, rule, superseded, ambiguous, hidden: false, effect: Some(effect) }
}

/// X5: `status` is active where it is missing or says so.
fn is_inactive(document: &Document) -> bool {
    document.get("status").is_some_and(|member| &*member.text != "null")
        && document.text_of("status").as_deref() != Some("active")
}

fn difference(before: &Document, after: &Document) -> (Vec<Member>, Vec<CompactString>) {
    let is_new = |m: &&Member| before.get(&m.name).is_none_or(|old| old.hash != m.hash);
    let set = after.members().iter().filter(is_new).cloned().collect();
    let is_gone = |m: &&Member| after.get(&m.name).is_none();
    let removed = before.members().iter().filter(is_gone).map(|m| m.name.clone()).collect();
    (set, removed)
}

#[cfg(test)]
mod boundary_tests;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod held_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod ties_tests;
