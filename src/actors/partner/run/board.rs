//! What is shown of a feed while its actor works: when it is fetched next, and how far a run has come.
//!
//! The actor and the run's task write it, the edge reads it whenever somebody looks: nobody is asked, and
//! nothing waits.

use crate::clock::Mark;
use crate::domain::{FeedState, Micros, RunId, RunTimings};
use arc_swap::ArcSwapOption;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Shared by the partner's entry and all lives of its actor.
#[derive(Clone, Debug, Default)]
pub struct FeedBoard(Arc<Shown>);

#[derive(Debug, Default)]
struct Shown {
    next_at: AtomicI64,
    is_paused: AtomicBool,
    fresh_until: AtomicI64,
    run: ArcSwapOption<RunProgress>,
}

impl FeedBoard {
    /// When the feed is fetched next, as far as it is known.
    pub fn next_at(&self) -> Option<Micros> {
        Some(self.0.next_at.load(Ordering::Acquire)).filter(|&at| at != 0).map(Micros)
    }

    pub(in crate::actors) fn set_next_at(&self, at: Option<Micros>) {
        self.0.next_at.store(at.map_or(0, |at| at.0), Ordering::Release);
    }

    pub(in crate::actors) fn set_fresh_until(&self, at: Option<Micros>) {
        self.0.fresh_until.store(at.map_or(0, |at| at.0), Ordering::Release);
    }

    /// An operator has stopped its schedule.
    pub fn is_paused(&self) -> bool {
        self.0.is_paused.load(Ordering::Acquire)
    }

    pub(in crate::actors) fn set_paused(&self, is_paused: bool) {
        self.0.is_paused.store(is_paused, Ordering::Release);
    }

    /// Until when the newest document is fresh, as its maker or its server says: a hint, which moves no
    /// fetch.
    pub fn fresh_until(&self) -> Option<Micros> {
        Some(self.0.fresh_until.load(Ordering::Acquire)).filter(|&at| at != 0).map(Micros)
    }

    /// The run that is under way.
    pub fn run(&self) -> Option<Arc<RunProgress>> {
        self.0.run.load_full()
    }

    pub(in crate::actors) fn set_run(&self, run: Option<Arc<RunProgress>>) {
        self.0.run.store(run);
    }
}

/// The phases of a run, in their order; one that fails leaves out what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunPhase {
    /// For a place among the feeds that run.
    Waiting,
    /// Its body comes, and is checked.
    Fetching,
    /// The whole file is read once.
    Reading,
    /// Its records are decided, batch by batch.
    Applying,
    /// What it lacks is decided, part by part.
    Finishing,
}

impl RunPhase {
    /// All of them.
    pub const ALL: [RunPhase; 5] =
        [RunPhase::Waiting, RunPhase::Fetching, RunPhase::Reading, RunPhase::Applying, RunPhase::Finishing];

    /// Its word in answers and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            RunPhase::Waiting => "waiting",
            RunPhase::Fetching => "fetching",
            RunPhase::Reading => "reading",
            RunPhase::Applying => "applying",
            RunPhase::Finishing => "finishing",
        }
    }
}

/// How far a run has come.
#[derive(Debug)]
pub struct RunProgress {
    /// The run.
    pub run: RunId,
    /// When it was begun, by our clock.
    pub started_at: Micros,
    began: Mark,
    spool: PathBuf,
    /// What the last one took, and how large its body was.
    last: (Option<RunTimings>, Option<u64>),
    phases: Mutex<Phases>,
    done: AtomicU64,
    total: AtomicU64,
    records: AtomicU64,
}

#[derive(Debug)]
struct Phases {
    now: RunPhase,
    since: Mark,
    took_ms: [u64; RunPhase::ALL.len()],
}

/// What somebody sees who looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProgressSeen {
    /// The phase that is under way.
    pub phase: RunPhase,
    /// Records read, or applied.
    pub records: u64,
    /// Of so many; `None`: not known yet.
    pub records_total: Option<u64>,
    /// Bytes fetched, or read.
    pub bytes: u64,
    /// Of so many; while it is fetched those of the last file.
    pub bytes_total: Option<u64>,
    /// What of the phase is done; `None`: nobody can say.
    pub share: Option<f64>,
    /// Since the run began.
    pub seconds: f64,
    /// To its end, as far as this phase and the last run tell.
    pub seconds_left: Option<f64>,
}

impl RunProgress {
    pub(in crate::actors) fn new(
        run: RunId,
        started_at: Micros,
        spool: PathBuf,
        state: &FeedState,
    ) -> RunProgress {
        let began = Mark::now();
        RunProgress {
            run,
            started_at,
            began,
            spool,
            last: (state.last_timings, state.last_body_bytes),
            phases: Mutex::new(Phases { now: RunPhase::Waiting, since: began, took_ms: [0; 5] }),
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
            records: AtomicU64::new(0),
        }
    }

