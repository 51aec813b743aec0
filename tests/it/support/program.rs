//! The program as it is run: a directory of configuration, a child that serves it, its signals.

use crate::support::house::{PATIENCE, key, wait_for};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use tidegate::config::KeyHash;
use tokio::sync::oneshot;

pub const BINARY: &str = env!("CARGO_BIN_EXE_tidegate");

/// A daemon in a process of its own; killed when it is dropped.
pub struct Program {
    child: Child,
    pub address: SocketAddr,
    pub admin_address: SocketAddr,
}

/// Resident bytes of a process.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub now: u64,
    pub peak: u64,
}

/// Writes a configuration of one partner, with a store beside it, and limits that no test meets. The
/// overlay is as small as it may be, so that checkpoints run all the time.
pub fn configure(directory: &Path, partner: &str) {
    let main = "[server]\nlisten = '127.0.0.1:0'\nadmin_listen = '127.0.0.1:0'\n\
        failed_calls_per_minute = 1000000000\n\
        [store]\ndirectory = 'store'\ndisk_free_bytes_min = '0B'\n\
        overlay_bytes_max = '1MiB'\ngroup_bytes_max = '1MiB'\n";
    let of_partner = format!(
        "keys = ['{}']\ncurrency = 'EUR'\n[limits]\nprices_per_second = 10000000\n\
        asset_writes_per_second = 10000000\nreads_per_second = 10000000\n",
        KeyHash::of(&key(partner))
    );
    std::fs::create_dir_all(directory.join("partners")).unwrap();
    std::fs::write(directory.join("tidegate.toml"), main).unwrap();
    std::fs::write(directory.join(format!("partners/{partner}.toml")), of_partner).unwrap();
}

impl Program {
    /// Starts the program, and waits until it is ready.
    pub async fn start(directory: &Path) -> Program {
        Program::start_with(directory, &[]).await
    }

    /// With more arguments.
    pub async fn start_with(directory: &Path, arguments: &[&str]) -> Program {
        Program::follow(Program::spawn(directory, arguments)).await
    }

    /// The same, where no file that it writes may become larger than about so much: then its writes
    /// fail, as at the end of a disk.
    pub async fn start_with_files_up_to(directory: &Path, bytes: u64) -> Program {
        // a shell counts blocks of 512 bytes, or of 1024
        let limited = format!("ulimit -f {}; exec \"$0\" \"$@\"", bytes / 512);
        let mut shell = Command::new("sh");
        shell.args(["-c", &limited, BINARY]);
        Program::follow(Program::spawn_by(shell, directory, &[])).await
    }

    /// The same, where it may have no more than so many files open.
    pub async fn start_with_files_open_up_to(directory: &Path, files: u64) -> Program {
        let limited = format!("ulimit -n {files}; exec \"$0\" \"$@\"");
        let mut shell = Command::new("sh");
        shell.args(["-c", &limited, BINARY]);
        Program::follow(Program::spawn_by(shell, directory, &[])).await
    }

