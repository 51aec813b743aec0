//! Replies to pushes: what became of each item, by which rule, and its cursor.

use super::write::{name, number, text};
use crate::codec::cursor;
use crate::codec::json;
use crate::codec::request::{ItemWarning, Shape};
use crate::domain::{ItemOutcome, Note, Outcome, Seq};
use compact_str::CompactString;

/// All that a reply says.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// Whether it is the item itself, or a list.
    pub shape: Shape,
    /// As `request::Decoded` gave them: one for each item.
    pub ids: &'a [CompactString],
    /// What became of each item, in their order.
    pub items: &'a [ItemOutcome],
    /// The life of the file that the cursors name.
    pub journal: u32,
    /// The sequence of the batch's first change.
    pub first: Seq,
    /// What an item without a change of its own rests on.
    pub durable: Seq,
    /// Ranges of numbered streams to be sent again (G1).
    pub missing: &'a [(String, Vec<(u64, u64)>)],
    /// What is odd about items that were taken, in the order of the items.
    pub warnings: &'a [ItemWarning],
    /// The delivery's id came before with another body (G2).
    pub rebuilt: bool,
    /// How it is written.
    pub style: ReplyStyle,
}

/// How a reply is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplyStyle {
    /// Only the items of a batch that have a note or a warning are listed, each with its `index`.
    pub minimal: bool,
    /// Nothing was committed: the reply says so, and names no cursor.
    pub dry_run: bool,
}

/// Appends the reply. Single: the item itself. Batch: `{"counts", "cursor", "items"}`.
pub fn push_reply(out: &mut Vec<u8>, reply: &Reply<'_>) {
    debug_assert_eq!(reply.ids.len(), reply.items.len(), "each item has its id");
    let prefix = format!("\",\"cursor\":\"{}-", cursor::journal(reply.journal));
    let ReplyStyle { minimal, dry_run } = reply.style;
    let mut items = reply.ids.iter().zip(reply.items);
    if reply.shape == Shape::Single {
        return match items.next() {
            Some((id, outcome)) => {
                item(out, reply, &prefix, id, outcome, None);
                out.pop();
                of_the_whole(out, reply, reply.warnings);
                out.push(b'}');
            }
            None => out.extend_from_slice(b"{}"),
        };
    }
    out.reserve(128 + if minimal { 0 } else { reply.items.len() * 112 });
    out.push(b'{');
    counts(out, reply.items);
    if !dry_run {
        text(out, "cursor", &cursor::encode(reply.journal, reply.durable));
    }
    of_the_whole(out, reply, &[]);
    out.extend_from_slice(b",\"items\":[");
    let mut first = true;
    let mut rest = reply.warnings;
    for (index, (id, outcome)) in items.enumerate() {
        let warnings = of_item(&mut rest, index);
        if minimal && outcome.note.is_none() && warnings.is_empty() {
            continue;
        }
        if !first {
            out.push(b',');
        }
        first = false;
        item(out, reply, &prefix, id, outcome, minimal.then_some(index));
        if !warnings.is_empty() {
            out.pop();
            self::warnings(out, warnings, false);
            out.push(b'}');
        }
    }
    out.extend_from_slice(b"]}");
}

/// Takes the warnings about one item from those about it and later ones.
fn of_item<'a>(rest: &mut &'a [ItemWarning], index: usize) -> &'a [ItemWarning] {
    let (own, others) = rest.split_at(rest.iter().take_while(|warning| warning.item == index).count());
    *rest = others;
    own
}

/// Appends what is said of a push beside its items, and the warnings about the only one.
fn of_the_whole(out: &mut Vec<u8>, reply: &Reply<'_>, warnings: &[ItemWarning]) {
    if reply.style.dry_run {
        out.extend_from_slice(b",\"dry_run\":true");
    }
    if !reply.missing.is_empty() {
        missing(out, reply.missing);
    }
    if reply.rebuilt || !warnings.is_empty() {
        self::warnings(out, warnings, reply.rebuilt);
    }
}

fn warnings(out: &mut Vec<u8>, warnings: &[ItemWarning], rebuilt: bool) {
    name(out, "warnings");
    out.push(b'[');
    if rebuilt {
        warning(out, "delivery_id_reused", REUSED_HINT, None);
    }
    for (place, of) in warnings.iter().enumerate() {
        if rebuilt || place > 0 {
            out.push(b',');
        }
        warning(out, of.code, &of.hint, Some(&of.pointer));
    }
    out.push(b']');
}

