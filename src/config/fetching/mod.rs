//! How a feed is fetched: time-outs, pace, whom its address may lead to, how far its server's validators
//! are believed, and when a server that fails is left alone.

mod allowed;
mod credentials;
mod url;

pub use allowed::{AllowedPlace, NoPlace};
pub(super) use credentials::credentials;
pub(super) use url::checked_url;

use super::fault::Wrong;
use super::raw::{Section, text_of};
use super::secret::secret;
use super::units::{MIB, seconds};
use super::{ClientCertificate, FetchSettings};
use allowed::allowed_place;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// More is a mistake: a feed has one server, and a few that it redirects to.
const PLACES_MAX: usize = 64;

pub(super) fn timeouts() -> RangeInclusive<Duration> {
    Duration::from_millis(100)..=Duration::from_secs(DAY)
}

/// Reads what a feed says of its fetches. `idle`: what it says of silence in the middle of a body.
pub(super) fn fetching(s: &mut Section<'_>, idle: Duration) -> FetchSettings {
    let default = FetchSettings::default();
    // a document that is made when it is asked for begins late, and then flows
    let first_byte = default.first_byte_timeout.max(idle);
    let mut circuit = s.section("circuit");
    let (circuit_failures, circuit_pause) = (
        circuit.number("failures", default.circuit_failures, 1..=1_000),
        circuit.duration("pause", default.circuit_pause, seconds(1, DAY)),
    );
    circuit.finish();
    FetchSettings {
        first_byte_timeout: s.duration("first_byte_timeout", first_byte, timeouts()),
        bytes_per_second_min: s.bytes("bytes_per_second_min", default.bytes_per_second_min, 1..=MIB),
        allow: allow(s).unwrap_or_default(),
        whole_every: s.number("whole_every", default.whole_every, 1..=1_000),
        whole_after: s.duration("whole_after", default.whole_after, seconds(1, 366 * DAY)),
        circuit_failures,
        circuit_pause,
        trusted_roots: file(s, "trusted_roots"),
        certificate: s.optional_section("certificate").and_then(certificate),
    }
}

fn allow(section: &mut Section<'_>) -> Option<Vec<AllowedPlace>> {
    section.list("allow", PLACES_MAX, |value| allowed_place(text_of(value)?))
}

/// The certificate that its server is shown.
fn certificate(mut section: Section<'_>) -> Option<ClientCertificate> {
    if !section.has("chain") {
        section.refuse("chain", Wrong::rule("is needed here").hint("a PEM file, the client's own first"));
    }
    let (chain, key) = (file(&mut section, "chain"), secret(&mut section, "key"));
    section.finish();
    Some(ClientCertificate { chain: chain?, key: key? })
}

/// A file by its path from the configuration's directory; it must be there, and is not read.
fn file(section: &mut Section<'_>, key: &'static str) -> Option<PathBuf> {
    let directory = section.source.directory;
    section.read(key, |value| {
        let path = directory.join(text_of(value)?);
        let missing = || Wrong::rule("there is no such file").hint(format!("looked for {}", path.display()));
        path.is_file().then(|| path.clone()).ok_or_else(missing)
    })
}
