//! The answer to "why": of each member and quote what it is, who wrote it, when that was true and
//! when we learned it; of the asset when it lived and died; and which writes lost, by which rule.
//!
//! Only what is known is said. Who wrote a member or a dated price stands in the store; who deleted
//! the asset is known as long as the log holds that change.

use super::asset::heartbeat;
use super::origin::{Origins, write_origin};
use super::write::{at, name, number, one_line, text};
use crate::codec::{cursor, json};
use crate::domain::{
    AssetEvent, AssetHead, AssetId, ChangeKind, Committed, Document, Exception, ItemOutcome, Lane, LostPart,
    LostWrite, Micros, OperatorAction, Origin, Quote, Seq, Stamp, Undated,
};
use crate::rules::policy::Policy;
use crate::rules::price::reading::{self, UndatedReason};
use compact_str::CompactString;

/// One asset, dead ones included, with all that is on record about it.
pub struct ExplainView<'a> {
    /// The partner's name.
    pub partner: &'a str,
    /// The partner's name for the asset.
    pub id: &'a AssetId,
    /// What is known of its existence and its members.
    pub head: &'a AssetHead,
    /// The members that it holds.
    pub document: &'a Document,
    /// Who wrote the base, and when we learned it; at the beginning of time: it is not known.
    pub base_origin: (Origin, Micros),
    /// The same of each member that was written by itself, in the order of the head's exceptions.
    pub exception_origins: &'a [(CompactString, Origin, Micros)],
    /// Its quotes, in order of their names.
    pub quotes: &'a [Quote],
    /// Journal, and the sequence of the last change of the document.
    pub cursor: (u32, Seq),
    /// That change; `None` where the log holds it no more.
    pub last_change: Option<&'a Committed>,
    /// The writes that lost, newest last.
    pub lost: &'a [LostWrite],
    /// What operators decided.
    pub origins: Origins<'a>,
    /// What is missing from the explanation, since it cannot be read.
    pub damaged: &'a [DamagedPart],
    /// Only this member or quote is explained; `None`: all.
    pub member: Option<&'a str>,
    /// The time that ages are counted to.
    pub now: Micros,
    /// The partner's policy, for the heartbeats of its classes.
    pub policy: &'a Policy,
}

/// A part of an explanation that is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamagedPart {
    /// The list of what lost.
    Lost,
    /// The action of this number. Which asset it was on is not known.
    Action(u64),
    /// The plan of this number, which the last change came of.
    Plan(u64),
    /// The change that readers saw last.
    LastChange,
}

/// Actions of operators that are listed.
const ACTIONS_SHOWN: usize = 8;

type Source = (Origin, Micros);

/// Where a member's present state comes from.
struct Standing {
    stamp: Stamp,
    source: Option<Source>,
    is_exception: bool,
}

/// Appends the explanation: `{"id", "partner", "alive", "hidden", "status", "existence", "members",
/// "quotes", "lost", "actions", "damaged"?, "cursor"}`.
pub fn explain(out: &mut Vec<u8>, view: &ExplainView<'_>) {
    out.push(b'{');
    text(out, "id", view.id.as_str());
    text(out, "partner", view.partner);
    flag(out, "alive", view.head.is_alive());
    flag(out, "hidden", view.head.hidden);
    status(out, view);
    existence(out, view);
    list(out, "members", |out| members(out, view));
    list(out, "quotes", |out| quotes(out, view));
    list(out, "lost", |out| {
        let asked = |lost: &&LostWrite| view.member.is_none_or(|member| lost.concerns(member));
        view.lost.iter().rev().filter(asked).for_each(|lost| self::lost(out, view, lost));
    });
    list(out, "actions", |out| {
        view.origins.actions.iter().rev().take(ACTIONS_SHOWN).for_each(|action| self::action(out, action));
    });
    if !view.damaged.is_empty() {
        list(out, "damaged", |out| view.damaged.iter().for_each(|part| damaged(out, *part)));
    }
    text(out, "cursor", &cursor::encode(view.cursor.0, view.cursor.1));
    out.push(b'}');
}

