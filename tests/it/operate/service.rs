//! The daemon as a service of systemd: what it tells the manager, over a real socket; the unit file, by systemd's own
//! programs; what its command line comes to.

use crate::support::house::wait_for;
use crate::support::program::{BINARY, configure};
use crate::support::skipped;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const UNIT: &str = include_str!("../../../config/systemd/tidegate.service");

/// A manager that starts a service by the unit's own command line.
struct Supervision {
    child: Child,
    socket: UnixDatagram,
    told: Vec<String>,
}

impl Supervision {
    fn start(directory: &Path, watchdog: Option<Duration>) -> Supervision {
        let path = directory.join("notify");
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        let line = setting("ExecStart").replace("/etc/tidegate", directory.to_str().unwrap());
        let mut words = line.split_whitespace();
        assert_eq!(words.next(), Some("/usr/bin/tidegate"));
        let mut command = Command::new(BINARY);
        command.args(words).env("NOTIFY_SOCKET", &path).stderr(Stdio::null());
        if let Some(watchdog) = watchdog {
            command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        }
        Supervision { child: command.spawn().unwrap(), socket, told: Vec::new() }
    }

    /// Waits until it has been told something that begins so, after what was waited for before.
    async fn told(&mut self, start: &str) -> String {
        wait_for(start, async || {
            let mut buffer = [0; 4096];
            while let Ok(count) = self.socket.recv(&mut buffer) {
                self.told.push(String::from_utf8_lossy(&buffer[..count]).into_owned());
            }
            let place = self.told.iter().position(|text| text.starts_with(start))?;
            self.told.drain(..=place).next_back()
        })
        .await
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }
}

impl Drop for Supervision {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn setting(name: &str) -> &'static str {
    let line = UNIT.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("the unit says no {name}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_manager_is_told_of_serving_reloading_life_and_stopping() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "acme");
    let mut service = Supervision::start(directory.path(), Some(Duration::from_millis(600)));
    let ready = service.told("READY=1").await;
    assert!(ready.contains("STATUS=serving 1 partner"), "{ready}");
    for _ in 0..3 {
        service.told("WATCHDOG=1").await;
    }
    configure(directory.path(), "zeta");
    service.signal("HUP");
    let reloading = service.told("RELOADING=1").await;
    let micros = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
    assert!(micros.parse::<u64>().unwrap() > 0, "{reloading}");
    let ready = service.told("READY=1").await;
    assert!(ready.contains("STATUS=serving 2 partners"), "{ready}");
    std::fs::write(directory.path().join("partners/zeta.toml"), "nonsense = 1\n").unwrap();
    service.signal("HUP");
    service.told("RELOADING=1").await;
    let ready = service.told("READY=1").await;
    assert!(ready.contains("the configuration was not taken over"), "{ready}");
    service.signal("TERM");
    service.told("STOPPING=1").await;
    assert!(service.child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_that_asks_for_no_sign_of_life_gets_none_and_a_faulty_configuration_ends_with_78() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "acme");
    let mut service = Supervision::start(directory.path(), None);
    service.told("READY=1").await;
    service.signal("TERM");
    service.told("STOPPING=1").await;
    assert!(!service.told.iter().any(|text| text.contains("WATCHDOG")), "{:?}", service.told);
    drop(service);
    std::fs::write(directory.path().join("partners/acme.toml"), "nonsense = 1\n").unwrap();
    let mut refused = Supervision::start(directory.path(), None);
    let code = refused.child.wait().unwrap().code();
    assert_eq!(code.map(|code| code.to_string()).as_deref(), Some(setting("RestartPreventExitStatus")));
}

fn systemd_analyze(arguments: &[&str], unit: &Path) -> Option<Output> {
    let output =
        Command::new("systemd-analyze").args(arguments).arg(unit).env("SYSTEMD_COLORS", "0").output();
    output.map_err(|error| skipped::without_tool("systemd-analyze", &error)).ok()
}

/// The unit with a program that is here: systemd looks for it.
fn unit(directory: &Path) -> PathBuf {
    let path = directory.join("tidegate.service");
    std::fs::write(&path, UNIT.replace("ExecStart=/usr/bin/tidegate", &format!("ExecStart={BINARY}")))
        .unwrap();
    path
}

#[test]
fn systemd_finds_no_fault_in_the_unit() {
    let directory = tempfile::tempdir().unwrap();
    let Some(output) = systemd_analyze(&["verify", "--man=no"], &unit(directory.path())) else { return };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("tidegate.service"), "{said}");
}

#[test]
fn systemd_finds_the_service_exposed_by_less_than_two() {
    let directory = tempfile::tempdir().unwrap();
    let Some(output) =
        systemd_analyze(&["security", "--offline=true", "--no-pager"], &unit(directory.path()))
    else {
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let level = said.split("Overall exposure level for tidegate.service: ").nth(1).expect("it is judged");
    let level: f64 = level.split_whitespace().next().unwrap().parse().unwrap();
    assert!(level < 2.0, "{said}");
}
