//! The catalogue as one stream of lines (NDJSON), to begin from: every asset in every state, each as
//! of its own place in the change stream, and first the cursor from which to follow.
//!
//! The first line's cursor is taken before the first row is read, so that following it from there
//! misses nothing; a change at or below an asset's own cursor is in it already.

use super::list::partners;
use crate::actors::{PartnerEntry, Shed};
use crate::codec::compression::Pieces;
use crate::codec::{cursor, json, time};
use crate::domain::{AssetId, Micros, Seq, Stamp};
use crate::http::gate::attendance::{StreamAttendance, stream_place};
use crate::http::gate::pack;
use crate::http::gate::shares::{Share, ShareLane, counted};
use crate::http::reply::view::Scene;
use crate::http::reply::{self, Body, Fault, body};
use crate::http::request::call::Call;
use crate::http::request::position::{self, Position};
use crate::store::{AssetRow, Reader, Span};
use bytes::Bytes;
use futures_util::stream::unfold;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one short transaction holds in memory: a piece of the reply.
const PIECE_ROWS: usize = 250;
const PIECE_BYTES: usize = 512 << 10;
/// A piece ends here though it holds little: rows that are not shown are read too.
const SCAN_ROWS_MAX: usize = 20_000;
/// What making a piece may take.
const HELD_BYTES: usize = 2 << 20;
const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson; charset=utf-8");

/// All assets that the caller may see, from the first or from where an export was cut off.
pub async fn answer(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    let app = call.app();
    let deleted = match call.query.one("deleted")?.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Fault::QueryWord { name: "deleted", known: "true, false".into() }),
    };
    let resume = call.query.one("resume")?.map(|text| Resume::decode(&text).ok_or(Fault::BadCursor));
    let resume = resume.transpose()?;
    let begun_at = match &resume {
        // what is followed from there must still be there
        Some(resume) => (resume.begun_at.0, position::resume_after(&app.reader, resume.begun_at)?),
        None => (app.reader.journal(), app.reader.durable()),
    };
    let share = call.share();
    let place = stream_place(&share, &app.streams).ok_or(Fault::Shed(Shed::Reads))?;
    let rows = Rows {
        reader: app.reader.clone(),
        partners: partners(call)?,
        sees_hidden: call.is_partner(),
        deleted,
        begun_at,
        now: app.clock.now(),
    };
    let mut head = HeaderMap::new();
    let packing = pack::packing(&mut head, &call.head.headers);
    let export = Export {
        packing: Arc::new(Mutex::new(packing)),
        rows: Arc::new(rows),
        next: Next::Begin(resume.map(|resume| resume.after)),
        counts: Counts::default(),
        share,
        _attendance: StreamAttendance::new(&call.client.pulse, place),
    };
    let mut reply = reply::with_body(StatusCode::OK, NDJSON, body::stream(unfold(export, Export::piece)));
    reply.headers_mut().extend(head);
    Ok(reply)
}

/// What is exported, and as of when.
struct Rows {
    reader: Reader,
    partners: Vec<Arc<PartnerEntry>>,
    sees_hidden: bool,
    /// Tombstones too.
    deleted: bool,
    /// The cursor to follow from.
    begun_at: (u32, Seq),
    now: Micros,
}

struct Export {
    rows: Arc<Rows>,
    next: Next,
    counts: Counts,
    share: Arc<Share>,
    /// What its pieces are compressed by, where they are made: off the connection's task.
    packing: Packing,
    _attendance: StreamAttendance,
}

/// `None` once it has ended, and where the client takes the lines as they are.
type Packing = Arc<Mutex<Option<Pieces>>>;

enum Next {
    Begin(Option<Position>),
    After(Option<Position>),
    End,
}

/// Lines of each kind that have been given.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    assets: u64,
    deleted: u64,
    damaged: u64,
}

/// Where an export that was cut off goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Resume {
    begun_at: (u32, Seq),
    after: Position,
}

impl Resume {
    fn encode(&self) -> String {
        format!("{}.{}", cursor::encode(self.begun_at.0, self.begun_at.1), self.after.encode())
    }

    fn decode(text: &str) -> Option<Resume> {
        let (begun_at, after) = text.split_once('.')?;
        Some(Resume { begun_at: cursor::decode(begun_at)?, after: Position::decode(after)? })
    }
}

impl Export {
    async fn piece(mut self) -> Option<(Bytes, Export)> {
        let (after, mut out) = match std::mem::replace(&mut self.next, Next::End) {
            Next::Begin(after) => (after, self.rows.head()),
            Next::After(after) => (after, Vec::new()),
            Next::End => {
                let mut ended = locked(&self.packing).take()?;
                return Some((ended.end().into(), self));
            }
        };
        let (rows, mut counts) = (Arc::clone(&self.rows), self.counts);
        let packing = Arc::clone(&self.packing);
        let read = async {
            let held = self.share.hold(ShareLane::Pages, HELD_BYTES).await?;
            let work = move || {
                let next = rows.render(&mut out, after, &mut counts)?;
                Ok((pack_piece(&packing, out), next, counts, held))
            };
            self.share.run(ShareLane::Pages, work).await
        };
        match read.await {
            Ok((out, next, counts, held)) => {
                self.counts = counts;
                self.next = next.map_or(Next::End, |position| Next::After(Some(position)));
                Some((counted(out, held), self))
            }
            Err(fault) => {
                // without its last line it is known to be cut off
                tracing::warn!(?fault, "an export was cut off");
                let line = pack_piece(&self.packing, b"{\"type\":\"cut_off\",\"retry\":true}\n".to_vec());
                Some((line.into(), self))
            }
        }
    }
}

