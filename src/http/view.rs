//! From rows of the store to the words of replies: the only place where this floor meets the
//! codec's rendering.

use crate::actors::{PartnerEntry, PushReply};
use crate::codec::render::{self, AssetView, PriceView, Reply};
use crate::codec::request::Shape;
use crate::domain::{AssetEvent, ChangeKind, Committed, Micros, Quote, QuoteName};
use crate::store::AssetRow;
use compact_str::CompactString;

pub fn push_reply(
    journal: u32,
    shape: Shape,
    ids: &[CompactString],
    done: &PushReply,
    minimal: bool,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let PushReply { items, first, durable } = done;
    let reply = Reply { shape, ids, items, journal, first: *first, durable: *durable, minimal };
    render::push_reply(&mut out, &reply);
    out
}

pub fn asset(
    out: &mut Vec<u8>,
    partner: &PartnerEntry,
    row: &AssetRow,
    now: Micros,
    fields: Option<&[&str]>,
) {
    let settings = partner.settings.load();
    render::asset(
        out,
        &AssetView {
            partner: partner.name.as_str(),
            id: &row.id,
            head: &row.head,
            document: &row.document,
            cursor: None,
            quotes: &row.quotes,
            policy: &settings.policy,
            now,
            fields,
        },
    );
}

pub fn price(out: &mut Vec<u8>, partner: &PartnerEntry, row: &AssetRow, quote: &Quote, now: Micros) {
    let settings = partner.settings.load();
    let view = PriceView {
        partner: partner.name.as_str(),
        id: &row.id,
        quote,
        heartbeat: render::heartbeat(&row.document, &settings.policy),
        now,
    };
    render::price(out, &view);
}

pub fn quote(row: &AssetRow, name: QuoteName) -> Option<&Quote> {
    row.quotes.iter().find(|quote| quote.name == name)
}

/// What readers of the change stream call a change; `None` for what they do not see.
pub fn change_type(change: &ChangeKind) -> Option<&'static str> {
    match change {
        ChangeKind::Asset(change) => match change.event {
            AssetEvent::Created => Some("asset.created"),
            AssetEvent::Updated => Some("asset.updated"),
            AssetEvent::Deleted => Some("asset.deleted"),
            AssetEvent::Stamped | AssetEvent::Forgotten => None,
        },
        ChangeKind::Price(change) => change.visible.then_some("price.updated"),
        ChangeKind::Record(_) => None,
    }
}

pub fn change(out: &mut Vec<u8>, journal: u32, partner: &PartnerEntry, change: &Committed) {
    render::change(out, change, partner.name.as_str(), journal);
}

pub fn sse_frame(out: &mut Vec<u8>, event: &str, id: &str, data: &[u8]) {
    render::sse_frame(out, event, id, data);
}
