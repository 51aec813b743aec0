//! How long answers take: a histogram of fixed size, exact to about 3 %, for any length of run.

use std::time::Duration;

/// Buckets per doubling.
const STEPS: u64 = 32;
const BUCKETS: usize = (STEPS as usize) * 32;

#[derive(Clone, Debug)]
pub struct Latencies {
    counts: Box<[u64; BUCKETS]>,
    total: u64,
}

impl Default for Latencies {
    fn default() -> Latencies {
        Latencies { counts: Box::new([0; BUCKETS]), total: 0 }
    }
}

impl Latencies {
    pub fn record(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.counts[bucket(micros)] += 1;
        self.total += 1;
    }

    pub fn add(&mut self, other: &Latencies) {
        self.counts.iter_mut().zip(other.counts.iter()).for_each(|(count, more)| *count += more);
        self.total += other.total;
    }

    /// In milliseconds; 0 where nothing was recorded.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let rank = ((self.total as f64) * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let place = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        place.map_or(0.0, |place| lower_bound(place) as f64 / 1_000.0)
    }
}

/// Below `STEPS` each microsecond has its own bucket; above, each doubling has `STEPS`.
fn bucket(micros: u64) -> usize {
    if micros < STEPS {
        return micros as usize;
    }
    let doubling = u64::from(micros.ilog2() - STEPS.ilog2());
    let within = (micros >> doubling) - STEPS;
    ((STEPS * (doubling + 1) + within) as usize).min(BUCKETS - 1)
}

fn lower_bound(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    match bucket / STEPS {
        0 => bucket,
        row => (STEPS + bucket % STEPS) << (row - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_exact_to_a_few_per_cent() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile_ms(0.5), 0.0);
        (1..=10_000).for_each(|n| latencies.record(Duration::from_micros(n * 10)));
        for (share, ms) in [(0.01, 1.0), (0.5, 50.0), (0.99, 99.0), (1.0, 100.0)] {
            let found = latencies.quantile_ms(share);
            assert!((found - ms).abs() <= ms * 0.04, "{found} for {ms}");
        }
        let mut doubled = latencies.clone();
        doubled.add(&latencies);
        assert_eq!(doubled.quantile_ms(0.5), latencies.quantile_ms(0.5));
    }

    #[test]
    fn every_bucket_begins_where_the_last_one_ends() {
        for place in 0..BUCKETS {
            assert_eq!(bucket(lower_bound(place)), place);
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }
}
