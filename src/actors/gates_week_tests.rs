//! A week of a thousand feeds that are all due in the same minute, half of them faulty: the schedule's rules
//! and the gates as they are, in a time that passes as fast as it can.

use super::*;
use crate::domain::Micros;
use crate::rules::feed::circuit::{FailureQuestion, wait_after};
use crate::rules::feed::cron::CronTimes;
use crate::rules::feed::schedule::{ScheduleQuestion, next_wait, place_of};
use std::sync::Mutex;
use tokio::time::Instant;

const FEEDS: usize = 1_000;
const HOURS: i64 = 7 * 24;
/// As of the configuration.
const FETCHES_MAX: usize = 8;
const RETRIES: [Duration; 3] = [Duration::from_secs(60), Duration::from_secs(300), Duration::from_secs(900)];
const START: Micros = Micros(1_792_800_000 * Micros::SECOND);

/// How the server of a feed answers.
#[derive(Clone, Copy)]
enum Server {
    /// Within a tenth of a second.
    Sound,
    /// At once, with an error.
    Broken,
    /// Never: the idle time-out ends it.
    Silent,
    /// A byte now and then, until the time-out for the whole.
    Dripping,
}

async fn fetch(server: Server) -> Result<(), FetchError> {
    let (lasts, is_well) = match server {
        Server::Sound => (Duration::from_millis(100), true),
        Server::Broken => (Duration::from_millis(5), false),
        Server::Silent => (Duration::from_secs(15), false),
        Server::Dripping => (Duration::from_secs(600), false),
    };
    sleep(lasts).await;
    is_well.then_some(()).ok_or_else(|| FetchError::crowded(0))
}

/// The wait behind so many failures in a row, as of the configuration.
fn behind_failures(failures: u32, regular: Duration) -> Duration {
    wait_after(FailureQuestion {
        regular,
        retries: &RETRIES,
        failures,
        code: "timeout",
        retry_after: None,
        circuit_failures: 5,
        circuit_pause: Duration::from_secs(900),
        chance: fastrand::f64(),
    })
}

/// How long behind its slot each fetch of a feed began that was not a retry, in seconds.
async fn live(
    feed: usize,
    server: Server,
    times: Arc<CronTimes>,
    gates: FeedGates,
    began: Instant,
) -> Vec<i64> {
    let name = format!("partner-{feed}");
    let now = || START.plus(began.elapsed().as_micros() as i64);
    let (mut failures, mut served, mut lags) = (0, START, Vec::new());
    loop {
        let regular = next_wait(ScheduleQuestion {
            every: times.longest,
            cron: Some(&times),
            jitter: 0.1,
            place: place_of(&name),
            now: now(),
            slots_served: Some(served),
        });
        sleep(if failures == 0 { regular } else { behind_failures(failures, regular) }).await;
        if now().since(START) >= HOURS * Micros::HOUR {
            return lags;
        }
        let slot = times.next_after(served).filter(|&slot| slot <= now());
        served = if slot.is_some() { now() } else { served };
        let mut turn = gates.turn().await;
        if let Some(slot) = slot {
            lags.push(now().since(slot) / Micros::SECOND);
        }
        match turn.fetching(fetch(server)).await {
            Ok(()) => failures = 0,
            Err(_) => failures += 1,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a42_of_a_thousand_feeds_due_in_the_same_minute_the_sound_half_is_on_time_for_a_week() {
    let times = Arc::new(CronTimes::parse("0 * * * *", "Europe/Berlin").unwrap());
    let (gates, began) = (FeedGates::new(FETCHES_MAX), Instant::now());
    let lags: Arc<Mutex<Vec<Vec<i64>>>> = Arc::default();
    let mut feeds = tokio::task::JoinSet::new();
    for feed in 0..FEEDS {
        let server = match feed % 6 {
            0 | 2 | 4 => Server::Sound,
            1 => Server::Broken,
            3 => Server::Silent,
            _ => Server::Dripping,
        };
        let (times, gates, lags) = (Arc::clone(&times), gates.clone(), Arc::clone(&lags));
        feeds.spawn(async move {
            let own = live(feed, server, times, gates, began).await;
            if matches!(server, Server::Sound) {
                lags.lock().unwrap().push(own);
            }
        });
    }
    feeds.join_all().await;
    let lags = lags.lock().unwrap();
    assert_eq!(lags.len(), FEEDS / 2);
    // the clock is put back on the second day: an hour of it is shown twice, and its slot comes once
    let slots = times.slots_between(START, START.plus(HOURS * Micros::HOUR), 1_000) as usize;
    assert_eq!(slots, HOURS as usize - 1);
    let missed = lags.iter().filter(|own| own.len() + 1 < slots).count();
    assert_eq!(missed, 0, "each slot has had its fetch");
    let most = lags.iter().flatten().copied().max().unwrap();
    assert!(most <= 8 * 60, "{most} s behind its slot at most");
    assert!(lags.iter().flatten().all(|&lag| lag >= 0), "none before its slot");
}
