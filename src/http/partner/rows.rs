//! The routes of the partner listener: each row says all that is particular to one method of one path.

use crate::codec::request;
use crate::domain::{RefusedKind, Verb};
use crate::http::docs::{self, DocsPage};
use crate::http::gate::limit::Rate;
use crate::http::gate::pack::PUSH_BYTES_MIN;
use crate::http::gate::route::{Answer, Later, Row};
use crate::http::own::mending::{self, DROP_PARAMETERS};
use crate::http::own::{errors, feed, plans, preview, quarantine, receipt, sandbox};
use crate::http::push::{Ask, Items, Source, bodyless};
use crate::http::read::{asset, changes, explain, export, list, me};
use crate::http::request::call::Call;
use crate::http::request::intake::Accept;
use hyper::Method;
use hyper::body::Incoming;

/// Who answers a partner or a reader, and what is done before.
pub enum PartnerHandler {
    /// A read of little, at once.
    Read { is_private: bool, read: for<'c> fn(&'c Call<'c>) -> Answer },
    /// A read of many rows, which leaves the connection's task. Next to that, a box for what it waits
    /// for costs nothing.
    Page { is_private: bool, page: for<'c> fn(&'c Call<'c>) -> Later<'c> },
    /// Writes, taken in and decided.
    Push(Ask),
    /// Writes of a sender that has no key: what it proves itself by, its hook says.
    Hook(Ask),
    /// Something other than a write that a partner wants done. Each handler asks for its key.
    Order(for<'c> fn(&'c Call<'c>) -> Later<'c>),
    /// The same with a body, which the handler admits before it reads it.
    WithBody(for<'c> fn(&'c Call<'c>, Incoming) -> Later<'c>),
    /// What we say of ourselves, to everybody. Nothing is read of a query.
    Document(DocsPage),
}

impl PartnerHandler {
    /// Whether pages of other origins may ask it, where they are let in.
    pub fn is_read(&self) -> bool {
        matches!(self, PartnerHandler::Read { .. } | PartnerHandler::Page { .. })
    }

    /// The lane that a call is told of, and charged to where it is refused before its handler charges it.
    pub fn rate(&self) -> Rate {
        match self {
            PartnerHandler::Push(ask) | PartnerHandler::Hook(ask) => ask.items.rate_of_first(),
            _ => Rate::Reads,
        }
    }

    /// Whether its handler reads a body, and has it compared with what was signed.
    pub fn takes_a_body(&self) -> bool {
        match self {
            PartnerHandler::Push(ask) | PartnerHandler::Hook(ask) => ask.accept().is_some(),
            PartnerHandler::WithBody(_) => true,
            PartnerHandler::Read { .. }
            | PartnerHandler::Page { .. }
            | PartnerHandler::Order(_)
            | PartnerHandler::Document(_) => false,
        }
    }

