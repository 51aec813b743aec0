//! A caller's rates, charged at the edge, and what each answer says of them.
//!
//! A call is charged one item before its body is read, and the others once it is known how many there
//! are; the bytes of a push by its announced length, before they come, and those of an answer once it is
//! made. A stream of changes and an export are one read: their clients' pace and the number of places
//! bound them.

use crate::actors::{Limits, PartnerEntry, RateLane, Shed, Short};
use crate::http::gate::auth::Caller;
use crate::http::reply::fault::Used;
use crate::http::reply::{Body, Fault};
use hyper::Response;
use hyper::body::Body as _;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// Two buckets of each lane, with the longest name and numbers that there are.
const TEXT_BYTES_MAX: usize = 6 * 64;

/// The lanes of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// Prices that are pushed.
    Prices,
    /// Assets that are pushed.
    AssetWrites,
    /// Reads, and orders.
    Reads,
}

impl Rate {
    /// All of them, in the order in which they are told.
    pub const ALL: [Rate; 3] = [Rate::Prices, Rate::AssetWrites, Rate::Reads];
}

/// What a call has been charged, and what each charge has left.
pub struct Meter {
    lanes: Lanes,
    left: [Left; Rate::ALL.len()],
}

enum Lanes {
    Partner(Arc<Limits>),
    /// A reader has one lane, whatever it asks for.
    Reader(Arc<RateLane>),
}

/// What is left in the two buckets of a lane after the last charge.
struct Left {
    items: AtomicI64,
    bytes: AtomicI64,
}

/// No charge has been made. Less than this is never owed.
const UNTOUCHED: i64 = i64::MIN;

impl Meter {
    /// Nothing is charged yet. `partner`: the one whose key it is.
    pub fn of(caller: &Caller, partner: Option<&PartnerEntry>) -> Meter {
        let lanes = match (caller, partner) {
            (Caller::Reader { reads, .. }, _) => Lanes::Reader(Arc::clone(reads)),
            (Caller::Partner { .. }, Some(partner)) => Lanes::Partner(partner.limits.load_full()),
            // its entry is looked up before; without one nothing is known of its rates
            (Caller::Partner { .. }, None) => {
                Lanes::Reader(Arc::new(RateLane::of_reader(&Default::default())))
            }
        };
        let left = || Left { items: AtomicI64::new(UNTOUCHED), bytes: AtomicI64::new(UNTOUCHED) };
        Meter { lanes, left: [left(), left(), left()] }
    }

    /// Takes one item: a place for the first, before the body is read.
    pub fn take_first(&self, rate: Rate) -> Result<(), Fault> {
        self.take_items(rate, 1)
    }

    /// Takes what the other items of `n` need.
    pub fn take_rest(&self, rate: Rate, n: usize) -> Result<(), Fault> {
        let burst = self.lane(rate).items.burst();
        if n as u64 > burst {
            return Err(Fault::Shed(Shed::BeyondBurst { burst }));
        }
        if n > 1 { self.take_items(rate, n as u64 - 1) } else { Ok(()) }
    }

    /// Takes the bytes of a body.
    pub fn take_bytes(&self, rate: Rate, n: usize) -> Result<(), Fault> {
        let lane = self.lane(rate);
        self.note(rate, true, lane.bytes.take(n as u64)).map_err(|shed| match shed {
            Shed::BeyondBurst { burst } => Fault::Shed(Shed::BeyondByteBurst { bytes_max: burst }),
            shed => used_up(lane.name, "-bytes", shed),
        })
    }

    /// Whether so many bytes may ever come at once.
    pub fn may_hold(&self, rate: Rate, bytes: usize) -> Result<(), Fault> {
        let bytes_max = self.lane(rate).bytes.burst();
        if bytes as u64 <= bytes_max { Ok(()) } else { Err(Fault::Shed(Shed::BeyondByteBurst { bytes_max })) }
    }

    /// Charges bytes that have been used already: a bucket may owe them.
    pub fn owe_bytes(&self, rate: Rate, n: usize) {
        let left = self.lane(rate).bytes.owe(n as u64);
        self.left(rate).bytes.store(left, Ordering::Relaxed);
    }

