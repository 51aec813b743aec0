//! A fleet of partners, as many and as different as they are: their feeds fetched at once give the
//! catalogue that their files say, asset by asset; and give it again after the store has been lost.

use crate::support::archive;
use crate::support::exact::{Assets, Exact, assert_same, body, catalogue, own_members, records, segment};
use crate::support::feed_server::{FeedServer, Served};
use crate::support::house::{House, feed, partner};
use futures_util::{StreamExt, stream};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tidegate::clock::{Clock, Mark};
use tidegate::config::PartnerSettings;
use tidegate::domain::Field;

/// Assets read by their address at once.
const READS_AT_ONCE: usize = 16;

struct Fleet {
    server: FeedServer,
    partners: Vec<PartnerSettings>,
    truth: BTreeMap<String, Assets>,
}

impl Fleet {
    async fn serve(feeds: &[(String, PathBuf)]) -> Fleet {
        let server = FeedServer::start().await;
        let mut fleet = Fleet { server, partners: Vec::new(), truth: BTreeMap::new() };
        for (name, path) in feeds {
            let file = std::fs::read_to_string(path).unwrap();
            fleet.truth.insert(name.clone(), records(&file));
            fleet.server.put(&address(name), Served::json(file).etag("\"1\""));
            let mut feed = feed(&fleet.server.url(&address(name)));
            feed.mapping.id.parts = vec![Field::member("base")];
            fleet.partners.push(partner(name).with_feed(feed));
        }
        fleet
    }

    /// Starts a daemon, waits for each partner's first run, and compares.
    async fn is_taken_over(&self, directory: &Path) -> House {
        let house = House::start_in(directory.to_owned(), self.partners.clone(), Clock::system()).await;
        for name in self.truth.keys() {
            let report = house.run_report(name, 1).await;
            assert_eq!(report["status"], "applied", "{name}: {report}");
            assert_eq!(report["counts"]["created"], self.truth[name].len(), "{name}: {report}");
        }
        let found = catalogue(&house).await;
        let none = Assets::new();
        for (name, truth) in &self.truth {
            // a partner all of whose records are twins is in no list
            assert_same(name, found.get(name).unwrap_or(&none), truth);
        }
        assert!(found.keys().all(|name| self.truth.contains_key(name)));
        house
    }

    /// Reads every asset by its own address.
    async fn is_read_back(&self, house: &House) {
        let assets = self.truth.iter().flat_map(|(name, assets)| assets.iter().map(move |a| (name, a)));
        let reads = assets.map(async |(name, (id, members))| {
            let path = format!("/api/partners/{name}/assets/{}", segment(id));
            let shown = Exact::read(&body(house.read(&path)).await).object();
            assert_eq!(shown["id"], Exact::Text(id.clone()));
            assert_eq!(own_members(shown), *members, "{name} {id}");
        });
        stream::iter(reads).buffer_unordered(READS_AT_ONCE).collect::<()>().await;
    }
}

fn address(name: &str) -> String {
    format!("/fleet/{name}.json")
}

async fn becomes_what_its_files_say(feeds: &[(String, PathBuf)]) {
    let fleet = Fleet::serve(feeds).await;
    let directory = tempfile::tempdir().unwrap();
    let began = Mark::now();
    let house = fleet.is_taken_over(directory.path()).await;
    println!("{} feeds taken over after {:?}", feeds.len(), began.elapsed());
    fleet.is_read_back(&house).await;
    let assets: usize = fleet.truth.values().map(Assets::len).sum();
    println!("{assets} assets read back after {:?}", began.elapsed());
    house.stop().await;

    // the marker goes too: else the daemon would not begin anew with an empty catalogue
    std::fs::remove_file(directory.path().join("tidegate.redb")).unwrap();
    std::fs::remove_file(directory.path().join("tidegate.exists")).unwrap();
    let house = fleet.is_taken_over(directory.path()).await;
    println!("the same again without the file after {:?}", began.elapsed());
    house.stop().await;
    for name in fleet.truth.keys() {
        assert_eq!(fleet.server.answered(&address(name)).whole, 2, "{name}: one fetch for each start");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_fleet_becomes_what_its_files_say_and_again_without_the_store() {
    becomes_what_its_files_say(&archive::small_fleet()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_fleet_becomes_what_its_files_say_and_again_without_the_store() {
    let Some(feeds) = archive::fleet() else { return };
    becomes_what_its_files_say(&feeds).await;
}
