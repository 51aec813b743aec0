//! `tidegate.toml` and the partners' files, read key by key into [`Settings`](super::Settings).
//!
//! One line for each key: its name, its default, its bounds. What two keys must hold together is
//! checked behind them.

use super::callers::is_reserved;
use super::fault::Wrong;
use super::feed;
use super::hooks::hooks;
use super::raw::{Section, duration_of, text_of};
use super::signing;
use super::tls;
use super::units::{GIB, KIB, MIB, seconds};
use super::{
    LimitSettings, OperatorSettings, PartnerSettings, ReaderLimitSettings, ReaderSettings, ServerSettings,
    StoreSettings,
};
use crate::domain::{Currency, PartnerName, iso4217};
use crate::rules::policy::{Absent, Policy};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// What a rate may be, and what a burst of it. Buckets count in 32 bits.
const PER_SECOND: RangeInclusive<u32> = 1..=10_000_000;
const BYTES_PER_SECOND: RangeInclusive<u64> = KIB..=4 * GIB;
const BURST: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);
/// Items of a list of words: more would be a mistake, not a configuration.
const WORDS_MAX: usize = 1_000;
/// Sites of one portal.
const ORIGINS_MAX: usize = 64;

/// The daemon's own part of the settings.
pub(super) struct House {
    pub server: ServerSettings,
    pub store: StoreSettings,
    pub readers: Vec<ReaderSettings>,
    pub operators: Vec<OperatorSettings>,
}

pub(super) fn house(mut whole: Section<'_>) -> House {
    let mut names = HashSet::new();
    let operators = whole.sections("operators").into_iter();
    let operators: Vec<_> = operators.filter_map(|section| operator(section, &mut names)).collect();
    let server = server(whole.section("server"), !operators.is_empty());
    let store = store(whole.section("store"));
    let readers = whole.sections("readers").into_iter().filter_map(reader).collect();
    whole.finish();
    House { server, store, readers, operators }
}

fn server(mut section: Section<'_>, has_operators: bool) -> ServerSettings {
    let default = ServerSettings::default();
    let s = &mut section;
    let settings = ServerSettings {
        listen: address(s, "listen", default.listen),
        admin_listen: address(s, "admin_listen", default.admin_listen),
        tls: tls::tls(s.optional_section("tls")),
        admin_token: s.key("admin_token"),
        body_bytes_max: s.bytes("body_bytes_max", default.body_bytes_max, KIB..=GIB),
        items_max: s.number("items_max", default.items_max, 1..=1_000_000),
        header_bytes_max: s.bytes("header_bytes_max", default.header_bytes_max, 8 * KIB..=MIB),
        headers_max: s.number("headers_max", default.headers_max, 16..=1_000),
        header_timeout: s.duration("header_timeout", default.header_timeout, seconds(1, HOUR)),
        body_timeout: s.duration("body_timeout", default.body_timeout, seconds(1, HOUR)),
        body_idle_timeout: s.duration("body_idle_timeout", default.body_idle_timeout, seconds(1, HOUR)),
        keep_alive_timeout: s.duration("keep_alive_timeout", default.keep_alive_timeout, seconds(1, HOUR)),
        connections_max: s.number("connections_max", default.connections_max, 1..=1_000_000),
        connections_per_address_max: s.number(
            "connections_per_address_max",
            default.connections_per_address_max,
            1..=1_000_000,
        ),
        failed_calls_per_minute: s.number(
            "failed_calls_per_minute",
            default.failed_calls_per_minute,
            1..=1_000_000_000,
        ),
        bytes_in_flight_max: s.bytes("bytes_in_flight_max", default.bytes_in_flight_max, MIB..=64 * GIB),
        shutdown_timeout: s.duration("shutdown_timeout", default.shutdown_timeout, seconds(1, HOUR)),
        streams_max: s.number("streams_max", default.streams_max, 1..=1_000_000),
        metrics_partners_max: s.number("metrics_partners_max", default.metrics_partners_max, 0..=10_000),
        cors_origins: s.list("cors_origins", ORIGINS_MAX, origin).unwrap_or_default(),
        watch: s.boolean("watch", default.watch),
        send_buffer_bytes: s.bytes("send_buffer_bytes", default.send_buffer_bytes, 16 * KIB..=16 * MIB),
    };
    check_server(s, &settings, has_operators);
    section.finish();
    settings
}

