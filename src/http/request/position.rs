//! Positions that clients hand back: a place in a list, and a place in the change stream that a
//! read must have reached.

use super::call::Call;
use crate::clock::sleep;
use crate::codec::cursor;
use crate::domain::{AssetId, PartnerName, Seq};
use crate::http::reply::Fault;
use crate::store::Reader;
use std::time::Duration;

/// The last row of a page: lists are ordered by partner and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The row's partner.
    pub partner: PartnerName,
    /// The row's id.
    pub id: AssetId,
}

impl Position {
    /// Opaque text, hexadecimal so that it needs no escapes.
    pub fn encode(&self) -> String {
        hex::encode([self.partner.as_str().as_bytes(), &[0], self.id.as_bytes()].concat())
    }

    /// `None` where the text is not one that was given.
    pub fn decode(text: &str) -> Option<Position> {
        // The decoder reads capitals too, but none were given.
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let text = String::from_utf8(hex::decode(text).ok()?).ok()?;
        let (partner, id) = text.split_once('\0')?;
        Some(Position { partner: PartnerName::new(partner).ok()?, id: AssetId::new(id).ok()? })
    }
}

/// The parameters that every read knows.
const READ_PARAMETERS: [&str; 2] = ["min_cursor", "wait"];
/// The longest `?wait=`.
pub const WAIT_SECONDS_MAX: u64 = 30;

/// Refuses what neither this read nor reads in general know.
pub fn refuse_unknown(call: &Call<'_>, parameters: &[&str]) -> Result<(), Fault> {
    if call.head.uri.query().is_none() {
        return Ok(());
    }
    call.query.only(&[parameters, &READ_PARAMETERS].concat())
}

/// Waits until what `?min_cursor=` names is readable, at most `?wait=` seconds.
pub async fn reach(call: &Call<'_>) -> Result<(), Fault> {
    // what is wrong with it is said also where there is nothing to wait for
    let wait = call.query.seconds("wait", WAIT_SECONDS_MAX)?.unwrap_or_default();
    let Some(text) = call.query.one("min_cursor")? else { return Ok(()) };
    let reader = &call.app().reader;
    let seq = of_this_journal(reader, &text)?;
    let mut durable = reader.subscribe();
    if *durable.borrow_and_update() >= seq {
        return Ok(());
    }
    tokio::select! {
        reached = durable.wait_for(|durable| *durable >= seq) => {
            reached.map(drop).map_err(|_| Fault::StoreFailed)
        }
        () = sleep(Duration::from_secs(wait)) => Err(Fault::CursorNotReached),
    }
}

fn of_this_journal(reader: &Reader, text: &str) -> Result<Seq, Fault> {
    let (journal, seq) = cursor::decode(text).ok_or(Fault::BadCursor)?;
    if !reader.has_given(journal, seq) {
        return Err(Fault::CursorGone { oldest: cursor::encode(reader.journal(), reader.durable()) });
    }
    Ok(seq)
}

/// The sequence of a cursor to go on from. One that was not given by the history that we have, or is
/// from beyond our end, knows of changes that are not here: the client must begin again.
pub fn resume_after(reader: &Reader, (journal, seq): (u32, Seq)) -> Result<Seq, Fault> {
    if !reader.has_given(journal, seq) || seq > reader.durable() {
        return Err(Fault::CursorGone { oldest: cursor::encode(reader.journal(), Seq(0)) });
    }
    Ok(seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_comes_back_as_it_was_given() {
        let position = Position {
            partner: PartnerName::new("acme").unwrap(),
            id: AssetId::new("ibc/2739 & zürich").unwrap(),
        };
        let text = position.encode();
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_eq!(Position::decode(&text), Some(position));
    }

    #[test]
    fn d10_a_tampered_position_is_none() {
        for bad in ["", "6", "zz", "61", "6100", "0061", "610061ff", "41006161", "6100611f", "6A006a"] {
            assert_eq!(Position::decode(bad), None, "{bad}");
        }
        assert!(Position::decode("6a006a").is_some());
    }
}
