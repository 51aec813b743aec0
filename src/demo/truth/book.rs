//! What the simulated partners offer: tokens on houses, funds, bonds and goods, as such documents
//! look in the wild (nested places, unicode, a supply that no float can hold).
//!
//! Values are JSON text.

use crate::demo::dice::Dice;
use crate::domain::Currency;
use compact_str::CompactString;
use serde_json::json;
use std::collections::BTreeMap;

/// The members of one asset: name to JSON text.
pub type Members = BTreeMap<CompactString, String>;

/// A partner's trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Book {
    /// Shares of buildings.
    Property,
    /// Fund units by net asset value.
    Fund,
    /// Bonds with a coupon.
    Bond,
    /// Metals by weight.
    Commodity,
    /// Each asset of another trade.
    Mixed,
}

/// An asset as it is first offered.
pub struct Offer {
    pub id: String,
    pub members: Members,
    pub currency: Currency,
    /// The first price: digits, and how many of them stand after the point.
    pub mantissa: i64,
    pub scale: u8,
}

/// `legal_status` moves among these.
pub const LEGAL: [&str; 6] = ["draft", "offered", "trading", "suspended", "frozen", "redeemed"];

const CITIES: [(&str, &str, &str); 8] = [
    ("Zürich", "CH", "Bahnhofstraße"),
    ("Wien", "AT", "Mariahilfer Straße"),
    ("Lisboa", "PT", "Rua da Conceição"),
    ("Łódź", "PL", "ulica Piotrkowska"),
    ("Detroit", "US", "Woodward Avenue"),
    ("東京", "JP", "銀座"),
    ("São Paulo", "BR", "Avenida Paulista"),
    ("Porto \"Ribeira\"", "PT", "Cais da Estiva"),
];
const ISSUERS: [&str; 6] =
    ["Northgate", "Helvetia Real", "Alpenblick", "Bluewater", "Sankt Gallen Kantonal", "Meridian & Söhne"];
const GOODS: [(&str, &str, i64); 5] = [
    ("Gold", "troy ounce", 391_245),
    ("Silver", "troy ounce", 4_731),
    ("Palladium", "troy ounce", 140_280),
    ("Arabica coffee", "lb", 387),
    ("Whisky cask", "cask", 512_000),
];

impl Book {
    /// The `number`-th asset of a partner: the same dice and number give the same asset.
    pub fn offer(self, number: usize, dice: &mut Dice) -> Offer {
        let mut offer = match self {
            Book::Property => property(number, dice),
            Book::Fund => fund(number, dice),
            Book::Bond => bond(number, dice),
            Book::Commodity => commodity(number, dice),
            Book::Mixed => {
                let trades = [Book::Property, Book::Fund, Book::Bond, Book::Commodity];
                return trades[number % trades.len()].offer(number, dice);
            }
        };
        set(&mut offer.members, "currency", json!(offer.currency.as_str()));
        set(&mut offer.members, "legal_status", json!(LEGAL[dice.below(3)]));
        if dice.chance(700) {
            set(&mut offer.members, "status", json!("active"));
        }
        offer
    }
}

/// A new value for a member that partners touch often. Strings, numbers and arrays only: a
/// PATCH may carry it.
pub fn amendment(dice: &mut Dice, serial: u64) -> (CompactString, String) {
    let (name, value) = match dice.below(4) {
        0 => (
            "description",
            json!(format!("Revised, note {serial}: \"quiet\" zone\n— see §{}", dice.below(40))),
        ),
        1 => ("valuation", json!(dice.between(10_000, 9_000_000))),
        2 => {
            let tags = ["esg", "core", "leveraged", "pending audit", "kyc"];
            ("tags", json!([dice.pick(&tags), format!("t{serial}")]))
        }
        _ => (
            "documents",
            json!([{ "title": "Prospectus", "version": serial, "pages": dice.between(4, 300) }]),
        ),
    };
    (name.into(), value.to_string())
}

/// Members that may go away by themselves.
pub const OPTIONAL: [&str; 4] = ["description", "valuation", "tags", "documents"];

