//! The state of a partner's feed between its runs, and the count of pushes since the last one.
//!
//! - Key: empty for the state; `pushes` for the count.
//! - Value: JSON of `FeedState`; JSON of `RecordedPushes`.
//! - Lifetime: the state is replaced with each run's end and whenever its history floor rises (X4). It
//!   outlives a purge, which leaves nothing of it but that floor. The count is replaced as it grows,
//!   and says nothing any more once a later run has ended.

use super::form::{Encode, Record, RecordCause, from_json, json};
use crate::domain::{FeedState, RecordKind, RecordedPushes};

const PUSHES_KEY: &[u8] = b"pushes";

impl Record for FeedState {
    const KIND: RecordKind = RecordKind::Feed;
    const OTHERS: &'static [&'static [u8]] = &[PUSHES_KEY];
    type Key = ();

    fn key((): &()) -> Box<[u8]> {
        Box::default()
    }

    fn read_key(bytes: &[u8]) -> Option<()> {
        bytes.is_empty().then_some(())
    }

    fn decode(bytes: &[u8]) -> Result<FeedState, RecordCause> {
        from_json(bytes)
    }
}

impl Encode for FeedState {
    fn encode(&self) -> Box<[u8]> {
        json(self)
    }
}

impl Record for RecordedPushes {
    const KIND: RecordKind = RecordKind::Feed;
    const OTHERS: &'static [&'static [u8]] = &[b""];
    type Key = ();

    fn key((): &()) -> Box<[u8]> {
        PUSHES_KEY.into()
    }

    fn read_key(bytes: &[u8]) -> Option<()> {
        (bytes == PUSHES_KEY).then_some(())
    }

    fn decode(bytes: &[u8]) -> Result<RecordedPushes, RecordCause> {
        from_json(bytes)
    }
}

impl Encode for RecordedPushes {
    fn encode(&self) -> Box<[u8]> {
        json(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::form::tests::pinned;
    use super::*;
    use crate::domain::{RunId, SetBack};

    const STATE: &str = concat!(
        r#"{"last_run":5,"last_snapshot_at":1780007200000001,"last_stated_at":1780007200000000,"#,
        r#""last_dated":false,"last_absence_at":1780000000000000,"last_absence_in_vain":["a"],"#,
        r#""floor_at":1780010800000000,"floor_body":"ed4c","floor_before":1780007200000000,"#,
        r#""body_hash":"ed4c","etag":null,"last_modified":null,"#,
        r#""validators_url":"https://feeds.example/feed.json","validators_unsteady":false,"#,
        r#""accepted_counts":[40,10,9,2],"deletes":[[1780000000000000,3]],"#,
        r#""last_success_at":1780010800000000,"failures_in_row":1,"time_refusals_in_row":0,"#,
        r#""mapping_print":14295839567829211873,"outdated_runs_in_row":0,"history_floor":null,"#,
        r#""pushes_since_run":0,"last_missed":2,"last_pushes":0,"pushes_at_all":false,"#,
        r#""pushes_documents":false,"last_whole":false,"last_doubtful":false,"last_only_mixed":false,"#,
        r#""last_empty":false,"last_empty_meant":false,"last_unapplied":[],"notes_torn":false,"#,
        r#""set_back":{"limit":7,"by":3}}"#,
    );

    #[test]
    fn the_bytes_of_a_feed_s_state_are_these() {
        let state = pinned::<FeedState>(&(), b"", STATE.as_bytes());
        assert_eq!(
            (state.last_run, state.last_missed, &state.deletes[..]),
            (RunId(5), 2, &[(1780000000000000, 3)][..])
        );
        assert_eq!(state.set_back, Some(SetBack { limit: 7, by: 3 }));
    }

    #[test]
    fn a_state_of_before_lacks_what_was_not_kept_then() {
        let state = FeedState::decode(br#"{"last_run":3,"history_floor":9}"#).unwrap();
        let expected = FeedState { last_run: RunId(3), history_floor: Some(9), ..FeedState::default() };
        assert_eq!(state, expected);
    }

    #[test]
    fn the_bytes_of_the_count_of_pushes_are_these() {
        let text = br#"{"last_run":5,"pushes":1206,"documents":true}"#;
        let pushes = pinned::<RecordedPushes>(&(), b"pushes", text);
        assert_eq!(pushes, RecordedPushes { last_run: RunId(5), pushes: 1206, documents: true });
        let of_before = RecordedPushes::decode(br#"{"last_run":5,"pushes":7}"#).unwrap();
        assert!(!of_before.documents);
    }
}
