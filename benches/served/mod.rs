//! The program itself, served as operators serve it, and the memory that it holds (Linux: `/proc/PID/statm`).

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tidegate::clock::{Mark, sleep};

/// The resident set stands still when it has moved by less than so much, so many looks in a row.
const STILL_BYTES: u64 = 256 << 10;
const STILL_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Everything at its default but for the ports and the place of the store, with `store` below it.
pub fn main_text(store: &str) -> String {
    format!(
        "[server]\nlisten = '127.0.0.1:0'\nadmin_listen = '127.0.0.1:0'\n[store]\ndirectory = 'store'\n{store}"
    )
}

/// A daemon that is ready; it ends when this is dropped.
pub struct ServedDaemon {
    child: Child,
    /// What it said when it was ready: a line of JSON.
    #[allow(dead_code, reason = "not every bench asks it something")]
    pub ready: String,
}

impl ServedDaemon {
    /// Serves the configuration of this directory; comes back once the daemon is ready.
    pub fn start(directory: &Path) -> ServedDaemon {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args(["--log", "json", "serve", "--config"])
            .arg(directory)
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let mut log = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut ready = String::new();
        while !ready.contains("daemon ready") {
            ready.clear();
            let read = log.read_line(&mut ready).expect("the log is text");
            assert!(read > 0, "the program ends without being ready");
        }
        // it goes on to log, and must not wait for somebody to read that
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        ServedDaemon { child, ready }
    }

    /// Bytes of memory that it holds, once they have stood still for so many looks: for long enough that the
    /// allocator has had cause to give back what was freed.
    pub async fn resident_at_rest(&self, still_looks: usize) -> u64 {
        let start = Mark::now();
        let (mut resident, mut looks) = (0, 0);
        while looks < still_looks {
            assert!(start.elapsed() < STILL_MAX, "the resident set does not come to rest");
            sleep(LOOK_EVERY).await;
            let now = resident_bytes(self.child.id());
            looks = if now.abs_diff(resident) < STILL_BYTES { looks + 1 } else { 0 };
            if looks == 0 {
                resident = now;
            }
        }
        resident
    }
}

impl Drop for ServedDaemon {
    fn drop(&mut self) {
        // one that has ended by itself is not there to be ended
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resident_bytes(process: u32) -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let statm = std::fs::read_to_string(format!("/proc/{process}/statm")).expect("Linux tells");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("the second number is the resident set") * PAGE_BYTES
}
