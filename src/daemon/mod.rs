//! The daemon: the only place that knows every room. It starts them in order, keeps watch over the
//! store and the disk, follows a new configuration, and stops stage by stage.

mod census;
mod files;
mod notices;
mod reload;
mod signals;
mod watchers;

pub use files::ConfigSource;
pub use notices::ServiceNotices;
pub use signals::{Signal, Signals};

use crate::actors::{
    Admission, AuditTrail, ConfigureError, FeedGates, Registry, SharedServices, StorageArguments,
    StorageHandle, StorageState, SupervisorArguments, SupervisorHandle, clean_spool, start_storage,
};
use crate::clock::Clock;
use crate::config::private::create_directory;
use crate::config::{Settings, SettingsDifference};
use crate::domain::{AuditAct, AuditEntry, PartnerNo, WriteSet};
use crate::feed::{FetchError, Fetcher, Reserve};
use crate::http::{App, AppParts, Face, Health, Listener, ReloadDesk, ReloadEnd, ServerHandle};
use crate::store::{self, Reader, StoreError, StoreOptions};
use crate::telemetry::Metrics;
use arc_swap::ArcSwap;
use files::FilesPrint;
use reload::Reloader;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Change streams and requests under way get this long of the shutdown's time.
const CLOSE_SHARE: f64 = 0.5;

