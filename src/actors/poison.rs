//! Pushes that kill their actor (C18). At its third death by the same push, the push is no longer
//! handed over: it is refused as `poisoned`, and kept in the quarantine.
//!
//! A feed's run that kills the actor three times in a row is counted likewise, by its feed: its
//! bytes may differ with each fetch. The feed then rests.
//!
//! The actor is watched while it decides a push; a watch that is dropped before the push has passed
//! notes its fingerprint here. The memory is bounded and ends with the process: whoever has mended
//! the fault starts again. Pushes that only waited in the mailbox are not suspected.

use super::push::{Push, PushBody};
use crate::domain::{ItemOutcome, Outcome, Rule};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use xxhash_rust::xxh3::Xxh3;

/// Deaths after which a push is refused.
const DEATHS_MAX: u8 = 3;
/// Suspects remembered per partner; of more at once the oldest is forgotten.
const SUSPECTS_MAX: usize = 64;

/// What is to be done with a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suspicion {
    Clean,
    /// Refuse it, and have it kept in the quarantine.
    KeepAside,
    /// Refuse it without troubling the actor: it is kept, or keeping it has killed too.
    Refuse,
}

/// The suspects of one partner, shared by its entry and its actor.
#[derive(Clone, Debug, Default)]
pub struct Poison(Arc<Suspects>);

#[derive(Debug, Default)]
struct Suspects {
    known: Mutex<VecDeque<Suspect>>,
    /// How many there are: without any, no push is hashed.
    count: AtomicUsize,
    /// Deaths in a row at steps of the feed's runs.
    run_deaths: AtomicU32,
}

#[derive(Debug)]
struct Suspect {
    fingerprint: u128,
    deaths: u8,
    kept: bool,
}

/// Says, by being dropped, that a push has killed its actor.
pub struct PushWatch {
    poison: Poison,
    body: Option<PushBody>,
}

impl PushWatch {
    /// The push has been decided.
    pub fn passed(mut self) {
        self.body = None;
    }
}

impl Drop for PushWatch {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            self.poison.note_death(&body);
        }
    }
}

/// Says, by being dropped, that a step of a run has killed the actor.
pub struct RunWatch {
    poison: Poison,
    passed: bool,
}

impl RunWatch {
    pub fn passed(mut self) {
        self.passed = true;
    }
}

