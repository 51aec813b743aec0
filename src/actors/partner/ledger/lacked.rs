//! The newest file whose absences counted, for what comes late.

use crate::domain::{AssetId, FeedState, Lane, Micros, Stamp};

/// The newest file whose absences counted: what comes late and is older has been absent from it (X3).
#[derive(Clone, Copy, Debug)]
pub struct Lacked<'a> {
    snapshot: Option<Micros>,
    /// Ids that the file held although nothing of them was applied, sorted.
    in_vain: &'a [String],
}

impl<'a> Lacked<'a> {
    pub fn of(feed: &'a FeedState) -> Lacked<'a> {
        Lacked { snapshot: feed.last_absence_at.map(Micros), in_vain: &feed.last_absence_in_vain }
    }

    /// `(S, feed)` of the file, unless it held the id.
    pub fn by(&self, id: &AssetId) -> Stamp {
        let holds = || self.in_vain.binary_search_by(|held| held.as_str().cmp(id.as_str())).is_ok();
        let snapshot = self.snapshot.filter(|_| self.in_vain.is_empty() || !holds());
        snapshot.map_or(Stamp::NEVER, |snapshot| Stamp::new(snapshot, Lane::Feed, 0))
    }
}
