//! Whom the fetcher talks to, and what it tells them: credentials, redirects, names, connections,
//! TLS.

use crate::support::bench::{BODY, Bench, code, code_of_answer};
use crate::support::fault_server::{FaultServer, Script, Step, answer, head, send};
use crate::support::feed_server::{Answered, FeedServer, Served};
use std::io::{self, BufRead, BufReader};
use std::net::IpAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tidegate::clock::Mark;
use tidegate::config::{Credentials, SecretSource};
use tidegate::feed::{Answers, Fetcher, Lookup};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::Notify;

fn secret(bench: &Bench, text: &str) -> SecretSource {
    let file = bench.directory.path().join("secret");
    std::fs::write(&file, text).unwrap();
    SecretSource::File(file)
}

#[tokio::test]
async fn a16_credentials_are_sent_read_anew_for_each_fetch_and_never_shown() {
    let server = FaultServer::start(vec![send(answer("401 Unauthorized", &[], b""))]).await;
    let mut bench = Bench::new(&server.url("/"));
    let source = secret(&bench, "canary-1\n");
    let table = [
        (Credentials::Bearer { token: source.clone() }, "authorization", "Bearer canary-1"),
        (
            Credentials::Basic { user: "u".into(), password: source.clone() },
            "authorization",
            "Basic dTpjYW5hcnktMQ==",
        ),
        (Credentials::Header { name: "X-Api-Key".into(), value: source }, "x-api-key", "canary-1"),
    ];
    for (credentials, name, value) in table {
        bench.feed.credentials = Some(credentials);
        let error = bench.refused().await;
        assert_eq!(error.code, "auth_failed");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        assert_eq!(server.asked().last().unwrap().header(name), Some(value));
    }
    secret(&bench, "canary-2");
    bench.refused().await;
    assert_eq!(server.asked().last().unwrap().header("x-api-key"), Some("canary-2"));
    std::fs::remove_file(bench.directory.path().join("secret")).unwrap();
    assert_eq!(bench.refused().await.code, "credentials_missing");
    assert_eq!(server.connections(), 4, "without its secret nothing is asked");
}

#[tokio::test]
async fn a16_the_right_credentials_open_a_guarded_feed() {
    let server = FeedServer::start().await;
    server.put("/feed", Served::json(BODY).guarded("authorization", "Bearer s3cret"));
    let mut bench = Bench::new(&server.url("/feed"));
    assert_eq!(bench.refused().await.code, "auth_failed");
    bench.feed.credentials = Some(Credentials::Bearer { token: secret(&bench, "s3cret") });
    assert_eq!(bench.body().await.1, BODY);
    assert_eq!(server.answered("/feed"), Answered { whole: 1, not_modified: 0, refused: 1 });
}

fn redirect(to: &str) -> Script {
    vec![send(answer("302 Found", &[&format!("Location: {to}")], b""))]
}

#[tokio::test]
async fn a17_three_redirects_are_followed_and_a_fourth_is_refused() {
    let hops = |count| {
        move |_| [vec![redirect("/next"); count], vec![vec![send(answer("200 OK", &[], BODY))]]].concat()
    };
    let server = FaultServer::start_with(hops(3)).await;
    assert_eq!(Bench::new(&server.url("/feed")).body().await.1, BODY);
    let paths: Vec<_> = server.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(paths, ["/feed", "/next", "/next", "/next"]);
    let server = FaultServer::start_with(hops(4)).await;
    assert_eq!(Bench::new(&server.url("/feed")).refused().await.code, "redirect_refused");
    assert_eq!(server.connections(), 4);
}

#[tokio::test]
async fn a17_a_redirect_to_an_inner_address_or_another_scheme_is_refused() {
    let targets = "http://169.254.169.254/latest ftp://feeds.example/ http://0.0.0.0/ http://[fe80::1]/ \
        file:///etc/passwd http://u:p@127.0.0.1/ //[::ffff:169.254.169.254]/ http://";
    for target in targets.split_whitespace() {
        let server = FaultServer::start(redirect(target)).await;
        assert_eq!(Bench::new(&server.url("/")).refused().await.code, "redirect_refused", "{target}");
    }
    assert_eq!(code_of_answer("301 Moved", &[], b"").await, "redirect_refused");
}

#[tokio::test]
async fn a17_credentials_do_not_cross_origins() {
    let other = FaultServer::start(vec![send(answer("403 Forbidden", &[], b""))]).await;
    let server = FaultServer::start_with(|_| vec![redirect("/same"), redirect(&other.url("/feed"))]).await;
    let mut bench = Bench::new(&server.url("/"));
    let value = secret(&bench, "canary");
    bench.feed.credentials = Some(Credentials::Header { name: "X-Api-Key".into(), value });
    let error = bench.refused().await;
    assert_eq!(error.code, "auth_failed");
    assert!(error.detail.contains("another origin"), "{error}");
    assert!(server.asked().iter().all(|asked| asked.header("x-api-key") == Some("canary")));
    assert_eq!(other.asked()[0].header("x-api-key"), None);
    assert_eq!(other.asked()[0].header("referer"), None);
}

/// Answers every name with the same addresses, or with nothing at all.
struct Names(&'static [&'static str]);

