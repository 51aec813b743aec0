//! `tidegate doctor`, with a daemon and without: what is sound, what is not, and what is to be done.

use crate::support::feed_server::FeedServer;
use crate::support::program::{BINARY, Program, configure};
use serde_json::{Value, json as value};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use tokio::task::spawn_blocking;

/// Ends with that code; the states by check, and what was said.
async fn doctor(directory: &Path, arguments: &[&str]) -> (i32, Value) {
    let mut command = Command::new(BINARY);
    command.args(["doctor", "--json", "--config"]).arg(directory).args(arguments);
    let output = spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let told = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code().unwrap(), told)
}

fn of<'a>(told: &'a Value, check: &str) -> Vec<&'a Value> {
    told["checks"].as_array().unwrap().iter().filter(|line| line["check"] == check).collect()
}

const NOBODY: [&str; 2] = ["--admin", "http://127.0.0.1:9"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_daemon_is_found_sound_and_its_store_is_left_to_it() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "acme");
    let program = Program::start(directory.path()).await;
    let admin = program.admin_url("");
    let (code, told) = doctor(directory.path(), &["--admin", &admin]).await;
    assert_eq!(code, 0, "{told}");
    for check in ["configuration", "daemon", "version", "clock", "damage", "store", "disk", "permissions"] {
        assert!(of(&told, check).iter().all(|line| line["state"] == "ok"), "{check}: {told}");
        assert!(!of(&told, check).is_empty(), "{check}: {told}");
    }
    let says = of(&told, "configuration")[0]["says"].as_str().unwrap();
    assert!(says.ends_with(" is sound; partners: 1"), "{says}");
    // the only thing to look at
    assert_eq!(
        (&told["worst"], &of(&told, "backup")[0]["state"]),
        (&value!("warn"), &value!("warn")),
        "{told}"
    );
    assert_eq!(doctor(directory.path(), &["--strict", "--admin", &admin]).await.0, 1);
    let file = directory.path().join("a.backup");
    let mut backup = Command::new(BINARY);
    backup.arg("backup").arg(file).args(["--admin", &admin]);
    assert!(spawn_blocking(move || backup.output().unwrap()).await.unwrap().status.success());
    let (code, told) = doctor(directory.path(), &["--strict", "--admin", &admin]).await;
    assert_eq!((code, &told["worst"]), (0, &value!("ok")), "{told}");
    program.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_daemon_the_whole_store_is_verified_and_damage_is_named_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "acme");
    let (code, told) = doctor(directory.path(), &NOBODY).await;
    assert_eq!(code, 0, "{told}");
    assert!(of(&told, "store")[0]["says"].as_str().unwrap().contains("there is none"), "{told}");
    assert!(Program::start(directory.path()).await.terminate().await.success());
    let (code, told) = doctor(directory.path(), &NOBODY).await;
    assert_eq!(code, 0, "{told}");
    assert!(of(&told, "store")[0]["says"].as_str().unwrap().contains("is sound"), "{told}");
    assert_eq!(of(&told, "daemon")[0]["state"], "warn");

    let file = directory.path().join("store/tidegate.redb");
    fs::set_permissions(directory.path().join("store"), PermissionsExt::from_mode(0o755)).unwrap();
    fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    let mut image = fs::read(&file).unwrap();
    let end = image.len().min((3 << 12) + (200 << 10));
    image[3 << 12..end].fill(0xa5);
    fs::write(&file, image).unwrap();
    let (code, told) = doctor(directory.path(), &NOBODY).await;
    assert_eq!((code, &told["worst"]), (1, &value!("fail")), "{told}");
    let store = of(&told, "store")[0];
    assert!(store["says"].as_str().unwrap().contains("is damaged"), "{told}");
    assert!(store["to_do"].as_str().unwrap().contains("OPERATING.md"), "{told}");
    let open = of(&told, "permissions")[0];
    assert_eq!(open["state"], "fail", "{told}");
    assert!(open["to_do"].as_str().unwrap().starts_with("chmod"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn feeds_are_asked_and_a_faulty_configuration_ends_with_78() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "acme");
    let server = FeedServer::start().await;
    let feeds = [("there", server.url("/a.json")), ("nowhere", "http://127.0.0.1:9/b.json".to_owned())];
    for (name, url) in feeds {
        let text = format!("[feed]\nurl = '{url}'\nallow_private = true\n");
        fs::write(directory.path().join(format!("partners/{name}.toml")), text).unwrap();
    }
    let (code, told) = doctor(directory.path(), &NOBODY).await;
    let said: Vec<_> =
        of(&told, "feed").iter().map(|line| (line["state"].clone(), line["says"].to_string())).collect();
    assert_eq!((code, said.len()), (1, 2), "{told}");
    assert!(said[0].0 == "fail" && said[0].1.contains("nowhere: its server is not reached"), "{said:?}");
    assert!(said[1].1.contains("there: "), "{said:?}");
    assert_eq!(doctor(directory.path(), &["--no-feeds", NOBODY[0], NOBODY[1]]).await.0, 0);
    fs::write(directory.path().join("partners/there.toml"), "nonsense = 1\n").unwrap();
    let (code, told) = doctor(directory.path(), &NOBODY).await;
    assert_eq!(code, 78, "{told}");
    assert!(
        of(&told, "configuration").iter().any(|line| line["says"].to_string().contains("nonsense")),
        "{told}"
    );
}
