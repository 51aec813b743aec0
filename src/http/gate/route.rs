//! Finds the row of a table that a method and a path lead to. Each path is reached by its shorthand
//! `/api/…`, and by `/api/partners/{p}/…`.

use crate::http::reply::Fault;
use crate::telemetry::{Metrics, RouteMetrics};
use hyper::Method;
use matchit::Router;

/// What a request's path and method say. Segments are as they stood on the wire.
#[derive(Debug)]
pub struct Route<'a> {
    /// The shorthand's pattern: the label of metrics.
    pub pattern: &'static str,
    /// `GET` for `HEAD` too.
    pub method: Method,
    /// The segment after `/api/partners/`; `None` for the shorthand.
    pub partner: Option<&'a str>,
    /// The segment where the pattern says `{id}`.
    pub id: Option<&'a str>,
}

/// A row, with what the request says beside it.
pub struct Found<'r, 'a, R> {
    /// What the table has at this place.
    pub row: R,
    /// What the request says.
    pub route: Route<'a>,
    /// Where the answer is to be counted.
    pub metrics: &'r RouteMetrics,
}

/// All rows of a table, by path and method.
pub struct Routes<R> {
    router: Router<usize>,
    paths: Vec<Path<R>>,
}

/// The rows of one path.
struct Path<R> {
    pattern: &'static str,
    /// In the order of the table, `HEAD` after `GET`.
    allow: String,
    ways: Vec<Way<R>>,
}

struct Way<R> {
    method: &'static Method,
    row: R,
    metrics: RouteMetrics,
}

impl<R: Copy> Routes<R> {
    /// Of each row its method, its shorthand `/api/…`, and itself. Panics where two paths contradict
    /// each other: tables are constants.
    pub fn new(
        metrics: &Metrics,
        rows: impl IntoIterator<Item = (&'static Method, &'static str, R)>,
    ) -> Routes<R> {
        let mut paths: Vec<Path<R>> = Vec::new();
        for (method, pattern, row) in rows {
            let way = Way { method, row, metrics: metrics.route(pattern, method.as_str()) };
            match paths.iter_mut().find(|path| path.pattern == pattern) {
                Some(path) => path.ways.push(way),
                None => paths.push(Path { pattern, allow: String::new(), ways: vec![way] }),
            }
        }
        let mut router = Router::new();
        for (place, path) in paths.iter_mut().enumerate() {
            path.allow = allow(&path.ways);
            let tail = path.pattern.strip_prefix("/api").expect("each path begins with /api");
            for pattern in [path.pattern.to_owned(), format!("/api/partners/{{partner}}{tail}")] {
                router.insert(pattern, place).expect("the table's patterns do not contradict each other");
            }
        }
        Routes { router, paths }
    }

    /// 404 for what does not exist, 405 with what would be allowed. HEAD is a GET whose body hyper
    /// leaves out.
    pub fn find<'r, 'a>(&'r self, method: &Method, path: &'a str) -> Result<Found<'r, 'a, R>, Fault> {
        let found = self.router.at(path).map_err(|_| Fault::NoSuchPath)?;
        let Path { pattern, allow, ways } = &self.paths[*found.value];
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let way = ways.iter().find(|way| way.method == method);
        let way = way.ok_or_else(|| Fault::MethodNotAllowed { allow: allow.clone().into() })?;
        let route = Route {
            pattern,
            method: method.clone(),
            partner: found.params.get("partner"),
            id: found.params.get("id"),
        };
        Ok(Found { row: way.row, route, metrics: &way.metrics })
    }
}

fn allow<R>(ways: &[Way<R>]) -> String {
    let with_head = |way: &Way<R>| if way.method == Method::GET { "GET, HEAD" } else { way.method.as_str() };
    ways.iter().map(with_head).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [(&Method, &str, u8); 5] = [
        (&Method::GET, "/api/things", 1),
        (&Method::GET, "/api/things/{id}", 2),
        (&Method::POST, "/api/things", 3),
        (&Method::DELETE, "/api/things/{id}", 4),
        (&Method::POST, "/api/things/{id}/parts", 5),
    ];

    fn routes() -> Routes<u8> {
        Routes::new(&Metrics::install(), ROWS)
    }

    #[test]
    fn shorthand_and_canonical_path_lead_to_the_same_row() {
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
            assert_eq!((found.row, found.route.partner, found.route.id), (row, partner, id), "{path}");
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
        assert_eq!((found.row, found.route.method), (1, Method::GET));
        assert!(routes.find(&Method::HEAD, "/api/things/a/parts").is_err());
    }
}
