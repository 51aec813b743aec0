//! Pages in browsers: which origins may read, and what a ticket opens.

use crate::support::house::{House, PATIENCE, READER, answer, partner};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tidegate::clock::Clock;
use tidegate::config::KeyHash;

const PAGE: &str = "https://portal.example";

async fn house(origins: &[&str]) -> (tempfile::TempDir, House) {
    let directory = tempfile::tempdir().unwrap();
    let house = House::start_as(directory.path().to_owned(), Clock::system(), |settings| {
        settings.partners = vec![partner("acme"), partner("beta")];
        settings.server.cors_origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        settings.server.streams_max = 12;
    })
    .await;
    (directory, house)
}

/// A call without a key.
fn bare(house: &House, method: Method, path: &str) -> RequestBuilder {
    house.client.request(method, format!("http://{}{path}", house.daemon().address()))
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn pages_of_named_origins_may_read_and_others_learn_nothing() {
    let (_directory, house) = house(&[PAGE]).await;
    house.put("acme", "/api/assets/a", &json!({"n": 1})).await;
    for (origin, allowed) in [
        (PAGE, true),
        ("https://portal.example.evil", false),
        ("http://portal.example", false),
        ("null", false),
    ] {
        let path = "/api/partners/acme/assets/a";
        let read = house.read(path).header("origin", origin).send().await.unwrap();
        assert_eq!(header(&read, "access-control-allow-origin"), allowed.then_some(PAGE), "{origin}");
        let exposed = header(&read, "access-control-expose-headers").unwrap_or_default();
        assert_eq!(exposed.contains("ETag") && exposed.contains("X-Request-Id"), allowed, "{origin}");
        let vary: Vec<_> =
            read.headers().get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
        assert!(vary.contains(&"origin"), "{vary:?}");
        assert_eq!(header(&read, "access-control-allow-credentials"), None);
        let ask = |path: &str, method: &str| {
            let ask = bare(&house, Method::OPTIONS, path).header("origin", origin);
            ask.header("access-control-request-method", method.to_owned())
        };
        let asked = ask(path, "GET").send().await.unwrap();
        assert_eq!(asked.status() == StatusCode::NO_CONTENT, allowed, "{origin}");
        assert_eq!(header(&asked, "access-control-allow-origin"), allowed.then_some(PAGE));
        for (path, method) in
            [(path, "PUT"), ("/api/prices", "POST"), ("/api/changes/ticket", "POST"), ("/api/none", "GET")]
        {
            let asked = ask(path, method).send().await.unwrap();
            assert_ne!(asked.status(), StatusCode::NO_CONTENT, "{method} {path}");
            assert_eq!(header(&asked, "access-control-allow-origin"), None, "{method} {path}");
        }
    }
    let written =
        house.call("acme", Method::DELETE, "/api/assets/a").header("origin", PAGE).send().await.unwrap();
    assert_eq!(header(&written, "access-control-allow-origin"), None, "writes are closed to pages");
    let refused = bare(&house, Method::GET, "/api/assets").header("origin", PAGE).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(header(&refused, "access-control-allow-origin"), Some(PAGE), "a page may read why");
    let status = house.admin(Method::GET, "/admin/partners").header("origin", PAGE).send().await.unwrap();
    assert_eq!(header(&status, "access-control-allow-origin"), None, "operators' calls are none of it");
    house.stop().await;
}

#[tokio::test]
async fn without_named_origins_nothing_is_said_to_pages() {
    let (_directory, house) = house(&[]).await;
    let read = house.read("/api/assets").header("origin", PAGE).send().await.unwrap();
    assert_eq!(header(&read, "access-control-allow-origin"), None);
    assert!(read.headers().get_all("vary").iter().all(|value| value != "origin"));
    let asked = bare(&house, Method::OPTIONS, "/api/assets").header("origin", PAGE);
    let asked = asked.header("access-control-request-method", "GET").send().await.unwrap();
    assert_eq!(asked.status(), StatusCode::METHOD_NOT_ALLOWED);
    house.stop().await;
}

/// A ticket with these filters: the path that it opens.
async fn ticket(house: &House, filters: &str) -> String {
    let url = format!("http://{}/api/changes/ticket{filters}", house.daemon().address());
    let (status, made) = answer(house.client.post(url).bearer_auth(READER)).await;
    assert_eq!((status, &made["expires_in"]), (StatusCode::CREATED, &json!(60)), "{made}");
    assert_eq!(made["ticket"].as_str().unwrap().len(), 64, "32 random bytes");
    made["url"].as_str().unwrap().to_owned()
}

async fn first_events(mut stream: Response, wanted: usize) -> Vec<Value> {
    assert_eq!(stream.status(), StatusCode::OK);
    let mut text = String::new();
    loop {
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let events: Vec<Value> = data.filter_map(|data| serde_json::from_str(data).ok()).collect();
        if events.len() >= wanted {
            return events;
        }
        let chunk = tokio::time::timeout(PATIENCE, stream.chunk()).await.expect("the stream speaks");
        text.push_str(std::str::from_utf8(&chunk.unwrap().expect("it goes on")).unwrap());
    }
}

#[tokio::test]
async fn a_ticket_opens_one_stream_with_its_own_filters_and_is_spent() {
    let (_directory, house) = house(&[PAGE]).await;
    for name in ["acme", "beta"] {
        house.put(name, "/api/assets/a", &json!({"n": 1})).await;
    }
    let url = ticket(&house, "?partner=beta&full=true").await;
    let open = |url: &str| {
        bare(&house, Method::GET, url).header("origin", PAGE).header("accept", "text/event-stream")
    };
    let stream = open(&url).send().await.unwrap();
    assert_eq!(header(&stream, "access-control-allow-origin"), Some(PAGE));
    let events = first_events(stream, 1).await;
    assert_eq!((&events[0]["partner"], &events[0]["asset"]["n"]), (&json!("beta"), &json!(1)));
    let spent = open(&url).send().await.unwrap();
    assert_eq!(
        spent.status(),
        StatusCode::UNAUTHORIZED,
        "a browser gives up at that, and the page has another made"
    );
    assert!(!spent.text().await.unwrap().contains(url.rsplit('=').next().unwrap()), "it is told to nobody");
    let last = events[0]["cursor"].as_str().unwrap();
    house.put("beta", "/api/assets/a", &json!({"n": 2})).await;
    let again = ticket(&house, "?partner=beta").await;
    let events = first_events(open(&format!("{again}&since={last}")).send().await.unwrap(), 1).await;
    assert_eq!(events[0]["set"]["n"], 2, "it goes on where the page was");
    for more in ["&partner=acme", "&full=true", "&type=price.updated", "&limit=5"] {
        let url = ticket(&house, "?partner=beta").await;
        let (status, refused) = answer(open(&format!("{url}{more}"))).await;
        assert_eq!(
            (status, &refused["code"]),
            (StatusCode::BAD_REQUEST, &json!("bad_query")),
            "{more}: {refused}"
        );
    }
    house.stop().await;
}

#[tokio::test]
async fn what_is_no_ticket_opens_nothing_and_a_key_in_a_url_is_none() {
    let (_directory, mut house) = house(&[]).await;
    let open = |house: &House, query: &str| {
        bare(house, Method::GET, &format!("/api/changes?{query}")).header("accept", "text/event-stream")
    };
    for query in [format!("ticket={READER}"), "ticket=".into(), format!("ticket={}", "0".repeat(64))] {
        let (status, refused) = answer(open(&house, &query)).await;
        assert_eq!(
            (status, &refused["code"]),
            (StatusCode::UNAUTHORIZED, &json!("ticket_refused")),
            "{query}"
        );
    }
    for query in [format!("access_token={READER}"), format!("key={READER}")] {
        assert_eq!(answer(open(&house, &query)).await.0, StatusCode::UNAUTHORIZED, "{query}");
    }
    let url = ticket(&house, "").await;
    let both = house.read(&url).header("accept", "text/event-stream");
    assert_eq!(answer(both).await.1["code"], "bad_query", "a key beside it is refused, not passed over");
    // as many as the caller may have streams, a quarter of all
    let made = [ticket(&house, "").await, ticket(&house, "").await];
    let url = format!("http://{}/api/changes/ticket", house.daemon().address());
    let (status, refused) = answer(house.client.post(&url).bearer_auth(READER)).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{refused}");
    drop(answer(bare(&house, Method::GET, &format!("{}&since=zz", made[0]))).await);
    ticket(&house, "").await;
    // without its key a ticket is void
    house.settings.readers[0].keys = vec![KeyHash::of("another").into()];
    house.daemon().reconfigure(house.settings.clone()).await.unwrap();
    let (status, refused) =
        answer(bare(&house, Method::GET, &made[1]).header("accept", "text/event-stream")).await;
    assert_eq!((status, &refused["code"]), (StatusCode::UNAUTHORIZED, &json!("ticket_refused")));
    house.stop().await;
}
