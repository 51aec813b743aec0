//! Conditions of a write (RFC 9110, section 13), judged by the version of the asset's document.
//!
//! They are judged where the write is decided, and nowhere else: what an asset was a moment before
//! may have changed, and so may what is remembered of a delivery.

/// What the asset must be for the write to be decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// If-Match.
    pub matches: Option<Versions>,
    /// If-None-Match.
    pub matches_none: Option<Versions>,
}

/// The versions that one header names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Versions {
    /// `*`: whichever a living asset has.
    Any,
    /// Only these versions of the asset.
    These(Vec<u32>),
}

impl Condition {
    /// `version`: of the living asset; `None` where there is none.
    pub fn holds(&self, version: Option<u32>) -> bool {
        let named = |versions: &Versions| match (versions, version) {
            (_, None) => false,
            (Versions::Any, Some(_)) => true,
            (Versions::These(these), Some(version)) => these.contains(&version),
        };
        self.matches.as_ref().is_none_or(named) && !self.matches_none.as_ref().is_some_and(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_held_to_the_versions_that_its_conditions_name() {
        let these = |versions: &[u32]| Some(Versions::These(versions.to_vec()));
        let matching = |matches| Condition { matches, matches_none: None };
        let unless = |matches_none| Condition { matches: None, matches_none };
        for (condition, version, holds) in [
            (Condition::default(), None, true),
            (matching(these(&[6, 7])), Some(7), true),
            (matching(these(&[6])), Some(7), false),
            (matching(these(&[])), Some(7), false),
            (matching(these(&[7])), None, false),
            (matching(Some(Versions::Any)), Some(7), true),
            (matching(Some(Versions::Any)), None, false),
            (unless(Some(Versions::Any)), None, true),
            (unless(Some(Versions::Any)), Some(7), false),
            (unless(these(&[7])), Some(7), false),
            (unless(these(&[6])), Some(7), true),
            (Condition { matches: these(&[7]), matches_none: these(&[7]) }, Some(7), false),
        ] {
            assert_eq!(condition.holds(version), holds, "{condition:?} {version:?}");
        }
    }
}
