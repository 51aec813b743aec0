//! The routes of the partner listener. Each stands once, as a resource with its methods, and is
//! reached by `/api/partners/{p}/…` and by the shorthand `/api/…`.

use crate::http::reply::Fault;
use crate::telemetry::{Metrics, RouteMetrics};
use hyper::Method;
use matchit::Router;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    Assets,
    Asset,
    AssetPrice,
    Explain,
    Prices,
    Changes,
    Events,
    Receipt,
    Me,
    Feed,
    FeedRuns,
    FeedRun,
    FeedRunNow,
    Quarantine,
    QuarantineRow,
    FeedPlans,
}

struct Row {
    resource: Resource,
    /// Pattern behind `/api` or `/api/partners/{partner}`.
    tail: &'static str,
    /// The shorthand's whole pattern: the label of metrics.
    label: &'static str,
    methods: &'static [&'static str],
    allow: &'static str,
}

#[rustfmt::skip]
const ROWS: [Row; 16] = [
    row(Resource::Prices, "/prices", "/api/prices", &["GET", "POST"], "GET, HEAD, POST"),
    row(Resource::Assets, "/assets", "/api/assets", &["GET", "POST", "PUT"], "GET, HEAD, POST, PUT"),
    row(Resource::Asset, "/assets/{id}", "/api/assets/{id}",
        &["GET", "PUT", "PATCH", "DELETE"], "GET, HEAD, PUT, PATCH, DELETE"),
    row(Resource::AssetPrice, "/assets/{id}/price", "/api/assets/{id}/price",
        &["GET", "PUT", "DELETE"], "GET, HEAD, PUT, DELETE"),
    row(Resource::Explain, "/assets/{id}/explain", "/api/assets/{id}/explain", &["GET"], "GET, HEAD"),
    row(Resource::Changes, "/changes", "/api/changes", &["GET"], "GET, HEAD"),
    row(Resource::Events, "/events", "/api/events", &["POST"], "POST"),
    row(Resource::Receipt, "/receipts/{id}", "/api/receipts/{id}", &["GET"], "GET, HEAD"),
    row(Resource::Me, "/me", "/api/me", &["GET"], "GET, HEAD"),
    row(Resource::Feed, "/feed", "/api/feed", &["GET"], "GET, HEAD"),
    row(Resource::FeedRuns, "/feed/runs", "/api/feed/runs", &["GET"], "GET, HEAD"),
    row(Resource::FeedRun, "/feed/runs/{id}", "/api/feed/runs/{id}", &["GET"], "GET, HEAD"),
    row(Resource::FeedPlans, "/feed/plans", "/api/feed/plans", &["GET"], "GET, HEAD"),
    row(Resource::FeedRunNow, "/feed/run", "/api/feed/run", &["POST"], "POST"),
    row(Resource::Quarantine, "/quarantine", "/api/quarantine", &["GET"], "GET, HEAD"),
    row(Resource::QuarantineRow, "/quarantine/{id}", "/api/quarantine/{id}", &["GET", "DELETE"], "GET, HEAD, DELETE"),
];

const fn row(
    resource: Resource,
    tail: &'static str,
    label: &'static str,
    methods: &'static [&'static str],
    allow: &'static str,
) -> Row {
    Row { resource, tail, label, methods, allow }
}

/// A path and method that exist here. Segments are as they stood on the wire.
#[derive(Debug)]
pub struct Route<'a> {
    pub resource: Resource,
    /// The shorthand's pattern.
    pub label: &'static str,
    pub method: Method,
    pub partner: Option<&'a str>,
    pub id: Option<&'a str>,
    place: (usize, usize),
}

pub struct Routes {
    router: Router<usize>,
    /// By row, then by method in the row's order.
    metrics: Vec<Vec<RouteMetrics>>,
}

