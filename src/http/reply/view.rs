//! From rows of the store to the words of replies: the only place where this floor meets the
//! codec's rendering.

use crate::actors::{PartnerEntry, PushEffect, Registry};
use crate::codec::render::{self, AssetView, Audience, PriceView, Reply, ReplyStyle};
use crate::codec::request::{ItemWarning, Shape};
use crate::domain::{AssetId, ChangeKind, Committed, Micros, Quote, QuoteName};
use crate::rules::price::reading::{self, Reading};
use crate::store::AssetRow;
use compact_str::CompactString;
use std::sync::Arc;

/// Bytes that a single item's reply takes, roughly.
const ITEM_BYTES: usize = 160;

/// The reply to a push, whose items came under `ids`, with what is odd about them. Cursors are those of `journal`.
pub fn push_reply(
    journal: u32,
    shape: Shape,
    ids: &[CompactString],
    (effect, rebuilt, warnings): (&PushEffect, bool, &[ItemWarning]),
    style: ReplyStyle,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(ITEM_BYTES);
    let PushEffect { items, missing, .. } = effect;
    let (first, durable) = (effect.first, effect.durable);
    let reply = Reply { shape, ids, items, journal, first, durable, missing, warnings, rebuilt, style };
    render::push_reply(&mut out, &reply);
    out
}

/// Whose rows are shown, and as of when.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// Whose rows.
    pub partner: &'a PartnerEntry,
    /// The life of the store that cursors name.
    pub journal: u32,
    /// The time that ages are counted to.
    pub now: Micros,
}

impl Scene<'_> {
    /// Writes an asset; `fields` keeps to these members.
    pub fn asset(&self, out: &mut Vec<u8>, row: &AssetRow, fields: Option<&[&str]>) {
        let settings = self.partner.settings.load();
        let view = AssetView {
            partner: self.partner.name.as_str(),
            id: &row.id,
            head: &row.head,
            document: &row.document,
            quotes: &row.quotes,
            cursor: Some((self.journal, row.changed)),
            now: self.now,
            gap_since: self.partner.gap.since(),
            policy: &settings.policy,
            fields,
        };
        render::asset(out, &view);
        if self.partner.is_removed() {
            mark_removed(out);
        }
    }

    /// Writes nothing where the register holds no price.
    pub fn price(&self, out: &mut Vec<u8>, row: &AssetRow, quote: &Quote) {
        let view = PriceView {
            partner: self.partner.name.as_str(),
            id: &row.id,
            quote,
            heartbeat: self.heartbeat(row),
            now: self.now,
            gap_since: self.partner.gap.since(),
        };
        render::price(out, &view);
    }

    /// What a reader sees of a quote; `None` where the register holds no price.
    pub fn reading(&self, row: &AssetRow, quote: &Quote) -> Option<Reading> {
        reading::read_at(quote, self.heartbeat(row), self.partner.gap.since(), self.now)
    }

    /// The quote of that name, where it holds a price.
    pub fn quote<'r>(&self, row: &'r AssetRow, name: QuoteName) -> Option<&'r Quote> {
        row.quotes.iter().find(|quote| quote.name == name).filter(|quote| self.reading(row, quote).is_some())
    }

    fn heartbeat(&self, row: &AssetRow) -> Option<i64> {
        render::heartbeat(&row.document, &self.partner.settings.load().policy)
    }
}

/// The asset's partner is no longer configured: what is shown will not move any more.
fn mark_removed(asset: &mut Vec<u8>) {
    debug_assert_eq!(asset.last(), Some(&b'}'), "an asset is an object that is not empty");
    asset.pop();
    asset.extend_from_slice(b",\"partner_removed\":true}");
}

/// Some clients break at a line of 512 KiB: of a larger change the stream names the asset alone.
const LINE_BYTES_MAX: usize = 384 << 10;

/// A change as a reader is shown it.
pub struct ShownChange {
    /// Its type.
    pub kind: &'static str,
    /// Whose it is.
    pub partner: Arc<PartnerEntry>,
    /// The JSON object.
    pub text: Vec<u8>,
}

impl ShownChange {
    /// `None` for what such a reader does not see. Cursors are those of `journal`.
    pub fn of(
        registry: &Registry,
        journal: u32,
        audience: Audience,
        committed: &Committed,
    ) -> Option<ShownChange> {
        let partner = registry.by_no(render::subject(committed))?;
        if partner.is_sandbox() && audience == Audience::Others {
            return None;
        }
        let mut text = Vec::with_capacity(512);
        let kind = render::change(&mut text, committed, (partner.name.as_str(), audience), journal)?;
        Some(ShownChange { kind, partner, text })
    }

    /// Names the change's asset in place of a line that some clients could not take.
    pub fn fit_a_line(&mut self, journal: u32, committed: &Committed) {
        if self.text.len() <= LINE_BYTES_MAX {
            return;
        }
        if let Some(id) = changed_asset(committed) {
            self.text.clear();
            let named = (self.kind, self.partner.name.as_str(), id);
            render::change_reference(&mut self.text, committed, named, journal);
        }
    }
}

/// The asset that a change is of.
pub fn changed_asset(committed: &Committed) -> Option<&AssetId> {
    match &committed.change.kind {
        ChangeKind::Asset(change) => Some(&change.id),
        ChangeKind::Price(change) => Some(&change.id),
        ChangeKind::Record(_) => None,
    }
}

/// Writes one server-sent event.
pub fn sse_frame(out: &mut Vec<u8>, event: &str, id: &str, body: &[u8]) {
    render::sse_frame(out, event, id, body);
}
