//! `explain`: gathers what the store knows of an asset's history; the codec tells it.

use crate::actors::PartnerEntry;
use crate::codec::render::{self, ExplainView};
use crate::domain::{AssetId, Committed, LostWrite, Micros, OperatorAction, Origin, RecordKind, Seq};
use crate::http::reply::{self, Body, Fault};
use crate::http::request::call::Call;
use crate::store::{AssetRow, ReadError, Reader};
use hyper::{Response, StatusCode};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Newest actions of operators that are looked through for those on this asset.
const ACTIONS_SEARCHED: usize = 1000;

/// All that is read for one answer.
struct History {
    row: AssetRow,
    last_change: Option<Committed>,
    lost: Vec<LostWrite>,
    actions: BTreeMap<u64, OperatorAction>,
}

/// What led to an asset's state; `?member=` keeps to one member.
pub async fn answer(call: &Call<'_>) -> Result<Response<Body>, Fault> {
    let id = call.asset_id()?;
    let member = call.query.one("member")?.map(String::from);
    let partner = Arc::clone(call.partner()?);
    let sees_hidden = call.is_partner();
    let (reader, now) = (call.app().reader.clone(), call.app().clock.now());
    let share = call.share();
    let out = share.page(move || {
        let history = History::read(&reader, &partner, &id)?.ok_or(Fault::NoSuchAsset)?;
        if history.row.head.hidden && !sees_hidden {
            return Err(Fault::NoSuchAsset);
        }
        Ok(history.told(&partner, reader.journal(), member.as_deref(), now))
    });
    Ok(reply::json(StatusCode::OK, out.await?))
}

impl History {
    /// `None` where nothing was ever heard of the asset.
    fn read(reader: &Reader, partner: &PartnerEntry, id: &AssetId) -> Result<Option<History>, Fault> {
        let Some(row) = reader.asset(partner.no, id)? else { return Ok(None) };
        let lost = reader.record(RecordKind::Lost, partner.no, id.as_bytes())?;
        let lost = lost.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let actions = actions(reader, partner, &row)?;
        let last_change = last_change(reader, row.changed)?;
        Ok(Some(History { row, last_change, lost, actions }))
    }

    fn told(&self, partner: &PartnerEntry, journal: u32, member: Option<&str>, now: Micros) -> Vec<u8> {
        let settings = partner.settings.load();
        let row = &self.row;
        let view = ExplainView {
            partner: partner.name.as_str(),
            id: &row.id,
            head: &row.head,
            document: &row.document,
            base_origin: row.base_origin,
            exception_origins: &row.exception_origins,
            quotes: &row.quotes,
            cursor: (journal, row.changed),
            last_change: self.last_change.as_ref(),
            lost: &self.lost,
            actions: &self.actions,
            member,
            now,
            policy: &settings.policy,
        };
        let mut out = Vec::with_capacity(4096);
        render::explain(&mut out, &view);
        out
    }
}

/// The change itself, where the log still holds it whole.
fn last_change(reader: &Reader, changed: Seq) -> Result<Option<Committed>, ReadError> {
    let Some(before) = changed.0.checked_sub(1) else { return Ok(None) };
    match reader.changes(Seq(before), 1) {
        Ok(page) => Ok(page.changes.into_iter().find(|committed| committed.seq == changed)),
        Err(ReadError::Trimmed { .. }) => Ok(None),
        // counted by the reader; the rest of the explanation does not rest on it
        Err(error) if error.is_damage() => Ok(None),
        Err(error) => Err(error),
    }
}

/// What operators did to the asset: the newest, and those that members still bear.
fn actions(
    reader: &Reader,
    partner: &PartnerEntry,
    row: &AssetRow,
) -> Result<BTreeMap<u64, OperatorAction>, Fault> {
    let mut actions = BTreeMap::new();
    let mut keep = |key: &[u8], value: &[u8]| {
        let number = <[u8; 8]>::try_from(key).ok().map(u64::from_be_bytes);
        let action: Option<OperatorAction> = serde_json::from_slice(value).ok();
        if let Some((number, action)) = number.zip(action).filter(|(_, a)| a.asset == row.id.as_str()) {
            actions.insert(number, action);
        }
    };
    for (key, value) in reader.records(RecordKind::Action, partner.no, None, true, ACTIONS_SEARCHED)? {
        keep(&key, &value);
    }
    let exceptions = row.exception_origins.iter().map(|(_, origin, _)| *origin);
    for origin in exceptions.chain([row.base_origin.0]) {
        let Origin::Admin { action } = origin else { continue };
        let key = action.to_be_bytes();
        if let Some(value) = reader.record(RecordKind::Action, partner.no, &key)? {
            keep(&key, &value);
        }
    }
    Ok(actions)
}
