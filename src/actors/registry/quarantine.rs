//! The quarantine as the edge asks for it: rows released or dropped, parked prices listed.

use super::entry::PartnerEntry;
use crate::actors::partner::{
    Mending, ParkedPlace, ParkedPrice, PartnerMessage, ReleaseRefused, Released, RowAnswer, RowOrder,
};
use crate::actors::push::Unavailable;
use crate::domain::{ItemOutcome, QuarantineRow, Seq};
use crate::store::ReadError;
use tokio::sync::oneshot;

/// Why nothing was done with a row.
#[derive(Debug)]
pub enum RowError {
    /// There is no such row.
    Missing,
    /// It cannot be decided again, for this reason.
    ReleaseRefused(ReleaseRefused),
    /// The store cannot be read.
    Read(ReadError),
    /// The partner's actor does not answer.
    Unavailable,
}

impl From<Unavailable> for RowError {
    fn from(_: Unavailable) -> RowError {
        RowError::Unavailable
    }
}

impl From<ReadError> for RowError {
    fn from(error: ReadError) -> RowError {
        RowError::Read(error)
    }
}

/// How a release ended; sent when it is durable.
#[derive(Debug)]
pub struct Release {
    /// As the row names it; empty where it names none.
    pub id: String,
    /// What was decided.
    pub item: ItemOutcome,
    /// The change that it rests on.
    pub durable: Seq,
}

impl PartnerEntry {
    /// One row of the quarantine.
    pub fn quarantine_row(&self, key: u64) -> Result<QuarantineRow, RowError> {
        self.reader.record(self.no, &key)?.ok_or(RowError::Missing)
    }

    /// Has a row's write decided again, with its own time, or a text that stands in for the row's.
    pub async fn release(&self, key: u64, mending: Mending) -> Result<Release, RowError> {
        let row = self.quarantine_row(key)?;
        let settings = self.settings.load_full();
        let mut released = Released::of(row, &settings, mending).map_err(RowError::ReleaseRefused)?;
        let id = released.id.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default();
        if let Ok(write) = &released.decoded {
            self.prefetch_one(write.id(), &mut released.prefetched)?;
        }
        match self.order_row(key, RowOrder::Release(Box::new(released))).await? {
            (RowAnswer::Decided(item), durable) => Ok(Release { id, item, durable }),
            (RowAnswer::Missing | RowAnswer::Dropped, _) => Err(RowError::Missing),
        }
    }

    /// Throws a row away.
    pub async fn drop_row(&self, key: u64) -> Result<(), RowError> {
        match self.order_row(key, RowOrder::Drop).await? {
            (RowAnswer::Dropped, _) => Ok(()),
            (RowAnswer::Missing | RowAnswer::Decided(_), _) => Err(RowError::Missing),
        }
    }

    /// Throws these rows away, and says how many of them were still there.
    pub async fn drop_rows(&self, keys: Vec<u64>) -> Result<u64, Unavailable> {
        let (answer, answered) = oneshot::channel();
        let (durable, reached) = oneshot::channel();
        self.tell(PartnerMessage::DropRows { keys, answer, durable })?;
        let dropped = answered.await.map_err(|_| Unavailable)?;
        reached.await.map_err(|_| Unavailable)?;
        Ok(dropped)
    }

    /// Prices that wait for their asset, from the one that has waited longest.
    pub async fn parked(
        &self,
        after: Option<ParkedPlace>,
        limit: usize,
    ) -> Result<Vec<ParkedPrice>, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.tell(PartnerMessage::ListParked { after, limit, reply })?;
        answer.await.map_err(|_| Unavailable)
    }

    async fn order_row(&self, key: u64, order: RowOrder) -> Result<(RowAnswer, Seq), Unavailable> {
        let (answer, answered) = oneshot::channel();
        let (durable, reached) = oneshot::channel();
        self.tell(PartnerMessage::DecideRow { key, order, answer, durable })?;
        Ok((answered.await.map_err(|_| Unavailable)?, reached.await.map_err(|_| Unavailable)?))
    }
}
