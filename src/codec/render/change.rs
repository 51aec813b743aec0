//! Changes as the change stream shows them: values, so that no second call is needed.

use super::asset::{member, shown_members};
use super::write::{at, name, text};
use crate::codec::cursor;
use crate::codec::json;
use crate::codec::records::Record;
use crate::codec::segment;
use crate::domain::{
    AssetChange, AssetEvent, AssetId, Change, ChangeKind, Committed, Micros, Origin, PartnerNo,
    PartnerNumber, PartnerStanding, PriceChange, RecordChange, RecordKind,
};
use crate::rules::price::reading::{self, PriceState, Shown};

/// Every type of change that readers see.
pub const CHANGE_TYPES: [&str; 6] = [
    "asset.created",
    "asset.updated",
    "asset.deleted",
    "price.updated",
    "partner.removed",
    "partner.restored",
];

/// Appends `{"cursor", "type", "partner", "id", "committed_at", "source_time", "set", "removed",
/// "price"?}`, and gives the type, for the event's name; `None` and nothing written for what is internal.
///
/// A hidden asset's changes are its partner's alone: for all others it is deleted when it is hidden,
/// and created, whole, when it is shown again.
///
/// A price's change shows the price on top, as a read of the asset does, but for what waiting alone
/// changes: a follower needs no rule (P2). Without amount its `state` is `withdrawn`, or `removed` where
/// the quote has no price any more.
pub fn change(
    out: &mut Vec<u8>,
    committed: &Committed,
    (partner, audience): (&str, Audience),
    journal: u32,
) -> Option<&'static str> {
    match &committed.change.kind {
        ChangeKind::Asset(change) => {
            let hides = is_hiding(change);
            if audience == Audience::Others && change.head.hidden && !hides {
                return None;
            }
            let kind = match change.event {
                AssetEvent::Updated if hides && audience == Audience::Others => "asset.deleted",
                AssetEvent::Created => "asset.created",
                AssetEvent::Updated => "asset.updated",
                AssetEvent::Deleted => "asset.deleted",
                AssetEvent::Stamped | AssetEvent::Forgotten => return None,
            };
            let head = Head { kind, partner, id: &change.id, journal, source_time: change.stamp.at };
            open(out, committed, &head);
            if change.head.hidden && audience == Audience::Partner {
                name(out, "hidden");
                out.extend_from_slice(b"true");
            }
            document(out, change);
            out.push(b'}');
            Some(kind)
        }
        ChangeKind::Price(change) if change.visible => price(out, committed, partner, journal, change),
        ChangeKind::Price(_) => None,
        ChangeKind::Record(record) => standing(out, committed, partner, journal, record),
    }
}

/// Whose change it is, as readers see it: what is said of a partner itself is kept with the numbers of all.
pub fn subject(committed: &Committed) -> PartnerNo {
    let Change { partner, kind } = &committed.change;
    let ChangeKind::Record(record) = kind else { return *partner };
    number(record).map_or(*partner, |number| number.no)
}

fn number(record: &RecordChange) -> Option<PartnerNumber> {
    let value = record.value.as_ref().filter(|_| record.kind == RecordKind::Partner)?;
    PartnerNumber::decode(value).ok()
}

/// `{"cursor", "type", "partner", "committed_at", "purged"?}`: the partner is configured no longer, or again.
fn standing(
    out: &mut Vec<u8>,
    committed: &Committed,
    partner: &str,
    journal: u32,
    record: &RecordChange,
) -> Option<&'static str> {
    let standing = number(record)?.standing;
    let kind = match standing {
        PartnerStanding::Known => return None,
        PartnerStanding::Removed | PartnerStanding::Purged => "partner.removed",
        PartnerStanding::Restored => "partner.restored",
    };
    out.push(b'{');
    text(out, "cursor", &cursor::encode(journal, committed.seq));
    text(out, "type", kind);
    text(out, "partner", partner);
    at(out, "committed_at", Some(committed.committed_at));
    if standing == PartnerStanding::Purged {
        name(out, "purged");
        out.extend_from_slice(b"true");
    }
    out.push(b'}');
    Some(kind)
}