impl Routes {
    pub fn new(metrics: &Metrics) -> Routes {
        let mut router = Router::new();
        for (index, row) in ROWS.iter().enumerate() {
            for prefix in ["/api", "/api/partners/{partner}"] {
                let pattern = format!("{prefix}{}", row.tail);
                router.insert(pattern, index).expect("the table's patterns do not contradict each other");
            }
        }
        let metrics = ROWS
            .iter()
            .map(|row| row.methods.iter().map(|method| metrics.route(row.label, method)).collect())
            .collect();
        Routes { router, metrics }
    }

    /// 404 for what does not exist, 405 with what would be allowed. HEAD is a GET whose body hyper
    /// leaves out.
    pub fn find<'a>(&self, method: &Method, path: &'a str) -> Result<Route<'a>, Fault> {
        let found = self.router.at(path).map_err(|_| Fault::NoSuchPath)?;
        let index = *found.value;
        let row = &ROWS[index];
        let method = if *method == Method::HEAD { Method::GET } else { method.clone() };
        let place = row.methods.iter().position(|known| *known == method.as_str());
        let place = place.ok_or(Fault::MethodNotAllowed { allow: row.allow })?;
        Ok(Route {
            resource: row.resource,
            label: row.label,
            method,
            partner: found.params.get("partner"),
            id: found.params.get("id"),
            place: (index, place),
        })
    }

    pub fn answered(&self, route: &Route<'_>, status: u16) {
        self.metrics[route.place.0][route.place.1].answered(status);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Routes {
        Routes::new(&Metrics::install())
    }

    #[test]
    fn shorthand_and_canonical_path_lead_to_the_same_resource() {
        let routes = routes();
        for (path, resource, partner, id) in [
            ("/api/prices", Resource::Prices, None, None),
            ("/api/partners/acme/prices", Resource::Prices, Some("acme"), None),
            ("/api/assets/ibc%2F27394", Resource::Asset, None, Some("ibc%2F27394")),
            ("/api/partners/acme/assets/~", Resource::Asset, Some("acme"), Some("~")),
            ("/api/assets/a%2Fprice", Resource::Asset, None, Some("a%2Fprice")),
            ("/api/assets/a/price", Resource::AssetPrice, None, Some("a")),
            ("/api/assets/price", Resource::Asset, None, Some("price")),
            ("/api/feed/runs/7", Resource::FeedRun, None, Some("7")),
        ] {
            let route = routes.find(&Method::GET, path).unwrap();
            assert_eq!((route.resource, route.partner, route.id), (resource, partner, id), "{path}");
        }
    }

    #[test]
    fn b18_an_unknown_path_is_404_and_an_unknown_method_405_with_what_is_allowed() {
        let routes = routes();
        for path in
            ["/", "/api", "/api/", "/api/assets/", "/api/assets/a/b", "/api/partners/acme", "//api/me", "*"]
        {
            assert!(matches!(routes.find(&Method::GET, path), Err(Fault::NoSuchPath)), "{path}");
        }
        let refused = routes.find(&Method::DELETE, "/api/prices").unwrap_err();
        assert!(matches!(refused, Fault::MethodNotAllowed { allow: "GET, HEAD, POST" }));
        assert!(routes.find(&Method::from_bytes(b"BREW").unwrap(), "/api/me").is_err());
    }

    #[test]
    fn head_goes_the_way_of_get() {
        let routes = routes();
        assert_eq!(routes.find(&Method::HEAD, "/api/me").unwrap().method, Method::GET);
        assert!(routes.find(&Method::HEAD, "/api/feed/run").is_err());
    }

    #[test]
    fn what_is_allowed_is_said_as_it_is() {
        for row in &ROWS {
            let mut allow: Vec<_> = row.allow.split(", ").collect();
            allow.retain(|method| *method != "HEAD");
            assert_eq!(allow, row.methods, "{}", row.label);
            assert_eq!(row.allow.contains("HEAD"), row.methods.contains(&"GET"), "{}", row.label);
            assert_eq!(row.label, format!("/api{}", row.tail));
        }
    }
}
