//! A demonstration: simulated partners that serve feeds and push over real HTTP, and misbehave on
//! purpose. Deliveries are repeated, reordered and lost; the feeds heal what was lost; at the end
//! each partner's truth must equal the catalogue.
//!
//! The partners know the daemon only as partners do, by its HTTP interface. `truth` is what a
//! partner knows, `partner` how it says so by pushes and by its feed, `verdict` whether the catalogue
//! agrees in the end, `report` what of all that is shown. Nothing here decides by the rules of the
//! daemon: the truth is kept such that they leave no doubt about the outcome.

mod dice;
mod listed;
mod partner;
mod report;
mod text;
mod truth;
mod verdict;

pub use partner::{PartnerPlan, Ways};
pub use report::DemoReport;
pub use report::tally::Counts;
pub use truth::asset::DEFAULT_CURRENCY;
pub use truth::book::Book;
pub use verdict::PartnerVerdict;
pub use verdict::compare::{Difference, Discrepancy};
pub use verdict::recall::Recalled;

use crate::clock::{self, Clock};
use crate::domain::PartnerName;
use partner::client::{ApiClient, ClientError};
use partner::feed_server::FeedServer;
use partner::ledger::{AckLedger, Acknowledged};
use partner::{Partner, PartnerDriver, Tempo};
use report::tally::PushTally;
use report::terminal;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// After the end: for the answers to what is still under way.
const SETTLE_MAX: Duration = Duration::from_secs(60);
/// Of this many price pushes, one change of an asset.
const PRICES_PER_CHANGE: f64 = 50.0;
const CHANGES_PER_SECOND_MIN: f64 = 8.0;
const CHANGES_PER_SECOND_MAX: f64 = 200.0;

/// What is to be demonstrated.
#[derive(Clone, Debug)]
pub struct DemoPlan {
    /// How long things happen; `None`: until stopped.
    pub seconds: Option<u64>,
    /// Prices pushed per second, all partners together.
    pub rate: u32,
    /// The same seed gives the same partners, assets and mischief.
    pub seed: u64,
    /// Those that are simulated.
    pub partners: Vec<PartnerPlan>,
    /// Whether lines are printed while it runs.
    pub tells: bool,
}

impl DemoPlan {
    /// Prices that all partners push together in a second.
    pub const RATE: u32 = 2_000;

    /// Six partners: one with a feed only, one that only pushes, four that do both.
    pub fn standard(seconds: Option<u64>, rate: u32, seed: u64) -> DemoPlan {
        let partner = |name: &str, book, assets, ways, weight| PartnerPlan {
            name: PartnerName::new(name).expect("names of our own"),
            book,
            assets,
            ways,
            weight,
            feed_every: Duration::from_secs(3),
            gzip: false,
            guarded: false,
        };
        let partners = vec![
            PartnerPlan { gzip: true, ..partner("alpenblick-estates", Book::Property, 1_200, Ways::Both, 3) },
            PartnerPlan { guarded: true, ..partner("meridian-funds", Book::Fund, 300, Ways::Both, 4) },
            PartnerPlan {
                feed_every: Duration::from_secs(5),
                ..partner("northgate-bonds", Book::Bond, 5_000, Ways::Both, 6)
            },
            partner("harbour-metals", Book::Commodity, 50, Ways::Both, 3),
            partner("cantonal-registry", Book::Mixed, 800, Ways::Feed, 0),
            partner("ticker-one", Book::Mixed, 500, Ways::Push, 4),
        ];
        DemoPlan { seconds, rate, seed, partners, tells: true }
    }
}

impl Default for DemoPlan {
    fn default() -> DemoPlan {
        DemoPlan::standard(None, DemoPlan::RATE, 1)
    }
}

/// What the daemon's configuration must say of a simulated partner. Not printable: it holds keys.
#[derive(Clone)]
pub struct SimulatedPartner {
    /// Its name in the demonstration's configuration.
    pub name: PartnerName,
    /// Its bearer key, as it sends it.
    pub key: String,
    /// Default mapping, plain http on loopback.
    pub feed_url: Option<String>,
    /// How often its feed is fetched.
    pub feed_every: Duration,
    /// The bearer token that the feed asks for.
    pub feed_token: Option<String>,
}

