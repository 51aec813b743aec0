//! What readers see of the daemon against what the model says.

use super::Scenario;
use crate::oracle::{Model, Outcome, QuoteState, Verdict, Visible, VisibleAsset, VisibleQuote};
use crate::support::house::House;
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeMap;
use tidegate::codec::time;
use tidegate::domain::{Micros, TimeFormat};

/// Stand-ins for missing times differ by the microseconds that pushes without effect took (T1).
const UNDATED_APART_MAX: i64 = 1_000;

/// Members of a reply that are not the document's.
const OURS: [&str; 6] = ["id", "partner", "updated_at", "cursor", "price", "quotes"];

/// Equal, or one of the words that RULES.md leaves open. Which of `duplicate`, `unchanged` and
/// `superseded` a write gets that changed nothing, some of it repeated and some of it lost, is not
/// said. A newer `as_of` with the same amount is `updated` here, as readers see another time, and
/// `unchanged` to the model; so is a late delete after which an undated price of the same amount
/// shows. A delete said of an absent asset is `deleted` here, and changes nothing that shows.
pub fn outcomes_agree(model: &Verdict, daemon: &Value) -> bool {
    let late_delete = model.outcome == Outcome::Superseded && model.rule == "X1" && daemon["rule"] == "X1";
    let hidden_delete = model.rule == "D2" || model.rule == "X1";
    let daemon = daemon["outcome"].as_str().unwrap_or_default();
    (late_delete && daemon == "updated")
        || (hidden_delete && model.outcome != Outcome::Updated && daemon == "deleted")
        || words_agree(model.outcome, daemon)
}

fn words_agree(model: Outcome, daemon: &str) -> bool {
    let quiet = ["unchanged", "duplicate", "superseded"];
    match model {
        Outcome::Created => daemon == "created",
        Outcome::Updated => daemon == "updated",
        Outcome::Unchanged => daemon == "updated" || quiet.contains(&daemon),
        Outcome::Duplicate | Outcome::Superseded => quiet.contains(&daemon),
        Outcome::Deleted => daemon == "deleted",
        // an item whose document lost may say that rather than that its price is parked
        Outcome::Parked => daemon == "parked" || quiet.contains(&daemon),
        Outcome::Quarantined => daemon == "quarantined",
        Outcome::Rejected => daemon == "rejected",
        Outcome::NotFound => daemon == "not_found",
        Outcome::Gone => daemon == "gone",
    }
}

impl Scenario {
    pub(super) async fn compare(&self) {
        for partner in &self.partners {
            assert_shows(&self.house, &partner.name, &partner.model).await;
        }
    }

    /// Also who is dead and who was never known.
    pub(super) async fn compare_the_dead(&self) {
        for partner in &self.partners {
            for number in 0..8 {
                let id = format!("asset-{number}");
                let expected = match partner.model.visible(self.now.0, &id) {
                    Visible::Unknown => 404,
                    Visible::Dead => 410,
                    Visible::Alive(_) => 200,
                };
                let (status, _) = self.house.get(&partner.name, &format!("/api/assets/{id}")).await;
                assert_eq!(status.as_u16(), expected, "{id} of {}", partner.name);
            }
        }
    }

    /// D3, P1: how often only the order of commits decided, since the daemon began.
    pub(super) async fn compare_ambiguous(&self) {
        let scraped = self.house.admin(Method::GET, "/metrics").send().await.expect("an answer");
        let scraped = scraped.text().await.expect("a body");
        for partner in &self.partners {
            let series = format!("tidegate_ambiguous_order_total{{partner=\"{}\"}} ", partner.name);
            let counted = scraped.lines().find_map(|line| line.strip_prefix(&series)).unwrap_or("0");
            let expected = partner.model.ambiguous_order() - partner.ambiguous_before;
            assert_eq!(counted, expected.to_string(), "ambiguous_order of {}", partner.name);
        }
    }
}

/// What readers see of a partner is what the model says.
pub async fn assert_shows(house: &House, partner: &str, model: &Model) {
    let expected = model.catalogue(house.now().0);
    let shown = house.catalogue(partner).await;
    let (theirs, ours): (Vec<_>, Vec<_>) = (expected.keys().collect(), shown.keys().collect());
    assert_eq!(theirs, ours, "who lives, of {partner}: the model, the daemon");
    for (id, asset) in &expected {
        let view = &shown[id];
        assert!(agrees(asset, view), "{id} of {partner}: the model {asset:?}, the daemon {view}");
    }
}

/// What a reader is shown of an asset is what the model shows.
fn agrees(asset: &VisibleAsset, view: &Value) -> bool {
    let own = view.as_object().into_iter().flatten().filter(|(name, _)| !OURS.contains(&name.as_str()));
    let own: BTreeMap<String, Value> = own.map(|(name, value)| (name.clone(), value.clone())).collect();
    let quotes = quotes_of(view);
    let same_quotes = quotes.len() == asset.quotes.len()
        && asset
            .quotes
            .iter()
            .all(|(name, quote)| quotes.get(name).is_some_and(|view| quote_agrees(quote, view)));
    own == asset.members && same_quotes
}

fn quotes_of(view: &Value) -> BTreeMap<String, Value> {
    let others = view["quotes"].as_object().into_iter().flatten();
    let mut quotes: BTreeMap<String, Value> =
        others.map(|(name, quote)| (name.clone(), quote.clone())).collect();
    if view["price"].is_object() {
        quotes.insert("price".into(), view["price"].clone());
    }
    quotes
}

fn quote_agrees(quote: &VisibleQuote, view: &Value) -> bool {
    let amount = view["amount"].as_str() == quote.amount.as_deref();
    let currency = quote.amount.is_none() || view["currency"].as_str() == quote.currency.as_deref();
    let as_of = view["as_of"].as_str().map(|text| time::parse(text, TimeFormat::Rfc3339).expect("a time"));
    let when = match (quote.as_of, as_of) {
        (None, None) => true,
        (Some(theirs), Some(Micros(ours))) => (theirs - ours).abs() <= UNDATED_APART_MAX,
        _ => false,
    };
    // the age of an undated price counts from a fetch that a delete may have made us forget
    let state = quote.as_of.is_none() || view["state"] == word(quote.state);
    amount && currency && when && state
}

fn word(state: QuoteState) -> &'static str {
    match state {
        QuoteState::Live => "live",
        QuoteState::Delayed => "delayed",
        QuoteState::Stale => "stale",
        QuoteState::Closed => "closed",
        QuoteState::Withdrawn => "withdrawn",
        QuoteState::Gap => "gap",
    }
}