    /// Files that it has open.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("Linux tells it").count()
    }

    /// From now on it may have so many files open, and ask for no more.
    pub fn let_open(&self, files: u64) {
        let id = i32::try_from(self.child.id()).expect("an id of a process");
        let id = rustix::process::Pid::from_raw(id).expect("not zero");
        let hard = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
        let limit = rustix::process::Rlimit { current: Some(files), maximum: hard };
        rustix::process::prlimit(Some(id), rustix::process::Resource::Nofile, limit).expect("it is ours");
    }

    async fn follow(mut child: Child) -> Program {
        let lines = BufReader::new(child.stderr.take().expect("it is piped"));
        let (ready, address) = oneshot::channel();
        std::thread::spawn(move || follow(lines, ready));
        let addresses = tokio::time::timeout(PATIENCE, address).await;
        let addresses = addresses.expect("the program takes too long to start");
        let (address, admin_address) = addresses.expect("the program ends without being ready");
        Program { child, address, admin_address }
    }

    /// Starts the program, and reads its log no further than to where it is ready. The pipe stays open as long as
    /// what is given back beside the program.
    pub async fn start_with_an_unread_log(directory: &Path) -> (Program, BufReader<ChildStderr>) {
        let mut child = Program::spawn(directory, &[]);
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        let (address, admin_address) = loop {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0, "the program ends without being ready");
            if let Some(addresses) = addresses(&serde_json::from_str(&line).unwrap_or_default()) {
                break addresses;
            }
        };
        (Program { child, address, admin_address }, lines)
    }

    /// Runs the program until it ends by itself; gives its log.
    pub fn run_to_its_end(directory: &Path) -> (ExitStatus, String) {
        let output = Program::spawn(directory, &[]).wait_with_output().unwrap();
        (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Starts the program and kills it within its recovery: so many looks after it has opened the
    /// store's file. Says whether it had not yet recovered the store then.
    pub fn start_and_kill_in_recovery(directory: &Path, looks: usize) -> bool {
        let mut child = Program::spawn(directory, &[]);
        let mut left = looks;
        while left > 0 && child.try_wait().unwrap().is_none() {
            left -= usize::from(has_opened_the_store(child.id()));
        }
        child.kill().unwrap();
        let told = child.wait_with_output().unwrap().stderr;
        !String::from_utf8_lossy(&told).contains("store recovered")
    }

    fn spawn(directory: &Path, arguments: &[&str]) -> Child {
        Program::spawn_by(Command::new(BINARY), directory, arguments)
    }

    fn spawn_by(mut command: Command, directory: &Path, arguments: &[&str]) -> Child {
        command
            .args(["--log", "json", "serve", "--config"])
            .arg(directory)
            .args(arguments)
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// What the program holds of memory.
    pub fn memory(&self) -> Memory {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux tells it");
            let kib: u64 = line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap();
            kib << 10
        };
        Memory { now: of("VmRSS"), peak: of("VmHWM") }
    }

    /// The peak counts from now on.
    pub fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn admin_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.admin_address)
    }

    /// What a partner reads at a path; a read that is refused ends the test.
    pub async fn read(&self, client: &reqwest::Client, partner: &str, path: &str) -> serde_json::Value {
        let request = client.get(self.url(path)).bearer_auth(crate::support::house::key(partner));
        let response = request.send().await.expect("an answer");
        let status = response.status();
        let body: serde_json::Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(status, reqwest::StatusCode::OK, "{path}: {body}");
        body
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it ends by itself.
    pub async fn ended(mut self) -> ExitStatus {
        wait_for("the program to end", async || self.child.try_wait().unwrap()).await
    }

    /// SIGTERM; gives back how the program ended.
    pub async fn terminate(self) -> ExitStatus {
        self.signal("TERM");
        self.ended().await
    }

    /// SIGHUP: the program reads its configuration again.
    pub fn hang_up(&self) {
        self.signal("HUP");
    }

    fn signal(&self, name: &str) {
        // every shell has a `kill` of its own
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // it has ended already, unless a test has failed
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Linux tells which files a process has open; where nothing tells, any moment is as good.
fn has_opened_the_store(id: u32) -> bool {
    let Ok(open) = std::fs::read_dir(format!("/proc/{id}/fd")) else { return true };
    let mut names = open.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    names.any(|name| name.ends_with("store/tidegate.redb"))
}

/// Where partners and operators call, once the program is ready.
fn addresses(event: &Value) -> Option<(SocketAddr, SocketAddr)> {
    let address = |name: &str| {
        let address = event[name].as_str().and_then(|text| text.parse().ok());
        address.expect("the log names the address")
    };
    (event["message"] == "daemon ready").then(|| (address("partners"), address("admin")))
}

/// Reads the log to its end, so that the program never waits for a reader; tells when it is ready.
fn follow(lines: BufReader<ChildStderr>, ready: oneshot::Sender<(SocketAddr, SocketAddr)>) {
    let mut ready = Some(ready);
    for line in lines.lines().map_while(Result::ok) {
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if let Some(addresses) = addresses(&event)
            && let Some(ready) = ready.take()
        {
            // a test that has given up needs no address
            let _ = ready.send(addresses);
        } else if event["level"] != "INFO" {
            eprintln!("{line}");
        }
    }
}