impl Lookup for Names {
    fn lookup(&self, host: &str) -> Answers {
        let addresses: Vec<IpAddr> = self.0.iter().map(|text| text.parse().unwrap()).collect();
        let host = host.to_owned();
        Box::pin(async move {
            match host.as_str() {
                "mute.example" => std::future::pending().await,
                "unknown.example" => Err(io::Error::other("no such name")),
                _ => Ok(addresses),
            }
        })
    }
}

fn asking(addresses: &'static [&'static str]) -> Arc<Fetcher> {
    Arc::new(Fetcher::with_lookup(Arc::new(Names(addresses))).unwrap())
}

#[tokio::test]
async fn a18_one_denied_address_among_a_name_s_denies_all_and_nothing_is_connected() {
    let canary = FaultServer::start(vec![send(answer("200 OK", &[], BODY))]).await;
    let mut bench = Bench::new(&format!("http://feeds.example:{}/", canary.address.port()));
    for addresses in [&["127.0.0.1", "169.254.169.254"][..], &["::ffff:169.254.1.1", "127.0.0.1"]] {
        bench.fetcher = asking(addresses);
        assert_eq!(bench.refused().await.code, "ssrf_blocked");
    }
    let server = FaultServer::start(redirect(&bench.feed.url)).await;
    let direct = std::mem::replace(&mut bench.feed.url, server.url("/"));
    assert_eq!(bench.refused().await.code, "redirect_refused");
    assert_eq!(canary.connections(), 0);
    bench.fetcher = asking(&["127.0.0.1"]);
    bench.feed.url = direct;
    assert_eq!(bench.body().await.1, BODY);
    bench.feed.allow_private = false;
    bench.feed.url = "https://feeds.example/".into();
    assert_eq!(bench.refused().await.code, "ssrf_blocked");
    assert_eq!(canary.connections(), 1);
}

#[tokio::test]
async fn a18_a_name_without_an_address_is_a_dns_error() {
    for name in ["mute.example", "unknown.example", "nothing.example"] {
        let mut bench = Bench::new(&format!("https://{name}/"));
        bench.fetcher = asking(&[]);
        bench.feed.allow_private = false;
        bench.feed.connect_timeout = Duration::from_millis(300);
        let error = bench.refused().await;
        assert_eq!(error.code, "dns_error", "{error}");
        assert!(error.detail.contains(name), "{error}");
    }
}

#[tokio::test]
async fn a19_a_server_that_is_not_there_resets_or_says_nothing_has_its_code_within_its_time() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for scheme in ["http", "https"] {
        assert_eq!(Bench::new(&format!("{scheme}://{free}/")).refused().await.code, "connect_error");
    }
    let cut = head("200 OK", &["Content-Length: 48"]);
    let reset = vec![send(cut.clone()), send(&BODY[..9]), Step::Reset];
    assert_eq!(code(reset).await, "truncated");
    for script in [vec![Step::Stall], vec![send(cut), send(&BODY[..9]), Step::Await(Arc::new(Notify::new()))]]
    {
        let server = FaultServer::start(script).await;
        let mut bench = Bench::new(&server.url("/"));
        (bench.feed.connect_timeout, bench.feed.idle_timeout) =
            (Duration::from_millis(200), Duration::from_millis(200));
        bench.feed.fetching.first_byte_timeout = Duration::from_millis(200);
        let began = Mark::now();
        assert_eq!(bench.refused().await.code, "timeout");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a20_a_handshake_that_fails_is_a_tls_error_and_never_downgraded() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bench = Bench::new(&format!("https://{}/", listener.local_addr().unwrap()));
    let speaking_plainly = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        socket
    };
    let (error, _socket) = tokio::join!(bench.refused(), speaking_plainly);
    assert_eq!(error.code, "tls_error", "{error}");
}

#[tokio::test]
async fn a20_a_handshake_that_stalls_ends_with_the_connect_time_out() {
    let server = FaultServer::start(vec![Step::Stall]).await;
    let mut bench = Bench::new(&format!("https://{}/", server.address));
    bench.feed.connect_timeout = Duration::from_millis(200);
    assert_eq!(bench.refused().await.code, "timeout");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a20_a_certificate_that_nobody_signed_is_a_tls_error() {
    let directory = tempfile::tempdir().unwrap();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(directory.path())
        .stderr(Stdio::null())
        .status();
    match made {
        Ok(status) => assert!(status.success(), "openssl makes no certificate: {status}"),
        Err(error) => return crate::support::skipped::without_tool("openssl", &error),
    }
    let (_server, address) = OpenSsl::serve(directory.path());
    let error = Bench::new(&format!("https://{address}/")).refused().await;
    assert_eq!(error.code, "tls_error", "{error}");
}

struct OpenSsl(Child);

impl OpenSsl {
    /// Serves with the certificate of that directory; gives its address.
    fn serve(directory: &Path) -> (OpenSsl, String) {
        let mut server = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-key", "key.pem", "-cert", "cert.pem", "-www"])
            .current_dir(directory)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let address = |line: String| line.strip_prefix("ACCEPT ").map(str::to_owned);
        let address = lines.map_while(Result::ok).find_map(address).expect("it says where it listens");
        (OpenSsl(server), address)
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
