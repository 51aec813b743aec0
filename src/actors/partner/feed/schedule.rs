//! The feed's schedule: when the next run starts, and what happens when one has ended.

use super::bodies::{RebuildSource, bodies_of};
use super::spool;
use super::task::FeedTask;
use crate::actors::partner::books::runs::state_record;
use crate::actors::partner::message::PartnerMessage;
use crate::actors::partner::message::run::RunFailure;
use crate::actors::partner::run::board::RunProgress;
use crate::actors::partner::run::report::failed_report;
use crate::actors::partner::run::running::RunningFeed;
use crate::actors::partner::state::PartnerState;
use crate::actors::tasks::{TaskKind, spawn};
use crate::clock::{Mark, sleep};
use crate::config::PartnerSettings;
use crate::domain::{Micros, Paused, RunCounts, RunId, RunReport, RunStatus, Seq, WriteSet};
use crate::rules::feed::circuit::{FailureQuestion, gone_again, is_given_up, is_open, wait_after};
use crate::rules::feed::schedule::{ScheduleQuestion, first_wait, next_wait, place_of, slots_missed};
use crate::rules::feed::verdict::push_loss_rate;
use ractor::ActorRef;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// A feed whose runs kill their actor is left alone for at least so long.
const REST_MIN: Duration = Duration::from_secs(3_600);
/// Who waits for a time of the wall clock looks at it so often: it may be put forward or back, and the
/// monotonic clock stands still while a machine sleeps.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// The code of a document that its server says is gone for ever.
const GONE: &str = "gone";

/// What the next fetch depends on after a failure.
#[derive(Default)]
struct LastRun {
    code: String,
    retry_after: Option<Duration>,
}

/// Tells the actor that a run's task has ended, however it did, also by a panic: else the schedule
/// would stand still.
struct RunGuard {
    actor: ActorRef<PartnerMessage>,
    run: RunId,
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        // an actor that has gone has no schedule
        let _ = self.actor.cast(PartnerMessage::RunClosed { run: self.run });
    }
}

impl PartnerState {
    /// The first fetch comes at once, spread over the feeds there are.
    pub fn schedule_first_fetch(&mut self, myself: &ActorRef<PartnerMessage>) {
        match &self.settings.feed {
            Some(feed) if self.poison.feed_must_rest() => {
                let rest = feed.every.max(REST_MIN);
                self.rest(rest);
                self.set_timer(rest, myself);
            }
            Some(feed) if is_given_up(self.feed.gone.as_ref(), &feed.url) => {}
            // what was begun is brought to its end, also between two slots
            Some(_) if self.cut.is_some() => {
                self.set_timer(first_wait(self.shared.feeds, chance()), myself);
            }
            // its slots are when it may be fetched; what was missed is made up for
            Some(feed) if feed.cron.is_some() && self.feed.last_run != RunId(0) => {
                self.schedule_next(&LastRun::default(), myself);
            }
            Some(_) => self.set_timer(first_wait(self.shared.feeds, chance()), myself),
            None => {}
        }
    }

    /// The feed's runs have killed this actor again and again, and pushes with it. The next one
    /// is put off, and a report says so.
    fn rest(&mut self, rest: Duration) {
        let (run, now) = (RunId(self.feed.last_run.0 + 1), self.shared.clock.now());
        let detail = format!(
            "applying the feed has failed inside again and again: it rests for {rest:?}, until it is asked for by \
             hand, or until its configuration changes; tell the operator"
        );
        self.feed.failures_in_row += 1;
        let report = failed_report(run, RunFailure::plain("poisoned", detail, now), now);
        self.note_end(&report, Duration::ZERO);
        let (durable, _) = oneshot::channel();
        self.close_run(report, None, WriteSet::new(self.no), durable);
    }

    pub fn fetch_due(&mut self, timer: u64, myself: &ActorRef<PartnerMessage>) {
        if timer != self.timers {
            return;
        }
        let left = self.due_at.map_or(0, |due| due.since(self.shared.clock.now()));
        match u64::try_from(left) {
            // the wall clock was put back, or the machine slept: it is looked at again
            Ok(left) if left > 0 => self.set_timer(Duration::from_micros(left), myself),
            _ => {
                self.serve_slots();
                self.start_run(myself);
            }
        }
    }

