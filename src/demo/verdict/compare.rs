//! Truth against catalogue, asset by asset and member by member. Pure.

use crate::demo::listed::{ADDED, Catalogue, Listed, ListedPrice};
use crate::demo::text;
use crate::demo::truth::asset::{SimulatedAsset, Snapshot};
use crate::domain::Decimal;
use std::collections::BTreeSet;
use std::fmt;

/// How an asset differs from the truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discrepancy {
    /// Lives at the partner, is not in the catalogue.
    Missing,
    /// Is in the catalogue, does not live at the partner.
    Phantom,
    /// Was deleted, yet its address answers with this status.
    NotGone(u16),
    /// A member has another value.
    Member {
        /// The member.
        name: String,
        /// Its value in truth; `None`: there is none.
        truth: Option<String>,
        /// Its value in the catalogue; `None`: there is none.
        catalogue: Option<String>,
    },
    /// A price differs.
    Price {
        /// Which part of it.
        what: &'static str,
        /// That part in truth.
        truth: String,
        /// That part in the catalogue.
        catalogue: String,
    },
}

/// One asset that is not shown as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The asset.
    pub id: String,
    /// How it differs.
    pub fault: Discrepancy,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.id)?;
        let absent = || "nothing".to_string();
        match &self.fault {
            Discrepancy::Missing => f.write_str("is not in the catalogue"),
            Discrepancy::Phantom => f.write_str("is in the catalogue, but not at the partner"),
            Discrepancy::NotGone(status) => write!(f, "was deleted, but is answered with {status}"),
            Discrepancy::Member { name, truth, catalogue } => {
                let truth = truth.clone().unwrap_or_else(absent);
                write!(f, "{name} is {}, should be {truth}", catalogue.clone().unwrap_or_else(absent))
            }
            Discrepancy::Price { what, truth, catalogue } => {
                write!(f, "the price's {what} is {catalogue}, should be {truth}")
            }
        }
    }
}

/// Every difference between what a partner knows and what the catalogue lists.
pub fn compare(truth: &Snapshot, catalogue: &Catalogue) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut living = BTreeSet::new();
    for asset in truth.living() {
        living.insert(asset.id.as_str());
        match catalogue.get(&asset.id) {
            Some(listed) => differences.extend(compare_asset(asset, listed)),
            None => differences.push(Difference { id: asset.id.clone(), fault: Discrepancy::Missing }),
        }
    }
    let phantoms = catalogue.keys().filter(|id| !living.contains(id.as_str()));
    differences.extend(phantoms.map(|id| Difference { id: id.clone(), fault: Discrepancy::Phantom }));
    differences
}

pub fn compare_asset(asset: &SimulatedAsset, listed: &Listed) -> Vec<Difference> {
    let mut faults = Vec::new();
    let told = asset.members.keys().map(|name| name.as_str());
    let shown = listed.members.keys().map(String::as_str).filter(|name| !ADDED.contains(name));
    for name in told.chain(shown).collect::<BTreeSet<_>>() {
        let (truth, shown) = (asset.members.get(name), listed.members.get(name));
        let same = match (truth, shown) {
            (Some(truth), Some(shown)) => text::same(truth, shown),
            (None, None) => true,
            // active is what a document says that does not say its status (X5)
            (None, Some(only)) | (Some(only), None) => name == "status" && only == "\"active\"",
        };
        if !same {
            let (truth, catalogue) = (truth.cloned(), shown.cloned());
            faults.push(Discrepancy::Member { name: name.into(), truth, catalogue });
        }
    }
    faults.extend(compare_price(asset, listed.price.as_ref()));
    faults.into_iter().map(|fault| Difference { id: asset.id.clone(), fault }).collect()
}