/// Named by the member of the explanation that it is missing from.
fn damaged(out: &mut Vec<u8>, part: DamagedPart) {
    separate(out);
    out.push(b'{');
    let member = match part {
        DamagedPart::Lost => "lost",
        DamagedPart::Action(_) => "actions",
        DamagedPart::Plan(_) => "plan",
        DamagedPart::LastChange => "last_change",
    };
    text(out, "part", member);
    if let DamagedPart::Action(number) = part {
        name(out, "action");
        out.extend_from_slice(number.to_string().as_bytes());
    }
    text(out, "code", ItemOutcome::DAMAGED);
    out.push(b'}');
}

fn status(out: &mut Vec<u8>, view: &ExplainView<'_>) {
    name(out, "status");
    match view.document.get("status") {
        _ if !view.head.is_alive() => out.extend_from_slice(b"null"),
        Some(status) => one_line(out, status.text.as_bytes()),
        None => out.extend_from_slice(b"\"active\""),
    }
}

fn existence(out: &mut Vec<u8>, view: &ExplainView<'_>) {
    let head = view.head;
    name(out, "existence");
    out.push(b'{');
    text(out, "state", state(head));
    let moments = [("life", head.life), ("death", head.death), ("end", head.end), ("base", head.base)];
    for (member, when) in moments {
        moment(out, view, member, when);
    }
    name(out, "last_change");
    match view.last_change {
        Some(change) => last_change(out, view, change),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
}

/// Absence hides what the asset holds until it comes back; a said delete has ended it (X1, X3).
fn state(head: &AssetHead) -> &'static str {
    match head.is_alive() {
        true => "alive",
        false if head.is_absent() => "absent",
        false if head.death.happened() => "deleted",
        false => "unknown",
    }
}

/// Damage may have taken it.
fn base_source(view: &ExplainView<'_>) -> Option<Source> {
    Some(view.base_origin).filter(|(_, learned_at)| *learned_at > Micros::BEGINNING)
}

/// The write that carried the stamp, where something of it is still known: it wrote the base, or a
/// member by itself, or was the last that readers saw.
fn source_of(view: &ExplainView<'_>, stamp: Stamp) -> Option<Source> {
    if view.head.base == stamp {
        return base_source(view);
    }
    if let Some(exception) = view.head.exceptions.iter().find(|exception| exception.stamp == stamp) {
        return standing(view, &exception.name).source;
    }
    let committed = view.last_change?;
    let ChangeKind::Asset(change) = &committed.change.kind else { return None };
    (change.stamp == stamp).then_some((change.origin, committed.committed_at))
}

fn moment(out: &mut Vec<u8>, view: &ExplainView<'_>, member: &str, when: Stamp) {
    name(out, member);
    if !when.happened() {
        return out.extend_from_slice(b"null");
    }
    out.push(b'{');
    stamp(out, when);
    by(out, view, source_of(view, when));
    out.push(b'}');
}

fn last_change(out: &mut Vec<u8>, view: &ExplainView<'_>, committed: &Committed) {
    let ChangeKind::Asset(change) = &committed.change.kind else {
        return out.extend_from_slice(b"null");
    };
    let event = match change.event {
        AssetEvent::Created => "asset.created",
        AssetEvent::Updated => "asset.updated",
        AssetEvent::Deleted => "asset.deleted",
        // no reader saw anything yet
        AssetEvent::Stamped | AssetEvent::Forgotten => return out.extend_from_slice(b"null"),
    };
    out.push(b'{');
    text(out, "type", event);
    text(out, "cursor", &cursor::encode(view.cursor.0, committed.seq));
    at(out, "source_time", Some(change.stamp.at));
    by(out, view, Some((change.origin, committed.committed_at)));
    out.push(b'}');
}

/// The members that show, and those that were removed by themselves. A member that is asked for
/// and is neither has been left out by the last full write.
fn members(out: &mut Vec<u8>, view: &ExplainView<'_>) {
    if !view.head.is_alive() {
        return;
    }
    let asked = |name: &str| view.member.is_none_or(|member| member == name);
    for member in view.document.members().iter().filter(|member| asked(&member.name)) {
        let standing = standing(view, &member.name);
        self::member(out, view, (&member.name, "shown", Some(&member.text)), &standing);
    }
    let removed = |exception: &&Exception| exception.removed && asked(&exception.name);
    for exception in view.head.exceptions.iter().filter(removed) {
        let standing = standing(view, &exception.name);
        self::member(out, view, (&exception.name, "removed", None), &standing);
    }
    let Some(wanted) = view.member else { return };
    let written = view.document.get(wanted).is_some();
    let excepted = view.head.exceptions.iter().any(|exception| exception.name == wanted);
    let is_member = !view.quotes.iter().any(|quote| quote.name.as_str() == wanted);
    if !written && !excepted && is_member && view.head.base.happened() {
        self::member(out, view, (wanted, "absent", None), &standing(view, wanted));
    }
}

