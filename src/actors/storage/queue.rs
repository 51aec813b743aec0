//! The line of write sets that wait for their group commit.
//!
//! Partners' actors append, the writer's thread takes all that is there: while one commit syncs,
//! the next group gathers. Its length is bounded by the permits that travel in the sets.

use crate::actors::push::{Pending, PushAnswer, PushReply, Unavailable};
use crate::domain::{Seq, WriteSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use tokio::sync::oneshot;

/// A decided write set on its way to the log.
#[derive(Debug)]
pub struct PendingSet {
    pub set: WriteSet,
    /// Approximate bytes of the set, for the bound of a group.
    pub bytes: usize,
    pub ack: Option<Ack>,
    /// Raised to this ticket when the set can be read: its partner then drops its own copy.
    pub ticket: Option<(Arc<AtomicU64>, u64)>,
}

/// Who waits for the set to be durable.
#[derive(Debug)]
pub enum Ack {
    Push {
        reply: PushReply,
        answer: PushAnswer<Pending>,
    },
    /// The actors' own: run state, numbers of partners.
    Internal(oneshot::Sender<Seq>),
}

/// What the thread is to do next.
pub enum Work {
    Group(Vec<PendingSet>),
    /// Nothing waits, but the thread was asked not to sleep.
    Idle,
    /// The queue is closed and empty.
    Closed,
}

#[derive(Default)]
pub struct Queue {
    line: Mutex<Line>,
    arrived: Condvar,
}

#[derive(Default)]
struct Line {
    waiting: Vec<PendingSet>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    /// Appends; drops the set where the store takes no more (its caller then sees "unknown").
    pub fn push(&self, set: PendingSet) -> Result<(), Unavailable> {
        let mut line = self.lock();
        if line.closed {
            return Err(Unavailable);
        }
        line.bytes += set.bytes;
        line.waiting.push(set);
        let first = line.waiting.len() == 1;
        drop(line);
        if first {
            self.arrived.notify_one();
        }
        Ok(())
    }

    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// The next group, of at most `bytes_max` unless one set alone is larger. Sleeps until there
    /// is one, unless `may_sleep` is false.
    pub fn take(&self, bytes_max: usize, may_sleep: bool) -> Work {
        let mut line = self.lock();
        while line.waiting.is_empty() {
            if line.closed {
                return Work::Closed;
            }
            if !may_sleep {
                return Work::Idle;
            }
            line = self.arrived.wait(line).unwrap_or_else(PoisonError::into_inner);
        }
        let mut bytes = 0;
        let fits = |set: &&PendingSet| {
            let first = bytes == 0;
            bytes += set.bytes.max(1);
            first || bytes <= bytes_max
        };
        let count = line.waiting.iter().take_while(fits).count();
        let rest = line.waiting.split_off(count);
        let group = std::mem::replace(&mut line.waiting, rest);
        line.bytes = line.waiting.iter().map(|set| set.bytes).sum();
        Work::Group(group)
    }

    /// Takes no more; what waits is still taken.
    pub fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Takes no more and drops what waits: its callers see "unknown".
    pub fn fail(&self) {
        let mut line = self.lock();
        line.closed = true;
        line.waiting.clear();
        line.bytes = 0;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Line> {
        // the line is sound after every statement, so a panic elsewhere does not spoil it
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PartnerNo;

    fn set(bytes: usize) -> PendingSet {
        PendingSet { set: WriteSet::new(PartnerNo(1)), bytes, ack: None, ticket: None }
    }

    fn taken(work: Work) -> usize {
        match work {
            Work::Group(group) => group.len(),
            Work::Idle | Work::Closed => 0,
        }
    }

    #[test]
    fn a_group_is_bounded_by_bytes_but_never_empty() {
        let queue = Queue::default();
        for bytes in [100, 10, 10, 10] {
            queue.push(set(bytes)).unwrap();
        }
        assert_eq!(taken(queue.take(20, true)), 1, "one that is too large goes alone");
        assert_eq!(queue.bytes(), 30);
        assert_eq!(taken(queue.take(20, true)), 2);
        assert_eq!(taken(queue.take(20, true)), 1);
        assert_eq!(taken(queue.take(20, false)), 0);
    }

    #[test]
    fn a_closed_queue_gives_out_what_it_holds_and_takes_no_more() {
        let queue = Queue::default();
        queue.push(set(1)).unwrap();
        queue.close();
        assert!(queue.push(set(1)).is_err());
        assert_eq!(taken(queue.take(10, true)), 1);
        assert!(matches!(queue.take(10, true), Work::Closed));
    }
}