fn property(number: usize, dice: &mut Dice) -> Offer {
    let (city, country, street) = CITIES[dice.below(CITIES.len())];
    let house = dice.between(1, 240);
    let mut members = named(&format!("{street} {house}, {city}"), "real_estate");
    set(
        &mut members,
        "location",
        json!({ "street": street, "number": house, "city": city, "country": country }),
    );
    members.insert("area_m2".into(), format!("{}.{}0", dice.between(40, 4_000), dice.below(10)));
    set(&mut members, "tokens", json!(dice.between(1_000, 2_000_000)));
    set(&mut members, "built", json!(dice.between(1880, 2026)));
    // half of the ids seen in the wild hold a slash
    let id = format!("RE/{country}/{number:05}");
    Offer { id, members, currency: currency(dice), mantissa: dice.between(4_500, 90_000), scale: 2 }
}

fn fund(number: usize, dice: &mut Dice) -> Offer {
    let issuer = dice.pick(&ISSUERS);
    let mut members = named(&format!("{issuer} Income Fund {number}"), "fund");
    let isin = format!("LU{:09}{}", 100_000_000 + number, dice.below(10));
    set(&mut members, "isin", json!(isin));
    set(&mut members, "ter", json!(format!("0.{:02}", dice.between(5, 95))));
    set(&mut members, "domicile", json!("LU"));
    if dice.chance(300) {
        set(&mut members, "benchmark", json!("MSCI World (net)"));
    }
    Offer {
        id: isin,
        members,
        currency: currency(dice),
        mantissa: dice.between(800_000, 2_600_000),
        scale: 4,
    }
}

fn bond(number: usize, dice: &mut Dice) -> Offer {
    let issuer = dice.pick(&ISSUERS);
    let (eighths, year) = (dice.between(4, 60), dice.between(2027, 2056));
    let mut members = named(&format!("{issuer} {}/8 % {year}", eighths), "bond");
    set(&mut members, "issuer", json!({ "name": issuer, "lei": format!("5299{number:014}00") }));
    set(&mut members, "coupon", json!(format!("{}.{:03}", eighths / 8, eighths % 8 * 125)));
    set(&mut members, "maturity", json!(format!("{year}-{:02}-15", dice.between(1, 12))));
    let id = format!("XS{:010}", 2_000_000_000 + number);
    Offer { id, members, currency: currency(dice), mantissa: dice.between(82_000, 112_000), scale: 3 }
}

fn commodity(number: usize, dice: &mut Dice) -> Offer {
    let (good, unit, cents) = GOODS[dice.below(GOODS.len())];
    let mut members = named(&format!("{good} lot {number}"), "commodity");
    set(&mut members, "unit", json!(unit));
    members.insert("purity".into(), "0.9999".into());
    set(
        &mut members,
        "vault",
        json!({ "city": CITIES[dice.below(CITIES.len())].0, "bars": [number, number + 1] }),
    );
    members.insert("supply".into(), format!("{}000000000000000000000001", dice.between(1, 9)));
    let id = format!("{} lot #{number} ü", good.to_lowercase());
    Offer { id, members, currency: currency(dice), mantissa: cents * 10_000, scale: 6 }
}

fn named(name: &str, class: &str) -> Members {
    let mut members = Members::new();
    set(&mut members, "name", json!(name));
    set(&mut members, "class", json!(class));
    members
}

fn set(members: &mut Members, name: &str, value: serde_json::Value) {
    members.insert(name.into(), value.to_string());
}

fn currency(dice: &mut Dice) -> Currency {
    let code = dice.pick(&["EUR", "EUR", "EUR", "CHF", "USD", "GBP", "USDC"]);
    Currency::new(code).expect("codes of our own")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_json_and_have_ids_of_their_own() {
        let mut dice = Dice::new(3, "book");
        let mut ids = std::collections::BTreeSet::new();
        for number in 0..400 {
            let offer = Book::Mixed.offer(number, &mut dice);
            assert!(ids.insert(offer.id.clone()), "{} twice", offer.id);
            assert!(crate::domain::AssetId::new(&offer.id).is_ok());
            for text in offer.members.values() {
                assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text}");
            }
            let (name, text) = amendment(&mut dice, number as u64);
            assert!(OPTIONAL.contains(&name.as_str()));
            assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
        }
    }
}
