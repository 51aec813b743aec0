//! The partner's actor: all that must happen one at a time for one partner. It owns the index, the
//! order of what arrives, the decision by the rules, and the feed's schedule.
//!
//! Its handlers await nothing outside: fetches, parsing and commits run elsewhere and come back as
//! messages. Where memory has no answer they read the store, one bounded read at a time, and where
//! they look through a whole catalogue they let others run in between. A handler that fails or panics ends the actor; the supervisor starts it again, and it
//! loads its index from what is durable.

mod books;
mod commit;
mod convert;
mod feed;
mod index;
mod ledger;
mod message;
mod operate;
mod preview;
mod push;
mod run;
mod set_right;
mod state;
mod sweep;

pub use books::gaps::OpenGap;
pub use books::parked::{ParkedPlace, ParkedPrice};
pub use books::plans::pages::{page_of as plan_page, pages_of as plan_pages};
pub use books::record;
pub use feed::earlier::compare::{CompareError, FilesCompared, compare as compare_files};
pub use feed::spool::{clean_all as clean_spool, remove_files as remove_feed_files};
pub use ledger::Prefetched;
pub use message::orders::{Operated, Order, OrderKind, PlanEnd, PlanOrder, PlanRefused, PlanVerdict};
pub use message::orders::{RebuildFrom, RebuildRefused};
pub use message::quarantine::{Mending, ReleaseRefused, Released, RowAnswer, RowOrder};
pub use message::{Blamed, PartnerMessage};
pub use preview::document::{PreviewTerms, PreviewedFile, UnreadDocument, preview as preview_document};
pub use preview::trial::{PreviewError, Trial};
pub use run::board::{FeedBoard, ProgressSeen, RunPhase, RunProgress};
pub use run::glance::{Glance, PushedFigures, StandingFigures};
pub use state::SharedServices;

use crate::actors::poison::{Poison, RunWatch};
use crate::config::PartnerSettings;
use crate::domain::{PartnerNo, WriteSet};
use crate::telemetry::PartnerMetrics;
use feed::resume::CutRun;
use feed::spool;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use state::PartnerState;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Partners that load at once: each takes a thread while it does.
static LOADS: Semaphore = Semaphore::const_new(8);

pub struct PartnerActor;

#[derive(Clone)]
pub struct PartnerArguments {
    pub no: PartnerNo,
    pub settings: Arc<PartnerSettings>,
    pub shared: SharedServices,
    pub metrics: Arc<PartnerMetrics>,
    pub gap: OpenGap,
    pub board: FeedBoard,
    pub glance: Glance,
    pub poison: Poison,
    /// The n-th life of this partner's actor in this process.
    pub generation: u64,
}

