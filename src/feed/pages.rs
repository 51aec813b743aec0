//! A feed in pages, fetched one after another and spooled as one document.
//!
//! Each page is received by the rules of any body, and read by itself before the next one is asked for:
//! what is no page of records ends the fetch, and nothing of it stays. All bounds are those of the feed,
//! for all pages together. No validators are sent: those of one page say nothing of the others.

use super::address::{self, Allowance};
use super::auth::Secrets;
use super::body;
use super::fetch::{Fetcher, check_head, in_time, is_lines};
use super::link::{self, Links};
use super::manifest;
use super::page_address;
use super::pager::{AfterPage, PageFacts, Pager, places};
use super::spool::{BLOCK_BYTES, Spool, on_blocking_pool};
use super::{FetchError, FetchRequest, Spooled};
use crate::clock::sleep;
use crate::codec::json;
use crate::codec::snapshot::{self, PAGE_MARK, SnapshotLimits};
use crate::codec::time::parse_http_date;
use crate::config::{CursorPlace, FeedSettings, NextPage, PageSettings};
use crate::domain::{Mapping, Micros};
use reqwest::header::{HeaderMap, LAST_MODIFIED, LINK};
use reqwest::{Method, StatusCode, Url};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3;

/// What the pages so far have come to.
struct Joined {
    spool: Spool,
    reader: Arc<PageReader>,
    wire_bytes: u64,
    records: u64,
    /// The earliest time of any page; `None` once one has none.
    last_modified_at: Option<Micros>,
    served_as_lines: bool,
}

impl Fetcher {
    /// Gives all pages of a feed as one document, each after a mark, and a last mark where the end is
    /// proven; or why there is none. A document that changed meanwhile, as far as its counts show it,
    /// is an error of which [`FetchError::is_change`] is true.
    pub async fn fetch_pages(
        &self,
        request: FetchRequest<'_>,
        settings: &PageSettings,
    ) -> Result<Spooled, FetchError> {
        let request = FetchRequest { etag: None, last_modified: None, ..request };
        in_time(request.feed.whole_timeout, self.all_pages(&request, settings)).await
    }

    async fn all_pages(
        &self,
        request: &FetchRequest<'_>,
        settings: &PageSettings,
    ) -> Result<Spooled, FetchError> {
        let feed = request.feed;
        let secrets = Secrets::of(feed).await?;
        let (first, _) = address::parse(&feed.url, Allowance::of(feed))?;
        let may_be_inner = feed.allow_private || !feed.fetching.allow.is_empty();
        if let NextPage::Manifest { .. } = &settings.next {
            return self.listed_parts(request, settings, (first, may_be_inner), &secrets).await;
        }
        let (mut pager, mut url) = Pager::begin(settings, first, may_be_inner)?;
        let mut joined = Joined::begin(request, settings).await?;
        let is_proven = loop {
            let page = self.one_page(request, url, &secrets, &mut joined).await;
            let page = page.map_err(|error| of_page(error, pager.pages() + 1, settings))?;
            match pager.take(&page)? {
                AfterPage::Next(next) => url = next,
                AfterPage::End { proven } => break proven,
            }
            sleep(settings.pause).await;
        };
        if is_proven {
            joined.spool.write(&mut vec![PAGE_MARK]).await?;
        }
        joined.finish(request.spool)
    }

    /// F8: all parts that a manifest lists, each with the hash and the count that stand there.
    async fn listed_parts(
        &self,
        request: &FetchRequest<'_>,
        settings: &PageSettings,
        (url, may_be_inner): (Url, bool),
        secrets: &Secrets,
    ) -> Result<Spooled, FetchError> {
        let listed = self.manifest(request, url.clone(), secrets).await?;
        let listed = manifest::parts(&listed, settings)?;
        let mut joined = Joined::begin(request, settings).await?;
        for (place, part) in (1..).zip(&listed) {
            let at = page_address::follow(&url, &url, &part.address, may_be_inner)?;
            let begin = joined.spool.written() + 1;
            let page = self.one_page(request, at, secrets, &mut joined).await;
            let page = page.map_err(|error| of_page(error, place, settings))?;
            let bytes = joined.spool.written() - 1 - begin;
            let read = PagePlace { path: request.spool.to_owned(), begin, bytes };
            let sha256 = on_blocking_pool(move || read.sha256()).await?;
            part.check(place, page.records, &sha256)?;
            sleep(settings.pause).await;
        }
        joined.spool.write(&mut vec![PAGE_MARK]).await?;
        joined.finish(request.spool)
    }

