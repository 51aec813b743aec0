//! Documents in the shapes that public feeds really have, each with the mapping of a few lines that
//! reads it. They are of our own making.

/// A document, and the mapping that reads it.
pub struct Shape {
    pub name: &'static str,
    pub mapping: &'static str,
    pub document: &'static str,
}

pub const TOKENS: Shape = Shape {
    name: "a list of tokens whose key is two members",
    mapping: r#"
records = "/tokens"
id = { of = ["/chainId", "/address"], join = ":", lower = true }
generated_at = "/timestamp"
repeated = "last"
"#,
    document: r#"{"name":"List","timestamp":"2026-05-28T21:00:00+00:00","tokens":[
{"chainId":10,"address":"0xAb01","symbol":"T"},{"chainId":1,"address":"0xAb01","symbol":"T1"},
{"chainId":10,"address":"0xaB01","symbol":"T2"}]}"#,
};

pub const BARE_ARRAY: Shape = Shape {
    name: "a bare array with ids",
    mapping: "",
    document: r#"[{"id":"gold","symbol":"xau","name":"Gold"}]"#,
};

pub const RATES_BY_ID: Shape = Shape {
    name: "an object by id with several quotes and unix seconds",
    mapping: r#"
records = { at = "", by_key = true }
time_format = "unix_seconds"
count = false
[[feed.mapping.quotes]]
name = { const = "price" }
amount = "/usd"
currency = { const = "USD" }
as_of = "/last_updated_at"
[[feed.mapping.quotes]]
name = { const = "eur" }
amount = "/eur"
currency = { const = "EUR" }
as_of = "/last_updated_at"
"#,
    document: r#"{"gold":{"usd":64210.5,"eur":59000,"last_updated_at":1779999900},"silver":{"usd":31.25}}"#,
};

pub const PRICES_PER_UNIT: Shape = Shape {
    name: "an object by id with several prices per unit",
    mapping: r#"
records = { at = "", by_key = true }
drop = ["input_cost_per_token", "output_cost_per_token"]
[[feed.mapping.quotes]]
name = { const = "input" }
amount = "/input_cost_per_token"
currency = { const = "USD" }
per = { const = "token" }
[[feed.mapping.quotes]]
name = { const = "output" }
amount = "/output_cost_per_token"
currency = { const = "USD" }
per = { const = "token" }
"#,
    document: r#"{"model-x":{"input_cost_per_token":3e-05,"output_cost_per_token":6e-05,"mode":"chat"}}"#,
};

pub const BARE_PRICES: Shape = Shape {
    name: "an object by id whose value is the price",
    mapping: r#"
records = { at = "", by_key = true }
[feed.mapping.price]
amount = ""
currency = { const = "RUB" }
"#,
    document: r#"{"5447a9cd4bdc2dbd208b4567":41235,"5447b5cf4bdc2d65278b4567":12}"#,
};

pub const NESTED: Shape = Shape {
    name: "nested records whose price is a number or an object",
    mapping: r#"
records = "/*/models"
id = { of = [{ up = 1, at = "/id" }, "/id"], join = "/" }
[feed.mapping.price]
amount = ["/prices/input", "/prices/input/base"]
currency = { const = "USD" }
"#,
    document: r#"[{"id":"maker","models":[{"id":"m1","prices":{"input":3}},{"id":"m2","prices":{"input":{"base":2.5}}}]},
{"models":[{"id":"m1"}],"id":"other"},{"id":"empty","models":[]}]"#,
};

pub const SAMPLES: Shape = Shape {
    name: "zero means no price and the last sample is the newest",
    mapping: r#"
records = "/items"
[feed.mapping.price]
amount = { first = ["/avg24hPrice", "/historicalPrices/-1/price"], none = ["0"] }
currency = { const = "RUB" }
as_of = { at = "/historicalPrices/-1/timestamp", time = "unix_millis" }
"#,
    document: r#"{"items":[{"id":"a","avg24hPrice":0,"historicalPrices":[{"price":9,"timestamp":"1779999800000"},{"price":10,"timestamp":"1779999900000"}]},
{"id":"b","avg24hPrice":7,"historicalPrices":[]},{"id":"c","avg24hPrice":0.0}]}"#,
};

pub const EXPONENT: Shape = Shape {
    name: "an integer and its exponent",
    mapping: r#"
records = "/parsed"
[feed.mapping.price]
amount = { at = "/price/price", exponent = "/price/expo" }
currency = { const = "USD" }
as_of = { at = "/price/publish_time", time = "unix_seconds" }
"#,
    document: r#"{"parsed":[{"id":"e1","price":{"price":"275245000000","expo":-8,"publish_time":1779999900}}]}"#,
};

pub const SHOP: Shape = Shape {
    name: "a shops products whose times have no offset",
    mapping: r#"
records = "/products"
updated_at = "/date_modified_gmt"
time_zone = "UTC"
[feed.mapping.price]
amount = { at = "/price", none = [""] }
currency = { const = "EUR" }
"#,
    document: r#"{"products":[{"id":7,"sku":"A-1","price":"15.00","date_modified_gmt":"2026-05-01T09:00:00"},
{"id":8,"price":"","date_modified_gmt":"2026-05-01 09:00:00"}]}"#,
};

pub const MERCHANT: Shape = Shape {
    name: "a merchants texts",
    mapping: r#"
status = { at = "/availability", map = { "in stock" = "active", "*" = "inactive" } }
[feed.mapping.price]
amount = { money = "/price" }
"#,
    document: r#"{"assets":[{"id":"A1","price":"15.00 USD","availability":"preorder"},{"id":"A2","price":"EUR 9","availability":"in stock"}]}"#,
};

pub const PHP_DATES: Shape = Shape {
    name: "phps dates",
    mapping: r#"
records = ""
updated_at = "/lastUpdate"
"#,
    document: r#"[{"id":"a","lastUpdate":{"date":"2026-05-25 13:18:31.000000","timezone_type":3,"timezone":"Europe/Berlin"}}]"#,
};

/// Its `[feed.pages]` stands behind its mapping.
pub const PAGES: Shape = Shape {
    name: "pages",
    mapping: r#"
records = "/results"
[feed.pages]
next = "/next"
count = "/count"
"#,
    document: r#"{"count":127,"next":"https://shop.example/api/items?page=2","previous":null,
"results":[{"id":1,"name":"one"},{"id":2,"name":"two"}]}"#,
};

pub const LINES: Shape = Shape { name: "lines", mapping: "", document: "{\"id\":\"x\"}\n{\"id\":\"y\"}\n" };

/// All of them.
pub const ALL: [&Shape; 13] = [
    &TOKENS,
    &BARE_ARRAY,
    &RATES_BY_ID,
    &PRICES_PER_UNIT,
    &BARE_PRICES,
    &NESTED,
    &SAMPLES,
    &EXPONENT,
    &SHOP,
    &MERCHANT,
    &PHP_DATES,
    &PAGES,
    &LINES,
];
