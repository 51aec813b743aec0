//! What reads may take, before they take it: places to run in, and bytes to hold until the client has
//! taken them, of the daemon and of each caller.
//!
//! The number of places is small on purpose: a read keeps a core busy and its thread keeps freed
//! memory to itself. A caller has half of them, once for pages and once for replays of the change
//! stream, so that nobody's reads wait for all the reads of one key. What a reply holds is counted
//! until its last byte is written: a client that takes nothing fills its own share, and no more.

use crate::actors::Shed;
use crate::domain::PartnerName;
use crate::http::reply::{Fault, body};
use bytes::Bytes;
use std::collections::HashMap;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Reads that run at once, by the number of cores: fewer than two would let one long read stop all
/// others, and beyond four the memory that threads keep is worth more than the time won.
const PLACES_MIN: usize = 2;
const PLACES_MAX: usize = 4;
/// What replies may hold, all callers together …
const BYTES_MAX: usize = 64 << 20;
/// … and what one caller's pages, or its streams' frames, may hold of it.
const LANE_BYTES_MAX: usize = 8 << 20;
/// Bytes are counted in units of this many.
const UNIT_BYTES: usize = 1024;
/// A smaller reply is not counted: connections are few enough for it.
const SMALL_BYTES: usize = 8 << 10;
/// What a page takes while it is made: rows of a stretch, and the reply that grows.
const PAGE_BYTES: usize = 3 << 20;
/// A read that waits for longer is refused: its client would have given up.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// Of the places for change streams one caller has one in so many.
const STREAMS_SHARE: usize = 4;

/// For whom something is read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReadingParty {
    /// With a key of the partner.
    Partner(PartnerName),
    /// With a reader's token.
    Reader(Arc<str>),
    /// By way of the admin listener.
    Operator,
}

/// What a caller's reads are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShareLane {
    /// One reply: an asset, a page, a report.
    Pages,
    /// The change stream.
    Replays,
}

/// The places and bytes of all, and each caller's share of them.
pub struct Shares {
    places: Arc<Semaphore>,
    places_each: usize,
    bytes: Arc<Semaphore>,
    streams_each: usize,
    /// One for each caller that was ever configured.
    by_caller: Mutex<HashMap<ReadingParty, Arc<Share>>>,
}

/// What one caller may take.
pub struct Share {
    places: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    pages: Budget,
    replays: Budget,
    streams: Arc<Semaphore>,
    streams_max: usize,
}

struct Budget {
    places: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

/// Bytes that are counted as long as this lives.
#[derive(Debug)]
pub struct Held {
    own: OwnedSemaphorePermit,
    all: OwnedSemaphorePermit,
}

impl Shares {
    /// Places by the number of cores; of `streams_max` change streams each caller may have its part
    /// open.
    pub fn new(streams_max: usize) -> Shares {
        let cores = std::thread::available_parallelism().map_or(PLACES_MIN, NonZero::get);
        let places = cores.clamp(PLACES_MIN, PLACES_MAX);
        Shares {
            places: Arc::new(Semaphore::new(places)),
            places_each: places / 2,
            bytes: Arc::new(Semaphore::new(BYTES_MAX / UNIT_BYTES)),
            streams_each: (streams_max / STREAMS_SHARE).max(1),
            by_caller: Mutex::default(),
        }
    }

    /// The share of this caller: the same each time, whatever key it came with.
    pub fn of(&self, reading: &ReadingParty) -> Arc<Share> {
        // the map is sound after every statement, so a panic elsewhere does not spoil it
        let mut by_caller = self.by_caller.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = by_caller.get(reading) {
            return Arc::clone(share);
        }
        let budget = || Budget {
            places: Arc::new(Semaphore::new(self.places_each)),
            bytes: Arc::new(Semaphore::new(LANE_BYTES_MAX / UNIT_BYTES)),
        };
        let share = Arc::new(Share {
            places: Arc::clone(&self.places),
            bytes: Arc::clone(&self.bytes),
            pages: budget(),
            replays: budget(),
            streams: Arc::new(Semaphore::new(self.streams_each)),
            streams_max: self.streams_each,
        });
        by_caller.insert(reading.clone(), Arc::clone(&share));
        share
    }
}

impl Share {
    /// A place for a change stream; `None` where the caller has all of its own open.
    pub fn stream(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.streams).try_acquire_owned().ok()
    }

