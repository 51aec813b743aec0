//! The signals that a daemon heeds.

use tokio::signal::unix::{self, SignalKind};

/// What the operating system asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: stop in stages. A second one ends the process at once.
    Stop,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// Listens for signals as long as it lives.
pub struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    hangup: unix::Signal,
    /// Of a file that reaches the limit of the process: taken, it makes the write fail as at the
    /// end of the disk instead of ending the process.
    _file_limit: unix::Signal,
}

/// SIGXFSZ, which has this number on Linux (MIPS aside), macOS and the BSDs.
const FILE_LIMIT: i32 = 25;

impl Signals {
    /// From here on the signals no longer end the process by themselves.
    pub fn listen() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
            hangup: unix::signal(SignalKind::hangup())?,
            _file_limit: unix::signal(SignalKind::from_raw(FILE_LIMIT))?,
        })
    }

    /// The next signal that arrives.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}
