//! Ids of one file that differ so little that one asset may be meant.

use crate::domain::AssetId;

/// Ids that one may take for the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alike {
    /// How many ids have such another.
    pub count: u64,
    /// Two of them.
    pub example: (String, String),
}

/// Ids that differ only in the case of ASCII letters, or in blanks around them. They are sorted, and one
/// that stands several times counts once.
pub fn alike<'a>(ids: impl Iterator<Item = &'a AssetId>) -> Option<Alike> {
    let mut ids: Vec<&AssetId> = ids.collect();
    ids.dedup();
    let folded =
        |id: &AssetId| xxhash_rust::xxh3::xxh3_64(id.as_str().trim().to_ascii_lowercase().as_bytes());
    let mut hashes: Vec<(u64, u32)> = (0..).zip(&ids).map(|(place, id)| (folded(id), place)).collect();
    hashes.sort_unstable();
    let groups = hashes.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1);
    let (mut count, mut example) = (0, None);
    for group in groups {
        count += group.len() as u64;
        let id = |place: usize| ids[group[place].1 as usize].as_str().to_owned();
        example = example.or_else(|| Some((id(0), id(1))));
    }
    example.map(|example| Alike { count, example })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_differ_in_case_or_blanks_alone_are_alike_and_others_are_not() {
        let of = |ids: &[&str]| {
            let ids: Vec<_> = ids.iter().map(|id| AssetId::new(id).unwrap()).collect();
            alike(ids.iter()).map(|alike| (alike.count, alike.example.0, alike.example.1))
        };
        assert_eq!(of(&["a", "b", "ab"]), None);
        assert_eq!(of(&["a", "a", "b"]), None, "one id of several prices");
        let found = of(&["Ab", "aB", "c", "C ", "d"]).unwrap();
        assert_eq!(found.0, 4);
        assert_eq!(found.1.trim().to_ascii_lowercase(), found.2.trim().to_ascii_lowercase());
    }
}