impl Drop for RunWatch {
    fn drop(&mut self) {
        if !self.passed {
            self.poison.0.run_deaths.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl Poison {
    pub fn watch_run(&self) -> RunWatch {
        RunWatch { poison: self.clone(), passed: false }
    }

    /// The feed's runs have killed so often that it has to rest.
    pub fn feed_must_rest(&self) -> bool {
        self.0.run_deaths.load(Ordering::Acquire) >= u32::from(DEATHS_MAX)
    }

    /// A run has come to its end, or what it is read by has changed.
    pub fn forget_run_deaths(&self) {
        self.0.run_deaths.store(0, Ordering::Release);
    }

    pub fn watch(&self, body: &PushBody) -> PushWatch {
        PushWatch { poison: self.clone(), body: Some(body.clone()) }
    }

    pub(super) fn suspicion(&self, body: &PushBody) -> Suspicion {
        if self.0.count.load(Ordering::Acquire) == 0 {
            return Suspicion::Clean;
        }
        let fingerprint = fingerprint(body);
        match self.lock().iter().find(|suspect| suspect.fingerprint == fingerprint) {
            Some(suspect) if suspect.kept || suspect.deaths > DEATHS_MAX => Suspicion::Refuse,
            Some(suspect) if suspect.deaths == DEATHS_MAX => Suspicion::KeepAside,
            _ => Suspicion::Clean,
        }
    }

    /// The quarantine has it.
    pub(super) fn note_kept(&self, body: &PushBody) {
        let fingerprint = fingerprint(body);
        if let Some(suspect) = self.lock().iter_mut().find(|suspect| suspect.fingerprint == fingerprint) {
            suspect.kept = true;
        }
    }

    fn note_death(&self, body: &PushBody) {
        let fingerprint = fingerprint(body);
        let mut known = self.lock();
        match known.iter_mut().find(|suspect| suspect.fingerprint == fingerprint) {
            Some(suspect) => suspect.deaths = suspect.deaths.saturating_add(1),
            None => {
                known.truncate(SUSPECTS_MAX - 1);
                known.push_front(Suspect { fingerprint, deaths: 1, kept: false });
            }
        }
        self.0.count.store(known.len(), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Suspect>> {
        // the list is sound after every statement
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The push with each of its items refused: what is left to do is to keep it.
pub(super) fn refused(push: Box<Push>) -> Box<Push> {
    let writes = push.writes.iter().map(|_| Err(Box::new(refusal()))).collect();
    Box::new(Push { writes, atomic: false, delivery: None, ..*push })
}

pub(super) fn refusal() -> ItemOutcome {
    let hint = "this push has failed inside three times and is not tried again; tell the operator";
    ItemOutcome::noted(Outcome::Rejected, Rule::G3, "poisoned", hint)
}

/// Of what a push says: its body, how that is read, and the asset that its path names.
fn fingerprint(body: &PushBody) -> u128 {
    let mut hash = Xxh3::new();
    hash.update(&[body.form.kind as u8, u8::from(body.form.ndjson)]);
    hash.update(body.id.as_ref().map_or(&[][..], |id| id.as_str().as_bytes()));
    hash.update(&[0]);
    if let Some(hook) = &body.hook {
        hash.update(format!("{}{:?}", hook.name, hook.headers).as_bytes());
    }
    hash.update(&body.bytes);
    hash.digest128()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::request::again::Form;
    use crate::domain::RefusedKind;

    fn body(text: &str) -> PushBody {
        let form = Form { ndjson: false, kind: RefusedKind::Post };
        PushBody { bytes: text.to_owned().into(), form, id: None, quote: None, hook: None }
    }

    #[test]
    fn c18_a_push_that_killed_three_times_is_kept_aside_once_and_then_refused() {
        let poison = Poison::default();
        for _ in 0..DEATHS_MAX {
            assert_eq!(poison.suspicion(&body("x")), Suspicion::Clean);
            drop(poison.watch(&body("x")));
            poison.watch(&body("y")).passed();
        }
        assert_eq!(poison.suspicion(&body("x")), Suspicion::KeepAside);
        assert_eq!(poison.suspicion(&body("y")), Suspicion::Clean);
        poison.note_kept(&body("x"));
        assert_eq!(poison.suspicion(&body("x")), Suspicion::Refuse);
    }

    #[test]
    fn c18_a_push_that_kills_also_where_it_is_kept_aside_is_handed_over_no_more() {
        let poison = Poison::default();
        for _ in 0..=DEATHS_MAX {
            drop(poison.watch(&body("x")));
        }
        assert_eq!(poison.suspicion(&body("x")), Suspicion::Refuse);
    }

    #[test]
    fn b7_a_feed_rests_at_the_third_death_in_a_row_and_a_run_that_ends_makes_good_for_all() {
        let poison = Poison::default();
        for _ in 0..2 {
            drop(poison.watch_run());
            poison.watch_run().passed();
        }
        assert!(!poison.feed_must_rest());
        poison.forget_run_deaths();
        for _ in 0..3 {
            assert!(!poison.feed_must_rest());
            drop(poison.watch_run());
        }
        assert!(poison.feed_must_rest());
    }

    #[test]
    fn c18_suspects_are_bounded_and_the_newest_are_remembered() {
        let poison = Poison::default();
        for n in 0..2 * SUSPECTS_MAX {
            (0..DEATHS_MAX).for_each(|_| drop(poison.watch(&body(&n.to_string()))));
        }
        assert_eq!(poison.lock().len(), SUSPECTS_MAX);
        assert_eq!(poison.suspicion(&body("0")), Suspicion::Clean);
        assert_eq!(poison.suspicion(&body(&(2 * SUSPECTS_MAX - 1).to_string())), Suspicion::KeepAside);
    }
}
