//! The load program: pushes prices as fast as they are answered, or at a fixed rate, and says what
//! that took.
//!
//! Each pair of legs measures a bare hyper sink and then the daemon, with the same client, so that
//! the ratio holds on any machine. Every connection writes to assets of its own and remembers the
//! newest acknowledged amount of each; afterwards they are read back and compared.
//!
//! Client, sink and daemon share the machine, so the client is made to cost little: requests are
//! patched in place, replies are searched rather than parsed, one thread drives all connections.

mod api;
mod assets;
mod crew;
mod driver;
mod error;
mod histogram;
mod ledger;
mod pace;
mod plan;
mod prices;
mod receipt;
mod report;
mod sink;
mod verify;
mod wire;

pub use error::LoadError;
pub use histogram::Histogram;
pub use plan::{LoadPlan, Mode, Until};
pub use report::{Leg, LoadReport, Loaded, Mismatch, Ratio, Side, Verification};
pub use sink::{Sink, serve};

use api::Api;
use crew::Crew;
use plan::Target;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use wire::IdleStreams;

/// Carries the plan out. Mismatches found by the verification are in the report, not an error.
pub async fn run(plan: &LoadPlan) -> Result<LoadReport, LoadError> {
    plan.check()?;
    let target = Target::resolve(&plan.url, &plan.key).await?;
    let api = Api::new(&plan.url, &plan.key, plan.say)?;
    // A wrong address or key shows now, not after the first leg.
    api.get("/api/me").await?;
    let loaded = match plan.load_assets {
        true => Some(assets::load(&api, plan.assets, plan.say).await?),
        false => None,
    };
    let mut daemon = Crew::new(plan, Side::Daemon, target.clone());
    let client = Client::start(plan.threads)?;
    let legs = measure(plan, &client, &target, &mut daemon).await?;
    let verification = match plan.verify {
        Some(0) => None,
        sample => Some(verify::verify(&api, &daemon, sample, plan.seed, plan.say).await?),
    };
    Ok(LoadReport {
        connections: plan.connections,
        prices_per_request: plan.mode.items(),
        rate: plan.rate,
        loaded,
        ratio: if plan.rate.is_none() { report::ratio(&legs) } else { None },
        idle_streams: plan.idle_streams,
        p99_ratio: report::p99_ratio(&legs),
        legs,
        verification,
    })
}

async fn measure(
    plan: &LoadPlan,
    client: &Client,
    target: &Target,
    daemon: &mut Crew,
) -> Result<Vec<Leg>, LoadError> {
    if plan.until == Until::Elapsed(Duration::ZERO) {
        return Ok(Vec::new());
    }
    if plan.idle_streams > 0 {
        return beside_streams(plan, client, target, daemon).await;
    }
    if plan.pairs == 0 {
        return Ok(vec![daemon.leg(plan, client.handle(), 1).await?]);
    }
    let sink = Sink::start(plan.mode).map_err(LoadError::Start)?;
    let sink_target = Target { address: sink.address(), ..target.clone() };
    let mut sink_crew = Crew::new(plan, Side::Sink, sink_target);
    let mut legs = Vec::new();
    for pair in 1..=plan.pairs {
        legs.push(sink_crew.leg(plan, client.handle(), pair).await?);
        legs.push(daemon.leg(plan, client.handle(), pair).await?);
    }
    Ok(legs)
}

/// Pairs of legs, without change streams and with them.
async fn beside_streams(
    plan: &LoadPlan,
    client: &Client,
    target: &Target,
    daemon: &mut Crew,
) -> Result<Vec<Leg>, LoadError> {
    let mut legs = Vec::new();
    for pair in 1..=plan.pairs.max(1) {
        daemon.stand_for(Side::Daemon);
        legs.push(daemon.leg(plan, client.handle(), pair).await?);
        let streams = IdleStreams::open(target, plan.idle_streams).await.map_err(LoadError::Connect)?;
        daemon.stand_for(Side::Streams);
        legs.push(daemon.leg(plan, client.handle(), pair).await?);
        drop(streams);
    }
    Ok(legs)
}

/// The threads that drive the connections, apart from those of a daemon in the same process.
struct Client(Option<Runtime>);

impl Client {
    fn start(threads: usize) -> Result<Client, LoadError> {
        let runtime =
            Builder::new_multi_thread().worker_threads(threads).thread_name("load").enable_all().build();
        Ok(Client(Some(runtime.map_err(LoadError::Start)?)))
    }

    fn handle(&self) -> &tokio::runtime::Handle {
        self.0.as_ref().expect("it is taken only when dropped").handle()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