    /// The text of the manifest, which is bounded as a record is.
    async fn manifest(
        &self,
        request: &FetchRequest<'_>,
        url: Url,
        secrets: &Secrets,
    ) -> Result<Vec<u8>, FetchError> {
        let feed = request.feed;
        let answer = self.follow(Method::GET, request, url, secrets).await?;
        if answer.head.status() != StatusCode::OK {
            return Err(answer.refusal(request));
        }
        let encoding = check_head(answer.head.headers(), feed.wire_bytes_max)?;
        let path = request.spool.with_extension("manifest.feed");
        let mut spool = Spool::create(&path, request.disk_free_bytes_min).await?;
        body::receive(answer.head, encoding, feed, &mut spool, 0).await?;
        spool.finish()?;
        let bytes_max = manifest::BYTES_MAX;
        on_blocking_pool(move || {
            let mut text = Vec::new();
            let read = File::open(&path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut text));
            let _ = std::fs::remove_file(&path);
            read.map_err(|e| FetchError::spool(&e))?;
            Ok(text)
        })
        .await
    }

    /// Receives the page at `url`, and reads it.
    async fn one_page(
        &self,
        request: &FetchRequest<'_>,
        url: Url,
        secrets: &Secrets,
        joined: &mut Joined,
    ) -> Result<PageFacts, FetchError> {
        let feed = request.feed;
        let answer = self.follow(Method::GET, request, url, secrets).await?;
        if answer.head.status() != StatusCode::OK {
            return Err(answer.refusal(request));
        }
        let headers = answer.head.headers();
        let encoding = check_head(headers, feed.wire_bytes_max)?;
        let links = link::read(headers.get_all(LINK).iter().filter_map(|field| field.to_str().ok()));
        let served_as_lines = is_lines(headers);
        joined.served_as_lines |= served_as_lines;
        joined.last_modified_at = joined.last_modified_at.min(last_modified(headers));
        joined.spool.write(&mut vec![PAGE_MARK]).await?;
        let begin = joined.spool.written();
        let received =
            body::receive(answer.head, encoding, feed, &mut joined.spool, joined.wire_bytes).await?;
        joined.wire_bytes += received;
        let place =
            PagePlace { path: request.spool.to_owned(), begin, bytes: joined.spool.written() - begin };
        joined.spool.write(&mut vec![b'\n']).await?;
        let (reader, url) = (joined.reader.clone(), answer.url);
        let page = on_blocking_pool(move || reader.read(&place, served_as_lines, url, links)).await?;
        joined.records += page.records;
        if joined.records > feed.records_max {
            let detail = format!("more than {} records: raise `records_max`", feed.records_max);
            return Err(FetchError::new("too_many_records", detail));
        }
        Ok(page)
    }
}

impl Joined {
    async fn begin(request: &FetchRequest<'_>, settings: &PageSettings) -> Result<Joined, FetchError> {
        Ok(Joined {
            spool: Spool::create(request.spool, request.disk_free_bytes_min).await?,
            reader: Arc::new(PageReader::of(request.feed, settings)),
            wire_bytes: 0,
            records: 0,
            last_modified_at: Some(Micros(i64::MAX)),
            served_as_lines: false,
        })
    }

    fn finish(self, path: &Path) -> Result<Spooled, FetchError> {
        let body_bytes = self.spool.written();
        let sha256 = self.spool.finish()?;
        Ok(Spooled {
            path: path.to_owned(),
            wire_bytes: self.wire_bytes,
            body_bytes,
            sha256,
            etag: None,
            last_modified: None,
            is_settled: true,
            fresh_until: None,
            last_modified_at: self.last_modified_at,
            served_as_lines: self.served_as_lines,
        })
    }
}

