//! Presets, against the bodies and headers that the programs were seen to send (Strapi 5.54.0, Directus
//! 11.3.5), and those that the documentation of WooCommerce and Shopify shows.

use super::{SECRET, Shop, hmac_base64};
use crate::support::house::NEW_YEAR;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tidegate::clock::Clock;

async fn bearer(shop: &Shop, body: &Value) -> (StatusCode, Value) {
    let token = format!("Bearer {SECRET}");
    shop.call("shop", &[("authorization", &token)], &body.to_string()).await
}

#[tokio::test]
async fn strapi_says_entries_whole_and_its_drafts_are_left_alone() {
    // what it sends is of 2026-11-28
    let clock = Clock::manual(NEW_YEAR.plus(332 * 86_400_000_000));
    let shop = Shop::of_preset(
        "strapi",
        "mapping = { price = { amount = \"/price\", currency = { const = \"EUR\" } } }",
        clock,
    )
    .await;
    let entry = |event: &str, id: u8, name: &str, published: Value, created: &str| {
        json!({"event": event, "createdAt": created, "model": "villa", "uid": "api::villa.villa",
            "entry": {"id": id, "documentId": "zb4xf9d6yopyv2ljfnz4ltsg", "code": "villa-12", "name": name,
                "legal_status": "sold", "price": 412000.12345678, "units": "9007199254740992",
                "createdAt": "2026-11-28T18:53:19.769Z", "updatedAt": "2026-11-28T18:53:20.588Z",
                "publishedAt": published}})
    };
    let at = "2026-11-28T18:53:20.601Z";
    let draft = bearer(&shop, &entry("entry.update", 1, "Draft", Value::Null, at)).await;
    assert_eq!((draft.0, &draft.1["outcome"]), (StatusCode::OK, &json!("ignored")), "{draft:?}");
    let publish = entry("entry.publish", 2, "Villa 12", json!("2026-11-28T18:53:20.600Z"), at);
    assert_eq!(bearer(&shop, &publish).await.0, StatusCode::CREATED);
    bearer(&shop, &entry("entry.update", 1, "Draft", Value::Null, at)).await;
    let asset = shop.asset("zb4xf9d6yopyv2ljfnz4ltsg").await;
    assert_eq!(
        (&asset["name"], &asset["price"]["amount"]),
        (&json!("Villa 12"), &json!("412000.12345678")),
        "{asset}"
    );
    assert_eq!(asset["updated_at"], "2026-11-28T18:53:20.588000Z");
    // it repeats the time of the last update
    let delete =
        entry("entry.delete", 2, "Villa 12", json!("2026-11-28T18:53:20.600Z"), "2026-11-28T19:00:00.000Z");
    assert_eq!(bearer(&shop, &delete).await.1["outcome"], "deleted");
    assert_eq!(bearer(&shop, &publish).await.1["outcome"], "superseded");
    let media = json!({"event": "media.create", "createdAt": at, "media": {"id": 1}});
    assert_eq!(bearer(&shop, &media).await.1["outcome"], "ignored");
    shop.stop().await;
}

#[tokio::test]
async fn directus_says_what_has_changed_of_one_item_or_of_several() {
    let shop = Shop::of_preset(
        "directus",
        "mapping = { price = { amount = \"/price\", currency = { const = \"EUR\" } } }",
        Clock::manual(NEW_YEAR),
    )
    .await;
    let (one, two) = ("fe65e67d-0000-4000-8000-000000000001", "b306a775-0000-4000-8000-000000000002");
    for id in [one, two] {
        let create = json!({"event": "villas.items.create", "key": id, "collection": "villas",
            "payload": {"code": "villa-12", "name": "Villa 12", "price": "412000.00000001"}});
        assert_eq!(bearer(&shop, &create).await.0, StatusCode::CREATED);
    }
    let update = json!({"event": "villas.items.update", "payload": {"legal_status": "frozen"},
        "keys": [one, two], "collection": "villas"});
    let (status, said) = bearer(&shop, &update).await;
    assert_eq!((status, &said["counts"]), (StatusCode::OK, &json!({"updated": 2})), "{said}");
    let asset = shop.asset(one).await;
    assert_eq!((&asset["legal_status"], &asset["name"]), (&json!("frozen"), &json!("Villa 12")), "{asset}");
    assert_eq!(asset["price"]["amount"], "412000.00000001");
    let delete =
        json!({"event": "villas.items.delete", "payload": [one], "keys": [one], "collection": "villas"});
    assert_eq!(bearer(&shop, &delete).await.1["outcome"], "deleted");
    assert_eq!(shop.house.catalogue("acme").await.len(), 1);
    // what its template makes of a variable that is not there
    let broken = json!({"event": "villas.items.update", "payload": {"n": 1}, "keys": ["undefined"]});
    assert_eq!(bearer(&shop, &broken).await.1["code"], "id_placeholder");
    shop.stop().await;
}

