//! One simulated partner: what it has, how it speaks, and the task that makes things happen.

pub mod client;
mod deliveries;
pub mod feed_server;
pub mod ledger;
mod push;

use self::client::{ApiClient, PushDelivery};
use self::deliveries::{DeliveryShares, Mischief, MischiefCounts};
use self::ledger::AckLedger;
use crate::clock::{self, Clock, Mark};
use crate::demo::dice::Dice;
use crate::demo::report::tally::PushTally;
use crate::demo::truth::Truth;
use crate::demo::truth::asset::TruthWrite;
use crate::demo::truth::book::Book;
use crate::domain::PartnerName;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Requests of one partner under way at once: enough to overtake each other.
const IN_FLIGHT_MAX: usize = 8;
/// How often a partner that pushes looks what there is to do.
const PUSH_TICK: Duration = Duration::from_millis(50);
/// A partner with a feed only changes in bursts, so that its feed stands still in between (304).
const FEED_TICK: Duration = Duration::from_secs(6);
const FEED_PRICES_PER_SECOND: f64 = 7.0;
const FEED_CHANGES_PER_SECOND: f64 = 1.5;
/// What a stall leaves undone is made up for to this many steps, or a second's worth.
const CATCH_UP_STEPS: f64 = 60.0;

/// How a partner's data comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ways {
    /// By its feed alone.
    Feed,
    /// By pushes alone.
    Push,
    /// By both.
    Both,
}

/// How one partner is simulated.
#[derive(Clone, Debug)]
pub struct PartnerPlan {
    /// Its name.
    pub name: PartnerName,
    /// What it deals in.
    pub book: Book,
    /// How many assets it begins with.
    pub assets: usize,
    /// How its data comes in.
    pub ways: Ways,
    /// Its part of the overall rate, in proportion to the others'.
    pub weight: u32,
    /// How often its feed is fetched.
    pub feed_every: Duration,
    /// The feed is sent compressed.
    pub gzip: bool,
    /// The feed asks for a bearer token.
    pub guarded: bool,
}

/// A partner at work, shared by its task, the feed server and the comparison.
pub struct Partner {
    pub plan: PartnerPlan,
    pub key: String,
    pub feed_token: Option<String>,
    pub feeds_served: AtomicU64,
    pub feeds_not_modified: AtomicU64,
    truth: Mutex<Truth>,
    mischief: Mutex<MischiefCounts>,
    /// Its feed is answered from here on.
    opened: watch::Sender<bool>,
    seed: u64,
}

impl Partner {
    pub fn new(plan: PartnerPlan, seed: u64, clock: &Clock) -> Result<Partner, getrandom::Error> {
        let heals = plan.ways != Ways::Push;
        let dice = Dice::new(seed, &format!("truth of {}", plan.name));
        let feed_token = if plan.guarded && heals { Some(secret()?) } else { None };
        Ok(Partner {
            truth: Mutex::new(Truth::new(plan.book, plan.assets, heals, dice, clock.now())),
            key: secret()?,
            feed_token,
            feeds_served: AtomicU64::new(0),
            feeds_not_modified: AtomicU64::new(0),
            mischief: Mutex::default(),
            opened: watch::Sender::new(false),
            seed,
            plan,
        })
    }

    pub fn name(&self) -> &str {
        self.plan.name.as_str()
    }

    pub fn has_feed(&self) -> bool {
        self.plan.ways != Ways::Push
    }

    pub fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the partner knows is settled: its feed may tell it.
    pub fn open(&self) {
        self.opened.send_replace(true);
    }

    pub async fn is_open(&self) {
        // its sender is the partner's own: it cannot have gone
        let _ = self.opened.subscribe().wait_for(|open| *open).await;
    }

