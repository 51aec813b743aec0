//! A partner's rates, charged at the edge, and what is said where one is used up.

use crate::actors::{Bucket, Limits, Shed};
use crate::http::reply::Fault;
use crate::http::reply::fault::Used;

/// The buckets of a partner, by the names that it is told.
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
    /// The name that partners see.
    pub fn as_str(self) -> &'static str {
        match self {
            Rate::Prices => "prices",
            Rate::AssetWrites => "asset_writes",
            Rate::Reads => "reads",
        }
    }

    /// Takes one from the bucket, before the body is read: a place for the first item.
    pub fn charge_first(self, limits: &Limits) -> Result<(), Fault> {
        self.take(limits, 1)
    }

    /// Takes what the other items of `n` need.
    pub fn charge_rest(self, limits: &Limits, n: usize) -> Result<(), Fault> {
        let burst = self.bucket(limits).burst;
        if n > usize::try_from(burst).unwrap_or(usize::MAX) {
            return Err(Fault::Shed(Shed::BeyondBurst { burst }));
        }
        self.take(limits, n.saturating_sub(1))
    }

    /// How much a second, and how much at once.
    pub fn quota(self, limits: &Limits) -> (u32, u32) {
        let bucket = self.bucket(limits);
        (bucket.rate, bucket.burst)
    }

    fn bucket(self, limits: &Limits) -> &Bucket {
        match self {
            Rate::Prices => &limits.prices,
            Rate::AssetWrites => &limits.asset_writes,
            Rate::Reads => &limits.reads,
        }
    }

    fn take(self, limits: &Limits, n: usize) -> Result<(), Fault> {
        let bucket = self.bucket(limits);
        bucket.take(n).map_err(|shed| match shed {
            Shed::PartnerRate { retry_after } => {
                let (burst, per_second) = (bucket.burst, bucket.rate);
                Fault::RateLimited(Used { rate: self.as_str(), burst, per_second, retry_after })
            }
            other => Fault::Shed(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LimitSettings;
    use std::time::Duration;

    #[test]
    fn a_used_up_rate_names_itself_and_when_it_is_back() {
        let settings =
            LimitSettings { reads_per_second: 1, burst: Duration::from_secs(2), ..LimitSettings::default() };
        let limits = Limits::new(&settings);
        assert!(Rate::Reads.charge_first(&limits).is_ok() && Rate::Reads.charge_rest(&limits, 2).is_ok());
        let Err(Fault::RateLimited(used)) = Rate::Reads.charge_first(&limits) else {
            panic!("the bucket is empty")
        };
        assert_eq!(used.headers()[0], ("ratelimit-policy", "\"reads\";q=2;w=2".to_owned()));
        assert!(Rate::Prices.charge_first(&limits).is_ok(), "each kind of work has its own bucket");
        let beyond = Rate::Reads.charge_rest(&limits, 3);
        assert!(matches!(beyond, Err(Fault::Shed(Shed::BeyondBurst { burst: 2 }))), "it can never pass");
    }
}