impl Actor for PartnerActor {
    type Msg = PartnerMessage;
    type State = PartnerState;
    type Arguments = PartnerArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<PartnerMessage>,
        arguments: PartnerArguments,
    ) -> Result<PartnerState, ActorProcessingErr> {
        let PartnerArguments { no, settings, shared, metrics, gap, board, glance, poison, generation } =
            arguments;
        // what an earlier life decided stands in the queue before this empty set: once it is through,
        // the index can be loaded from what is durable
        shared.storage.commit_and_wait(WriteSet::new(no)).await?;
        convert::convert(&shared, no).await?;
        set_right::set_right(&shared, no).await?;
        let load = move || {
            let (spool, name) = (shared.spool.clone(), settings.name.clone());
            // what a killed process has left is gone since the daemon's start
            if generation > 1 {
                spool::clean(&spool, name.as_str());
            }
            let cut = CutRun::claim(&spool, name.as_str(), generation);
            let state = PartnerState::load(no, settings, shared, metrics, (gap, board, glance));
            state.map(|state| (state, cut))
        };
        let turn = LOADS.acquire().await?;
        let (mut state, cut) = tokio::task::spawn_blocking(load).await??;
        drop(turn);
        state.cut = cut;
        state.poison = poison;
        state.generation = generation;
        state.schedule_first_fetch(&myself);
        // first what has waited too long, so that no tombstone stays for it (X4)
        state.expire_parked();
        state.sweep(&myself);
        state.watch_gaps(&myself);
        state.show();
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<PartnerMessage>,
        message: PartnerMessage,
        state: &mut PartnerState,
    ) -> Result<(), ActorProcessingErr> {
        state.expire_parked();
        let watch = message.is_of_run().then(|| state.poison.watch_run());
        match message {
            PartnerMessage::Push { push, prefetched, reply } => {
                let watch = state.poison.watch(&push.body);
                state.push(push, prefetched, reply)?;
                watch.passed();
                state.watch_gaps(&myself);
            }
            PartnerMessage::Operate { order, prefetched, reply } => {
                state.operate(order, prefetched, reply)?
            }
            PartnerMessage::GapDue => state.gap_due(&myself),
            PartnerMessage::FetchDue { timer } => state.fetch_due(timer, &myself),
            PartnerMessage::FetchNow { reply } => state.fetch_now(reply, &myself),
            PartnerMessage::Pause { paused, durable } => state.pause(paused, durable, &myself),
            PartnerMessage::BeginRun { facts, reply } => state.begin_run(*facts, reply),
            PartnerMessage::ApplyRecords { run, records, prefetched, reply } if state.is_running(run) => {
                state.apply_records(records, prefetched, reply)?;
            }
            PartnerMessage::FinishRun { run, reply } if state.is_running(run) => {
                state.finish_run(reply).await?
            }
            PartnerMessage::RunUnchanged { run, fetched, reply } => {
                state.run_unchanged(run, fetched, reply).await?
            }
            PartnerMessage::RunFailed { run, failure, reply } => state.run_failed(run, failure, reply),
            PartnerMessage::RunClosed { run } => {
                state.run_closed(run, &myself);
                state.watch_gaps(&myself);
            }
            PartnerMessage::Preview(step) => state.preview(step).await?,
            PartnerMessage::KeepRecords { run, rows, reply } => state.keep_records(run, rows, reply),
            PartnerMessage::DecideRow { key, order, answer, durable } => {
                state.decide_row(key, order, answer, durable)?
            }
            PartnerMessage::DropRows { keys, answer, durable } => state.drop_rows(&keys, answer, durable),
            PartnerMessage::ListParked { after, limit, reply } => {
                let _ = reply.send(state.parked.list(&state.index, after, limit));
            }
            PartnerMessage::SweepDue => state.sweep(&myself),
            PartnerMessage::LetGo => state.let_go(),
            PartnerMessage::Rebuild { from, reply } => state.rebuild(from, reply, &myself),
            PartnerMessage::DecidePlan { order, reply } => state.decide_plan(order, reply, &myself),
            PartnerMessage::ApplyPlanPart { reply } => state.apply_plan_part(reply)?,
            PartnerMessage::LookAtPlans => state.look_at_plans(),
            PartnerMessage::Reconfigure(settings) => state.reconfigure(settings, &myself),
            PartnerMessage::Panic { deciding } => {
                let _watch = match deciding {
                    Blamed::Push(body) => Some(state.poison.watch(&body)),
                    Blamed::Nothing | Blamed::Run => None,
                };
                panic!("asked to panic by a test")
            }
            // of a run that is no longer under way
            PartnerMessage::ApplyRecords { .. } | PartnerMessage::FinishRun { .. } => {}
            PartnerMessage::AbortRun => state.abort_run(),
        }
        state.watch_recent(&myself);
        state.show();
        watch.into_iter().for_each(RunWatch::passed);
        Ok(())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<PartnerMessage>,
        state: &mut PartnerState,
    ) -> Result<(), ActorProcessingErr> {
        state.stop_tasks().await;
        state.board.set_run(None);
        state.stop_sweeping();
        state.gaps.stop_timer();
        state.note_pushes();
        Ok(())
    }
}