fn standing(view: &ExplainView<'_>, member: &str) -> Standing {
    let exceptions = &view.head.exceptions;
    match exceptions.binary_search_by(|exception| exception.name.as_str().cmp(member)) {
        Ok(place) => {
            let source = view.exception_origins.iter().find(|(name, ..)| name == member);
            let source = source.map(|(_, origin, learned_at)| (*origin, *learned_at));
            Standing { stamp: exceptions[place].stamp, source, is_exception: true }
        }
        Err(_) => Standing { stamp: view.head.base, source: base_source(view), is_exception: false },
    }
}

fn member(
    out: &mut Vec<u8>,
    view: &ExplainView<'_>,
    (member, state, value): (&str, &str, Option<&str>),
    standing: &Standing,
) {
    separate(out);
    out.push(b'{');
    text(out, "name", member);
    text(out, "state", state);
    if let Some(value) = value {
        name(out, "value");
        one_line(out, value.as_bytes());
    }
    text(out, "from", if standing.is_exception { "exception" } else { "base" });
    stamp(out, standing.stamp);
    by(out, view, standing.source);
    out.push(b'}');
}

/// Those of an absent asset are hidden with its members.
fn quotes(out: &mut Vec<u8>, view: &ExplainView<'_>) {
    if view.head.is_absent() {
        return;
    }
    let asked = |quote: &&Quote| view.member.is_none_or(|member| member == quote.name.as_str());
    view.quotes.iter().filter(asked).for_each(|quote| self::quote(out, view, quote));
}

fn quote(out: &mut Vec<u8>, view: &ExplainView<'_>, quote: &Quote) {
    let heartbeat = heartbeat(view.document, view.policy);
    let Some(reading) = reading::read(quote, heartbeat, false, view.now) else { return };
    separate(out);
    out.push(b'{');
    text(out, "name", quote.name.as_str());
    let state = match view.head.is_alive() {
        true => reading.state.as_str(),
        false if view.head.is_absent() => "hidden",
        false => "parked",
    };
    text(out, "state", state);
    let (shows, why, rule) = reasons(quote);
    text(out, "shows", shows);
    text(out, "why", why);
    text(out, "rule", rule);
    let arrived = if quote.by_arrival { ("undated", "dated") } else { ("dated", "undated") };
    said(out, view, quote, arrived.0);
    match &quote.undated {
        Some(undated) => fed_undated(out, undated, undated_name(quote)),
        None => {
            name(out, arrived.1);
            out.extend_from_slice(b"null");
        }
    }
    if quote.by_arrival && quote.undated.is_some() {
        name(out, "dated");
        out.extend_from_slice(b"null");
    }
    out.push(b'}');
}

/// The name of the member that holds what shows, why it does, and by which rule.
fn reasons(quote: &Quote) -> (&'static str, &'static str, &'static str) {
    match reading::undated_reason(quote) {
        None if quote.by_arrival => ("undated", "it came without a time, and counts as of its arrival", "T1"),
        None if quote.undated.is_some() => {
            ("dated", "a price with a time of its own goes before the feed's undated one", "P2")
        }
        None => ("dated", "it is the only one", "P2"),
        Some(UndatedReason::NoDated) => {
            (undated_name(quote), "no price with a time of its own has come", "P2")
        }
        Some(UndatedReason::FedBefore) => {
            (undated_name(quote), "the dated price came from an older run of the feed", "P2")
        }
        Some(UndatedReason::Outlived) => (
            undated_name(quote),
            "the pushed price is older than the run by more than three heartbeats of its class, or than \
             three intervals of the feed",
            "P2",
        ),
    }
}

/// Where the feed's undated price stands: `undated` may be taken by one that was pushed so.
fn undated_name(quote: &Quote) -> &'static str {
    if quote.by_arrival { "undated_by_feed" } else { "undated" }
}

