//! What a caller may ask for in a time: for each kind of work one lane, with a bucket of items and one
//! of bytes. governor fills them; what it cannot say of itself, how much is left, is read from what it
//! answers to each charge.

use super::admission::Shed;
use crate::config::{LimitSettings, ReaderLimitSettings};
use bytes::Bytes;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bytes are counted in units of this many: governor measures the time of one token in whole
/// nanoseconds, and a gigabyte a second is one byte each.
const BYTES_UNIT: u32 = 64;

type Limiter = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

/// A partner's lanes.
#[derive(Debug)]
pub struct Limits {
    /// Prices, singly or in batches.
    pub prices: Arc<RateLane>,
    /// Writes of assets.
    pub asset_writes: Arc<RateLane>,
    /// Reads of any kind, and orders.
    pub reads: Arc<RateLane>,
}

/// What one lane may take a second.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rates {
    items: u32,
    bytes: u64,
    burst: Duration,
}

impl Limits {
    /// Full buckets, as the settings size them.
    pub fn new(settings: &LimitSettings) -> Limits {
        let [prices, asset_writes, reads] = rates(settings);
        Limits {
            prices: Arc::new(RateLane::new("prices", prices)),
            asset_writes: Arc::new(RateLane::new("asset_writes", asset_writes)),
            reads: Arc::new(RateLane::new("reads", reads)),
        }
    }

    /// As the settings size them now: a lane whose rates are what they were stays as used up as it is.
    pub fn resized(&self, settings: &LimitSettings) -> Limits {
        let [prices, asset_writes, reads] = rates(settings);
        Limits {
            prices: self.prices.resized(prices),
            asset_writes: self.asset_writes.resized(asset_writes),
            reads: self.reads.resized(reads),
        }
    }
}

fn rates(settings: &LimitSettings) -> [Rates; 3] {
    let burst = settings.burst;
    [
        (settings.prices_per_second, settings.price_bytes_per_second),
        (settings.asset_writes_per_second, settings.asset_write_bytes_per_second),
        (settings.reads_per_second, settings.read_bytes_per_second),
    ]
    .map(|(items, bytes)| Rates { items, bytes, burst })
}

/// One kind of work: its items, and their bytes.
#[derive(Debug)]
pub struct RateLane {
    /// As the caller knows it.
    pub name: &'static str,
    /// A request is one at least, a batch as many as it holds.
    pub items: Bucket,
    /// Of bodies as they came, or of answers as they were made.
    pub bytes: Bucket,
    /// Both, as `RateLimit-Policy` says it (draft-ietf-httpapi-ratelimit-headers).
    pub policy: Bytes,
    rates: Rates,
}

impl RateLane {
    /// The one lane of a reader.
    pub fn of_reader(settings: &ReaderLimitSettings) -> RateLane {
        RateLane::new("reads", reader_rates(settings))
    }

    /// As [`Limits::resized`].
    pub fn resized_for_reader(self: &Arc<RateLane>, settings: &ReaderLimitSettings) -> Arc<RateLane> {
        self.resized(reader_rates(settings))
    }

    fn new(name: &'static str, rates: Rates) -> RateLane {
        let items = Bucket::new(u64::from(rates.items), rates.burst, 1);
        let bytes = Bucket::new(rates.bytes, rates.burst, BYTES_UNIT);
        let policy = format!(
            "\"{name}\";q={};w={}, \"{name}-bytes\";q={};w={};qu=\"content-bytes\"",
            items.burst(),
            items.window_seconds(),
            bytes.burst(),
            bytes.window_seconds(),
        );
        RateLane { name, items, bytes, policy: policy.into(), rates }
    }

    fn resized(self: &Arc<RateLane>, rates: Rates) -> Arc<RateLane> {
        if self.rates == rates { Arc::clone(self) } else { Arc::new(RateLane::new(self.name, rates)) }
    }
}

