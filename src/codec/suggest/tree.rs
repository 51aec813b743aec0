//! A document as a tree that borrows its text: numbers stay as they are written.

use crate::codec::json::{self, JsonError, Kind, Parts};
use std::borrow::Cow;

/// Containers within each other that are looked into; what lies deeper is passed over.
const DEPTH_MAX: usize = 12;

/// One value.
#[derive(Debug)]
pub enum Node<'a> {
    /// Members in their order.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
    /// Elements.
    Array(Vec<Node<'a>>),
    /// A string's value.
    Text(Cow<'a, str>),
    /// A number's digits.
    Number(&'a str),
    /// `true` or `false`.
    Flag,
    /// `null`, and what lies too deep.
    Null,
}

impl<'a> Node<'a> {
    /// Reads a value.
    pub fn read(text: &'a str) -> Result<Node<'a>, JsonError> {
        Node::within(text, 0)
    }

    fn within(text: &'a str, depth: usize) -> Result<Node<'a>, JsonError> {
        if depth > DEPTH_MAX {
            return Ok(Node::Null);
        }
        Ok(match json::parts(text)? {
            Parts::Members(members) => {
                let read = |(name, raw): (Cow<'a, str>, &'a str)| Ok((name, Node::within(raw, depth + 1)?));
                Node::Object(members.into_iter().map(read).collect::<Result<_, JsonError>>()?)
            }
            Parts::Elements(elements) => {
                let read = elements.into_iter().map(|raw| Node::within(raw, depth + 1));
                Node::Array(read.collect::<Result<_, JsonError>>()?)
            }
            Parts::None => match json::kind(text) {
                Kind::String => Node::Text(json::string(text).unwrap_or_default()),
                Kind::Boolean => Node::Flag,
                Kind::Null => Node::Null,
                _ => Node::Number(text.trim()),
            },
        })
    }

    /// The member of an object.
    pub fn member(&self, name: &str) -> Option<&Node<'a>> {
        let members = self.members()?;
        members.iter().find(|(other, _)| other == name).map(|(_, node)| node)
    }

    /// The members, of an object.
    pub fn members(&self) -> Option<&[(Cow<'a, str>, Node<'a>)]> {
        match self {
            Node::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The value at this place; `None` where there is nothing, or null.
    pub fn at(&self, pointer: &[String]) -> Option<&Node<'a>> {
        let found = match pointer.split_first() {
            None => Some(self),
            Some((first, rest)) => self.member(first)?.at(rest),
        };
        found.filter(|node| !matches!(node, Node::Null))
    }

    /// A text, or a number's digits.
    pub fn word(&self) -> Option<&str> {
        match self {
            Node::Text(text) => Some(text),
            Node::Number(digits) => Some(digits),
            _ => None,
        }
    }

    /// What PHP makes of a `DateTime`.
    pub fn is_php_time(&self) -> bool {
        ["date", "timezone_type", "timezone"].iter().all(|name| self.member(name).is_some())
    }

    /// Whether this is an array of objects, and not an empty one.
    pub fn objects(&self) -> Option<&[Node<'a>]> {
        match self {
            Node::Array(nodes) if nodes.first().is_some_and(|node| node.members().is_some()) => Some(nodes),
            _ => None,
        }
    }
}
