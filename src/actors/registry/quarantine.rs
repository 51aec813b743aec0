//! The quarantine as the edge asks for it: rows released or dropped, parked prices listed.

use super::entry::PartnerEntry;
use crate::actors::partner::{Cannot, Kept, ParkedPlace, ParkedPrice, PartnerMessage, Released, Verdict};
use crate::actors::push::Unavailable;
use crate::domain::{ItemOutcome, QuarantineRow, Seq};
use crate::store::ReadError;
use tokio::sync::oneshot;

/// Why nothing was done with a row.
#[derive(Debug)]
pub enum KeptError {
    Missing,
    Cannot(Cannot),
    Read(ReadError),
    Unavailable,
}

impl From<Unavailable> for KeptError {
    fn from(_: Unavailable) -> KeptError {
        KeptError::Unavailable
    }
}

impl From<ReadError> for KeptError {
    fn from(error: ReadError) -> KeptError {
        KeptError::Read(error)
    }
}

/// How a release ended; sent when it is durable.
#[derive(Debug)]
pub struct Release {
    /// As the row names it; empty where it names none.
    pub id: String,
    pub item: ItemOutcome,
    pub durable: Seq,
}

impl PartnerEntry {
    /// One row of the quarantine.
    pub fn kept_row(&self, key: u64) -> Result<QuarantineRow, KeptError> {
        self.reader.record(self.no, &key)?.ok_or(KeptError::Missing)
    }

    /// Has a row's write decided again, with its own time.
    pub async fn release(&self, key: u64) -> Result<Release, KeptError> {
        let row = self.kept_row(key)?;
        let settings = self.settings.load_full();
        let mut released = Released::of(&row, &settings).map_err(KeptError::Cannot)?;
        let mut prefetched = std::mem::take(&mut released.prefetched);
        self.prefetch_one(released.asset_id(), &mut prefetched)?;
        released.prefetched = prefetched;
        match self.ask_kept(key, Kept::Release(Box::new(released))).await? {
            (Verdict::Decided(item), durable) => {
                Ok(Release { id: row.id.unwrap_or_default(), item, durable })
            }
            (Verdict::Missing | Verdict::Dropped, _) => Err(KeptError::Missing),
        }
    }

    /// Throws a row away.
    pub async fn drop_kept(&self, key: u64) -> Result<(), KeptError> {
        match self.ask_kept(key, Kept::Drop).await? {
            (Verdict::Dropped, _) => Ok(()),
            (Verdict::Missing | Verdict::Decided(_), _) => Err(KeptError::Missing),
        }
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

    async fn ask_kept(&self, key: u64, wish: Kept) -> Result<(Verdict, Seq), Unavailable> {
        let (verdict, said) = oneshot::channel();
        let (durable, reached) = oneshot::channel();
        self.tell(PartnerMessage::Kept { key, wish, verdict, durable })?;
        Ok((said.await.map_err(|_| Unavailable)?, reached.await.map_err(|_| Unavailable)?))
    }
}
