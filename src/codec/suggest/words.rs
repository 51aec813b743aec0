//! What the names of members usually mean.

use crate::domain::iso4217;

/// The words of a name in small letters: `avg24hPrice` is `avg24h` and `price`.
pub fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (place, &letter) in letters.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|before| letters.get(before));
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                !before.is_uppercase() || letters.get(place + 1).is_some_and(|next| next.is_lowercase())
            });
        if begins || !letter.is_alphanumeric() {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            words.last_mut().expect("there is a last word").extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn any(words: &[String], wanted: &[&str]) -> bool {
    words.iter().any(|word| wanted.contains(&word.as_str()))
}

/// How likely a member is the id, 0 best; beyond [`ID_STRONG`] only where nothing else is unique.
pub fn id_rank(name: &str) -> Option<u8> {
    let words = words(name);
    let last = words.last()?.as_str();
    let scope = [
        "chain", "network", "parent", "category", "group", "owner", "user", "brand", "store", "market",
        "vendor", "region", "country", "account", "exchange", "tenant", "type", "platform",
    ];
    Some(match (words.len(), last) {
        (1, "id") => 0,
        (1, "uuid" | "guid" | "uid") => 1,
        (1, "key" | "sku" | "isin" | "gtin" | "ean" | "asin") => 2,
        (1, "address" | "contract" | "handle" | "slug" | "code" | "ref" | "reference" | "hash" | "model") => {
            4
        }
        (_, "symbol" | "ticker") => 6,
        (_, "name" | "title" | "url" | "link") => 8,
        (_, "id" | "uuid" | "guid" | "sku" | "isin" | "key" | "code" | "number") if any(&words, &scope) => 5,
        (_, "id" | "uuid" | "guid" | "sku" | "isin" | "key") => 3,
        (_, "address" | "code" | "ref" | "reference") => 5,
        (1, "region" | "country" | "market" | "network" | "chain" | "exchange" | "variant") => 7,
        _ => return None,
    })
}

/// The last rank of a name that is an id by itself.
pub const ID_STRONG: u8 = 5;

/// The last rank of a name that is nothing but an id.
pub const ID_CERTAIN: u8 = 2;

/// How likely a member is the price, 0 best.
pub fn price_rank(pointer: &[String]) -> Option<u8> {
    let name = pointer.last()?;
    let own = words(name);
    let not = [
        "count",
        "quantity",
        "qty",
        "stock",
        "volume",
        "cap",
        "supply",
        "change",
        "percent",
        "pct",
        "percentage",
        "discount",
        "tax",
        "shipping",
        "rank",
        "size",
        "weight",
        "id",
        "expo",
        "exponent",
        "decimals",
        "timestamp",
        "time",
        "date",
        "type",
        "currency",
        "year",
        "code",
        "at",
        "unit",
        "conf",
    ];
    if any(&own, &not) && !(own.len() == 2 && own == ["unit", "amount"]) {
        return None;
    }
    let old = any(
        &own,
        &["high", "low", "open", "old", "compare", "regular", "was", "previous", "min", "max", "list"],
    );
    let price = ["price", "amount", "cost", "nav", "prices"];
    let rank = match own.len() {
        1 if any(&own, &["price", "amount"]) => 0,
        _ if any(&own, &price) => 1,
        _ if currency_of(name).is_some() => 2,
        1 if any(&own, &["value", "last", "close", "avg", "mid", "ask", "bid", "rate", "quote"]) => 2,
        // `/prices/input`: a part of something that is called so
        _ if pointer[..pointer.len() - 1].iter().any(|part| any(&words(part), &price)) => 1,
        _ => return None,
    };
    Some(if old { rank + 3 } else { rank })
}

/// The currency that a name says: `usd`, `EUR`, `price_usd`.
pub fn currency_of(name: &str) -> Option<String> {
    const USUAL: [&str; 24] = [
        "usd", "eur", "gbp", "jpy", "cny", "chf", "rub", "cad", "aud", "inr", "brl", "krw", "pln", "sek",
        "nok", "dkk", "czk", "huf", "nzd", "sgd", "hkd", "mxn", "zar", "uah",
    ];
    if name.len() == 3 && iso4217::is_active(name) {
        return Some(name.to_owned());
    }
    let words = words(name);
    let named = words.iter().find(|word| USUAL.contains(&word.as_str()))?;
    Some(named.to_ascii_uppercase())
}

/// The power of ten that a name says, with the word that says it.
pub fn scale_of(name: &str) -> i8 {
    let words = words(name);
    match () {
        () if any(&words, &["micros", "micro"]) => -6,
        () if any(&words, &["cents", "cent", "pence", "minor"]) => -2,
        () => 0,
    }
}

/// `currency`, `priceCurrency`, `currencyCode`, `ccy`.
pub fn is_currency(name: &str) -> bool {
    any(&words(name), &["currency", "ccy"])
}

/// Something that stands for a power of ten beside an amount.
pub fn is_exponent(name: &str) -> bool {
    matches!(words(name).as_slice(), [only] if matches!(only.as_str(), "expo" | "exponent"))
}

/// How likely a member is the time of its record, 0 best.
pub fn time_rank(name: &str) -> Option<u8> {
    let words = words(name);
    let other =
        ["created", "creation", "published", "expires", "expiry", "start", "end", "added", "launch", "birth"];
    if any(&words, &other) {
        return None;
    }
    Some(match () {
        () if any(
            &words,
            &["updated", "modified", "changed", "update", "updatedat", "lastupdate", "edited"],
        ) =>
        {
            0
        }
        () if any(&words, &["timestamp", "ts", "asof"]) || words == ["as", "of"] => 1,
        () if any(&words, &["time", "date", "datetime", "at"]) => 2,
        () => return None,
    })
}

/// Times of the document itself.
pub fn envelope_rank(name: &str) -> Option<u8> {
    let words = words(name);
    match () {
        () if any(&words, &["generated", "exported", "export", "built"]) => Some(0),
        () if any(&words, &["created", "published"]) => Some(3),
        () => time_rank(name).map(|rank| rank + 1),
    }
}

/// `gmt` or `utc` in a name say the zone of its times.
pub fn is_utc(name: &str) -> bool {
    any(&words(name), &["gmt", "utc"])
}

/// The name of a quote from the name of its member, `price` where nothing is left.
pub fn quote_name(pointer: &[String]) -> String {
    let of = |part: &String| {
        let mut left = words(part);
        if let Some(place) = left.iter().position(|word| word == "per") {
            left.truncate(place);
        }
        left.retain(|word| {
            !["price", "prices", "amount", "cost", "value", "micros", "cents"].contains(&word.as_str())
        });
        left.join("_")
    };
    let named = pointer.iter().rev().map(of).find(|name| !name.is_empty()).unwrap_or_default();
    let sound = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let name: String = named.chars().filter(sound).take(12).collect();
    if name.is_empty() { "price".to_owned() } else { name }
}

/// What a price is for one of: `input_cost_per_token` says `token`.
pub fn per_of(name: &str) -> Option<String> {
    let words = words(name);
    let place = words.iter().position(|word| word == "per")?;
    let unit = words[place + 1..].join("_");
    (!unit.is_empty()).then_some(unit)
}

/// Words of a status: whether they say that the asset is on offer; `None` where we do not know.
pub fn is_active(word: &str) -> Option<bool> {
    match words(word).join(" ").as_str() {
        "active" | "available" | "in stock" | "instock" | "live" | "on" | "enabled" | "published"
        | "publish" | "listed" | "open" | "online" | "trading" | "yes" | "true" | "for sale" => Some(true),
        "inactive" | "unavailable" | "out of stock" | "outofstock" | "off" | "disabled" | "draft"
        | "archived" | "delisted" | "closed" | "offline" | "halted" | "no" | "false" | "sold"
        | "sold out" | "discontinued" | "deleted" | "private" | "hidden" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_its_words() {
        assert_eq!(words("avg24hPrice"), ["avg24h", "price"]);
        assert_eq!(words("chainId"), ["chain", "id"]);
        assert_eq!(words("HTTPStatus_code"), ["http", "status", "code"]);
        assert_eq!(words("date-modified gmt"), ["date", "modified", "gmt"]);
    }

    #[test]
    fn quotes_units_and_currencies_are_taken_from_names() {
        let name = |name: &str| quote_name(&[name.to_owned()]);
        assert_eq!(name("input_cost_per_token"), "input");
        assert_eq!(name("price"), "price");
        assert_eq!(quote_name(&["prices".into(), "output".into()]), "output");
        assert_eq!(per_of("input_cost_per_token").as_deref(), Some("token"));
        assert_eq!(per_of("price"), None);
        assert_eq!(currency_of("price_usd").as_deref(), Some("USD"));
        assert_eq!(currency_of("all"), None, "a word, though ALL is a currency");
        assert_eq!(currency_of("ALL").as_deref(), Some("ALL"));
    }

    #[test]
    fn what_only_counts_is_no_price() {
        let rank = |name: &str| price_rank(&[name.to_owned()]);
        assert_eq!(rank("price"), Some(0));
        assert_eq!(rank("market_cap"), None);
        assert_eq!(rank("price_change_percentage"), None);
        assert!(rank("regular_price") > rank("sale_price"));
    }
}
