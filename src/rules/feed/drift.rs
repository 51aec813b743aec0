//! F1: whether the pages of a document are those of one version, as far as their ids show it.
//!
//! A list that moves while it is read shows a record twice, or not at all. What stands twice gives it
//! away; whether anything was passed over then, nobody can know.

use std::collections::HashSet;

/// Ids that stand on more than one page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// All of them.
    pub ids: u64,
    /// Those whose records do not say the same.
    pub differing: u64,
}

/// What becomes of a document whose pages have been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriftDecision {
    /// It is taken; ids that stand twice make it doubtful all the same (F6).
    Take,
    /// Its pages are fetched again.
    StartOver,
    /// The run fails.
    Fail,
}

impl Drift {
    /// Takes note of the records of one id: the page of each, and the hash of what it says.
    pub fn note(&mut self, records: impl Iterator<Item = (u32, u128)>) {
        let (pages, contents): (HashSet<u32>, HashSet<u128>) = records.unzip();
        if pages.len() > 1 {
            self.ids += 1;
            self.differing += u64::from(contents.len() > 1);
        }
    }

    /// A document is fetched a second time, and no third.
    pub fn decide(self, is_second: bool) -> DriftDecision {
        match self {
            Drift { ids: 0, .. } => DriftDecision::Take,
            _ if !is_second => DriftDecision::StartOver,
            Drift { differing: 0, .. } => DriftDecision::Take,
            _ => DriftDecision::Fail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ids: &[&[(u32, u128)]]) -> Drift {
        let mut drift = Drift::default();
        ids.iter().for_each(|records| drift.note(records.iter().copied()));
        drift
    }

    #[test]
    fn f1_an_id_on_two_pages_is_counted_and_one_twice_on_a_page_is_not() {
        assert_eq!(of(&[&[(0, 1)], &[(0, 1), (0, 2)]]), Drift { ids: 0, differing: 0 });
        assert_eq!(of(&[&[(0, 1), (1, 1)]]), Drift { ids: 1, differing: 0 });
        assert_eq!(of(&[&[(0, 1), (1, 2)], &[(3, 1), (3, 1), (7, 1)]]), Drift { ids: 2, differing: 1 });
    }

    #[test]
    fn f1_pages_that_moved_are_fetched_again_once() {
        use DriftDecision::{Fail, StartOver, Take};
        for (ids, differing, first, second) in
            [(0, 0, Take, Take), (1, 0, StartOver, Take), (1, 1, StartOver, Fail), (9, 1, StartOver, Fail)]
        {
            let drift = Drift { ids, differing };
            assert_eq!((drift.decide(false), drift.decide(true)), (first, second), "{drift:?}");
        }
    }
}
