//! Durations counted by size: constant memory, no allocation while it records.
//!
//! A quantile is never below the true one and less than a hundredth above it. Durations beyond some
//! 18 minutes count as such; the maximum is exact.

use std::time::Duration;

/// 2^40 ns: no request is waited for that long.
const NANOS_MAX: u64 = (1 << 40) - 1;
/// With a third digit each driver's counts would take 300 kB, and no longer stay in its cache.
const SIGNIFICANT_DIGITS: u8 = 2;

/// Counts of durations by size.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    counts: hdrhistogram::Histogram<u64>,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Histogram {
        let counts = hdrhistogram::Histogram::new_with_max(NANOS_MAX, SIGNIFICANT_DIGITS);
        Histogram { counts: counts.expect("the bounds are in order"), max: Duration::ZERO }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).min(NANOS_MAX);
        self.counts.saturating_record(nanos);
        self.max = self.max.max(Duration::from_nanos(nanos));
    }

    /// Adds what another histogram has counted.
    pub fn merge(&mut self, other: &Histogram) {
        self.counts.add(&other.counts).expect("all histograms have the same bounds");
        self.max = self.max.max(other.max);
    }

    /// How many durations were recorded.
    pub fn count(&self) -> u64 {
        self.counts.len()
    }

    /// The longest duration recorded; zero while empty.
    pub fn max(&self) -> Duration {
        self.max
    }

    /// The duration that a share `quantile` (above 0.0, up to 1.0) of all does not exceed; zero
    /// while empty.
    pub fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.counts.value_at_quantile(quantile)).min(self.max)
    }
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
    fn an_empty_histogram_reads_as_zero() {
        let histogram = Histogram::default();
        assert_eq!((histogram.quantile(0.99), histogram.max()), (Duration::ZERO, Duration::ZERO));
    }

    #[test]
    fn a_value_beyond_the_range_counts_as_the_largest() {
        let mut histogram = Histogram::default();
        histogram.record(Duration::MAX);
        assert_eq!(histogram.quantile(0.5), Duration::from_nanos(NANOS_MAX));
    }

    proptest! {
        #[test]
        fn a_quantile_is_less_than_a_hundredth_above_the_true_one_and_never_below_it(
            values in prop::collection::vec((0..NANOS_MAX, 0..40u32).prop_map(|(v, s)| v >> s), 1..300),
            quantile in 0.001..=1.0f64,
        ) {
            let truth = exact(&values, quantile);
            let read = of(&values).quantile(quantile).as_nanos() as u64;
            prop_assert!(read >= truth && read - truth <= truth / 100, "{} for {}", read, truth);
        }

        #[test]
        fn the_maximum_is_exact(values in prop::collection::vec(0..NANOS_MAX, 1..50)) {
            let max = values.iter().max().copied().unwrap();
            prop_assert_eq!(of(&values).max(), Duration::from_nanos(max));
            prop_assert_eq!(of(&values).quantile(1.0), Duration::from_nanos(max));
        }

        #[test]
        fn merging_equals_recording_all_in_one(
            left in prop::collection::vec(0..1_000_000u64, 0..100),
            right in prop::collection::vec(0..1_000_000u64, 0..100),
        ) {
            let mut merged = of(&left);
            merged.merge(&of(&right));
            let whole = of(&[left, right].concat());
            prop_assert_eq!(merged.count(), whole.count());
            prop_assert_eq!(merged, whole);
        }
    }
}
