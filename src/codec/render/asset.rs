//! Assets and prices as readers see them.

use super::write::{at, name, number, one_line, text};
use crate::codec::cursor;
use crate::domain::{AssetHead, AssetId, Document, Market, Member, Micros, Quote, QuoteName, Seq};
use crate::rules::policy::Policy;
use crate::rules::price::reading::{self, Shown};

/// Members of the reply that are ours beside the reserved ones. A partner's member of such a name
/// is shown under `own`.
const OURS: [&str; 6] = ["partner", "cursor", "quotes", "own", "hidden", "partner_removed"];

/// One living asset, from a row of the store.
#[derive(Clone, Copy, Debug)]
pub struct AssetView<'a> {
    /// The partner's name.
    pub partner: &'a str,
    /// The partner's name for the asset.
    pub id: &'a AssetId,
    /// What is known of its existence.
    pub head: &'a AssetHead,
    /// Its members, or as many of them as were read.
    pub document: &'a Document,
    /// Its quotes, in order of their names.
    pub quotes: &'a [Quote],
    /// Journal and sequence up to which this is the state; shown as `cursor`. `None`: it is not shown.
    pub cursor: Option<(u32, Seq)>,
    /// The time that ages are counted to.
    pub now: Micros,
    /// Since when a numbered message of the partner has been missing (G1); `None`: none is.
    pub gap_since: Option<Micros>,
    /// The partner's policy, for the heartbeats of its classes.
    pub policy: &'a Policy,
    /// Only these members beside `id` and `partner`; `None`: all.
    pub fields: Option<&'a [&'a str]>,
}

/// One quote of an asset.
#[derive(Clone, Copy, Debug)]
pub struct PriceView<'a> {
    /// The partner's name.
    pub partner: &'a str,
    /// The partner's name for the asset.
    pub id: &'a AssetId,
    /// The register.
    pub quote: &'a Quote,
    /// What `heartbeat` gives for the asset.
    pub heartbeat: Option<i64>,
    /// The time that ages are counted to.
    pub now: Micros,
    /// Since when a numbered message of the partner has been missing (G1); `None`: none is.
    pub gap_since: Option<Micros>,
}

/// The heartbeat of an asset's class (P5), in microseconds; `None` where it has no class, or the class no
/// heartbeat.
pub fn heartbeat(document: &Document, policy: &Policy) -> Option<i64> {
    policy.heartbeats.get(&*document.text_of("class")?).copied()
}

/// Appends `{"id", "partner", "updated_at", members…, "price"?, "quotes"?, "cursor"?}`.
pub fn asset(out: &mut Vec<u8>, view: &AssetView<'_>) {
    let wanted = |name: &str| view.fields.is_none_or(|fields| fields.contains(&name));
    out.push(b'{');
    text(out, "id", view.id.as_str());
    text(out, "partner", view.partner);
    if wanted("updated_at") {
        at(out, "updated_at", Some(updated_at(view.head)));
    }
    if view.head.hidden && wanted("hidden") {
        name(out, "hidden");
        out.extend_from_slice(b"true");
    }
    let (ours, own): (Vec<&Member>, Vec<&Member>) = view
        .document
        .members()
        .iter()
        .filter(|member| wanted(&member.name))
        .partition(|member| OURS.contains(&member.name.as_str()));
    own.into_iter().for_each(|shown| member(out, shown));
    quotes(out, view, &wanted);
    if !ours.is_empty() {
        name(out, "own");
        out.push(b'{');
        ours.into_iter().for_each(|shown| member(out, shown));
        out.push(b'}');
    }
    if let Some((journal, seq)) = view.cursor {
        text(out, "cursor", &cursor::encode(journal, seq));
    }
    out.push(b'}');
}

/// Appends a member with its source text.
pub(super) fn member(out: &mut Vec<u8>, member: &Member) {
    name(out, &member.name);
    one_line(out, member.text.as_bytes());
}