fn reader_rates(settings: &ReaderLimitSettings) -> Rates {
    Rates { items: settings.reads_per_second, bytes: settings.read_bytes_per_second, burst: settings.burst }
}

/// One token bucket. What is known only once the work is done is owed, and paid before anything else is
/// taken.
#[derive(Debug)]
pub struct Bucket {
    limiter: Limiter,
    /// Tokens.
    owed: AtomicU64,
    /// Tokens a second.
    rate: NonZeroU32,
    /// Tokens that it holds.
    burst: NonZeroU32,
    /// One token is so many of what is counted.
    unit: u32,
}

/// Why nothing was taken from a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    /// What is to be said of it.
    pub why: Shed,
    /// What is left in the bucket; below zero where more is owed than it holds.
    pub left: i64,
}

impl Bucket {
    fn new(per_second: u64, burst: Duration, unit: u32) -> Bucket {
        let tokens = |n: f64| NonZeroU32::new(n as u32).unwrap_or(NonZeroU32::MIN);
        let rate = tokens(per_second as f64 / f64::from(unit));
        let burst = tokens((f64::from(rate.get()) * burst.as_secs_f64()).min(f64::from(u32::MAX)));
        let quota = Quota::per_second(rate).allow_burst(burst);
        let limiter = RateLimiter::direct(quota).with_middleware();
        Bucket { limiter, owed: AtomicU64::new(0), rate, burst, unit }
    }

    /// So many are filled in each second.
    pub fn per_second(&self) -> u64 {
        u64::from(self.rate.get()) * u64::from(self.unit)
    }

    /// It holds so many.
    pub fn burst(&self) -> u64 {
        u64::from(self.burst.get()) * u64::from(self.unit)
    }

    /// After how many seconds it is full again, when so much is left in it.
    pub fn full_in_seconds(&self, left: i64) -> u64 {
        let missing = (self.burst() as i64).saturating_sub(left);
        u64::try_from(missing).unwrap_or_default().div_ceil(self.per_second())
    }

    fn window_seconds(&self) -> u64 {
        self.full_in_seconds(0)
    }

