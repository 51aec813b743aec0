//! A removed partner's leftovers: counted, and taken away for good (`tidegate partner remove
//! --purge`).
//!
//! Nobody may be deciding for the partner meanwhile: it is not configured, or the daemon is stopped. Readers of the change
//! stream see every living asset deleted. What stays is the partner's number, which is never given
//! to another, and its history floor (X4): should it come back, nothing older than the purge does. The
//! floor is raised before anything is taken away, so that a purge that ends half-way forgets nothing
//! of this. Documents are not read: what a set takes in memory does not hang on their size.
//!
//! What is absent on purpose: the log is not rewritten. Until it is trimmed, who follows the changes
//! can read there what the assets once held.

use super::numbers::{NUMBERS, number_record};
use super::partner::record;
use crate::codec::records::Record;
use crate::domain::{
    AssetChange, AssetEvent, AssetHead, AssetId, ChangeKind, FeedState, Lane, Micros, Origin, PartnerName,
    PartnerNo, PartnerNumber, PartnerStanding, RecordKind, Slot, Stamp, WriteSet,
};
use crate::store::{ReadError, Reader};

/// Records taken away in one set; of assets it is a chunk of the index.
const PAGE: usize = 4_096;

/// What a partner has here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Assets that readers still see.
    pub living: u64,
    /// Tombstones, and prices that wait for their asset.
    pub dead: u64,
}

/// Counts what a removed partner has left. Errors where the store cannot be read.
pub fn count(reader: &Reader, partner: PartnerNo) -> Result<Leftovers, ReadError> {
    let mut leftovers = Leftovers::default();
    reader.index(partner, &mut |_, _, head, _| match head.is_alive() {
        true => leftovers.living += 1,
        false => leftovers.dead += 1,
    })?;
    Ok(leftovers)
}

/// The purge of one partner, set by set. Each set must be durable before the next is asked for.
pub struct Purge<'a> {
    reader: &'a Reader,
    name: &'a PartnerName,
    number: PartnerNumber,
    no: PartnerNo,
    now: Micros,
    step: Step,
    /// It goes on with nothing: no floor is left, and it keeps its number.
    is_clearing: bool,
    /// X4: what the partner's history floor becomes.
    floor: i64,
}

enum Step {
    Floor,
    /// From this slot on.
    Assets(u32),
    Records(usize),
    Last,
    Done,
}