/// An origin as browsers send it: another spelling would never be equal to theirs.
fn origin(value: &DeValue<'_>) -> Result<String, Wrong> {
    let text = text_of(value)?;
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:[]".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_plain) || host.ends_with([':', '.']) {
        let rule =
            Wrong::rule("must be an origin: a scheme, a host, and a port where it is not the usual one");
        return Err(
            rule.hint("as browsers send it, such as https://portal.example: small letters, no path, no *")
        );
    }
    Ok(text.to_owned())
}

fn check_server(section: &Section<'_>, server: &ServerSettings, has_operators: bool) {
    if server.admin_token.is_none() && !has_operators && !server.admin_listen.ip().is_loopback() {
        let rule =
            Wrong::rule("without an admin_token or [[operators]] the admin listener must be on loopback");
        section.refuse("admin_listen", rule.hint("name operators, or listen on 127.0.0.1"));
    }
    if server.listen == server.admin_listen && server.listen.port() != 0 {
        section.refuse("admin_listen", Wrong::rule("must be another address than listen"));
    }
    if server.body_bytes_max > server.bytes_in_flight_max {
        let rule = "must hold at least one body of body_bytes_max, or the largest is never taken in";
        section.refuse("bytes_in_flight_max", Wrong::rule(rule));
    }
    if server.body_idle_timeout > server.body_timeout {
        section.refuse("body_idle_timeout", Wrong::rule("must not exceed body_timeout"));
    }
}

fn store(mut section: Section<'_>) -> StoreSettings {
    let directory = PathBuf::from(section.text("directory").unwrap_or_else(|| "data".to_owned()));
    let default = StoreSettings::within(section.source.directory.join(directory));
    let s = &mut section;
    let settings = StoreSettings {
        cache_bytes: s.bytes("cache_bytes", default.cache_bytes, MIB..=64 * GIB),
        overlay_bytes_max: s.bytes("overlay_bytes_max", default.overlay_bytes_max, MIB..=16 * GIB),
        log_keep: s.duration("log_keep", default.log_keep, seconds(60, 3_660 * DAY)),
        log_bytes_max: s.bytes("log_bytes_max", default.log_bytes_max, 16 * MIB..=16_384 * GIB),
        group_bytes_max: s.bytes("group_bytes_max", default.group_bytes_max, 64 * KIB..=GIB),
        disk_free_bytes_min: s.bytes("disk_free_bytes_min", default.disk_free_bytes_min, 0..=1_024 * GIB),
        fetches_max: s.number("fetches_max", default.fetches_max, 1..=1_000),
        directory: default.directory,
        init: default.init,
    };
    if settings.group_bytes_max > settings.overlay_bytes_max {
        let rule = "must not exceed overlay_bytes_max, or one group would fill the overlay";
        s.refuse("group_bytes_max", Wrong::rule(rule));
    }
    section.finish();
    settings
}

/// Fits into a column of a table.
const OPERATOR_BYTES_MAX: usize = 64;

fn operator(mut section: Section<'_>, names: &mut HashSet<String>) -> Option<OperatorSettings> {
    let name = section.read("name", |value| operator_name(text_of(value)?));
    let keys = signing::keys(&mut section);
    if !section.has("name") {
        section.refuse("name", Wrong::rule("an operator needs a name, for the trail of what is done"));
    }
    if section.lacks_items("keys") {
        section.refuse("keys", Wrong::rule("an operator needs at least one key"));
    }
    if name.as_ref().is_some_and(|name| !names.insert(name.clone())) {
        section.refuse("name", Wrong::rule("is another operator's name already"));
    }
    section.finish();
    Some(OperatorSettings { name: name?, keys })
}