    /// All slots that have passed are this run's (A39).
    fn serve_slots(&mut self) {
        let Some(times) = self.settings.feed.as_ref().and_then(|feed| feed.cron.as_ref()) else { return };
        let now = self.shared.clock.now();
        let served = self.feed.slots_served_at.map(Micros);
        self.metrics.feed().slots_missed(slots_missed(times, served, now));
        self.feed.slots_served_at = Some(now.0);
    }

    /// Starts a run unless one is under way: a feed has at most one (A39).
    pub fn start_run(&mut self, myself: &ActorRef<PartnerMessage>) {
        self.start_run_as(None, myself);
    }

    /// Also for an operator who wants a snapshot read again; `None` where no run was started.
    pub fn start_run_as(
        &mut self,
        rebuild: Option<RebuildSource>,
        myself: &ActorRef<PartnerMessage>,
    ) -> Option<RunId> {
        if self.settings.feed.is_none() || self.running.is_some() {
            return None;
        }
        self.stop_timer();
        let run = RunId(self.feed.last_run.0 + 1);
        let spool = spool::file_of(&self.shared.spool, self.settings.name.as_str(), self.generation, run);
        let progress = Arc::new(RunProgress::new(run, self.shared.clock.now(), spool.clone(), &self.feed));
        self.board.set_run(Some(Arc::clone(&progress)));
        let task = FeedTask {
            run,
            partner: self.no,
            settings: self.settings.clone(),
            state: self.feed.clone(),
            mapping_print: self.settings.mapping_print(),
            actor: myself.clone(),
            fetcher: self.shared.fetcher.clone(),
            gates: self.shared.gates.clone(),
            spool,
            board: self.board.clone(),
            progress: Arc::clone(&progress),
            bodies: bodies_of(&self.shared.spool, self.settings.name.as_str()),
            reserve: self.shared.reserve.clone(),
            rebuild,
            cut: self.cut.take(),
            reader: self.shared.reader.clone(),
            overlay_bytes_max: self.shared.overlay_bytes_max,
            clock: self.shared.clock.clone(),
        };
        let is_replay = matches!(task.rebuild, Some(RebuildSource::Stored(_)));
        let actor = myself.clone();
        let task = spawn(TaskKind::FeedRun, async move {
            let _guard = RunGuard { actor, run };
            task.run().await;
        });
        self.running = Some(RunningFeed {
            run,
            task,
            progress,
            began: Mark::now(),
            active: None,
            ending: None,
            is_replay,
            report: None,
            run_again: false,
        });
        Some(run)
    }

    /// Asked for by someone: while a run is under way that run will do; one whose end is decided is
    /// followed by another, since whoever asks may have seen its report already.
    pub fn fetch_now(&mut self, reply: oneshot::Sender<RunId>, myself: &ActorRef<PartnerMessage>) {
        let next = RunId(self.feed.last_run.0 + 1);
        let run = match &mut self.running {
            Some(running) if running.report.is_some() => {
                running.run_again = true;
                next
            }
            Some(running) => running.run,
            None => {
                self.start_run(myself);
                next
            }
        };
        // whoever asked may have gone
        let _ = reply.send(run);
    }

    /// An operator stops the schedule, or lets it go on; what is under way comes to its end.
    pub fn pause(
        &mut self,
        paused: Option<Paused>,
        durable: oneshot::Sender<Seq>,
        myself: &ActorRef<PartnerMessage>,
    ) {
        let (partner, is_paused) = (self.settings.name.as_str(), paused.is_some());
        let reason = paused.as_ref().and_then(|paused| paused.reason.as_deref()).unwrap_or_default();
        tracing::info!(partner, is_paused, reason, "schedule of the feed stopped, or going on");
        self.feed.paused = paused;
        self.board.set_paused(is_paused);
        if self.running.is_none() {
            self.schedule_next(&LastRun::default(), myself);
        }
        let mut set = WriteSet::new(self.no);
        set.changes.push(state_record(&self.feed));
        self.commit(set, durable);
    }

    pub fn is_running(&self, run: RunId) -> bool {
        self.running.as_ref().is_some_and(|running| running.run == run)
    }

