//! What a demonstration says while it runs: one line of rates, latencies and mischief.

use super::tally::{Counts, PushTally};
use crate::clock::{self, Mark};
use crate::demo::partner::Partner;
use crate::load::Histogram;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(1);
/// Into a file or a pipe lines come more slowly.
const EVERY_UNSEEN: Duration = Duration::from_secs(5);
/// The outcomes that a line names, where they happened.
const NAMED: [&str; 10] = [
    "created",
    "updated",
    "unchanged",
    "duplicate",
    "superseded",
    "deleted",
    "parked",
    "not_found",
    "gone",
    "rejected",
];

/// Prints a line now and then, for as long as it is let.
pub async fn follow(partners: Vec<Arc<Partner>>, tally: Arc<PushTally>) {
    let every = if std::io::stdout().is_terminal() { EVERY } else { EVERY_UNSEEN };
    let (started, mut last) = (Mark::now(), Mark::now());
    let mut before = Counts::default();
    loop {
        clock::sleep(every).await;
        let (counts, latencies) = (tally.read(), tally.take_latencies());
        let seconds = last.elapsed().as_secs_f64();
        last = Mark::now();
        let line = line(started.elapsed(), (&before, &counts), seconds, &latencies, &partners);
        print(&line);
        before = counts;
    }
}

fn line(
    since_start: Duration,
    (before, counts): (&Counts, &Counts),
    seconds: f64,
    latencies: &Histogram,
    partners: &[Arc<Partner>],
) -> String {
    let rate = (counts.items - before.items) as f64 / seconds;
    let mut line = format!(
        "{:4} s  {rate:6.0} pushes/s  p50 {:.1} ms  p99 {:.1} ms ",
        since_start.as_secs(),
        milliseconds(latencies.quantile(0.5)),
        milliseconds(latencies.quantile(0.99)),
    );
    for name in NAMED {
        if let Some(count) = counts.outcomes.get(name).filter(|count| **count > 0) {
            line.push_str(&format!(" {name} {count}"));
        }
    }
    line.push_str(&mischief(partners));
    if counts.shed + counts.unreached > 0 {
        line.push_str(&format!(" | tried again {}", counts.shed + counts.unreached));
    }
    line
}

/// Whole and fractional milliseconds.
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// What was done on purpose, and how often the feeds were fetched.
pub fn mischief(partners: &[Arc<Partner>]) -> String {
    let (mut lost, mut repeated, mut reordered, mut served, mut unchanged) = (0, 0, 0, 0, 0);
    for partner in partners {
        let counts = partner.mischief();
        lost += counts.lost;
        repeated += counts.repeated;
        reordered += counts.reordered;
        served += partner.feeds_served.load(Ordering::Relaxed);
        unchanged += partner.feeds_not_modified.load(Ordering::Relaxed);
    }
    format!(
        " | lost {lost} repeated {repeated} reordered {reordered} | feeds {served} + {unchanged} unchanged"
    )
}

/// Whoever reads may have gone: that is no reason to stop.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::super::tally::CallAnswer;
    use super::*;

    #[test]
    fn a_line_names_rate_latency_and_outcomes() {
        let tally = PushTally::default();
        let outcomes = [("updated".to_string(), 9), ("duplicate".to_string(), 1)].into();
        let answer = CallAnswer { items: 10, outcomes, refusal: None };
        tally.answered(answer, Duration::from_millis(8));
        let latencies = tally.take_latencies();
        let line = line(Duration::from_secs(3), (&Counts::default(), &tally.read()), 2.0, &latencies, &[]);
        assert!(line.contains("   3 s       5 pushes/s  p50 8.0 ms"), "{line}");
        assert!(line.contains("updated 9 duplicate 1 | lost 0"), "{line}");
    }
}
