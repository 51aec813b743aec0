//! What an operator does about a partner's quarantine: looks at it, releases a row, drops one.

use crate::actors::{Effect, PartnerEntry};
use crate::codec::render::ReplyStyle;
use crate::codec::request::Shape;
use crate::http::app::App;
use crate::http::gate::path::{self, Query};
use crate::http::gate::shares::Reading;
use crate::http::own::quarantine::{PARAMETERS, drop_row, key_of, page, show_row};
use crate::http::reply::{self, Body, Fault, view};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use std::sync::Arc;

/// What an operator asks of a partner's quarantine: `/admin/partners/{p}/quarantine[/{row}[/verb]]`.
pub struct Request<'a> {
    partner: &'a str,
    row: Option<&'a str>,
    verb: Option<&'a str>,
    method: &'a Method,
    query: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// `None` where the request is about something else.
    pub fn of(head: &'a Parts) -> Option<Request<'a>> {
        let (partner, rest) = head.uri.path().strip_prefix("/admin/partners/")?.split_once('/')?;
        let mut parts = rest.split('/');
        if parts.next() != Some("quarantine") {
            return None;
        }
        let (row, verb) = (parts.next(), parts.next());
        let request = Request { partner, row, verb, method: &head.method, query: head.uri.query() };
        parts.next().is_none().then_some(request)
    }
}

/// Lists rows, shows one, releases or drops one.
pub async fn operate(app: &Arc<App>, request: Request<'_>) -> Result<Response<Body>, Fault> {
    let name = path::decode(request.partner).ok_or(Fault::NoSuchPartner)?;
    let partner = app.registry.by_name(&name).ok_or(Fault::NoSuchPartner)?;
    let query = Query::parse(request.query)?;
    let reads = matches!(*request.method, Method::GET | Method::HEAD);
    query.only(if request.row.is_none() { &PARAMETERS } else { &[] })?;
    match (request.row, request.verb) {
        (None, _) if reads => page(app, &app.shares.of(&Reading::Operator), &partner, &query).await,
        (Some(row), None) if reads => show_row(&partner, row),
        (Some(row), None) if *request.method == Method::DELETE => {
            app.may_order(&partner)?;
            drop_row(&partner, row).await
        }
        (Some(row), Some(verb @ ("release" | "drop"))) => {
            if *request.method != Method::POST {
                return Err(Fault::MethodNotAllowed { allow: "POST".into() });
            }
            app.may_order(&partner)?;
            if verb == "drop" { drop_row(&partner, row).await } else { release_row(app, &partner, row).await }
        }
        (_, Some(_)) => Err(Fault::NoSuchPath),
        (None, None) => Err(Fault::MethodNotAllowed { allow: "GET, HEAD".into() }),
        (Some(_), None) => Err(Fault::MethodNotAllowed { allow: "GET, HEAD, DELETE".into() }),
    }
}

/// The item as a push would have been told of it; 409 where the rules refuse it still.
async fn release_row(app: &App, partner: &PartnerEntry, row: &str) -> Result<Response<Body>, Fault> {
    let release = partner.release(key_of(row)?).await?;
    let refused = release.item.outcome.is_refused();
    let status = match refused {
        _ if release.item.is_damaged() => StatusCode::INTERNAL_SERVER_ERROR,
        true => StatusCode::CONFLICT,
        false => StatusCode::OK,
    };
    let (items, durable) = (vec![release.item], release.durable);
    let effect = Effect { items, first: durable, durable, missing: Vec::new() };
    let ids = [release.id.as_str().into()];
    let item =
        view::push_reply(app.reader.journal(), Shape::Single, &ids, (&effect, false), ReplyStyle::default());
    let mut out = format!("{{\"released\":{},\"item\":", !refused).into_bytes();
    out.extend_from_slice(&item);
    out.push(b'}');
    Ok(reply::json(status, out))
}
