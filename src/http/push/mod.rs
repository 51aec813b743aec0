//! The write path: admit, read, decode, charge, hand to the partner's actor, answer when it is
//! durable. Everything that can refuse a push without its body does so before the body is read.

mod ask;
pub mod bodyless;
mod delivery;
mod kinds;
mod merge_patch;
mod status;

pub use ask::{Ask, Source};
pub use kinds::Items;
pub use status::status_of_item;

use crate::actors::{Admission, PartnerEntry, Permit, Push, PushAnswer, PushBody};
use crate::clock::Mark;
use crate::codec::render::ReplyStyle;
use crate::codec::request::again::Form;
use crate::codec::request::{self, Decoded, Shape};
use crate::domain::{AssetId, ItemOutcome, Write};
use crate::http::gate::auth::Caller;
use crate::http::reply::{self, Body, Fault, body, view};
use crate::http::request::call::Call;
use crate::http::request::condition;
use crate::http::request::delivery_id::{self, DeliveryId};
use crate::http::request::intake::{self, Accept};
use crate::rules::push::condition::Condition;
use ask::{Decoder, Task};
use bytes::Bytes;
use compact_str::CompactString;
use delivery::Claim;
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Response};
use kinds::ItemKinds;
use status::status_of;
use std::sync::Arc;

/// A larger body is decoded beside the connections' tasks: it takes milliseconds.
const DECODED_IN_PLACE_MAX: usize = 128 << 10;

/// Words of the query and headers that steer a push.
struct PushOptions {
    atomic: bool,
    dry_run: bool,
    /// Applied items are left out of the reply.
    minimal: bool,
}

/// Answers a request of a route that asks for `ask` and knows `parameters`.
pub async fn answer(
    call: &Call<'_>,
    ask: &Ask,
    parameters: &[&str],
    body: Incoming,
) -> Result<Response<Body>, Fault> {
    let partner = call.writer()?;
    let reply = push(call, partner, ask, parameters, body).await;
    let status = match &reply {
        Ok(reply) => reply.status(),
        Err(fault) => fault.status(),
    };
    if let Caller::Partner { metrics, .. } = &call.caller {
        metrics.push_answered(status.as_u16());
    }
    reply
}

