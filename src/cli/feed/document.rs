//! The document that a verb is about: a file, standard input, or what our own fetcher gets from a URL.

use crate::clock::Clock;
use crate::config::private::{create_directory, create_file};
use crate::config::{FeedSettings, PartnerSettings};
use crate::feed::{FetchRequest, Fetched, Fetcher};
use crate::telemetry::logs;
use anyhow::{Context, bail};
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

/// A document beyond this says nothing that its beginning does not say.
const BLOCK_BYTES: usize = 256 * 1024;

/// A document in a file; a copy of ours goes when it is dropped.
pub struct ObtainedDocument {
    /// Where it is.
    pub path: PathBuf,
    /// Its server calls it NDJSON.
    pub as_lines: bool,
    copy: Option<PathBuf>,
}

impl Drop for ObtainedDocument {
    fn drop(&mut self) {
        if let Some(directory) = &self.copy {
            // what is left is in the system's directory for such files
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}

impl ObtainedDocument {
    /// `-` is standard input, `http…` is fetched by the feed's settings, all else is a file.
    pub async fn obtain(source: &str, settings: &PartnerSettings) -> anyhow::Result<ObtainedDocument> {
        let feed = settings.feed.as_ref().context("there is no feed")?;
        if source.starts_with("https://") || source.starts_with("http://") {
            return fetch(source, feed).await;
        }
        if source == "-" {
            let directory = copy_directory()?;
            let document =
                ObtainedDocument { path: directory.join("document"), as_lines: false, copy: Some(directory) };
            let taken = spool(io::stdin().lock(), &document.path, feed.body_bytes_max);
            taken.context("standard input cannot be read")?;
            return Ok(document);
        }
        let path = PathBuf::from(source);
        refuse_compressed(&path).with_context(|| format!("{source} cannot be read"))?;
        let as_lines = path.extension().is_some_and(|end| end == "ndjson" || end == "jsonl");
        Ok(ObtainedDocument { path, as_lines, copy: None })
    }

    /// Its text, where it is no longer than `bytes_max`.
    pub fn text(&self, bytes_max: u64) -> anyhow::Result<String> {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(&self.path)?;
        file.take(bytes_max + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > bytes_max {
            let most = crate::config::format_bytes(bytes_max);
            bail!(
                "the document is larger than {most}: a part of it, which is whole JSON, shows its shape as well"
            );
        }
        String::from_utf8(bytes).ok().context("the document is not UTF-8: serve it as UTF-8")
    }
}

/// Says on a terminal what takes a while.
pub fn say(what: &str) {
    if io::stderr().is_terminal() {
        logs::say(&format!("{what} …\n"));
    }
}

async fn fetch(url: &str, feed: &FeedSettings) -> anyhow::Result<ObtainedDocument> {
    // what the feed's own server is sent is for nobody else
    let credentials = feed.credentials.clone().filter(|_| feed.url == url);
    let feed = FeedSettings { url: url.to_owned(), credentials, ..feed.clone() };
    let directory = copy_directory()?;
    let mut document =
        ObtainedDocument { path: directory.join("document"), as_lines: false, copy: Some(directory) };
    say(&format!("fetching {}", url.split('?').next().unwrap_or_default()));
    let request = FetchRequest {
        feed: &feed,
        etag: None,
        last_modified: None,
        spool: &document.path,
        disk_free_bytes_min: 0,
        now: Clock::system().now(),
    };
    match Fetcher::new()?.fetch(request).await? {
        Fetched::Body(spooled) => document.as_lines = spooled.served_as_lines,
        Fetched::NotModified => bail!("the server says 304 although no validator was sent"),
    }
    Ok(document)
}

fn copy_directory() -> anyhow::Result<PathBuf> {
    let name = format!("tidegate-{}-{:x}", std::process::id(), getrandom::u64()?);
    let directory = std::env::temp_dir().join(name);
    create_directory(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    Ok(directory)
}

fn spool(mut input: impl Read, path: &Path, bytes_max: u64) -> anyhow::Result<()> {
    let mut file = create_file(path)?;
    let mut block = vec![0; BLOCK_BYTES];
    let mut passed = 0;
    loop {
        let bytes = input.read(&mut block)?;
        if bytes == 0 {
            break;
        }
        passed += bytes as u64;
        if passed > bytes_max {
            bail!("it is larger than {}", crate::config::format_bytes(bytes_max));
        }
        file.write_all(&block[..bytes])?;
    }
    drop(file);
    refuse_compressed(path)
}

fn refuse_compressed(path: &Path) -> anyhow::Result<()> {
    let mut first = [0; 2];
    let mut file = std::fs::File::open(path)?;
    if file.read(&mut first)? == 2 && first == [0x1f, 0x8b] {
        bail!("it is compressed: `gunzip -c FILE | tidegate feed … -` reads it");
    }
    Ok(())
}
