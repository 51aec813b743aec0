//! Dashboards and alerts by a real Prometheus that scrapes real daemons: one that demonstrates, and is well; one with
//! much at once that an operator has to know; and one whose disk is full.

mod recording;
mod server;
mod trouble;
mod within;

use super::dashboards;
use crate::support::house::wait_for;
use crate::support::program::BINARY;
use recording::{Held, Recording};
use serde_json::Value;
use server::{Prometheus, free_port};
use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use trouble::Trouble;
use within::Within;

/// Alerts that wait for a minute at most: they fire while the test looks.
const LIVE: [&str; 14] = [
    "TidegateActorRestarts",
    "TidegateCertificateExpires",
    "TidegateCertificateExpiresSoon",
    "TidegateCommitsFail",
    "TidegateFeedFailing",
    "TidegateGapsAbandoned",
    "TidegateLogLinesDropped",
    "TidegatePushesLost",
    "TidegateQuarantineDrops",
    "TidegateQuarantineGrows",
    "TidegateRestartsOften",
    "TidegateStoreDamaged",
    "TidegateStreamResets",
    "TidegateWritesClosed",
];
/// Alerts that wait for minutes: what was recorded goes on for so long.
const IN_MINUTES: [&str; 18] = [
    "TidegateCertificateRenewalFailed",
    "TidegateClockBehind",
    "TidegateCredentialsRefused",
    "TidegateDiskNearlyFull",
    "TidegateDown",
    "TidegateFeedNotStarted",
    "TidegateFoldedPartnersInTrouble",
    "TidegateManyPartnersInTrouble",
    "TidegatePartnerDown",
    "TidegatePartnerThrottled",
    "TidegatePricesStale",
    "TidegatePushBudgetBurnsFast",
    "TidegateQueueNearFull",
    "TidegateReloadFailed",
    "TidegateServerErrors",
    "TidegateShedding",
    "TidegateStreamsNearLimit",
    "TidegateUnknownCallers",
];
/// Alerts that wait for hours.
const IN_HOURS: [&str; 7] = [
    "TidegateBackupOld",
    "TidegateFeedBudgetBurns",
    "TidegateFeedBudgetBurnsFast",
    "TidegateFeedLate",
    "TidegateFeedPausedLong",
    "TidegatePlanWaits",
    "TidegatePushBudgetBurns",
];
/// Alerts that only promtool's own tests raise, and why.
const NOT_HERE: [(&str, &str); 7] = [
    ("TidegateAbsent", "the daemons of this test have a job"),
    ("TidegateDiskSoonFull", "a disk does not fill up in a minute"),
    ("TidegateFilesNearLimit", "connections that are refused would blind the test"),
    ("TidegateOverlayNearFull", "checkpoints keep up with what a test writes"),
    ("TidegateRuntimeSaturated", "it depends on the machine"),
    ("TidegateScrapeSlow", "it depends on the machine"),
    ("TidegateSlowConsumers", "it needs more changes than the kernel takes for a connection, six times"),
];
/// What a slow or busy machine may raise of a daemon that is well otherwise, and the first look at one that starts.
const OF_THE_MACHINE: [&str; 10] = [
    "TidegateDiskSoonFull",
    "TidegateDown",
    "TidegateFeedBudgetBurns",
    "TidegateFeedBudgetBurnsFast",
    "TidegateFeedLate",
    "TidegateManyPartnersInTrouble",
    "TidegatePushBudgetBurns",
    "TidegatePushBudgetBurnsFast",
    "TidegateRuntimeSaturated",
    "TidegateScrapeSlow",
];

/// The demonstration as a process of its own.
struct Demo(Child);

impl Demo {
    fn start() -> (Demo, SocketAddr) {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut demo = Command::new(BINARY);
        // as many pushes as a build without optimisation takes with ease
        demo.args(["demo", "--rate", "200", "--admin-listen", &address.to_string()]);
        (Demo(demo.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()), address)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // asked to end, it removes its store
        let id = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(id, rustix::process::Signal::INT);
        let _ = self.0.wait();
    }
}

