//! From rows of the store to the words of replies: the only place where this floor meets the
//! codec's rendering.

use crate::actors::{PartnerEntry, PushReply};
use crate::codec::render::{self, AssetView, PushView};
use crate::codec::request::Shape;
use crate::domain::{AssetEvent, ChangeKind, Committed, Micros, Quote, QuoteName};
use crate::store::AssetRow;
use compact_str::CompactString;

/// Bytes that an item of a reply takes, roughly: one allocation instead of ten.
const ITEM_BYTES: usize = 96;

pub fn push_reply(journal: u32, shape: Shape, ids: &[CompactString], done: &PushReply, minimal: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(ITEM_BYTES * (1 + if minimal { 0 } else { done.items.len() }));
    let PushReply { items, first, durable } = done;
    let view = PushView { shape, ids, items, journal, first: *first, durable: *durable, minimal };
    render::push_reply(&mut out, &view);
    out
}

pub fn asset(out: &mut Vec<u8>, partner: &PartnerEntry, row: &AssetRow, now: Micros, fields: Option<&[&str]>) {
    let settings = partner.settings.load();
    render::asset(out, &AssetView {
        partner: partner.name.as_str(),
        id: &row.id,
        head: &row.head,
        document: &row.document,
        learned_at: row.base_origin.1,
        quotes: &row.quotes,
        policy: &settings.policy,
        now,
        fields,
    });
}

pub fn price(out: &mut Vec<u8>, partner: &PartnerEntry, row: &AssetRow, quote: &Quote, now: Micros) {
    let settings = partner.settings.load();
    let view = AssetView {
        partner: partner.name.as_str(),
        id: &row.id,
        head: &row.head,
        document: &row.document,
        learned_at: row.base_origin.1,
        quotes: &row.quotes,
        policy: &settings.policy,
        now,
        fields: None,
    };
    render::price(out, &view, quote);
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
    render::change(out, journal, partner.name.as_str(), change);
}

pub fn sse_frame(out: &mut Vec<u8>, event: &str, id: &str, data: &[u8]) {
    render::sse_frame(out, event, id, data);
}
