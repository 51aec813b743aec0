//! The write path: admit, read, decode, charge, hand to the partner's actor, answer when it is
//! durable. Everything that can refuse a push without its body does so before the body is read.

mod ask;
pub mod bodyless;
mod delivery;
mod hook;
mod kinds;
mod merge_patch;
mod status;
mod taking;

pub use ask::{Ask, Source};
pub use hook::HookTask;
pub use kinds::Items;
pub use status::status_of_item;

use crate::actors::{Admission, Push, PushAnswer, PushBody};
use crate::codec::render::ReplyStyle;
use crate::codec::request::again::Form;
use crate::codec::request::{self, Decoded};
use crate::domain::{AssetId, ItemOutcome, Write};
use crate::http::gate::auth::Caller;
use crate::http::reply::{self, Body, Fault, body, view};
use crate::http::request::call::Call;
use crate::http::request::condition;
use crate::http::request::signed::CallBody;
use crate::rules::push::condition::Condition;
use ask::Task;
use bytes::Bytes;
use compact_str::CompactString;
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Response};
use kinds::ItemKinds;
use status::status_of;
use std::sync::Arc;
use std::time::Duration;
use taking::TakenPush;

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
    body: CallBody,
) -> Result<Response<Body>, Fault> {
    let task = Task::of(ask, call, parameters);
    counted(call, async { push(call, ask, parameters, task?, body).await }).await
}

/// Answers a call of a hook whose headers have been judged.
pub async fn answer_hook(
    call: &Call<'_>,
    ask: &Ask,
    parameters: &[&str],
    task: HookTask,
    body: Incoming,
) -> Result<Response<Body>, Fault> {
    counted(call, push(call, ask, parameters, Task::Hook(Box::new(task)), CallBody::Coming(body))).await
}

/// Counts the answer by its status.
async fn counted(
    call: &Call<'_>,
    reply: impl Future<Output = Result<Response<Body>, Fault>>,
) -> Result<Response<Body>, Fault> {
    call.writer()?;
    let reply = reply.await;
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
    ask: &Ask,
    parameters: &[&str],
    task: Task,
    body: CallBody,
) -> Result<Response<Body>, Fault> {
    let partner = call.writer()?;
    let PushOptions { atomic, dry_run, minimal } = PushOptions::of(call, parameters)?;
    let app = call.app();
    if app.health.is_draining() {
        return Err(Fault::Draining);
    }
    app.may_write()?;
    let taken = taking::take(call, ask, &task, body).await?;
    let TakenPush { decoded, bytes, ndjson, permit, received, claim } = taken;
    let condition = condition_of(call, &task, &decoded.writes)?;
    let Decoded { shape, writes, ids } = decoded;
    let ids = Arc::new(ids);
    let mut room = Admission::admit_reply(&app.admission, &partner.admission.load(), writes.len())?;
    let delivery = claim.map(|claim| claim.look_up(call, Arc::clone(&ids))).transpose()?;
    let repeats = delivery.as_ref().map(|delivery| delivery.repeats.clone());
    let kinds = ItemKinds::of(ask.items, &writes);
    let newest = writes.iter().flatten().filter_map(Write::stated_at).max();
    let warnings = request::warnings(&writes, &partner.settings.load().policy);
    let form = Form { ndjson, kind: ask.refused };
    let body = body_of(task, bytes, form, &ids);
    let received_at = app.clock.now();
    // boxed here: it passes through several futures on its way to the actor
    let push = Box::new(Push { writes, received_at, atomic, dry_run, body, permit, delivery, condition });
    let answer = delivery::await_reply(partner.push(push), repeats).await?;
    app.metrics.push_durable(received.elapsed());
    if let Some(stated_at) = newest {
        let after = app.clock.now().since(stated_at).max(0);
        app.metrics.push_visible(Duration::from_micros(after.unsigned_abs()));
    }
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

/// What is kept of a push, where an item of it is refused.
fn body_of(task: Task, bytes: Bytes, form: Form, ids: &Arc<Vec<CompactString>>) -> PushBody {
    let hook = match &task {
        Task::Hook(hook) => Some(Arc::new(hook.pushed(ids))),
        _ => None,
    };
    let (id, quote) = task.into_subject();
    PushBody { bytes, form, id, quote, hook }
}

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

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
