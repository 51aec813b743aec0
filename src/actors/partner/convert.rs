//! Plans of before, which hold their ids themselves: given pages when their partner's actor starts.

use super::books::plans::pages::next_converted;
use super::state::SharedServices;
use crate::actors::push::Unavailable;
use crate::domain::{PartnerNo, WriteSet};
use crate::store::ReadError;
use tokio::task::JoinError;

/// A plan of before could not be given pages.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    #[error("a plan cannot be read: {0}")]
    Read(#[from] ReadError),
    #[error("the store takes no writes")]
    Storage(#[from] Unavailable),
    #[error("reading a plan failed inside: {0}")]
    Panicked(#[from] JoinError),
}

/// Gives the plans of before pages, one plan at a time and page by page.
pub async fn convert(shared: &SharedServices, no: PartnerNo) -> Result<(), ConvertError> {
    let mut after: Option<u64> = None;
    loop {
        let reader = shared.reader.clone();
        let step = tokio::task::spawn_blocking(move || next_converted(&reader, no, after));
        let Some((plan, changes)) = step.await?? else { return Ok(()) };
        for change in changes {
            let mut set = WriteSet::new(no);
            set.changes.push(change);
            shared.storage.commit_and_wait(set).await?;
        }
        after = Some(plan);
    }
}