    /// The answer, whatever it is, with what is left: a read is charged its bytes, and a call that was
    /// refused before it was charged costs one all the same.
    pub fn settle(&self, rate: Rate, mut answer: Response<Body>) -> Response<Body> {
        if !self.is_touched() {
            let _ = self.take_first(rate);
        }
        // what has no end that is known is bounded by its client's pace
        if let (Rate::Reads, Some(bytes)) = (rate, answer.body().size_hint().exact()) {
            self.owe_bytes(rate, usize::try_from(bytes).unwrap_or(usize::MAX));
        }
        self.tell(answer.headers_mut());
        answer
    }

    /// Whether anything has been charged.
    pub fn is_touched(&self) -> bool {
        self.left.iter().any(|left| left.items.load(Ordering::Relaxed) != UNTOUCHED)
    }

    /// What is left in the lane: what is known of it by taking one of each.
    pub fn remaining(&self, rate: Rate) -> (u64, u64) {
        // what is refused is known too
        let _ = (self.take_first(rate), self.take_bytes(rate, 1));
        let left = |left: &AtomicI64| u64::try_from(left.load(Ordering::Relaxed)).unwrap_or_default();
        (left(&self.left(rate).items), left(&self.left(rate).bytes))
    }

    /// The lane that is charged.
    pub fn lane(&self, rate: Rate) -> &RateLane {
        match (&self.lanes, rate) {
            (Lanes::Reader(reads), _) => reads,
            (Lanes::Partner(limits), Rate::Prices) => &limits.prices,
            (Lanes::Partner(limits), Rate::AssetWrites) => &limits.asset_writes,
            (Lanes::Partner(limits), Rate::Reads) => &limits.reads,
        }
    }

    fn left(&self, rate: Rate) -> &Left {
        match self.lanes {
            Lanes::Reader(_) => &self.left[Rate::Reads as usize],
            Lanes::Partner(_) => &self.left[rate as usize],
        }
    }

    fn take_items(&self, rate: Rate, n: u64) -> Result<(), Fault> {
        let lane = self.lane(rate);
        self.note(rate, false, lane.items.take(n)).map_err(|shed| used_up(lane.name, "", shed))
    }

    fn note(&self, rate: Rate, is_bytes: bool, taken: Result<i64, Short>) -> Result<(), Shed> {
        let left = self.left(rate);
        let left = if is_bytes { &left.bytes } else { &left.items };
        let (value, taken) = match taken {
            Ok(value) => (value, Ok(())),
            Err(Short { why, left }) => (left, Err(why)),
        };
        left.store(value, Ordering::Relaxed);
        taken
    }

    /// `RateLimit` and `RateLimit-Policy`: every bucket that was charged
    /// (draft-ietf-httpapi-ratelimit-headers).
    fn tell(&self, headers: &mut HeaderMap) {
        let touched = || {
            let lanes = Rate::ALL.into_iter().map(|rate| (self.lane(rate), &self.left[rate as usize]));
            lanes.filter(|(_, left)| left.items.load(Ordering::Relaxed) != UNTOUCHED)
        };
        let mut text = Text { bytes: [0; TEXT_BYTES_MAX], length: 0 };
        for (lane, left) in touched() {
            for (bucket, left, suffix) in
                [(&lane.items, &left.items, ""), (&lane.bytes, &left.bytes, "-bytes")]
            {
                let left = left.load(Ordering::Relaxed);
                if left != UNTOUCHED {
                    let separator = if text.length > 0 { ", " } else { "" };
                    let (remaining, full_in) = (left.max(0), bucket.full_in_seconds(left));
                    write!(text, "{separator}\"{}{suffix}\";r={remaining};t={full_in}", lane.name)
                        .expect("there is room for all buckets");
                }
            }
        }
        let mut policies = touched().map(|(lane, _)| &lane.policy);
        let policy = match (policies.next(), policies.next()) {
            (None, _) => return,
            (Some(only), None) => HeaderValue::from_maybe_shared(only.clone()),
            (Some(first), Some(second)) => {
                let all: Vec<_> = [first, second].into_iter().chain(policies).map(|p| &p[..]).collect();
                HeaderValue::from_bytes(&all.join(&b", "[..]))
            }
        };
        headers.insert(RATE_LIMIT_POLICY, policy.expect("names and numbers"));
        headers.insert(RATE_LIMIT, HeaderValue::from_bytes(text.written()).expect("names and numbers"));
    }
}

