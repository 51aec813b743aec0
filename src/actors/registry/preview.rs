//! A look at a document before it is a run: one at a time for each partner.

use super::entry::PartnerEntry;
use crate::actors::partner::{PreviewError, PreviewTerms, Trial};
use crate::codec::render::DocumentPreview;
use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

impl PartnerEntry {
    /// The right to look at one document; `None` while another is looked at.
    pub fn begin_preview(&self) -> Option<OwnedSemaphorePermit> {
        self.previews.clone().try_acquire_owned().ok()
    }

    /// Reads a document as a run of the feed would, and says what would become of it. Nothing is applied.
    pub async fn preview(
        &self,
        document: Bytes,
        terms: PreviewTerms,
    ) -> Result<DocumentPreview, PreviewError> {
        let actor = self.actor().ok_or(PreviewError::Unavailable)?;
        let trial = Trial {
            settings: self.settings.load_full(),
            partner: self.no,
            reader: self.reader.clone(),
            actor,
            terms,
        };
        trial.run(document).await
    }
}