/// The newest source time of what shows of the document.
fn updated_at(head: &AssetHead) -> Micros {
    let written = head.exceptions.iter().map(|exception| exception.stamp).fold(head.base, Ord::max);
    if written > head.end { written.at } else { head.life.at }
}

fn quotes(out: &mut Vec<u8>, view: &AssetView<'_>, wanted: &impl Fn(&str) -> bool) {
    let heartbeat = heartbeat(view.document, view.policy);
    let (main, others): (Vec<&Quote>, Vec<&Quote>) =
        view.quotes.iter().partition(|quote| quote.name == QuoteName::PRICE);
    if let Some(quote) = main.first().filter(|_| wanted("price"))
        && let Some(reading) = reading::read_at(quote, heartbeat, view.gap_since, view.now)
    {
        name(out, "price");
        out.push(b'{');
        reading_members(out, quote, &reading);
        out.push(b'}');
    }
    if others.is_empty() || !wanted("quotes") {
        return;
    }
    name(out, "quotes");
    out.push(b'{');
    for quote in others {
        if let Some(reading) = reading::read_at(quote, heartbeat, view.gap_since, view.now) {
            name(out, quote.name.as_str());
            out.push(b'{');
            reading_members(out, quote, &reading);
            out.push(b'}');
        }
    }
    out.push(b'}');
}

/// Appends `{"id", "partner", "quote", "amount", "currency", "as_of", "state", "age_seconds", …}`;
/// `false` and nothing written where the register holds no price.
pub fn price(out: &mut Vec<u8>, view: &PriceView<'_>) -> bool {
    let Some(reading) = reading::read_at(view.quote, view.heartbeat, view.gap_since, view.now) else {
        return false;
    };
    out.push(b'{');
    text(out, "id", view.id.as_str());
    text(out, "partner", view.partner);
    text(out, "quote", view.quote.name.as_str());
    reading_members(out, view.quote, &reading);
    out.push(b'}');
    true
}

fn reading_members(out: &mut Vec<u8>, quote: &Quote, reading: &reading::Reading) {
    shown_members(out, quote, &reading.shown);
    text(out, "state", reading.state.as_str());
    name(out, "age_seconds");
    number(out, (reading.age / Micros::SECOND).unsigned_abs());
}

