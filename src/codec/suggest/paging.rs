//! Whether the document is one page of several, and what leads to the next.

use super::column::pointer;
use super::tree::Node;
use super::words::words;
use super::written::{Written, line, text};

/// Writes `[feed.pages]` where the document says that it goes on elsewhere, and `count` where it does not.
pub fn propose(root: &Node<'_>, records: usize, out: &mut Written) {
    let values = values(root);
    let is_named = |at: &[String], wanted: &[&str]| {
        let name = words(&at[at.len() - 1]);
        wanted.contains(&name.join("_").as_str())
    };
    let find = |wanted: &[&str]| values.iter().find(|(at, _)| is_named(at, wanted));
    let number = |node: &Node<'_>| match node {
        Node::Number(digits) => digits.parse::<u64>().ok(),
        _ => None,
    };
    let count = find(&["count", "total", "total_count", "total_results", "total_items", "total_records"]);
    let count = count.and_then(|(at, node)| Some((at, number(node)?)));
    let is_part = count.is_some_and(|(_, total)| total > records as u64);
    let next = find(&["next", "next_url", "next_page_url", "next_page", "next_link"]);
    let cursor = find(&["next_cursor", "next_page_token", "cursor", "end_cursor", "continuation"]);
    let pages = find(&["total_pages", "page_count", "last_page", "pages"]);
    let total = || {
        count
            .filter(|_| is_part)
            .map(|(at, total)| line("count", text(&pointer(at)), format!("{total} in all")))
    };
    match (next, cursor, pages) {
        (Some((at, Node::Text(url))), ..) if url.contains('/') || url.starts_with('?') => {
            out.pages.push(line("next", text(&pointer(at)), "the address of the page after this one"));
            out.pages.extend(total());
        }
        (_, Some((at, Node::Text(_))), _) => {
            let value = format!("{{ parameter = \"cursor\", at = {} }}", text(&pointer(at)));
            out.pages.push(line("cursor", value, "leads to the page after this one"));
            out.pages.extend(total());
            out.undecided.push("the parameter that takes the cursor: \"cursor\" is a guess".to_owned());
        }
        (_, _, Some((at, node))) if number(node).is_some_and(|pages| pages > 1) => {
            let value = format!("{{ parameter = \"page\", total = {} }}", text(&pointer(at)));
            out.pages.push(line("page", value, "so many pages in all"));
            out.undecided.push("the parameter that names the page: \"page\" is a guess".to_owned());
        }
        _ => match count {
            Some((at, total)) if is_part => out.undecided.push(format!(
                "whether more pages follow: {} says {total}, and here are {records} records; see [feed.pages]",
                pointer(at)
            )),
            Some((at, total)) if total == records as u64 && at.as_slice() != ["count"] => {
                out.map("count", text(&pointer(at)), "as many records as there are: a cut document is noticed");
            }
            Some((at, total)) if total < records as u64 && at.as_slice() == ["count"] => {
                out.map("count", "false", format!("/count says {total}, which is not the number of records"));
            }
            _ => {}
        },
    }
}

/// Plain values beside the records, with their places; `null` too.
fn values<'t, 'a>(root: &'t Node<'a>) -> Vec<(Vec<String>, &'t Node<'a>)> {
    let mut found = Vec::new();
    for (name, node) in root.members().unwrap_or_default() {
        match node {
            Node::Object(members) => found.extend(
                members.iter().map(|(inner, node)| (vec![name.to_string(), inner.to_string()], node)),
            ),
            Node::Array(_) => {}
            _ => found.push((vec![name.to_string()], node)),
        }
    }
    found.retain(|(_, node)| !matches!(node, Node::Array(_) | Node::Object(_)));
    found
}