fn compare_price(asset: &SimulatedAsset, listed: Option<&ListedPrice>) -> Vec<Discrepancy> {
    let truth = &asset.price;
    let Some(listed) = listed else {
        let (truth, catalogue) = (truth.amount.to_string(), "nothing".into());
        return vec![Discrepancy::Price { what: "amount", truth, catalogue }];
    };
    let mut faults = Vec::new();
    if Decimal::parse(&listed.amount) != Ok(truth.amount) {
        let catalogue = listed.amount.clone();
        faults.push(Discrepancy::Price { what: "amount", truth: truth.amount.to_string(), catalogue });
    }
    if listed.currency != truth.currency.as_str() {
        let (truth, catalogue) = (truth.currency.as_str().into(), listed.currency.clone());
        faults.push(Discrepancy::Price { what: "currency", truth, catalogue });
    }
    if listed.as_of != Some(truth.as_of) {
        let catalogue = listed.as_of.map_or("nothing".into(), text::time);
        faults.push(Discrepancy::Price { what: "as_of", truth: text::time(truth.as_of), catalogue });
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::dice::Dice;
    use crate::demo::truth::Truth;
    use crate::demo::truth::book::Book;
    use crate::domain::Micros;

    const NOW: Micros = Micros(1_800_000_000_000_000);

    fn mirrored() -> (Snapshot, Catalogue) {
        let mut truth = Truth::new(Book::Mixed, 40, true, Dice::new(1, "compare"), NOW);
        while truth.snapshot(NOW).assets.iter().all(|asset| !asset.deleted) {
            truth.change(NOW);
        }
        let snapshot = truth.snapshot(NOW);
        let listed = |asset: &SimulatedAsset| Listed {
            members: asset.members.iter().map(|(name, text)| (name.to_string(), text.clone())).collect(),
            price: Some(ListedPrice {
                amount: format!("{}e0", asset.price.amount),
                currency: asset.price.currency.as_str().into(),
                as_of: Some(asset.price.as_of),
            }),
        };
        let catalogue = snapshot.living().map(|asset| (asset.id.clone(), listed(asset))).collect();
        (snapshot, catalogue)
    }

    /// The one difference that `plant` makes.
    fn planted(plant: impl FnOnce(&Snapshot, &mut Catalogue)) -> Discrepancy {
        let (truth, mut catalogue) = mirrored();
        plant(&truth, &mut catalogue);
        let mut found = compare(&truth, &catalogue);
        assert_eq!(found.len(), 1, "{found:?}");
        let difference = found.remove(0);
        assert!(!difference.to_string().is_empty());
        difference.fault
    }

    fn first(catalogue: &mut Catalogue) -> &mut Listed {
        catalogue.values_mut().next().unwrap()
    }

    fn price(catalogue: &mut Catalogue) -> &mut ListedPrice {
        first(catalogue).price.as_mut().unwrap()
    }

    #[test]
    fn a_faithful_catalogue_has_no_differences() {
        let (truth, mut catalogue) = mirrored();
        assert_eq!(compare(&truth, &catalogue), []);
        for listed in catalogue.values_mut() {
            listed.members.entry("status".into()).or_insert("\"active\"".into());
            listed.members.insert("cursor".into(), "\"1-7\"".into());
        }
        assert_eq!(compare(&truth, &catalogue), [], "what the catalogue adds by itself is no difference");
    }

    #[test]
    fn assets_too_few_or_too_many_are_found() {
        assert_eq!(planted(|_, catalogue| drop(catalogue.pop_first())), Discrepancy::Missing);
        let of_a_dead_one = planted(|truth, catalogue| {
            let dead = truth.assets.iter().find(|asset| asset.deleted).unwrap();
            catalogue.insert(dead.id.clone(), Listed::default());
        });
        assert_eq!(of_a_dead_one, Discrepancy::Phantom);
        let never_heard_of = planted(|_, catalogue| drop(catalogue.insert("?".into(), Listed::default())));
        assert_eq!(never_heard_of, Discrepancy::Phantom);
    }

    #[test]
    fn members_changed_missing_or_left_over_are_found() {
        let named = |fault, expected: &str| match fault {
            Discrepancy::Member { name, truth, catalogue } => {
                assert_eq!(name, expected);
                (truth.is_some(), catalogue.is_some())
            }
            other => panic!("{other:?}"),
        };
        let changed = planted(|_, c| drop(first(c).members.insert("name".into(), "\"?\"".into())));
        assert_eq!(named(changed, "name"), (true, true));
        let missing = planted(|_, c| drop(first(c).members.remove("class")));
        assert_eq!(named(missing, "class"), (true, false));
        let inactive = planted(|_, c| drop(first(c).members.insert("status".into(), "\"inactive\"".into())));
        assert!(named(inactive, "status").1);
        let left_over = planted(|truth, c| {
            let bare = truth.living().find(|asset| !asset.members.contains_key("tags")).unwrap();
            c.get_mut(&bare.id).unwrap().members.insert("tags".into(), "[]".into());
        });
        assert_eq!(named(left_over, "tags"), (false, true));
        let invented = planted(|_, c| drop(first(c).members.insert("?".into(), "1".into())));
        assert_eq!(named(invented, "?"), (false, true));
    }

    #[test]
    fn every_part_of_a_price_is_compared() {
        let what = |fault| match fault {
            Discrepancy::Price { what, .. } => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(what(planted(|_, c| price(c).amount = "0.01".into())), "amount");
        assert_eq!(what(planted(|_, c| first(c).price = None)), "amount");
        assert_eq!(what(planted(|_, c| price(c).currency = "XAU".into())), "currency");
        assert_eq!(what(planted(|_, c| price(c).as_of = Some(Micros(1)))), "as_of");
        assert_eq!(what(planted(|_, c| price(c).as_of = None)), "as_of");
    }
}
