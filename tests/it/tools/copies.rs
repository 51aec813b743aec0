//! The follower of the guide, sixty lines of Python over SQLite: through cuts, a `kill -9` of the daemon and one
//! of its own, and an older copy of the store that is put back, it comes to what the export says.

use super::followers::{House, copy_files, put_back, settled};
use crate::support::house::{key, wait_for};
use crate::support::packages;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Child;

/// The program that keeps the copy; it ends with this.
struct Copying(Child);

impl Drop for Copying {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Copying {
    fn start(house: &House, file: &Path) -> Copying {
        let mut python = packages::python().expect("it is there");
        let script =
            python.arg(packages::script("tools/copy_sqlite.py")).arg(house.relay.url("")).arg(key("acme"));
        Copying(script.arg(file).spawn().unwrap())
    }
}

/// The assets of the copy, by id.
fn held(file: &Path) -> BTreeMap<String, Value> {
    let text = "import sqlite3, sys, json\n\
                rows = sqlite3.connect(sys.argv[1], timeout=30).execute('select id, body from asset')\n\
                print(json.dumps({id: json.loads(body) for id, body in rows}))";
    let output = packages::python().expect("it is there").args(["-c", text]).arg(file).output().unwrap();
    let rows: BTreeMap<String, Value> = serde_json::from_slice(&output.stdout).unwrap_or_default();
    rows.into_iter().map(|(id, asset)| (id, settled(&asset))).collect()
}

async fn assert_equal(house: &House, file: &Path) {
    let (_, wanted) = house.export().await;
    wait_for("the copy to be the catalogue", async || (held(file) == wanted).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_copy_of_the_guide_stays_equal_through_cuts_kills_and_an_older_store() {
    if packages::python().is_none() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (place, older) = (directory.path(), directory.path().join("copy"));
    let file = place.join("copy.db");
    let mut house = House::start(place).await;
    house.push(80).await;
    let mut copying = Copying::start(&house, &file);
    for _ in 0..3 {
        house.push(40).await;
        house.relay.cut();
    }
    assert_equal(&house, &file).await;
    drop(copying);
    house.push(40).await;
    copying = Copying::start(&house, &file);
    house.restart_over(place, |store| copy_files(&older, store)).await;
    house.push(60).await;
    assert_equal(&house, &file).await;
    // what the copy has seen since is no more: it begins again, and keeps nothing of it
    house.restart_over(place, |store| put_back(&older, store)).await;
    assert_equal(&house, &file).await;
    house.push(30).await;
    assert_equal(&house, &file).await;
    assert!(!held(&file).is_empty(), "there is something to be equal");
    drop(copying);
    house.stop();
}
