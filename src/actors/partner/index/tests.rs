//! The index: packing, finding, forgetting.

use super::*;
use crate::domain::{Lane, Market, Micros};

fn id(text: &str) -> AssetId {
    AssetId::new(text).unwrap()
}

fn living(at: i64) -> AssetHead {
    let exception = |name: &str| Exception { name: name.into(), stamp: Stamp::NEVER, removed: name == "b" };
    AssetHead {
        life: Stamp::new(Micros(at), Lane::Push, 0),
        hash: u128::MAX - 5,
        exceptions: vec![exception("a"), exception("b")],
        ..AssetHead::unborn()
    }
}

fn quote(name: &str) -> Quote {
    Quote {
        name: QuoteName::new(name).unwrap(),
        currency: Currency::new("EUR").unwrap(),
        market: Market::Unsaid,
        stamp: Stamp::new(Micros(1), Lane::Price, 0),
        amount: None,
        received_at: Micros(1),
        by_arrival: false,
        extra: None,
        undated: None,
    }
}

#[test]
fn an_exception_costs_twenty_four_bytes_and_an_asset_with_a_quote_a_hundred_and_fifty() {
    assert_eq!(size_of::<PackedException>(), 24);
    assert!(size_of::<Option<Entry>>() <= 152, "{}", size_of::<Option<Entry>>());
}

#[test]
fn a_head_comes_back_as_it_was_set() {
    let mut index = Index::default();
    let slot = index.insert(id("x"));
    assert_eq!((index.living(), index.len()), (0, 1));
    index.set_head(slot, &living(5));
    assert_eq!(index.head(slot), living(5));
    assert_eq!((index.living(), index.find(&id("x"))), (1, Some(slot)));
    assert_eq!(index.find(&id("y")), None);
}

#[test]
fn a_removed_slot_is_used_again() {
    let mut index = Index::default();
    let (a, b) = (index.insert(id("a")), index.insert(id("b")));
    index.set_head(a, &living(1));
    index.remove(a);
    assert_eq!((index.find(&id("a")), index.find(&id("b")), index.living()), (None, Some(b), 0));
    assert_eq!(index.insert(id("c")), a);
}

#[test]
fn many_ids_are_found_again_while_the_table_grows() {
    let mut index = Index::default();
    let slots: Vec<Slot> = (0..10_000).map(|n| index.insert(id(&format!("asset-{n}")))).collect();
    for (n, slot) in slots.iter().enumerate() {
        assert_eq!(index.find(&id(&format!("asset-{n}"))), Some(*slot));
    }
}

#[test]
fn loading_leaves_the_gaps_free() {
    let mut index = Index::default();
    index.load(Slot(3), id("d"), &living(1), Vec::new());
    index.load(Slot(1), id("b"), &living(1), Vec::new());
    index.collect_free(&[]);
    assert_eq!(index.living(), 2);
    assert_eq!(index.insert(id("a")), Slot(0));
    assert_eq!(index.insert(id("c")), Slot(2));
    assert_eq!(index.insert(id("e")), Slot(4));
}

#[test]
fn names_that_no_exception_bears_any_more_are_forgotten() {
    let mut index = Index::default();
    let slot = index.insert(id("x"));
    for n in 0..3 * NAMES_KEPT {
        let exception = Exception { name: n.to_string().into(), stamp: Stamp::NEVER, removed: false };
        index.set_head(slot, &AssetHead { exceptions: vec![exception], ..living(1) });
        let quote = quote(&format!("q{n}"));
        index.set_quote(slot, &quote);
        assert_eq!(index.quote(slot, quote.name), Some(quote.clone()));
        if n + 1 < 3 * NAMES_KEPT {
            index.remove_quote(slot, quote.name);
        }
        index.forget_unused();
    }
    assert!(index.kinds.len() <= NAMES_KEPT, "{}", index.kinds.len());
    assert_eq!(index.quotes(slot).len(), 1);
    assert!(index.names.len() <= NAMES_KEPT, "{}", index.names.len());
    assert_eq!(index.head(slot).exceptions[0].name, (3 * NAMES_KEPT - 1).to_string());
}
