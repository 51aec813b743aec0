//! What the service manager is told by `sd_notify`: that we serve, read our configuration again, stop, and are alive.
//!
//! Each is one datagram to the socket that `NOTIFY_SOCKET` names, a path or, after an `@`, an abstract name. Where
//! nothing is named nobody asked, and nothing is sent. A datagram that cannot be sent is lost: the manager then waits
//! for it as for a daemon that hangs, and nothing of ours may wait for the manager.

use crate::clock::{monotonic, sleep};
use std::convert::Infallible;
use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Beats in the time after which the manager takes a silent daemon for one that hangs.
const BEATS: u32 = 3;

/// Tells the service manager, if there is one.
#[derive(Debug, Default)]
pub struct ServiceNotices {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl ServiceNotices {
    /// To whom the environment says.
    pub fn from_environment() -> ServiceNotices {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return ServiceNotices::default();
        };
        // a watchdog that was meant for another process of the service is none for us
        let is_ours = env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
        let micros = env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse().ok());
        let watchdog = micros.filter(|micros| is_ours && *micros > 0).map(Duration::from_micros);
        ServiceNotices::to(&name, watchdog).unwrap_or_else(|error| {
            tracing::warn!(%error, ?name, "the service manager cannot be told anything");
            ServiceNotices::default()
        })
    }

    /// To the socket of that name, with the time in which it wants a sign of life.
    pub fn to(name: &OsStr, watchdog: Option<Duration>) -> io::Result<ServiceNotices> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect_addr(&address(name)?)?;
        Ok(ServiceNotices { socket: Some(socket), watchdog })
    }

    /// We serve.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}"));
    }

    /// We read the configuration again; `ready` ends it.
    pub fn reloading(&self) {
        let micros = monotonic().as_micros();
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=reading the configuration again"));
    }

    /// We stop, for that reason.
    pub fn stopping(&self, status: &str) {
        self.send(&format!("STOPPING=1\nSTATUS={status}"));
    }

    /// Gives signs of life for as long as `is_alive` says so in time; never ends.
    pub async fn beat(&self, is_alive: impl AsyncFn() -> bool) -> Infallible {
        let Some(within) = self.watchdog else { return std::future::pending().await };
        loop {
            match tokio::time::timeout(within, is_alive()).await {
                Ok(true) => self.send("WATCHDOG=1"),
                Ok(false) => {
                    tracing::error!("no sign of life for the service manager: the store takes nothing")
                }
                Err(_) => {
                    tracing::error!(?within, "no sign of life for the service manager: the store hangs")
                }
            }
            sleep(within / BEATS).await;
        }
    }

    fn send(&self, text: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(text.as_bytes())
        {
            tracing::warn!(%error, "the service manager was not told");
        }
    }
}

fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes().strip_prefix(b"@") {
        Some(name) => abstract_address(name),
        None => SocketAddr::from_pathname(OsString::from(name)),
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &[u8]) -> io::Result<SocketAddr> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manager's socket, and what it was told so far.
    struct Told(UnixDatagram);

    impl Told {
        fn all(&self) -> Vec<String> {
            let mut buffer = [0; 4096];
            let mut all = Vec::new();
            while let Ok(count) = self.0.recv(&mut buffer) {
                all.push(String::from_utf8_lossy(&buffer[..count]).into_owned());
            }
            all
        }
    }

    fn notices(watchdog: Option<Duration>) -> (ServiceNotices, Told) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        (ServiceNotices::to(path.as_os_str(), watchdog).unwrap(), Told(socket))
    }

    #[test]
    fn each_state_is_one_datagram() {
        let (notices, told) = notices(None);
        notices.ready("serving");
        notices.reloading();
        notices.stopping("asked to");
        let all = told.all();
        assert_eq!(all[0], "READY=1\nSTATUS=serving");
        assert!(all[1].starts_with("RELOADING=1\nMONOTONIC_USEC="), "{all:?}");
        assert_eq!(all[2], "STOPPING=1\nSTATUS=asked to");
        ServiceNotices::default().ready("nobody asked");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_after_an_at_is_abstract() {
        use std::os::linux::net::SocketAddrExt;
        let name = format!("tidegate-test-{}", std::process::id());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        socket.set_nonblocking(true).unwrap();
        let notices = ServiceNotices::to(OsStr::new(&format!("@{name}")), None).unwrap();
        notices.ready("serving");
        assert_eq!(Told(socket).all(), ["READY=1\nSTATUS=serving"]);
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_store_that_answers_in_time_is_alive() {
        let within = Duration::from_secs(30);
        let (sound, told) = notices(Some(within));
        let beats = async |notices: &ServiceNotices, answer: Option<bool>| {
            let probe = async || match answer {
                Some(alive) => alive,
                None => std::future::pending().await,
            };
            // time passes by itself
            let _ = tokio::time::timeout(within * 4, notices.beat(probe)).await;
        };
        beats(&sound, Some(true)).await;
        let count = told.all().iter().filter(|text| *text == "WATCHDOG=1").count();
        assert!((BEATS * 3) as usize <= count, "{count} beats");
        for answer in [Some(false), None] {
            beats(&sound, answer).await;
            assert_eq!(told.all(), [""; 0], "{answer:?}");
        }
        let (unasked, told) = notices(None);
        beats(&unasked, Some(true)).await;
        assert_eq!(told.all(), [""; 0]);
    }
}
