//! The page for operators on backups, restoring, moving, upgrading and damage, run line by line as it stands there.

use crate::support::house::{json, key};
use crate::support::program::{BINARY, Program, configure};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json as value};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

const PAGE: &str = include_str!("../../../config/OPERATING.md");
const PARTNER: &str = "acme";

/// The lines of each block of a part of the page.
fn blocks(heading: &str) -> Vec<Vec<&'static str>> {
    let part = PAGE.split(&format!("\n## {heading}\n")).nth(1).expect("the page has that part");
    let part = part.split("\n## ").next().unwrap();
    let blocks = part.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.map(|block| block.lines().collect()).collect()
}

/// A machine with a daemon and its configuration.
struct Machine {
    place: TempDir,
    daemon: Option<Program>,
    client: Client,
}

impl Machine {
    async fn new() -> Machine {
        let place = tempfile::tempdir().unwrap();
        configure(&place.path().join("config"), PARTNER);
        for directory in ["programs", "backups"] {
            fs::create_dir(place.path().join(directory)).unwrap();
        }
        symlink(BINARY, place.path().join("programs/tidegate")).unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        let mut machine = Machine { place, daemon: None, client };
        machine.start().await;
        machine
    }

    async fn start(&mut self) {
        assert!(self.daemon.is_none(), "it runs already");
        self.daemon = Some(Program::start(&self.place.path().join("config")).await);
    }

    async fn stop(&mut self) {
        assert!(self.daemon.take().expect("it runs").terminate().await.success());
    }

    fn store(&self) -> PathBuf {
        tidegate::config::load(&self.place.path().join("config")).unwrap().store.directory
    }

    /// Runs a line of the page; gives what it printed.
    async fn line(&mut self, line: &str) -> String {
        match line.split_once('#').map_or(line, |(before, _)| before).trim() {
            "systemctl stop tidegate" => self.stop().await,
            "systemctl start tidegate" => self.start().await,
            "systemctl restart tidegate" => {
                self.stop().await;
                self.start().await;
            }
            _ => return self.shell(line).await,
        }
        String::new()
    }

    async fn shell(&self, line: &str) -> String {
        let mut path = self.place.path().join("programs").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        // the port of this daemon is none that the page could name
        let admin = self.daemon.as_ref().map(|daemon| daemon.admin_url("")).unwrap_or_default();
        let line = match line.starts_with("tidegate backup ") {
            true => format!("{line} --admin {admin}"),
            false => line.to_owned(),
        };
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).current_dir(self.place.path()).env("PATH", path);
        shell.env("STORE", self.store()).env("BACKUPS", self.place.path().join("backups"));
        let output = spawn_blocking(move || shell.output().unwrap()).await.unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{line}\n{said}");
        said
    }

    async fn block(&mut self, lines: &[&str]) -> String {
        let mut said = String::new();
        for line in lines {
            said += &self.line(line).await;
        }
        said
    }

    /// Pushes an asset; gives the cursor of the change.
    async fn push(&self, id: &str) -> String {
        let daemon = self.daemon.as_ref().expect("it runs");
        let request = json(self.client.post(daemon.url("/api/assets")), &value!({"id": id, "name": id}));
        let response = request.bearer_auth(key(PARTNER)).send().await.unwrap();
        let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        answer["cursor"].as_str().unwrap().to_owned()
    }

    async fn status(&self, path: &str) -> StatusCode {
        let url = self.daemon.as_ref().expect("it runs").url(path);
        self.client.get(url).bearer_auth(key(PARTNER)).send().await.unwrap().status()
    }

    /// What was pushed at first is there, and this is not; whoever has followed it is told to begin again.
    async fn has_lost(&self, id: &str, cursor: &str) {
        assert_eq!(self.status("/api/assets/first-29").await, StatusCode::OK);
        assert_eq!(self.status(&format!("/api/assets/{id}")).await, StatusCode::NOT_FOUND, "{id}");
        assert_eq!(self.status(&format!("/api/changes?since={cursor}")).await, StatusCode::GONE);
    }
}

fn damage(path: &Path) {
    let mut image = fs::read(path).unwrap();
    let end = image.len().min((3 << 12) + (200 << 10));
    image[3 << 12..end].fill(0xa5);
    fs::write(path, image).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_on_backups_restoring_moving_upgrading_and_damage_works_line_by_line() {
    let written = blocks("Backup and restore");
    let [back_up, restore, copy, put_back, move_away, upgrade, full, damaged] = &written[..] else {
        panic!("the page has other blocks: {written:?}")
    };
    let mut machine = Machine::new().await;
    for n in 0..30 {
        machine.push(&format!("first-{n}")).await;
    }
    let said = machine.block(back_up).await;
    assert!(said.contains("is whole, and was read back") && said.contains("is a sound backup"), "{said}");

    let lost = machine.push("lost-1").await;
    let said = machine.block(restore).await;
    assert!(said.contains("followers are told to begin again"), "{said}");
    machine.has_lost("lost-1", &lost).await;

    machine.block(copy).await;
    let lost = machine.push("lost-2").await;
    machine.block(put_back).await;
    machine.has_lost("lost-2", &lost).await;

    let before = machine.store();
    machine.block(move_away).await;
    assert_ne!(machine.store(), before);
    assert!(machine.store().join("tidegate.redb").exists() && !before.exists());
    let after = machine.push("after-the-move").await;
    assert_eq!(machine.status(&format!("/api/changes?since={after}")).await, StatusCode::OK);

    let said = machine.block(upgrade).await;
    assert!(
        said.contains("the configuration is sound") && said.contains(env!("CARGO_PKG_VERSION")),
        "{said}"
    );
    assert_eq!(machine.status("/api/assets/after-the-move").await, StatusCode::OK);
    assert_eq!(machine.status(&format!("/api/changes?since={after}")).await, StatusCode::OK);

    fs::write(machine.store().join("tidegate.redb.replaced"), "a store of yesterday").unwrap();
    let said = machine.block(full).await;
    assert!(said.contains("tidegate.redb"), "{said}");
    assert!(!machine.store().join("tidegate.redb.replaced").exists());

    machine.line(damaged[0]).await;
    damage(&machine.store().join("tidegate.redb"));
    let (ended, log) = Program::run_to_its_end(&machine.place.path().join("config"));
    assert!(log.contains("is damaged: restore it from a backup") && !ended.success(), "{log}");
    let said = machine.block(&damaged[1..]).await;
    assert!(said.contains("is not sound") && said.contains("damaged, as it says"), "{said}");
    assert!(said.contains("tidegate.redb is sound"), "{said}");
    assert_eq!(machine.status("/api/assets/first-0").await, StatusCode::OK);
    machine.stop().await;
}