fn operator_name(name: &str) -> Result<String, Wrong> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_@+".contains(&byte);
    if name.len() > OPERATOR_BYTES_MAX || !name.bytes().all(is_plain) {
        return Err(Wrong::rule("must be 1-64 letters, digits and . - _ @ +"));
    }
    match is_reserved(name) {
        true => Err(Wrong::rule("is a word that the trail has for something else")),
        false => Ok(name.to_owned()),
    }
}

fn reader(mut section: Section<'_>) -> Option<ReaderSettings> {
    let name = section.text("name");
    let keys = signing::keys(&mut section);
    if name.is_none() {
        section.refuse("name", Wrong::rule("a reader needs a name, for logs and limits"));
    }
    if section.lacks_items("keys") {
        section.refuse("keys", Wrong::rule("a reader needs at least one key"));
    }
    let default = ReaderLimitSettings::default();
    let s = &mut section;
    let limits = ReaderLimitSettings {
        reads_per_second: s.number("reads_per_second", default.reads_per_second, PER_SECOND),
        read_bytes_per_second: s.bytes(
            "read_bytes_per_second",
            default.read_bytes_per_second,
            BYTES_PER_SECOND,
        ),
        burst: s.duration("burst", default.burst, BURST),
    };
    section.finish();
    Some(ReaderSettings { name: name?, keys, limits })
}

/// One partner's file. `server` is what its limits must fit to.
pub(super) fn partner(
    mut section: Section<'_>,
    name: PartnerName,
    server: &ServerSettings,
) -> PartnerSettings {
    let s = &mut section;
    let keys = signing::keys(s);
    let sandbox = s.boolean("sandbox", false);
    let signing = signing::signing(s);
    let mut policy = policy(s);
    let limits = limits(s.section("limits"), server);
    let feed_section = s.optional_section("feed");
    if s.lacks_items("keys") && feed_section.is_none() && s.lacks_items("hooks") && s.lacks_items("signing") {
        let rule = Wrong::rule("a partner needs a key to push with, a feed, or a hook");
        s.refuse("keys", rule.hint(format!("tidegate partner add {name} writes a file with a key")));
    }
    let feed = feed_section.and_then(|feed| feed::feed(feed, &mut policy));
    let hooks = hooks(s.sections("hooks"));
    section.finish();
    let partner = PartnerSettings { name, keys, sandbox, signing, policy, limits, feed: None, hooks };
    match feed {
        Some(feed) => partner.with_feed(feed),
        None => partner,
    }
}

