//! A listener: takes connections within its bounds, and stops by a deadline.

use super::connection::{self, Terms};
use super::desk::Desk;
use super::files;
use super::framing::HeadBounds;
use super::last_word;
use super::slots::ConnectionSlots;
use super::socket::Socket;
use super::tls::Certificates;
use crate::clock::sleep;
use crate::config::ServerSettings;
use crate::http::app::App;
use crate::http::client::Client;
use crate::http::pulse::{Deadlines, Pulse};
use crate::http::reply::Fault;
use crate::http::{admin, partner};
use crate::telemetry::Metrics;
use hyper::server::conn::http1;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{Id, JoinHandle, JoinSet};

/// Waits after a failed accept, doubled up to the second: without file descriptors a loop would spin.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));
/// A client that takes nothing of a reply for so long is cut off.
const WRITE_STALL: Duration = Duration::from_secs(30);
/// A batch of a thousand prices fits: what does not is copied together from several reads.
const BUFFER_BYTES: usize = 256 * 1024;
/// hyper's own bound, which costs nothing; another needs an allocation for each request.
const HYPER_HEADERS_MAX: usize = 100;
/// Connections that wait to be taken, as the runtime has it.
const BACKLOG: u32 = 1024;

/// Which of the two listeners it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// Partners and readers.
    Partner,
    /// Operators; on loopback by default.
    Admin,
}

/// A bound socket that does not serve yet.
pub struct Listener {
    socket: TcpListener,
    face: Face,
}

/// A listener at work. Dropping the handle stops it at once.
pub struct ServerHandle {
    local_addr: SocketAddr,
    stop: oneshot::Sender<Duration>,
    serving: JoinHandle<usize>,
    certificates: Option<Arc<Certificates>>,
}

impl Listener {
    /// Binds the address; the kernel holds so many bytes for a client that does not take them. Errs as the
    /// system does: in use, not allowed, not ours.
    pub fn bind(address: SocketAddr, face: Face, send_buffer_bytes: usize) -> io::Result<Listener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // as the runtime's own way of binding does
        socket.set_reuseaddr(cfg!(unix))?;
        // connections have it from their listener
        socket.set_send_buffer_size(u32::try_from(send_buffer_bytes).unwrap_or(u32::MAX))?;
        socket.bind(address)?;
        Ok(Listener { socket: socket.listen(BACKLOG)?, face })
    }

    /// The address that was bound, with the port that the system chose where 0 was asked for.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Begins to take connections. Bounds and time-outs are those of the settings at this moment.
    pub fn serve(self, app: Arc<App>) -> io::Result<ServerHandle> {
        let local_addr = self.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let certificates = match (&app.settings.load().server.tls, self.face) {
            (Some(tls), Face::Partner) => Some(Arc::new(Certificates::open(tls, &app.metrics, &app.clock)?)),
            _ => None,
        };
        let server = Server::new(self, app, certificates.clone());
        Ok(ServerHandle { local_addr, stop, serving: tokio::spawn(server.run(stopped)), certificates })
    }
}

impl ServerHandle {
    /// The address that it serves.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// What is shown in handshakes; `None` without TLS.
    pub fn certificates(&self) -> Option<&Arc<Certificates>> {
        self.certificates.as_ref()
    }

    /// Takes no more connections, ends change streams, lets requests finish; after `deadline` cuts
    /// what is left and says how many connections that were.
    pub async fn stop(self, deadline: Duration) -> usize {
        // the receiver is gone only where the task has ended
        let _ = self.stop.send(deadline);
        self.serving.await.unwrap_or_default()
    }
}

struct Server {
    socket: TcpListener,
    face: Face,
    desk: Desk,
    app: Arc<App>,
    terms: Arc<Terms>,
    certificates: Option<Arc<Certificates>>,
    places: Arc<ConnectionSlots>,
    connections: JoinSet<()>,
    /// Dropping one stops its connection.
    stops: HashMap<Id, oneshot::Sender<()>>,
}

impl Server {
    fn new(listener: Listener, app: Arc<App>, certificates: Option<Arc<Certificates>>) -> Server {
        let settings = app.settings.load();
        let server = &settings.server;
        let terms = Arc::new(terms(server));
        let connections_max = connections_max(server, listener.face);
        let places = ConnectionSlots::new(connections_max, server.connections_per_address_max);
        drop(settings);
        let Listener { socket, face } = listener;
        let desk = match face {
            Face::Partner => Desk::Partner(Arc::new(partner::routes(&app.metrics))),
            Face::Admin => Desk::Admin(Arc::new(admin::routes(&app.metrics))),
        };
        let (connections, stops) = (JoinSet::new(), HashMap::new());
        Server { socket, face, desk, app, terms, certificates, places, connections, stops }
    }

