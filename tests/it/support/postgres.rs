//! A PostgreSQL of the machine's own packages, with its data in a directory of the test's.

use crate::support::skipped;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A server that listens on a socket in its own directory, and ends with this.
pub struct Postgres {
    server: Child,
    directory: PathBuf,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // its own children end with it
        let pid = rustix::process::Pid::from_child(&self.server);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        let _ = self.server.wait();
    }
}

impl Postgres {
    /// Starts one in a new directory below `place`. `None`, and said aloud, where none is installed.
    pub fn start(place: &Path) -> Option<Postgres> {
        let directory = place.join("postgres");
        match Postgres::begun(&directory) {
            Ok(server) => Some(Postgres { server, directory }),
            Err(why) => {
                skipped::without_tool("postgres", &why);
                None
            }
        }
    }

    fn begun(directory: &Path) -> Result<Child, String> {
        let programs = programs().ok_or("no initdb is found")?;
        std::fs::create_dir(directory).map_err(|error| error.to_string())?;
        if rustix::process::geteuid().is_root() {
            // it refuses to run as root; its user must get through the directories above its own
            let open = Command::new("sh")
                .args([
                    "-c",
                    "chown postgres \"$0\" && chmod a+x \"$0/..\"",
                    &directory.display().to_string(),
                ])
                .status();
            open.ok().filter(std::process::ExitStatus::success).ok_or("there is no user postgres")?;
        }
        let data = directory.join("data");
        let mut init = as_its_user(&programs.join("initdb"));
        let init =
            init.args(["--no-sync", "--auth=trust", "--username=copy", "--encoding=UTF8", "--locale=C"]);
        let said = init.arg("-D").arg(&data).output().map_err(|error| error.to_string())?;
        if !said.status.success() {
            return Err(String::from_utf8_lossy(&said.stderr).into_owned());
        }
        let mut server = as_its_user(&programs.join("postgres"));
        let server = server.arg("-D").arg(&data).arg("-k").arg(directory);
        let settings = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "log_min_messages=fatal"];
        server.args(settings).stdin(Stdio::null()).spawn().map_err(|error| error.to_string())
    }

    /// What clients connect by.
    pub fn connection(&self) -> String {
        format!("host={} user=copy dbname=postgres", self.directory.display())
    }
}

fn as_its_user(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    command
}

/// Where Debian's packages put the programs of a server, or where the path leads.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian.chain(std::env::split_paths(&path)).find(|place| place.join("initdb").is_file())
}