fn policy(s: &mut Section<'_>) -> Policy {
    let default = Policy::default();
    let currency = |value: &DeValue<'_>| {
        let code = text_of(value)?;
        Currency::new(code).map_err(|error| Wrong::rule(error.to_string()))
    };
    let extra = s.list("currencies_extra", WORDS_MAX, currency);
    let mut policy = Policy {
        default_currency: s.read("currency", currency),
        currencies_extra: extra.map_or(default.currencies_extra, |codes| codes.into_iter().collect()),
        allow_zero: s.boolean("allow_zero", default.allow_zero),
        allow_negative: s.boolean("allow_negative", default.allow_negative),
        heartbeats: default.heartbeats,
        statuses_extra: s.list("statuses_extra", WORDS_MAX, status).unwrap_or_default().into_iter().collect(),
        feed_kind: default.feed_kind,
        absent: Absent::default(),
        last_modified_is_data_time: false,
        record_time: default.record_time,
        parked_max: s.number("parked_max", default.parked_max, 0..=10_000_000),
        quarantine_max: s.number("quarantine_max", default.quarantine_max, 1..=1_000_000),
        quarantine_bytes_max: s.bytes("quarantine_bytes_max", default.quarantine_bytes_max, 64 * KIB..=GIB),
        feed_interval: 0,
        deliveries_max: s.number("deliveries_max", default.deliveries_max, 1..=1_000_000),
        document_bytes_max: s.bytes("document_bytes_max", default.document_bytes_max, KIB..=16 * MIB),
        assets_max: s.number("assets_max", default.assets_max, 1..=u32::MAX),
    };
    let known = |code: &Currency| iso4217::is_active(code.as_str()) || policy.currencies_extra.contains(code);
    if policy.default_currency.as_ref().is_some_and(|code| !known(code)) {
        let rule = Wrong::rule("must be a code of ISO 4217, or one of currencies_extra");
        s.refuse("currency", rule.hint("such as \"EUR\""));
    }
    let range = seconds(1, 3_660 * DAY);
    let classes = s.section("classes").entries(|_, heartbeat| duration_of(heartbeat, &range));
    for (class, heartbeat) in classes {
        policy.heartbeats.insert(class, i64::try_from(heartbeat.as_micros()).unwrap_or(i64::MAX));
    }
    policy
}

fn status(value: &DeValue<'_>) -> Result<String, Wrong> {
    match text_of(value)? {
        "active" | "inactive" => Err(Wrong::rule("active and inactive are known already")),
        word => Ok(word.to_owned()),
    }
}

fn limits(mut section: Section<'_>, server: &ServerSettings) -> LimitSettings {
    let default = LimitSettings::default();
    let s = &mut section;
    let prices_per_second = s.number("prices_per_second", default.prices_per_second, PER_SECOND);
    let asset_writes_per_second =
        s.number("asset_writes_per_second", default.asset_writes_per_second, PER_SECOND);
    let reads_per_second = s.number("reads_per_second", default.reads_per_second, PER_SECOND);
    let mut bytes = |key, (default, default_items): (u64, u32), items: u32| {
        // who may send more items may send their bytes, unless it is said otherwise
        let in_proportion = u128::from(default) * u128::from(items) / u128::from(default_items);
        let in_proportion = u64::try_from(in_proportion).unwrap_or(u64::MAX);
        s.bytes(key, in_proportion.clamp(KIB, *BYTES_PER_SECOND.end()), BYTES_PER_SECOND)
    };
    let limits = LimitSettings {
        price_bytes_per_second: bytes(
            "price_bytes_per_second",
            (default.price_bytes_per_second, default.prices_per_second),
            prices_per_second,
        ),
        asset_write_bytes_per_second: bytes(
            "asset_write_bytes_per_second",
            (default.asset_write_bytes_per_second, default.asset_writes_per_second),
            asset_writes_per_second,
        ),
        read_bytes_per_second: bytes(
            "read_bytes_per_second",
            (default.read_bytes_per_second, default.reads_per_second),
            reads_per_second,
        ),
        prices_per_second,
        asset_writes_per_second,
        reads_per_second,
        burst: s.duration("burst", default.burst, BURST),
        bytes_in_flight_max: s.bytes("bytes_in_flight_max", default.bytes_in_flight_max, KIB..=64 * GIB),
    };
    if limits.bytes_in_flight_max < server.body_bytes_max {
        let rule = "must hold at least one body of server.body_bytes_max, or the largest is never taken in";
        s.refuse("bytes_in_flight_max", Wrong::rule(rule));
    }
    section.finish();
    limits
}

fn address(section: &mut Section<'_>, key: &'static str, default: SocketAddr) -> SocketAddr {
    let read = |value: &DeValue<'_>| {
        let address = value.as_str().and_then(|text| text.parse().ok());
        address.ok_or_else(|| Wrong::rule("must be an address and a port, such as \"127.0.0.1:8080\""))
    };
    section.read(key, read).unwrap_or(default)
}
