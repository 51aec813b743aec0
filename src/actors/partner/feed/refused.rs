//! The invalid records of a run on their way to the quarantine: their texts are read again from
//! the spooled file, some at a time.

use super::survey::key_of;
use super::task::{FeedTask, Gone, on_blocking_pool};
use crate::actors::partner::books::refusals::row_above;
use crate::actors::partner::message::PartnerMessage;
use crate::actors::partner::state::PartnerState;
use crate::codec::snapshot::Parents;
use crate::domain::{Micros, QuarantineRow, RefusedKind, RefusedOrigin, RunId, Seq, WriteSet};
use crate::rules::feed::survey::InvalidRecord;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Rows that go to the actor in one message: some megabytes at most.
const CHUNK_ROWS: usize = 128;

impl FeedTask {
    pub async fn keep(
        &self,
        records: Vec<InvalidRecord>,
        (path, parents): (PathBuf, Arc<Parents>),
        fetched_at: Micros,
    ) -> Result<(), Gone> {
        let run = self.run;
        let mut records = records.into_iter();
        loop {
            let chunk: Vec<InvalidRecord> = records.by_ref().take(CHUNK_ROWS).collect();
            if chunk.is_empty() {
                return Ok(());
            }
            let (path, parents) = (path.clone(), parents.clone());
            let read = move || rows((&path, &parents), chunk, run, fetched_at);
            let rows = match on_blocking_pool("keeping records", fetched_at, read).await {
                Ok(rows) => rows,
                Err(failure) => return self.fail(*failure).await.and(Err(Gone)),
            };
            self.ask(|reply| PartnerMessage::KeepRecords { run, rows, reply }).await?;
        }
    }
}

fn rows(
    (path, parents): (&Path, &Parents),
    records: Vec<InvalidRecord>,
    run: RunId,
    fetched_at: Micros,
) -> Vec<QuarantineRow> {
    let file = File::open(path).ok();
    records.into_iter().map(|record| row((file.as_ref(), parents), record, run, fetched_at)).collect()
}

/// Without its text where the file cannot be read: why it was refused is known all the same.
fn row(
    (file, parents): (Option<&File>, &Parents),
    record: InvalidRecord,
    run: RunId,
    fetched_at: Micros,
) -> QuarantineRow {
    let InvalidRecord { fault, bytes, lead, element, rule } = record;
    // a character beyond the cap, so that the text is cut between characters
    let length = (bytes as usize).min(QuarantineRow::RAW_BYTES_MAX + 4);
    let read = |length: usize, offset| {
        let mut text = vec![0; length];
        file?.read_exact_at(&mut text, offset).ok().map(|()| text)
    };
    let text = read(length, fault.offset).unwrap_or_default();
    let key = read(lead as usize, fault.offset - u64::from(lead)).and_then(|lead| key_of(&lead).flatten());
    let origin = RefusedOrigin::Feed { run: run.0, record: fault.record.unwrap_or_default() };
    let row = QuarantineRow {
        id: fault.id,
        code: fault.code,
        rule: rule.as_str().to_owned(),
        hint: fault.detail,
        pointer: fault.pointer,
        offset: Some(fault.offset),
        key,
        above: parents.of(element).and_then(|above| row_above(above)),
        received_at: fetched_at.0,
        ..QuarantineRow::of(RefusedKind::FeedRecord, origin)
    };
    let row = row.with_raw(&String::from_utf8_lossy(&text));
    QuarantineRow { raw_bytes: u64::from(bytes), ..row }
}

impl PartnerState {
    /// F2, F6: the invalid records of a run, whose time is known once the run has begun to apply.
    pub fn keep_records(&mut self, run: RunId, mut rows: Vec<QuarantineRow>, reply: oneshot::Sender<Seq>) {
        let running = self.running.as_ref().filter(|running| running.run == run);
        let snapshot = running.and_then(|running| running.active.as_ref()).map(|active| active.snapshot.0);
        rows.iter_mut().for_each(|row| row.at = snapshot);
        let mut set = WriteSet::new(self.no);
        self.quarantine(rows, &mut set);
        self.commit(set, reply);
    }
}
