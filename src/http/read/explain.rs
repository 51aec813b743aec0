//! `explain`: gathers what the store knows of an asset's history; the codec tells it.

use crate::actors::PartnerEntry;
use crate::codec::render::{self, DamagedPart, ExplainView, Origins};
use crate::domain::{
    AssetId, ChangeKind, Committed, LostWrite, Micros, OperatorAction, Origin, PartnerNo, Plan, Seq,
};
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
    plan: Option<Plan>,
    damaged: Vec<DamagedPart>,
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
        let mut history = History {
            row,
            last_change: None,
            lost: Vec::new(),
            actions: BTreeMap::new(),
            plan: None,
            damaged: Vec::new(),
        };
        history.read_lost(reader, partner.no)?;
        history.read_actions(reader, partner.no)?;
        history.read_last_change(reader)?;
        history.read_plan(reader, partner.no)?;
        Ok(Some(history))
    }

    fn read_lost(&mut self, reader: &Reader, no: PartnerNo) -> Result<(), ReadError> {
        match reader.record(no, &self.row.id) {
            Ok(lost) => self.lost = lost.unwrap_or_default(),
            Err(error) => self.note_damage(DamagedPart::Lost, error)?,
        }
        Ok(())
    }

    /// What operators did to the asset: the newest, and those that members still carry.
    fn read_actions(&mut self, reader: &Reader, no: PartnerNo) -> Result<(), ReadError> {
        for row in reader.records(no, None, true, ACTIONS_SEARCHED)? {
            self.note_action(row.key, row.value.map_err(ReadError::from))?;
        }
        let exceptions = self.row.exception_origins.iter().map(|(_, origin, _)| *origin);
        let origins: Vec<Origin> = exceptions.chain([self.row.base_origin.0]).collect();
        for origin in origins {
            let Origin::Admin { action } = origin else { continue };
            if let Some(read) = reader.record(no, &action).transpose() {
                self.note_action(action, read)?;
            }
        }
        Ok(())
    }

    fn note_action(
        &mut self,
        number: u64,
        action: Result<OperatorAction, ReadError>,
    ) -> Result<(), ReadError> {
        match action {
            Ok(action) if action.asset == self.row.id.as_str() => {
                self.actions.insert(number, action);
            }
            Ok(_) => {}
            Err(error) => self.note_damage(DamagedPart::Action(number), error)?,
        }
        Ok(())
    }

    /// Names what is damaged, and shows the rest. Errs where the store failed otherwise.
    fn note_damage(&mut self, part: DamagedPart, error: ReadError) -> Result<(), ReadError> {
        if !error.is_damage() {
            return Err(error);
        }
        if !self.damaged.contains(&part) {
            tracing::error!(%error, "a part of an explanation is damaged");
            self.damaged.push(part);
        }
        Ok(())
    }

    /// The change itself, where the log still holds it whole.
    fn read_last_change(&mut self, reader: &Reader) -> Result<(), ReadError> {
        let Some(before) = self.row.changed.0.checked_sub(1) else { return Ok(()) };
        match reader.changes(Seq(before), 1) {
            Ok(page) => {
                self.last_change = page.changes.into_iter().find(|change| change.seq == self.row.changed);
            }
            Err(ReadError::Trimmed { .. }) => {}
            Err(error) => self.note_damage(DamagedPart::LastChange, error)?,
        }
        Ok(())
    }

    /// The plan that the last change came of.
    fn read_plan(&mut self, reader: &Reader, no: PartnerNo) -> Result<(), ReadError> {
        let Some(ChangeKind::Asset(change)) = self.last_change.as_ref().map(|last| &last.change.kind) else {
            return Ok(());
        };
        let Origin::Plan { plan, .. } = change.origin else { return Ok(()) };
        match reader.record(no, &plan) {
            Ok(plan) => self.plan = plan,
            Err(error) => self.note_damage(DamagedPart::Plan(plan), error)?,
        }
        Ok(())
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
            origins: Origins { actions: &self.actions, plan: self.plan.as_ref() },
            damaged: &self.damaged,
            member,
            now,
            policy: &settings.policy,
        };
        let mut out = Vec::with_capacity(4096);
        render::explain(&mut out, &view);
        out
    }
}
