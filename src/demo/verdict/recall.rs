//! A demonstration that goes on in a store of before: every price that was acknowledged then is
//! looked for, and the partners take up what the catalogue says as their own.

use super::catalogue::Shelf;
use crate::clock::Clock;
use crate::codec::segment;
use crate::demo::listed::{Catalogue, Listed};
use crate::demo::partner::Partner;
use crate::demo::partner::client::{ApiClient, ClientError};
use crate::demo::partner::ledger::Acknowledged;
use crate::domain::{Decimal, Micros};
use reqwest::StatusCode;
use std::fmt;
use std::sync::Arc;

/// Missing prices that are named; all are counted.
const NAMED: usize = 10;

/// What was found of the life before.
#[derive(Debug, Default)]
pub struct Recalled {
    /// Assets whose last acknowledged price, or a newer one, is in the catalogue.
    pub found: usize,
    /// Assets that were deleted after it.
    pub deleted: usize,
    /// Those that the catalogue does not show, the first few.
    pub missing: Vec<String>,
}

impl Recalled {
    /// Whether nothing acknowledged was lost.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }
}

impl fmt::Display for Recalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Recalled { found, deleted, missing } = self;
        write!(f, "life before  acknowledged prices of {found} assets found again")?;
        if *deleted > 0 {
            write!(f, ", of {deleted} deleted since")?;
        }
        if missing.is_empty() {
            return write!(f, ", none missing");
        }
        write!(f, ", {} MISSING", missing.len())?;
        missing.iter().take(NAMED).try_for_each(|what| write!(f, "\n        {what}"))
    }
}

/// Looks for what was acknowledged, and has each partner go on from what the catalogue says.
pub async fn recall(
    partners: &[Arc<Partner>],
    before: &Acknowledged,
    client: &ApiClient,
    reader_key: &str,
    clock: &Clock,
) -> Result<Recalled, ClientError> {
    let mut recalled = Recalled::default();
    for partner in partners {
        let shelf = Shelf { client, reader_key, partner: partner.name() };
        let catalogue = shelf.list().await?;
        for ((_, id), price) in before.iter().filter(|((of, _), _)| of == partner.name()) {
            match catalogue.get(id) {
                Some(listed) if holds(listed, price) => recalled.found += 1,
                Some(_) => recalled.missing.push(format!("{} {id}: an older price", partner.name())),
                None => match gone(&shelf, id).await? {
                    true => recalled.deleted += 1,
                    false => recalled.missing.push(format!("{} {id}: no such asset", partner.name())),
                },
            }
        }
        go_on(partner, catalogue, clock);
    }
    Ok(recalled)
}

/// The price itself, or one that was true later.
fn holds(listed: &Listed, (as_of, amount): &(Micros, String)) -> bool {
    let Some(price) = &listed.price else { return false };
    match price.as_of {
        Some(shown) if shown == *as_of => Decimal::parse(&price.amount) == Decimal::parse(amount),
        Some(shown) => shown > *as_of,
        None => false,
    }
}

async fn gone(shelf: &Shelf<'_>, id: &str) -> Result<bool, ClientError> {
    let path = format!("/api/partners/{}/assets/{}", shelf.partner, segment(id));
    let (status, _) = shelf.client.get(shelf.reader_key, &path).await?;
    Ok(status == StatusCode::GONE)
}

fn go_on(partner: &Partner, catalogue: Catalogue, clock: &Clock) {
    if !catalogue.is_empty() {
        partner.truth().go_on_from(catalogue, clock.now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::listed::ListedPrice;

    #[test]
    fn a_price_is_found_where_it_or_a_newer_one_shows() {
        let shown = |as_of, amount: &str| Listed {
            price: Some(ListedPrice { amount: amount.into(), currency: "EUR".into(), as_of }),
            ..Listed::default()
        };
        let told = (Micros(5), "1.50".to_owned());
        assert!(holds(&shown(Some(Micros(5)), "1.5"), &told) && holds(&shown(Some(Micros(6)), "9"), &told));
        assert!(
            !holds(&shown(Some(Micros(5)), "1.6"), &told) && !holds(&shown(Some(Micros(4)), "1.5"), &told)
        );
        assert!(!holds(&Listed::default(), &told));
    }

    #[test]
    fn what_is_missing_is_said_and_named() {
        let whole = Recalled { found: 3, deleted: 1, missing: Vec::new() };
        assert!(
            whole.is_whole()
                && whole.to_string().ends_with("3 assets found again, of 1 deleted since, none missing")
        );
        let lost = Recalled { missing: vec!["p a: no such asset".into()], ..whole };
        assert!(!lost.is_whole() && lost.to_string().contains("1 MISSING\n        p a: no such asset"));
    }
}
