//! Admission: the right to be taken in, decided before the mailbox and before the body is read.
//!
//! Mailboxes are unbounded, so the bound is here: a permit over the request's bytes, of the
//! partner and of the daemon, travels with the message and falls when the reply has left.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits are counted in units of this many bytes.
const UNIT_BYTES: usize = 1024;
/// Beside the bytes of requests, a partner may have one in so many of stored documents worked on, and
/// so may the daemon.
const DOCUMENTS_SHARE: usize = 4;
/// The same of replies that their clients have not taken yet.
const REPLIES_SHARE: usize = 4;
/// What an item takes in a reply, about, beside what its request has brought.
const REPLY_ITEM_BYTES: usize = 160;
/// A smaller reply is not counted: connections are few enough for it.
const REPLY_SMALL_BYTES: usize = 8 << 10;

/// Why a request is not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shed {
    /// The partner's own quota is used up (429).
    PartnerRate {
        /// When the partner may ask again.
        retry_after: Duration,
    },
    /// Too many calls from this address have not proven who sends them (429).
    Strangers {
        /// When one may fail again.
        retry_after: Duration,
    },
    /// The partner has too many bytes in flight (429).
    PartnerBytes,
    /// The daemon is full (503).
    DaemonBytes,
    /// More items at once than the quota's burst can ever hold (413).
    BeyondBurst {
        /// How many may come at once.
        burst: u64,
    },
    /// The same of bytes (413).
    BeyondByteBurst {
        /// How many may come at once.
        bytes_max: u64,
    },
    /// The documents of the assets that a push is about hold more bytes than the partner may ever have
    /// worked on at once (413).
    BeyondDocuments {
        /// What all documents of one request may take.
        bytes_max: usize,
    },
    /// The caller's reads take all that they may (429).
    Reads,
    /// The store cannot take writes now: overlay or disk is full, or it has failed (503).
    Storage,
}

impl Shed {
    /// Stable label for metrics and problem codes.
    pub fn as_str(self) -> &'static str {
        match self {
            Shed::PartnerRate { .. } => "partner_rate",
            Shed::Strangers { .. } => "too_many_failures",
            Shed::PartnerBytes => "partner_bytes",
            Shed::DaemonBytes => "daemon_bytes",
            Shed::BeyondBurst { .. } => "beyond_burst",
            Shed::BeyondByteBurst { .. } => "beyond_byte_burst",
            Shed::BeyondDocuments { .. } => "beyond_documents",
            Shed::Reads => "reads_busy",
            Shed::Storage => "storage",
        }
    }
}

/// The right to be worked on. Dropping it gives the bytes back.
#[derive(Debug)]
pub struct Permit {
    partner: OwnedSemaphorePermit,
    daemon: OwnedSemaphorePermit,
    documents: DocumentPermit,
}

/// The right to hold stored documents while a push that is about them is decided: a small push may
/// be about large ones. It lives as long as the partner's actor keeps what it decided of them.
#[derive(Debug)]
pub struct DocumentPermit {
    bytes: usize,
    share: Share,
}

/// A budget of bytes in flight: of requests, and of the stored documents that they are about.
#[derive(Clone, Debug)]
pub struct Admission {
    bytes: Arc<Semaphore>,
    bytes_max: usize,
    documents: Budget,
    replies: Budget,
}

/// The right to hold the reply to a push until its client has taken it.
#[derive(Debug)]
pub struct ReplyPermit(Share);

#[derive(Clone, Debug)]
struct Budget {
    bytes: Arc<Semaphore>,
    bytes_max: usize,
}

/// What is taken of a partner's budget and, as much, of the daemon's.
#[derive(Debug)]
struct Share {
    partner: Budget,
    daemon: Budget,
    held: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
}

impl Admission {
    /// Room for requests of so many bytes together.
    pub fn new(bytes_max: usize) -> Admission {
        let semaphore = |bytes: usize| Arc::new(Semaphore::new((bytes / UNIT_BYTES).max(1)));
        let budget = |bytes_max: usize| Budget { bytes: semaphore(bytes_max), bytes_max };
        let (documents, replies) = (budget(bytes_max / DOCUMENTS_SHARE), budget(bytes_max / REPLIES_SHARE));
        Admission { bytes: semaphore(bytes_max), bytes_max, documents, replies }
    }

    /// Bytes of requests that are in flight, up to a unit more for each.
    pub fn bytes_in_flight(&self) -> usize {
        self.bytes_max.saturating_sub(self.bytes.available_permits() * UNIT_BYTES)
    }

