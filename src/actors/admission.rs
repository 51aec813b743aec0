//! Admission: the right to be taken in, decided before the mailbox and before the body is read.
//!
//! Mailboxes are unbounded, so the bound is here: a permit over the request's bytes, of the
//! partner and of the daemon, travels with the message and falls when the reply has left.

use crate::config::LimitSettings;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits are counted in units of this many bytes.
const UNIT_BYTES: usize = 1024;

/// Why a request is not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shed {
    /// The partner's own quota is used up (429).
    PartnerRate { retry_after: Duration },
    /// The partner has too many bytes in flight (429).
    PartnerBytes,
    /// The daemon is full (503).
    DaemonBytes,
    /// More items at once than the quota's burst can ever hold (413).
    BeyondBurst { burst: u32 },
    /// The store cannot take writes now: overlay or disk is full, or it has failed (503).
    Storage,
}

impl Shed {
    /// Stable label for metrics and problem codes.
    pub fn as_str(self) -> &'static str {
        match self {
            Shed::PartnerRate { .. } => "partner_rate",
            Shed::PartnerBytes => "partner_bytes",
            Shed::DaemonBytes => "daemon_bytes",
            Shed::BeyondBurst { .. } => "beyond_burst",
            Shed::Storage => "storage",
        }
    }
}

/// The right to be worked on. Dropping it gives the bytes back.
#[derive(Debug)]
pub struct Permit {
    _partner: OwnedSemaphorePermit,
    _daemon: OwnedSemaphorePermit,
}

/// A budget of bytes in flight.
#[derive(Clone, Debug)]
pub struct Admission {
    bytes: Arc<Semaphore>,
}

impl Admission {
    pub fn new(bytes_max: usize) -> Admission {
        Admission { bytes: Arc::new(Semaphore::new((bytes_max / UNIT_BYTES).max(1))) }
    }

    /// Takes `bytes` from the partner's budget and from the daemon's, or neither.
    pub fn admit(daemon: &Admission, partner: &Admission, bytes: usize) -> Result<Permit, Shed> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES).max(1)).unwrap_or(u32::MAX);
        let partner = partner.bytes.clone().try_acquire_many_owned(units).map_err(|_| Shed::PartnerBytes)?;
        let daemon = daemon.bytes.clone().try_acquire_many_owned(units).map_err(|_| Shed::DaemonBytes)?;
        Ok(Permit { _partner: partner, _daemon: daemon })
    }
}

/// A partner's rate limits, one bucket per kind of work.
#[derive(Debug)]
pub struct Limits {
    pub prices: Bucket,
    pub asset_writes: Bucket,
    pub reads: Bucket,
}

impl Limits {
    pub fn new(settings: &LimitSettings) -> Limits {
        let bucket = |rate| Bucket::new(rate, settings.burst);
        Limits {
            prices: bucket(settings.prices_per_second),
            asset_writes: bucket(settings.asset_writes_per_second),
            reads: bucket(settings.reads_per_second),
        }
    }
}

/// One token bucket: `rate` a second, holding at most `burst`.
#[derive(Debug)]
pub struct Bucket {
    limiter: DefaultDirectRateLimiter,
    pub rate: u32,
    pub burst: u32,
}

impl Bucket {
    fn new(rate: u32, burst: Duration) -> Bucket {
        let rate = NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN);
        let burst = (f64::from(rate.get()) * burst.as_secs_f64()).clamp(1.0, f64::from(u32::MAX)) as u32;
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let limiter = RateLimiter::direct(Quota::per_second(rate).allow_burst(burst));
        Bucket { limiter, rate: rate.get(), burst: burst.get() }
    }

    /// Takes `n` tokens, or says when they will be there.
    pub fn take(&self, n: usize) -> Result<(), Shed> {
        let Some(n) = NonZeroU32::new(u32::try_from(n).unwrap_or(u32::MAX)) else { return Ok(()) };
        match self.limiter.check_n(n) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => Err(Shed::PartnerRate {
                retry_after: not_until.wait_time_from(DefaultClock::default().now()),
            }),
            Err(_) => Err(Shed::BeyondBurst { burst: self.burst }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_flight_are_bounded_for_partner_and_daemon() {
        let daemon = Admission::new(10 * UNIT_BYTES);
        let (a, b) = (Admission::new(8 * UNIT_BYTES), Admission::new(8 * UNIT_BYTES));
        let held = Admission::admit(&daemon, &a, 8 * UNIT_BYTES).unwrap();
        assert_eq!(Admission::admit(&daemon, &a, 1).unwrap_err(), Shed::PartnerBytes);
        assert_eq!(Admission::admit(&daemon, &b, 3 * UNIT_BYTES).unwrap_err(), Shed::DaemonBytes);
        // what was taken from the partner before the daemon refused has been given back
        assert!(Admission::admit(&daemon, &b, 2 * UNIT_BYTES).is_ok());
        drop(held);
        assert!(Admission::admit(&daemon, &b, 8 * UNIT_BYTES).is_ok());
    }

    #[test]
    fn more_than_the_burst_can_never_pass() {
        let bucket = Bucket::new(10, Duration::from_secs(2));
        assert_eq!(bucket.take(21), Err(Shed::BeyondBurst { burst: 20 }));
        assert_eq!(bucket.take(20), Ok(()));
        assert!(matches!(bucket.take(5), Err(Shed::PartnerRate { .. })));
        assert_eq!(bucket.take(0), Ok(()));
    }
}
