//! What explain says, as text.

use super::*;
use crate::codec::json::{lookup, value, value_hash};
use crate::domain::OperatorAction;
use crate::domain::{ActionKind, Currency, Decimal, Market, Member, QuoteName, Undated};
use std::collections::BTreeMap;

fn stamp(at: i64, lane: Lane) -> Stamp {
    Stamp::new(Micros(at * 1_000_000), lane, 0)
}

fn told(member: Option<&str>) -> String {
    told_of(fed_quote(), member)
}

fn fed_quote() -> Quote {
    let undated = Undated {
        snapshot: Micros(2_000_000),
        first_seen: Micros(1_000_000),
        amount: Decimal::parse("7").unwrap(),
        currency: Currency::new("EUR").unwrap(),
        outlives_after: Undated::OUTLIVES_AFTER,
    };
    Quote {
        name: QuoteName::PRICE,
        currency: undated.currency,
        market: Market::Unsaid,
        stamp: Stamp::NEVER,
        amount: None,
        received_at: Micros(3),
        by_arrival: false,
        extra: None,
        undated: Some(Box::new(undated)),
    }
}

fn told_of(quote: Quote, member: Option<&str>) -> String {
    let written = |name: &str, text: &str| Member {
        name: name.into(),
        text: text.into(),
        hash: value_hash(text).unwrap(),
    };
    let exception =
        |name: &str, lane, removed| Exception { name: name.into(), stamp: stamp(5, lane), removed };
    let head = AssetHead {
        life: stamp(2, Lane::Feed),
        base: stamp(2, Lane::Feed),
        exceptions: vec![exception("note", Lane::Push, true), exception("title", Lane::Admin, false)],
        ..AssetHead::unborn()
    };
    let names = LostPart::Members { verb: "put".into(), names: vec!["title".into()], more: 0 };
    let lost = LostWrite::new(stamp(1, Lane::Push), names, "D1", Origin::Push { delivery: 0xab }, Micros(9));
    let action = OperatorAction {
        at: 5_000_000,
        kind: ActionKind::Patch,
        asset: "a".into(),
        reason: "a slip".into(),
        by: Some("anna".into()),
    };
    let mut out = Vec::new();
    explain(
        &mut out,
        &ExplainView {
            partner: "acme",
            id: &AssetId::new("a").unwrap(),
            head: &head,
            document: &Document::from_members(vec![written("size", "1e24"), written("title", "\"T\"")]),
            base_origin: (Origin::Feed { run: 4, record: 9 }, Micros(3_000_000)),
            exception_origins: &[
                ("note".into(), Origin::Push { delivery: 0 }, Micros(6_000_000)),
                ("title".into(), Origin::Admin { action: 1 }, Micros(6_000_000)),
            ],
            quotes: &[quote],
            cursor: (1, Seq(7)),
            last_change: None,
            lost: &[lost],
            origins: Origins { actions: &BTreeMap::from([(1, action)]), plan: None },
            damaged: &[DamagedPart::Lost, DamagedPart::Action(4)],
            member,
            now: Micros(9_000_000),
            policy: &Policy::default(),
        },
    );
    let text = String::from_utf8(out).unwrap();
    assert!(value(&text).is_ok(), "{text}");
    text
}

#[test]
fn each_member_names_its_writer_its_time_and_where_it_stands() {
    let text = told(None);
    for said in [
        r#""damaged":[{"part":"lost","code":"damaged"},{"part":"actions","action":4,"code":"damaged"}]"#,
        concat!(
            r#"{"name":"size","state":"shown","value":1e24,"from":"base","source_time":"1970-01-01T00:00:02Z","#,
            r#""lane":"feed","sequence":0,"by":{"kind":"feed","run":4,"record":9},"learned_at":"1970-01-01T00:00:03Z"}"#
        ),
        r#""by":{"kind":"operator","action":1,"reason":"a slip","who":"anna"}"#,
        r#"{"name":"note","state":"removed","from":"exception""#,
        r#""shows":"undated","why":"no price with a time of its own has come","rule":"P2","dated":null"#,
        r#""lost":[{"verb":"put","members":["title"],"more":0,"rule":"D1""#,
        r#""by":{"kind":"push","delivery_hash":"00000000000000ab"}"#,
    ] {
        assert!(text.contains(said), "{said} in {text}");
    }
    let death = lookup(&text, &["existence".into(), "death".into()]).unwrap();
    assert_eq!(death, Some("null"));
}

#[test]
fn a_member_asked_for_stands_alone_and_one_left_out_says_since_when() {
    let text = told(Some("title"));
    assert!(text.contains(r#""name":"title""#) && !text.contains(r#""name":"size""#), "{text}");
    assert!(text.contains(r#""lost":[{"#) && text.contains(r#""quotes":[]"#), "{text}");
    let text = told(Some("other"));
    assert!(text.contains(r#"{"name":"other","state":"absent","from":"base""#), "{text}");
    assert!(text.contains(r#""lost":[]"#), "{text}");
    let text = told(Some("price"));
    assert!(text.contains(r#""members":[]"#) && text.contains(r#""name":"price","state":"live""#), "{text}");
}

#[test]
fn u11_a_price_pushed_without_a_time_is_called_undated() {
    let pushed = Quote {
        stamp: stamp(8, Lane::Price),
        amount: Decimal::parse("5").ok(),
        by_arrival: true,
        undated: None,
        ..fed_quote()
    };
    let text = told_of(pushed.clone(), None);
    for said in [
        r#""shows":"undated","why":"it came without a time, and counts as of its arrival","rule":"T1""#,
        r#""undated":{"amount":"5","currency":"EUR","source_time":"1970-01-01T00:00:08Z","lane":"price""#,
        r#""dated":null"#,
    ] {
        assert!(text.contains(said), "{said} in {text}");
    }
    let dated = Quote { by_arrival: false, ..pushed.clone() };
    let text = told_of(dated, None);
    assert!(text.contains(r#""shows":"dated""#) && text.contains(r#""undated":null"#), "{text}");
    let text = told_of(Quote { undated: fed_quote().undated, ..pushed }, None);
    for said in [r#""shows":"undated""#, r#""undated":{"amount":"5""#, r#""undated_by_feed":{"amount":"7""#] {
        assert!(text.contains(said), "{said} in {text}");
    }
}