async fn topic(shop: &Shop, prefix: &str, topic: &str, delivery: &str, body: &Value) -> (StatusCode, Value) {
    let body = body.to_string();
    let names = match prefix {
        "wc" => ["x-wc-webhook-topic", "x-wc-webhook-delivery-id", "x-wc-webhook-signature"],
        _ => ["x-shopify-topic", "x-shopify-webhook-id", "x-shopify-hmac-sha256"],
    };
    let sign = hmac_base64(SECRET, &body);
    let at = ("x-shopify-triggered-at", "2025-12-03T00:00:00.123456Z");
    let headers = [(names[0], topic), (names[1], delivery), (names[2], sign.as_str()), at];
    shop.call("shop", &headers, &body).await
}

#[tokio::test]
async fn woocommerce_says_products_and_repeats_no_delivery() {
    let shop = Shop::of_preset("woocommerce", "", Clock::manual(NEW_YEAR)).await;
    let product = |status: &str, at: &str| {
        json!({"id": 794, "name": "Premium Quality", "type": "simple", "status": status, "price": "21.99",
            "date_modified": "2025-12-01T09:00:00", "date_modified_gmt": at, "sku": "", "on_sale": false})
    };
    let updated = product("publish", "2025-12-01T08:00:00");
    assert_eq!(topic(&shop, "wc", "product.updated", "a1", &updated).await.0, StatusCode::CREATED);
    assert_eq!(
        topic(&shop, "wc", "product.updated", "a1", &updated).await.0,
        StatusCode::CREATED,
        "the first reply again"
    );
    let asset = shop.asset("794").await;
    assert_eq!(
        (&asset["status"], &asset["price"]["amount"], &asset["updated_at"]),
        (&json!("active"), &json!("21.99"), &json!("2025-12-01T08:00:00Z")),
        "{asset}"
    );
    let draft = product("draft", "2025-12-02T08:00:00");
    assert_eq!(topic(&shop, "wc", "product.updated", "a2", &draft).await.1["outcome"], "updated");
    assert_eq!(
        topic(&shop, "wc", "product.deleted", "a3", &json!({"id": 794})).await.1["outcome"],
        "deleted"
    );
    assert_eq!(topic(&shop, "wc", "order.created", "a4", &json!({"id": 794})).await.1["outcome"], "ignored");
    shop.stop().await;
}

#[tokio::test]
async fn shopify_says_products_and_a_delete_by_its_id_alone() {
    let shop = Shop::of_preset("shopify", "", Clock::manual(NEW_YEAR)).await;
    let product = json!({"id": 788032119674292922u64, "title": "Example T-Shirt", "status": "active",
        "updated_at": "2025-12-01T09:00:00-05:00", "body_html": null, "vendor": "Acme", "admin_graphql_api_id": "gid://shopify/Product/1",
        "variants": [{"id": 642667041472713922u64, "price": "19.99", "title": ""}]});
    assert_eq!(topic(&shop, "shopify", "products/create", "b1", &product).await.0, StatusCode::CREATED);
    let asset = shop.asset("788032119674292922").await;
    assert_eq!(
        (&asset["name"], &asset["price"]["amount"], &asset["updated_at"]),
        (&json!("Example T-Shirt"), &json!("19.99"), &json!("2025-12-01T14:00:00Z")),
        "{asset}"
    );
    let gone = json!({"id": 788032119674292922u64});
    assert_eq!(topic(&shop, "shopify", "products/delete", "b2", &gone).await.1["outcome"], "deleted");
    assert_eq!(topic(&shop, "shopify", "products/update", "b3", &product).await.1["outcome"], "superseded");
    shop.stop().await;
}
