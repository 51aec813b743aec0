//! A backup of the store as one stream of bytes, taken while the daemon goes on.
//!
//! It is read piece by piece as the client takes it, each in a short transaction, so a slow client costs
//! nothing but its connection. What could not be finished says so in its last piece; what is cut off lacks it.

use crate::actors::Shed;
use crate::http::app::App;
use crate::http::client::Client;
use crate::http::gate::attendance::{StreamAttendance, stream_place};
use crate::http::gate::route::Answer;
use crate::http::gate::shares::{ReadingParty, Share, ShareLane, counted};
use crate::http::reply::{self, Fault, body};
use crate::store::{BackupSource, ReadError};
use bytes::Bytes;
use futures_util::stream::unfold;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use std::sync::{Arc, Mutex, PoisonError};

const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// What making a piece may take: its rows, and the same packed.
const HELD_BYTES: usize = 3 << 20;
/// A piece that finds no place waits for as long as a read does; so often, then the backup is given up.
const WAITS_MAX: usize = 30;

/// All of the store as it is at the end of the reply.
pub async fn answer(client: &Client) -> Answer {
    let app = Arc::clone(&client.app);
    let share = app.shares.of(&ReadingParty::Operator);
    let place = stream_place(&share, &app.streams).ok_or(Fault::Shed(Shed::Reads))?;
    tracing::info!("a backup begins");
    let source = Arc::new(Mutex::new(Some(BackupSource::of(&app.reader))));
    let attendance = StreamAttendance::new(&client.pulse, place);
    let making = Making { app, share, source, bytes: 0, _attendance: attendance };
    Ok(reply::with_body(StatusCode::OK, BYTES, body::stream(unfold(making, Making::piece))))
}

/// A backup that is being taken by a client.
struct Making {
    app: Arc<App>,
    share: Arc<Share>,
    /// `None` once it has ended.
    source: Arc<Mutex<Option<BackupSource>>>,
    bytes: u64,
    _attendance: StreamAttendance,
}

impl Making {
    async fn piece(mut self) -> Option<(Bytes, Making)> {
        for _ in 0..WAITS_MAX {
            match self.read().await {
                Ok(piece) => {
                    let piece = piece?;
                    self.bytes += piece.len() as u64;
                    return Some((piece, self));
                }
                Err(Fault::Shed(_)) => {}
                Err(_) => return self.given_up("the store failed"),
            }
        }
        self.given_up("other reads took all places for too long")
    }

    fn given_up(self, why: &str) -> Option<(Bytes, Making)> {
        tracing::error!(why, "a backup was given up");
        let source = self.source.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some((source.failed(why).into(), self))
    }

    async fn read(&self) -> Result<Option<Bytes>, Fault> {
        let held = self.share.hold(ShareLane::Pages, HELD_BYTES).await?;
        let (source, app, bytes) = (Arc::clone(&self.source), Arc::clone(&self.app), self.bytes);
        let work = move || {
            let mut place = source.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(mut source) = place.take() else { return Ok((None, held)) };
            match source.next_piece(app.clock.now()) {
                Ok(Some(piece)) => {
                    *place = Some(source);
                    Ok((Some(piece), held))
                }
                Ok(None) => {
                    let reached = source.reached().map(|reached| reached.0);
                    tracing::info!(reached, bytes, "a backup has been taken");
                    app.metrics.backed_up(app.clock.now());
                    Ok((None, held))
                }
                Err(error) => {
                    let why = said(&error);
                    tracing::error!(%error, "a backup was given up");
                    Ok((Some(source.failed(&why)), held))
                }
            }
        };
        let (piece, held) = self.share.run(ShareLane::Pages, work).await?;
        Ok(piece.map(|piece| counted(piece, held)))
    }
}

fn said(error: &ReadError) -> String {
    match error {
        ReadError::Trimmed { .. } => "the log was trimmed faster than it could be taken: raise \
            `store.log_bytes_max`, or take it where writes are fewer"
            .into(),
        ReadError::Store(error) if error.damaged().is_some() => {
            format!("the store itself is damaged: {error}")
        }
        ReadError::Store(error) => error.to_string(),
    }
}
