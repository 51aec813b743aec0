//! Properties 6 and 8 over the daemon, at the end of a scenario: what is rebuilt from the log equals
//! what lived, and the change stream replayed from its beginning equals the catalogue.

use super::Scenario;
use super::compare::quotes_of;
use crate::daemon::answer;
use reqwest::StatusCode;
use serde_json::Value;
use std::collections::BTreeMap;
use tidegate::domain::PartnerNo;
use tidegate::store::AssetRow;

/// What a follower of the change stream knows of an asset.
#[derive(Default)]
struct Followed {
    members: BTreeMap<String, Value>,
    quotes: BTreeMap<String, Value>,
}

impl Scenario {
    pub(super) async fn prove(&mut self) {
        self.compare_the_dead().await;
        for partner in &self.partners {
            self.follow(&partner.name).await;
            // what is fetched at the next start changes nothing
            self.feeds.remove(&partner.path());
        }
        let before = self.rows();
        self.house.restart().await;
        assert_eq!(self.rows(), before, "property 6: rebuilt from the log");
        self.compare().await;
    }

    fn rows(&self) -> Vec<AssetRow> {
        let registry = self.house.daemon().registry();
        let numbers = self.partners.iter().filter_map(|partner| registry.by_name(&partner.name));
        let of = |no: PartnerNo| self.house.daemon().reader().assets(no, None, 1_000).expect("rows");
        numbers.flat_map(|entry| of(entry.no)).collect()
    }

    /// Property 8.
    async fn follow(&self, partner: &str) {
        let mut followed: BTreeMap<String, Followed> = BTreeMap::new();
        let mut since = String::new();
        loop {
            let path = format!("/api/changes?partner={partner}&limit=1000{since}");
            let (status, page) = answer(self.house.read(&path)).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            for change in page["items"].as_array().expect("items") {
                let id = change["id"].as_str().expect("an id").to_owned();
                if change["type"] == "asset.deleted" {
                    followed.remove(&id);
                    continue;
                }
                followed.entry(id).or_default().hear(change);
            }
            since = format!("&since={}", page["next_cursor"].as_str().expect("a cursor"));
            if page["more"] == false {
                break;
            }
        }
        let catalogue = self.house.catalogue(partner).await;
        assert_eq!(followed.keys().collect::<Vec<_>>(), catalogue.keys().collect::<Vec<_>>(), "property 8");
        for (id, followed) in followed {
            followed.assert_is(&catalogue[&id]);
        }
    }
}

impl Followed {
    fn hear(&mut self, change: &Value) {
        let set = change["set"].as_object().into_iter().flatten();
        self.members.extend(set.map(|(name, value)| (name.clone(), value.clone())));
        for removed in change["removed"].as_array().into_iter().flatten() {
            self.members.remove(removed.as_str().expect("a name"));
        }
        if let Some(quote) = change["price"]["quote"].as_str() {
            self.quotes.insert(quote.into(), change["price"].clone());
        }
    }

    fn assert_is(&self, view: &Value) {
        for (name, value) in &self.members {
            assert_eq!(&view[name], value, "property 8: {name} of {view}");
        }
        let own = ["id", "partner", "updated_at", "cursor", "price", "quotes"];
        let members =
            view.as_object().into_iter().flatten().filter(|(name, _)| !own.contains(&name.as_str()));
        assert_eq!(members.count(), self.members.len(), "property 8: {view}");
        let shown = quotes_of(view);
        for (name, quote) in &shown {
            let heard = self.quotes.get(name).unwrap_or_else(|| panic!("property 8: no {name} for {view}"));
            // which of the two a reader sees depends on the class (P2)
            let same = |heard: &Value| heard["amount"] == quote["amount"];
            assert!(same(heard) || same(&heard["undated"]), "property 8: {heard} for {view}");
        }
        let gone = self.quotes.iter().filter(|(name, _)| !shown.contains_key(*name));
        for (name, heard) in gone {
            assert!(heard["amount"].is_null(), "property 8: {name} {heard} for {view}");
        }
    }
}
