//! The rows of a listener's table, and how the row is found that a method and a path lead to. What a
//! path allows, and the labels of metrics, follow from the rows.

use crate::http::reply::{Body, Fault};
use crate::telemetry::{Metrics, RouteMetrics};
use hyper::{Method, Response};
use matchit::Router;
use std::pin::Pin;

/// One method of one path. The rows of a path stand together, in the order in which `Allow` names
/// their methods.
pub struct Row<H> {
    /// `HEAD` goes the way of `GET`.
    pub method: Method,
    /// The pattern: also the label of metrics. `{partner}` and `{id}` stand for one segment each.
    pub path: &'static str,
    /// What a query may say; anything else is refused, as it would be thought to have been heeded.
    pub parameters: &'static [&'static str],
    /// Who answers, and what is done before.
    pub handler: H,
}

/// What a handler gives.
pub type Answer = Result<Response<Body>, Fault>;
/// An answer that is waited for.
pub type Later<'c> = Pin<Box<dyn Future<Output = Answer> + Send + 'c>>;

/// What a request's path and method say. Segments are as they stood on the wire.
#[derive(Debug)]
pub struct Route<'a> {
    /// The row's pattern.
    pub pattern: &'static str,
    /// `GET` for `HEAD` too.
    pub method: Method,
    /// The segment where the pattern says `{partner}`; `None` where it does not.
    pub partner: Option<&'a str>,
    /// The segment where the pattern says `{id}`.
    pub id: Option<&'a str>,
    /// The segment where the pattern says `{hook}`.
    pub hook: Option<&'a str>,
}

/// A row, with what the request says beside it.
pub struct Found<'r, 'a, H: 'static> {
    /// What the table has at this place.
    pub row: &'static Row<H>,
    /// What the request says.
    pub route: Route<'a>,
    /// Where the answer is to be counted.
    pub metrics: &'r RouteMetrics,
}

/// All rows of a table, by path and method.
pub struct Routes<H: 'static> {
    router: Router<usize>,
    paths: Vec<Path<H>>,
}

/// The rows of one path.
struct Path<H: 'static> {
    pattern: &'static str,
    /// In the order of the table, `HEAD` after `GET`.
    allow: String,
    ways: Vec<Way<H>>,
}

struct Way<H: 'static> {
    row: &'static Row<H>,
    metrics: RouteMetrics,
}

impl<H> Routes<H> {
    /// Reaches each path by what `spellings` makes of it, and takes the metrics of each row. Panics
    /// where two paths contradict each other: tables are constants.
    pub fn new(
        metrics: &Metrics,
        rows: &'static [Row<H>],
        spellings: impl Fn(&'static str) -> Vec<String>,
    ) -> Routes<H> {
        let mut paths: Vec<Path<H>> = Vec::new();
        for row in rows {
            let way = Way { row, metrics: metrics.route(row.path, row.method.as_str()) };
            match paths.iter_mut().find(|path| path.pattern == row.path) {
                Some(path) => path.ways.push(way),
                None => paths.push(Path { pattern: row.path, allow: String::new(), ways: vec![way] }),
            }
        }
        let mut router = Router::new();
        for (place, path) in paths.iter_mut().enumerate() {
            path.allow = allow(&path.ways);
            for pattern in spellings(path.pattern) {
                router.insert(pattern, place).expect("the table's patterns do not contradict each other");
            }
        }
        Routes { router, paths }
    }

    /// 404 for what does not exist, 405 with what would be allowed. HEAD is a GET whose body hyper
    /// leaves out.
    pub fn find<'r, 'a>(&'r self, method: &Method, path: &'a str) -> Result<Found<'r, 'a, H>, Fault> {
        let found = self.router.at(path).map_err(|_| Fault::NoSuchPath)?;
        let Path { pattern, allow, ways } = &self.paths[*found.value];
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let way = ways.iter().find(|way| way.row.method == method);
        let way = way.ok_or_else(|| Fault::MethodNotAllowed { allow: allow.clone().into() })?;
        let route = Route {
            pattern,
            method: method.clone(),
            partner: found.params.get("partner"),
            id: found.params.get("id"),
            hook: found.params.get("hook"),
        };
        Ok(Found { row: way.row, route, metrics: &way.metrics })
    }
}

fn allow<H>(ways: &[Way<H>]) -> String {
    let with_head = |way: &Way<H>| {
        let method = &way.row.method;
        if method == Method::GET { "GET, HEAD" } else { method.as_str() }
    };
    ways.iter().map(with_head).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    static ROWS: [Row<u8>; 5] = [
        row(Method::GET, "/api/things", 1),
        row(Method::GET, "/api/things/{id}", 2),
        row(Method::POST, "/api/things", 3),
        row(Method::DELETE, "/api/things/{id}", 4),
        row(Method::POST, "/api/things/{id}/parts", 5),
    ];

    const fn row(method: Method, path: &'static str, handler: u8) -> Row<u8> {
        Row { method, path, parameters: &[], handler }
    }

    /// Each path also by a second spelling, which names a partner.
    fn routes() -> Routes<u8> {
        let spellings =
            |path: &'static str| vec![path.to_owned(), path.replace("/api", "/api/partners/{partner}")];
        Routes::new(&Metrics::install(), &ROWS, spellings)
    }

    #[test]
    fn both_spellings_of_a_path_lead_to_the_same_row() {
        let routes = routes();
        for (path, row, partner, id) in [
            ("/api/things", 1, None, None),
            ("/api/partners/acme/things", 1, Some("acme"), None),
            ("/api/things/ibc%2F27394", 2, None, Some("ibc%2F27394")),
            ("/api/partners/acme/things/~", 2, Some("acme"), Some("~")),
            ("/api/things/a%2Fparts", 2, None, Some("a%2Fparts")),
            ("/api/things/parts", 2, None, Some("parts")),
        ] {
            let found = routes.find(&Method::GET, path).unwrap();
            assert_eq!(
                (found.row.handler, found.route.partner, found.route.id),
                (row, partner, id),
                "{path}"
            );
        }
    }

    #[test]
    fn b18_an_unknown_path_is_404_and_an_unknown_method_405_with_what_is_allowed() {
        let routes = routes();
        for path in [
            "/",
            "/api",
            "/api/",
            "/api/things/",
            "/api/things/a/b",
            "/api/partners/acme",
            "//api/things",
            "*",
        ] {
            assert!(matches!(routes.find(&Method::GET, path), Err(Fault::NoSuchPath)), "{path}");
        }
        let brew = Method::from_bytes(b"BREW").unwrap();
        for (path, allowed) in [
            ("/api/things", "GET, HEAD, POST"),
            ("/api/partners/acme/things/a", "GET, HEAD, DELETE"),
            ("/api/things/a/parts", "POST"),
        ] {
            match routes.find(&brew, path) {
                Err(Fault::MethodNotAllowed { allow }) => assert_eq!(allow, allowed, "{path}"),
                _ => panic!("{path}: nobody brews here"),
            }
        }
    }

    #[test]
    fn head_goes_the_way_of_get() {
        let routes = routes();
        let found = routes.find(&Method::HEAD, "/api/things").unwrap();
        assert_eq!((found.row.handler, found.route.method), (1, Method::GET));
        assert!(routes.find(&Method::HEAD, "/api/things/a/parts").is_err());
    }
}
