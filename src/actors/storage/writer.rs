//! The writer's thread: takes groups from the queue, commits them, and only then lets the replies
//! leave. redb blocks, so it never runs on a runtime's worker.

use super::queue::{Ack, PendingSet, Queue, Work};
use crate::clock::{Clock, Mark};
use crate::domain::{Seq, WriteSet};
use crate::store::{Progress, StoreError, Writer};
use crate::telemetry::Metrics;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often the log is looked over for records that are past keeping.
const TRIM_EVERY: Duration = Duration::from_secs(5);

/// What the thread works with.
pub struct WriterLoop {
    pub writer: Writer,
    pub queue: Arc<Queue>,
    pub clock: Clock,
    pub metrics: Metrics,
    pub group_bytes_max: usize,
    pub upkeep: Upkeep,
}

/// What is done behind the commits, a piece in each turn.
#[derive(Default)]
pub struct Upkeep {
    /// Since when a checkpoint is being written.
    checkpointing: Option<Mark>,
    /// When the log was looked over to the end of what is past keeping; `None`: it is not yet.
    trimmed: Option<Mark>,
}

impl Upkeep {
    /// Whether the thread may sleep until work comes.
    fn rests(&self) -> bool {
        self.checkpointing.is_none() && self.trimmed.is_some()
    }
}

/// How the thread ended.
pub type WriterEnd = Result<(), StoreError>;

impl WriterLoop {
    /// Runs until the queue is closed and empty, or the store has failed. After a failure nothing
    /// more is acknowledged: the file is opened again by the next start.
    pub fn run(mut self) -> WriterEnd {
        let ended = self.serve();
        if ended.is_err() {
            self.metrics.commit_failed("store");
            self.queue.fail();
        }
        ended
    }

    fn serve(&mut self) -> WriterEnd {
        while self.turn()?.is_continue() {}
        self.writer.checkpoint_all()
    }

    /// One group, where one waits, and a piece of the upkeep behind it: while work waits there is a
    /// commit between any two pieces.
    fn turn(&mut self) -> Result<ControlFlow<()>, StoreError> {
        if self.upkeep.checkpointing.is_none() && self.writer.wants_checkpoint() {
            self.upkeep.checkpointing = Some(Mark::now());
        }
        match self.queue.take(self.group_bytes_max, self.upkeep.rests()) {
            Work::Group(group) => self.commit(group)?,
            Work::Idle => {}
            Work::Closed => return Ok(ControlFlow::Break(())),
        }
        if let Some(began) = self.upkeep.checkpointing
            && self.checkpoint_behind()?
        {
            self.metrics.checkpoint_finished(began.elapsed());
            self.upkeep.checkpointing = None;
        }
        if self.upkeep.trimmed.is_none_or(|trimmed| trimmed.elapsed() >= TRIM_EVERY) {
            // one call removes a bounded part: what is left is not left for five seconds more
            let is_done = self.writer.trim(self.clock.now())? == 0;
            self.upkeep.trimmed = is_done.then(Mark::now);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Writes the slices that are due behind one commit; whether that was the last of them.
    fn checkpoint_behind(&mut self) -> Result<bool, StoreError> {
        for _ in 0..self.writer.slices_due() {
            if self.writer.checkpoint_slice()? != Progress::Slice {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn commit(&mut self, group: Vec<PendingSet>) -> WriterEnd {
        let began = Mark::now();
        let mut waiting = Vec::with_capacity(group.len());
        let mut sets: Vec<WriteSet> = Vec::with_capacity(group.len());
        let (mut changes, mut writing) = (0, 0);
        for pending in group {
            waiting.push((changes, pending.ack, pending.ticket));
            changes += pending.set.changes.len();
            writing += usize::from(!pending.set.changes.is_empty());
            sets.push(pending.set);
        }
        let committed = self.writer.commit(&mut sets, self.clock.now())?;
        if changes > 0 {
            self.metrics.commit_finished(began.elapsed(), (writing, changes));
        }
        for (offset, ack, ticket) in waiting {
            if let Some((durable, ticket)) = ticket {
                durable.fetch_max(ticket, Ordering::Release);
            }
            let first = Seq(committed.first.0 + offset as u64);
            if let Some(ack) = ack {
                self.acknowledge(ack, first, committed.last);
            }
        }
        Ok(())
    }

    /// A caller who has gone is no error: its write stands.
    fn acknowledge(&self, ack: Ack, first: Seq, durable: Seq) {
        match ack {
            Ack::Push { reply, answer } => reply.send(answer.map(|pending| pending.settle(first, durable))),
            Ack::Internal(reply) => {
                let _ = reply.send(durable);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ChangeKind, Micros, PartnerNo, RecordChange, RecordKind};
    use crate::store::{Opened, ReadError, StoreOptions, open};
    use tempfile::TempDir;

    const RECORDS: u64 = 1_500;
    const LOG_BYTES_MAX: u64 = 4 << 10;
    /// As many of the records fit, or fewer.
    const RECORDS_MAX: u64 = 150;

    fn set() -> WriteSet {
        let change = RecordChange { kind: RecordKind::Run, key: Box::default(), value: None };
        let mut set = WriteSet::new(PartnerNo(1));
        set.changes.push(ChangeKind::Record(Box::new(change)));
        set
    }

    /// A log that is far beyond its bound, all of it in the tables.
    fn overfull(directory: &TempDir) -> Opened {
        let options = StoreOptions { log_bytes_max: LOG_BYTES_MAX, ..StoreOptions::small() };
        let mut opened = open(directory.path(), &options).unwrap();
        for _ in 0..RECORDS {
            opened.writer.commit(&mut vec![set()], Micros(1)).unwrap();
        }
        opened.writer.checkpoint_all().unwrap();
        opened
    }

    #[test]
    fn an_overfull_log_is_trimmed_behind_every_commit_and_without_sleep_until_it_fits() {
        let directory = TempDir::new().unwrap();
        let Opened { writer, reader, .. } = overfull(&directory);
        let queue = Arc::new(Queue::default());
        let mut work = WriterLoop {
            writer,
            queue: queue.clone(),
            clock: Clock::manual(Micros(1)),
            metrics: Metrics::install(),
            group_bytes_max: 1,
            upkeep: Upkeep::default(),
        };
        let oldest = || match reader.changes(Seq(0), 1) {
            Err(ReadError::Trimmed { oldest }) => oldest.0,
            other => panic!("the log is whole: {:?}", other.map(|page| page.next)),
        };
        for turn in 1..=2 {
            for _ in 0..2 {
                queue.push(PendingSet { set: set(), bytes: 1, ack: None, ticket: None }).unwrap();
            }
            assert!(work.turn().unwrap().is_continue());
            assert_eq!(oldest(), 512 * turn + 1, "a part behind each commit");
        }
        while !work.upkeep.rests() {
            assert!(work.turn().unwrap().is_continue());
        }
        assert!((RECORDS - RECORDS_MAX..=RECORDS + 1).contains(&oldest()), "{} is the oldest", oldest());
    }
}
