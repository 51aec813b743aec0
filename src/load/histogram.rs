//! A log-linear histogram of durations: constant memory, no allocation while it records.
//!
//! Below 128 ns every value has a bucket of its own; above, each power of two is cut into 64, so a
//! quantile is never below the true one and at most 1/64 above it. Values beyond some 18 minutes
//! count as such; the maximum is exact.

use std::time::Duration;

/// 2^6 buckets for each power of two.
const PRECISION_BITS: u32 = 6;
const VALUE_MAX: u64 = (1 << 40) - 1;
const BUCKETS: usize = index(VALUE_MAX) + 1;

/// Counts of durations by size.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Box<[u64]>,
    count: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { counts: vec![0; BUCKETS].into_boxed_slice(), count: 0, max: 0 }
    }
}

impl Histogram {
    pub fn record(&mut self, duration: Duration) {
        let value = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).min(VALUE_MAX);
        self.counts[index(value)] += 1;
        self.count += 1;
        self.max = self.max.max(value);
    }

    /// Adds what another histogram has counted.
    pub fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// The duration that a share `quantile` (0.0–1.0) of all does not exceed; zero while empty.
    pub fn quantile(&self, quantile: f64) -> Duration {
        let rank = ((quantile * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_nanos(highest(bucket).min(self.max));
            }
        }
        self.max()
    }
}

const fn index(value: u64) -> usize {
    let highest_bit = 63 - (value | 1).leading_zeros();
    let shift = highest_bit.saturating_sub(PRECISION_BITS);
    ((shift as usize) << PRECISION_BITS) + (value >> shift) as usize
}

/// The highest value that falls into a bucket.
fn highest(bucket: usize) -> u64 {
    let shift = (bucket >> PRECISION_BITS).saturating_sub(1);
    let mantissa = (bucket - (shift << PRECISION_BITS)) as u64;
    ((mantissa + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        for &value in values {
            histogram.record(Duration::from_nanos(value));
        }
        histogram
    }

    fn exact(values: &[u64], quantile: f64) -> u64 {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let rank = ((quantile * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
        sorted[rank - 1]
    }

    #[test]
    fn buckets_follow_each_other_without_gap_or_overlap() {
        for bucket in 0..BUCKETS {
            assert_eq!(index(highest(bucket)), bucket);
            assert_eq!(index(highest(bucket) + 1), bucket + 1);
        }
        assert_eq!(highest(BUCKETS - 1), VALUE_MAX);
    }

    #[test]
    fn an_empty_histogram_reads_as_zero() {
        let histogram = Histogram::default();
        assert_eq!((histogram.quantile(0.99), histogram.max()), (Duration::ZERO, Duration::ZERO));
    }

    #[test]
    fn a_value_beyond_the_range_counts_as_the_largest() {
        let mut histogram = Histogram::default();
        histogram.record(Duration::MAX);
        assert_eq!(histogram.quantile(0.5), Duration::from_nanos(VALUE_MAX));
    }

    proptest! {
        #[test]
        fn a_quantile_is_at_most_a_sixty_fourth_above_the_true_one(
            values in prop::collection::vec(0..VALUE_MAX, 1..300),
            quantile in 0.0..=1.0f64,
        ) {
            let truth = exact(&values, quantile);
            let read = of(&values).quantile(quantile).as_nanos() as u64;
            prop_assert!(read >= truth && read <= truth + truth / 64, "{} for {}", read, truth);
        }

        #[test]
        fn merging_equals_recording_all_in_one(
            left in prop::collection::vec(0..1_000_000u64, 0..100),
            right in prop::collection::vec(0..1_000_000u64, 0..100),
        ) {
            let mut merged = of(&left);
            merged.merge(&of(&right));
            let whole = of(&[left, right].concat());
            prop_assert_eq!(merged.counts, whole.counts);
            prop_assert_eq!((merged.count, merged.max), (whole.count, whole.max));
        }
    }
}