async fn push(
    call: &Call<'_>,
    partner: &Arc<PartnerEntry>,
    ask: &Ask,
    parameters: &[&str],
    body: Incoming,
) -> Result<Response<Body>, Fault> {
    let task = Task::of(ask, call, parameters)?;
    let PushOptions { atomic, dry_run, minimal } = PushOptions::of(call, parameters)?;
    let app = call.app();
    if app.health.is_draining() {
        return Err(Fault::Draining);
    }
    app.may_write()?;
    let id = delivery_id::id_of(&call.head.headers)?;
    let taken = match &task {
        Task::Body(accept, decoder) => {
            take_in(call, partner, ask.items, *accept, decoder, id.as_ref(), body).await?
        }
        Task::Query(write, asset) => {
            take_query(call, partner, ask.items, || write(call, asset), id.as_ref())?
        }
    };
    let Taken { decoded, bytes, ndjson, permit, received, claim } = taken;
    let condition = condition_of(call, &task, &decoded.writes)?;
    let Decoded { shape, writes, ids } = decoded;
    let ids = Arc::new(ids);
    let mut room = Admission::admit_reply(&app.admission, &partner.admission.load(), writes.len())?;
    let delivery = claim.map(|claim| claim.look_up(call, Arc::clone(&ids))).transpose()?;
    let repeats = delivery.as_ref().map(|delivery| delivery.repeats.clone());
    let kinds = ItemKinds::of(ask.items, &writes);
    let warnings = request::warnings(&writes, &partner.settings.load().policy);
    let form = Form { ndjson, kind: ask.refused };
    let (id, quote) = task.into_subject();
    let body = PushBody { bytes, form, id, quote };
    let received_at = app.clock.now();
    // boxed here: it passes through several futures on its way to the actor
    let push = Box::new(Push { writes, received_at, atomic, dry_run, body, permit, delivery, condition });
    let answer = delivery::await_reply(partner.push(push), repeats).await?;
    app.metrics.push_durable(received.elapsed());
    let rebuilt = matches!(answer, PushAnswer::Rebuilt(_));
    let replayed = matches!(answer, PushAnswer::Replayed(_));
    let effect = match answer {
        PushAnswer::Decided(effect) | PushAnswer::Rebuilt(effect) | PushAnswer::Replayed(effect) => effect,
        PushAnswer::KeyReused => return Err(Fault::KeyReused),
        PushAnswer::Moved => return Err(Fault::PreconditionFailed),
    };
    // what was only tried came to nothing, and a repeat to nothing new
    if !dry_run && !replayed {
        kinds.count(call, &effect);
    }
    let status = status_of(shape, atomic, &effect.items);
    let style = ReplyStyle { minimal, dry_run };
    // by the life that committed it: a repeat in a later one gets the same reply
    let journal = app.reader.journal_of(effect.durable);
    let mut out = view::push_reply(journal, shape, &ids, (&effect, rebuilt, &warnings), style);
    let out = match room.fit(out.len()) {
        true => {
            out.shrink_to_fit();
            body::held_by(out, room)
        }
        false => out.into(),
    };
    let mut response = reply::json(status, out);
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A push whose body has come, or that needs none.
struct Taken {
    decoded: Decoded,
    /// Empty where the request had none.
    bytes: Bytes,
    ndjson: bool,
    permit: Permit,
    /// Of the body's last byte.
    received: Mark,
    /// Of a push that carries a delivery id.
    claim: Option<Claim>,
}

async fn take_in(
    call: &Call<'_>,
    partner: &Arc<PartnerEntry>,
    items: Items,
    accept: Accept,
    decoder: &Decoder,
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
    items.rate_of_first().charge_first(&limits)?;
    let bytes = intake::collect(&mut body, bytes_max, &call.client.pulse).await?;
    let received = Mark::now();
    if announced.bytes > bytes.len() {
        // it came without a length and was charged for the most it might be
        drop(permit);
        permit = Admission::admit(&app.admission, &partner.admission.load(), bytes.len())?;
    }
    let mut decoded = if bytes.len() <= DECODED_IN_PLACE_MAX {
        decoder.decode(&bytes, announced.ndjson, partner, items_max)?
    } else {
        let (decoder, bytes, whose) = (decoder.clone(), bytes.clone(), Arc::clone(partner));
        let decode = move || decoder.decode(&bytes, announced.ndjson, &whose, items_max);
        Box::pin(partner.beside(decode)).await??
    };
    if announced.merge_patch {
        merge_patch::refuse_nested(&mut decoded);
    }
    ItemKinds::of(items, &decoded.writes).charge_rest(&limits)?;
    let claim = id.map(|id| delivery::claim(call, id, &bytes));
    Ok(Taken { decoded, bytes, ndjson: announced.ndjson, permit, received, claim })
}

/// The write that path and query name: of one asset, so its id is that of the path.
fn take_query(
    call: &Call<'_>,
    partner: &Arc<PartnerEntry>,
    items: Items,
    write: impl FnOnce() -> Result<Write, Fault>,
    id: Option<&DeliveryId>,
) -> Result<Taken, Fault> {
    let permit = Admission::admit(&call.app().admission, &partner.admission.load(), 1)?;
    items.rate_of_first().charge_first(&partner.limits.load())?;
    let write = write()?;
    let ids = vec![CompactString::from(write.id().as_str())];
    let decoded = Decoded { shape: Shape::Single, writes: vec![Ok(write)], ids };
    let claim = id.map(|id| delivery::claim(call, id, b""));
    Ok(Taken { decoded, bytes: Bytes::new(), ndjson: false, permit, received: Mark::now(), claim })
}

/// The conditions of a push. The actor judges them, behind the question whether the push is a
/// repeat: the first has changed what its conditions speak of. Nothing that is read here could say
/// how either will stand by then.
fn condition_of(
    call: &Call<'_>,
    task: &Task,
    writes: &[Result<Write, Box<ItemOutcome>>],
) -> Result<Option<Box<(AssetId, Condition)>>, Fault> {
    let Some(condition) = condition::for_write(&call.head.headers)? else { return Ok(None) };
    if let Some(id) = task.asset() {
        return Ok(Some(Box::new((id.clone(), condition))));
    }
    match writes {
        [Ok(write)] if task.names_one() => Ok(Some(Box::new((write.id().clone(), condition)))),
        // it is refused whatever its asset is
        [Err(_)] if task.names_one() => Ok(None),
        _ => {
            let fault = "goes with calls about one asset: there is none that a list could be compared with";
            Err(Fault::BadHeader { name: "if-match", fault })
        }
    }
}

impl PushOptions {
    fn of(call: &Call<'_>, parameters: &[&str]) -> Result<PushOptions, Fault> {
        let minimal = prefers_minimal(&call.head.headers);
        if call.head.uri.query().is_none() {
            return Ok(PushOptions { atomic: false, dry_run: false, minimal });
        }
        call.query.only(parameters)?;
        Ok(PushOptions { atomic: call.query.flag("atomic")?, dry_run: call.query.flag("dry_run")?, minimal })
    }
}

fn prefers_minimal(headers: &HeaderMap) -> bool {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    preferences.flat_map(|value| value.split([',', ';'])).any(|word| word.trim() == "return=minimal")
}

#[cfg(test)]
mod tests {
    use super::*;

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