    /// Takes `bytes` from the partner's budget and from the daemon's, or neither.
    pub fn admit(daemon: &Admission, partner: &Admission, bytes: usize) -> Result<Permit, Shed> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES).max(1)).unwrap_or(u32::MAX);
        let take = |bytes: &Arc<Semaphore>| Arc::clone(bytes).try_acquire_many_owned(units);
        let partner_bytes = take(&partner.bytes).map_err(|_| Shed::PartnerBytes)?;
        let daemon_bytes = take(&daemon.bytes).map_err(|_| Shed::DaemonBytes)?;
        let share = Share::of(&partner.documents, &daemon.documents);
        let documents = DocumentPermit { bytes: 0, share };
        Ok(Permit { partner: partner_bytes, daemon: daemon_bytes, documents })
    }

    /// Takes room for the reply to a push of so many items, before it is decided: what is durable is
    /// answered. A client that takes no replies has none left after a while.
    pub fn admit_reply(daemon: &Admission, partner: &Admission, items: usize) -> Result<ReplyPermit, Shed> {
        let mut share = Share::of(&partner.replies, &daemon.replies);
        let bytes = items.saturating_mul(REPLY_ITEM_BYTES);
        if bytes > REPLY_SMALL_BYTES {
            share.grow(share.units_within(bytes))?;
        }
        Ok(ReplyPermit(share))
    }
}

impl ReplyPermit {
    /// The reply is made: the right becomes one to what it takes. Where it takes more than was
    /// thought, and there is no more, it goes out all the same; `false` where it is not worth counting.
    pub fn fit(&mut self, bytes: usize) -> bool {
        let ReplyPermit(share) = self;
        if bytes <= REPLY_SMALL_BYTES {
            share.held = None;
            return false;
        }
        let (wanted, held) = (share.units_within(bytes), share.units());
        match (&mut share.held, held.checked_sub(wanted)) {
            // what is split off is given back
            (Some((partner, daemon)), Some(surplus)) => {
                let surplus = surplus as usize;
                drop((partner.split(surplus), daemon.split(surplus)));
            }
            _ => {
                let _ = share.grow(wanted.saturating_sub(held));
            }
        }
        true
    }
}

impl Share {
    fn of(partner: &Budget, daemon: &Budget) -> Share {
        Share { partner: partner.clone(), daemon: daemon.clone(), held: None }
    }

    /// All that could ever be taken.
    fn bytes_max(&self) -> usize {
        self.partner.bytes_max.min(self.daemon.bytes_max)
    }

    /// What is taken.
    fn units(&self) -> u32 {
        let permits = self.held.as_ref().map_or(0, |(partner, _)| partner.num_permits());
        u32::try_from(permits).unwrap_or(u32::MAX)
    }

    /// What so many bytes are, but never more than all: what is alone always has room.
    fn units_within(&self, bytes: usize) -> u32 {
        let all = (self.bytes_max() / UNIT_BYTES).max(1);
        u32::try_from(bytes.div_ceil(UNIT_BYTES).clamp(1, all)).unwrap_or(u32::MAX)
    }

    /// Takes so many more, of both or of neither.
    fn grow(&mut self, units: u32) -> Result<(), Shed> {
        let partner = self.partner.take(units).ok_or(Shed::PartnerBytes)?;
        let daemon = self.daemon.take(units).ok_or(Shed::DaemonBytes)?;
        match &mut self.held {
            None => self.held = Some((partner, daemon)),
            Some(held) => {
                held.0.merge(partner);
                held.1.merge(daemon);
            }
        }
        Ok(())
    }
}

impl Permit {
    /// Takes over the bytes of another permit of the same budgets. Where a reload has replaced the
    /// partner's meanwhile, they are given back to the budget before, which nobody takes from any more.
    pub fn merge(&mut self, other: Permit) {
        if Arc::ptr_eq(self.partner.semaphore(), other.partner.semaphore()) {
            self.partner.merge(other.partner);
        }
        self.daemon.merge(other.daemon);
    }

    /// Takes the right to hold a stored document of so many bytes, beside those before.
    pub fn weigh(&mut self, bytes: usize) -> Result<(), Shed> {
        self.documents.grow(bytes)
    }

