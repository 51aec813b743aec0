//! A partner's `[feed]`: address, schedule, credentials, bounds.

use super::FeedSettings;
use super::fault::Wrong;
use super::fetching::{checked_url, credentials, fetching, timeouts};
use super::mapping::{feed_mapping, zone};
use super::pages::pages;
use super::raw::{Section, duration_of, text_of};
use super::units::{GIB, KIB, seconds};
use crate::domain::Mapping;
use crate::domain::mapping::{PathStep, Repeated};
use crate::rules::feed::cron::CronTimes;
use crate::rules::policy::{Absent, FeedKind, Policy, RecordTime};
use std::time::Duration;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// Retries after one failed run; then the next regular fetch is near enough.
const RETRIES_MAX: usize = 16;
/// Years of days.
const FILES_KEPT_MAX: usize = 1_000;
/// A plan of held deletes expires after 72 h: more runs would hardly come before.
const CONFIRM_RUNS_MAX: u32 = 72;

/// Reads the feed, and into `policy` what the feed says of its documents.
pub(super) fn feed(mut section: Section<'_>, policy: &mut Policy) -> Option<FeedSettings> {
    let s = &mut section;
    let allow_private = s.boolean("allow_private", false);
    let allows_plain = allow_private || s.has("allow");
    let url = s.read("url", |value| checked_url(text_of(value)?, allows_plain));
    if !s.has("url") {
        s.refuse("url", Wrong::rule("a feed needs the address of its document"));
    }
    let default = FeedSettings::at(url.as_deref().unwrap_or_default());
    let cron = cron(s);
    let every = s.duration("every", default.every, seconds(1, 366 * DAY));
    let every = cron.as_ref().map_or(every, |times| times.longest.min(Duration::from_secs(366 * DAY)));
    let idle_timeout = s.duration("idle_timeout", default.idle_timeout, timeouts());
    let whole_timeout = FeedSettings::whole_timeout_within(every);
    let pages = s.optional_section("pages").and_then(pages);
    policy.feed_kind =
        s.choice("kind", FeedKind::Assets, &[("assets", FeedKind::Assets), ("prices", FeedKind::Prices)]);
    let is_of_prices = policy.feed_kind == FeedKind::Prices;
    if is_of_prices {
        refuse_what_prices_lack(s, &["absent", "guard", "record_time"]);
    }
    let settings = FeedSettings {
        every,
        cron,
        jitter: s.share("jitter", default.jitter, 0.0..=0.5),
        retries: retries(s).unwrap_or(default.retries),
        guard_confirm: guard_confirm(s.section("guard"), default.guard_confirm),
        credentials: s.optional_section("credentials").and_then(|section| credentials(section, allows_plain)),
        mapping: mapping_of(s.section("mapping"), pages.is_some(), is_of_prices),
        pages,
        allow_private,
        wire_bytes_max: s.bytes("wire_bytes_max", default.wire_bytes_max, KIB..=1_024 * GIB),
        body_bytes_max: s.bytes("body_bytes_max", default.body_bytes_max, KIB..=1_024 * GIB),
        record_bytes_max: s.bytes("record_bytes_max", default.record_bytes_max, KIB..=GIB),
        records_max: s.number("records_max", default.records_max, 1..=u64::from(u32::MAX)),
        files_kept: s.number("files_kept", default.files_kept, 0..=FILES_KEPT_MAX),
        files_kept_bytes_max: s.bytes(
            "files_kept_bytes_max",
            default.files_kept_bytes_max,
            KIB..=1_024 * GIB,
        ),
        connect_timeout: s.duration("connect_timeout", default.connect_timeout, timeouts()),
        idle_timeout,
        whole_timeout: s.duration("whole_timeout", whole_timeout, timeouts()),
        fetching: fetching(s, idle_timeout),
        url: default.url,
    };
    policy.absent =
        s.choice("absent", Absent::Delete, &[("delete", Absent::Delete), ("inactive", Absent::Inactive)]);
    policy.last_modified_is_data_time =
        s.choice("last_modified", false, &[("data_time", true), ("upload_time", false)]);
    policy.record_time = s.choice(
        "record_time",
        RecordTime::Snapshot,
        &[("snapshot", RecordTime::Snapshot), ("record", RecordTime::Record)],
    );
    if settings.record_bytes_max as u64 > settings.body_bytes_max {
        s.refuse("record_bytes_max", Wrong::rule("must not exceed body_bytes_max"));
    }
    section.finish();
    url.map(|_| settings)
}

/// Slots of a wall clock, instead of an interval.
fn cron(s: &mut Section<'_>) -> Option<CronTimes> {
    let zone = s.read("time_zone", zone);
    if !s.has("cron") {
        if s.has("time_zone") {
            let rule = Wrong::rule("says which wall clock a cron expression means, and there is none");
            s.refuse("time_zone", rule.hint("write cron = \"0 6 * * MON-FRI\", or leave it out"));
        }
        return None;
    }
    if s.has("every") {
        let rule = Wrong::rule("stands beside every, and a feed is fetched by one of the two");
        s.refuse("cron", rule.hint("keep every for an interval, or cron for times of a wall clock"));
    }
    let zone = zone.unwrap_or_else(|| "UTC".to_owned());
    s.read("cron", |value| {
        CronTimes::parse(text_of(value)?, &zone).map_err(|fault| {
            let hint = "write minute, hour, day, month and day of the week, such as \"0 6 * * MON-FRI\"";
            Wrong::rule(fault.to_string()).hint(hint)
        })
    })
}

/// The mapping. Of a page the `count` is believed only where it is written: most APIs say there how
/// many records all pages hold, others how many this one does.
fn mapping_of(section: Section<'_>, is_paged: bool, is_of_prices: bool) -> Mapping {
    let is_believed = !is_paged || section.has("count");
    if is_of_prices {
        refuse_what_prices_lack(&section, &Mapping::MEMBERS);
        refuse_what_prices_lack(&section, &["updated_at", "keep", "drop", "constants", "repeated"]);
    }
    let (says_records, says_prices) = (section.has("records"), section.has("price") || section.has("quotes"));
    let mapping = feed_mapping(section);
    let mapping = Mapping { count: mapping.count.filter(|_| is_believed), ..mapping };
    if !is_of_prices {
        return mapping;
    }
    let mut mapping = Mapping { updated_at: None, repeated: Repeated::Each, ..mapping };
    // what is not said is as in a push: an envelope of `prices`, each a record of its own
    if !says_records {
        mapping.records.steps = vec![PathStep::Into("prices".into())];
    }
    if !says_prices {
        mapping.quotes.iter_mut().for_each(|quote| (quote.each, quote.is_own) = (None, false));
    }
    mapping
}

/// F8: a feed of prices says nothing of documents, and nothing by what it lacks.
fn refuse_what_prices_lack(section: &Section<'_>, keys: &[&'static str]) {
    for key in keys.iter().filter(|key| section.has(key)) {
        let rule = Wrong::rule("means nothing in a feed of kind = \"prices\": it says prices alone");
        section.refuse(
            key,
            rule.hint("leave it out; who is to create and delete assets is a feed of kind = \"assets\""),
        );
    }
}

fn guard_confirm(mut section: Section<'_>, default: u32) -> u32 {
    let runs = section.number("confirm", default, 0..=CONFIRM_RUNS_MAX);
    section.finish();
    runs
}

fn retries(section: &mut Section<'_>) -> Option<Vec<Duration>> {
    let range = seconds(1, DAY);
    section.list("retries", RETRIES_MAX, |value| duration_of(value, &range))
}