/// What was pushed, or dated by the feed itself.
fn said(out: &mut Vec<u8>, view: &ExplainView<'_>, quote: &Quote, member: &str) {
    name(out, member);
    if !quote.stamp.happened() {
        return out.extend_from_slice(b"null");
    }
    out.push(b'{');
    amount(out, quote.amount.map(|amount| amount.to_string()).as_deref());
    text(out, "currency", quote.currency.as_str());
    stamp(out, quote.stamp);
    at(out, "received_at", Some(quote.received_at));
    name(out, "by");
    match quote.extra.as_ref().and_then(|extra| extra.origin) {
        Some(origin) => write_origin(out, &view.origins, origin),
        // there is no more to tell than the lane does
        None => write_origin(out, &view.origins, Origin::Push { delivery: 0 }),
    }
    out.push(b'}');
}

fn fed_undated(out: &mut Vec<u8>, undated: &Undated, member: &str) {
    name(out, member);
    out.push(b'{');
    amount(out, Some(&undated.amount.to_string()));
    text(out, "currency", undated.currency.as_str());
    at(out, "snapshot_at", Some(undated.snapshot));
    at(out, "first_seen_at", Some(undated.first_seen));
    out.push(b'}');
}

fn lost(out: &mut Vec<u8>, view: &ExplainView<'_>, lost: &LostWrite) {
    separate(out);
    out.push(b'{');
    match &lost.part {
        LostPart::Members { verb, names, more } => {
            text(out, "verb", verb);
            list(out, "members", |out| {
                names.iter().for_each(|name| {
                    separate(out);
                    json::quote(out, name);
                });
            });
            name(out, "more");
            number(out, u64::from(*more));
        }
        LostPart::Price { quote, amount: value, currency } => {
            text(out, "verb", if value.is_some() { "price" } else { "withdraw" });
            text(out, "quote", quote);
            amount(out, value.as_deref());
            if let Some(currency) = currency {
                text(out, "currency", currency);
            }
        }
    }
    text(out, "rule", &lost.rule);
    if !lost.code.is_empty() {
        text(out, "code", &lost.code);
    }
    stamp(out, lost.stamp());
    by(out, view, Some((lost.origin, lost.learned_at())));
    out.push(b'}');
}

fn action(out: &mut Vec<u8>, (action, record): (&u64, &OperatorAction)) {
    separate(out);
    out.push(b'{');
    name(out, "action");
    number(out, *action);
    text(out, "kind", record.kind.as_str());
    text(out, "reason", &record.reason);
    if let Some(by) = &record.by {
        text(out, "by", by);
    }
    at(out, "at", Some(Micros(record.at)));
    out.push(b'}');
}

/// `"source_time", "lane", "sequence"`: what the write was compared by.
fn stamp(out: &mut Vec<u8>, stamp: Stamp) {
    at(out, "source_time", Some(stamp.at));
    text(
        out,
        "lane",
        match stamp.lane() {
            Lane::Feed => "feed",
            Lane::Push => "push",
            Lane::Price => "price",
            Lane::Admin => "admin",
        },
    );
    name(out, "sequence");
    number(out, stamp.sequence());
}

/// `"by", "learned_at"`: who wrote, and when that was durable here.
fn by(out: &mut Vec<u8>, view: &ExplainView<'_>, source: Option<Source>) {
    name(out, "by");
    match source {
        Some((origin, _)) => write_origin(out, &view.origins, origin),
        None => out.extend_from_slice(b"null"),
    }
    at(out, "learned_at", source.map(|(_, learned_at)| learned_at));
}

fn amount(out: &mut Vec<u8>, value: Option<&str>) {
    name(out, "amount");
    match value {
        Some(value) => json::quote(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

fn flag(out: &mut Vec<u8>, member: &str, value: bool) {
    name(out, member);
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

fn list(out: &mut Vec<u8>, member: &str, fill: impl FnOnce(&mut Vec<u8>)) {
    name(out, member);
    out.push(b'[');
    fill(out);
    out.push(b']');
}

/// A comma, unless the list has just been opened.
fn separate(out: &mut Vec<u8>) {
    if out.last() != Some(&b'[') {
        out.push(b',');
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