    /// Of pushes: a smaller answer is not even asked after.
    pub fn packed_from(&self) -> Option<u64> {
        matches!(self, PartnerHandler::Push(_)).then_some(PUSH_BYTES_MIN)
    }
}

/// Paths are the shorthand `/api/…`. Reads also know the parameters of
/// [`crate::http::request::position`].
#[rustfmt::skip]
pub static ROWS: [Row<PartnerHandler>; 44] = [
    page("/api/prices", &["partner", "status", "class", "changed_since", "limit", "cursor", "quote", "id"],
        |call| Box::pin(list::prices(call))),
    push(Method::POST, "/api/prices", &["atomic", "dry_run"], Ask {
        items: Items::Prices,
        refused: RefusedKind::Price,
        source: Source::Items { accept: Accept::Items, names_one: false,
            decode: |body| request::prices(body.bytes, body.ndjson, body.policy, &body.limits) },
    }),

    page("/api/assets", &["partner", "status", "class", "changed_since", "limit", "cursor", "fields"],
        |call| Box::pin(list::assets(call))),
    push(Method::POST, "/api/assets", &["atomic", "dry_run"], Ask {
        items: Items::Assets,
        refused: RefusedKind::Post,
        source: Source::Items { accept: Accept::Items, names_one: false,
            decode: |body| request::assets(body.bytes, body.ndjson, Verb::Post, None, body.policy, &body.limits) },
    }),
    push(Method::PUT, "/api/assets", &["dry_run"], Ask {
        items: Items::Assets,
        refused: RefusedKind::Put,
        source: Source::Items { accept: Accept::Object, names_one: true,
            decode: |body| request::assets(body.bytes, body.ndjson, Verb::Put, None, body.policy, &body.limits) },
    }),

    read("/api/assets/{id}", &["id", "fields"], asset::asset),
    push(Method::PUT, "/api/assets/{id}", &["id", "dry_run"], Ask {
        items: Items::Assets,
        refused: RefusedKind::Put,
        source: Source::Asset { accept: Accept::Object, decode: |body, subject|
            request::assets(body.bytes, body.ndjson, Verb::Put, Some(&subject.id), body.policy, &body.limits) },
    }),
    push(Method::PATCH, "/api/assets/{id}", &["id", "dry_run"], Ask {
        items: Items::Assets,
        refused: RefusedKind::Patch,
        source: Source::Asset { accept: Accept::Patch, decode: |body, subject|
            request::assets(body.bytes, body.ndjson, Verb::Patch, Some(&subject.id), body.policy, &body.limits) },
    }),
    push(Method::DELETE, "/api/assets/{id}", &["id", "at", "dry_run"], Ask {
        items: Items::Assets,
        refused: RefusedKind::Delete,
        source: Source::Query(bodyless::delete),
    }),

    read("/api/assets/{id}/price", &["id", "quote", "max_age"], asset::asset_price),
    push(Method::PUT, "/api/assets/{id}/price", &["id", "quote", "dry_run"], Ask {
        items: Items::Prices,
        refused: RefusedKind::AssetPrice,
        source: Source::Asset { accept: Accept::Object, decode: |body, subject|
            request::asset_price(body.bytes, &subject.id, subject.quote, body.policy) },
    }),
    push(Method::DELETE, "/api/assets/{id}/price", &["id", "quote", "at", "dry_run"], Ask {
        items: Items::Prices,
        refused: RefusedKind::Withdrawal,
        source: Source::Query(bodyless::withdrawal),
    }),

    page("/api/assets/{id}/explain", &["id", "member"], |call| Box::pin(explain::answer(call))),
    page("/api/changes", &["since", "cursor", "limit", "partner", "type", "full", "mode", "events", "ticket"],
        |call| Box::pin(changes::answer(call))),
    Row { method: Method::POST, path: "/api/changes/ticket", parameters: &["partner", "type", "full", "mode", "events"],
        handler: PartnerHandler::Order(|call| Box::pin(changes::ticket(call))) },
    page("/api/export", &["partner", "deleted", "resume"], |call| Box::pin(export::answer(call))),
    push(Method::POST, "/api/events", &["atomic", "dry_run"], Ask {
        items: Items::Mixed,
        refused: RefusedKind::Event,
        source: Source::Items { accept: Accept::Items, names_one: false,
            decode: |body| request::events(body.bytes, body.ndjson, body.policy, &body.limits) },
    }),
    Row { method: Method::POST, path: "/api/hooks/{hook}", parameters: &["atomic", "dry_run"],
        handler: PartnerHandler::Hook(
            Ask { items: Items::Mixed, refused: RefusedKind::Hook, source: Source::Hook }) },
    read("/api/me", &[], me::answer),

    private(read("/api/receipts/{id}", &["hash"], receipt::answer)),
    private(read("/api/feed", &[], feed::state)),
    private(page("/api/feed/runs", &["limit", "cursor"], |call| Box::pin(feed::runs(call)))),
    private(read("/api/feed/runs/{id}", &[], feed::run)),
    private(page("/api/feed/runs/{id}/errors", &errors::PARAMETERS, |call| Box::pin(errors::errors(call)))),
    private(page("/api/feed/plans", &[], |call| Box::pin(plans::own_plans(call)))),
    order(Method::POST, "/api/feed/run", |call| Box::pin(async { feed::run_now(call) })),
    Row { method: Method::POST, path: "/api/feed/preview", parameters: &["limit"],
        handler: PartnerHandler::WithBody(|call, body| Box::pin(preview::answer(call, body))) },
    private(page("/api/quarantine", &quarantine::PARAMETERS, |call| Box::pin(quarantine::list(call)))),
    private(read("/api/quarantine/{id}", &[], quarantine::show)),
    Row { method: Method::DELETE, path: "/api/quarantine", parameters: &DROP_PARAMETERS,
        handler: PartnerHandler::Order(|call| Box::pin(mending::drop_own(call))) },
    order(Method::DELETE, "/api/quarantine/{id}", |call| Box::pin(quarantine::drop_own(call))),
    Row { method: Method::POST, path: "/api/quarantine/{id}/release", parameters: &[],
        handler: PartnerHandler::WithBody(|call, body| Box::pin(mending::release_own(call, body))) },

    order(Method::DELETE, "/api/sandbox", |call| Box::pin(sandbox::clear(call))),

    document("/openapi.json", docs::openapi),
    document("/docs", docs::index),
    document("/docs/api", docs::api),
    document("/docs/quickstart", docs::quickstart),
    document("/docs/webhooks", docs::webhooks),
    document("/docs/reading", docs::reading),
    document("/docs/mapping", docs::mapping),
    document("/docs/rules", docs::rules),
    document("/docs/rules/{id}", docs::rules),
    document("/docs/problems", docs::problems),
    document("/docs/problems/{id}", docs::problems),
];

const fn read(
    path: &'static str,
    parameters: &'static [&'static str],
    read: for<'c> fn(&'c Call<'c>) -> Answer,
) -> Row<PartnerHandler> {
    let handler = PartnerHandler::Read { is_private: false, read };
    Row { method: Method::GET, path, parameters, handler }
}

