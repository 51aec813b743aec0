//! The two listeners against raw sockets: routes, keys, bounds and stopping.

use super::*;
use crate::config::{KeyHash, Settings};
use crate::http::testing::{self, raw, until, until_closed};
use tokio::io::AsyncWriteExt;

async fn listening(face: Face, change: impl FnOnce(&mut Settings)) -> (Arc<App>, ServerHandle) {
    let settings = testing::settings();
    let mut changed = Settings::clone(&settings.load());
    change(&mut changed);
    settings.store(Arc::new(changed));
    let app = testing::app(settings);
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), face, 256 << 10).unwrap();
    let handle = listener.serve(Arc::clone(&app)).unwrap();
    (app, handle)
}

fn get(path: &str, more: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{more}connection: close\r\n\r\n").into_bytes()
}

fn status(reply: &str) -> &str {
    reply.get(9..12).unwrap_or(reply)
}

#[tokio::test]
async fn liveness_and_readiness_say_what_they_must() {
    let (app, server) = listening(Face::Admin, |_| ()).await;
    let at = server.local_addr();
    assert_eq!(status(&raw(at, &get("/livez", "")).await), "200");
    assert!(raw(at, &get("/readyz", "")).await.ends_with("starting\n"));
    app.health.set_ready(true);
    assert_eq!(status(&raw(at, &get("/readyz", "")).await), "200");
    app.health.start_draining();
    let reply = raw(at, &get("/readyz", "")).await;
    assert!(status(&reply) == "503" && reply.ends_with("draining\n"), "{reply}");
    assert_eq!(status(&raw(at, &get("/livez", "")).await), "200");
}

