//! The write path: admit, read, decode, charge, hand to the partner's actor, answer when it is
//! durable. Everything that can refuse a push without its body does so before the body is read.

mod delivery;
mod kinds;
mod merge_patch;

use crate::actors::{Admission, PartnerEntry, Permit, Push, PushBody};
use crate::clock::Mark;
use crate::codec::render::ReplyStyle;
use crate::codec::request::again::Form;
use crate::codec::request::{self, BodyLimits, Decoded, Shape};
use crate::codec::time;
use crate::domain::{
    AssetId, AssetWrite, Document, ItemOutcome, Market, Micros, Outcome, PriceWrite, QuoteName, RefusedKind,
    TimeFormat, Verb, Write,
};
use crate::http::gate::auth::Caller;
use crate::http::gate::limit::Rate;
use crate::http::gate::route::Resource;
use crate::http::reply::{self, Body, Fault, body, view};
use crate::http::request::call::Call;
use crate::http::request::condition;
use crate::http::request::delivery_id::{self, DeliveryId};
use crate::http::request::intake::{self, Accept};
use crate::rules::condition::Condition;
use crate::rules::deliveries::DeliveryDecision;
use crate::telemetry::ItemKind;
use bytes::Bytes;
use compact_str::CompactString;
use delivery::Claim;
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Response, StatusCode};
use kinds::{Kinds, rate_of};
use std::sync::Arc;

/// A larger body is decoded beside the connections' tasks: it takes milliseconds.
const DECODED_IN_PLACE_MAX: usize = 128 << 10;

/// What a request asks to have done.
#[derive(Clone)]
enum Task {
    Prices,
    Assets(Verb),
    Asset(Verb, AssetId),
    /// And the quote that the query names.
    AssetPrice(AssetId, Option<QuoteName>),
    Withdraw(AssetId),
    Events,
}

/// Words of the query and headers that steer a push.
struct Manner {
    atomic: bool,
    dry_run: bool,
    /// Applied items are left out of the reply.
    minimal: bool,
}

pub async fn answer(call: &Call<'_>, body: Incoming) -> Result<Response<Body>, Fault> {
    let partner = call.writer()?;
    let reply = pushed(call, partner, body).await;
    let status = match &reply {
        Ok(reply) => reply.status(),
        Err(fault) => fault.status(),
    };
    if let Caller::Partner { metrics, .. } = &call.caller {
        metrics.push_answered(status.as_u16());
    }
    reply
}

