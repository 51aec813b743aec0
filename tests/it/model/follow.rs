//! Property 8 while a scenario goes on: a follower that knows no rule. It folds the change stream as
//! any client may (created, set, removed, the price on top, deleted), and has what `GET` says after
//! every push and every run.

use super::Scenario;
use crate::support::house::{House, answer};
use reqwest::StatusCode;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What `GET` adds to the members and quotes of an asset.
const OF_A_READ: [&str; 4] = ["id", "partner", "updated_at", "cursor"];
/// What waiting alone changes: no change of the stream can say it.
const BY_WAITING: [&str; 2] = ["state", "age_seconds"];
/// A run's report and its effect are read a moment before the stream has them: so often it is looked again.
const LOOKS: usize = 200;

#[derive(Default)]
pub struct Follower {
    /// The partner's own changes, from the beginning.
    cursor: Option<String>,
    assets: BTreeMap<String, Followed>,
}

/// An asset as it is told, or as it is read.
#[derive(Debug, Default, PartialEq)]
pub struct Followed {
    members: Map<String, Value>,
    quotes: BTreeMap<String, Value>,
}

impl Scenario {
    /// After a push or a run of this partner.
    pub(super) async fn assert_followed(&mut self, number: usize) {
        let partner = &mut self.partners[number];
        partner.follower.assert_up_to_date(&self.house, &partner.name).await;
    }

    /// From the beginning of the log.
    pub(super) async fn assert_replayed(&self, partner: &str) {
        let mut follower = Follower::default();
        follower.assert_up_to_date(&self.house, partner).await;
    }
}

impl Follower {
    /// Hears what is new, and then has what a reader has.
    pub async fn assert_up_to_date(&mut self, house: &House, partner: &str) {
        let mut read = BTreeMap::new();
        for _ in 0..LOOKS {
            self.follow(house, partner).await;
            let catalogue = house.catalogue(partner).await;
            read = catalogue.into_iter().map(|(id, asset)| (id, as_read(asset))).collect();
            if self.assets == read {
                return;
            }
        }
        self.assert_has(&read, partner);
    }

    async fn follow(&mut self, house: &House, partner: &str) {
        loop {
            let since = self.cursor.as_ref().map_or(String::new(), |cursor| format!("&since={cursor}"));
            let path = format!("/api/changes?partner={partner}&limit=1000{since}");
            let (status, page) = answer(house.read(&path)).await;
            if status == StatusCode::GONE && self.cursor.is_some() {
                // a copy of the store was put back: it is another life, and all begins anew
                *self = Follower::default();
                continue;
            }
            assert_eq!(status, StatusCode::OK, "{page}");
            page["items"].as_array().expect("items").iter().for_each(|change| self.fold(change));
            self.cursor = Some(page["next_cursor"].as_str().expect("a cursor").to_owned());
            if page["more"] == false {
                return;
            }
        }
    }

    fn fold(&mut self, change: &Value) {
        let id = change["id"].as_str().expect("an id");
        match change["type"].as_str() {
            Some("asset.created") => drop(self.assets.insert(id.to_owned(), Followed::default())),
            Some("asset.deleted") => drop(self.assets.remove(id)),
            _ => {}
        }
        // what is said of an asset that is not there would be an asset too much
        let Some(followed) = self.assets.get_mut(id).or_else(|| panic_unless_deleted(change)) else { return };
        let set = change["set"].as_object().into_iter().flatten();
        followed.members.extend(set.map(|(name, value)| (name.clone(), value.clone())));
        for removed in change["removed"].as_array().into_iter().flatten() {
            followed.members.remove(removed.as_str().expect("a name"));
        }
        let Some(mut price) = change["price"].as_object().cloned() else { return };
        let quote = price.remove("quote").expect("the quote's name");
        let quote = quote.as_str().expect("a name").to_owned();
        match price.remove("state").is_some_and(|state| state == "removed") {
            true => drop(followed.quotes.remove(&quote)),
            false => drop(followed.quotes.insert(quote, Value::Object(price))),
        }
    }

    fn assert_has(&self, read: &BTreeMap<String, Followed>, partner: &str) {
        for (id, asset) in read {
            assert_eq!(self.assets.get(id), Some(asset), "property 8: {id} of {partner}, followed and read");
        }
        let all = |assets: &BTreeMap<String, Followed>| assets.keys().cloned().collect::<Vec<_>>();
        assert_eq!(all(&self.assets), all(read), "property 8: who lives, of {partner}, followed and read");
    }
}

fn panic_unless_deleted<'a>(change: &Value) -> Option<&'a mut Followed> {
    assert_eq!(change["type"], "asset.deleted", "of an asset that was not created: {change}");
    None
}

fn as_read(asset: Value) -> Followed {
    let Value::Object(mut members) = asset else { panic!("an asset is an object: {asset}") };
    OF_A_READ.iter().for_each(|name| drop(members.remove(*name)));
    let others = members.remove("quotes").and_then(|quotes| quotes.as_object().cloned());
    let main = members.remove("price").map(|price| ("price".to_owned(), price));
    let mut quotes = BTreeMap::new();
    for (name, mut price) in others.into_iter().flatten().chain(main) {
        BY_WAITING.iter().for_each(|word| drop(price.as_object_mut().and_then(|price| price.remove(*word))));
        quotes.insert(name, price);
    }
    Followed { members, quotes }
}
