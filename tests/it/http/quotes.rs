//! P1 and P5 over the real daemon: several quotes of an asset, their states, ages and withdrawal.

use crate::support::house::House;
use crate::support::quarantine::{START, at};
use reqwest::StatusCode;
use serde_json::{Value, json as value};
use tidegate::clock::Clock;
use tidegate::domain::Micros;

/// An asset whose class is expected to be priced every minute.
async fn house() -> House {
    let house = House::with(&["acme"], Clock::manual(START)).await;
    house.put("acme", "/api/assets/a", &value!({"class": "market", "updated_at": at(-500)})).await;
    house
}

async fn state(house: &House, query: &str) -> Value {
    house.get("acme", &format!("/api/assets/a/price{query}")).await.1["state"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_each_quote_is_a_register_of_its_own_and_there_are_at_most_four() {
    let house = house().await;
    for (n, quote) in ["price", "nav", "bid", "ask", "mid"].into_iter().enumerate() {
        let body = value!({"id": "a", "amount": n + 1, "as_of": at(-10), "quote": quote});
        let (status, reply) = house.post("acme", "/api/prices", &body).await;
        match quote {
            "mid" => assert_eq!((status.as_u16(), &reply["code"]), (422, &value!("too_many_quotes"))),
            _ => assert_eq!((status.as_u16(), &reply["outcome"]), (200, &value!("updated"))),
        }
    }
    for (query, amount) in [("", "1"), ("?quote=price", "1"), ("?quote=nav", "2"), ("?quote=ask", "4")] {
        let (_, price) = house.get("acme", &format!("/api/assets/a/price{query}")).await;
        assert_eq!(price["amount"], amount, "{query}");
    }
    assert_eq!(house.get("acme", "/api/assets/a/price?quote=mid").await.0, StatusCode::NOT_FOUND);
    assert_eq!(house.get("acme", "/api/assets/a/price?quote=NAV").await.0, StatusCode::BAD_REQUEST);
    let (_, asset) = house.get("acme", "/api/assets/a").await;
    assert_eq!((&asset["price"]["amount"], &asset["quotes"]["bid"]["amount"]), (&value!("1"), &value!("3")));
    let (_, listed) = house.get("acme", "/api/prices?quote=nav").await;
    assert_eq!((listed["items"].as_array().unwrap().len(), &listed["items"][0]["amount"]), (1, &value!("2")));
    let (_, named) = house.get("acme", "/api/prices?quote=mid&id=a").await;
    assert_eq!(named["missing"], value!(["a"]));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_a_price_ages_through_its_states_and_a_stated_age_refuses_it() {
    let house = house().await;
    let price = |seconds, market: &str| value!({"amount": "5", "as_of": at(seconds), "market": market});
    house.put("acme", "/api/assets/a/price", &price(0, "open")).await;
    for (seconds, expected) in [(60, "live"), (61, "delayed"), (180, "delayed"), (181, "stale")] {
        house.clock.set(START.plus(seconds * Micros::SECOND));
        assert_eq!(state(&house, "").await, expected, "after {seconds} s");
    }
    let (status, _) = house.get("acme", "/api/assets/a/price?max_age=181").await;
    assert_eq!(status, StatusCode::OK);
    let (status, refused) = house.get("acme", "/api/assets/a/price?max_age=180").await;
    assert!(status.is_client_error(), "{status}");
    assert_eq!(
        (&refused["code"], &refused["age_seconds"]),
        (&value!("price_too_old"), &value!(181)),
        "{refused}"
    );
    house.put("acme", "/api/assets/a/price", &price(1, "closed")).await;
    assert_eq!(state(&house, "").await, "closed");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_a_withdrawal_is_stamped_and_compared_like_a_price() {
    let house = house().await;
    let price = |seconds| value!({"amount": "5", "as_of": at(seconds)});
    house.put("acme", "/api/assets/a/price", &price(-20)).await;
    let withdraw =
        async |seconds| house.delete("acme", &format!("/api/assets/a/price?at={}", at(seconds))).await.1;
    assert_eq!(withdraw(-30).await["outcome"], "superseded");
    assert_eq!(withdraw(-10).await["outcome"], "updated");
    assert_eq!(state(&house, "").await, "withdrawn");
    assert_eq!(house.get("acme", "/api/assets/a/price").await.1["amount"], Value::Null);
    assert_eq!(house.put("acme", "/api/assets/a/price", &price(-15)).await.1["outcome"], "superseded");
    assert_eq!(house.put("acme", "/api/assets/a/price", &price(-5)).await.1["outcome"], "updated");
    assert_eq!(state(&house, "").await, "live");
    assert_eq!(house.delete("acme", "/api/assets/a/price?quote=nav").await.1["outcome"], "updated");
    assert_eq!(state(&house, "?quote=nav").await, "withdrawn");
    house.stop().await;
}
