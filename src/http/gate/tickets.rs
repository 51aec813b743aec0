//! Tickets: what a page in a browser opens a change stream with, since its `EventSource` sends no header.
//!
//! A ticket is made by somebody with a key, for one stream, and for the filters that it was made with. It is
//! in a URL, which proxies and browsers write down: so it is good for a minute, spent when the stream opens,
//! and worth nothing after. That is also why it does not last for as long as the stream: a page that is cut
//! off fetches another one. Kept in memory alone, as its hash; a start of the daemon forgets it.

use super::auth::{Caller, Pass};
use super::shares::ReadingParty;
use crate::clock::Mark;
use crate::config::KeyHash;
use crate::http::tail::{ChangeForm, Interest};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a ticket is good for.
pub const TICKET_LIFE: Duration = Duration::from_secs(60);
const RANDOM_BYTES: usize = 32;

/// What a ticket opens.
pub struct Ticket {
    /// Who made it.
    pub caller: Caller,
    /// The key that it was made with: without it, it is void.
    pub pass: Pass,
    /// Which changes are told.
    pub interest: Interest,
    /// In which form.
    pub form: ChangeForm,
}

struct Kept {
    ticket: Ticket,
    party: ReadingParty,
    made_at: Mark,
}

/// Those that have been made and not spent.
#[derive(Default)]
pub struct Tickets(Mutex<HashMap<[u8; 32], Kept>>);

impl Tickets {
    /// Makes one; `None` where the caller has `max` of them open, as many as it may have streams.
    pub fn make(&self, ticket: Ticket, party: ReadingParty, max: usize) -> Option<String> {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random).ok()?;
        let text = hex::encode(random);
        let mut kept = self.locked();
        kept.retain(|_, other| other.made_at.elapsed() < TICKET_LIFE);
        if kept.values().filter(|other| other.party == party).count() >= max {
            return None;
        }
        kept.insert(KeyHash::of(&text).0, Kept { ticket, party, made_at: Mark::now() });
        Some(text)
    }

    /// What it opens; it opens nothing more. `None` where there is no such ticket, or no more.
    pub fn spend(&self, text: &str) -> Option<Ticket> {
        // found by its hash: the time of the look-up says nothing about it
        let kept = self.locked().remove(&KeyHash::of(text).0)?;
        (kept.made_at.elapsed() < TICKET_LIFE).then_some(kept.ticket)
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<[u8; 32], Kept>> {
        // the map is sound after every statement, so a panic elsewhere does not spoil it
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
