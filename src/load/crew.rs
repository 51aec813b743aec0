//! All connections to one server, and one leg of theirs.

use super::driver::{Gauge, LoadDriver, LoadTally};
use super::error::LoadError;
use super::ledger::LoadLedger;
use super::pace::Pace;
use super::plan::{LoadPlan, Target};
use super::prices::{Partition, PriceWriter};
use super::report::{Leg, Side};
use super::wire::Connection;
use crate::clock::sleep;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::runtime::Handle;

const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// The drivers of one server. They keep their ledgers and source times from leg to leg.
#[derive(Debug)]
pub struct Crew {
    side: Side,
    target: Target,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    partition: Partition,
    driver: LoadDriver,
}

impl Crew {
    pub fn new(plan: &LoadPlan, side: Side, target: Target) -> Crew {
        let shares = plan.connections as u64;
        let member = |share| {
            let partition = Partition::new(plan.assets, share, shares);
            let prices = PriceWriter::new(&target, plan.mode, partition, plan.seed);
            Member { partition, driver: LoadDriver::new(prices, LoadLedger::new(partition.places)) }
        };
        let members = (0..shares).map(member).collect();
        Crew { side, target, members }
    }

    /// What the next legs are counted as.
    pub fn stand_for(&mut self, side: Side) {
        self.side = side;
    }

    /// Connects, pushes until the leg is over, and says what came of it. All of it runs on `client`.
    pub async fn leg(&mut self, plan: &LoadPlan, client: &Handle, pair: u32) -> Result<Leg, LoadError> {
        let address = self.target.address;
        let opening = client.spawn(connect(address, self.members.len()));
        let connections = opening.await.map_err(LoadError::Lost)?.map_err(LoadError::Connect)?;
        let gauge = Arc::new(Gauge::default());
        let (pace, _guard) = Pace::start(plan.until, plan.rate, connections.len());
        let mut running = Vec::with_capacity(connections.len());
        for (member, connection) in self.members.drain(..).zip(connections) {
            let (pace, gauge) = (Arc::clone(&pace), Arc::clone(&gauge));
            running.push(client.spawn(async move {
                let driver = member.driver.run(connection, address, &pace, &gauge).await;
                Member { driver, ..member }
            }));
        }
        let gathering = async {
            let mut members = Vec::with_capacity(running.len());
            for task in running {
                members.push(task.await.map_err(LoadError::Lost)?);
            }
            Ok(members)
        };
        let title = format!("pair {pair} {}", self.side.name());
        self.members = watch(gathering, &gauge, &title, plan.say).await?;
        Ok(self.close_leg(&pace, pair))
    }

    /// Every ledger with its partition.
    pub fn ledgers(&self) -> impl Iterator<Item = (Partition, &LoadLedger)> {
        self.members.iter().map(|member| (member.partition, &member.driver.ledger))
    }

    fn close_leg(&mut self, pace: &Pace, pair: u32) -> Leg {
        let mut tally = LoadTally::default();
        for member in &mut self.members {
            tally.merge(std::mem::take(&mut member.driver.tally));
        }
        let sent = tally.latency.count() + tally.failures + tally.refused.values().sum::<u64>();
        let unsent = pace.unsent(sent);
        Leg::new(self.side, pair, tally, unsent)
    }
}

async fn connect(address: SocketAddr, count: usize) -> io::Result<Vec<Connection>> {
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        connections.push(Connection::open(address).await?);
    }
    Ok(connections)
}

/// Awaits the leg and tells every second how it goes.
async fn watch<T>(leg: impl Future<Output = T>, gauge: &Gauge, title: &str, say: fn(&str)) -> T {
    let mut leg = std::pin::pin!(leg);
    let (mut second, mut before) = (0u64, 0);
    loop {
        tokio::select! {
            result = &mut leg => return result,
            () = sleep(PROGRESS_EVERY) => second += 1,
        }
        let requests = gauge.requests.load(Ordering::Relaxed);
        let failed = gauge.failed.load(Ordering::Relaxed);
        say(&format!("{title}: {second:>3} s {:>9} requests/s, {failed} failed", requests - before));
        before = requests;
    }
}