    /// Change streams that the caller may have open at once.
    pub fn streams_max(&self) -> usize {
        self.streams_max
    }

    /// The right to hold so many bytes. Waits for it, for as long as a read may wait.
    pub async fn hold(&self, lane: ShareLane, bytes: usize) -> Result<Held, Fault> {
        let units = units(bytes).min(LANE_BYTES_MAX / UNIT_BYTES) as u32;
        let own = Arc::clone(&self.budget(lane).bytes).acquire_many_owned(units);
        let held = async {
            let own = own.await?;
            Ok(Held { own, all: Arc::clone(&self.bytes).acquire_many_owned(units).await? })
        };
        in_time(held).await
    }

    /// A page: made in a place of its own, off the connection's task.
    pub async fn page(
        &self,
        work: impl FnOnce() -> Result<Vec<u8>, Fault> + Send + 'static,
    ) -> Result<Bytes, Fault> {
        Ok(self.page_with(|| Ok((work()?, ()))).await?.0)
    }

    /// A page, and what its maker has to say of it.
    pub async fn page_with<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<(Vec<u8>, T), Fault> + Send + 'static,
    ) -> Result<(Bytes, T), Fault> {
        let held = self.hold(ShareLane::Pages, PAGE_BYTES).await?;
        let ((out, said), held) = self.run(ShareLane::Pages, move || Ok((work()?, held))).await?;
        Ok((counted(out, held), said))
    }

    /// Work that reads many rows leaves the connection's task, and waits for a place. What it takes
    /// with it, such as [`Held`], it also brings back: a caller who goes away meanwhile frees nothing
    /// that the work still uses.
    pub async fn run<T: Send + 'static>(
        &self,
        lane: ShareLane,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let own = Arc::clone(&self.budget(lane).places).acquire_owned();
        let places = async { Ok((own.await?, Arc::clone(&self.places).acquire_owned().await?)) };
        let places = in_time(places).await?;
        let work = move || {
            let done = work();
            drop(places);
            done
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(error) => {
                tracing::error!(%error, "a read ended without an answer");
                Err(Fault::StoreFailed)
            }
        }
    }

    /// The body of a reply that was made in one go: refused where the caller holds too much already.
    pub fn keep(&self, out: Vec<u8>) -> Result<Bytes, Fault> {
        if is_small(&out) {
            return Ok(out.into());
        }
        let units = units(out.capacity()).min(LANE_BYTES_MAX / UNIT_BYTES) as u32;
        let take = |bytes: &Arc<Semaphore>| Arc::clone(bytes).try_acquire_many_owned(units);
        match (take(&self.pages.bytes), take(&self.bytes)) {
            (Ok(own), Ok(all)) => Ok(counted(out, Held { own, all })),
            _ => Err(Shed::Reads.into()),
        }
    }

    fn budget(&self, lane: ShareLane) -> &Budget {
        match lane {
            ShareLane::Pages => &self.pages,
            ShareLane::Replays => &self.replays,
        }
    }
}

async fn in_time<T>(right: impl Future<Output = Result<T, tokio::sync::AcquireError>>) -> Result<T, Fault> {
    match tokio::time::timeout(WAIT_MAX, right).await {
        Ok(Ok(right)) => Ok(right),
        // none of these semaphores is ever closed
        Ok(Err(_)) | Err(_) => Err(Shed::Reads.into()),
    }
}

fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT_BYTES).max(1)
}

/// Whether a reply is not worth counting.
pub fn is_small(out: &[u8]) -> bool {
    out.len() <= SMALL_BYTES
}

/// Bytes that are counted until the last copy of them is dropped.
pub fn counted(mut out: Vec<u8>, mut held: Held) -> Bytes {
    if is_small(&out) {
        return out.into();
    }
    out.shrink_to_fit();
    held.shrink_to(out.len());
    body::held_by(out, held)
}

