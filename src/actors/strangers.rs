//! Callers that could not be known: so many calls a minute may fail to prove themselves from one
//! address, then they are told to wait.
//!
//! Only failures are charged, and the key of every call is looked at: all partners may come from the
//! one address of a proxy, and one that sends wrong keys must not shut the others out. Nobody gains by
//! guessing for longer, since a key is not guessed; what is bounded is what failures cost us: answers,
//! lines of the log, and the memory for their addresses.

use super::admission::Shed;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

/// Addresses that are kept apart. A bucket is forgotten once it is full again; while there are more,
/// all share one.
const ADDRESSES_MAX: usize = 16_384;
/// Lines of the log a minute: one a second would hide all others.
const LINES_PER_MINUTE: NonZeroU32 = NonZeroU32::new(12).expect("twelve are some");

/// What could not be known of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The bearer key of a partner or a reader.
    Key,
    /// The secret or the signature of a hook's sender.
    Hook,
    /// The operator's token.
    Operator,
}

impl Failure {
    /// Stable label for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Failure::Key => "key",
            Failure::Hook => "hook",
            Failure::Operator => "operator",
        }
    }
}

/// The failures of each address.
pub struct Strangers {
    by_address: DefaultKeyedRateLimiter<IpAddr>,
    others: DefaultDirectRateLimiter,
    lines: DefaultDirectRateLimiter,
    /// Looking through all addresses for those to forget takes a tenth of a millisecond.
    sweeps: DefaultDirectRateLimiter,
    not_logged: AtomicU64,
    addresses_max: usize,
}

impl Strangers {
    /// So many failures a minute from one address, and as many at once.
    pub fn new(failures_per_minute: u32) -> Strangers {
        Strangers::among(failures_per_minute, ADDRESSES_MAX)
    }

    fn among(failures_per_minute: u32, addresses_max: usize) -> Strangers {
        let quota = Quota::per_minute(NonZeroU32::new(failures_per_minute).unwrap_or(NonZeroU32::MIN));
        Strangers {
            by_address: RateLimiter::keyed(quota),
            others: RateLimiter::direct(quota),
            lines: RateLimiter::direct(Quota::per_minute(LINES_PER_MINUTE)),
            sweeps: RateLimiter::direct(Quota::per_second(NonZeroU32::MIN)),
            not_logged: AtomicU64::new(0),
            addresses_max,
        }
    }

    /// A call from there has failed. Errs where its address has used up what it may.
    pub fn note(&self, address: IpAddr, failure: Failure) -> Result<(), Shed> {
        let address = network_of(address);
        let is_within = if self.by_address.len() < self.addresses_max || self.makes_room() {
            self.by_address.check_key(&address)
        } else {
            self.others.check()
        };
        self.log(address, failure, is_within.is_ok());
        is_within.map_err(|not_until| {
            let retry_after = not_until.wait_time_from(DefaultClock::default().now());
            Shed::Strangers { retry_after }
        })
    }

    /// Forgets the addresses that have not failed for a while.
    fn makes_room(&self) -> bool {
        if self.sweeps.check().is_ok() {
            self.by_address.retain_recent();
        }
        self.by_address.len() < self.addresses_max
    }

    /// The address, never what was sent.
    fn log(&self, address: IpAddr, failure: Failure, is_within: bool) {
        if self.lines.check().is_err() {
            self.not_logged.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let not_logged = self.not_logged.swap(0, Ordering::Relaxed);
        tracing::warn!(%address, reason = failure.as_str(), is_within, not_logged, "refused a call whose caller is not known");
    }
}

/// What an address is counted under: the /64 for IPv6, where one customer has that many addresses.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_that_has_failed_too_often_is_told_to_wait_and_no_other_is() {
        let strangers = Strangers::among(3, 100);
        let fails = |address: &str| strangers.note(ip(address), Failure::Key);
        for _ in 0..3 {
            assert_eq!(fails("192.0.2.1"), Ok(()));
        }
        let Err(Shed::Strangers { retry_after }) = fails("::ffff:192.0.2.1") else {
            panic!("the same address")
        };
        assert!((15..=20).contains(&retry_after.as_secs()), "{retry_after:?}");
        assert_eq!(fails("192.0.2.2"), Ok(()));
        for place in 0..3 {
            assert_eq!(fails(&format!("2001:db8::{place}")), Ok(()));
        }
        assert!(fails("2001:db8::77").is_err() && fails("2001:db8:0:1::77").is_ok(), "a /64 is one");
    }

    #[test]
    fn addresses_beyond_the_bound_share_one_budget_and_take_no_memory() {
        let strangers = Strangers::among(3, 2);
        let outcomes: Vec<_> =
            (1..=9).map(|n| strangers.note(ip(&format!("192.0.2.{n}")), Failure::Key).is_ok()).collect();
        assert_eq!(outcomes, [true, true, true, true, true, false, false, false, false]);
        assert_eq!(strangers.by_address.len(), 2);
        assert!(strangers.note(ip("192.0.2.1"), Failure::Key).is_err(), "they too");
    }
}
