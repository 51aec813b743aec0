//! The records side by side: what all of them hold at one place.

use super::records::LocatedRecord;
use super::tree::Node;
use std::collections::{HashMap, HashSet};

/// Places that are looked at; wider records are rare, and their first members matter most.
const COLUMNS_MAX: usize = 256;
/// Names within each other that a place may have.
const PARTS_MAX: usize = 4;

/// What the records hold at one place.
#[derive(Debug)]
pub struct Column<'t, 'a> {
    /// Within the record; in `list`, within its elements.
    pub pointer: Vec<String>,
    /// Plain values and PHP's times, with the number of their record. Neither null nor containers.
    pub values: Vec<(usize, &'t Node<'a>)>,
}

impl<'t, 'a> Column<'t, 'a> {
    /// The last name.
    pub fn name(&self) -> &str {
        self.pointer.last().map(String::as_str).unwrap_or_default()
    }

    /// As a mapping writes the place.
    pub fn at(&self) -> String {
        pointer(&self.pointer)
    }

    /// Its texts and digits.
    pub fn words(&self) -> impl Iterator<Item = &'t str> {
        self.values.iter().filter_map(|(_, node)| node.word())
    }

    /// Different texts with their numbers, most frequent first; `None` where there are more than `max`.
    pub fn counted(&self, max: usize) -> Option<Vec<(&'t str, usize)>> {
        let mut counts: Vec<(&'t str, usize)> = Vec::new();
        for word in self.words() {
            match counts.iter().position(|(other, _)| *other == word) {
                Some(place) => counts[place].1 += 1,
                None if counts.len() == max => return None,
                None => counts.push((word, 1)),
            }
        }
        counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        Some(counts)
    }

    /// How many different values there are.
    pub fn distinct(&self) -> usize {
        self.words().collect::<HashSet<_>>().len()
    }
}

/// An array of objects in the records.
#[derive(Debug)]
pub struct NestedList<'t, 'a> {
    /// Where it is.
    pub pointer: Vec<String>,
    /// Its elements' columns; a value's number is that of its record.
    pub columns: Vec<Column<'t, 'a>>,
}

/// All that the records hold.
#[derive(Debug, Default)]
pub struct Table<'t, 'a> {
    /// How many records.
    pub records: usize,
    /// In the order in which the first of them names its members.
    pub columns: Vec<Column<'t, 'a>>,
    /// In the same order.
    pub lists: Vec<NestedList<'t, 'a>>,
}

impl<'t, 'a> Table<'t, 'a> {
    /// Of these records.
    pub fn of(records: &[LocatedRecord<'t, 'a>]) -> Table<'t, 'a> {
        let mut gathered = Gathered::default();
        for (record, found) in records.iter().enumerate() {
            gathered.take(record, found.node, &mut Vec::new());
        }
        let mut lists = Vec::new();
        for (pointer, arrays) in gathered.arrays {
            let mut inner = Gathered::default();
            for (record, elements) in arrays {
                elements.iter().for_each(|element| inner.take(record, element, &mut Vec::new()));
            }
            lists.push(NestedList { pointer, columns: inner.columns });
        }
        Table { records: records.len(), columns: gathered.columns, lists }
    }

    /// The column at this place.
    pub fn column(&self, pointer: &[String]) -> Option<&Column<'t, 'a>> {
        self.columns.iter().find(|column| column.pointer == pointer)
    }
}

/// Columns in the same object as this place.
pub fn beside<'s, 't, 'a>(
    columns: &'s [Column<'t, 'a>],
    pointer: &'s [String],
) -> impl Iterator<Item = &'s Column<'t, 'a>> {
    let parent = pointer.split_last().map(|(_, parent)| parent).unwrap_or_default();
    columns.iter().filter(move |column| {
        column.pointer != pointer && column.pointer.split_last().is_some_and(|(_, other)| other == parent)
    })
}

type Arrays<'t, 'a> = Vec<(usize, &'t [Node<'a>])>;

#[derive(Default)]
struct Gathered<'t, 'a> {
    columns: Vec<Column<'t, 'a>>,
    places: HashMap<Vec<String>, usize>,
    arrays: Vec<(Vec<String>, Arrays<'t, 'a>)>,
}

impl<'t, 'a> Gathered<'t, 'a> {
    fn take(&mut self, record: usize, node: &'t Node<'a>, path: &mut Vec<String>) {
        match node {
            Node::Null => {}
            Node::Array(_) => {
                let Some(elements) = node.objects() else { return };
                match self.arrays.iter_mut().find(|(pointer, _)| pointer == path) {
                    Some((_, arrays)) => arrays.push((record, elements)),
                    None => self.arrays.push((path.clone(), vec![(record, elements)])),
                }
            }
            Node::Object(members) if !node.is_php_time() => {
                if path.len() == PARTS_MAX {
                    return;
                }
                for (name, inner) in members {
                    path.push(name.to_string());
                    self.take(record, inner, path);
                    path.pop();
                }
            }
            _ => self.put(record, node, path),
        }
    }

    fn put(&mut self, record: usize, node: &'t Node<'a>, path: &[String]) {
        let place = match self.places.get(path) {
            Some(place) => *place,
            None if self.columns.len() == COLUMNS_MAX => return,
            None => {
                self.columns.push(Column { pointer: path.to_vec(), values: Vec::new() });
                self.places.insert(path.to_vec(), self.columns.len() - 1);
                self.columns.len() - 1
            }
        };
        self.columns[place].values.push((record, node));
    }
}

/// A JSON pointer.
pub fn pointer(parts: &[String]) -> String {
    parts.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect()
}
