//! TLS as servers have it, certificates of our own, and tokens that are asked for first.

use crate::support::bench::{BODY, Bench};
use crate::support::fault_server::{FaultServer, Script, answer, send};
use crate::support::tls_server::{Authority, Signed, TlsServer};
use std::sync::Arc;
use tidegate::config::{ClientCredentials, ClientProof, Credentials, SecretSource};
use tidegate::feed::Fetcher;

fn bench_of(url: &str, authority: &Authority) -> Bench {
    let mut bench = Bench::new(url);
    bench.feed.fetching.trusted_roots = Some(authority.roots(bench.directory.path()));
    bench
}

fn whole() -> Vec<u8> {
    answer("200 OK", &["Connection: close"], BODY)
}

async fn code_of(own: &Signed, authority: &Authority) -> Option<&'static str> {
    let server = TlsServer::start(own, None, whole()).await;
    let bench = bench_of(&format!("https://{}/", server.address), authority);
    let code = bench.fetch().await.err().map(|error| error.code);
    assert_eq!(
        server.shown().len(),
        usize::from(code.is_none()),
        "nothing is asked of a server that is not it"
    );
    code
}

#[tokio::test]
async fn a20_a_certificate_that_is_expired_of_another_host_or_of_another_authority_is_a_tls_error() {
    let authority = Authority::new();
    assert_eq!(code_of(&authority.server("127.0.0.1"), &authority).await, None, "the right one");
    assert_eq!(code_of(&authority.server("localhost"), &authority).await, Some("tls_error"), "another host");
    assert_eq!(code_of(&authority.expired("127.0.0.1"), &authority).await, Some("tls_error"), "expired");
    let stranger = Authority::new();
    assert_eq!(code_of(&stranger.server("127.0.0.1"), &authority).await, Some("tls_error"), "unknown");
}

#[tokio::test]
async fn a20_a_client_certificate_opens_what_needs_one_and_without_it_nothing_is_sent() {
    let authority = Authority::new();
    let own = authority.server("127.0.0.1");
    let server = TlsServer::start(&own, Some((&authority, true)), whole()).await;
    let mut bench = bench_of(&format!("https://{}/", server.address), &authority);
    let refused = bench.refused().await;
    // TLS 1.3 tells the client only after it has sent its request
    assert!(["tls_error", "truncated", "bad_response"].contains(&refused.code), "{refused}");
    assert!(server.shown().is_empty());
    bench.feed.fetching.certificate = Some(authority.client().named(bench.directory.path()));
    assert_eq!(bench.body().await.1, BODY);
    assert!(server.shown()[0]);
    std::fs::write(bench.directory.path().join("client.key"), "canary").unwrap();
    let error = bench.refused().await;
    assert_eq!(error.code, "credentials_missing");
    assert!(!error.to_string().contains("canary"), "{error}");
}

#[tokio::test]
async fn a17_another_origin_is_shown_no_client_certificate() {
    let authority = Authority::new();
    let own = authority.server("127.0.0.1");
    let other = TlsServer::start(&own, Some((&authority, false)), whole()).await;
    let location = format!("Location: https://{}/feed", other.address);
    let redirect = answer("302 Found", &[&location, "Connection: close"], b"");
    let server = TlsServer::start(&own, Some((&authority, true)), redirect).await;
    let mut bench = bench_of(&format!("https://{}/", server.address), &authority);
    bench.feed.fetching.certificate = Some(authority.client().named(bench.directory.path()));
    assert_eq!(bench.body().await.1, BODY);
    assert!(server.shown()[0]);
    assert!(!other.shown()[0]);
}

