//! A partner's rates, charged at the edge, and what is said where one is used up.

use super::fault::Fault;
use crate::actors::{Limits, Shed};
use std::time::Duration;

/// The buckets of a partner, by the names that it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    Prices,
    AssetWrites,
    Reads,
}

impl Rate {
    pub fn as_str(self) -> &'static str {
        match self {
            Rate::Prices => "prices",
            Rate::AssetWrites => "asset_writes",
            Rate::Reads => "reads",
        }
    }

    /// Takes `n` from the bucket, or says when they will be there.
    pub fn charge(self, limits: &Limits, n: usize) -> Result<(), Fault> {
        let bucket = match self {
            Rate::Prices => &limits.prices,
            Rate::AssetWrites => &limits.asset_writes,
            Rate::Reads => &limits.reads,
        };
        bucket.take(n).map_err(|shed| match shed {
            Shed::PartnerRate { retry_after } => {
                Fault::RateLimited(Used { rate: self, per_second: bucket.rate, retry_after })
            }
            other => Fault::Shed(other),
        })
    }
}

/// A bucket that is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    rate: Rate,
    per_second: u32,
    pub retry_after: Duration,
}

impl Used {
    /// The values of `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers).
    pub fn headers(&self) -> [(&'static str, String); 2] {
        let name = self.rate.as_str();
        let seconds = self.retry_after.as_secs() + 1;
        [
            ("ratelimit-policy", format!("\"{name}\";q={};w=1", self.per_second)),
            ("ratelimit", format!("\"{name}\";r=0;t={seconds}")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LimitSettings;

    #[test]
    fn a_used_up_rate_names_itself_and_when_it_is_back() {
        let settings =
            LimitSettings { reads_per_second: 1, burst: Duration::from_secs(2), ..LimitSettings::default() };
        let limits = Limits::new(&settings);
        assert!(Rate::Reads.charge(&limits, 2).is_ok());
        let Err(Fault::RateLimited(used)) = Rate::Reads.charge(&limits, 1) else {
            panic!("the bucket is empty")
        };
        assert_eq!(used.headers()[0], ("ratelimit-policy", "\"reads\";q=1;w=1".to_owned()));
        assert!(matches!(Rate::Reads.charge(&limits, 3), Err(Fault::Shed(Shed::BeyondBurst { burst: 2 }))));
        assert!(Rate::Prices.charge(&limits, 1).is_ok(), "each kind of work has its own bucket");
    }
}