/// The same of bytes that may be others' as well.
pub fn counted_bytes(out: Bytes, mut held: Held) -> Bytes {
    if is_small(&out) {
        return out;
    }
    held.shrink_to(out.len());
    body::held_by(out, held)
}

impl Held {
    /// Whether so many bytes are counted, or all that may be.
    pub fn suffices_for(&self, bytes: usize) -> bool {
        self.own.num_permits() >= units(bytes).min(LANE_BYTES_MAX / UNIT_BYTES)
    }

    fn shrink_to(&mut self, bytes: usize) {
        for permit in [&mut self.own, &mut self.all] {
            let surplus = permit.num_permits().saturating_sub(units(bytes));
            // what is split off is given back
            drop(permit.split(surplus));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acme() -> ReadingParty {
        ReadingParty::Partner(PartnerName::new("acme").unwrap())
    }

    #[tokio::test]
    async fn a_reply_is_counted_until_its_last_copy_is_dropped() {
        let shares = Shares::new(8);
        let share = shares.of(&acme());
        let free = || (share.pages.bytes.available_permits(), shares.bytes.available_permits());
        let before = free();
        let page = share.page(|| Ok(vec![b'x'; 100 << 10])).await.unwrap();
        let copy = page.slice(5..10);
        drop(page);
        assert_eq!(before.0 - free().0, 100, "what was taken to make it has been given back");
        assert_eq!(before.1 - free().1, 100);
        drop(copy);
        assert_eq!(free(), before);
        let small = share.page(|| Ok(vec![b'x'; SMALL_BYTES])).await.unwrap();
        assert_eq!((small.len(), free()), (SMALL_BYTES, before));
    }

    #[test]
    fn a_caller_that_takes_nothing_fills_its_own_share_and_no_more() {
        let shares = Shares::new(8);
        let (share, other) = (shares.of(&acme()), shares.of(&ReadingParty::Operator));
        let mut kept = Vec::new();
        while let Ok(bytes) = share.keep(vec![b'x'; 1 << 20]) {
            kept.push(bytes);
        }
        assert_eq!(kept.len(), LANE_BYTES_MAX >> 20);
        assert!(matches!(share.keep(vec![b'x'; 1 << 20]), Err(Fault::Shed(Shed::Reads))));
        assert!(other.keep(vec![b'x'; 1 << 20]).is_ok());
        kept.pop();
        assert!(share.keep(vec![b'x'; 1 << 20]).is_ok());
    }

    #[tokio::test]
    async fn a3_one_callers_reads_leave_a_place_for_others() {
        let shares = Shares::new(8);
        let (share, other) = (shares.of(&acme()), shares.of(&ReadingParty::Operator));
        let all = shares.places.available_permits();
        let (release, blocked) = std::sync::mpsc::channel::<()>();
        let blocked = Arc::new(Mutex::new(blocked));
        let long: Vec<_> = (0..3 * PLACES_MAX)
            .map(|_| {
                let (share, blocked) = (Arc::clone(&share), Arc::clone(&blocked));
                let wait = move || Ok(blocked.lock().unwrap().recv().is_err());
                tokio::spawn(async move { share.run(ShareLane::Pages, wait).await })
            })
            .collect();
        while share.pages.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(other.run(ShareLane::Pages, || Ok(7)).await.unwrap(), 7);
        assert_eq!(shares.places.available_permits(), all - shares.places_each);
        drop(release);
        for read in long {
            assert!(read.await.unwrap().is_ok());
        }
    }

    #[test]
    fn a3_a_caller_has_a_quarter_of_the_streams_and_at_least_one() {
        for (max, own) in [(8, 2), (3, 1), (1, 1), (1024, 256)] {
            let shares = Shares::new(max);
            let share = shares.of(&acme());
            let open: Vec<_> = std::iter::from_fn(|| share.stream()).collect();
            assert_eq!(open.len(), own, "of {max}");
            assert!(shares.of(&acme()).stream().is_none(), "the same caller, by whatever key");
            assert!(shares.of(&ReadingParty::Operator).stream().is_some());
        }
    }
}