/// Why the daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no place for fetched files.
    #[error("cannot make the spool directory {path}")]
    Spool {
        /// The directory.
        path: String,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("cannot open the store")]
    Store(#[from] StoreError),
    /// A bug: an actor of a fixed name runs already.
    #[error("cannot start an actor")]
    Actor(#[from] ractor::SpawnErr),
    /// The client of feeds cannot be made.
    #[error("cannot make the feed client: {}", .0.detail)]
    Fetcher(FetchError),
    /// A partner's actor cannot be started.
    #[error("cannot start the partners")]
    Partners(#[from] ConfigureError),
    /// An address is taken, or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// As it is configured.
        address: SocketAddr,
        /// What the system says.
        #[source]
        cause: std::io::Error,
    },
    /// A socket that was bound cannot be served.
    #[error("cannot serve on a socket that was bound")]
    Serve(#[source] std::io::Error),
}

/// How a daemon ended.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// Nothing can be written any more.
    #[error("the store failed: {0}; start again, the file is recovered from its log")]
    Storage(String),
}

/// A daemon that runs.
pub struct Daemon {
    app: Arc<App>,
    supervisor: SupervisorHandle,
    storage: StorageHandle,
    partner_server: ServerHandle,
    admin_server: ServerHandle,
    watchers: Vec<JoinHandle<()>>,
    reloader: Arc<Reloader>,
}

impl Daemon {
    /// Opens and recovers the store, starts the actors, binds the listeners; ready when it returns.
    pub async fn start(settings: Settings, clock: Clock) -> Result<Daemon, StartError> {
        // first of all: who cannot listen must not have touched the store or fetched a feed
        let listeners = Listeners::bind(&settings)?;
        let opened = open_store(&settings).await?;
        Daemon::begin(listeners, opened, settings, clock).await
    }

    /// The same on a store that the caller has opened: a test puts it on a disk that fails.
    pub async fn start_on(
        opened: store::Opened,
        settings: Settings,
        clock: Clock,
    ) -> Result<Daemon, StartError> {
        let listeners = Listeners::bind(&settings)?;
        Daemon::begin(listeners, opened, settings, clock).await
    }

    async fn begin(
        listeners: Listeners,
        opened: store::Opened,
        settings: Settings,
        clock: Clock,
    ) -> Result<Daemon, StartError> {
        let metrics = Metrics::install().with_partners_max(settings.server.metrics_partners_max);
        metrics.started_at(clock.now());
        tell_recovery(&opened, &metrics);
        let reader = opened.reader.clone();
        let storage = start_storage(StorageArguments {
            writer: opened.writer,
            clock: clock.clone(),
            metrics: metrics.clone(),
            group_bytes_max: settings.store.group_bytes_max,
        })
        .await?;
        let reserve = Reserve {
            directory: settings.store.directory.clone(),
            free_bytes_min: settings.store.disk_free_bytes_min,
        };
        let audit = AuditTrail::load(reader.clone(), storage.clone(), clock.clone(), metrics.clone());
        let audit = audit.map_err(ConfigureError::Read)?;
        let registry = Registry::default();
        let shared = shared_services(&settings, (&reader, &storage, &clock), reserve.clone())?;
        let arguments = SupervisorArguments { shared, registry: registry.clone(), metrics: metrics.clone() };
        let supervisor = SupervisorHandle::start(arguments).await?;
        supervisor.configure(settings.partners.clone()).await?;

        let health = Arc::new(Health::default());
        let admission = Admission::new(settings.server.bytes_in_flight_max);
        let app = App::new(AppParts {
            registry,
            reader,
            settings: Arc::new(ArcSwap::from_pointee(settings)),
            clock,
            admission,
            metrics: metrics.clone(),
            health: health.clone(),
            supervisor: Some(supervisor.clone()),
            audit: Some(audit),
            reload: Arc::new(ReloadDesk::default()),
        });
        let partner_server = serve(listeners.partner, &app)?;
        let admin_server = serve(listeners.admin, &app)?;
        let mut watchers = watchers::all(&app, &storage, reserve);
        watchers.extend(
            partner_server.certificates().map(|shown| watchers::certificates(app.clone(), shown.clone())),
        );
        let certificates = partner_server.certificates().cloned();
        let reloader = Arc::new(Reloader::new(app.clone(), supervisor.clone(), certificates));
        health.set_ready(true);
        let daemon = Daemon { app, supervisor, storage, partner_server, admin_server, watchers, reloader };
        tracing::info!(partners = %daemon.address(), admin = %daemon.admin_address(), "daemon ready");
        Ok(daemon)
    }

    /// Where partners and readers call.
    pub fn address(&self) -> SocketAddr {
        self.partner_server.local_addr()
    }

    /// Where the admin listener is bound; its port is known also where the configuration says 0.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_server.local_addr()
    }

    /// Its partners.
    pub fn registry(&self) -> &Registry {
        &self.app.registry
    }

    /// Reads of its store.
    pub fn reader(&self) -> &Reader {
        &self.app.reader
    }

    /// What it counts.
    pub fn metrics(&self) -> &Metrics {
        &self.app.metrics
    }

    /// Makes the running partners and keys those of `settings`; gives what that changed. Listeners and
    /// the store stay as they were started: what of them differs is logged.
    pub async fn reconfigure(&self, settings: Settings) -> Result<SettingsDifference, ConfigureError> {
        self.reloader.take_over(settings).await
    }

    /// From now on the configuration is read again from these files whenever somebody asks, and when they
    /// change where `server.watch` says so. To be called once.
    pub fn follow(&mut self, source: ConfigSource) {
        let asked = self.app.reload.open();
        let print = FilesPrint::default();
        print.note(source.print());
        self.watchers.push(tokio::spawn(files::watch(self.app.clone(), source.clone(), print.clone())));
        self.watchers.push(tokio::spawn(Arc::clone(&self.reloader).serve(source, asked, print)));
    }

    /// Has the configuration read again for somebody who is no operator's token, such as a signal. Says whether
    /// all of it was taken over; the log says more.
    pub async fn reload_for(&self, who: &str) -> bool {
        match self.app.reload.ask(AuditEntry::of(who, AuditAct::Reload)).await {
            Ok(report) => matches!(report.outcome, ReloadEnd::Applied | ReloadEnd::Unchanged),
            Err(_) => {
                tracing::warn!(who, "nobody reads the configuration again");
                false
            }
        }
    }

    /// Whether an empty commit comes back through the storage actor and the writer's thread.
    pub async fn is_alive(&self) -> bool {
        self.storage.commit_and_wait(WriteSet::new(PartnerNo(0))).await.is_ok()
    }

    /// Ends when the store has failed: then the process must end and start again.
    pub async fn failed(&self) -> String {
        let mut state = self.storage.state();
        let failed = state.wait_for(|state| matches!(state, StorageState::Failed(_))).await;
        match failed.map(|state| state.clone()) {
            Ok(StorageState::Failed(cause)) => cause,
            _ => "the storage actor has gone".into(),
        }
    }

    /// Stops stage by stage: refuse pushes, finish what was taken in, end the change streams, close
    /// the listeners, checkpoint and close the file. All of it within `shutdown_timeout`, but for
    /// the file, which is closed in any case.
    pub async fn stop(self) -> Result<(), StopError> {
        let whole = self.app.settings.load().server.shutdown_timeout;
        self.app.health.start_draining();
        if tokio::time::timeout(whole, self.supervisor.drain()).await.is_err() {
            tracing::warn!("partners did not finish in time, closing without them");
        }
        self.app.end_streams();
        let close: Duration = whole.mul_f64(CLOSE_SHARE);
        let (cut, admin_cut) = tokio::join!(self.partner_server.stop(close), self.admin_server.stop(close));
        if cut + admin_cut > 0 {
            tracing::warn!(connections = cut + admin_cut, "connections cut at the deadline");
        }
        let ended = self.storage.close().await;
        for watcher in self.watchers {
            watcher.abort();
            // it ends by being aborted
            let _ = watcher.await;
        }
        match ended {
            StorageState::Failed(cause) => Err(StopError::Storage(cause)),
            StorageState::Running | StorageState::Closed => {
                tracing::info!(durable = self.app.reader.durable().0, "daemon stopped");
                Ok(())
            }
        }
    }
}