    /// A phase begins, of which `total` is to be done: bytes of a file, or assets; 0: not known.
    pub(in crate::actors) fn begin(&self, phase: RunPhase, total: u64) {
        let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        let took = phases.since.elapsed().as_millis() as u64;
        let now = phases.now;
        phases.took_ms[now as usize] += took;
        (phases.now, phases.since) = (phase, Mark::now());
        self.total.store(total, Ordering::Relaxed);
        self.done.store(0, Ordering::Relaxed);
        if phase != RunPhase::Finishing {
            self.records.store(0, Ordering::Relaxed);
        }
    }

    /// So much of the phase is done: bytes, or assets; with so many records.
    pub(in crate::actors) fn stands_at(&self, done: u64, records: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.records.store(records, Ordering::Relaxed);
    }

    /// How long its phases have taken so far.
    pub fn timings(&self) -> RunTimings {
        let phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        let mut took_ms = phases.took_ms;
        took_ms[phases.now as usize] += phases.since.elapsed().as_millis() as u64;
        let [waiting_ms, fetching_ms, reading_ms, applying_ms, finishing_ms] = took_ms;
        RunTimings { waiting_ms, fetching_ms, reading_ms, applying_ms, finishing_ms }
    }

    /// How far it is now. Asks the file system for the length of what is being fetched.
    pub fn look(&self) -> ProgressSeen {
        let (phase, in_phase) = {
            let phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
            (phases.now, phases.since.elapsed().as_secs_f64())
        };
        let (mut done, mut total) = (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed));
        if phase == RunPhase::Fetching {
            done = std::fs::metadata(&self.spool).map_or(0, |file| file.len());
            total = self.last.1.unwrap_or(0);
        }
        let is_of_bytes = phase < RunPhase::Applying;
        let known = Some(total).filter(|&total| total > 0);
        // a file may be longer than the last one
        let share = known.map(|total| (done as f64 / total as f64).min(1.0));
        let left = share.filter(|&share| share > 0.0).map(|share| in_phase * (1.0 - share) / share);
        let following = self.last.0.map_or(0, |last| after(phase, last)) as f64 / 1_000.0;
        ProgressSeen {
            phase,
            records: self.records.load(Ordering::Relaxed),
            records_total: known.filter(|_| phase == RunPhase::Applying),
            bytes: if is_of_bytes { done } else { 0 },
            bytes_total: known.filter(|_| is_of_bytes),
            share,
            seconds: self.began.elapsed().as_secs_f64(),
            seconds_left: left.map(|left| left + following),
        }
    }
}

/// What the phases behind this one took.
fn after(phase: RunPhase, last: RunTimings) -> u64 {
    let RunTimings { waiting_ms, fetching_ms, reading_ms, applying_ms, finishing_ms } = last;
    [waiting_ms, fetching_ms, reading_ms, applying_ms, finishing_ms].iter().skip(phase as usize + 1).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_the_phase_its_share_and_what_is_left_by_the_last_run() {
        let last = RunTimings { applying_ms: 4_000, finishing_ms: 1_000, ..RunTimings::default() };
        let state =
            FeedState { last_timings: Some(last), last_body_bytes: Some(1_000), ..FeedState::default() };
        let directory = tempfile::tempdir().unwrap();
        let spool = directory.path().join("spool");
        let progress = RunProgress::new(RunId(3), Micros(1), spool.clone(), &state);
        assert_eq!(progress.look().phase, RunPhase::Waiting);
        assert_eq!(progress.look().share, None);

        progress.begin(RunPhase::Fetching, 0);
        std::fs::write(&spool, vec![b' '; 250]).unwrap();
        let seen = progress.look();
        assert_eq!((seen.bytes, seen.bytes_total, seen.share), (250, Some(1_000), Some(0.25)));
        std::fs::write(&spool, vec![b' '; 2_500]).unwrap();
        assert_eq!(progress.look().share, Some(1.0), "the file has grown since");

        progress.begin(RunPhase::Reading, 2_500);
        progress.stands_at(500, 10);
        let seen = progress.look();
        assert_eq!((seen.bytes, seen.bytes_total, seen.records), (500, Some(2_500), 10));
        assert!(seen.seconds_left.unwrap() >= 5.0, "applying and finishing took five seconds");

        progress.begin(RunPhase::Applying, 50);
        progress.stands_at(25, 25);
        let seen = progress.look();
        assert_eq!((seen.records, seen.records_total, seen.bytes_total), (25, Some(50), None));
        assert_eq!(seen.share, Some(0.5));
        progress.begin(RunPhase::Finishing, 0);
        assert_eq!(progress.look().records, 25, "what was applied stays said");
    }

    #[test]
    fn a_board_without_a_run_shows_none_and_no_next_fetch() {
        let board = FeedBoard::default();
        assert!(board.run().is_none() && board.next_at().is_none() && !board.is_paused());
        board.set_next_at(Some(Micros(5)));
        assert_eq!(board.clone().next_at(), Some(Micros(5)));
        board.set_next_at(None);
        assert_eq!(board.next_at(), None);
    }
}
