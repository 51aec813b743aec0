//! Which members name a record: one that is different in all of them, or two together.

use super::column::{Column, Table};
use super::records::{Candidate, LocatedRecord};
use super::words::{ID_STRONG, id_rank};
use super::written::{Written, text};
use std::collections::HashSet;

/// Members of which pairs are tried.
const PAIRED_MAX: usize = 12;
/// Alternatives that a reason names.
const NAMED_MAX: usize = 3;

/// How an id is made.
struct Choice<'s, 't, 'a> {
    parts: Vec<&'s Column<'t, 'a>>,
    /// The parent's id stands before it: where that is.
    parent: Option<String>,
    distinct: usize,
}

/// Whether records are named by something that is meant for it.
pub fn is_named(table: &Table<'_, '_>) -> bool {
    possible(table).iter().any(|(rank, _)| *rank <= ID_STRONG)
}

/// Writes `id` and `repeated` where our own shape does not have them.
pub fn propose(candidate: &Candidate<'_, '_>, table: &Table<'_, '_>, out: &mut Written) {
    if candidate.by_key {
        return;
    }
    let possible = possible(table);
    if possible.is_empty() {
        out.undecided
            .push(format!("the id: no member is in all {} records as a text or whole number", table.records));
        return;
    }
    let choice = choose(candidate, table, &possible);
    let has_mixed_hex = choice.parts.iter().any(|column| is_mixed_hex(column));
    let has_blanks = choice.parts.iter().any(|column| column.words().any(|word| word.trim() != word));
    let distinct =
        if has_mixed_hex { distinct(&choice.parts, &candidate.records, true) } else { choice.distinct };
    let others: Vec<String> = possible
        .iter()
        .filter(|(_, column)| !choice.parts.iter().any(|part| part.pointer == column.pointer))
        .take(NAMED_MAX)
        .map(|(_, column)| format!("{} ({})", column.at(), column.distinct()))
        .collect();
    let mut why = format!("{distinct} different in {} records", table.records);
    if !others.is_empty() {
        why.push_str(&format!("; others: {}", others.join(", ")));
    }
    let mut extra = String::new();
    if has_mixed_hex {
        extra.push_str(", lower = true");
        why.push_str("; addresses in mixed case are one in small letters");
    }
    if has_blanks {
        extra.push_str(", trim = true");
    }
    let own = choice.parts.first().is_some_and(|column| column.pointer == ["id"]);
    if choice.parts.len() == 1 && choice.parent.is_none() {
        if !own || !extra.is_empty() {
            let at = text(&choice.parts[0].at());
            let value = if extra.is_empty() { at } else { format!("{{ at = {at}{extra} }}") };
            out.map("id", value, why);
        }
    } else {
        let parts = choice.parts.iter().map(|column| text(&column.at()));
        let parts: Vec<String> = choice.parent.clone().into_iter().chain(parts).collect();
        let join = if choice.parent.is_some() { "/" } else { ":" };
        out.map("id", format!("{{ of = [{}], join = \"{join}\"{extra} }}", parts.join(", ")), why);
    }
    if distinct < table.records {
        let again = table.records - distinct;
        let why = format!(
            "{again} records repeat an id; \"first\", or leave it out to keep such records aside (F6)"
        );
        out.map("repeated", "\"last\"", why);
    }
    if table.records == 1 {
        out.notes.push("one record proves no id: look at a document of many".to_owned());
    }
}

/// Members that could be ids, the likeliest first.
fn possible<'s, 't, 'a>(table: &'s Table<'t, 'a>) -> Vec<(u8, &'s Column<'t, 'a>)> {
    let is_plain = |word: &str| !word.is_empty() && word.len() <= 256;
    let fits = |column: &&Column<'_, '_>| {
        let words: Vec<&str> = column.words().collect();
        let is_whole = |column: &Column<'_, '_>| {
            column.values.iter().all(|(_, node)| match node {
                super::tree::Node::Number(digits) => !digits.contains(['.', 'e', 'E']),
                _ => true,
            })
        };
        words.len() == table.records && words.into_iter().all(is_plain) && is_whole(column)
    };
    let ranked = table.columns.iter().filter(fits).filter_map(|column| {
        let deeper = (column.pointer.len().saturating_sub(1) as u8) * 2;
        Some((id_rank(column.name())? + deeper, column))
    });
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked
}

