//! A stretch of the log, rendered as server-sent events for whoever shows them.

use super::interest::{Cover, Interest, type_bit};
use crate::actors::Registry;
use crate::codec::cursor;
use crate::codec::render::{Audience, subject};
use crate::domain::{ChangeKind, Committed, Micros, PartnerNo, Seq};
use crate::http::reply::view::{ShownChange, sse_frame};
use crate::store::Reader;
use bytes::Bytes;
use std::sync::Arc;

/// A block ends after the change that fills it: it is a frame of a stream.
pub const BLOCK_BYTES_MAX: usize = 32 * 1024;
const ENTRY_BYTES: usize = size_of::<Entry>();

/// All changes between two sequences that any stream shows.
#[derive(Debug)]
pub struct RenderedBlock {
    /// Of the changes after this one …
    pub after: Seq,
    /// … and up to this one, it included.
    pub to: Seq,
    /// When the newest of them was committed.
    pub committed_at: Micros,
    /// Of whom they are rendered.
    pub cover: Arc<Cover>,
    events: Bytes,
    entries: Vec<Entry>,
}

/// One event, within the bytes of its block.
#[derive(Debug)]
struct Entry {
    seq: Seq,
    partner: PartnerNo,
    type_bit: u8,
    /// Who sees it; `None`: everybody alike.
    audience: Option<Audience>,
    from: usize,
    /// Where it begins for those who want no names.
    unnamed_from: usize,
    to: usize,
}

impl Entry {
    fn is_for(&self, interest: &Interest) -> bool {
        self.type_bit & interest.types != 0
            && self.audience.is_none_or(|audience| audience == interest.audience)
            && interest.includes(self.partner)
    }

    fn bytes(&self, is_named: bool) -> std::ops::Range<usize> {
        if is_named { self.from..self.to } else { self.unnamed_from..self.to }
    }
}

impl RenderedBlock {
    /// What it takes in memory.
    pub fn bytes(&self) -> usize {
        self.events.len() + self.entries.len() * ENTRY_BYTES + size_of::<RenderedBlock>()
    }

    /// Whether there is anything in it after `since` that such a stream shows.
    pub fn concerns(&self, since: Seq, interest: &Interest) -> bool {
        self.entries.iter().any(|entry| entry.seq > since && entry.is_for(interest))
    }

    /// The events after `since` that such a stream shows, and the last of them; `None` where there are
    /// none. Not copied where they lie side by side.
    pub fn events(&self, since: Seq, interest: &Interest, is_named: bool) -> Option<(Bytes, Seq)> {
        let shown = || self.entries.iter().filter(|entry| entry.seq > since && entry.is_for(interest));
        let last = shown().next_back()?.seq;
        let mut pieces = shown().map(|entry| entry.bytes(is_named));
        let mut whole = pieces.next()?;
        for piece in pieces {
            if piece.start != whole.end {
                return Some((self.copied(shown().map(|entry| entry.bytes(is_named))), last));
            }
            whole.end = piece.end;
        }
        Some((self.events.slice(whole), last))
    }

    fn copied(&self, pieces: impl Iterator<Item = std::ops::Range<usize>> + Clone) -> Bytes {
        let mut out = Vec::with_capacity(pieces.clone().map(|piece| piece.len()).sum());
        pieces.for_each(|piece| out.extend_from_slice(&self.events[piece]));
        out.into()
    }
}

/// Renders changes into blocks.
pub struct Renderer<'a> {
    /// For the cursors.
    pub reader: &'a Reader,
    /// For the names of partners.
    pub registry: &'a Registry,
    /// Of whom the changes are that are rendered.
    pub cover: &'a Arc<Cover>,
}

impl Renderer<'_> {
    /// All that is shown of `changes`, which are those after `after` and up to `to`.
    pub fn blocks(&self, after: Seq, changes: &[Committed], to: Seq) -> Vec<RenderedBlock> {
        let (mut blocks, mut after) = (Vec::new(), after);
        let (mut out, mut entries) = (Vec::new(), Vec::new());
        for change in changes {
            self.render(&mut out, &mut entries, change);
            if out.len() > BLOCK_BYTES_MAX {
                let (events, entries) = (std::mem::take(&mut out), std::mem::take(&mut entries));
                blocks.push(self.block((after, change.seq), change.committed_at, events, entries));
                after = change.seq;
            }
        }
        if after < to {
            let newest = changes.last().map_or(Micros::BEGINNING, |change| change.committed_at);
            blocks.push(self.block((after, to), newest, out, entries));
        }
        blocks
    }

    fn block(
        &self,
        (after, to): (Seq, Seq),
        committed_at: Micros,
        mut events: Vec<u8>,
        entries: Vec<Entry>,
    ) -> RenderedBlock {
        events.shrink_to_fit();
        let cover = Arc::clone(self.cover);
        RenderedBlock { after, to, committed_at, cover, events: events.into(), entries }
    }

    fn render(&self, out: &mut Vec<u8>, entries: &mut Vec<Entry>, committed: &Committed) {
        // most of what is committed are prices: those that nobody shows cost no more than to be passed
        let is_price = matches!(committed.change.kind, ChangeKind::Price(_));
        if is_price && self.cover.types(committed.change.partner) & type_bit("price.updated") == 0 {
            return;
        }
        let partner = self.registry.by_no(subject(committed));
        // what an operator hides, and all of a sandbox, its partner still sees: the rest is the same for
        // everybody
        let differs = partner.is_some_and(|partner| partner.is_sandbox())
            || matches!(&committed.change.kind, ChangeKind::Asset(change) if change.head.hidden);
        let audiences: &[Option<Audience>] =
            if differs { &[Some(Audience::Partner), Some(Audience::Others)] } else { &[None] };
        for audience in audiences {
            let read_by = audience.unwrap_or(Audience::Others);
            let journal = self.reader.journal_of(committed.seq);
            let Some(mut shown) = ShownChange::of(self.registry, journal, read_by, committed) else {
                continue;
            };
            shown.fit_a_line(journal, committed);
            let from = out.len();
            let id = cursor::encode(journal, committed.seq);
            sse_frame(out, shown.kind, &id, &shown.text);
            entries.push(Entry {
                seq: committed.seq,
                partner: shown.partner.no,
                type_bit: type_bit(shown.kind),
                audience: *audience,
                from,
                unnamed_from: from + "event: \n".len() + shown.kind.len(),
                to: out.len(),
            });
        }
    }
}