/// Appends a change without what it set, but with the path of the asset, as `reference`: for those who
/// could not take it whole. `kind` is what `change` gave.
pub fn change_reference(
    out: &mut Vec<u8>,
    committed: &Committed,
    (kind, partner, id): (&'static str, &str, &AssetId),
    journal: u32,
) {
    let source_time = match &committed.change.kind {
        ChangeKind::Asset(change) => change.stamp.at,
        ChangeKind::Price(change) => change.quote.stamp.at,
        ChangeKind::Record(_) => committed.committed_at,
    };
    open(out, committed, &Head { kind, partner, id, journal, source_time });
    text(out, "reference", &asset_path(partner, id));
    out.push(b'}');
}

/// Who reads the changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The partner whose assets they are of.
    Partner,
    /// Anybody else: hidden assets are not shown.
    Others,
}

/// The change by which an operator hid the asset: nothing of its document differs.
fn is_hiding(change: &AssetChange) -> bool {
    let by_operator = matches!(change.origin, Origin::Admin { .. });
    let is_bare = change.set.is_empty() && change.removed.is_empty();
    change.head.hidden && by_operator && is_bare && change.event == AssetEvent::Updated
}

struct Head<'a> {
    kind: &'static str,
    partner: &'a str,
    id: &'a AssetId,
    journal: u32,
    source_time: Micros,
}

fn open(out: &mut Vec<u8>, committed: &Committed, head: &Head<'_>) {
    out.push(b'{');
    text(out, "cursor", &cursor::encode(head.journal, committed.seq));
    text(out, "type", head.kind);
    text(out, "partner", head.partner);
    text(out, "id", head.id.as_str());
    at(out, "committed_at", Some(committed.committed_at));
    at(out, "source_time", Some(head.source_time));
}

fn document(out: &mut Vec<u8>, change: &AssetChange) {
    // After a delete the document is empty, whatever the change still names.
    let shown = change.event != AssetEvent::Deleted;
    name(out, "set");
    out.push(b'{');
    change.set.iter().filter(|_| shown).for_each(|set| member(out, set));
    out.push(b'}');
    name(out, "removed");
    out.push(b'[');
    for (place, removed) in change.removed.iter().filter(|_| shown).enumerate() {
        if place > 0 {
            out.push(b',');
        }
        json::quote(out, removed);
    }
    out.push(b']');
}

/// The canonical path of an asset: the id is one segment, whatever it holds.
fn asset_path(partner: &str, id: &AssetId) -> String {
    format!("/api/partners/{partner}/assets/{}", segment(id.as_str()))
}