    /// The right to hold the documents, for who keeps them beyond the reply; `None` where there are
    /// none.
    pub fn take_documents(&mut self) -> Option<DocumentPermit> {
        let DocumentPermit { bytes, share } = &mut self.documents;
        let held = Some(share.held.take()?);
        Some(DocumentPermit {
            bytes: *bytes,
            share: Share { held, ..Share::of(&share.partner, &share.daemon) },
        })
    }
}

impl DocumentPermit {
    fn grow(&mut self, bytes: usize) -> Result<(), Shed> {
        self.bytes += bytes;
        if self.bytes > self.share.bytes_max() {
            return Err(Shed::BeyondDocuments { bytes_max: self.share.partner.bytes_max });
        }
        let units = u32::try_from(self.bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        self.share.grow(units.saturating_sub(self.share.units()))
    }
}

impl Budget {
    fn take(&self, units: u32) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.bytes).try_acquire_many_owned(units).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_flight_are_bounded_for_partner_and_daemon() {
        let daemon = Admission::new(10 * UNIT_BYTES);
        let (a, b) = (Admission::new(8 * UNIT_BYTES), Admission::new(8 * UNIT_BYTES));
        let held = Admission::admit(&daemon, &a, 8 * UNIT_BYTES).unwrap();
        assert_eq!(Admission::admit(&daemon, &a, 1).unwrap_err(), Shed::PartnerBytes);
        assert_eq!(Admission::admit(&daemon, &b, 3 * UNIT_BYTES).unwrap_err(), Shed::DaemonBytes);
        // what was taken from the partner before the daemon refused has been given back
        assert!(Admission::admit(&daemon, &b, 2 * UNIT_BYTES).is_ok());
        drop(held);
        assert!(Admission::admit(&daemon, &b, 8 * UNIT_BYTES).is_ok());
    }

    #[test]
    fn a1_the_documents_that_a_push_is_about_are_paid_for_before_they_are_taken() {
        let (daemon, partner) = (Admission::new(64 * UNIT_BYTES), Admission::new(32 * UNIT_BYTES));
        let mut first = Admission::admit(&daemon, &partner, 10).unwrap();
        for _ in 0..10 {
            first.weigh(600).unwrap(); // many small ones make one unit
        }
        let mut second = Admission::admit(&daemon, &partner, 10).unwrap();
        assert_eq!(second.weigh(3 * UNIT_BYTES).unwrap_err(), Shed::PartnerBytes);
        assert_eq!(
            second.weigh(6 * UNIT_BYTES).unwrap_err(),
            Shed::BeyondDocuments { bytes_max: 8 * UNIT_BYTES }
        );
        let kept = first.take_documents();
        drop(first);
        let mut third = Admission::admit(&daemon, &partner, 10).unwrap();
        assert!(third.weigh(3 * UNIT_BYTES).is_err(), "the reply has left, the documents are still held");
        drop((kept, third));
        let mut fourth = Admission::admit(&daemon, &partner, 10).unwrap();
        assert_eq!(fourth.weigh(8 * UNIT_BYTES), Ok(()));
        assert!(Admission::admit(&daemon, &partner, 10).unwrap().take_documents().is_none());
    }

    fn taken(reply: &ReplyPermit) -> usize {
        reply.0.units() as usize * UNIT_BYTES
    }

    #[test]
    fn a1_replies_that_are_not_taken_are_counted_until_there_is_no_room_for_more() {
        let (daemon, partner) = (Admission::new(4 << 20), Admission::new(1 << 20));
        let other = Admission::new(1 << 20);
        let reply = |partner: &Admission, items| Admission::admit_reply(&daemon, partner, items);
        let mut first = reply(&partner, 1_000).unwrap();
        assert_eq!(taken(&first), (1_000 * REPLY_ITEM_BYTES).next_multiple_of(UNIT_BYTES));
        assert_eq!(reply(&partner, 1_000).unwrap_err(), Shed::PartnerBytes);
        assert!(first.fit(100 << 10) && taken(&first) == 100 << 10, "as much as it takes");
        let mut second = reply(&partner, 900).unwrap();
        assert!(second.fit(1 << 20) && taken(&second) <= 1 << 20, "what is durable is answered");
        assert!(reply(&partner, 1_000).is_err() && reply(&other, 1_000).is_ok());
        assert!(reply(&partner, 50).unwrap().0.held.is_none(), "a small one is not counted");
        drop((first, second));
        let mut large = reply(&partner, 1_000_000).unwrap();
        assert_eq!(taken(&large), 256 << 10, "one that is alone has room");
        assert!(!large.fit(100) && taken(&large) == 0);
    }
}