#[tokio::test]
async fn d11_the_admin_listener_asks_for_its_token_and_shows_its_page_without() {
    let token = |settings: &mut Settings| settings.server.admin_token = Some(KeyHash::of("root"));
    let (_app, server) = listening(Face::Admin, token).await;
    let at = server.local_addr();
    for path in ["/metrics", "/admin/status", "/admin/partners"] {
        let reply = raw(at, &get(path, "")).await;
        assert!(status(&reply) == "401" && reply.contains("www-authenticate: Bearer"), "{path} {reply}");
    }
    let reply = raw(at, &get("/metrics", "authorization: Bearer root\r\n")).await;
    assert!(status(&reply) == "200" && reply.contains("tidegate_build_info"), "{reply}");
    for path in ["/", "/page/main.js", "/page/style.css"] {
        let reply = raw(at, &get(path, "")).await;
        assert!(status(&reply) == "200" && reply.contains("content-security-policy"), "{path} {reply}");
    }
    let reply = raw(at, b"POST /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(status(&reply) == "405" && reply.contains("allow: GET, HEAD"), "{reply}");
    assert_eq!(status(&raw(at, &get("/admin/nothing", "")).await), "404", "as on the other listener");
}

#[tokio::test]
async fn d11_without_a_token_only_our_own_names_are_answered() {
    let (_app, server) = listening(Face::Admin, |_| ()).await;
    let foreign = b"GET /metrics HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    assert_eq!(status(&raw(server.local_addr(), foreign).await), "403");
    assert_eq!(status(&raw(server.local_addr(), &get("/metrics", "")).await), "200");
}

#[tokio::test]
async fn head_is_a_get_without_body() {
    let (_app, server) = listening(Face::Admin, |_| ()).await;
    let reply =
        raw(server.local_addr(), b"HEAD /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(status(&reply) == "200" && reply.contains("content-length: 6"), "{reply}");
    assert!(reply.ends_with("\r\n\r\n"), "{reply}");
}

#[tokio::test]
async fn b13_b18_unknown_paths_methods_and_keys_get_their_answers() {
    let (_app, server) = listening(Face::Partner, |_| ()).await;
    let at = server.local_addr();
    assert_eq!(status(&raw(at, &get("/api/nothing", "")).await), "404");
    assert_eq!(status(&raw(at, &get("/metrics", "")).await), "404", "admin's paths are not served here");
    let none = raw(at, &get("/api/me", "")).await;
    let wrong = raw(at, &get("/api/me", "authorization: Bearer acme-kez\r\n")).await;
    let body = |reply: &str| reply.split_once("\r\n\r\n").unwrap().1.to_owned();
    assert!(status(&none) == "401" && none.contains("www-authenticate: Bearer"), "{none}");
    assert_eq!(body(&none), body(&wrong), "no key and a wrong one look the same");
    let reader = "authorization: Bearer portal-token\r\nx-request-id: 1\r\n";
    let partner = "authorization: Bearer acme-key\r\nx-request-id: 1\r\n";
    let foreign = raw(at, &get("/api/partners/other/assets", partner)).await;
    let unknown = raw(at, &get("/api/partners/other/assets", reader)).await;
    assert_eq!((status(&foreign), body(&foreign)), ("404", body(&unknown)));
    let write = format!(
        "POST /api/prices HTTP/1.1\r\nhost: a\r\n{reader}connection: close\r\ncontent-length: 2\r\n\r\n[]"
    );
    assert_eq!(status(&raw(at, write.as_bytes()).await), "403");
    let patch = raw(at, b"PATCH /api/prices HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(status(&patch) == "405" && patch.contains("allow: GET, HEAD, POST\r\n"), "{patch}");
}

/// The refusal is a problem, has an id, and is the connection's last word.
fn is_last_word(what: &str, reply: &str, status_wanted: &str, code: &str) {
    assert!(status(reply) == status_wanted && reply.matches("HTTP/1.1 ").count() == 1, "{what:?}: {reply}");
    for part in [
        "content-type: application/problem+json\r\n",
        "connection: close\r\n",
        "x-request-id: ",
        &format!("\"code\":\"{code}\""),
        "\"hint\":",
        "\"request_id\":",
    ] {
        assert!(reply.contains(part), "{what:?}: {part} in {reply}");
    }
}

#[tokio::test]
async fn b29_too_many_headers_and_too_large_ones_get_431() {
    for face in [Face::Partner, Face::Admin] {
        let (_app, server) = listening(face, |_| ()).await;
        let at = server.local_addr();
        let many = |n| (0..n).map(|i| format!("x-{i}: 1\r\n")).collect::<String>();
        let large = |n| format!("x: {}\r\n", "a".repeat(n));
        for taken in [many(98), large(15 * 1024)] {
            assert_eq!(status(&raw(at, &get("/docs/nothing", &taken)).await), "404");
        }
        for beyond in [many(99), large(17 * 1024), large(1 << 20)] {
            let reply = raw(at, &get("/docs/nothing", &beyond)).await;
            is_last_word("headers", &reply, "431", "headers_too_large");
            assert!(reply.contains("at most 16384 bytes and 100 headers"), "{reply}");
        }
    }
}

#[tokio::test]
async fn b27_what_two_servers_might_read_differently_is_refused() {
    let post = "POST /api/prices HTTP/1.1\r\nhost: a\r\n";
    let smuggled = "0\r\n\r\nGET /api/nothing HTTP/1.1\r\nhost: a\r\n\r\n";
    let cases = [
        (format!("{post}content-length: 5\r\ncontent-length: 6\r\n\r\nabcdef"), "body_length"),
        (format!("{post}content-length: 5\r\ncontent-length: 5\r\n\r\nabcde"), "body_length"),
        (format!("{post}content-length: 5, 5\r\n\r\nabcde"), "body_length"),
        (format!("{post}content-length: +5\r\n\r\nabcde"), "body_length"),
        (format!("{post}transfer-encoding: xchunked\r\n\r\n{smuggled}"), "body_length"),
        (format!("{post}transfer-encoding: gzip, chunked\r\n\r\n{smuggled}"), "body_length"),
        // CL.TE, TE.CL, TE.TE
        (format!("{post}content-length: 60\r\ntransfer-encoding: chunked\r\n\r\n{smuggled}"), "body_length"),
        (format!("{post}transfer-encoding: chunked\r\ncontent-length: 60\r\n\r\n{smuggled}"), "body_length"),
        (
            format!("{post}transfer-encoding: chunked\r\ntransfer-encoding: x\r\n\r\n{smuggled}"),
            "body_length",
        ),
        ("GET /api/me HTTP/1.1\r\nhost : a\r\n\r\n".into(), "request_head"),
        ("GET /api/me HTTP/1.1\r\nhost: a\r\nx: 1\r\n folded\r\n\r\n".into(), "request_head"),
        ("GET /api/me HTTP/1.1\nhost: a\n\n".into(), "request_head"),
        ("GET /api/me HTTP/1.1\r\nhost: a\r\n\n".into(), "request_head"),
        ("GET /api/me\r\n\r\n".into(), "request_head"),
        ("\u{16}\u{3}\u{1}\u{2}\0".into(), "request_head"),
        ("GET /api/me HTTP/1.1\r\n\r\n".into(), "host_header"),
        ("GET http://a/api/me HTTP/1.1\r\n\r\n".into(), "host_header"),
        ("GET /api/me HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n".into(), "host_header"),
        ("GET /api/me HTTP/2.9\r\nhost: a\r\n\r\n".into(), "http_version"),
    ];
    for face in [Face::Partner, Face::Admin] {
        let (_app, server) = listening(face, |_| ()).await;
        for (request, code) in &cases {
            let reply = raw(server.local_addr(), request.as_bytes()).await;
            is_last_word(request, &reply, "400", code);
        }
    }
}

#[tokio::test]
async fn b28_http_2_without_tls_is_refused_in_words_of_http_1() {
    let (_app, server) = listening(Face::Partner, |_| ()).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    is_last_word("preface", &raw(server.local_addr(), preface).await, "400", "http_version");
    // who offers it beside HTTP/1.1 is answered in that
    let upgrade =
        "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n";
    let request = format!("GET /api/nothing HTTP/1.1\r\nhost: a\r\n{upgrade}\r\n");
    let mut socket = TcpStream::connect(server.local_addr()).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(status(&until(&mut socket, "no_such_path").await), "404");
}

#[tokio::test]
async fn b27_a_refused_head_is_answered_after_the_requests_before_it_and_ends_the_connection() {
    let (app, server) = listening(Face::Partner, |_| ()).await;
    let ask = "GET /api/nothing HTTP/1.1\r\nhost: a\r\n\r\n";
    let requests = format!("{ask}{ask}GET /api/nothing HTTP/1.1\r\n\r\n{ask}");
    let replies = raw(server.local_addr(), requests.as_bytes()).await;
    let codes: Vec<&str> = replies.match_indices("HTTP/1.1 ").map(|(at, _)| status(&replies[at..])).collect();
    assert_eq!(codes, ["404", "404", "400"], "{replies}");
    assert!(
        app.metrics.render(app.metrics.sample()).contains("tidegate_shed_total{reason=\"request_head\"} 1\n")
    );
}

#[tokio::test]
async fn a_request_of_http_1_0_needs_no_host() {
    let (_app, server) = listening(Face::Admin, |_| ()).await;
    let reply = raw(server.local_addr(), b"GET /livez HTTP/1.0\r\n\r\n").await;
    assert!(status(&reply) == "200" && reply.ends_with("alive\n"), "{reply}");
}

#[tokio::test]
async fn b29_who_is_one_too_many_is_told_so_and_a_place_that_is_left_is_given_again() {
    let (_app, server) = listening(Face::Admin, |settings| settings.server.connections_max = 1).await;
    let at = server.local_addr();
    let mut first = TcpStream::connect(at).await.unwrap();
    first.write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    until(&mut first, "alive").await;
    let mut second = TcpStream::connect(at).await.unwrap();
    let refusal = until_closed(&mut second).await;
    is_last_word("one too many", &refusal, "503", "too_many_connections");
    assert!(refusal.contains("retry-after: 1\r\n"), "{refusal}");
    drop(first);
    let answered = async { while status(&raw(at, &get("/livez", "")).await) != "200" {} };
    tokio::time::timeout(Duration::from_secs(20), answered).await.expect("the place is free again");
}

/// A request for the change stream with the reader's token.
fn follow() -> Vec<u8> {
    get("/api/changes", "authorization: Bearer portal-token\r\naccept: text/event-stream\r\n")
}

#[tokio::test]
async fn d4_where_there_is_no_place_a_stream_opens_says_when_to_come_back_and_ends() {
    let (_app, server) = listening(Face::Partner, |settings| settings.server.streams_max = 1).await;
    let mut first = TcpStream::connect(server.local_addr()).await.unwrap();
    first.write_all(&follow()).await.unwrap();
    until(&mut first, "retry: ").await;
    let second = raw(server.local_addr(), &follow()).await;
    assert!(status(&second) == "200" && second.contains("text/event-stream"), "{second}");
    let retry: u64 = second.split_once("retry: ").unwrap().1.lines().next().unwrap().parse().unwrap();
    assert!(retry >= 10_000, "{second}");
    assert_eq!(server.stop(Duration::from_secs(20)).await, 0);
    assert!(until_closed(&mut first).await.contains("event: end\n"));
}

#[tokio::test]
async fn a_client_is_told_how_long_an_idle_connection_is_kept() {
    let (_app, server) = listening(Face::Partner, |_| ()).await;
    let mut socket = TcpStream::connect(server.local_addr()).await.unwrap();
    socket.write_all(b"GET /api/me HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let reply = until(&mut socket, "\r\n\r\n").await;
    assert!(reply.contains("keep-alive: timeout=130\r\n"), "{reply}");
    let last =
        raw(server.local_addr(), b"GET /api/me HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(!last.contains("keep-alive"), "{last}");
}

#[tokio::test]
async fn a_stopped_listener_closes_idle_connections_and_takes_no_new_ones() {
    let (_app, server) = listening(Face::Admin, |_| ()).await;
    let at = server.local_addr();
    let mut idle = TcpStream::connect(at).await.unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    until(&mut idle, "alive\n").await;
    assert_eq!(server.stop(Duration::from_secs(20)).await, 0);
    assert_eq!(until_closed(&mut idle).await, "");
    assert!(TcpStream::connect(at).await.is_err());
}

#[tokio::test]
async fn what_does_not_end_by_the_deadline_is_cut() {
    let (_app, server) = listening(Face::Admin, |_| ()).await;
    let mut half = TcpStream::connect(server.local_addr()).await.unwrap();
    half.write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\nGET /liv").await.unwrap();
    until(&mut half, "alive\n").await;
    assert!(server.stop(Duration::ZERO).await <= 1);
    assert_eq!(until_closed(&mut half).await, "");
}