fn price(
    out: &mut Vec<u8>,
    committed: &Committed,
    partner: &str,
    journal: u32,
    change: &PriceChange,
) -> Option<&'static str> {
    let quote = &change.quote;
    // an emptied register: a late delete has taken the price of an asset that lives (X1)
    let gone = Shown { amount: None, currency: quote.currency, as_of: None, since: committed.committed_at };
    let removed = reading::shown(quote).is_none();
    let shown = reading::shown(quote).unwrap_or(gone);
    let undated_at = quote.undated.as_ref().map(|undated| undated.snapshot);
    let source_time = shown.as_of.or(undated_at).unwrap_or(committed.committed_at);
    let head = Head { kind: "price.updated", partner, id: &change.id, journal, source_time };
    open(out, committed, &head);
    out.extend_from_slice(b",\"set\":{},\"removed\":[],\"price\":{");
    text(out, "quote", quote.name.as_str());
    shown_members(out, quote, &shown);
    if shown.amount.is_none() {
        // what is not there any more is never told by a missing value alone
        text(out, "state", if removed { "removed" } else { PriceState::Withdrawn.as_str() });
    }
    out.extend_from_slice(b"}}");
    Some(head.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::records::Encode;
    use crate::domain::{
        AssetHead, Currency, Decimal, Lane, Market, Member, Quote, QuoteName, Seq, Slot, Stamp,
    };

    fn rendered(kind: ChangeKind) -> Option<(&'static str, String)> {
        let change = Change { partner: PartnerNo(1), kind };
        let committed = Committed { seq: Seq(9), committed_at: Micros(2_500_000), change };
        let mut out = Vec::new();
        let kind = change_of(&mut out, &committed);
        let out = String::from_utf8(out).unwrap();
        assert_eq!(kind.is_none(), out.is_empty());
        kind.map(|kind| {
            assert!(json::value(&out).is_ok(), "{out}");
            assert!(CHANGE_TYPES.contains(&kind), "{kind}");
            (kind, out)
        })
    }

    fn change_of(out: &mut Vec<u8>, committed: &Committed) -> Option<&'static str> {
        super::change(out, committed, ("acme", Audience::Others), 1)
    }

    fn asset(event: AssetEvent) -> ChangeKind {
        ChangeKind::Asset(Box::new(AssetChange {
            slot: Slot(0),
            id: AssetId::new("a").unwrap(),
            event,
            head: AssetHead::unborn(),
            set: vec![Member { name: "x".into(), text: "[1,\n2]".into(), hash: 0 }],
            removed: vec!["y".into(), "z".into()],
            stamp: Stamp::new(Micros(1_000_000), Lane::Push, 0),
            origin: Origin::Push { delivery: 0 },
        }))
    }

    #[test]
    fn an_assets_change_carries_what_was_set_and_removed() {
        let (kind, text) = rendered(asset(AssetEvent::Updated)).unwrap();
        assert_eq!(kind, "asset.updated");
        assert_eq!(
            text,
            concat!(
                r#"{"cursor":"00000001-9","type":"asset.updated","partner":"acme","id":"a","#,
                r#""committed_at":"1970-01-01T00:00:02.500000Z","source_time":"1970-01-01T00:00:01Z","#,
                r#""set":{"x":[1, 2]},"removed":["y","z"]}"#
            )
        );
    }

    #[test]
    fn a_delete_shows_an_empty_document() {
        let (_, text) = rendered(asset(AssetEvent::Deleted)).unwrap();
        assert!(text.ends_with(r#""set":{},"removed":[]}"#), "{text}");
    }

    #[test]
    fn what_is_internal_is_not_shown() {
        assert_eq!(rendered(asset(AssetEvent::Stamped)), None);
        assert_eq!(rendered(asset(AssetEvent::Forgotten)), None);
        let record = RecordChange { kind: RecordKind::Run, key: Box::new([]), value: None };
        assert_eq!(rendered(ChangeKind::Record(Box::new(record))), None);
        assert_eq!(rendered(price(false)), None);
    }

    #[test]
    fn u16_what_is_said_of_a_partner_itself_is_shown_as_its_own() {
        for (standing, end) in [
            (
                PartnerStanding::Removed,
                r#"partner.removed","partner":"acme","committed_at":"1970-01-01T00:00:02.500000Z"}"#,
            ),
            (PartnerStanding::Purged, r#"02.500000Z","purged":true}"#),
            (
                PartnerStanding::Restored,
                r#"partner.restored","partner":"acme","committed_at":"1970-01-01T00:00:02.500000Z"}"#,
            ),
        ] {
            let value = PartnerNumber { standing, ..PartnerNumber::new(PartnerNo(7), false) }.encode();
            let record =
                RecordChange { kind: RecordKind::Partner, key: (*b"acme").into(), value: Some(value) };
            let kind = ChangeKind::Record(Box::new(record));
            let (_, text) = rendered(kind.clone()).unwrap();
            assert!(text.ends_with(end), "{text}");
            let change = Change { partner: PartnerNo(0), kind };
            assert_eq!(subject(&Committed { seq: Seq(9), committed_at: Micros(0), change }), PartnerNo(7));
        }
        let value = PartnerNumber::new(PartnerNo(7), false).encode();
        let record = RecordChange { kind: RecordKind::Partner, key: (*b"acme").into(), value: Some(value) };
        assert_eq!(rendered(ChangeKind::Record(Box::new(record))), None, "a new partner has nothing yet");
    }

    fn price(visible: bool) -> ChangeKind {
        let quote = Quote {
            name: QuoteName::PRICE,
            currency: Currency::new("EUR").unwrap(),
            market: Market::Unsaid,
            stamp: Stamp::new(Micros(1_000_000), Lane::Price, 3),
            amount: Some(Decimal::parse("1.5").unwrap()),
            received_at: Micros(2_000_000),
            by_arrival: false,
            extra: None,
            undated: None,
        };
        ChangeKind::Price(PriceChange { slot: Slot(0), id: AssetId::new("a").unwrap(), visible, quote })
    }

    #[test]
    fn a_prices_change_carries_the_price() {
        let (kind, text) = rendered(price(true)).unwrap();
        assert_eq!(kind, "price.updated");
        assert!(text.contains(r#""source_time":"1970-01-01T00:00:01Z","set":{},"removed":[],"price":{"quote":"price","amount":"1.5","#));
    }
}
