//! Taking a push in: its permit, its body, what it says, what it is charged.

use super::ask::{Ask, Decoder, Task};
use super::delivery::{self, Claim};
use super::hook::HookTask;
use super::kinds::{ItemKinds, Items};
use super::merge_patch;
use crate::actors::{Admission, PartnerEntry, Permit, Shed};
use crate::clock::Mark;
use crate::codec::request::{Decoded, Shape};
use crate::domain::Write;
use crate::http::reply::Fault;
use crate::http::request::call::Call;
use crate::http::request::delivery_id::{self, DeliveryId};
use crate::http::request::intake::{self, Accept, Charge};
use crate::http::request::signed::{CallBody, ProvenBody};
use crate::http::request::unpack;
use crate::rules::push::deliveries::IdHeader;
use bytes::Bytes;
use compact_str::CompactString;
use hyper::body::Incoming;
use std::sync::Arc;

/// A larger body is decoded beside the connections' tasks: it takes milliseconds.
const DECODED_IN_PLACE_MAX: usize = 128 << 10;

/// A push whose body has come, or that needs none.
pub struct TakenPush {
    pub decoded: Decoded,
    /// Empty where the request had none.
    pub bytes: Bytes,
    pub ndjson: bool,
    pub permit: Permit,
    /// Of the body's last byte.
    pub received: Mark,
    /// Of a push that carries a delivery id.
    pub claim: Option<Claim>,
}

/// Takes in what a task asks for. A delivery id in a header is none of a hook's, whose own place names it.
pub async fn take(call: &Call<'_>, ask: &Ask, task: &Task, body: CallBody) -> Result<TakenPush, Fault> {
    let partner = call.writer()?;
    let id = || delivery_id::id_of(&call.head.headers);
    match task {
        Task::Hook(hook) => match body {
            CallBody::Coming(body) => take_hook(call, ask.items, hook, body).await,
            CallBody::Came(_) => Err(Fault::NotTheHooksSender),
        },
        Task::Body(accept, decoder) => {
            take_in(call, partner, ask.items, *accept, decoder, id()?.as_ref(), body).await
        }
        Task::Query(write, asset) => {
            take_query(call, partner, ask.items, || write(call, asset), id()?.as_ref())
        }
    }
}

/// Takes a hook's body in, proves it, and reads it.
async fn take_hook(
    call: &Call<'_>,
    items: Items,
    hook: &HookTask,
    body: Incoming,
) -> Result<TakenPush, Fault> {
    let partner = call.writer()?;
    let (app, rate) = (call.app(), items.rate_of_first());
    let (bytes, permit, received) = if hook.is_unproven() {
        let taken = admit(call, &app.unproven, hook.announced.bytes, None, body).await;
        let (bytes, unproven, received) = taken.map_err(|fault| match fault {
            Fault::Shed(Shed::PartnerBytes) => Fault::Shed(Shed::DaemonBytes),
            fault => fault,
        })?;
        hook.covers(&bytes)?;
        drop(unproven);
        let permit = Admission::admit(&app.admission, &partner.admission.load(), bytes.len())?;
        // charged once it is known who sends: a stranger uses up nobody's rate
        call.meter.take_first(rate)?;
        call.meter.take_bytes(rate, bytes.len())?;
        (bytes, permit, received)
    } else {
        let charge = Charge { meter: call.meter, rate, announced: hook.announced };
        admit(call, &partner.admission.load(), hook.announced.bytes, Some(charge), body).await?
    };
    // signed and remembered are the bytes as they came; read is what they were before
    let sent = bytes.clone();
    let (bytes, permit) = unpack::plain(call, (hook.announced.coding, rate), bytes, permit).await?;
    let items_max = app.settings.load().server.items_max;
    let read = hook.reading(partner, items_max, bytes.clone());
    let in_place = bytes.len() <= DECODED_IN_PLACE_MAX;
    let read = if in_place { read() } else { Box::pin(partner.beside(read)).await? }?;
    ItemKinds::of(items, &read.decoded.writes).charge_rest(call.meter)?;
    let claim = read.delivery.map(|id| {
        let id = format!("hook:{}:{id}", hook.settings.name);
        delivery::claim(call, &(IdHeader::WebhookId, id.into()), &sent)
    });
    Ok(TakenPush { decoded: read.decoded, bytes, ndjson: false, permit, received, claim })
}