/// `None` sorts before every time, so the earliest of times that are not all there is none.
fn last_modified(headers: &HeaderMap) -> Option<Micros> {
    headers.get(LAST_MODIFIED)?.to_str().ok().and_then(parse_http_date)
}

/// Names the page; of one behind the first, what may be the reason.
fn of_page(error: FetchError, page: u32, settings: &PageSettings) -> FetchError {
    if matches!(settings.next, NextPage::Part { .. } | NextPage::Manifest { .. }) {
        return FetchError {
            detail: format!("part {page}: {}; nothing of the others is used", error.detail),
            ..error
        };
    }
    if page == 1 {
        return error;
    }
    let advice = match error.code {
        "not_found" => {
            "; if it is the one behind the last, say how many there are: total, more or count in [feed.pages]"
        }
        "throttled" => "; a pause between pages (pause in [feed.pages]) asks for fewer in a time",
        _ => "",
    };
    FetchError { detail: format!("page {page}: {}{advice}", error.detail), ..error }
}

/// Where a page lies in the spool.
struct PagePlace {
    path: PathBuf,
    begin: u64,
    bytes: u64,
}

impl PagePlace {
    /// Blocking.
    fn sha256(&self) -> Result<String, FetchError> {
        let mut hash = Sha256::new();
        let mut block = vec![0; BLOCK_BYTES];
        let hashed = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.begin))?;
            let mut part = file.take(self.bytes);
            loop {
                match part.read(&mut block)? {
                    0 => return Ok(()),
                    read => hash.update(&block[..read]),
                }
            }
        });
        hashed.map_err(|e| FetchError::spool(&e))?;
        Ok(hex::encode(hash.finalize()))
    }
}

/// What is needed to read a page.
struct PageReader {
    mapping: Mapping,
    limits: SnapshotLimits,
    settings: PageSettings,
}

impl PageReader {
    fn of(feed: &FeedSettings, settings: &PageSettings) -> PageReader {
        let limits = SnapshotLimits {
            record_bytes_max: feed.record_bytes_max,
            records_max: feed.records_max,
            served_as_lines: false,
            is_paged: false,
        };
        PageReader { mapping: feed.mapping.clone(), limits, settings: settings.clone() }
    }

    /// Reads the page at a place, which came from `url`. Blocking.
    fn read(
        &self,
        place: &PagePlace,
        served_as_lines: bool,
        url: Url,
        links: Links,
    ) -> Result<PageFacts, FetchError> {
        let mut file = File::open(&place.path).map_err(|e| FetchError::spool(&e))?;
        file.seek(SeekFrom::Start(place.begin)).map_err(|e| FetchError::spool(&e))?;
        let limits = SnapshotLimits { served_as_lines, ..self.limits };
        let cursor = match &self.settings.next {
            NextPage::Cursor { place: CursorPlace::LastRecord(pointer), .. } => Some(pointer),
            _ => None,
        };
        let places = places(&self.settings);
        let wanted: Vec<_> = places.iter().map(|(_, pointer)| *pointer).collect();
        let (mut print, mut last) = (Xxh3::new(), String::new());
        let page = snapshot::page(file.take(place.bytes), &self.mapping, &limits, &wanted, |raw| {
            print.update(raw.around.key.unwrap_or_default().as_bytes());
            print.update(raw.text.as_bytes());
            if cursor.is_some() {
                raw.text.clone_into(&mut last);
            }
        });
        let page =
            page.map_err(|e| FetchError::new(e.code, format!("{} (at byte {})", e.detail, e.offset)))?;
        let last = cursor.and_then(|pointer| json::lookup_in_spoilt(&last, &pointer.0).map(str::to_owned));
        let said = places.iter().zip(page.said).filter_map(|((saying, _), raw)| Some((*saying, raw?)));
        let (said, print) = (said.collect(), print.digest());
        let (records, is_lines) = (page.records, page.is_lines);
        Ok(PageFacts { url, links, said, records, print, last, is_lines })
    }
}