fn token(text: &str, life: u32) -> Script {
    let body = format!(r#"{{"access_token":"{text}","token_type":"Bearer","expires_in":{life}}}"#);
    vec![send(answer("200 OK", &["Content-Type: application/json"], body.as_bytes()))]
}

/// A feed at `url` whose token is asked for at `token_url`, by a fetcher that holds none.
fn asking(url: &str, token_url: &str, proof: ClientProof) -> Bench {
    let mut bench = Bench::new(url);
    bench.fetcher = Arc::new(Fetcher::new().unwrap());
    let file = bench.directory.path().join("secret");
    std::fs::write(&file, "can/ary +1\n").unwrap();
    bench.feed.credentials = Some(Credentials::ClientCredentials(Box::new(ClientCredentials {
        token_url: token_url.into(),
        client_id: "tide gate".into(),
        client_secret: SecretSource::File(file),
        scope: Some("feeds.read x".into()),
        audience: None,
        proof,
    })));
    bench
}

#[tokio::test]
async fn a16_a_token_is_asked_for_once_sent_while_it_holds_and_asked_for_anew_after_a_401() {
    let given = |text: &str| token(text, 3_600);
    let login = FaultServer::start_with(|_| vec![given("canary-1"), given("canary-2")]).await;
    let (good, gone) = (vec![send(answer("200 OK", &[], BODY))], vec![send(answer("401 No", &[], b""))]);
    let scripts = vec![good.clone(), good.clone(), gone.clone(), good, gone];
    let server = FaultServer::start_with(|_| scripts).await;
    let bench = asking(&server.url("/feed"), &login.url("/token"), ClientProof::Basic);
    for _ in 0..3 {
        assert_eq!(bench.body().await.1, BODY);
    }
    let error = bench.refused().await;
    assert_eq!((error.code, login.connections()), ("auth_failed", 3), "refreshed once, not again and again");
    assert!(!format!("{error:?}").contains("canary"));
    let sent: Vec<_> =
        server.asked().iter().map(|asked| asked.header("authorization").unwrap().to_owned()).collect();
    let expected = ["1", "1", "1", "2", "2", "2"].map(|n| format!("Bearer canary-{n}"));
    assert_eq!(sent, expected);
    // RFC 6749 §2.3.1: "tide%20gate" and "can%2Fary%20%2B1"
    let asked = &login.asked()[0];
    assert_eq!(asked.header("authorization"), Some("Basic dGlkZSUyMGdhdGU6Y2FuJTJGYXJ5JTIwJTJCMQ=="));
    assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(asked.body, "grant_type=client_credentials&scope=feeds.read%20x");
}

#[tokio::test]
async fn a16_id_and_secret_may_go_in_the_form_and_an_expired_token_is_asked_for_anew() {
    let login = FaultServer::start(token("t", 0)).await;
    let server = FaultServer::start(vec![send(answer("200 OK", &[], BODY))]).await;
    let bench = asking(&server.url("/feed"), &login.url("/token"), ClientProof::Body);
    for _ in 0..2 {
        bench.body().await;
    }
    let asked = login.asked();
    assert_eq!((asked.len(), asked[0].header("authorization")), (2, None));
    let form = "grant_type=client_credentials&scope=feeds.read%20x&client_id=tide%20gate&client_secret=can%2Fary%20%2B1";
    assert_eq!(asked[1].body, form);
}

#[tokio::test]
async fn a16_a_login_that_gives_no_token_fails_the_fetch_and_its_words_are_not_shown() {
    let server = FaultServer::start(vec![send(answer("200 OK", &[], BODY))]).await;
    let table = [
        (answer("401 No", &[], br#"{"error":"invalid_client","error_description":"canary"}"#), "auth_failed"),
        (answer("400 Bad", &[], b"canary"), "auth_failed"),
        (answer("429 Slow", &["Retry-After: 7"], b""), "throttled"),
        (answer("500 Oops", &[], b"canary"), "server_error"),
        (answer("302 Found", &["Location: /elsewhere"], b""), "auth_failed"),
        (answer("200 OK", &[], b"<html>canary"), "bad_response"),
        (answer("200 OK", &[], &vec![b' '; 70_000]), "too_large"),
    ];
    for (said, code) in table {
        let login = FaultServer::start(vec![send(said)]).await;
        let error = asking(&server.url("/feed"), &login.url("/token"), ClientProof::Basic).refused().await;
        assert_eq!(error.code, code, "{error}");
        assert!(!format!("{error:?}").contains("canary"), "{error}");
        assert!(error.detail.contains("token_url"), "{error}");
        assert_eq!(error.retry_after.is_some(), code == "throttled");
    }
    for inner in ["http://169.254.169.254/token", "https://[fe80::1]/token", "ftp://login.example/"] {
        let error = asking(&server.url("/feed"), inner, ClientProof::Basic).refused().await;
        assert_eq!(error.code, "ssrf_blocked", "{error}");
    }
    assert_eq!(server.connections(), 0, "without a token nothing is asked of the feed");
}
