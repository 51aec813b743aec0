//! Where the records of a document may be: every array of objects, and every object whose members are
//! alike, directly or within elements that a `*` steps into.

use super::tree::Node;

/// Steps on the way to records: more are not looked for.
const STEPS_MAX: usize = 6;
/// Levels of elements that enclose records.
const STARS_MAX: usize = 2;
/// Names of one level that are followed.
const NAMES_MAX: usize = 64;

/// One record, with what stands around it.
#[derive(Clone, Debug)]
pub struct LocatedRecord<'t, 'a> {
    /// Its own value.
    pub node: &'t Node<'a>,
    /// The elements that enclose it, the nearest first.
    pub above: Vec<&'t Node<'a>>,
}

/// A place where the records may be.
#[derive(Debug)]
pub struct Candidate<'t, 'a> {
    /// Names, and `*`.
    pub steps: Vec<String>,
    /// They are the members of an object.
    pub by_key: bool,
    /// In their order.
    pub records: Vec<LocatedRecord<'t, 'a>>,
}

impl Candidate<'_, '_> {
    /// As `records` writes it.
    pub fn pointer(&self) -> String {
        self.steps.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect()
    }

    /// How many elements enclose a record.
    pub fn depth(&self) -> usize {
        self.steps.iter().filter(|step| *step == "*").count()
    }
}

/// A value on the way, with the elements that enclose it.
struct Here<'t, 'a> {
    node: &'t Node<'a>,
    above: Vec<&'t Node<'a>>,
}

/// All places, the nearest to the root first.
pub fn candidates<'t, 'a>(root: &'t Node<'a>) -> Vec<Candidate<'t, 'a>> {
    let mut found = Vec::new();
    look(&[Here { node: root, above: Vec::new() }], &mut Vec::new(), &mut found);
    found.sort_by_key(|candidate| candidate.steps.len());
    found
}

fn look<'t, 'a>(here: &[Here<'t, 'a>], steps: &mut Vec<String>, found: &mut Vec<Candidate<'t, 'a>>) {
    if steps.len() > STEPS_MAX {
        return;
    }
    let mut elements: Vec<Here<'t, 'a>> = Vec::new();
    let mut records: Vec<LocatedRecord<'t, 'a>> = Vec::new();
    let by_key = here.iter().any(|here| is_keyed(here.node));
    for Here { node, above } in here {
        let members: Vec<&'t Node<'a>> = match node {
            Node::Array(nodes) if !by_key && node.objects().is_some() => nodes.iter().collect(),
            Node::Object(members) if by_key => members.iter().map(|(_, node)| node).collect(),
            _ => continue,
        };
        for inner in members {
            records.push(LocatedRecord { node: inner, above: above.clone() });
            let above = [vec![inner], above.clone()].concat();
            elements.push(Here { node: inner, above });
        }
    }
    if !records.is_empty() {
        found.push(Candidate { steps: steps.clone(), by_key, records });
    }
    if !elements.is_empty() {
        if steps.iter().filter(|step| *step == "*").count() < STARS_MAX {
            steps.push("*".to_owned());
            descend(&elements, steps, found);
            steps.pop();
        }
        return;
    }
    descend(here, steps, found);
}

/// Into the members of objects, name by name.
fn descend<'t, 'a>(here: &[Here<'t, 'a>], steps: &mut Vec<String>, found: &mut Vec<Candidate<'t, 'a>>) {
    let mut names: Vec<&'t str> = Vec::new();
    for Here { node, .. } in here {
        for (name, inner) in node.members().unwrap_or_default() {
            let is_container = matches!(inner, Node::Object(_) | Node::Array(_));
            if is_container && names.len() < NAMES_MAX && !names.contains(&name.as_ref()) {
                names.push(name);
            }
        }
    }
    for name in names {
        let inner = here
            .iter()
            .filter_map(|Here { node, above }| Some(Here { node: node.member(name)?, above: above.clone() }));
        let inner: Vec<_> = inner.collect();
        steps.push(name.to_owned());
        look(&inner, steps, found);
        steps.pop();
    }
}

/// Whether an object's members are records by their keys: all are objects of like members, or all are
/// numbers under names that are no words.
fn is_keyed(node: &Node<'_>) -> bool {
    let Some(members) = node.members().filter(|members| !members.is_empty()) else { return false };
    if let [(_, only)] = members
        && is_keyed(only)
    {
        return false; // a wrapping, such as `data`
    }
    let objects: Vec<_> = members.iter().filter_map(|(_, node)| node.members()).collect();
    if objects.len() == members.len() && !node.is_php_time() {
        return are_alike(&objects);
    }
    let is_coded = |name: &str| name.bytes().any(|b| b.is_ascii_digit()) || name.len() >= 16;
    members.len() > 1 && members.iter().all(|(name, node)| matches!(node, Node::Number(_)) && is_coded(name))
}

/// Objects that name mostly the same members. One alone is like itself where it holds plain values.
fn are_alike(objects: &[&[(std::borrow::Cow<'_, str>, Node<'_>)]]) -> bool {
    if let [only] = objects {
        return only.len() > 1 && only.iter().all(|(_, node)| node.word().is_some());
    }
    let mut names: Vec<&str> = Vec::new();
    for name in
        objects.iter().take(NAMES_MAX).flat_map(|members| members.iter().map(|(name, _)| name.as_ref()))
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let looked_at = objects.len().min(NAMES_MAX);
    let held: usize = objects.iter().take(NAMES_MAX).map(|members| members.len()).sum();
    !names.is_empty() && 2 * held > looked_at * names.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<String> {
        let root = Node::read(text).unwrap();
        let shown = |c: &Candidate<'_, '_>| {
            format!("{}{} {}", c.pointer(), if c.by_key { " by key" } else { "" }, c.records.len())
        };
        candidates(&root).iter().map(shown).collect()
    }

    #[test]
    fn arrays_objects_by_key_and_nested_ones_are_found() {
        assert_eq!(places(r#"[{"id":1},{"id":2}]"#), [" 2"]);
        assert_eq!(places(r#"{"a":{"b":[{"id":1}]},"next":null}"#), ["/a/b 1"]);
        assert_eq!(places(r#"{"x":{"usd":1,"eur":2},"y":{"usd":3}}"#), [" by key 2"]);
        assert_eq!(places(r#"{"data":{"5a":3,"5b":4}}"#), ["/data by key 2"]);
        assert_eq!(
            places(r#"[{"id":"m","models":[{"id":"a"},{"id":"b"}]},{"id":"n"}]"#),
            [" 2", "/*/models 2"]
        );
    }

    #[test]
    fn an_error_and_an_envelope_are_no_records() {
        assert_eq!(places(r#"{"error":"no such key","code":401}"#), [""; 0]);
        assert_eq!(places(r#"{"meta":{"page":1},"error":{"code":4,"text":"x"}}"#), [""; 0]);
        assert_eq!(places("{\"count\":3,\"page\":1}"), [""; 0]);
    }
}
