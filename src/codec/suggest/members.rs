//! The members that have a meaning with us: name and status, and what would stand in their place.

use super::column::{Column, Table};
use super::tree::Node;
use super::words::{is_active, words};
use super::written::{Written, text};

/// Words of a status: more are no status.
const WORDS_MAX: usize = 24;

/// Writes `name`, `status` and what must not pass under our names.
pub fn propose(table: &Table<'_, '_>, out: &mut Written) {
    propose_name(table, out);
    propose_status(table, out);
}

fn propose_name(table: &Table<'_, '_>, out: &mut Written) {
    let is_text =
        |column: &&Column<'_, '_>| column.values.iter().all(|(_, node)| matches!(node, Node::Text(_)));
    let of = |name: &str| table.column(&[name.to_owned()]).filter(is_text);
    if of("name").is_some() {
        return;
    }
    let titles = ["title", "label", "displayName", "display_name", "productName", "product_name", "fullName"];
    if let Some(column) = titles.iter().find_map(|title| of(title)) {
        out.map("name", text(&column.at()), format!("a text in {} records", column.values.len()));
    }
}

fn propose_status(table: &Table<'_, '_>, out: &mut Written) {
    let is_status = |column: &&Column<'_, '_>| {
        let words = words(column.name());
        column.pointer.len() == 1
            && matches!(words.last().map(String::as_str), Some("status" | "state" | "availability"))
            && words.len() <= 2
            && words.first().is_none_or(|first| first != "legal")
    };
    // the very name of ours goes first: what it says is held to our words
    let own = table.column(&["status".to_owned()]);
    let Some(column) = own.or_else(|| table.columns.iter().find(is_status)) else { return };
    let Some(counted) = column.counted(WORDS_MAX).filter(|counted| !counted.is_empty()) else {
        out.notes.push(format!("{} has too many words for a status", column.at()));
        return;
    };
    let is_ours = |word: &str| matches!(word, "active" | "inactive");
    if column.pointer == ["status"] && counted.iter().all(|(word, _)| is_ours(word)) {
        return;
    }
    let active: Vec<&str> =
        counted.iter().filter(|(word, _)| is_active(word) == Some(true)).map(|(word, _)| *word).collect();
    let unknown: Vec<String> = counted
        .iter()
        .filter(|(word, _)| is_active(word).is_none())
        .map(|(word, count)| format!("{word} ({count})"))
        .collect();
    let shown: Vec<String> = counted.iter().map(|(word, count)| format!("{word} ({count})")).collect();
    if active.is_empty() && column.pointer != ["status"] {
        out.undecided.push(format!("what {} says of the status: {}", column.at(), shown.join(", ")));
        return;
    }
    let (words, rest) = match active.is_empty() {
        true => (String::new(), "\"*\" = \"active\""),
        false => {
            let words = active.iter().map(|word| format!("{} = \"active\", ", text(word)));
            (words.collect(), "\"*\" = \"inactive\"")
        }
    };
    out.map(
        "status",
        format!("{{ at = {}, map = {{ {words}{rest} }} }}", text(&column.at())),
        shown.join(", "),
    );
    if !unknown.is_empty() {
        out.undecided.push(format!(
            "whether these words of {} mean active: {}",
            column.at(),
            unknown.join(", ")
        ));
    }
}
