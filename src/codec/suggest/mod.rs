//! A mapping proposed from a document, for a person to look at: `tidegate feed suggest`.
//!
//! Nothing here decides what is read: what is proposed is written as configuration, which is read and
//! tried as if a person had written it. Guesses are by names and by what all records hold; what
//! neither shows is said, not guessed. The same document gives the same text.

mod amounts;
mod column;
mod hints;
mod id;
mod members;
mod paging;
mod records;
mod times;
mod tree;
mod words;
mod written;

pub use hints::Hints;

use super::json::{self, JsonError};
use column::Table;
use records::{Candidate, LocatedRecord, candidates};
use tree::Node;
use written::Written;

/// Other places that are named beside the chosen one.
const NAMED_MAX: usize = 4;

/// Why nothing is proposed.
#[derive(Debug, thiserror::Error)]
pub enum SuggestError {
    /// The document cannot be read.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// It holds no records that could be found.
    #[error(
        "no records were found: neither an array of objects, nor an object of records by their ids, nor lines of \
         JSON; it holds {holds}"
    )]
    NoRecords {
        /// What its top is.
        holds: String,
    },
}

/// A proposal for this document, as the text of a configuration below `[feed]`.
pub fn suggest(document: &str, hints: &Hints) -> Result<String, SuggestError> {
    let document = document.strip_prefix('\u{feff}').unwrap_or(document);
    let values = json::sequence(document)?;
    let mut out = Written::default();
    match values.as_slice() {
        [only] => {
            let root = Node::read(only)?;
            of_one(&root, hints, &mut out)?;
        }
        several => {
            let lines = several.iter().map(|line| Node::read(line)).collect::<Result<Vec<_>, _>>()?;
            of_lines(&lines, hints, &mut out)?;
        }
    }
    Ok(out.toml(hints))
}

fn of_lines(lines: &[Node<'_>], hints: &Hints, out: &mut Written) -> Result<(), SuggestError> {
    if !lines.iter().all(|line| line.members().is_some()) || lines.is_empty() {
        return Err(SuggestError::NoRecords {
            holds: "several values that are no objects, or nothing".into(),
        });
    }
    let records = lines.iter().map(|node| LocatedRecord { node, above: Vec::new() });
    let lines = Candidate { steps: Vec::new(), by_key: false, records: records.collect() };
    out.notes.push(format!("{} lines of JSON, each a record", lines.records.len()));
    of_records(&Node::Null, &lines, hints, out);
    Ok(())
}

fn of_one(root: &Node<'_>, hints: &Hints, out: &mut Written) -> Result<(), SuggestError> {
    let found = candidates(root);
    let best =
        found.iter().enumerate().max_by_key(|(place, candidate)| (score(candidate), usize::MAX - place));
    let Some((place, best)) = best else {
        let is_line = root.members().is_some_and(|members| members.iter().any(|(name, _)| name == "id"));
        if is_line {
            let line = Candidate {
                steps: Vec::new(),
                by_key: false,
                records: vec![LocatedRecord { node: root, above: Vec::new() }],
            };
            out.map("records", "{ lines = true }", "one object with an id: taken for one line of JSON");
            of_records(&Node::Null, &line, hints, out);
            return Ok(());
        }
        return Err(SuggestError::NoRecords { holds: holds(root) });
    };
    let others: Vec<String> = found
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != place)
        .take(NAMED_MAX)
        .map(|(_, other)| format!("{} ({})", shown(other), other.records.len()))
        .collect();
    let mut why = format!("{} records", best.records.len());
    if !others.is_empty() {
        why.push_str(&format!("; other places: {}", others.join(", ")));
    }
    let at = written::text(&best.pointer());
    match (best.by_key, best.steps.as_slice()) {
        (true, _) => {
            out.map("records", format!("{{ at = {at}, by_key = true }}"), why + ", each under its id")
        }
        // as our own shape has them
        (false, []) => {}
        (false, [only]) if only == "assets" => {}
        (false, _) => out.map("records", at, why),
    }
    of_records(root, best, hints, out);
    Ok(())
}

fn shown(candidate: &Candidate<'_, '_>) -> String {
    let pointer = candidate.pointer();
    if pointer.is_empty() { "the document itself".to_owned() } else { pointer }
}

/// How much a place looks like that of the records: they have ids, prices, times.
fn score(candidate: &Candidate<'_, '_>) -> i32 {
    /// The first records show what all are like.
    const LOOKED_AT: usize = 200;
    let table = Table::of(&candidate.records[..candidate.records.len().min(LOOKED_AT)]);
    let is_named = candidate.by_key || id::is_named(&table);
    let is_timed = times::best(table.columns.iter()).is_some();
    let is_alone = candidate.by_key && candidate.records.len() == 1;
    3 * i32::from(is_named)
        + 3 * i32::from(amounts::are_priced(&table))
        + i32::from(is_timed)
        + i32::from(table.columns.len() > 1)
        - candidate.depth() as i32
        - 2 * i32::from(is_alone)
}

fn of_records(root: &Node<'_>, candidate: &Candidate<'_, '_>, hints: &Hints, out: &mut Written) {
    let table = Table::of(&candidate.records);
    id::propose(candidate, &table, out);
    if !(candidate.by_key && candidate.steps.is_empty()) {
        times::propose_generated(root, hints, out);
        paging::propose(root, candidate.records.len(), out);
    }
    let is_top = |column: &&column::Column<'_, '_>| column.pointer.len() == 1;
    if !amounts::is_bare(&table) {
        times::propose_updated(table.columns.iter().filter(is_top), hints, out);
    }
    members::propose(&table, out);
    amounts::propose(&table, root, candidate.depth(), hints, out);
}

fn holds(root: &Node<'_>) -> String {
    match root {
        Node::Object(members) => {
            let names: Vec<String> = members.iter().take(8).map(|(name, _)| format!("/{name}")).collect();
            format!("an object of {}", names.join(", "))
        }
        Node::Array(nodes) => format!("an array of {} values that are no objects", nodes.len()),
        _ => "one plain value".to_owned(),
    }
}