/// Every query of a panel and every recorded series, as Grafana would send it.
fn queries() -> BTreeSet<String> {
    let mut queries = BTreeSet::new();
    for entry in fs::read_dir(dashboards::folder()).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let board: Value = serde_json::from_slice(&fs::read(&entry).unwrap()).unwrap();
        let panels = board["panels"].as_array().unwrap().iter();
        for target in panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten()) {
            let query = target["expr"].as_str().unwrap().replace("$__rate_interval", "2m");
            queries.insert(
                ["$job", "$instance", "$partner"].iter().fold(query, |query, name| query.replace(name, ".+")),
            );
        }
    }
    let rules = fs::read_to_string(dashboards::folder().join("rules/recording.yaml")).unwrap();
    queries
        .extend(rules.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).map(str::to_owned));
    queries
}

fn alerts() -> BTreeSet<String> {
    let rules = fs::read_to_string(dashboards::folder().join("rules/alerts.yaml")).unwrap();
    rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).map(str::to_owned).collect()
}

#[test]
fn every_alert_is_raised_here_or_it_is_said_why_not() {
    let raised = LIVE.iter().chain(&IN_MINUTES).chain(&IN_HOURS);
    let named: Vec<_> =
        raised.chain(NOT_HERE.iter().map(|(name, _)| name)).map(|name| (*name).to_owned()).collect();
    assert_eq!(named.len(), alerts().len(), "each is named once");
    assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), alerts());
}

/// Waits until every query has an answer that is a number.
async fn all_answer(prometheus: &Prometheus) {
    let mut waiting = queries();
    assert!(waiting.len() > 150, "{}", waiting.len());
    wait_for("an answer to every query", async || {
        for query in waiting.clone() {
            if prometheus.query(&query).await.iter().any(|sample| !sample.value.is_nan()) {
                waiting.remove(&query);
            }
        }
        if !waiting.is_empty() {
            println!("without an answer: {waiting:#?}");
            tidegate::clock::sleep(std::time::Duration::from_secs(2)).await;
        }
        waiting.is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn panels_and_alerts_by_a_prometheus_that_scrapes_real_daemons() {
    let (_demo, demo) = Demo::start();
    // where less is free than a daemon may be told to keep free
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let closed = Arc::new(trouble::closed(directory.path()).await);
    let mut trouble = Trouble::start().await;
    let mut within = Within::start().await;
    let mut daemons =
        vec![("demo", demo), ("trouble", trouble.program.admin_address), ("closed", closed.admin_address)];
    daemons.extend(within.addresses());
    let Some(prometheus) = Prometheus::start(&daemons).await else { return };
    wait_for("the daemons to be scraped", async || {
        let up = prometheus.query("count(count_over_time(tidegate_build_info[1m]) > 2)").await;
        up.first().is_some_and(|sample| sample.value == daemons.len() as f64).then_some(())
    })
    .await;
    let refused = trouble.go_on(&closed);
    trouble.come_about().await;
    within.come_about(&prometheus).await;
    all_answer(&prometheus).await;
    wait_for("the alerts that do not wait", async || {
        let firing = prometheus.alerts(r#"ALERTS{alertstate="firing", instance!="demo"}"#).await;
        LIVE.iter().all(|alert| firing.contains(*alert)).then_some(())
    })
    .await;
    let of_demo = prometheus.alerts(r#"max_over_time(ALERTS{instance="demo"}[10m])"#).await;
    let ours: Vec<_> = of_demo.iter().filter(|alert| !OF_THE_MACHINE.contains(&alert.as_str())).collect();
    assert!(ours.is_empty(), "a daemon that is well raises {ours:?}");

    // for longer than the pace of what is counted is taken from
    tokio::join!(within.push_slowly(15), trouble.spoil_the_certificate(15));
    let recorded = Recording::take(&prometheus).await;
    within.end();
    refused.abort();
    let _ = refused.await;
    Arc::into_inner(closed).expect("nobody calls it any more").kill();
    wait_for("a daemon that is gone", async || {
        let up = prometheus.query(r#"up{instance="closed"}"#).await;
        up.first().is_some_and(|sample| sample.value == 0.0).then_some(())
    })
    .await;
    let recorded = recorded.without("closed");
    let (minutes, hours) =
        (Held { minutes: 45, every_minutes: 1 }, Held { minutes: 31 * 60, every_minutes: 30 });
    let silent = std::thread::scope(|scope| {
        let of_hours = scope.spawn(|| recorded.silent(&hours, &IN_HOURS));
        [recorded.silent(&minutes, &IN_MINUTES), of_hours.join().unwrap()]
    });
    assert!(silent.iter().all(BTreeSet::is_empty), "within minutes and hours: {silent:?}");
}
