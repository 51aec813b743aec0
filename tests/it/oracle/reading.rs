//! What a reader sees of one asset: P2's choice between the two registers, P5's states.

use std::collections::BTreeMap;

use super::asset::Asset;
use super::price::{DatedPrice, UndatedPrice};
use super::types::{Lane, Policy, QuoteState, Visible, VisibleAsset, VisibleQuote};

/// P2: what outlives a push whose class has no heartbeat, at least.
const OUTLIVED_MIN_US: i64 = 3 * 86_400_000_000;

/// A quote as chosen by P2, before the clock comes into it.
pub struct Shown<'a> {
    amount: Option<&'a str>,
    currency: Option<&'a str>,
    as_of: Option<i64>,
    age_from: i64,
    closed: bool,
    dated: Option<&'a DatedPrice>,
}

/// What counts as visible content: all but times and states.
pub type Content = (BTreeMap<String, serde_json::Value>, BTreeMap<String, QuoteContent>);
pub type QuoteContent = (Option<String>, Option<String>, bool);

/// P5: by the document's class.
fn heartbeat(policy: &Policy, asset: &Asset) -> Option<i64> {
    policy.heartbeats.get(&asset.text_member("class")?).copied()
}

/// P2: the dated price, unless an earlier run of the feed wrote it, or it is older than S by more
/// than three heartbeats, or intervals of the feed where its class has no heartbeat.
///
/// Of two prices of the feed the runs alone decide: a feed that begins to date its prices shows them
/// at once, however old their `as_of`.
fn prefers_undated(policy: &Policy, asset: &Asset, dated: &DatedPrice, undated: &UndatedPrice) -> bool {
    if dated.stamp.lane == Lane::Feed {
        return dated.run_s < Some(undated.s);
    }
    let of_feed = || OUTLIVED_MIN_US.max(3 * policy.feed_interval_us);
    let outlived = heartbeat(policy, asset).map_or_else(of_feed, |h| 3 * h);
    undated.s - dated.stamp.at > outlived
}

pub fn shown_quotes<'a>(policy: &Policy, asset: &'a Asset) -> BTreeMap<String, Shown<'a>> {
    if !asset.alive() {
        return BTreeMap::new();
    }
    let mut shown = BTreeMap::new();
    for quote in asset.quotes() {
        let pick = match (asset.dated(&quote), asset.undated(&quote)) {
            (Some(d), Some(u)) if prefers_undated(policy, asset, d, u) => from_undated(asset, u),
            (Some(d), _) => from_dated(d),
            (None, Some(u)) => from_undated(asset, u),
            (None, None) => continue,
        };
        shown.insert(quote, pick);
    }
    shown
}

fn from_dated(dated: &DatedPrice) -> Shown<'_> {
    Shown {
        amount: dated.amount.as_deref(),
        currency: dated.currency.as_deref(),
        as_of: Some(dated.stamp.at),
        age_from: dated.stamp.at,
        closed: dated.closed,
        dated: Some(dated),
    }
}

fn from_undated<'a>(asset: &Asset, undated: &'a UndatedPrice) -> Shown<'a> {
    Shown {
        amount: undated.amount.as_deref(),
        currency: undated.currency.as_deref(),
        as_of: None,
        age_from: asset.first_held(&undated.quote).unwrap_or(undated.fetch_start),
        closed: undated.closed,
        dated: None,
    }
}

/// Document and quotes by content; equal before and after means that nothing visible changed.
pub fn content(policy: &Policy, asset: &Asset) -> Content {
    let members = asset.document().into_iter().map(|(k, v)| (k.to_string(), v.clone())).collect();
    let quotes = shown_quotes(policy, asset)
        .into_iter()
        .map(|(quote, s)| (quote, (s.amount.map(String::from), s.currency.map(String::from), s.closed)));
    (members, quotes.collect())
}

/// `gapped(received)` says whether a gap was opened after that time that is still open (G1).
pub fn visible(policy: &Policy, asset: &Asset, now: i64, gapped: impl Fn(i64) -> bool) -> Visible {
    if !asset.known() {
        return Visible::Unknown;
    }
    if !asset.alive() {
        return Visible::Dead;
    }
    let heartbeat = heartbeat(policy, asset);
    let quotes = shown_quotes(policy, asset).into_iter().map(|(quote, shown)| {
        let gap = shown.dated.is_some_and(|d| gapped(d.received));
        (quote, read(&shown, now, heartbeat, gap))
    });
    Visible::Alive(VisibleAsset {
        quotes: quotes.collect(),
        members: asset.document().into_iter().map(|(k, v)| (k.to_string(), v.clone())).collect(),
        status: asset.status(),
    })
}

/// P5; the first that fits of withdrawn, gap, closed, age: what is surest comes first.
fn read(shown: &Shown<'_>, now: i64, heartbeat: Option<i64>, gap: bool) -> VisibleQuote {
    let age_us = now - shown.age_from;
    let state = match heartbeat {
        _ if shown.amount.is_none() => QuoteState::Withdrawn,
        _ if gap => QuoteState::Gap,
        _ if shown.closed => QuoteState::Closed,
        Some(h) if age_us > 3 * h => QuoteState::Stale,
        Some(h) if age_us > h => QuoteState::Delayed,
        _ => QuoteState::Live,
    };
    VisibleQuote {
        amount: shown.amount.map(String::from),
        currency: shown.currency.map(String::from),
        as_of: shown.as_of,
        age_us,
        state,
    }
}
