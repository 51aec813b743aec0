//! A partner's `[feed]`: address, schedule, credentials, bounds.

use super::fault::Wrong;
use super::mapping::feed_mapping;
use super::pages::pages;
use super::raw::{Section, duration_of, text_of};
use super::secret::{is_header_name, secret};
use super::units::{GIB, KIB, seconds};
use super::{Credentials, FeedSettings};
use crate::domain::Mapping;
use crate::domain::mapping::{PathStep, Repeated};
use crate::rules::policy::{Absent, FeedKind, Policy, RecordTime};
use std::ops::RangeInclusive;
use std::time::Duration;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// Retries after one failed run; then the next regular fetch is near enough.
const RETRIES_MAX: usize = 16;
/// A plan of held deletes expires after 72 h: more runs would hardly come before.
const CONFIRM_RUNS_MAX: u32 = 72;

/// Reads the feed, and into `policy` what the feed says of its documents.
pub(super) fn feed(mut section: Section<'_>, policy: &mut Policy) -> Option<FeedSettings> {
    let s = &mut section;
    let allow_private = s.boolean("allow_private", false);
    let url = s.read("url", |value| checked_url(text_of(value)?, allow_private));
    if !s.has("url") {
        s.refuse("url", Wrong::rule("a feed needs the address of its document"));
    }
    let default = FeedSettings::at(url.as_deref().unwrap_or_default());
    let every = s.duration("every", default.every, seconds(1, 366 * DAY));
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
        jitter: s.share("jitter", default.jitter, 0.0..=0.5),
        retries: retries(s).unwrap_or(default.retries),
        guard_confirm: guard_confirm(s.section("guard"), default.guard_confirm),
        credentials: s.optional_section("credentials").and_then(credentials),
        mapping: mapping_of(s.section("mapping"), pages.is_some(), is_of_prices),
        pages,
        allow_private,
        wire_bytes_max: s.bytes("wire_bytes_max", default.wire_bytes_max, KIB..=1_024 * GIB),
        body_bytes_max: s.bytes("body_bytes_max", default.body_bytes_max, KIB..=1_024 * GIB),
        record_bytes_max: s.bytes("record_bytes_max", default.record_bytes_max, KIB..=GIB),
        records_max: s.number("records_max", default.records_max, 1..=u64::from(u32::MAX)),
        connect_timeout: s.duration("connect_timeout", default.connect_timeout, timeouts()),
        idle_timeout: s.duration("idle_timeout", default.idle_timeout, timeouts()),
        whole_timeout: s.duration("whole_timeout", whole_timeout, timeouts()),
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

fn timeouts() -> RangeInclusive<Duration> {
    Duration::from_millis(100)..=Duration::from_secs(DAY)
}

fn retries(section: &mut Section<'_>) -> Option<Vec<Duration>> {
    let range = seconds(1, DAY);
    section.list("retries", RETRIES_MAX, |value| duration_of(value, &range))
}

/// Checks what can be checked without asking anyone; the addresses behind the name are checked at
/// each fetch.
fn checked_url(url: &str, allow_private: bool) -> Result<String, Wrong> {
    let schemes: &[&str] = if allow_private { &["https://", "http://"] } else { &["https://"] };
    let Some(rest) = schemes.iter().find_map(|scheme| url.strip_prefix(scheme)) else {
        let rule = Wrong::rule("must begin with https://");
        return Err(rule.hint("plain http needs allow_private = true, for servers of your own network"));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        let rule = Wrong::rule("must not hold user or password");
        return Err(rule.hint("name them under [feed.credentials]"));
    }
    if authority.is_empty() || authority.starts_with(':') {
        return Err(Wrong::rule("must name a host"));
    }
    if url.contains('#') || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        let rule = Wrong::rule("must be ASCII without white space and without a #fragment");
        return Err(rule.hint("percent-encode the path, write the host in punycode"));
    }
    Ok(url.to_owned())
}

fn credentials(mut section: Section<'_>) -> Option<Credentials> {
    let basic = section.optional_section("basic").map(|mut basic| {
        let user = required_text(&mut basic, "user");
        let password = secret(&mut basic, "password");
        basic.finish();
        Some(Credentials::Basic { user: user?, password: password? })
    });
    let bearer = section.optional_section("bearer").map(|mut bearer| {
        let token = secret(&mut bearer, "token");
        bearer.finish();
        Some(Credentials::Bearer { token: token? })
    });
    let header = section.optional_section("header").map(|mut header| {
        let name = required_text(&mut header, "name").filter(|name| sound_header(&header, name));
        let value = secret(&mut header, "value");
        header.finish();
        Some(Credentials::Header { name: name?, value: value? })
    });
    let mut given: Vec<_> = [basic, bearer, header].into_iter().flatten().collect();
    if given.len() != 1 {
        section.refuse("basic", Wrong::rule("credentials are exactly one of basic, bearer and header"));
    }
    section.finish();
    given.pop().flatten()
}

fn required_text(section: &mut Section<'_>, key: &'static str) -> Option<String> {
    let text = section.text(key);
    if !section.has(key) {
        section.refuse(key, Wrong::rule("is needed here"));
    }
    text
}

fn sound_header(section: &Section<'_>, name: &str) -> bool {
    /// Set by the client itself, or used to smuggle a second request.
    const RESERVED: [&str; 6] =
        ["host", "connection", "content-length", "transfer-encoding", "upgrade", "te"];
    let sound = is_header_name(name) && !RESERVED.contains(&name.to_ascii_lowercase().as_str());
    if !sound {
        let rule = "must be the name of a header that the client does not set itself";
        section.refuse("name", Wrong::rule(rule));
    }
    sound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_names_a_host_and_holds_no_secret() {
        for good in ["https://a.example/feed.json", "https://a.example:8443/x?y=z", "https://[2001:db8::1]/"]
        {
            assert_eq!(checked_url(good, false).as_deref(), Ok(good));
        }
        assert!(checked_url("http://127.0.0.1:9000/feed", true).is_ok());
        for bad in [
            "http://a.example/",
            "ftp://a.example/",
            "https://",
            "https:///feed",
            "https://:443/feed",
            "https://u:p@a.example/",
            "https://a.example/a b",
            "https://a.example/#x",
            "https://ä.example/",
        ] {
            assert!(checked_url(bad, false).is_err(), "{bad}");
        }
    }
}