fn choose<'s, 't, 'a>(
    candidate: &Candidate<'t, 'a>,
    table: &Table<'t, 'a>,
    possible: &[(u8, &'s Column<'t, 'a>)],
) -> Choice<'s, 't, 'a> {
    let records = &candidate.records;
    let single = |column: &'s Column<'t, 'a>| Choice {
        parts: vec![column],
        parent: None,
        distinct: distinct(&[column], records, false),
    };
    let strong = || possible.iter().filter(|(rank, _)| *rank <= ID_STRONG);
    if let Some((_, column)) = strong().find(|(_, column)| column.distinct() == table.records) {
        return single(column);
    }
    let best = strong().next().or(possible.first()).expect("there is one").1;
    if let Some((parent, enough)) = parent_of(candidate, best) {
        return Choice { parts: vec![best], parent: Some(parent), distinct: enough };
    }
    let mut pair: Option<Choice<'s, 't, 'a>> = None;
    let tried: Vec<_> = possible.iter().filter(|(rank, _)| *rank <= 7).take(PAIRED_MAX).collect();
    for (place, (_, one)) in tried.iter().enumerate() {
        for (_, other) in &tried[place + 1..] {
            let mut parts = vec![*one, *other];
            parts.sort_by_key(|part| table.columns.iter().position(|column| column.pointer == part.pointer));
            let distinct = distinct(&parts, records, false);
            if pair.as_ref().is_none_or(|pair| pair.distinct < distinct) {
                pair = Some(Choice { parts, parent: None, distinct });
            }
        }
    }
    // symbols and names are different in most lists until one day they are not
    let weak =
        possible.iter().find(|(_, column)| column.distinct() == table.records).map(|(_, column)| *column);
    let has_strong = strong().next().is_some();
    match (pair, weak) {
        (Some(pair), _) if has_strong && 100 * pair.distinct >= 99 * table.records => pair,
        (_, Some(weak)) if !has_strong => single(weak),
        (Some(pair), _) if pair.distinct > best.distinct() => pair,
        _ => single(best),
    }
}

/// The id of the elements that enclose the records, where it makes theirs different.
fn parent_of(candidate: &Candidate<'_, '_>, own: &Column<'_, '_>) -> Option<(String, usize)> {
    let first = candidate.records.first()?.above.first()?;
    let mut names: Vec<(u8, &str)> = first
        .members()?
        .iter()
        .filter(|(_, node)| node.word().is_some())
        .filter_map(|(name, _)| Some((id_rank(name)?, name.as_ref())))
        .collect();
    names.sort();
    let (_, name) = *names.first()?;
    let whole = |found: &LocatedRecord<'_, '_>| {
        let above = found.above.first()?.member(name)?.word()?.to_owned();
        Some((above, found.node.at(&own.pointer)?.word()?.to_owned()))
    };
    let ids: Option<HashSet<_>> = candidate.records.iter().map(whole).collect();
    let distinct = ids?.len();
    (distinct > own.distinct())
        .then(|| (format!("{{ up = 1, at = {} }}", text(&format!("/{name}"))), distinct))
}

fn distinct(parts: &[&Column<'_, '_>], records: &[LocatedRecord<'_, '_>], lower: bool) -> usize {
    let of = |found: &LocatedRecord<'_, '_>| {
        let words = parts.iter().map(|part| found.node.at(&part.pointer).and_then(|node| node.word()));
        let words = words.map(|word| word.unwrap_or_default());
        words.map(|word| if lower { word.to_ascii_lowercase() } else { word.to_owned() }).collect::<Vec<_>>()
    };
    records.iter().map(of).collect::<HashSet<_>>().len()
}

/// Addresses such as `0xAb01…`, whose letters are of both cases.
fn is_mixed_hex(column: &Column<'_, '_>) -> bool {
    let is_hex = |word: &str| {
        let digits = word.strip_prefix("0x").unwrap_or_default();
        digits.len() >= 4 && digits.bytes().all(|b| b.is_ascii_hexdigit())
    };
    let has = |test: fn(&u8) -> bool| column.words().any(|word| word.as_bytes().iter().skip(2).any(test));
    column.words().all(is_hex) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)
}