/// Appends what does not change by waiting: amount, currency, `as_of`, and what the partner said
/// beside.
pub(super) fn shown_members(out: &mut Vec<u8>, quote: &Quote, shown: &Shown) {
    name(out, "amount");
    match shown.amount {
        Some(amount) => out.extend_from_slice(format!("\"{amount}\"").as_bytes()),
        None => out.extend_from_slice(b"null"),
    }
    text(out, "currency", shown.currency.as_str());
    at(out, "as_of", shown.as_of);
    if shown.as_of.is_some() {
        at(out, "received_at", Some(quote.received_at));
    }
    if !shown.has_words(quote) {
        return;
    }
    if let Some(extra) = &quote.extra {
        for (member, value) in [("kind", &extra.kind), ("per", &extra.per)] {
            if let Some(value) = value {
                text(out, member, value);
            }
        }
    }
    match quote.market {
        Market::Unsaid => {}
        Market::Open => text(out, "market", "open"),
        Market::Closed => text(out, "market", "closed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json;
    use crate::domain::{Currency, Decimal, Exception, Lane, QuoteExtra, Stamp};

    fn quote(quote_name: &str, amount: Option<&str>) -> Quote {
        Quote {
            name: QuoteName::new(quote_name).unwrap(),
            currency: Currency::new("EUR").unwrap(),
            market: Market::Open,
            stamp: Stamp::new(Micros(5_000_000), Lane::Price, 0),
            amount: amount.map(|text| Decimal::parse(text).unwrap()),
            received_at: Micros(6_000_000),
            by_arrival: false,
            extra: Some(Box::new(QuoteExtra { kind: Some("nav".into()), ..QuoteExtra::default() })),
            undated: None,
        }
    }

    fn document(members: &[(&str, &str)]) -> Document {
        let member = |&(name, text): &(&str, &str)| Member {
            name: name.into(),
            text: text.into(),
            hash: json::value_hash(text).unwrap(),
        };
        Document::from_members(members.iter().map(member).collect())
    }

    fn rendered(document: &Document, quotes: &[Quote], fields: Option<&[&str]>) -> String {
        let stamp = |at: i64| Stamp::new(Micros(at * 1_000_000), Lane::Push, 0);
        let mut head = AssetHead { life: stamp(1), base: stamp(1), ..AssetHead::unborn() };
        head.exceptions.push(Exception { name: "x".into(), stamp: stamp(2), removed: true });
        let id = AssetId::new("a/1").unwrap();
        let view = AssetView {
            partner: "acme",
            id: &id,
            head: &head,
            document,
            quotes,
            cursor: Some((1, Seq(7))),
            now: Micros(105_000_000),
            gap_since: None,
            policy: &Policy::default(),
            fields,
        };
        let mut out = Vec::new();
        asset(&mut out, &view);
        let out = String::from_utf8(out).unwrap();
        assert!(json::value(&out).is_ok() && !out.contains('\n'), "{out}");
        out
    }

    #[test]
    fn an_asset_shows_its_members_as_they_came_and_its_price_with_state_and_age() {
        let document = document(&[("class", "\"market\""), ("supply", "1e24"), ("list", "[1,\n 2.50]")]);
        assert_eq!(
            rendered(&document, &[quote("price", Some("101.250"))], None),
            concat!(
                r#"{"id":"a/1","partner":"acme","updated_at":"1970-01-01T00:00:02Z","class":"market","#,
                r#""list":[1,  2.50],"supply":1e24,"price":{"amount":"101.25","currency":"EUR","#,
                r#""as_of":"1970-01-01T00:00:05Z","received_at":"1970-01-01T00:00:06Z","kind":"nav","#,
                r#""market":"open","state":"delayed","age_seconds":100},"cursor":"00000001-7"}"#
            )
        );
    }

    #[test]
    fn further_quotes_stand_by_their_names_and_a_withdrawn_price_has_no_amount() {
        let text = rendered(&document(&[]), &[quote("nav", None), quote("price", Some("1"))], None);
        let nav = json::lookup(&text, &["quotes".into(), "nav".into(), "state".into()]).unwrap();
        assert_eq!(nav, Some("\"withdrawn\""));
        assert!(text.contains(r#""nav":{"amount":null,"#));
    }

    #[test]
    fn fields_narrow_what_is_shown() {
        let document = document(&[("a", "1"), ("b", "2")]);
        let text = rendered(&document, &[quote("price", Some("1"))], Some(&["b"]));
        assert_eq!(text, r#"{"id":"a/1","partner":"acme","b":2,"cursor":"00000001-7"}"#);
    }

    #[test]
    fn a_member_with_a_name_of_ours_is_shown_apart() {
        let text = rendered(
            &document(&[("partner", "\"other\""), ("quotes", "[]")]),
            &[],
            Some(&["partner", "quotes"]),
        );
        assert!(text.contains(r#""partner":"acme","own":{"partner":"other","quotes":[]}"#), "{text}");
    }

    #[test]
    fn a_price_alone_names_its_asset_and_an_empty_register_is_not_shown() {
        let id = AssetId::new("a").unwrap();
        let full = quote("bid", Some("1"));
        let empty = Quote { stamp: Stamp::NEVER, ..full.clone() };
        let mut out = Vec::new();
        let view = |quote| PriceView {
            partner: "p",
            id: &id,
            quote,
            heartbeat: None,
            now: Micros(5_000_000),
            gap_since: None,
        };
        assert!(price(&mut out, &view(&full)));
        assert!(
            out.starts_with(
                br#"{"id":"a","partner":"p","quote":"bid","amount":"1","currency":"EUR","as_of":"#
            )
        );
        let length = out.len();
        assert!(!price(&mut out, &view(&empty)) && out.len() == length);
    }
}
