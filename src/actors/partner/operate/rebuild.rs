//! Rebuild: an operator has a whole snapshot read again, ignoring validators and F7; fetched again,
//! or from the stored file of an earlier run. A snapshot that was accepted before keeps its time,
//! so on a healthy catalogue it changes nothing.
//!
//! The bodies of the last applied runs are kept for this, bounded by count and bytes.

use crate::actors::partner::feed::bodies::{RebuildSource, StoredRun, bodies_of, is_kept};
use crate::actors::partner::message::PartnerMessage;
use crate::actors::partner::message::orders::{RebuildFrom, RebuildRefused};
use crate::actors::partner::message::run::Reread;
use crate::actors::partner::state::PartnerState;
use crate::domain::{Micros, RunId, RunReport, RunStatus};
use crate::store::ReadError;
use ractor::ActorRef;
use tokio::sync::oneshot;

impl PartnerState {
    pub fn rebuild(
        &mut self,
        from: RebuildFrom,
        reply: oneshot::Sender<Result<RunId, RebuildRefused>>,
        myself: &ActorRef<PartnerMessage>,
    ) {
        let started = self.begin_rebuild(from, myself);
        // whoever asked may have gone; the run goes on
        let _ = reply.send(started);
    }

    fn begin_rebuild(
        &mut self,
        from: RebuildFrom,
        myself: &ActorRef<PartnerMessage>,
    ) -> Result<RunId, RebuildRefused> {
        if self.settings.feed.is_none() {
            return Err(RebuildRefused::NoFeed);
        }
        let rebuild = match from {
            RebuildFrom::Fetch => RebuildSource::Fetch,
            RebuildFrom::Stored(run) => {
                let stored = self.stored_run(run).map_err(RebuildRefused::Unread)?;
                RebuildSource::Stored(stored.ok_or(RebuildRefused::NotStored)?)
            }
        };
        self.start_run_as(Some(rebuild), myself).ok_or(RebuildRefused::Running)
    }

    /// `None` where the run was not applied, or its file is no longer kept. Errs where its report cannot
    /// be read.
    fn stored_run(&self, run: RunId) -> Result<Option<StoredRun>, ReadError> {
        let report = self.shared.reader.record::<RunReport>(self.no, &run)?;
        let Some(report) = report.filter(|report| report.status == RunStatus::Applied) else {
            return Ok(None);
        };
        let Some(snapshot) = report.snapshot_at.map(Micros) else { return Ok(None) };
        let bodies = bodies_of(&self.shared.spool, self.settings.name.as_str());
        let reread = Reread { snapshot, dated: report.dated, stored: Some(run) };
        let started_at = Micros(report.started_at);
        Ok(is_kept(&bodies, run).then_some(StoredRun { reread, started_at, run, bodies }))
    }
}