fn warning(out: &mut Vec<u8>, code: &str, hint: &str, pointer: Option<&str>) {
    out.push(b'{');
    text(out, "code", code);
    text(out, "hint", hint);
    if let Some(pointer) = pointer {
        text(out, "pointer", pointer);
    }
    out.push(b'}');
}

const REUSED_HINT: &str = "this id came before with another body, and this one was decided as a delivery of its own; \
     send the same body again under an id, and a new id with what is new";

fn counts(out: &mut Vec<u8>, items: &[ItemOutcome]) {
    let mut counts = [0u64; Outcome::ALL.len()];
    for item in items {
        counts[item.outcome as usize] += 1;
    }
    name(out, "counts");
    out.push(b'{');
    for outcome in Outcome::ALL {
        let count = counts[outcome as usize];
        if count > 0 {
            name(out, outcome.as_str());
            number(out, count);
        }
    }
    out.push(b'}');
}

fn item(
    out: &mut Vec<u8>,
    reply: &Reply<'_>,
    prefix: &str,
    id: &str,
    item: &ItemOutcome,
    index: Option<usize>,
) {
    out.extend_from_slice(b"{\"id\":");
    json::quote(out, id);
    if let Some(index) = index {
        name(out, "index");
        number(out, index as u64);
    }
    let applied: &[u8] = match item.outcome.applied() {
        true => b",\"applied\":true,\"outcome\":\"",
        false => b",\"applied\":false,\"outcome\":\"",
    };
    out.extend_from_slice(applied);
    out.extend_from_slice(item.outcome.as_str().as_bytes());
    out.extend_from_slice(b"\",\"rule\":\"");
    out.extend_from_slice(item.rule.as_str().as_bytes());
    if !reply.style.dry_run {
        out.extend_from_slice(prefix.as_bytes());
        number(out, item.change.map_or(reply.durable.0, |change| reply.first.0 + u64::from(change)));
    }
    out.push(b'"');
    if let Some(note) = &item.note {
        self::note(out, note);
    }
    let has_hint = item.note.as_ref().is_some_and(|note| !note.hint.is_empty());
    if let Some(hint) = hint(item.outcome).filter(|_| !has_hint) {
        text(out, "hint", hint);
    }
    out.push(b'}');
}

/// What there is to do where an outcome alone says why nothing was applied.
fn hint(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Superseded => Some("something newer is stored; nothing is wrong, do not send it again"),
        Outcome::Duplicate => Some("this very write has been taken before; nothing is to be done"),
        Outcome::Unchanged => Some("the content is what is stored already; nothing is to be done"),
        Outcome::Parked => Some("it waits up to 24 h for its asset; push the asset"),
        Outcome::NotFound => Some("a PATCH never creates: POST or PUT the asset"),
        Outcome::Gone => Some("the asset was deleted, and a PATCH never revives: POST or PUT it"),
        _ => None,
    }
}

/// `"missing":{"stream":[[42,42]]}`.
fn missing(out: &mut Vec<u8>, streams: &[(String, Vec<(u64, u64)>)]) {
    name(out, "missing");
    out.push(b'{');
    for (stream, ranges) in streams {
        name(out, stream);
        out.push(b'[');
        for (place, &(from, to)) in ranges.iter().enumerate() {
            out.extend_from_slice(if place > 0 { b",[" } else { b"[" });
            number(out, from);
            out.push(b',');
            number(out, to);
            out.push(b']');
        }
        out.push(b']');
    }
    out.push(b'}');
}

