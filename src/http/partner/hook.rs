//! Calls of hooks: found by partner and name, and asked to prove themselves, before they become pushes.

use crate::actors::PartnerEntry;
use crate::codec::hook::is_ping;
use crate::config::HookSettings;
use crate::http::client::Client;
use crate::http::gate::limit::Meter;
use crate::http::gate::path::{self, Query};
use crate::http::gate::proof;
use crate::http::gate::route::{Answer, Route};
use crate::http::push::{self, Ask, HookTask};
use crate::http::reply::{self, Fault};
use crate::http::request::call::{Call, Signature};
use crate::http::request::intake::{self, Accept};
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::http::request::Parts;
use std::sync::Arc;

/// A form is never longer that only asks whether somebody is there.
const PING_BYTES_MAX: usize = 64;

/// The answer to it, in the words of a push's.
const PONG: &str = r#"{"outcome":"ignored","code":"ping"}"#;

/// Answers a call of a hook.
pub async fn answer(
    client: &Client,
    head: &Parts,
    route: &Route<'_>,
    (ask, parameters): (&Ask, &[&str]),
    mut body: Incoming,
) -> Answer {
    let app = &client.app;
    if is_form(head) {
        return ping(client, &mut body).await;
    }
    // judged for unknown hooks too, so that they are answered as known ones are
    let bytes_max = app.settings.load().server.body_bytes_max;
    let announced = intake::announced(&head.headers, Accept::Hook, bytes_max)?;
    let texts = proof::headers_of(&head.headers);
    let named = named(client, route)?;
    let (partner, settings) = named.ok_or(Fault::NotTheHooksSender)?;
    let caller = app.keys.partner(&partner.name).ok_or(Fault::PartnerStarting);
    let proven = proof::prove(&settings, &texts, app.clock.now()).await.inspect_err(|fault| {
        caller.iter().for_each(|caller| caller.was_answered(fault.status()));
    })?;
    let caller = caller?;
    let meter = Meter::of(&caller, Some(&partner));
    let needs_body = proven.needs_body();
    let reply = match Query::parse(head.uri.query()) {
        Ok(query) => {
            let headers = texts.only(&settings.hook.headers());
            let (partner, signature) = (Some(partner), Signature::None);
            let call = Call {
                client,
                head,
                route,
                query,
                caller: caller.clone(),
                meter: &meter,
                partner,
                signature,
            };
            let task = HookTask { settings, headers, announced, proven };
            push::answer_hook(&call, ask, parameters, task, body).await
        }
        Err(fault) => Err(fault),
    };
    match reply {
        // a sender who is not known after all, or not yet, learns nothing of the partner's rates
        Err(fault) if needs_body && !meter.is_touched() => {
            caller.was_answered(fault.status());
            Err(fault)
        }
        reply => {
            let reply = reply.unwrap_or_else(|fault| client.refused(fault));
            caller.was_answered(reply.status());
            Ok(meter.settle(ask.items.rate_of_first(), reply))
        }
    }
}

type Named = (Arc<PartnerEntry>, HookSettings);

/// The partner and its hook; `None` where there is no such hook.
fn named(client: &Client, route: &Route<'_>) -> Result<Option<Named>, Fault> {
    let Some(partner) = route.partner else { return Err(Fault::NoSuchPath) };
    let (Some(partner), Some(hook)) = (path::decode(partner), route.hook.and_then(path::decode)) else {
        return Ok(None);
    };
    let Some(entry) = client.app.registry.by_name(&partner) else {
        let settings = client.app.settings.load();
        let is_known =
            settings.partners.iter().any(|p| p.name.as_str() == partner && p.hook(&hook).is_some());
        return if is_known { Err(Fault::PartnerStarting) } else { Ok(None) };
    };
    let settings = entry.settings.load().hook(&hook).cloned();
    Ok(settings.map(|settings| (entry, settings)))
}

fn is_form(head: &Parts) -> bool {
    let kind = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let length = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        && length.is_some_and(|bytes: usize| bytes <= PING_BYTES_MAX)
}

/// WooCommerce asks with a form, unsigned, whether somebody is there, and takes up a hook only where
/// the answer is 200. It is the same for all hooks, so that it says of none whether it exists.
async fn ping(client: &Client, body: &mut Incoming) -> Answer {
    let form = intake::collect(body, PING_BYTES_MAX, &client.pulse).await?;
    if is_ping(&form) {
        return Ok(reply::json(StatusCode::OK, PONG));
    }
    Err(Fault::MediaType { accept: Accept::Hook.as_str() })
}
