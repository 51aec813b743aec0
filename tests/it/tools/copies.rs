//! The followers of the guide, some sixty lines of Python each over SQLite and PostgreSQL: through cuts, a `kill -9`
//! of the daemon and one of their own, and an older copy of the store that is put back, each comes to what the
//! export says.

use super::followers::{House, SUPPLY, copy_files, put_back, settled};
use crate::support::house::{READER, key, wait_for};
use crate::support::packages;
use crate::support::postgres::Postgres;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Child;
use tidegate::config::KeyHash;

/// A follower of the guide, and how its copy is read.
struct Guide {
    script: &'static str,
    /// What it keeps the copy in: a file, or a connection.
    place: String,
    /// Prints the texts of the copied assets, by id.
    reads: &'static str,
}

const SQLITE: &str = "import sqlite3, sys, json\n\
    rows = sqlite3.connect(sys.argv[1], timeout=30).execute('select id, body from asset')\n\
    print(json.dumps(dict(rows)))";
const POSTGRES: &str = "import psycopg, sys, json\n\
    rows = psycopg.connect(sys.argv[1]).execute('select id, body::text from asset')\n\
    print(json.dumps(dict(rows.fetchall())))";

/// The program that keeps the copy; it ends with this.
struct Copying(Child);

impl Drop for Copying {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Guide {
    fn start(&self, house: &House) -> Copying {
        self.start_as(house, &key("acme"))
    }

    fn start_as(&self, house: &House, key: &str) -> Copying {
        let mut python = packages::python().expect("it is there");
        let script = python.arg(packages::script(self.script)).arg(house.relay.url("")).arg(key);
        Copying(script.arg(&self.place).spawn().unwrap())
    }

    /// The texts of the copied assets, by id.
    fn texts(&self) -> BTreeMap<String, String> {
        let mut python = packages::python().expect("it is there");
        let output = python.args(["-c", self.reads, &self.place]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    fn held(&self) -> BTreeMap<String, Value> {
        let value = |text: String| settled(&serde_json::from_str(&text).unwrap());
        self.texts().into_iter().map(|(id, text)| (id, value(text))).collect()
    }

    async fn assert_equal(&self, house: &House) {
        self.assert_equal_as(house, &key("acme")).await;
    }

    async fn assert_equal_as(&self, house: &House, key: &str) {
        let (_, wanted) = house.export_as(key).await;
        wait_for("the copy to be the catalogue", async || (self.held() == wanted).then_some(())).await;
    }
}

async fn stays_equal_through_it_all(place: &Path, guide: &Guide) {
    let older = place.join("copy");
    let mut house = House::start(place).await;
    house.push(80).await;
    let mut copying = guide.start(&house);
    house.push_through_a_storm(100).await;
    guide.assert_equal(&house).await;
    drop(copying);
    house.push(40).await;
    copying = guide.start(&house);
    house.restart_over(place, |store| copy_files(&older, store)).await;
    house.push(60).await;
    house.restart_over(place, |_| ()).await;
    house.push(20).await;
    guide.assert_equal(&house).await;
    // what the copy has seen since is no more: it begins again, and keeps nothing of it
    house.restart_over(place, |store| put_back(&older, store)).await;
    guide.assert_equal(&house).await;
    house.push(30).await;
    guide.assert_equal(&house).await;
    let texts = guide.texts();
    let supplied: Vec<_> = texts.values().filter(|text| text.contains("\"supply\"")).collect();
    assert!(!supplied.is_empty() && supplied.iter().all(|text| text.contains(SUPPLY)), "{supplied:?}");
    drop(copying);
    house.stop();
}

/// A reader's copy, while the partner is taken out of the configuration and comes back.
async fn learns_that_the_partner_is_removed(place: &Path, guide: &Guide) {
    let add_reader = |directory: &Path| {
        let file = directory.join("tidegate.toml");
        let reader = format!("[[readers]]\nname = 'portal'\nkeys = ['{}']\n", KeyHash::of(READER));
        std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + &reader).unwrap();
    };
    let mut house = House::start_with(place, add_reader).await;
    house.push(40).await;
    let copying = guide.start_as(&house, READER);
    guide.assert_equal_as(&house, READER).await;
    let file = place.join("partners/acme.toml");
    let partner = std::fs::read(&file).unwrap();
    for is_removed in [true, false] {
        match is_removed {
            true => std::fs::remove_file(&file).unwrap(),
            false => std::fs::write(&file, &partner).unwrap(),
        }
        house.program().hang_up();
        wait_for("the reload", async || {
            let marks = house.export_as(READER).await.1;
            let is_done = marks.values().all(|asset| (asset["partner_removed"] == true) == is_removed);
            is_done.then_some(())
        })
        .await;
        guide.assert_equal_as(&house, READER).await;
    }
    drop(copying);
    house.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u16_the_copies_of_the_guide_learn_that_a_partner_is_removed_and_restored() {
    if packages::python().is_none() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("copy.db").display().to_string();
    let sqlite = Guide { script: "tools/copy_sqlite.py", place, reads: SQLITE };
    learns_that_the_partner_is_removed(&directory.path().join("house"), &sqlite).await;
    if let Some(postgres) = Postgres::start(directory.path()) {
        let guide = Guide { script: "tools/copy_postgres.py", place: postgres.connection(), reads: POSTGRES };
        learns_that_the_partner_is_removed(&directory.path().join("other"), &guide).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_copy_of_the_guide_in_sqlite_stays_equal_through_cuts_kills_and_an_older_store() {
    if packages::python().is_none() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("copy.db").display().to_string();
    let guide = Guide { script: "tools/copy_sqlite.py", place, reads: SQLITE };
    stays_equal_through_it_all(directory.path(), &guide).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_copy_of_the_guide_in_postgres_stays_equal_through_cuts_kills_and_an_older_store() {
    let directory = tempfile::tempdir().unwrap();
    let postgres = Postgres::start(directory.path());
    let Some(postgres) = postgres.filter(|_| packages::python().is_some()) else { return };
    let guide = Guide { script: "tools/copy_postgres.py", place: postgres.connection(), reads: POSTGRES };
    stays_equal_through_it_all(directory.path(), &guide).await;
}
