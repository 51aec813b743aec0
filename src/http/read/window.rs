//! What one reader sees of the change stream: from where, of whom, and a piece of it rendered.

use super::form::{LastPrices, add_asset, form};
use crate::actors::Registry;
use crate::clock::Clock;
use crate::codec::cursor;
use crate::codec::render::{Audience, CHANGE_TYPES, subject};
use crate::domain::{Committed, Micros, Seq};
use crate::http::reply::Fault;
use crate::http::reply::view::{self, Scene, ShownChange};
use crate::http::request::call::Call;
use crate::http::request::{page, position};
use crate::http::tail::{ChangeForm, Interest, type_bit};
use crate::store::{ReadError, Reader};

/// Raw changes looked at in one go: with those of others and internal ones among them.
const BATCH_CHANGES: usize = 250;
const BATCHES_MAX: usize = 80;
/// The same where prices are conflated: the more are read together, the fewer are told.
const CONFLATED_CHANGES: usize = 5_000;
const CONFLATED_BATCHES_MAX: usize = 4;
/// A page ends here though it is not full, and so does a frame of a stream: as many as there are
/// streams may wait for their clients.
const PAGE_BYTES_MAX: usize = 256 * 1024;
/// A frame ends after the change that fills it.
pub const FRAME_BYTES_MAX: usize = 32 * 1024;

/// What a URL with a ticket may say: a ticket has its filters already.
const BESIDE_A_TICKET: [&str; 3] = ["ticket", "since", "cursor"];

/// The changes that one reader sees.
pub struct Window {
    /// The store.
    pub reader: Reader,
    registry: Registry,
    interest: Interest,
    form: ChangeForm,
    clock: Clock,
}

/// A piece of the stream, rendered.
pub struct Piece {
    /// What is to be sent.
    pub bytes: Vec<u8>,
    /// Everything up to here has been looked at.
    pub at: Seq,
    /// The last change that is in it.
    pub shown_to: Option<Seq>,
    /// When the first change that was looked at was committed.
    pub begins_at: Option<Micros>,
}

/// How a change is written into a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// The items of a page: opened, not closed.
    JsonArray,
    /// Server-sent events.
    Events,
}

/// Where a client wants to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// With the first change that ever was.
    Beginning,
    /// With what comes from here on.
    Now,
    /// After a change that was seen.
    Cursor { journal: u32, seq: Seq },
}

/// The header of a reconnecting client goes before what its URL said when it began.
pub fn since(call: &Call<'_>) -> Result<Since, Fault> {
    let mut headers = call.head.headers.get_all("last-event-id").iter();
    if let Some(value) = headers.next() {
        let text = value.to_str().map_err(|_| Fault::BadCursor)?;
        return if headers.next().is_some() { Err(Fault::BadCursor) } else { parse_since(text) };
    }
    match (call.query.one("since")?, call.query.one("cursor")?) {
        (None, None) => Ok(Since::Beginning),
        (Some(text), None) | (None, Some(text)) => parse_since(&text),
        (Some(_), Some(_)) => Err(Fault::query("cursor", "says the same as `since`: give one of them")),
    }
}

/// Which changes the query asks for, and in which form. Errs at partners and types that are not known.
pub fn filters(call: &Call<'_>) -> Result<(Interest, ChangeForm), Fault> {
    let named: Vec<&str> = call.query.all("partner").collect();
    let partners = match &call.partner {
        Some(own) if named.iter().any(|name| *name != own.name.as_str()) => {
            return Err(Fault::NoSuchPartner);
        }
        Some(own) => Some(vec![own.no]),
        None if named.is_empty() => None,
        None => {
            let shown =
                |name: &&str| call.app().registry.by_name(name).filter(|partner| !partner.is_sandbox());
            let no = |name: &&str| shown(name).map(|partner| partner.no);
            Some(named.iter().map(no).collect::<Option<_>>().ok_or(Fault::NoSuchPartner)?)
        }
    };
    let audience = if call.is_partner() { Audience::Partner } else { Audience::Others };
    Ok((Interest { partners, types: types(call)?, audience }, form(call)?))
}

/// `?type=`, each a bit; all where none is named.
fn types(call: &Call<'_>) -> Result<u8, Fault> {
    let mut types = 0;
    for wanted in call.query.all("type") {
        if !CHANGE_TYPES.contains(&wanted) {
            return Err(Fault::QueryWord { name: "type", known: CHANGE_TYPES.join(", ") });
        }
        types |= type_bit(wanted);
    }
    Ok(if types == 0 { Interest::ALL_TYPES } else { types })
}

fn parse_since(text: &str) -> Result<Since, Fault> {
    match text {
        "" => Ok(Since::Beginning),
        "now" => Ok(Since::Now),
        _ => {
            let (journal, seq) = cursor::decode(text).ok_or(Fault::BadCursor)?;
            Ok(Since::Cursor { journal, seq })
        }
    }
}

impl Window {
    /// What the query asks for, as far as the caller may see it; with a ticket, what that was made for.
    pub fn of(call: &Call<'_>) -> Result<Window, Fault> {
        let app = call.app();
        let (interest, form) = match call.ticket() {
            None => filters(call)?,
            Some(ticket) => {
                call.query.only(&BESIDE_A_TICKET)?;
                (ticket.interest.clone(), ticket.form)
            }
        };
        let (reader, registry, clock) = (app.reader.clone(), app.registry.clone(), app.clock.clone());
        Ok(Window { reader, registry, interest, form, clock })
    }

    /// Which changes are shown.
    pub fn interest(&self) -> &Interest {
        &self.interest
    }