fn pack_piece(packing: &Packing, piece: Vec<u8>) -> Vec<u8> {
    match &mut *locked(packing) {
        Some(packing) => packing.next(&piece),
        None => piece,
    }
}

fn locked(packing: &Packing) -> MutexGuard<'_, Option<Pieces>> {
    packing.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Rows {
    fn head(&self) -> Vec<u8> {
        let (journal, seq) = self.begun_at;
        let cursor = json::quoted(&cursor::encode(journal, seq));
        let server_time = time::format(self.now);
        let deleted = self.deleted;
        let line = format!(
            "{{\"type\":\"export\",\"cursor\":{cursor},\"deleted\":{deleted},\"server_time\":\"{server_time}\"}}\n"
        );
        line.into_bytes()
    }

    /// Renders a piece, and gives the position to go on from; `None` where that was all.
    fn render(
        &self,
        out: &mut Vec<u8>,
        after: Option<Position>,
        counts: &mut Counts,
    ) -> Result<Option<Position>, Fault> {
        let mut scanned = 0;
        let begun = after.as_ref().map(|position| &position.partner);
        for partner in self.partners.iter().filter(|partner| begun.is_none_or(|begun| partner.name >= *begun))
        {
            let resumes = after.as_ref().filter(|position| position.partner == partner.name);
            let mut id = resumes.map(|position| position.id.clone());
            loop {
                let span = Span { rows: PIECE_ROWS, bytes: PIECE_BYTES, members: None };
                let batch = self.reader.assets_within(partner.no, id.as_ref(), span)?;
                scanned += batch.rows.len();
                for row in batch.rows {
                    match row {
                        Ok(row) => self.line(out, partner, &row, counts),
                        Err(row) => {
                            counts.damaged += 1;
                            line_of(out, "damaged", partner, &row.id, "");
                        }
                    }
                }
                match batch.next {
                    Some(next) if out.len() >= PIECE_BYTES / 2 || scanned >= SCAN_ROWS_MAX => {
                        let position = Position { partner: partner.name.clone(), id: next };
                        let resume = Resume { begun_at: self.begun_at, after: position.clone() }.encode();
                        out.extend_from_slice(b"{\"type\":\"progress\",\"resume\":");
                        json::quote(out, &resume);
                        out.extend_from_slice(b"}\n");
                        return Ok(Some(position));
                    }
                    Some(next) => id = Some(next),
                    None => break,
                }
            }
        }
        let Counts { assets, deleted, damaged } = *counts;
        let end =
            format!("{{\"type\":\"end\",\"assets\":{assets},\"deleted\":{deleted},\"damaged\":{damaged}}}\n");
        out.extend_from_slice(end.as_bytes());
        Ok(None)
    }

    fn line(&self, out: &mut Vec<u8>, partner: &PartnerEntry, row: &AssetRow, counts: &mut Counts) {
        if row.head.hidden && !self.sees_hidden {
            return;
        }
        if row.head.is_alive() {
            counts.assets += 1;
            out.extend_from_slice(b"{\"type\":\"asset\",\"asset\":");
            let scene = Scene { partner, journal: self.reader.journal(), now: self.now };
            scene.asset(out, row, None);
            out.extend_from_slice(b"}\n");
        } else if self.deleted && row.head.death > Stamp::NEVER {
            counts.deleted += 1;
            let deleted_at =
                time::format_known(row.head.death.at).map_or("null".into(), |at| json::quoted(&at));
            let cursor = json::quoted(&cursor::encode(self.reader.journal(), row.changed));
            line_of(
                out,
                "deleted",
                partner,
                &row.id,
                &format!(",\"deleted_at\":{deleted_at},\"cursor\":{cursor}"),
            );
        }
    }
}

fn line_of(out: &mut Vec<u8>, kind: &str, partner: &PartnerEntry, id: &AssetId, more: &str) {
    out.extend_from_slice(format!("{{\"type\":\"{kind}\",\"partner\":").as_bytes());
    json::quote(out, partner.name.as_str());
    out.extend_from_slice(b",\"id\":");
    json::quote(out, id.as_str());
    out.extend_from_slice(more.as_bytes());
    out.extend_from_slice(b"}\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PartnerName;

    #[test]
    fn the_place_of_a_cut_export_comes_back_and_no_other_text_does() {
        let after =
            Position { partner: PartnerName::new("acme").unwrap(), id: AssetId::new("a.b/é").unwrap() };
        let resume = Resume { begun_at: (7, Seq(42)), after };
        assert_eq!(Resume::decode(&resume.encode()), Some(resume));
        for bad in ["", ".", "00000007-42", "00000007-42.", "00000007-42.zz", "7.6a006a"] {
            assert_eq!(Resume::decode(bad), None, "{bad}");
        }
    }
}