fn tell_recovery(opened: &store::Opened, metrics: &Metrics) {
    let recovery = &opened.recovery;
    metrics.recovered(recovery.changes, recovery.took);
    tracing::info!(
        records = recovery.records,
        changes = recovery.changes,
        took_ms = recovery.took.as_millis() as u64,
        durable = opened.reader.durable().0,
        "store recovered"
    );
}

/// What every partner's actor is given.
fn shared_services(
    settings: &Settings,
    (reader, storage, clock): (&Reader, &StorageHandle, &Clock),
    reserve: Reserve,
) -> Result<SharedServices, StartError> {
    Ok(SharedServices {
        reader: reader.clone(),
        storage: storage.clone(),
        clock: clock.clone(),
        fetcher: Arc::new(Fetcher::new().map_err(StartError::Fetcher)?),
        gates: FeedGates::new(settings.store.fetches_max),
        spool: make_spool(settings)?,
        reserve,
        // feeds and approvals stop before pushes are refused: one large run must not shed everybody's
        overlay_bytes_max: settings.store.overlay_bytes_max / 4 * 3,
        feeds: 0,
    })
}

fn make_spool(settings: &Settings) -> Result<PathBuf, StartError> {
    let spool = settings.store.directory.join("spool");
    match create_directory(&spool) {
        Ok(()) => {
            clean_spool(&spool);
            Ok(spool)
        }
        Err(cause) => Err(StartError::Spool { path: spool.display().to_string(), cause }),
    }
}

async fn open_store(settings: &Settings) -> Result<store::Opened, StartError> {
    let directory = settings.store.directory.clone();
    let options = StoreOptions::of(&settings.store, settings.store.init);
    let opened = tokio::task::spawn_blocking(move || store::open(&directory, &options)).await;
    Ok(opened.map_err(|_| StoreError::WriterPanicked)??)
}

/// Bound, and not yet serving.
struct Listeners {
    partner: Listener,
    admin: Listener,
}

impl Listeners {
    fn bind(settings: &Settings) -> Result<Listeners, StartError> {
        let server = &settings.server;
        let bind = |address, face| {
            let bound = Listener::bind(address, face, server.send_buffer_bytes);
            bound.map_err(|cause| StartError::Listen { address, cause })
        };
        let partner = bind(server.listen, Face::Partner)?;
        Ok(Listeners { partner, admin: bind(server.admin_listen, Face::Admin)? })
    }
}

fn serve(listener: Listener, app: &Arc<App>) -> Result<ServerHandle, StartError> {
    listener.serve(app.clone()).map_err(StartError::Serve)
}