    /// Whether they are shown as they were rendered for all: without what only this reader asked for.
    pub fn is_plain(&self) -> bool {
        !self.form.full && !self.form.conflated
    }

    /// Whether prices may be conflated that this reader was too slow to take.
    pub fn may_conflate(&self) -> bool {
        self.is_plain() && !self.form.unconflated
    }

    /// How long ago it was.
    pub fn age(&self, at: Micros) -> i64 {
        self.clock.now().since(at)
    }

    /// Whether server-sent events bear names.
    pub fn names_events(&self) -> bool {
        !self.form.unnamed
    }

    /// Whether a piece after `since` may take more than a moment to read, however short it is.
    pub fn reads_much_after(&self, since: Seq) -> bool {
        self.form.full || self.form.conflated || self.reader.has_large_after(since)
    }

    /// The sequence after which to begin.
    pub fn seq_of(&self, since: Since) -> Result<Seq, Fault> {
        match since {
            Since::Beginning => Ok(Seq(0)),
            Since::Now => Ok(self.reader.durable()),
            Since::Cursor { journal, seq } => position::resume_after(&self.reader, (journal, seq)),
        }
    }

    fn gone(&self, oldest: Seq) -> Fault {
        Fault::CursorGone { oldest: cursor::encode(self.reader.journal(), oldest) }
    }

    /// The changes after `since` that this reader sees, at most `limit`. Blocking, in short steps.
    pub fn piece(&self, since: Seq, limit: usize, style: Style) -> Result<Piece, Fault> {
        self.piece_in(since, limit, style, self.form.conflated)
    }

    /// The same, with its prices conflated.
    pub fn conflated_piece(&self, since: Seq, limit: usize, style: Style) -> Result<Piece, Fault> {
        self.piece_in(since, limit, style, true)
    }

    fn piece_in(&self, since: Seq, limit: usize, style: Style, conflated: bool) -> Result<Piece, Fault> {
        let bytes_max = match style {
            Style::JsonArray => PAGE_BYTES_MAX,
            Style::Events => FRAME_BYTES_MAX,
        };
        let (batch, batches, batch_bytes) = match conflated {
            true => (CONFLATED_CHANGES, CONFLATED_BATCHES_MAX, PAGE_BYTES_MAX),
            false => (BATCH_CHANGES, BATCHES_MAX, bytes_max),
        };
        let mut piece =
            Piece { bytes: Vec::with_capacity(8 * 1024), at: since, shown_to: None, begins_at: None };
        if style == Style::JsonArray {
            piece.bytes.extend_from_slice(b"{\"items\":[");
        }
        let mut shown = 0;
        for _ in 0..batches {
            if piece.at >= self.reader.durable() {
                break;
            }
            let page =
                self.reader.changes_within(piece.at, batch, batch_bytes).map_err(|error| match error {
                    // the cursor before the oldest change is the oldest that still leads on
                    ReadError::Trimmed { oldest } => self.gone(Seq(oldest.0.saturating_sub(1))),
                    // what is damaged stays so: its reader has to begin again behind it
                    damaged if damaged.is_damage() => {
                        tracing::error!(error = %damaged, after = piece.at.0, "changes cannot be read");
                        self.gone(self.reader.durable())
                    }
                    other => Fault::from(other),
                })?;
            let last = LastPrices::of(&page.changes, conflated);
            piece.begins_at = piece.begins_at.or(page.changes.first().map(|change| change.committed_at));
            for (place, change) in page.changes.iter().enumerate() {
                piece.at = change.seq;
                if !last.is_conflated(change, place) && self.show(&mut piece.bytes, change, style)? {
                    shown += 1;
                    piece.shown_to = Some(change.seq);
                }
                if shown == limit || piece.bytes.len() > bytes_max {
                    return Ok(piece);
                }
            }
            piece.at = page.next;
        }
        Ok(piece)
    }

    /// Whether the change is one that this reader sees.
    fn show(&self, out: &mut Vec<u8>, committed: &Committed, style: Style) -> Result<bool, Fault> {
        if !self.interest.includes(subject(committed)) {
            return Ok(false);
        }
        // by the life that committed it, so that a change has one cursor for ever
        let journal = self.reader.journal_of(committed.seq);
        let audience = self.interest.audience;
        let shown = ShownChange::of(&self.registry, journal, audience, committed);
        let Some(mut shown) = shown.filter(|shown| self.interest.has_type(shown.kind)) else {
            return Ok(false);
        };
        if self.form.full {
            let now = self.clock.now();
            let scene = Scene { partner: &shown.partner, journal: self.reader.journal(), now };
            add_asset(&mut shown.text, &self.reader, &scene, (committed, audience))?;
        }
        match style {
            Style::JsonArray => {
                page::separate(out);
                out.extend_from_slice(&shown.text);
            }
            Style::Events => {
                shown.fit_a_line(journal, committed);
                let event = if self.form.unnamed { "" } else { shown.kind };
                view::sse_frame(out, event, &cursor::encode(journal, committed.seq), &shown.text);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d3_a_cursor_is_taken_as_given_or_refused() {
        let cursor = cursor::encode(7, Seq(42));
        assert_eq!(parse_since(&cursor).unwrap(), Since::Cursor { journal: 7, seq: Seq(42) });
        assert_eq!(parse_since("now").unwrap(), Since::Now);
        assert_eq!(parse_since("").unwrap(), Since::Beginning);
        for bad in ["42", "x", "-1", "99999999999999999999999", "0-0-0"] {
            assert!(matches!(parse_since(bad), Err(Fault::BadCursor)), "{bad}");
        }
    }
}
