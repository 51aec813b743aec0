//! Reads the catalogue back as a portal would: with a reader's token, by pages and by address.

use super::compare::{Difference, Discrepancy, compare_asset};
use crate::codec::segment;
use crate::demo::listed::{Catalogue, Listed, ListedPrice};
use crate::demo::partner::client::{ApiClient, ClientError, object};
use crate::demo::text;
use crate::demo::truth::asset::{SimulatedAsset, Snapshot};
use reqwest::StatusCode;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

const PAGE: usize = 1000;
/// Assets that are also read by their own address, spread over all of them.
const BY_ADDRESS: usize = 20;
/// Statuses whose lists together hold every living asset of the demo.
const STATUSES: [&str; 2] = ["active", "inactive"];

/// One partner's part of the catalogue, as a reader sees it.
pub struct Shelf<'a> {
    pub client: &'a ApiClient,
    pub reader_key: &'a str,
    pub partner: &'a str,
}

impl Shelf<'_> {
    /// All living assets, page by page.
    pub async fn list(&self) -> Result<Catalogue, ClientError> {
        let mut catalogue = Catalogue::new();
        for status in STATUSES {
            let mut cursor = None;
            loop {
                cursor = self.page(status, cursor, &mut catalogue).await?;
                if cursor.is_none() {
                    break;
                }
            }
        }
        Ok(catalogue)
    }

    async fn page(
        &self,
        status: &str,
        cursor: Option<String>,
        catalogue: &mut Catalogue,
    ) -> Result<Option<String>, ClientError> {
        let from = cursor.map_or(String::new(), |cursor| format!("&cursor={}", segment(&cursor)));
        let path = format!("/api/partners/{}/assets?status={status}&limit={PAGE}{from}", self.partner);
        let (answered, body) = self.client.get(self.reader_key, &path).await?;
        if answered != StatusCode::OK {
            return Err(ClientError::Status { path, status: answered });
        }
        let shape = |what| ClientError::Shape { path: path.clone(), what };
        let page = object(&path, &body)?;
        let items = page.get("items").and_then(|items| text::elements(items.get()));
        for item in items.ok_or_else(|| shape("items are not a list"))? {
            let (id, listed) =
                listed(item.get()).ok_or_else(|| shape("an item is not an asset with an id"))?;
            if catalogue.insert(id, listed).is_some() {
                return Err(shape("an asset is listed twice"));
            }
        }
        Ok(page.get("next_cursor").and_then(|cursor| text::string(cursor.get())))
    }

    /// Some living assets by their own address, and all deleted ones, which must be gone.
    pub async fn by_address(&self, truth: &Snapshot) -> Result<Vec<Difference>, ClientError> {
        let mut differences = Vec::new();
        let stride = (truth.assets.len() / BY_ADDRESS).max(1);
        for asset in truth.living().step_by(stride) {
            differences.extend(self.one(asset).await?);
        }
        for asset in truth.assets.iter().filter(|asset| asset.deleted) {
            let (status, _) = self.client.get(self.reader_key, &self.address(asset)).await?;
            if ![StatusCode::NOT_FOUND, StatusCode::GONE].contains(&status) {
                let fault = Discrepancy::NotGone(status.as_u16());
                differences.push(Difference { id: asset.id.clone(), fault });
            }
        }
        Ok(differences)
    }

    async fn one(&self, asset: &SimulatedAsset) -> Result<Vec<Difference>, ClientError> {
        let path = self.address(asset);
        let (status, body) = self.client.get(self.reader_key, &path).await?;
        if status != StatusCode::OK {
            return Ok(vec![Difference { id: asset.id.clone(), fault: Discrepancy::Missing }]);
        }
        let found = std::str::from_utf8(&body).ok().and_then(listed);
        match found {
            Some((id, listed)) if id == asset.id => Ok(compare_asset(asset, &listed)),
            _ => Err(ClientError::Shape { path, what: "not the asset that was asked for" }),
        }
    }

    fn address(&self, asset: &SimulatedAsset) -> String {
        format!("/api/partners/{}/assets/{}", self.partner, segment(&asset.id))
    }
}

/// An asset from its JSON.
fn listed(item: &str) -> Option<(String, Listed)> {
    let mut members = text::members(item)?;
    let id = text::string(members.remove("id")?.get())?;
    let price = members.remove("price").and_then(|price| listed_price(price.get()));
    let members = members.into_iter().map(|(name, text)| (name, text.get().to_string())).collect();
    Some((id, Listed { members, price }))
}

fn listed_price(price: &str) -> Option<ListedPrice> {
    let price: BTreeMap<String, Box<RawValue>> = text::members(price)?;
    let of = |name: &str| price.get(name).and_then(|value| text::string(value.get()));
    let as_of = of("as_of").and_then(|at| text::parse_time(&at));
    Some(ListedPrice { amount: of("amount")?, currency: of("currency")?, as_of })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Micros;

    #[test]
    fn an_asset_is_read_with_its_members_text_and_its_price() {
        let item = r#"{"partner":"p","id":"a/b","supply":1000000000000000000000001,
            "price":{"amount":"101.5","currency":"EUR","as_of":"1970-01-01T00:00:01.5Z","state":"live"}}"#;
        let (id, listed) = listed(item).unwrap();
        assert_eq!(id, "a/b");
        assert_eq!(listed.members["supply"], "1000000000000000000000001");
        let price =
            ListedPrice { amount: "101.5".into(), currency: "EUR".into(), as_of: Some(Micros(1_500_000)) };
        assert_eq!(listed.price, Some(price));
    }

    #[test]
    fn an_asset_without_id_is_none_and_without_price_has_none() {
        assert!(listed("{}").is_none());
        assert_eq!(listed(r#"{"id":"a","price":null}"#).unwrap().1, Listed::default());
    }
}