async fn pushed(
    call: &Call<'_>,
    partner: &Arc<PartnerEntry>,
    body: Incoming,
) -> Result<Response<Body>, Fault> {
    let task = Task::of(call)?;
    let manner = Manner::of(call, &task)?;
    let app = call.app();
    if app.health.is_draining() {
        return Err(Fault::Draining);
    }
    app.may_write()?;
    let id = delivery_id::id_of(&call.head.headers)?;
    let taken = match task.accept() {
        Some(accept) => take_in(call, partner, &task, accept, id.as_ref(), body).await?,
        None => bodyless(call, partner, &task, id.as_ref())?,
    };
    let Taken { decoded, body, permit, received, claim } = taken;
    let condition = condition_of(call, &task, &decoded.writes)?;
    let Decoded { shape, writes, ids } = decoded;
    let ids = Arc::new(ids);
    let mut room = Admission::admit_reply(&app.admission, &partner.admission.load(), writes.len())?;
    let delivery = claim.map(|claim| claim.look_up(call, Arc::clone(&ids))).transpose()?;
    let repeats = delivery.as_ref().map(|delivery| delivery.repeats.clone());
    let kinds = Kinds::of(task.is_events(), task.kind(), &writes);
    let Manner { atomic, dry_run, minimal } = manner;
    let received_at = app.clock.now();
    let push = Push { writes, received_at, atomic, dry_run, body, permit, delivery, condition };
    let done = delivery::answered(partner.push(push), repeats).await?;
    app.metrics.push_durable(received.elapsed());
    if done.unmet {
        return Err(Fault::PreconditionFailed);
    }
    match done.decision {
        DeliveryDecision::Reused => return Err(Fault::KeyReused),
        DeliveryDecision::Replay => {}
        // what was only tried came to nothing
        DeliveryDecision::New | DeliveryDecision::Rebuilt if dry_run => {}
        DeliveryDecision::New | DeliveryDecision::Rebuilt => kinds.count(call, &done),
    }
    let status = status_of(shape, atomic, &done.items);
    let style = ReplyStyle { minimal, dry_run };
    // by the life that committed it: a repeat in a later one gets the same reply
    let journal = app.reader.journal_of(done.durable);
    let mut out = view::push_reply(journal, shape, &ids, &done, style);
    let out = match room.fit(out.len()) {
        true => {
            out.shrink_to_fit();
            body::held_by(out, room)
        }
        false => out.into(),
    };
    let mut response = reply::json(status, out);
    if done.decision == DeliveryDecision::Replay {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A push whose body has come, or that needs none.
struct Taken {
    decoded: Decoded,
    body: PushBody,
    permit: Permit,
    /// Of the body's last byte.
    received: Mark,
    /// Of a push that bears a delivery id.
    claim: Option<Claim>,
}

async fn take_in(
    call: &Call<'_>,
    partner: &Arc<PartnerEntry>,
    task: &Task,
    accept: Accept,
    id: Option<&DeliveryId>,
    mut body: Incoming,
) -> Result<Taken, Fault> {
    let app = call.app();
    let (bytes_max, items_max) = {
        let settings = app.settings.load();
        (settings.server.body_bytes_max, settings.server.items_max)
    };
    let announced = intake::announced(&call.head.headers, accept, bytes_max)?;
    let mut permit = Admission::admit(&app.admission, &partner.admission.load(), announced.bytes)?;
    let limits = partner.limits.load_full();
    task.rate().charge_first(&limits)?;
    let bytes = intake::collect(&mut body, bytes_max, &call.client.pulse).await?;
    let received = Mark::now();
    if announced.bytes > bytes.len() {
        // it came without a length and was charged for the most it might be
        drop(permit);
        permit = Admission::admit(&app.admission, &partner.admission.load(), bytes.len())?;
    }
    let mut decoded = if bytes.len() <= DECODED_IN_PLACE_MAX {
        task.decode(&bytes, announced.ndjson, partner, items_max)?
    } else {
        let (task, bytes, decoder) = (task.clone(), bytes.clone(), Arc::clone(partner));
        let decode = move || task.decode(&bytes, announced.ndjson, &decoder, items_max);
        Box::pin(partner.beside(decode)).await??
    };
    if announced.merge_patch {
        merge_patch::refuse_nested(&mut decoded);
    }
    Kinds::of(task.is_events(), task.kind(), &decoded.writes).charge_rest(&limits)?;
    let claim = id.map(|id| delivery::claim(call, id, &bytes));
    let body = task.body(bytes, announced.ndjson);
    Ok(Taken { decoded, body, permit, received, claim })
}

fn bodyless(
    call: &Call<'_>,
    partner: &Arc<PartnerEntry>,
    task: &Task,
    id: Option<&DeliveryId>,
) -> Result<Taken, Fault> {
    let permit = Admission::admit(&call.app().admission, &partner.admission.load(), 1)?;
    task.rate().charge_first(&partner.limits.load())?;
    let (asset, write) = match task {
        Task::Asset(_, asset) => (asset, delete(call, asset)?),
        Task::Withdraw(asset) => (asset, withdrawal(call, asset)?),
        Task::Prices | Task::Assets(_) | Task::AssetPrice(..) | Task::Events => {
            return Err(Fault::BodyCutOff);
        }
    };
    let ids = vec![CompactString::from(asset.as_str())];
    let decoded = Decoded { shape: Shape::Single, writes: vec![Ok(write)], ids };
    let claim = id.map(|id| delivery::claim(call, id, b""));
    let body = task.body(Bytes::new(), false);
    Ok(Taken { decoded, body, permit, received: Mark::now(), claim })
}

fn delete(call: &Call<'_>, id: &AssetId) -> Result<Write, Fault> {
    Ok(Write::Asset(Box::new(AssetWrite {
        verb: Verb::Delete,
        id: id.clone(),
        at: time_of(call, "at")?,
        sequence: 0,
        members: Document::default(),
        removed: Vec::new(),
        prices: Vec::new(),
    })))
}

fn withdrawal(call: &Call<'_>, id: &AssetId) -> Result<Write, Fault> {
    Ok(Write::Price(PriceWrite {
        id: id.clone(),
        quote: call.quote_name()?,
        amount: None,
        currency: None,
        at: time_of(call, "at")?,
        sequence: 0,
        market: Market::Unsaid,
        stream: None,
        extra: None,
    }))
}

fn time_of(call: &Call<'_>, name: &'static str) -> Result<Option<Micros>, Fault> {
    let Some(text) = call.query.one(name)? else { return Ok(None) };
    let at = time::parse(&text, TimeFormat::Rfc3339);
    at.map(Some).map_err(|error| Fault::BadTime { name, hint: error.hint })
}

/// The conditions of a push. The actor judges them, behind the question whether the push is a
/// repeat: the first has changed what its conditions speak of. Nothing that is read here could say
/// how either will stand by then.
fn condition_of(
    call: &Call<'_>,
    task: &Task,
    writes: &[Result<Write, Box<ItemOutcome>>],
) -> Result<Option<(AssetId, Condition)>, Fault> {
    let Some(condition) = condition::for_write(&call.head.headers)? else { return Ok(None) };
    match (task, writes) {
        (Task::Asset(_, id) | Task::AssetPrice(id, _) | Task::Withdraw(id), _) => {
            Ok(Some((id.clone(), condition)))
        }
        (Task::Assets(Verb::Put), [Ok(write)]) => Ok(Some((write.id().clone(), condition))),
        // it is refused whatever its asset is
        (Task::Assets(Verb::Put), [Err(_)]) => Ok(None),
        (Task::Prices | Task::Assets(_) | Task::Events, _) => {
            let fault = "goes with calls about one asset: there is none that a list could be compared with";
            Err(Fault::BadHeader { name: "if-match", fault })
        }
    }
}

impl Task {
    fn of(call: &Call<'_>) -> Result<Task, Fault> {
        let method = &call.route.method;
        let verb = if *method == Method::PUT {
            Verb::Put
        } else if *method == Method::PATCH {
            Verb::Patch
        } else if *method == Method::DELETE {
            Verb::Delete
        } else {
            Verb::Post
        };
        match (call.route.resource, verb) {
            (Resource::Prices, _) => Ok(Task::Prices),
            (Resource::Events, _) => Ok(Task::Events),
            (Resource::Assets, verb) => Ok(Task::Assets(verb)),
            (Resource::Asset, verb) => Ok(Task::Asset(verb, call.asset_id()?)),
            (Resource::AssetPrice, Verb::Delete) => Ok(Task::Withdraw(call.asset_id()?)),
            (Resource::AssetPrice, _) => Ok(Task::AssetPrice(call.asset_id()?, call.named_quote()?)),
            _ => Err(Fault::NoSuchPath), // the route table has no other writes
        }
    }

    /// `None` where the request needs no body.
    fn accept(&self) -> Option<Accept> {
        match self {
            Task::Prices | Task::Assets(Verb::Post) | Task::Events => Some(Accept::Items),
            Task::Asset(Verb::Patch, _) => Some(Accept::Patch),
            Task::Assets(_) | Task::AssetPrice(..) => Some(Accept::Object),
            Task::Asset(Verb::Delete, _) | Task::Withdraw(_) => None,
            Task::Asset(..) => Some(Accept::Object),
        }
    }

    /// What a query may say; anything else is refused, as it would be thought to have been heeded.
    fn parameters(&self) -> &'static [&'static str] {
        match self {
            Task::Prices | Task::Assets(Verb::Post) | Task::Events => &["atomic", "dry_run"],
            Task::Assets(_) => &["dry_run"],
            Task::Asset(Verb::Delete, _) => &["id", "at", "dry_run"],
            Task::Asset(..) => &["id", "dry_run"],
            Task::AssetPrice(..) => &["id", "quote", "dry_run"],
            Task::Withdraw(_) => &["id", "quote", "at", "dry_run"],
        }
    }

    /// Of events each says its own; until it is read it is taken for a price.
    fn kind(&self) -> ItemKind {
        match self {
            Task::Prices | Task::AssetPrice(..) | Task::Withdraw(_) | Task::Events => ItemKind::Price,
            Task::Assets(_) | Task::Asset(..) => ItemKind::Asset,
        }
    }

    /// The body, and how it was read.
    fn body(&self, bytes: Bytes, ndjson: bool) -> PushBody {
        let (kind, id) = match self {
            Task::Events => (RefusedKind::Event, None),
            Task::Prices => (RefusedKind::Price, None),
            Task::AssetPrice(id, _) => (RefusedKind::AssetPrice, Some(id)),
            Task::Withdraw(id) => (RefusedKind::Withdrawal, Some(id)),
            Task::Assets(verb) => (kind_of(*verb), None),
            Task::Asset(verb, id) => (kind_of(*verb), Some(id)),
        };
        PushBody { bytes, form: Form { ndjson, kind }, id: id.cloned() }
    }

    fn is_events(&self) -> bool {
        matches!(self, Task::Events)
    }

    fn rate(&self) -> Rate {
        rate_of(self.kind())
    }

    fn decode(
        &self,
        body: &[u8],
        ndjson: bool,
        partner: &PartnerEntry,
        items_max: usize,
    ) -> Result<Decoded, Fault> {
        let settings = partner.settings.load();
        let policy = &settings.policy;
        let limits = BodyLimits { items_max };
        let decoded = match self {
            Task::Prices => request::prices(body, ndjson, policy, &limits),
            Task::Events => request::events(body, ndjson, policy, &limits),
            Task::Assets(verb) => request::assets(body, ndjson, *verb, None, policy, &limits),
            Task::Asset(verb, id) => request::assets(body, ndjson, *verb, Some(id), policy, &limits),
            Task::AssetPrice(id, quote) => request::asset_price(body, id, *quote, policy),
            Task::Withdraw(_) => return Err(Fault::NoSuchPath), // it has no body
        };
        decoded.map_err(Fault::Body)
    }
}

fn kind_of(verb: Verb) -> RefusedKind {
    match verb {
        Verb::Put => RefusedKind::Put,
        Verb::Post => RefusedKind::Post,
        Verb::Patch => RefusedKind::Patch,
        Verb::Delete => RefusedKind::Delete,
    }
}

impl Manner {
    fn of(call: &Call<'_>, task: &Task) -> Result<Manner, Fault> {
        let minimal = prefers_minimal(&call.head.headers);
        if call.head.uri.query().is_none() {
            return Ok(Manner { atomic: false, dry_run: false, minimal });
        }
        call.query.only(task.parameters())?;
        Ok(Manner { atomic: call.query.flag("atomic")?, dry_run: call.query.flag("dry_run")?, minimal })
    }
}

fn prefers_minimal(headers: &HeaderMap) -> bool {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    preferences.flat_map(|value| value.split([',', ';'])).any(|word| word.trim() == "return=minimal")
}

/// A batch that was read is answered with 200, whatever became of its items; a batch that was to
/// apply whole or not at all is refused with its first refusal.
fn status_of(shape: Shape, atomic: bool, items: &[ItemOutcome]) -> StatusCode {
    match (shape, items) {
        (Shape::Single, [only]) => status_of_item(only),
        _ if atomic && items.iter().any(ItemOutcome::is_damaged) => StatusCode::INTERNAL_SERVER_ERROR,
        _ if atomic && items.iter().any(|item| status_of_item(item).is_client_error()) => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        _ => StatusCode::OK,
    }
}

pub fn status_of_item(item: &ItemOutcome) -> StatusCode {
    match item.outcome {
        _ if item.is_damaged() => StatusCode::INTERNAL_SERVER_ERROR,
        Outcome::Created => StatusCode::CREATED,
        Outcome::Updated
        | Outcome::Unchanged
        | Outcome::Duplicate
        | Outcome::Superseded
        | Outcome::Deleted
        | Outcome::Ignored => StatusCode::OK,
        Outcome::Parked | Outcome::Held | Outcome::Quarantined => StatusCode::ACCEPTED,
        Outcome::Rejected => StatusCode::UNPROCESSABLE_ENTITY,
        Outcome::NotFound => StatusCode::NOT_FOUND,
        Outcome::Gone => StatusCode::GONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Rule;

    fn items(outcomes: &[Outcome]) -> Vec<ItemOutcome> {
        outcomes.iter().map(|&outcome| ItemOutcome::plain(outcome, Rule::D1)).collect()
    }

    #[test]
    fn a_single_item_is_answered_by_its_outcome() {
        let status = |outcome| status_of(Shape::Single, false, &items(&[outcome])).as_u16();
        assert_eq!(
            Outcome::ALL.map(status),
            [201, 200, 200, 200, 200, 200, 202, 202, 202, 200, 422, 404, 410]
        );
    }

    #[test]
    fn b20_a_batch_is_200_unless_it_was_all_or_nothing() {
        let mixed = items(&[Outcome::Updated, Outcome::Rejected]);
        assert_eq!(status_of(Shape::Batch, false, &mixed), StatusCode::OK);
        assert_eq!(status_of(Shape::Batch, true, &mixed), StatusCode::UNPROCESSABLE_ENTITY);
        let late = items(&[Outcome::Updated, Outcome::Superseded, Outcome::Parked]);
        assert_eq!(status_of(Shape::Batch, true, &late), StatusCode::OK, "losing is no refusal");
        assert_eq!(status_of(Shape::Batch, false, &[]), StatusCode::OK, "an empty batch does nothing");
    }

    #[test]
    fn a_preference_is_found_among_others() {
        let with = |value| {
            HeaderMap::from_iter([(
                hyper::header::HeaderName::from_static("prefer"),
                HeaderValue::from_static(value),
            )])
        };
        assert!(prefers_minimal(&with("respond-async, return=minimal")));
        assert!(!prefers_minimal(&with("return=representation")) && !prefers_minimal(&HeaderMap::new()));
    }
}