    /// Takes `n`, one token at least, and says what is left; or how long to wait.
    pub fn take(&self, n: u64) -> Result<i64, Short> {
        let tokens = n.div_ceil(u64::from(self.unit)).max(1);
        let tokens = u32::try_from(tokens).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MAX);
        self.settle()?;
        self.charge(tokens)
    }

    /// Takes `n` that have been used already, whether they are there or not: what is not there is owed.
    /// Says what is left.
    pub fn owe(&self, n: u64) -> i64 {
        self.owed.fetch_add(n.div_ceil(u64::from(self.unit)).max(1), Ordering::Relaxed);
        match self.settle() {
            Ok(left) => left.unwrap_or_default(),
            Err(short) => short.left,
        }
    }

    /// Pays what is owed, in parts that the bucket can hold.
    fn settle(&self) -> Result<Option<i64>, Short> {
        let mut left = None;
        loop {
            let owed = self.owed.load(Ordering::Relaxed);
            let part = u32::try_from(owed).unwrap_or(u32::MAX).min(self.burst.get());
            let Some(part) = NonZeroU32::new(part) else { return Ok(left) };
            let part_owed = u64::from(part.get());
            match self.charge(part) {
                Ok(after) => {
                    left = Some(after);
                    // another call may have paid the same meanwhile: then it was paid twice, not owed below zero
                    let paid = |owed: u64| Some(owed.saturating_sub(part_owed));
                    let _ = self.owed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, paid);
                }
                Err(Short { why, left }) => {
                    let rest = owed - part_owed;
                    let left = left.saturating_sub_unsigned(owed.saturating_mul(u64::from(self.unit)));
                    return Err(Short { why: self.later_by(why, rest), left });
                }
            }
        }
    }

    fn later_by(&self, why: Shed, tokens: u64) -> Shed {
        match why {
            Shed::PartnerRate { retry_after } => {
                let rest = Duration::from_secs_f64(tokens as f64 / f64::from(self.rate.get()));
                Shed::PartnerRate { retry_after: retry_after + rest }
            }
            other => other,
        }
    }

    fn charge(&self, tokens: NonZeroU32) -> Result<i64, Short> {
        let unit = i64::from(self.unit);
        match self.limiter.check_n(tokens) {
            Ok(Ok(snapshot)) => Ok(i64::from(snapshot.remaining_burst_capacity()) * unit),
            Ok(Err(not_until)) => {
                let retry_after = not_until.wait_time_from(DefaultClock::default().now());
                // what is missing of `tokens` is what comes in that time
                let missing = (retry_after.as_secs_f64() * f64::from(self.rate.get())).ceil() as i64;
                let left = (i64::from(tokens.get()) - missing).max(0) * unit;
                Err(Short { why: Shed::PartnerRate { retry_after }, left })
            }
            Err(_) => {
                Err(Short { why: Shed::BeyondBurst { burst: self.burst() }, left: self.burst() as i64 })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(per_second: u64, seconds: u64, unit: u32) -> Bucket {
        Bucket::new(per_second, Duration::from_secs(seconds), unit)
    }

    #[test]
    fn more_than_the_burst_can_never_pass() {
        let bucket = bucket(10, 2, 1);
        let beyond = bucket.take(21).unwrap_err();
        assert_eq!(beyond.why, Shed::BeyondBurst { burst: 20 });
        assert_eq!(bucket.take(20), Ok(0));
        let short = bucket.take(5).unwrap_err();
        assert!(matches!(short.why, Shed::PartnerRate { .. }) && short.left == 0, "{short:?}");
    }

    #[test]
    fn what_is_left_is_told_by_each_charge_granted_or_not() {
        // slow enough that nothing comes in meanwhile
        let bucket = bucket(1, 3_600, 1);
        assert_eq!(bucket.take(3_000), Ok(600));
        let short = bucket.take(601).unwrap_err();
        assert_eq!(short.left, 600);
        assert_eq!(bucket.full_in_seconds(600), 3_000);
    }

    #[test]
    fn what_was_used_beyond_the_bucket_is_owed_and_waited_for() {
        let bucket = bucket(640, 1, BYTES_UNIT);
        assert_eq!(bucket.take(1), Ok(640 - 64), "one token at least");
        assert!(bucket.owe(64 * 640) < 0);
        let short = bucket.take(1).unwrap_err();
        let Shed::PartnerRate { retry_after } = short.why else { panic!("{short:?}") };
        // 64 seconds' worth is owed, of which nine tenths of one were there
        assert!((62..=64).contains(&retry_after.as_secs()), "{retry_after:?}");
        assert!(bucket.full_in_seconds(short.left) >= 63);
    }

    #[test]
    fn a_debt_within_the_bucket_is_paid_at_once() {
        let bucket = bucket(1, 3_600, 1);
        assert_eq!(bucket.owe(100), 3_500);
        assert_eq!(bucket.take(500), Ok(3_000));
    }

    #[test]
    fn a_lane_whose_rates_did_not_change_stays_as_used_up_as_it_is() {
        let settings = LimitSettings { burst: Duration::from_secs(60), ..LimitSettings::default() };
        let limits = Limits::new(&settings);
        let again = limits.resized(&LimitSettings { reads_per_second: 7, ..settings });
        assert!(Arc::ptr_eq(&limits.prices, &again.prices) && !Arc::ptr_eq(&limits.reads, &again.reads));
        assert_eq!(again.reads.items.burst(), 420);
    }

    #[test]
    fn a_policy_names_both_buckets_with_their_units() {
        let rates = Rates { items: 100, bytes: 6_400, burst: Duration::from_secs(2) };
        let lane = RateLane::new("reads", rates);
        let policy = "\"reads\";q=200;w=2, \"reads-bytes\";q=12800;w=2;qu=\"content-bytes\"";
        assert_eq!(lane.policy, policy);
    }
}