    pub fn mischief(&self) -> MischiefCounts {
        *self.mischief.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn steps(&self, clock: &Clock, prices: usize, changes: usize) -> Vec<TruthWrite> {
        let mut truth = self.truth();
        let mut steps = Vec::with_capacity(prices + changes);
        steps.extend((0..prices).filter_map(|_| truth.move_price(clock.now())));
        steps.extend((0..changes).filter_map(|_| truth.change(clock.now())));
        steps
    }

    fn shares(&self, usual: DeliveryShares) -> DeliveryShares {
        match self.plan.ways {
            Ways::Push => DeliveryShares { lost: 0, ..usual },
            Ways::Feed | Ways::Both => usual,
        }
    }
}

/// Lets things happen at a partner until `halted`, then sends what was held back and waits for
/// every answer. The caller bounds the wait.
pub async fn drive(driver: PartnerDriver, mut halted: watch::Receiver<bool>) {
    let PartnerDriver { partner, client, tally, ledger, clock, tempo } = driver;
    let mut sender = Sender { partner: partner.clone(), client, tally, ledger, tasks: JoinSet::new() };
    if partner.plan.ways == Ways::Push {
        let first = push::first_deliveries(&partner.truth().tell_all());
        sender.send_all(first).await;
        sender.drain().await;
    }
    let mut dice = Dice::new(partner.seed, &format!("pushes of {}", partner.name()));
    let mut mischief = Mischief::new(Dice::new(partner.seed, &format!("mischief of {}", partner.name())));
    let (mut prices, mut changes) = (Pace::of(tempo.prices_per_second), Pace::of(tempo.changes_per_second));
    let mut last = Mark::now();
    while !*halted.borrow() {
        tokio::select! {
            _ = halted.changed() => break,
            () = clock::sleep(tempo.tick) => {}
        }
        let (now, elapsed) = (Mark::now(), last.elapsed());
        last = now;
        let steps = partner.steps(&clock, prices.due(elapsed), changes.due(elapsed));
        if partner.plan.ways == Ways::Feed {
            continue;
        }
        for (delivery, shares) in push::deliveries(steps, &mut dice) {
            sender.send_all(mischief.offer(delivery, partner.shares(shares))).await;
        }
        *partner.mischief.lock().unwrap_or_else(PoisonError::into_inner) = mischief.counts;
    }
    sender.send_all(mischief.flush()).await;
    sender.drain().await;
}

/// What a partner's task works with.
pub struct PartnerDriver {
    pub partner: Arc<Partner>,
    pub client: ApiClient,
    pub tally: Arc<PushTally>,
    pub ledger: Option<Arc<AckLedger>>,
    pub clock: Clock,
    pub tempo: Tempo,
}

/// How fast things happen at a partner.
#[derive(Clone, Copy, Debug)]
pub struct Tempo {
    pub tick: Duration,
    pub prices_per_second: f64,
    pub changes_per_second: f64,
}

impl Tempo {
    /// `share` of the overall rates; a partner with a feed only has a slow one of its own.
    pub fn of(ways: Ways, share: f64, prices_per_second: f64, changes_per_second: f64) -> Tempo {
        match ways {
            Ways::Feed => Tempo {
                tick: FEED_TICK,
                prices_per_second: FEED_PRICES_PER_SECOND,
                changes_per_second: FEED_CHANGES_PER_SECOND,
            },
            Ways::Push | Ways::Both => Tempo {
                tick: PUSH_TICK,
                prices_per_second: prices_per_second * share,
                changes_per_second: changes_per_second * share,
            },
        }
    }
}

/// Sends a partner's deliveries, at most `IN_FLIGHT_MAX` at once.
struct Sender {
    partner: Arc<Partner>,
    client: ApiClient,
    tally: Arc<PushTally>,
    ledger: Option<Arc<AckLedger>>,
    tasks: JoinSet<()>,
}

impl Sender {
    async fn send_all(&mut self, deliveries: Vec<PushDelivery>) {
        for delivery in deliveries {
            while self.tasks.len() >= IN_FLIGHT_MAX {
                self.tasks.join_next().await;
            }
            let (partner, client) = (self.partner.clone(), self.client.clone());
            let (tally, ledger) = (self.tally.clone(), self.ledger.clone());
            self.tasks.spawn(async move {
                let shows = client.deliver(&partner.key, &delivery, &tally).await;
                if let Some(ledger) = ledger.filter(|_| shows && !delivery.prices.is_empty())
                    && let Err(error) = ledger.acknowledge(partner.name(), &delivery.prices)
                {
                    tracing::warn!(%error, "cannot note what was acknowledged");
                }
            });
        }
    }

    async fn drain(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Turns a rate into whole steps.
struct Pace {
    per_second: f64,
    due: f64,
}

impl Pace {
    fn of(per_second: f64) -> Pace {
        Pace { per_second, due: 0.0 }
    }

    fn due(&mut self, elapsed: Duration) -> usize {
        let due = self.due + self.per_second * elapsed.as_secs_f64();
        let due = due.min(self.per_second.max(CATCH_UP_STEPS));
        self.due = due.fract();
        due as usize
    }
}

/// A key of 128 bits, from the system's randomness: what it opens listens on a port.
fn secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(format!("demo_{:032x}", u128::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_keeps_fractions_and_forgets_a_long_stall() {
        let mut pace = Pace::of(30.0);
        let tick = Duration::from_millis(50);
        assert_eq!((0..200).map(|_| pace.due(tick)).sum::<usize>(), 300);
        assert_eq!(pace.due(Duration::from_secs(3600)), 60);
        assert_eq!(Pace::of(2_000.0).due(Duration::from_secs(3600)), 2_000);
    }

    #[test]
    fn a_partner_without_a_feed_loses_nothing() {
        let plan = PartnerPlan {
            name: PartnerName::new("p").unwrap(),
            book: Book::Fund,
            assets: 1,
            ways: Ways::Push,
            weight: 1,
            feed_every: Duration::from_secs(1),
            gzip: false,
            guarded: true,
        };
        let partner = Partner::new(plan, 1, &Clock::system()).unwrap();
        assert_eq!(partner.shares(push::DELETES), DeliveryShares { lost: 0, ..push::DELETES });
        assert!(partner.feed_token.is_none());
    }
}
