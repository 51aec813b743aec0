//! The partner listener over TLS: real handshakes, HTTP/1.1 and HTTP/2 as both sides agree, certificates that are
//! renewed under live connections, and clients that do not shake hands.

use crate::support::house::{House, PATIENCE, READER, answer, json, key, partner, wait_for};
use crate::support::skipped::without_tool;
use futures_util::StreamExt;
use futures_util::stream;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use reqwest::{Certificate, Client, ClientBuilder, RequestBuilder, StatusCode, Version};
use serde_json::{Value, json as value};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use tidegate::clock::Clock;
use tidegate::config::{self, Settings, TlsSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const NAME: &str = "tidegate.test";
const PARTNER: &str = "acme";

/// A certificate of its own, valid from one year to another.
fn issue(from: i32, until: i32) -> (String, String) {
    let own = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
    parameters.not_before = date_time_ymd(from, 1, 1);
    parameters.not_after = date_time_ymd(until, 1, 1);
    (parameters.self_signed(&own).unwrap().pem(), own.serialize_pem())
}

fn settings(directory: &Path) -> TlsSettings {
    TlsSettings { certificate: directory.join("certificate.pem"), key: directory.join("key.pem") }
}

/// Puts a new certificate where the daemon looks for it; gives it.
fn put(directory: &Path, (certificate, key): &(String, String)) {
    let TlsSettings { certificate: place, key: place_of_key } = settings(directory);
    fs::write(place, certificate).unwrap();
    fs::write(place_of_key, key).unwrap();
}

struct Secured {
    house: House,
    certificate: String,
    directory: TempDir,
}

/// A house that speaks TLS.
async fn secured(change: impl FnOnce(&mut Settings)) -> Secured {
    let directory = TempDir::new().unwrap();
    let issued = issue(2020, 2090);
    put(directory.path(), &issued);
    let house = House::start_as(directory.path().join("store"), Clock::system(), |settings| {
        settings.partners = vec![partner(PARTNER)];
        settings.server.tls = Some(self::settings(directory.path()));
        change(settings);
    });
    Secured { house: house.await, certificate: issued.0, directory }
}

/// A client that trusts this certificate only.
fn trusting(certificate: &str, address: SocketAddr) -> ClientBuilder {
    let trusted = Certificate::from_pem(certificate.as_bytes()).unwrap();
    Client::builder().no_proxy().timeout(PATIENCE).tls_certs_only([trusted]).resolve(NAME, address)
}

impl Secured {
    fn address(&self) -> SocketAddr {
        self.house.daemon().address()
    }

    fn client(&self) -> ClientBuilder {
        trusting(&self.certificate, self.address())
    }

    fn url(&self, path: &str) -> String {
        format!("https://{NAME}:{}{path}", self.address().port())
    }

    fn push(&self, client: &Client, id: &str) -> RequestBuilder {
        json(client.post(self.url("/api/assets")).bearer_auth(key(PARTNER)), &value!({"id": id, "name": id}))
    }

    async fn metrics(&self) -> String {
        self.house.admin(reqwest::Method::GET, "/metrics").send().await.unwrap().text().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_both_sides_can_is_spoken_and_means_the_same() {
    let secured = secured(|_| ()).await;
    let one = secured.client().http1_only().build().unwrap();
    let two = secured.client().build().unwrap();
    for (client, version, id) in [(one, Version::HTTP_11, "one"), (two, Version::HTTP_2, "two")] {
        let reply = secured.push(&client, id).send().await.unwrap();
        assert_eq!((reply.version(), reply.status()), (version, StatusCode::CREATED));
        assert!(reply.headers().contains_key("x-request-id"));
        assert_eq!(reply.headers().contains_key("keep-alive"), version == Version::HTTP_11);
        let (status, asset) =
            answer(client.get(secured.url(&format!("/api/assets/{id}"))).bearer_auth(key(PARTNER))).await;
        assert_eq!((status, &asset["name"]), (StatusCode::OK, &value!(id)));
        let (status, problem) = answer(client.get(secured.url("/nothing"))).await;
        assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &value!("no_such_path")));
        let head = client.head(secured.url("/docs/api")).send().await.unwrap();
        assert_eq!((head.status(), head.version()), (StatusCode::OK, version));
    }
    let metrics = secured.metrics().await;
    assert!(metrics.contains("tidegate_certificate_expiry_timestamp_seconds 3786912000\n"), "{metrics}");
    secured.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_pushes_at_once_over_one_connection_are_each_applied() {
    let secured = secured(|_| ()).await;
    let client = secured.client().build().unwrap();
    assert_eq!(secured.push(&client, "first").send().await.unwrap().version(), Version::HTTP_2);
    let mut pushes = JoinSet::new();
    for n in 0..400 {
        pushes.spawn(secured.push(&client, &n.to_string()).send());
    }
    // beyond what may come unasked: the windows have to be opened again
    let batch: Vec<Value> =
        (0..200).map(|n| value!({"id": format!("b{n}"), "x": "y".repeat(10_000)})).collect();
    let batch = json(client.post(secured.url("/api/assets")).bearer_auth(key(PARTNER)), &Value::Array(batch));
    let (status, reply) = answer(batch).await;
    assert_eq!((status, &reply["counts"]["created"]), (StatusCode::OK, &value!(200)), "{reply}");
    for reply in pushes.join_all().await {
        assert_eq!(reply.unwrap().status(), StatusCode::CREATED);
    }
    for id in ["0", "399", "b0", "b199"] {
        let request =
            client.get(secured.url(&format!("/api/assets/{id}?fields=id"))).bearer_auth(key(PARTNER));
        assert_eq!(answer(request).await.0, StatusCode::OK);
    }
    secured.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_stream_over_http_2_tells_what_happens_and_its_end() {
    let mut secured = secured(|_| ()).await;
    let client = secured.client().build().unwrap();
    let follow = client.get(secured.url("/api/changes")).bearer_auth(READER);
    let reply = follow.header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!((reply.status(), reply.version()), (StatusCode::OK, Version::HTTP_2));
    let mut events = reply.bytes_stream();
    let mut told = String::new();
    for n in 0..3 {
        let id = format!("told-{n}");
        assert_eq!(secured.push(&client, &id).send().await.unwrap().status(), StatusCode::CREATED);
        while !told.contains(&id) {
            told.push_str(&String::from_utf8_lossy(&events.next().await.expect("it goes on").unwrap()));
        }
    }
    let daemon = secured.house.daemon.take().unwrap();
    let (stopped, rest) = tokio::join!(daemon.stop(), events.collect::<Vec<_>>());
    stopped.unwrap();
    for piece in rest {
        told.push_str(&String::from_utf8_lossy(&piece.expect("it ends in order")));
    }
    assert!(told.contains("event: end\n"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn b16_a_body_over_http_2_that_stands_still_gets_408_and_others_are_served() {
    let secured =
        secured(|settings| settings.server.body_idle_timeout = std::time::Duration::from_secs(1)).await;
    let client = secured.client().build().unwrap();
    let begin = stream::once(async { Ok::<_, std::io::Error>("[{\"id\":") }).chain(stream::pending());
    let slow = client.post(secured.url("/api/assets")).bearer_auth(key(PARTNER));
    let slow = slow.header("content-type", "application/json").body(reqwest::Body::wrap_stream(begin));
    let others = async {
        for n in 0..20 {
            assert_eq!(
                secured.push(&client, &n.to_string()).send().await.unwrap().status(),
                StatusCode::CREATED
            );
        }
    };
    let ((status, problem), ()) = tokio::join!(answer(slow), others);
    assert_eq!((status, &problem["code"]), (StatusCode::REQUEST_TIMEOUT, &value!("body_too_slow")));
    secured.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b27_b29_a_head_over_http_2_is_held_to_the_same_rules() {
    let secured = secured(|_| ()).await;
    let client = secured.client().build().unwrap();
    let (status, problem) = answer(client.get(secured.url("/api/me")).header("host", "another.test")).await;
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &value!("host_header")));
    let mut many = client.get(secured.url("/api/me"));
    for n in 0..101 {
        many = many.header(format!("x-{n}"), "1");
    }
    let (status, problem) = answer(many).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, &value!("headers_too_large"))
    );
    let large = client.get(secured.url("/api/me")).header("x", "a".repeat(17 << 10)).send().await;
    // h2 itself answers it, or says beforehand what it takes
    assert!(large.as_ref().map_or(true, |reply| reply.status() == 431), "{large:?}");
    assert_eq!(secured.push(&client, "after").send().await.unwrap().status(), StatusCode::CREATED);
    secured.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_under_live_connections_and_a_faulty_one_is_not_taken() {
    let secured = secured(|_| ()).await;
    let before = secured.client().build().unwrap();
    let follow = before.get(secured.url("/api/changes")).bearer_auth(READER);
    let mut events = follow.header("accept", "text/event-stream").send().await.unwrap().bytes_stream();
    let renewed = issue(2020, 2091);
    put(secured.directory.path(), &renewed);
    let client = wait_for("the new certificate", async || {
        let client = trusting(&renewed.0, secured.address()).build().unwrap();
        client.get(secured.url("/docs/api")).send().await.ok().map(|_| client)
    })
    .await;
    // who is connected stays so
    assert_eq!(secured.push(&before, "told").send().await.unwrap().status(), StatusCode::CREATED);
    let mut told = String::new();
    while !told.contains("told") {
        told.push_str(&String::from_utf8_lossy(&events.next().await.expect("it goes on").unwrap()));
    }
    let stranger = secured.client().build().unwrap().get(secured.url("/docs/api")).send().await;
    assert!(stranger.is_err(), "the old certificate is shown no more");
    let counted = async |line: &str| secured.metrics().await.contains(line).then_some(());
    wait_for("the renewal", async || counted("renewals_total{outcome=\"renewed\"} 1\n").await).await;

    let faulty = [
        ("another's key", issue(2020, 2092).0, renewed.1.clone()),
        ("no certificate", "rubbish".into(), renewed.1.clone()),
        ("no key", renewed.0.clone(), renewed.0.clone()),
    ];
    for (n, (what, certificate, key)) in faulty.into_iter().enumerate() {
        put(secured.directory.path(), &(certificate, key));
        let line = format!("renewals_total{{outcome=\"failed\"}} {}\n", n + 1);
        wait_for(what, async || counted(&line).await).await;
        let again = trusting(&renewed.0, secured.address()).build().unwrap();
        assert!(again.get(secured.url("/docs/api")).send().await.is_ok(), "{what}");
    }
    // at the order of an operator, at once
    let third = issue(2020, 2093);
    put(secured.directory.path(), &third);
    secured.house.daemon().reconfigure(secured.house.settings.clone()).await.unwrap();
    let third = trusting(&third.0, secured.address()).build().unwrap();
    assert!(third.get(secured.url("/docs/api")).send().await.is_ok());
    assert_eq!(secured.push(&client, "told again").send().await.unwrap().status(), StatusCode::CREATED);
    secured.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b16_a_handshake_that_stands_still_holds_its_place_for_a_moment_only() {
    let secured = secured(|settings| settings.server.connections_max = 1).await;
    for begun in [&b""[..], &[22], &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]] {
        let before = given_up(&secured).await;
        wait_for("a handshake to be given up", async || {
            // the place may still be taken: then this one is closed at once
            let mut stalled = TcpStream::connect(secured.address()).await.unwrap();
            let _ = stalled.write_all(begun).await;
            let mut rest = Vec::new();
            let closed = tokio::time::timeout(PATIENCE, stalled.read_to_end(&mut rest)).await;
            closed.expect("it is closed").ok();
            assert!(rest.is_empty(), "{rest:?}");
            (given_up(&secured).await > before).then_some(())
        })
        .await;
        wait_for("the place", async || {
            let client = secured.client().build().unwrap();
            client.get(secured.url("/docs/api")).send().await.ok()
        })
        .await;
    }
    secured.house.stop().await;
}

/// Handshakes that did not come to their end.
async fn given_up(secured: &Secured) -> u64 {
    let metrics = secured.metrics().await;
    let count =
        metrics.lines().find_map(|line| line.strip_prefix("tidegate_shed_total{reason=\"tls_handshake\"} "));
    count.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_speaks_plain_http_is_told_that_tls_is_spoken_here() {
    let secured = secured(|_| ()).await;
    let plain = Client::builder().no_proxy().build().unwrap();
    let (status, problem) = answer(plain.get(format!("http://{}/api/me", secured.address()))).await;
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &value!("tls_needed")));
    assert!(problem["hint"].as_str().unwrap().contains("https://") && problem["request_id"].is_string());
    secured.house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_speaks_http_2_to_it() {
    let secured = secured(|_| ()).await;
    let trusted = settings(secured.directory.path()).certificate;
    for (option, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let mut curl = Command::new("curl");
        curl.args(["-sS", option, "--noproxy", "*", "--cacert"]).arg(&trusted);
        curl.args(["--resolve", &format!("{NAME}:{}:127.0.0.1", secured.address().port())]);
        curl.args(["-H", &format!("authorization: Bearer {}", key(PARTNER)), "-o", "/dev/null"]);
        curl.args(["-w", "%{http_version} %{http_code}", &secured.url("/api/me")]);
        match tokio::task::spawn_blocking(move || curl.output()).await.unwrap() {
            Err(error) => without_tool("curl", &error),
            Ok(told) => {
                let (out, err) =
                    (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
                assert_eq!(out, format!("{version} 200"), "{err}");
            }
        }
    }
    secured.house.stop().await;
}

/// What `check` says of a `[server.tls]` with these files.
fn faults(files: &[(&str, &str)], keys: &str) -> String {
    let directory = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    fs::write(directory.path().join("tidegate.toml"), format!("[server.tls]\n{keys}\n")).unwrap();
    config::load(directory.path()).map_or_else(|faults| faults.to_string(), |_| String::new())
}

#[test]
fn each_fault_of_a_certificate_is_told_with_its_key_and_what_to_do() {
    let (certificate, key) = issue(2020, 2090);
    let (_, other) = issue(2020, 2090);
    let both = "certificate = 'c.pem'\nkey = 'k.pem'";
    let files = |c: &str, k: &str| faults(&[("c.pem", c), ("k.pem", k)], both);
    assert_eq!(files(&certificate, &key), "");
    for (told, part) in [
        (faults(&[("k.pem", &key)], both), "server.tls.certificate = 'c.pem': "),
        (faults(&[("c.pem", &certificate)], both), "server.tls.key = 'k.pem': "),
        (files(&certificate, &other), "is not that of the certificate"),
        (files("", &key), "holds no certificate in PEM"),
        (files(&certificate, ""), "holds no private key in PEM"),
        (files(&key, &certificate), "holds no certificate in PEM"),
        (faults(&[], "certificate = 'c.pem'"), "TLS needs a certificate and its key"),
        (faults(&[], "key = 'k.pem'"), "TLS needs a certificate and its key"),
        (
            faults(&[("c.pem", &certificate), ("k.pem", &key)], &format!("{both}\nca = 'x'")),
            "is not a known key",
        ),
    ] {
        assert!(told.contains(part) && told.contains("; "), "{part}: {told}");
        assert!(!told.contains(key.lines().nth(1).unwrap()), "{told}");
    }
}

#[test]
fn check_warns_of_a_certificate_that_clients_refuse() {
    let said = |from, until| {
        let directory = TempDir::new().unwrap();
        put(directory.path(), &issue(from, until));
        let keys = "[server.tls]\ncertificate = 'certificate.pem'\nkey = 'key.pem'\n";
        fs::write(directory.path().join("tidegate.toml"), keys).unwrap();
        let mut check = Command::new(crate::support::program::BINARY);
        let told = check.args(["check", "--config"]).arg(directory.path()).output().unwrap();
        assert!(told.status.success());
        String::from_utf8(told.stdout).unwrap()
    };
    let sound = said(2020, 2090);
    assert!(sound.contains("valid until 2090-01-01T00:00:00Z") && !sound.contains("warning"), "{sound}");
    assert!(said(2020, 2021).contains("warning: the certificate has expired"));
    assert!(said(2089, 2090).contains("warning: the certificate is not valid yet"));
}
