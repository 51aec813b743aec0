//! In which form a reader of the change stream wants its changes.

use crate::codec::render::Audience;
use crate::domain::{ChangeKind, Committed, PartnerNo, PriceChange, QuoteName, Slot};
use crate::http::reply::Fault;
use crate::http::reply::view::{self, Scene};
use crate::http::request::call::Call;
use crate::http::tail::ChangeForm;
use crate::store::Reader;
use std::collections::HashMap;

/// What the query asks for.
pub fn form(call: &Call<'_>) -> Result<ChangeForm, Fault> {
    let word = |name, usual: &str, other: &str| match call.query.one(name)?.as_deref() {
        None => Ok(false),
        Some(text) if text == usual => Ok(false),
        Some(text) if text == other => Ok(true),
        Some(_) => Err(Fault::QueryWord { name, known: format!("{usual}, {other}") }),
    };
    let is_all = call.query.one("mode")?.is_some_and(|mode| mode == "all");
    Ok(ChangeForm {
        unconflated: is_all,
        full: word("full", "false", "true")?,
        conflated: word("mode", "all", "conflated")?,
        unnamed: word("events", "named", "unnamed")?,
    })
}

/// Of the visible prices among some changes, the place of the last of each quote.
pub struct LastPrices(HashMap<(PartnerNo, Slot, QuoteName), usize>);

impl LastPrices {
    /// Unless they are conflated, none is known and all are shown.
    pub fn of(changes: &[Committed], conflated: bool) -> LastPrices {
        let places = changes.iter().enumerate().filter(|_| conflated);
        LastPrices(places.filter_map(|(place, change)| Some((quote_of(change)?, place))).collect())
    }

    /// Whether a later one of the same quote will be shown in its stead.
    pub fn is_conflated(&self, change: &Committed, place: usize) -> bool {
        quote_of(change).is_some_and(|quote| self.0.get(&quote).is_some_and(|last| *last > place))
    }
}

fn quote_of(committed: &Committed) -> Option<(PartnerNo, Slot, QuoteName)> {
    match &committed.change.kind {
        ChangeKind::Price(PriceChange { slot, visible: true, quote, .. }) => {
            Some((committed.change.partner, *slot, quote.name))
        }
        _ => None,
    }
}

/// Adds the asset as it is now to a change of it; null where it is gone, which a later change says.
pub fn add_asset(
    change: &mut Vec<u8>,
    reader: &Reader,
    scene: &Scene<'_>,
    (committed, audience): (&Committed, Audience),
) -> Result<(), Fault> {
    let Some(id) = view::changed_asset(committed) else { return Ok(()) };
    let row = reader.asset(scene.partner.no, id)?.filter(|row| row.head.is_alive());
    let row = row.filter(|row| !row.head.hidden || audience == Audience::Partner);
    debug_assert_eq!(change.last(), Some(&b'}'), "a change is an object");
    change.pop();
    change.extend_from_slice(b",\"asset\":");
    match row {
        Some(row) => scene.asset(change, &row, None),
        None => change.extend_from_slice(b"null"),
    }
    change.push(b'}');
    Ok(())
}
