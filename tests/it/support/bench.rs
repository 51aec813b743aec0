//! The fetcher on its own: a feed, what it makes of an answer, and a place to spool to.

use crate::support::fault_server::{FaultServer, Script, answer, send};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tempfile::TempDir;
use tidegate::config::FeedSettings;
use tidegate::domain::Micros;
use tidegate::feed::{FetchError, FetchRequest, Fetched, Fetcher, Spooled};

pub const BODY: &[u8] = br#"{"count":1,"assets":[{"id":"a/1","name":"One"}]}"#;
/// 1994-11-06T08:49:37Z
pub const NOW: Micros = Micros(784_111_777 * Micros::SECOND);

/// Making one loads the system's certificates: the tests share it, as partners do.
static FETCHER: LazyLock<Arc<Fetcher>> = LazyLock::new(|| Arc::new(Fetcher::new().unwrap()));

/// A feed, the fetcher, and a place to spool to.
pub struct Bench {
    pub feed: FeedSettings,
    pub fetcher: Arc<Fetcher>,
    pub directory: TempDir,
}

impl Bench {
    pub fn new(url: &str) -> Bench {
        let mut feed = FeedSettings {
            jitter: 0.0,
            retries: Vec::new(),
            allow_private: true,
            wire_bytes_max: 4 << 20,
            body_bytes_max: 16 << 20,
            records_max: 1_000,
            idle_timeout: Duration::from_secs(10),
            whole_timeout: Duration::from_secs(30),
            ..FeedSettings::at(url)
        };
        feed.fetching.first_byte_timeout = Duration::from_secs(10);
        Bench { feed, fetcher: FETCHER.clone(), directory: tempfile::tempdir().unwrap() }
    }

    pub async fn fetch(&self) -> Result<Fetched, FetchError> {
        self.fetch_knowing(None, None).await
    }

    pub async fn fetch_knowing(&self, etag: Option<&str>, date: Option<&str>) -> Result<Fetched, FetchError> {
        let spool = self.directory.path().join("body");
        let _ = std::fs::remove_file(&spool);
        let request = FetchRequest {
            feed: &self.feed,
            etag,
            last_modified: date,
            spool: &spool,
            disk_free_bytes_min: 0,
            now: NOW,
        };
        let result = self.fetcher.fetch(request).await;
        let spooled = matches!(result, Ok(Fetched::Body(_)));
        assert_eq!(spool.exists(), spooled, "a spool file is there exactly if the fetch gave a body");
        result
    }

    pub async fn body(&self) -> (Spooled, Vec<u8>) {
        match self.fetch().await.unwrap() {
            Fetched::Body(spooled) => {
                let bytes = std::fs::read(&spooled.path).unwrap();
                assert_eq!(spooled.body_bytes, bytes.len() as u64);
                (spooled, bytes)
            }
            Fetched::NotModified => panic!("an unconditional fetch was answered with 304"),
        }
    }

    /// All pages of the feed, as the bytes of one document.
    pub async fn pages(&self) -> Result<(Spooled, Vec<u8>), FetchError> {
        let spool = self.directory.path().join("body");
        let request = FetchRequest {
            feed: &self.feed,
            etag: None,
            last_modified: None,
            spool: &spool,
            disk_free_bytes_min: 0,
            now: NOW,
        };
        let pages = self.feed.pages.as_ref().expect("the test names pages");
        let result = self.fetcher.fetch_pages(request, pages).await;
        assert_eq!(spool.exists(), result.is_ok(), "a spool file is there exactly if all pages are");
        let spooled = result?;
        let bytes = std::fs::read(&spool).unwrap();
        std::fs::remove_file(&spool).unwrap();
        assert_eq!(spooled.body_bytes, bytes.len() as u64);
        Ok((spooled, bytes))
    }

    pub async fn refused(&self) -> FetchError {
        match self.fetch().await {
            Err(error) => error,
            Ok(fetched) => panic!("expected a refusal, got {fetched:?}"),
        }
    }
}

pub async fn refused(script: Script) -> FetchError {
    let server = FaultServer::start(script).await;
    Bench::new(&server.url("/feed.json")).refused().await
}

pub async fn code(script: Script) -> &'static str {
    refused(script).await.code
}

pub async fn code_of_answer(status: &str, headers: &[&str], body: &[u8]) -> &'static str {
    code(vec![send(answer(status, headers, body))]).await
}

pub async fn body_of(script: Script) -> (Spooled, Vec<u8>) {
    let server = FaultServer::start(script).await;
    Bench::new(&server.url("/feed.json")).body().await
}