    /// The run's report is durable, or its task has given up: count it and plan the next one.
    pub fn run_closed(&mut self, run: RunId, myself: &ActorRef<PartnerMessage>) {
        if !self.is_running(run) {
            return;
        }
        let Some(mut running) = self.running.take() else { return };
        let (report, retry_after) = match running.report.take() {
            Some(report) => report,
            None => (self.close_unreported(&running), None),
        };
        self.board.set_run(None);
        if report.status.is_accepted() {
            self.poison.forget_run_deaths();
        }
        match running.is_replay {
            true => log_run(self.settings.name.as_str(), &report),
            false => self.note_end(&report, running.began.elapsed()),
        }
        let code = report.code.unwrap_or_default();
        self.go_on(running.run_again, &LastRun { code, retry_after }, myself);
    }

    /// A fetch has failed: counted, and told where its server is left alone from now on.
    pub fn note_failure(&mut self, code: &'static str) {
        self.feed.failures_in_row += 1;
        let Some(feed) = &self.settings.feed else { return };
        let (partner, failures) = (self.settings.name.as_str(), self.feed.failures_in_row);
        self.feed.gone = (code == GONE).then(|| gone_again(self.feed.gone.take(), &feed.url));
        if is_given_up(self.feed.gone.as_ref(), &feed.url) {
            let detail = "fetched no more until asked for by hand, or at another url; all assets are kept";
            tracing::warn!(partner, failures, detail, "feed given up, its server says that it is gone");
        } else if failures == feed.fetching.circuit_failures {
            let pause = feed.fetching.circuit_pause;
            tracing::warn!(
                partner,
                failures,
                code,
                ?pause,
                "feed fails again and again, its server is left alone"
            );
        }
    }

    /// The run's task has ended without a word, as by a panic.
    fn close_unreported(&mut self, running: &RunningFeed) -> RunReport {
        let (run, is_replay) = (running.run, running.is_replay);
        let now = self.shared.clock.now();
        let detail = "the run ended inside before it came to a result; the next one starts over";
        self.feed.failures_in_row += u32::from(!is_replay);
        let failure = RunFailure::plain("run_broke_off", detail.into(), now);
        let mut report = failed_report(run, failure, now);
        report.timings = Some(running.progress.timings());
        let (durable, _) = oneshot::channel();
        self.close_run(report.clone(), None, WriteSet::new(self.no), durable);
        report
    }

    fn note_end(&mut self, report: &RunReport, took: Duration) {
        self.metrics.feed().run_finished(report.status, &report.counts, took);
        if report.status == RunStatus::Applied {
            let RunCounts { missed_push, pushes, .. } = report.counts;
            self.push_loss = push_loss_rate(missed_push, pushes, report.pushes_at_all);
        }
        log_run(self.settings.name.as_str(), report);
    }

    /// For tests: as if the task had died.
    pub fn abort_run(&self) {
        if let Some(running) = &self.running {
            running.task.abort();
        }
    }

    /// Behind a run: another at once, or at its time.
    fn go_on(&mut self, run_again: bool, last: &LastRun, myself: &ActorRef<PartnerMessage>) {
        match run_again {
            true => self.start_run(myself),
            false => self.schedule_next(last, myself),
        }
    }

    pub fn reconfigure(&mut self, settings: Arc<PartnerSettings>, myself: &ActorRef<PartnerMessage>) {
        let feed_moved = self.settings.feed != settings.feed;
        self.settings = settings;
        if feed_moved {
            self.poison.forget_run_deaths();
            self.stop_timer();
            match &mut self.running {
                // a timer would go off while the old run is under way, and be lost
                Some(running) => running.run_again = true,
                None => self.schedule_first_fetch(myself),
            }
        }
    }

    /// Ends what runs beside the actor.
    pub async fn stop_tasks(&mut self) {
        self.stop_timer();
        if let Some(mut running) = self.running.take() {
            running.task.abort();
            // it ends by being aborted; then it holds nothing of the store any more
            let _ = (&mut running.task).await;
        }
    }

    pub fn stop_timer(&mut self) {
        self.due_at = None;
        self.board.set_next_at(None);
        if let Some(timer) = self.timer.take() {
            timer.abort();
        }
    }

