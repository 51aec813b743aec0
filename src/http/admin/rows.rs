//! The routes of the admin listener: each row says all that is particular to one method of one path.

use super::audit::{self, AUDIT_PARAMETERS};
use super::call::{DaemonCall, OperatorCall};
use super::changing::{purge, reload};
use super::figures::overview::{self, OVERVIEW_PARAMETERS};
use super::figures::{scrape, status};
use super::{assets, backup, feed, page, plans, quarantine, texts};
use crate::http::app::App;
use crate::http::gate::route::{Answer, Later, Row};
use crate::http::own::errors;
use crate::http::own::quarantine::PARAMETERS;
use crate::http::reply::Body;
use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Response};

/// Who answers an operator, and what is done before.
pub enum OperatorHandler {
    /// A probe or a browser must get these without a token; they tell no secret. Nothing is read of a
    /// query: a probe that adds a parameter must not find the daemon dead.
    Open(fn(&App) -> Response<Body>),
    /// A file of the status page, by its name; open for the same reason, and the same to everybody.
    File(fn(&HeaderMap, &str) -> Answer),
    /// The daemon as a whole.
    Daemon(for<'c> fn(&'c DaemonCall<'c>) -> Later<'c>),
    /// Something to be done about it.
    DaemonOrder(for<'c> fn(&'c DaemonCall<'c>, Incoming) -> Later<'c>),
    /// Something to be done about a partner that is no longer configured.
    Removal(for<'c> fn(&'c OperatorCall<'c>, Incoming) -> Later<'c>),
    /// A look at something of one partner, which may be a removed one.
    Read(for<'c> fn(&'c OperatorCall<'c>) -> Later<'c>),
    /// Something to be done about a configured partner.
    Order(for<'c> fn(&'c OperatorCall<'c>, Incoming) -> Later<'c>),
}

/// In every other row than those that are open, an operator is let in first.
#[rustfmt::skip]
pub static ROWS: [Row<OperatorHandler>; 35] = [
    file("/", page::file),
    file("/page/{id}", page::file),
    open("/livez", texts::livez),
    open("/readyz", texts::readyz),

    daemon("/metrics", &[], |call| Box::pin(scrape::metrics(call.app()))),
    daemon("/admin/status", &[], |call| Box::pin(status::daemon(call.app()))),
    daemon("/admin/overview", &OVERVIEW_PARAMETERS, |call| Box::pin(overview::overview(call))),
    daemon("/admin/partners", &[], |call| Box::pin(status::partners(call.app()))),
    daemon("/admin/backup", &[], |call| Box::pin(backup::answer(call.client))),
    Row { method: Method::POST, path: "/admin/reload", parameters: &[],
        handler: OperatorHandler::DaemonOrder(|call, body| Box::pin(reload::reload(call, body))) },
    daemon("/admin/audit", &AUDIT_PARAMETERS, |call| Box::pin(audit::trail(call))),
    read("/admin/partners/{partner}", &[], |call| Box::pin(overview::partner(call))),

    Row { method: Method::POST, path: "/admin/partners/{partner}/purge", parameters: &["dry_run"],
        handler: OperatorHandler::Removal(|call, body| Box::pin(purge::purge(call, body))) },

    order("/admin/partners/{partner}/assets/{id}/patch", &["id"], |call, body| Box::pin(assets::patch(call, body))),
    order("/admin/partners/{partner}/assets/{id}/hide", &["id"], |call, body| Box::pin(assets::hide(call, body))),
    order("/admin/partners/{partner}/assets/{id}/unhide", &["id"], |call, body| Box::pin(assets::unhide(call, body))),

    read("/admin/partners/{partner}/plans", &[], |call| Box::pin(plans::list(call))),
    read("/admin/partners/{partner}/plans/{id}", &["cursor"], |call| Box::pin(plans::show(call))),
    order("/admin/partners/{partner}/plans/{id}/approve", &[], |call, body| Box::pin(plans::approve(call, body))),
    order("/admin/partners/{partner}/plans/{id}/reject", &[], |call, body| Box::pin(plans::reject(call, body))),

    read("/admin/partners/{partner}/feed", &[], |call| Box::pin(async { feed::state(call) })),
    order("/admin/partners/{partner}/feed/run", &[], |call, body| Box::pin(feed::run_now(call, body))),
    order("/admin/partners/{partner}/feed/pause", &[], |call, body| Box::pin(feed::pause(call, body))),
    order("/admin/partners/{partner}/feed/resume", &[], |call, body| Box::pin(feed::resume(call, body))),
    order("/admin/partners/{partner}/feed/rebuild", &["run"], |call, body| Box::pin(feed::rebuild(call, body))),
    read("/admin/partners/{partner}/feed/diff", &["from", "to", "limit"], |call| Box::pin(feed::diff(call))),
    read("/admin/partners/{partner}/feed/runs", &["limit", "cursor"], |call| Box::pin(feed::runs(call))),
    read("/admin/partners/{partner}/feed/runs/{id}/errors", &errors::PARAMETERS, |call| Box::pin(feed::errors(call))),
    read("/admin/partners/{partner}/feed/runs/{id}", &[], |call| Box::pin(async { feed::run(call) })),

    read("/admin/partners/{partner}/quarantine", &PARAMETERS, |call| Box::pin(quarantine::list(call))),
    read("/admin/partners/{partner}/quarantine/{id}", &[], |call| Box::pin(async { quarantine::show(call) })),
    delete("/admin/partners/{partner}/quarantine", &quarantine::DROP_SOME_PARAMETERS, |call, _| Box::pin(quarantine::drop_some(call))),
    delete("/admin/partners/{partner}/quarantine/{id}", &["reason"], |call, _| Box::pin(quarantine::drop(call))),
    order("/admin/partners/{partner}/quarantine/{id}/release", &["reason"], |call, body| Box::pin(quarantine::release(call, body))),
    order("/admin/partners/{partner}/quarantine/{id}/drop", &["reason"], |call, _| Box::pin(quarantine::drop(call))),
];

const fn open(path: &'static str, text: fn(&App) -> Response<Body>) -> Row<OperatorHandler> {
    Row { method: Method::GET, path, parameters: &[], handler: OperatorHandler::Open(text) }
}

const fn file(path: &'static str, file: fn(&HeaderMap, &str) -> Answer) -> Row<OperatorHandler> {
    Row { method: Method::GET, path, parameters: &[], handler: OperatorHandler::File(file) }
}

const fn daemon(
    path: &'static str,
    parameters: &'static [&'static str],
    view: for<'c> fn(&'c DaemonCall<'c>) -> Later<'c>,
) -> Row<OperatorHandler> {
    Row { method: Method::GET, path, parameters, handler: OperatorHandler::Daemon(view) }
}

const fn read(
    path: &'static str,
    parameters: &'static [&'static str],
    read: for<'c> fn(&'c OperatorCall<'c>) -> Later<'c>,
) -> Row<OperatorHandler> {
    Row { method: Method::GET, path, parameters, handler: OperatorHandler::Read(read) }
}

const fn order(
    path: &'static str,
    parameters: &'static [&'static str],
    order: for<'c> fn(&'c OperatorCall<'c>, Incoming) -> Later<'c>,
) -> Row<OperatorHandler> {
    Row { method: Method::POST, path, parameters, handler: OperatorHandler::Order(order) }
}

const fn delete(
    path: &'static str,
    parameters: &'static [&'static str],
    order: for<'c> fn(&'c OperatorCall<'c>, Incoming) -> Later<'c>,
) -> Row<OperatorHandler> {
    Row { method: Method::DELETE, path, parameters, handler: OperatorHandler::Order(order) }
}