    async fn run(mut self, mut stop: oneshot::Receiver<Duration>) -> usize {
        let mut back_off = BACK_OFF.0;
        let deadline = loop {
            tokio::select! {
                biased;
                deadline = &mut stop => break deadline.unwrap_or_default(),
                Some(ended) = self.connections.join_next_with_id(), if !self.connections.is_empty() => {
                    self.forget(ended);
                }
                accepted = self.socket.accept() => match accepted {
                    Ok((socket, from)) => {
                        back_off = BACK_OFF.0;
                        self.take(socket, from);
                    }
                    Err(error) if is_of_the_peer(&error) => {}
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept connections");
                        sleep(back_off).await;
                        back_off = (back_off * 2).min(BACK_OFF.1);
                    }
                },
            }
        };
        self.finish(deadline).await
    }

    fn take(&mut self, socket: TcpStream, from: SocketAddr) {
        let Some(place) = self.places.take(from.ip()) else {
            self.app.metrics.shed("connections");
            if self.certificates.is_none() {
                last_word::say_at_once(&socket, Fault::TooManyConnections);
            }
            return;
        };
        // without it small replies may wait for an acknowledgement; a socket that refuses is dying
        let _ = socket.set_nodelay(true);
        let counted = (self.face == Face::Partner).then(|| ConnectionCount::begin(&self.app.metrics));
        let pulse = Arc::new(Pulse::default());
        let client = Client { app: Arc::clone(&self.app), pulse, address: from.ip() };
        let desk = self.desk.clone();
        let terms = Arc::clone(&self.terms);
        let certificates = self.certificates.clone();
        let (stop, mut stopped) = oneshot::channel();
        let task = self.connections.spawn(async move {
            let _place = place;
            let _count = counted;
            let socket = match certificates {
                None => Socket::Plain(socket),
                Some(certificates) => tokio::select! {
                    accepted = certificates.accept(socket) => match accepted {
                        Some(socket) => socket,
                        None => return,
                    },
                    _ = &mut stopped => return,
                },
            };
            connection::serve(client, desk, socket, &terms, stopped).await;
        });
        self.stops.insert(task.id(), stop);
    }

    fn forget(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                if error.is_panic() {
                    tracing::error!("a request's handler panicked");
                }
                error.id()
            }
        };
        self.stops.remove(&id);
    }

    async fn finish(mut self, deadline: Duration) -> usize {
        drop(self.socket);
        if self.face == Face::Partner {
            self.app.end_streams();
        }
        self.stops.clear();
        let connections = &mut self.connections;
        tokio::select! {
            () = async { while connections.join_next().await.is_some() {} } => {}
            () = sleep(deadline) => {}
        }
        let cut = self.connections.len();
        self.connections.shutdown().await;
        cut
    }
}

/// A connection of the partner listener, for as long as it is open.
struct ConnectionCount(Metrics);

impl ConnectionCount {
    fn begin(metrics: &Metrics) -> ConnectionCount {
        metrics.connection_opened();
        ConnectionCount(metrics.clone())
    }
}

impl Drop for ConnectionCount {
    fn drop(&mut self) {
        self.0.connection_closed();
    }
}

/// What is configured, unless too few files may be open for it.
fn connections_max(server: &ServerSettings, face: Face) -> usize {
    let files = files::raise();
    let connections_max = files::connections(server.connections_max, files);
    if connections_max < server.connections_max && face == Face::Partner {
        tracing::warn!(
            configured = server.connections_max,
            connections_max,
            open_files_max = files,
            "too few files may be open for connections_max, raise the limit (ulimit -n, LimitNOFILE)"
        );
    }
    connections_max
}

/// What a connection is held to.
pub fn terms(server: &ServerSettings) -> Terms {
    let mut http = http1::Builder::new();
    http.header_read_timeout(None) // `pulse` covers it
        .max_header_size(server.header_bytes_max)
        // the headers of one request must fit as well
        .max_buf_size(BUFFER_BYTES.max(2 * server.header_bytes_max));
    if server.headers_max != HYPER_HEADERS_MAX {
        http.max_headers(server.headers_max);
    }
    let deadlines = Deadlines {
        header: server.header_timeout,
        keep_alive: server.keep_alive_timeout,
        body: server.body_timeout,
        body_idle: server.body_idle_timeout,
        write_stall: WRITE_STALL,
    };
    let heads = HeadBounds { bytes_max: server.header_bytes_max, headers_max: server.headers_max };
    Terms { http, heads, deadlines }
}

fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