const fn page(
    path: &'static str,
    parameters: &'static [&'static str],
    page: for<'c> fn(&'c Call<'c>) -> Later<'c>,
) -> Row<PartnerHandler> {
    let handler = PartnerHandler::Page { is_private: false, page };
    Row { method: Method::GET, path, parameters, handler }
}

const fn push(
    method: Method,
    path: &'static str,
    parameters: &'static [&'static str],
    ask: Ask,
) -> Row<PartnerHandler> {
    Row { method, path, parameters, handler: PartnerHandler::Push(ask) }
}

const fn document(path: &'static str, document: DocsPage) -> Row<PartnerHandler> {
    Row { method: Method::GET, path, parameters: &[], handler: PartnerHandler::Document(document) }
}

/// Orders know no parameters.
const fn order(
    method: Method,
    path: &'static str,
    order: for<'c> fn(&'c Call<'c>) -> Later<'c>,
) -> Row<PartnerHandler> {
    Row { method, path, parameters: &[], handler: PartnerHandler::Order(order) }
}

/// A read of what is between a partner and us: a reader's token does not open it.
const fn private(mut row: Row<PartnerHandler>) -> Row<PartnerHandler> {
    if let PartnerHandler::Read { is_private, .. } | PartnerHandler::Page { is_private, .. } =
        &mut row.handler
    {
        *is_private = true;
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::partner::routes;
    use crate::http::reply::Fault;
    use crate::telemetry::Metrics;
    use serde_json::Value;
    use std::collections::BTreeMap;

    #[test]
    fn each_row_is_found_by_its_method_under_both_spellings_of_its_path() {
        let routes = routes(&Metrics::install());
        for row in &ROWS {
            let path = row.path.replace("{id}", "a%2Fb");
            let canonical = path.strip_prefix("/api").map(|tail| format!("/api/partners/acme{tail}"));
            for path in [Some(path), canonical].into_iter().flatten() {
                let found = routes.find(&row.method, &path).unwrap();
                assert!(std::ptr::eq(found.row, row), "{} {path}", row.method);
                assert_eq!((found.route.pattern, &found.route.method), (row.path, &row.method));
            }
        }
    }

    #[test]
    fn what_is_allowed_is_what_the_rows_of_a_path_say() {
        let routes = routes(&Metrics::install());
        let mut methods: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for row in &ROWS {
            let allowed = methods.entry(row.path).or_default();
            allowed.push(row.method.as_str());
            allowed.extend((row.method == Method::GET).then_some("HEAD"));
        }
        for (path, allowed) in methods {
            match routes.find(&Method::TRACE, path) {
                Err(Fault::MethodNotAllowed { allow }) => assert_eq!(allow, allowed.join(", "), "{path}"),
                _ => panic!("{path}: no route is traced"),
            }
        }
    }

    #[test]
    fn reads_are_gets_and_a_parameter_stands_once() {
        for row in &ROWS {
            let reads = !matches!(
                row.handler,
                PartnerHandler::Push(_)
                    | PartnerHandler::Hook(_)
                    | PartnerHandler::Order(_)
                    | PartnerHandler::WithBody(_)
            );
            assert_eq!(reads, row.method == Method::GET, "{} {}", row.method, row.path);
            let mut parameters = row.parameters.to_vec();
            parameters.sort_unstable();
            parameters.dedup();
            assert_eq!(parameters.len(), row.parameters.len(), "{} {}", row.method, row.path);
        }
    }

    /// The description for programs says of each call of the API what its row says, and nothing else.
    #[test]
    fn the_description_names_the_calls_and_parameters_that_there_are() {
        let api: Value = serde_json::from_str(docs::OPENAPI).unwrap();
        let resolved = |value: &Value| {
            let target = value["$ref"].as_str().map(|path| api.pointer(&path[1..]).expect(path).clone());
            target.unwrap_or_else(|| value.clone())
        };
        let mut described: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for (path, item) in api["paths"].as_object().unwrap() {
            for (method, call) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
                let parameters = [&item["parameters"], &call["parameters"]];
                let parameters = parameters.iter().filter_map(|list| list.as_array()).flatten().map(resolved);
                let queries = parameters.filter(|parameter| parameter["in"] == "query");
                let mut names: Vec<_> =
                    queries.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect();
                names.sort();
                described.insert((path.clone(), method.to_uppercase()), names);
            }
        }
        let rows = ROWS.iter().filter(|row| row.path.starts_with("/api/"));
        let rows = rows.map(|row| {
            let is_read = matches!(row.handler, PartnerHandler::Read { .. } | PartnerHandler::Page { .. });
            let of_reads: &[&str] = if is_read { &["min_cursor", "wait"] } else { &[] };
            let mut names: Vec<_> =
                row.parameters.iter().chain(of_reads).map(|name| (*name).to_owned()).collect();
            names.sort();
            // a hook's sender has no key that could stand for its partner
            let path = match row.handler {
                PartnerHandler::Hook(_) => row.path.replacen("/api/", "/api/partners/{partner}/", 1),
                _ => row.path.to_owned(),
            };
            ((path, row.method.to_string()), names)
        });
        assert_eq!(described, rows.collect::<BTreeMap<_, _>>());
    }
}