impl<'a> Purge<'a> {
    /// Of this partner, as of `now`.
    pub fn new(reader: &'a Reader, name: &'a PartnerName, number: PartnerNumber, now: Micros) -> Purge<'a> {
        let (no, floor) = (number.no, now.0);
        Purge { reader, name, number, no, now, step: Step::Floor, is_clearing: false, floor }
    }

    /// Of a sandbox that begins again with nothing. That it is under way is written before anything is
    /// taken away, and that it is over with the last set: one that ends half-way is gone through again.
    pub fn clearing(
        reader: &'a Reader,
        name: &'a PartnerName,
        number: PartnerNumber,
        now: Micros,
    ) -> Purge<'a> {
        Purge { is_clearing: true, ..Purge::new(reader, name, number, now) }
    }

    /// The next sets; `None` when nothing is left.
    pub fn next_sets(&mut self) -> Result<Option<Vec<WriteSet>>, ReadError> {
        loop {
            let set = match std::mem::replace(&mut self.step, Step::Done) {
                Step::Floor => {
                    self.step = Step::Assets(0);
                    if self.is_clearing { self.numbered(true) } else { self.raise_floor()? }
                }
                Step::Assets(from) => {
                    let (set, next) = self.assets(from)?;
                    self.step = next.map_or(Step::Records(0), Step::Assets);
                    set
                }
                Step::Records(kind) if kind < RecordKind::ALL.len() => {
                    let set = self.records(RecordKind::ALL[kind])?;
                    self.step = Step::Records(if set.changes.is_empty() { kind + 1 } else { kind });
                    set
                }
                Step::Records(_) => {
                    self.step = Step::Last;
                    continue;
                }
                Step::Last => return Ok(Some(self.last())),
                Step::Done => return Ok(None),
            };
            if !set.changes.is_empty() {
                return Ok(Some(vec![set]));
            }
        }
    }

    /// The feed's state stays as it is until the end, but for the floor, which is never lowered: a
    /// clock may have gone back since it was raised.
    fn raise_floor(&mut self) -> Result<WriteSet, ReadError> {
        let state: FeedState = self.reader.record(self.no, &())?.unwrap_or_default();
        self.floor = state.history_floor.unwrap_or(i64::MIN).max(self.now.0);
        Ok(self.feed_state(FeedState { history_floor: Some(self.floor), ..state }))
    }

    fn feed_state(&self, state: FeedState) -> WriteSet {
        let mut set = WriteSet::new(self.no);
        set.changes.push(record::put(&(), &state));
        set
    }

    /// Takes away a chunk of the assets; gives where to go on.
    fn assets(&self, from: u32) -> Result<(WriteSet, Option<u32>), ReadError> {
        let mut set = WriteSet::new(self.no);
        let next = self.reader.index_from(self.no, from, &mut |slot, id, head, _| {
            set.changes.extend(self.taken_away(slot, &id, &head));
        })?;
        Ok((set, next))
    }

    fn taken_away(&self, slot: Slot, id: &AssetId, head: &AssetHead) -> impl Iterator<Item = ChangeKind> {
        let stamp = Stamp::new(self.now, Lane::Admin, 0);
        let dead = AssetHead {
            death: stamp,
            end: stamp,
            died_at: self.now,
            version: head.version + 1,
            ..AssetHead::unborn()
        };
        let change = |event| AssetChange {
            slot,
            id: id.clone(),
            event,
            head: dead.clone(),
            set: Vec::new(),
            removed: Vec::new(),
            stamp,
            origin: Origin::Admin { action: 0 },
        };
        let deleted = head.is_alive().then(|| change(AssetEvent::Deleted));
        let both = deleted.into_iter().chain([change(AssetEvent::Forgotten)]);
        both.map(|change| ChangeKind::Asset(Box::new(change)))
    }

    /// Takes away the first page of the partner's records of a kind. The feed's state stays: the
    /// floor stands in it.
    fn records(&self, kind: RecordKind) -> Result<WriteSet, ReadError> {
        let mut set = WriteSet::new(self.no);
        let is_clearing = self.is_clearing;
        let stays = |key: &[u8]| !is_clearing && kind == RecordKind::Feed && *key == *FeedState::key(&());
        let keys = self.reader.first_record_keys(kind, self.no, PAGE)?.into_iter();
        set.changes.extend(keys.filter(|key| !stays(key)).map(|key| record::remove_stored(kind, key)));
        Ok(set)
    }

    /// Nothing but the floor is left of the feed, and the partner is gone, in one commit.
    fn last(&self) -> Vec<WriteSet> {
        if self.is_clearing {
            return vec![self.numbered(false)];
        }
        let own = self.feed_state(FeedState { history_floor: Some(self.floor), ..FeedState::default() });
        let mut numbers = WriteSet::new(NUMBERS);
        let number = PartnerNumber { standing: PartnerStanding::Purged, ..self.number };
        numbers.changes.push(number_record(self.name, &number));
        vec![own, numbers]
    }

    fn numbered(&self, is_clearing: bool) -> WriteSet {
        let mut set = WriteSet::new(NUMBERS);
        set.changes.push(number_record(self.name, &PartnerNumber { is_clearing, ..self.number }));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{RecordChange, RecordedPushes, RunId};
    use crate::store::{Opened, StoreOptions, open};
    use tempfile::TempDir;

    const NO: PartnerNo = PartnerNo(3);
    const NOW: Micros = Micros(1_000_000);
    const ASSETS: u32 = 5_000;

    fn opened(directory: &TempDir) -> Opened {
        let options = StoreOptions { overlay_bytes_max: 64 << 20, ..StoreOptions::small() };
        open(directory.path(), &options).unwrap()
    }

    fn born(slot: u32) -> ChangeKind {
        let life = Stamp::new(Micros(5), Lane::Push, 0);
        ChangeKind::Asset(Box::new(AssetChange {
            slot: Slot(slot),
            id: AssetId::new(&format!("a{slot}")).unwrap(),
            event: AssetEvent::Created,
            head: AssetHead { version: 1, life, base: life, ..AssetHead::unborn() },
            set: Vec::new(),
            removed: Vec::new(),
            stamp: life,
            origin: Origin::Push { delivery: 0 },
        }))
    }

    /// A partner with assets, reports and plans, and a floor of its own.
    fn partner_of(writer: &mut crate::store::Writer, floor: i64) {
        let mut set = WriteSet::new(NO);
        set.changes.extend((0..ASSETS).map(born));
        for kind in [RecordKind::Run, RecordKind::Plan, RecordKind::PlanIds, RecordKind::Lost] {
            let (key, value) = ((*b"key").into(), Some((*b"{}").into()));
            set.changes.push(ChangeKind::Record(Box::new(RecordChange { kind, key, value })));
        }
        let state = FeedState { history_floor: Some(floor), ..FeedState::default() };
        set.changes.push(record::put(&(), &state));
        let pushes = RecordedPushes { last_run: RunId(0), pushes: 7, documents: true };
        set.changes.push(record::put(&(), &pushes));
        writer.commit(&mut vec![set], Micros(9)).unwrap();
    }

    fn floor_of(reader: &Reader) -> Option<i64> {
        reader.record::<FeedState>(NO, &()).unwrap().unwrap().history_floor
    }

    #[test]
    fn b4_the_floor_stands_whichever_set_a_purge_ends_after() {
        let directory = TempDir::new().unwrap();
        let Opened { mut writer, reader, .. } = opened(&directory);
        partner_of(&mut writer, 7);
        let name = PartnerName::new("acme").unwrap();
        let mut purge = Purge::new(&reader, &name, PartnerNumber::new(NO, false), NOW);
        let mut sets = 0;
        while let Some(mut next) = purge.next_sets().unwrap() {
            writer.commit(&mut next, NOW).unwrap();
            sets += 1;
            assert_eq!(floor_of(&reader), Some(NOW.0), "after set {sets}");
        }
        assert!(sets >= 7, "floor, two chunks of assets, four kinds, the end: {sets}");
        assert_eq!(count(&reader, NO).unwrap(), Leftovers::default());
        for kind in RecordKind::ALL.into_iter().filter(|kind| *kind != RecordKind::Feed) {
            assert_eq!(reader.first_record_keys(kind, NO, 1).unwrap().len(), 0, "{kind:?}");
        }
        assert_eq!(reader.record::<RecordedPushes>(NO, &()).unwrap(), None, "it would be counted again");
        let numbers = crate::actors::numbers::partner_numbers(&reader).unwrap();
        let purged = PartnerNumber { standing: PartnerStanding::Purged, ..PartnerNumber::new(NO, false) };
        assert_eq!(numbers[&name], purged);
    }

    #[test]
    fn b4_a_purge_under_a_clock_that_went_back_lowers_no_floor() {
        let directory = TempDir::new().unwrap();
        let Opened { mut writer, reader, .. } = opened(&directory);
        partner_of(&mut writer, NOW.0 + 50);
        let name = PartnerName::new("acme").unwrap();
        let mut purge = Purge::new(&reader, &name, PartnerNumber::new(NO, false), NOW);
        while let Some(mut next) = purge.next_sets().unwrap() {
            writer.commit(&mut next, NOW).unwrap();
            assert_eq!(floor_of(&reader), Some(NOW.0 + 50));
        }
    }

    #[test]
    fn a_sandbox_that_is_cleared_keeps_its_number_and_nothing_else_and_a_half_is_gone_through_again() {
        let directory = TempDir::new().unwrap();
        let Opened { mut writer, reader, .. } = opened(&directory);
        partner_of(&mut writer, 7);
        let (name, number) = (PartnerName::new("acme").unwrap(), PartnerNumber::new(NO, true));
        let known = |reader: &Reader| crate::actors::numbers::partner_numbers(reader).unwrap()[&name];
        let mut half = Purge::clearing(&reader, &name, number, NOW);
        for _ in 0..3 {
            writer.commit(&mut half.next_sets().unwrap().unwrap(), NOW).unwrap();
            assert!(known(&reader).is_clearing);
        }
        let mut again = Purge::clearing(&reader, &name, known(&reader), NOW);
        while let Some(mut next) = again.next_sets().unwrap() {
            writer.commit(&mut next, NOW).unwrap();
        }
        assert_eq!((count(&reader, NO).unwrap(), known(&reader)), (Leftovers::default(), number));
        for kind in RecordKind::ALL {
            assert_eq!(reader.first_record_keys(kind, NO, 1).unwrap().len(), 0, "{kind:?}");
        }
    }

    #[test]
    fn a1_no_set_of_a_purge_is_larger_than_a_chunk_whatever_the_documents_hold() {
        let directory = TempDir::new().unwrap();
        let Opened { mut writer, reader, .. } = opened(&directory);
        partner_of(&mut writer, 7);
        let name = PartnerName::new("acme").unwrap();
        let mut purge = Purge::new(&reader, &name, PartnerNumber::new(NO, false), NOW);
        while let Some(mut next) = purge.next_sets().unwrap() {
            let bytes: usize = next.iter().map(crate::actors::storage::approximate_bytes).sum();
            assert!(bytes < 4 << 20, "{bytes} bytes in one set");
            writer.commit(&mut next, NOW).unwrap();
        }
    }
}
