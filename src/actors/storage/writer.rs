//! The writer's thread: takes groups from the queue, commits them, and only then lets the replies
//! leave. redb blocks, so it never runs on a runtime's worker.

use super::queue::{Ack, PendingSet, Queue, Work};
use crate::actors::handle::PushReply;
use crate::clock::{Clock, Mark};
use crate::domain::{Seq, WriteSet};
use crate::rules::deliveries::DeliveryDecision;
use crate::store::{Progress, StoreError, Writer};
use crate::telemetry::Metrics;
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
}

/// How the thread ended.
pub type WriterEnd = Result<(), StoreError>;

impl WriterLoop {
    /// Runs until the queue is closed and empty, or the store has failed. After a failure nothing
    /// more is acknowledged: the file is opened anew by the next start.
    pub fn run(mut self) -> WriterEnd {
        let ended = self.serve();
        if ended.is_err() {
            self.metrics.commit_failed("store");
            self.queue.fail();
        }
        ended
    }

    fn serve(&mut self) -> WriterEnd {
        let mut checkpointing: Option<Mark> = None;
        let mut trimmed = Mark::now();
        loop {
            if checkpointing.is_none() && self.writer.wants_checkpoint() {
                checkpointing = Some(Mark::now());
            }
            match self.queue.take(self.group_bytes_max, checkpointing.is_none()) {
                Work::Group(group) => self.commit(group)?,
                Work::Idle => {}
                Work::Closed => break,
            }
            if let Some(began) = checkpointing
                && self.checkpoint_behind()?
            {
                self.metrics.checkpoint_finished(began.elapsed());
                checkpointing = None;
            }
            if trimmed.elapsed() >= TRIM_EVERY {
                self.writer.trim(self.clock.now())?;
                trimmed = Mark::now();
            }
        }
        self.writer.checkpoint_all()
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
        self.metrics.queue_stands_at(self.queue.bytes());
        let began = Mark::now();
        let mut waiting = Vec::with_capacity(group.len());
        let mut sets: Vec<WriteSet> = Vec::with_capacity(group.len());
        let mut changes = 0;
        for pending in group {
            waiting.push((changes, pending.ack, pending.ticket));
            changes += pending.set.changes.len();
            sets.push(pending.set);
        }
        let committed = self.writer.commit(&mut sets, self.clock.now())?;
        if changes > 0 {
            self.metrics.commit_finished(began.elapsed(), changes);
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
            Ack::Push { reply, items, missing, standing, moved, _permit } => {
                let settled = standing.as_ref().map(|standing| standing.settle(first));
                let (first, durable) = settled.unwrap_or((first, durable));
                let decision = standing.map_or(DeliveryDecision::New, |standing| standing.decision);
                let _ = reply.send(PushReply { items, first, durable, missing, decision, moved });
            }
            Ack::Internal(reply) => {
                let _ = reply.send(durable);
            }
        }
    }
}