fn note(out: &mut Vec<u8>, note: &Note) {
    for (member, value) in [("code", &*note.code), ("hint", &note.hint), ("pointer", &note.pointer)] {
        if !value.is_empty() {
            text(out, member, value);
        }
    }
    if !note.superseded.is_empty() {
        name(out, "superseded");
        out.push(b'[');
        for (place, member) in note.superseded.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            json::quote(out, member);
        }
        out.push(b']');
    }
    if note.undated {
        out.extend_from_slice(b",\"undated\":true");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Rule;

    fn rendered(shape: Shape, minimal: bool) -> String {
        rendered_with(shape, minimal, &[])
    }

    fn rendered_with(shape: Shape, minimal: bool, missing: &[(String, Vec<(u64, u64)>)]) -> String {
        let style = ReplyStyle { minimal, dry_run: false };
        rendered_as(shape, style, missing, false)
    }

    fn rendered_as(
        shape: Shape,
        style: ReplyStyle,
        missing: &[(String, Vec<(u64, u64)>)],
        rebuilt: bool,
    ) -> String {
        let mut lost = ItemOutcome::plain(Outcome::Updated, Rule::D1);
        lost.note_mut().superseded = vec!["title".into(), "a\"b".into()];
        lost.note_mut().undated = true;
        lost.change = Some(1);
        let mut refused = ItemOutcome::noted(Outcome::Rejected, Rule::P4, "amount_zero", "send more");
        refused.note_mut().pointer = "/amount".into();
        let updated = ItemOutcome { change: Some(0), ..ItemOutcome::plain(Outcome::Updated, Rule::P1) };
        let items = [updated, lost, refused];
        let ids = ["a/1".into(), "b".into(), "".into()];
        let (ids, items) =
            if shape == Shape::Single { (&ids[..1], &items[..1]) } else { (&ids[..], &items[..]) };
        let mut out = Vec::new();
        let (first, durable) = (Seq(40), Seq(99));
        let warnings = &[];
        let reply =
            Reply { shape, ids, items, journal: 0xA1, first, durable, missing, warnings, rebuilt, style };
        push_reply(&mut out, &reply);
        let out = String::from_utf8(out).unwrap();
        assert!(json::value(&out).is_ok(), "{out}");
        out
    }

    #[test]
    fn a_single_reply_is_the_item_itself() {
        let expected =
            r#"{"id":"a/1","applied":true,"outcome":"updated","rule":"P1","cursor":"000000a1-40"}"#;
        assert_eq!(rendered(Shape::Single, false), expected);
    }

    #[test]
    fn a_batch_reply_counts_and_lists_in_order() {
        assert_eq!(
            rendered(Shape::Batch, false),
            concat!(
                r#"{"counts":{"updated":2,"rejected":1},"cursor":"000000a1-99","items":["#,
                r#"{"id":"a/1","applied":true,"outcome":"updated","rule":"P1","cursor":"000000a1-40"},"#,
                r#"{"id":"b","applied":true,"outcome":"updated","rule":"D1","cursor":"000000a1-41","#,
                r#""superseded":["title","a\"b"],"undated":true},"#,
                r#"{"id":"","applied":false,"outcome":"rejected","rule":"P4","cursor":"000000a1-99","#,
                r#""code":"amount_zero","hint":"send more","pointer":"/amount"}]}"#
            )
        );
    }

    #[test]
    fn g1_what_is_missing_is_named_beside_the_items() {
        let missing = [("a".into(), vec![(42, 42), (50, 60)]), ("b\"".into(), vec![(1, 2)])];
        let named = r#""missing":{"a":[[42,42],[50,60]],"b\"":[[1,2]]}"#;
        let batch = rendered_with(Shape::Batch, false, &missing);
        assert!(batch.contains(&format!(r#""cursor":"000000a1-99",{named},"items""#)), "{batch}");
        let single = rendered_with(Shape::Single, false, &missing);
        assert!(single.ends_with(&format!(r#""cursor":"000000a1-40",{named}}}"#)), "{single}");
    }

    #[test]
    fn u12_a_dry_run_says_so_and_names_no_cursor() {
        let style = ReplyStyle { dry_run: true, minimal: false };
        for shape in [Shape::Single, Shape::Batch] {
            let reply = rendered_as(shape, style, &[], false);
            assert!(reply.contains(r#","dry_run":true"#) && !reply.contains("cursor"), "{reply}");
        }
        assert!(!rendered(Shape::Single, false).contains("dry_run"));
    }

    #[test]
    fn g2_a_delivery_id_that_came_with_another_body_is_warned_of() {
        for shape in [Shape::Single, Shape::Batch] {
            let reply = rendered_as(shape, ReplyStyle::default(), &[], true);
            assert!(reply.contains(r#","warnings":[{"code":"delivery_id_reused","hint":""#), "{reply}");
        }
    }

    #[test]
    fn a_minimal_reply_lists_only_what_has_something_to_say() {
        let reply = rendered(Shape::Batch, true);
        assert!(reply.contains(r#""items":[{"id":"b","index":1,"applied""#) && !reply.contains("a/1"));
    }

    #[test]
    fn outcomes_are_counted_by_their_place_in_the_list_of_all() {
        for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, place);
        }
    }
}