fn used_up(lane: &'static str, suffix: &'static str, shed: Shed) -> Fault {
    match shed {
        Shed::PartnerRate { retry_after } => Fault::RateLimited(Used { lane, suffix, retry_after }),
        other => Fault::Shed(other),
    }
}

/// A text that is written without an allocation.
struct Text {
    bytes: [u8; TEXT_BYTES_MAX],
    length: usize,
}

impl Text {
    fn written(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LimitSettings;
    use std::time::Duration;

    fn meter(settings: &LimitSettings) -> Meter {
        let left = || Left { items: AtomicI64::new(UNTOUCHED), bytes: AtomicI64::new(UNTOUCHED) };
        Meter { lanes: Lanes::Partner(Arc::new(Limits::new(settings))), left: [left(), left(), left()] }
    }

    fn told(meter: &Meter) -> [String; 2] {
        let mut headers = HeaderMap::new();
        meter.tell(&mut headers);
        [&RATE_LIMIT_POLICY, &RATE_LIMIT].map(|name| headers[name].to_str().unwrap().to_owned())
    }

    /// So slow that nothing comes in while a test runs.
    fn slow() -> LimitSettings {
        LimitSettings {
            prices_per_second: 1,
            asset_writes_per_second: 1,
            reads_per_second: 1,
            read_bytes_per_second: 64,
            burst: Duration::from_secs(60),
            ..LimitSettings::default()
        }
    }

    #[test]
    fn a_used_up_lane_names_itself_and_when_it_is_back() {
        let meter = meter(&slow());
        assert!(meter.take_first(Rate::Reads).is_ok() && meter.take_rest(Rate::Reads, 60).is_ok());
        let Err(Fault::RateLimited(used)) = meter.take_first(Rate::Reads) else {
            panic!("the bucket is empty")
        };
        assert_eq!((used.lane, used.retry_after.as_secs()), ("reads", 0));
        let [policy, left] = told(&meter);
        assert!(policy.starts_with("\"reads\";q=60;w=60, "), "{policy}");
        assert_eq!(left, "\"reads\";r=0;t=60");
        assert!(meter.take_first(Rate::Prices).is_ok(), "each kind of work has its own bucket");
        let beyond = meter.take_rest(Rate::Reads, 61);
        assert!(matches!(beyond, Err(Fault::Shed(Shed::BeyondBurst { burst: 60 }))), "it can never pass");
    }

    #[test]
    fn every_bucket_that_was_charged_is_told() {
        let meter = meter(&slow());
        meter.take_first(Rate::Prices).unwrap();
        meter.take_rest(Rate::AssetWrites, 11).unwrap();
        meter.owe_bytes(Rate::AssetWrites, 1);
        let [policy, left] = told(&meter);
        assert_eq!(left.split(", ").count(), 3, "{left}");
        assert!(
            left.starts_with("\"prices\";r=59;t=1, \"asset_writes\";r=50;t=10, \"asset_writes-bytes\";r=")
        );
        assert_eq!(policy.matches(";q=").count(), 4, "{policy}");
    }

    #[test]
    fn what_was_answered_is_paid_before_anything_else_is_read() {
        let meter = meter(&slow());
        meter.owe_bytes(Rate::Reads, 64 * 90);
        let [_, left] = told_after_taking(&meter);
        assert!(left.contains("\"reads-bytes\";r=0;t=90"), "{left}");
        let Err(Fault::RateLimited(used)) = meter.take_bytes(Rate::Reads, 1) else { panic!("it owes") };
        assert!((29..=30).contains(&used.retry_after.as_secs()), "{used:?}");
        let beyond = meter.take_bytes(Rate::Prices, 1 << 40);
        assert!(matches!(beyond, Err(Fault::Shed(Shed::BeyondByteBurst { .. }))));
    }

    fn told_after_taking(meter: &Meter) -> [String; 2] {
        meter.take_first(Rate::Reads).unwrap();
        told(meter)
    }
}
