//! Properties 6 and 8 over the daemon, at the end of a scenario: what is rebuilt from the log equals
//! what lives, by an empty store that hears the log, by the recovery of a file that nobody closed, and
//! by a restart; and the change stream replayed from its beginning equals the catalogue (`follow`).

use super::Scenario;
use crate::support::house::wait_for;
use crate::support::small_store::KEEP_ALL;
use tidegate::domain::{PartnerNo, RecordKind, Seq, WriteSet};
use tidegate::store::{AssetRow, Reader, RecordBytes, open, open_backend};

/// Pages of a scenario's log, and more rows and records than it has of a kind.
const PAGE: usize = 10_000;
/// All that a store holds of some partners.
#[derive(Debug, PartialEq)]
struct Contents {
    rows: Vec<AssetRow>,
    records: Vec<(RecordKind, Vec<RecordBytes>)>,
}

impl Scenario {
    pub(super) async fn prove(&mut self) {
        self.compare_the_dead().await;
        for partner in &self.partners {
            self.assert_replayed(&partner.name).await;
            // what is fetched at the next start changes nothing
            self.feeds.remove(&partner.path());
        }
        let mut before = self.rebuild().await;
        self.house.restart().await;
        let mut after = self.contents(self.house.daemon().reader()).rows;
        for rows in [&mut before, &mut after] {
            // an actor that starts forgets old tombstones (X4)
            rows.retain(|row| row.head.is_alive());
        }
        assert_eq!(after, before, "property 6: after a stop");
        self.compare().await;
    }

    /// Property 6, while the daemon runs; gives the rows that there are.
    async fn rebuild(&mut self) -> Vec<AssetRow> {
        let (live, heard, recovered, applied) = wait_for("the store to stand still", async || {
            let reader = self.house.daemon().reader();
            let durable = reader.durable();
            let (live, heard) = (self.contents(reader), self.hear_log(reader));
            let (recovered, applied) = self.recover(&self.house.store_image().await);
            (reader.durable() == durable).then_some((live, heard, recovered, applied))
        })
        .await;
        assert_eq!(heard, live, "property 6: an empty store that heard the log");
        assert_eq!(recovered, live, "property 6: recovered from a file that nobody closed");
        self.recovered += applied;
        live.rows
    }

    fn contents(&self, reader: &Reader) -> Contents {
        let registry = self.house.daemon().registry();
        let entries = self.partners.iter().filter_map(|partner| registry.by_name(&partner.name));
        let numbers: Vec<PartnerNo> = entries.map(|entry| entry.no).collect();
        let rows = |no: &PartnerNo| reader.assets(*no, None, PAGE).expect("rows");
        let records = |kind: RecordKind| {
            let of = |no: &PartnerNo| reader.raw_records((kind, *no), None, false, PAGE).expect("records");
            (kind, numbers.iter().flat_map(of).collect())
        };
        let rows = numbers.iter().flat_map(rows).collect();
        Contents { rows, records: RecordKind::ALL.map(records).into() }
    }

    /// What an empty store holds that is told every change of the log.
    fn hear_log(&self, reader: &Reader) -> Contents {
        let memory = redb::backends::InMemoryBackend::new();
        let mut empty = open_backend(memory, &KEEP_ALL).expect("an empty store");
        let mut since = Seq(0);
        loop {
            let page = reader.changes(since, PAGE).expect("the log from its beginning");
            for commit in page.changes.chunk_by(|a, b| a.committed_at == b.committed_at) {
                let set = |change: tidegate::domain::Change| WriteSet {
                    partner: change.partner,
                    changes: vec![change.kind],
                };
                let mut sets = commit.iter().map(|committed| set(committed.change.clone())).collect();
                empty.writer.commit(&mut sets, commit[0].committed_at).expect("a commit in memory");
            }
            if page.next == since {
                return self.contents(&empty.reader);
            }
            since = page.next;
        }
    }

    /// What a store holds that is opened on a copy of the file, and how many changes that took.
    fn recover(&self, image: &[u8]) -> (Contents, u64) {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("tidegate.redb"), image).expect("a copy");
        let opened = open(directory.path(), &KEEP_ALL).expect("the copy opens");
        (self.contents(&opened.reader), opened.recovery.changes)
    }
}