    fn schedule_next(&mut self, last: &LastRun, myself: &ActorRef<PartnerMessage>) {
        self.stop_timer();
        let Some(feed) = self.settings.feed.as_ref().filter(|_| self.feed.paused.is_none()) else { return };
        if is_given_up(self.feed.gone.as_ref(), &feed.url) {
            return;
        }
        let now = self.shared.clock.now();
        let regular = next_wait(ScheduleQuestion {
            every: feed.every,
            cron: feed.cron.as_ref(),
            jitter: feed.jitter,
            place: place_of(self.settings.name.as_str()),
            now,
            slots_served: self.feed.slots_served_at.map(Micros),
        });
        let wait = match self.feed.failures_in_row {
            0 => regular,
            failures => wait_after(FailureQuestion {
                regular,
                retries: &feed.retries,
                failures,
                code: &last.code,
                retry_after: last.retry_after,
                circuit_failures: feed.fetching.circuit_failures,
                circuit_pause: feed.fetching.circuit_pause,
                chance: chance(),
            }),
        };
        if feed.cron.is_some() {
            self.due_at = Some(now.plus(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX)));
        }
        self.set_timer(wait, myself);
    }

    /// Its server is left alone, but for the schedule's own tries.
    pub fn is_left_alone(&self) -> bool {
        let Some(feed) = &self.settings.feed else { return false };
        is_open(self.feed.failures_in_row, feed.fetching.circuit_failures)
            || is_given_up(self.feed.gone.as_ref(), &feed.url)
    }

    fn set_timer(&mut self, wait: Duration, myself: &ActorRef<PartnerMessage>) {
        let due_at = self.due_at;
        self.stop_timer();
        self.due_at = due_at;
        if self.feed.paused.is_some() {
            return;
        }
        let now = self.shared.clock.now();
        let at = due_at.unwrap_or_else(|| now.plus(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX)));
        self.board.set_next_at(Some(at));
        let wait = if due_at.is_some() { wait.min(LOOK_AGAIN) } else { wait };
        self.timers += 1;
        let (timer, actor) = (self.timers, myself.clone());
        self.timer = Some(spawn(TaskKind::FetchTimer, async move {
            sleep(wait).await;
            // an actor that has gone has a successor with a timer of its own
            let _ = actor.cast(PartnerMessage::FetchDue { timer });
        }));
    }
}

fn log_run(partner: &str, report: &RunReport) {
    for lint in report.faults.iter().filter(|fault| fault.record.is_none()) {
        let (run, code, detail) = (report.run.0, lint.code.as_str(), lint.detail.as_str());
        tracing::warn!(partner, run, code, detail, "feed run found fault with its file");
    }
    let counts = &report.counts;
    let (run, status) = (report.run.0, report.status.as_str());
    let code = report.code.as_deref().unwrap_or_default();
    match report.status {
        RunStatus::Failed | RunStatus::Refused => {
            let detail = report.detail.as_deref().unwrap_or_default();
            tracing::warn!(partner, run, status, code, detail, "feed run not applied");
        }
        RunStatus::Applied | RunStatus::Unchanged | RunStatus::SkippedOlder => tracing::info!(
            partner,
            run,
            status,
            code,
            records = counts.records,
            created = counts.created,
            updated = counts.updated,
            deleted = counts.deleted,
            held = counts.held,
            quarantined = counts.quarantined,
            prices_quarantined = counts.prices_quarantined,
            "feed run finished"
        ),
    }
}

/// A random number in 0.0..1.0, to spread fetches. Without entropy all go at the middle.
fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |random| f64::from(random) / (f64::from(u32::MAX) + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ractor::{Actor, ActorProcessingErr};
    use tokio::sync::mpsc;

    /// Tells which runs it hears to be closed.
    struct Listener;

    impl Actor for Listener {
        type Msg = PartnerMessage;
        type State = mpsc::UnboundedSender<RunId>;
        type Arguments = mpsc::UnboundedSender<RunId>;

        async fn pre_start(
            &self,
            _: ActorRef<PartnerMessage>,
            heard: Self::Arguments,
        ) -> Result<Self::State, ActorProcessingErr> {
            Ok(heard)
        }

        async fn handle(
            &self,
            _: ActorRef<PartnerMessage>,
            message: PartnerMessage,
            heard: &mut Self::State,
        ) -> Result<(), ActorProcessingErr> {
            if let PartnerMessage::RunClosed { run } = message {
                heard.send(run)?;
            }
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_run_whose_task_panics_is_closed_all_the_same() {
        let (heard, mut closed) = mpsc::unbounded_channel();
        let (actor, _) = Actor::spawn(None, Listener, heard).await.unwrap();
        let guard = RunGuard { actor: actor.clone(), run: RunId(7) };
        let task = spawn(TaskKind::FeedRun, async move {
            let _guard = guard;
            panic!("asked to panic by a test")
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(closed.recv().await, Some(RunId(7)));
        actor.stop(None);
    }
}
