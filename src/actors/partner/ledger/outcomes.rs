//! Outcomes of items that the ledger makes itself, and how those of a document and its prices
//! become one.

use crate::codec::json::value_hash;
use crate::codec::time;
use crate::domain::{AssetHead, ItemOutcome, Member, Outcome, Rule};
use crate::rules::document::extent::{EXCEPTIONS_MAX, Excess, MEMBERS_MAX};

/// `"status": "inactive"`, as a document's member.
pub fn inactive_status() -> Member {
    const TEXT: &str = "\"inactive\"";
    let hash = value_hash(TEXT).expect("a JSON string of our own");
    Member { name: "status".into(), text: TEXT.into(), hash }
}

/// X3: what is said of an asset that a file has lacked since, and that stays absent.
pub fn absent_from_file(head: &AssetHead) -> ItemOutcome {
    let hint = format!(
        "absent from the file of {}; it shows when a file holds it or a newer push comes",
        time::format(head.death.at)
    );
    ItemOutcome::noted(Outcome::Superseded, Rule::X3, "absent_from_file", hint)
}

pub fn older_than_history() -> ItemOutcome {
    let hint = "the write is older than the history that is kept, and its asset is not known";
    ItemOutcome::noted(Outcome::Quarantined, Rule::X4, "older_than_history", hint)
}

/// What a delete would bury is forgotten already, and stays so.
pub fn long_forgotten() -> ItemOutcome {
    ItemOutcome::plain(Outcome::Superseded, Rule::X4)
}

pub fn too_many_assets() -> ItemOutcome {
    let hint = "the partner has as many assets as assets_max allows; raise it, or delete what is not needed";
    ItemOutcome::noted(Outcome::Rejected, Rule::X4, "too_many_assets", hint)
}

/// What the decision rests on is damaged: nothing is decided, and nothing taken away.
pub fn damaged(rule: Rule) -> ItemOutcome {
    let hint = "what is stored of this asset is damaged: tell the operator, who mends it from a backup; \
                a newer PUT of the whole asset replaces a damaged document";
    ItemOutcome::noted(Outcome::Rejected, rule, ItemOutcome::DAMAGED, hint)
}

/// The asset would hold more than one asset may.
pub fn holds_too_much(excess: Excess, bytes_max: usize) -> ItemOutcome {
    let (code, hint) = match excess {
        Excess::Members => (
            "too_many_members",
            format!(
                "the asset would have more than {MEMBERS_MAX} members; remove some with null, or nest them"
            ),
        ),
        Excess::Exceptions => (
            "too_many_members",
            format!(
                "more than {EXCEPTIONS_MAX} of the asset's members would be written or removed by themselves; \
                 PUT the whole asset, and it starts from there"
            ),
        ),
        Excess::Bytes => (
            "document_too_large",
            format!(
                "the asset's members would be more than {bytes_max} bytes; remove some with null, \
                 or put links in the place of what is long"
            ),
        ),
    };
    ItemOutcome::noted(Outcome::Rejected, Rule::D1, code, hint)
}

/// Of several prices in one item, the outcome that says most.
pub fn weightier(a: Outcome, b: Outcome) -> Outcome {
    let loudness = |outcome| match outcome {
        Outcome::Rejected | Outcome::Quarantined => 3,
        Outcome::Updated => 2,
        Outcome::Superseded => 1,
        _ => 0,
    };
    if loudness(b) > loudness(a) { b } else { a }
}

/// What an item says in sum: a price that applied makes it `updated`, one that is refused refuses
/// all of it, and where nothing else was new one that lost has lost it all.
pub fn merge_price(item: &mut ItemOutcome, priced: ItemOutcome) {
    if priced.outcome.is_refused() {
        *item = at_the_price(priced);
        return;
    }
    if priced.change.is_some() {
        item.change = priced.change;
    }
    if !item.outcome.applied() && priced.outcome == Outcome::Updated {
        item.outcome = priced.outcome;
        item.rule = priced.rule;
    }
    let was_known = matches!(item.outcome, Outcome::Unchanged | Outcome::Duplicate);
    if was_known && priced.outcome == Outcome::Superseded {
        item.outcome = priced.outcome;
        item.rule = priced.rule;
    }
}

/// A price's refusal, pointed to where the item holds the price.
pub fn at_the_price(refused: ItemOutcome) -> ItemOutcome {
    let mut refused = ItemOutcome { change: None, ..refused };
    refused.note_mut().pointer = "/price".into();
    refused
}