async fn take_in(
    call: &Call<'_>,
    partner: &Arc<PartnerEntry>,
    items: Items,
    accept: Accept,
    decoder: &Decoder,
    id: Option<&DeliveryId>,
    body: CallBody,
) -> Result<TakenPush, Fault> {
    let (bytes_max, items_max) = {
        let settings = call.app().settings.load();
        (settings.server.body_bytes_max, settings.server.items_max)
    };
    let announced = intake::announced(&call.head.headers, accept, bytes_max)?;
    let rate = items.rate_of_first();
    let (bytes, permit, received) = match body {
        CallBody::Coming(body) => {
            let charge = Charge { meter: call.meter, rate, announced };
            admit(call, &partner.admission.load(), announced.bytes, Some(charge), body).await?
        }
        CallBody::Came(proven) => {
            let ProvenBody { bytes, received, room, .. } = *proven;
            drop(room);
            let permit = Admission::admit(&call.app().admission, &partner.admission.load(), bytes.len())?;
            // charged once it is known who sends: a stranger uses up nobody's rate
            call.meter.take_first(rate)?;
            call.meter.take_bytes(rate, bytes.len())?;
            (bytes, permit, received)
        }
    };
    call.covers(&bytes)?;
    // what is signed and what is remembered are the bytes as they were sent
    let claim = id.map(|id| delivery::claim(call, id, &bytes));
    let (bytes, permit) = unpack::plain(call, (announced.coding, rate), bytes, permit).await?;
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
    ItemKinds::of(items, &decoded.writes).charge_rest(call.meter)?;
    Ok(TakenPush { decoded, bytes, ndjson: announced.ndjson, permit, received, claim })
}

/// Takes a body in that is announced with so many bytes: a permit of `own` and of the daemon first, then
/// what it is charged, then the body.
async fn admit(
    call: &Call<'_>,
    own: &Admission,
    bytes: usize,
    charge: Option<Charge<'_>>,
    mut body: Incoming,
) -> Result<(Bytes, Permit, Mark), Fault> {
    let app = call.app();
    let bytes_max = app.settings.load().server.body_bytes_max;
    let mut permit = Admission::admit(&app.admission, own, bytes)?;
    let pulse = &call.client.pulse;
    let whole = match charge {
        None => intake::collect(&mut body, bytes_max, pulse).await?,
        Some(charge) => {
            call.meter.take_first(charge.rate)?;
            intake::collect_charged(&mut body, bytes_max, charge, pulse).await?
        }
    };
    let received = Mark::now();
    if bytes > whole.len() {
        // it came without a length and was charged for the most it might be
        drop(permit);
        permit = Admission::admit(&app.admission, own, whole.len())?;
    }
    Ok((whole, permit, received))
}

/// The write that path and query name: of one asset, so its id is that of the path.
fn take_query(
    call: &Call<'_>,
    partner: &Arc<PartnerEntry>,
    items: Items,
    write: impl FnOnce() -> Result<Write, Fault>,
    id: Option<&DeliveryId>,
) -> Result<TakenPush, Fault> {
    let permit = Admission::admit(&call.app().admission, &partner.admission.load(), 1)?;
    let rate = items.rate_of_first();
    call.meter.take_first(rate)?;
    call.meter.take_bytes(rate, 1)?;
    let write = write()?;
    let ids = vec![CompactString::from(write.id().as_str())];
    let decoded = Decoded { shape: Shape::Single, writes: vec![Ok(write)], ids };
    let claim = id.map(|id| delivery::claim(call, id, b""));
    Ok(TakenPush { decoded, bytes: Bytes::new(), ndjson: false, permit, received: Mark::now(), claim })
}
