//! The slots of cron expressions, compared with what a program of another hand makes of them.

use crate::support::packages;
use crate::support::random::Random;
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;
use tidegate::domain::Micros;
use tidegate::rules::feed::cron::CronTimes;

const ZONES: [&str; 12] = [
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Santiago",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "UTC",
];

/// Days around which clocks are moved somewhere, and others.
const DAYS: [&str; 9] = [
    "2026-03-07T12:00:00Z",
    "2026-03-28T12:00:00Z",
    "2026-04-04T10:00:00Z",
    "2026-09-05T12:00:00Z",
    "2026-10-03T10:00:00Z",
    "2026-10-24T12:00:00Z",
    "2026-10-31T12:00:00Z",
    "2028-02-27T12:00:00Z",
    "2018-11-03T12:00:00Z",
];

fn field(random: &mut Random, low: usize, high: usize, is_plain: bool) -> String {
    let one = |random: &mut Random| low + random.below(high - low + 1);
    match random.below(if is_plain { 4 } else { 7 }) {
        0 | 1 => one(random).to_string(),
        2 => {
            let (a, b) = (one(random), one(random));
            format!("{}-{}", a.min(b), a.max(b))
        }
        3 => format!("{},{}", one(random), one(random)),
        4 => "*".into(),
        5 => format!("*/{}", 2 + random.below(14)),
        _ => format!("{low}-{high}/{}", 2 + random.below(9)),
    }
}

/// Days and days of the week that all programs understand alike: where both are restricted, either will do.
fn expression(random: &mut Random) -> String {
    let (minute, hour) = (field(random, 0, 59, false), field(random, 0, 23, false));
    let (day, weekday) = match random.below(4) {
        0 | 1 => ("*".into(), "*".into()),
        2 => (field(random, 1, 31, true), "*".into()),
        _ if random.chance(50) => ("*".into(), field(random, 0, 6, true)),
        _ => (field(random, 1, 28, true), ["MON-FRI", "SUN", "3", "1,5"][random.below(4)].into()),
    };
    let month = if random.chance(80) { "*".into() } else { field(random, 1, 12, true) };
    format!("{minute} {hour} {day} {month} {weekday}")
}

#[test]
fn a40_random_expressions_have_the_slots_that_another_program_finds_on_days_of_any_kind() {
    let Some(mut python) = packages::python() else { return };
    let mut random = Random(0xc407);
    let (mut asked, mut ours) = (Vec::new(), Vec::new());
    while asked.len() < 600 {
        let (text, zone) = (expression(&mut random), ZONES[random.below(ZONES.len())]);
        // such as 31 February
        let Ok(times) = CronTimes::parse(&text, zone) else { continue };
        let day: jiff::Timestamp = DAYS[random.below(DAYS.len())].parse().unwrap();
        let from = day.as_second() + random.below(2 * 86_400) as i64;
        let first = times.next_after(Micros(from * Micros::SECOND));
        let next = |at: &Micros| times.next_after(*at);
        let slots: Vec<i64> =
            std::iter::successors(first, next).map(|at| at.0 / Micros::SECOND).take(60).collect();
        asked.push(json!({ "expression": text, "zone": zone, "from": from, "slots": slots.len() }));
        ours.push(slots);
    }
    python.arg(packages::script("feed/cron.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().unwrap();
    child.stdin.take().unwrap().write_all(Value::from(asked.clone()).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let theirs: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(theirs.len(), ours.len());
    let mut fixed = 0;
    for ((asked, ours), theirs) in asked.iter().zip(&ours).zip(&theirs) {
        assert_eq!(json!(ours), theirs["by_wall_clock"], "{asked}");
        // where the program knows the rule for times that a clock shows twice or never, it has the same
        if theirs["own"].is_array() {
            assert_eq!(json!(ours), theirs["own"], "{asked}, by its own rule");
            fixed += 1;
        }
    }
    assert!(fixed > 100, "{fixed} expressions have a fixed time of day");
}