/// Why the demonstration does not start.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// No port of loopback can be had.
    #[error("no loopback port for the feeds: {0}")]
    Listen(#[source] std::io::Error),
    /// The system gives no random bytes.
    #[error("no randomness for the partners' keys: {0}")]
    Randomness(getrandom::Error),
    /// The client cannot be made.
    #[error("no HTTP client: {0}")]
    Client(#[source] reqwest::Error),
    /// The notes of acknowledged prices cannot be read or written.
    #[error("the ledger of acknowledged prices cannot be opened: {0}")]
    Ledger(#[source] std::io::Error),
}

/// Partners that are ready: their feeds are answered from `recall` on, and stand still until `run`.
pub struct Simulation {
    plan: DemoPlan,
    partners: Vec<Arc<Partner>>,
    feeds: FeedServer,
    client: ApiClient,
    clock: Clock,
    /// Where the store is kept for a next time.
    ledger: Option<Arc<AckLedger>>,
    before: Acknowledged,
}

impl Simulation {
    /// `kept`: the directory of a store that is kept; what is acknowledged is noted there.
    pub async fn prepare(plan: DemoPlan, kept: Option<&Path>) -> Result<Simulation, DemoError> {
        let clock = Clock::system();
        let made = plan.partners.iter().map(|of| Partner::new(of.clone(), plan.seed, &clock).map(Arc::new));
        let partners: Vec<_> = made.collect::<Result<_, _>>().map_err(DemoError::Randomness)?;
        let feeds = FeedServer::start(partners.clone(), clock.clone()).await.map_err(DemoError::Listen)?;
        let client = ApiClient::new().map_err(DemoError::Client)?;
        let opened = kept.map(AckLedger::open).transpose().map_err(DemoError::Ledger)?;
        let (ledger, before) = opened.map_or((None, Acknowledged::new()), |(l, b)| (Some(Arc::new(l)), b));
        Ok(Simulation { plan, partners, feeds, client, clock, ledger, before })
    }

    /// In a store of before: looks for all that was acknowledged then, and has the partners go on
    /// from what they find there. Before it their feeds are not answered.
    pub async fn recall(&self, base_url: &str, reader_key: &str) -> Result<Option<Recalled>, ClientError> {
        let client = self.client.to(base_url);
        let recalled = match self.ledger {
            Some(_) => Some(
                verdict::recall::recall(&self.partners, &self.before, &client, reader_key, &self.clock)
                    .await?,
            ),
            None => None,
        };
        self.partners.iter().for_each(|partner| partner.open());
        Ok(recalled.filter(|_| !self.before.is_empty()))
    }

    /// The partners of this plan, not yet begun.
    pub fn partners(&self) -> Vec<SimulatedPartner> {
        let of = |partner: &Arc<Partner>| SimulatedPartner {
            name: partner.plan.name.clone(),
            key: partner.key.clone(),
            feed_url: partner.has_feed().then(|| self.feeds.url(partner.name())),
            feed_every: partner.plan.feed_every,
            feed_token: partner.feed_token.clone(),
        };
        self.partners.iter().map(of).collect()
    }

    /// Lets things happen until the plan's seconds are over or `stop` is, then judges. Feeds are
    /// served to the end. Bounded in time also where the daemon does not answer.
    pub async fn run(self, base_url: &str, reader_key: &str, stop: impl Future<Output = ()>) -> DemoReport {
        let client = self.client.to(base_url);
        let tally = Arc::new(PushTally::default());
        let mut line = JoinSet::new();
        if self.plan.tells {
            line.spawn(terminal::follow(self.partners.clone(), tally.clone()));
        }

        let (halt, halted) = watch::channel(false);
        let mut drivers = self.start_drivers(&client, &tally, &halted);
        tokio::select! {
            () = stop => {}
            () = lasting(self.plan.seconds) => {}
        }
        halt.send_replace(true);
        let mut settled = vec![false; self.partners.len()];
        let settling = async {
            while let Some(ended) = drivers.join_next().await {
                if let Ok(place) = ended {
                    settled[place] = true;
                }
            }
        };
        // what has not settled by then is reported, partner by partner
        let _ = tokio::time::timeout(SETTLE_MAX, settling).await;
        drivers.abort_all();

        let verdicts = self.judge_all(&client, reader_key, &settled).await;
        line.shutdown().await;
        DemoReport::new(verdicts, &self.partners, &tally)
    }

    /// One task per partner; each ends with the partner's place.
    fn start_drivers(
        &self,
        client: &ApiClient,
        tally: &Arc<PushTally>,
        halted: &watch::Receiver<bool>,
    ) -> JoinSet<usize> {
        let prices = f64::from(self.plan.rate);
        let changes = (prices / PRICES_PER_CHANGE).clamp(CHANGES_PER_SECOND_MIN, CHANGES_PER_SECOND_MAX);
        let weights: u32 = self.partners.iter().map(|partner| partner.plan.weight).sum();
        let mut drivers = JoinSet::new();
        for (place, partner) in self.partners.iter().enumerate() {
            let share = f64::from(partner.plan.weight) / f64::from(weights.max(1));
            let driver = PartnerDriver {
                partner: partner.clone(),
                client: client.clone(),
                tally: tally.clone(),
                ledger: self.ledger.clone(),
                clock: self.clock.clone(),
                tempo: Tempo::of(partner.plan.ways, share, prices, changes),
            };
            let halted = halted.clone();
            drivers.spawn(async move {
                partner::drive(driver, halted).await;
                place
            });
        }
        drivers
    }

    async fn judge_all(&self, client: &ApiClient, reader_key: &str, settled: &[bool]) -> Vec<PartnerVerdict> {
        let judged = self.partners.iter().zip(settled).map(|(partner, &settled)| async move {
            if !settled {
                return PartnerVerdict::troubled(
                    partner.name(),
                    "some of its pushes never got a final answer",
                );
            }
            verdict::judge(partner, client, reader_key, &self.clock).await
        });
        futures_util::future::join_all(judged).await
    }
}

async fn lasting(seconds: Option<u64>) {
    match seconds {
        Some(seconds) => clock::sleep(Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
}
