//! Prices: where amounts are and how they are written, their currencies and their times.

use super::column::{Column, NestedList, Table, beside, pointer};
use super::hints::Hints;
use super::times;
use super::tree::Node;
use super::words::{
    ID_CERTAIN, currency_of, id_rank, is_currency, is_exponent, per_of, price_rank, quote_name, scale_of,
    words,
};
use super::written::{Line, Written, line, text, texts};
use crate::domain::{Decimal, iso4217};

/// Words for no price that are named one by one.
const NONE_MAX: usize = 4;
/// Alternatives that a reason names.
const NAMED_MAX: usize = 4;

/// How the values of a column are amounts.
#[derive(Clone, Debug, Default)]
struct Shape {
    /// Their texts hold a currency too.
    is_money: bool,
    has_comma: bool,
    /// Words that stand for none, zeros among them.
    none: Vec<String>,
    /// Values that are amounts.
    amounts: usize,
}

/// Where prices are looked for: in the record, or in an element of a list within it.
struct Scope<'s, 't, 'a> {
    columns: &'s [Column<'t, 'a>],
    table: &'s Table<'t, 'a>,
    root: &'s Node<'a>,
    depth: usize,
    hints: &'s Hints,
}

/// Whether records hold anything that looks like a price.
pub fn are_priced(table: &Table<'_, '_>) -> bool {
    !ranked(&table.columns).is_empty() || table.lists.iter().any(is_priced)
}

/// A list of prices. Elements with ids of their own may be records, and their prices are theirs.
fn is_priced(list: &NestedList<'_, '_>) -> bool {
    let is_named = list.columns.iter().any(|column| {
        column.pointer.len() == 1 && id_rank(column.name()).is_some_and(|rank| rank <= ID_CERTAIN)
    });
    !is_named && !ranked(&list.columns).is_empty()
}

/// Amounts, the likeliest first.
fn ranked<'s, 't, 'a>(columns: &'s [Column<'t, 'a>]) -> Vec<(u8, &'s Column<'t, 'a>, Shape)> {
    let ranked = columns.iter().filter_map(|column| {
        // the record itself is a number
        let rank = if column.pointer.is_empty() { 0 } else { price_rank(&column.pointer)? };
        Some((rank, column, shape(column)?))
    });
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort_by_key(|(rank, column, _)| (*rank, column.pointer.len()));
    ranked
}

/// `None` where fewer than half of the values are amounts.
fn shape(column: &Column<'_, '_>) -> Option<Shape> {
    let mut shape = Shape::default();
    let (mut money, mut plain) = (0, 0);
    for (_, node) in &column.values {
        let word = node.word()?;
        match amount(word) {
            Some((is_zero, code, has_comma)) => {
                shape.amounts += 1;
                shape.has_comma |= has_comma;
                money += usize::from(code);
                plain += usize::from(!code);
                if is_zero {
                    note(&mut shape.none, if matches!(node, Node::Number(_)) { "0" } else { word });
                }
            }
            None => note(&mut shape.none, word),
        }
    }
    shape.is_money = money > 0 && money >= plain;
    let is_known = shape.none.len() <= NONE_MAX;
    (is_known && shape.amounts > 0 && 2 * shape.amounts >= column.values.len()).then_some(shape)
}

fn note(none: &mut Vec<String>, word: &str) {
    if !none.iter().any(|other| other == word) && none.len() <= NONE_MAX {
        none.push(word.to_owned());
    }
}

/// Whether it is zero, names a currency, and has a decimal comma.
fn amount(word: &str) -> Option<(bool, bool, bool)> {
    let is_digit = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '+');
    let trimmed = word.trim();
    let (digits, code) = match trimmed.split_once(|c: char| c.is_whitespace()) {
        Some((one, other)) if one.chars().all(is_digit) => (one, Some(other.trim())),
        Some((one, other)) => (other.trim(), Some(one)),
        None => (trimmed, None),
    };
    if code.is_some_and(|code| !iso4217::is_active(&code.to_ascii_uppercase())) {
        return None;
    }
    let has_comma = digits.contains(',') && !digits.contains('.');
    let point = if has_comma { digits.replacen(',', ".", 1) } else { digits.to_owned() };
    // too many digits is an amount as well: the check of the whole says that it cannot be held
    let is_number =
        point.parse::<f64>().is_ok_and(f64::is_finite) && point.bytes().any(|b| b.is_ascii_digit());
    let is_zero = Decimal::parse(&point).is_ok_and(Decimal::is_zero);
    is_number.then_some((is_zero, code.is_some(), has_comma))
}

/// Writes the records' prices.
pub fn propose(table: &Table<'_, '_>, root: &Node<'_>, depth: usize, hints: &Hints, out: &mut Written) {
    let scope = Scope { columns: &table.columns, table, root, depth, hints };
    let ranked = ranked(&table.columns);
    let is_top = |column: &Column<'_, '_>| column.pointer == ["price", "amount"];
    if ranked.iter().any(|(_, column, shape)| is_top(column) && shape.none.is_empty()) {
        return; // as our own shape has it
    }
    let by_kind = table.lists.iter().find(|list| is_by_kind(list));
    if let Some(list) = by_kind.filter(|_| ranked.iter().all(|(rank, ..)| *rank > 0)) {
        return scope.each(list, out);
    }
    let series = table.lists.iter().find(|list| is_priced(list));
    let chosen = chosen(&ranked);
    match chosen.as_slice() {
        [] => {
            if let Some(list) = series {
                scope.sample(None, list, out);
            }
        }
        [only] => {
            let is_doubtful = !only.2.none.is_empty() || only.1.values.len() < table.records;
            match series.filter(|_| is_doubtful) {
                Some(list) => scope.sample(Some(only), list, out),
                None => {
                    let lines = scope.quote(only, &[], out);
                    out.is_one = true;
                    out.quotes.push(lines);
                }
            }
            let others: Vec<String> = ranked
                .iter()
                .filter(|other| other.1.pointer != only.1.pointer)
                .map(|other| other.1.at())
                .collect();
            let others: Vec<String> = others.into_iter().take(NAMED_MAX).collect();
            if !others.is_empty() {
                out.notes.push(format!(
                    "other prices: {}; a [[feed.mapping.quotes]] each keeps them",
                    others.join(", ")
                ));
            }
        }
        several => scope.several(several, out),
    }
}

/// One price, or several that stand side by side.
fn chosen<'s, 't, 'a>(ranked: &[(u8, &'s Column<'t, 'a>, Shape)]) -> Vec<(u8, &'s Column<'t, 'a>, Shape)> {
    let Some((best, first, _)) = ranked.first() else { return Vec::new() };
    if *best == 0 {
        return ranked[..1].to_vec();
    }
    // a part of another's object is that one, written otherwise
    let is_inside = |column: &Column<'_, '_>| {
        ranked.iter().any(|(_, other, _)| {
            column.pointer.len() > other.pointer.len() && column.pointer.starts_with(&other.pointer)
        })
    };
    let alike = ranked.iter().filter(|(rank, column, _)| rank == best && !is_inside(column));
    let beside = alike.filter(|(_, column, _)| {
        column.pointer.len() == first.pointer.len()
            && column.pointer[..column.pointer.len().saturating_sub(1)]
                == first.pointer[..first.pointer.len().saturating_sub(1)]
    });
    beside.cloned().collect()
}

/// An array of prices of several kinds: each element names its own.
fn is_by_kind(list: &NestedList<'_, '_>) -> bool {
    is_priced(list) && kind_of(list).is_some()
}

fn kind_of<'s, 't, 'a>(list: &'s NestedList<'t, 'a>) -> Option<&'s Column<'t, 'a>> {
    list.columns.iter().find(|column| {
        let words = words(column.name());
        matches!(words.last().map(String::as_str), Some("kind" | "type" | "name" | "quote"))
            && column.pointer.len() == 1
    })
}

type Ranked<'s, 't, 'a> = (u8, &'s Column<'t, 'a>, Shape);

impl<'s, 't, 'a> Scope<'s, 't, 'a> {
    /// The keys of one price. `fallback`: places that are looked at where the first holds none.
    fn quote(
        &self,
        (_, column, shape): &Ranked<'s, 't, 'a>,
        fallback: &[String],
        out: &mut Written,
    ) -> Vec<Line> {
        let mut lines = vec![self.amount(column, shape, fallback)];
        if !shape.is_money {
            lines.extend(self.currency(column, out));
        }
        if let Some(per) = per_of(column.name()) {
            lines.push(line("per", format!("{{ const = {} }}", text(&per)), "its name says so"));
        }
        lines.extend(self.as_of(column, out));
        lines
    }

    fn amount(&self, column: &Column<'t, 'a>, shape: &Shape, fallback: &[String]) -> Line {
        let mut why = format!("{} amounts in {} records", shape.amounts, self.table.records);
        let mut places = vec![column.at()];
        places.extend(self.inside(column));
        places.extend(fallback.iter().cloned());
        let mut extra = String::new();
        let mut none: Vec<&str> = shape.none.iter().map(String::as_str).collect();
        none.sort_unstable();
        if !none.is_empty() {
            extra.push_str(&format!(", none = {}", texts(none)));
            why.push_str("; words that stand for no price are left out");
        }
        if shape.has_comma {
            extra.push_str(", decimal = \",\"");
        }
        let scale = scale_of(column.name());
        if scale != 0 && !shape.is_money {
            extra.push_str(&format!(", scale = {scale}"));
            why.push_str("; scaled as its name says");
        }
        let exponent = beside(self.columns, &column.pointer).find(|other| is_exponent(other.name()));
        if let Some(exponent) = exponent {
            extra.push_str(&format!(", exponent = {}", text(&exponent.at())));
        }
        let list = texts(places.iter().map(String::as_str));
        let one = text(&places[0]);
        let value = match (shape.is_money, places.len(), extra.is_empty()) {
            (true, ..) => format!("{{ money = {one}{extra} }}"),
            (false, 1, true) => one,
            (false, 1, false) => format!("{{ at = {one}{extra} }}"),
            (false, _, true) => list,
            (false, _, false) => format!("{{ first = {list}{extra} }}"),
        };
        line("amount", value, why)
    }

    /// Places within the object that stands here in other records.
    fn inside(&self, column: &Column<'t, 'a>) -> Vec<String> {
        let within = |other: &&Column<'t, 'a>| {
            let parts = &other.pointer;
            parts.len() == column.pointer.len() + 1
                && parts.starts_with(&column.pointer)
                && shape(other).is_some()
        };
        self.columns.iter().filter(within).map(|other| other.at()).take(2).collect()
    }

    fn currency(&self, column: &Column<'t, 'a>, out: &mut Written) -> Option<Line> {
        let is_code = |column: &&Column<'t, 'a>| {
            let mut words = column.words();
            is_currency(column.name()) && words.all(|word| word.len() >= 3 && word.len() <= 5)
        };
        let near = beside(self.columns, &column.pointer).find(is_code);
        if let Some(found) = near.or_else(|| self.columns.iter().find(is_code)) {
            let upper = found.words().any(|word| word.bytes().any(|b| b.is_ascii_lowercase()));
            let at = text(&found.at());
            let value = if upper { format!("{{ at = {at}, upper = true }}") } else { at };
            let seen = found.counted(NAMED_MAX).unwrap_or_default();
            let seen: Vec<String> = seen.iter().map(|(word, count)| format!("{word} ({count})")).collect();
            return Some(line("currency", value, seen.join(", ")));
        }
        let named = column.pointer.iter().rev().find_map(|part| currency_of(part).map(|code| (part, code)));
        if let Some((part, code)) = named {
            return Some(line(
                "currency",
                format!("{{ const = {} }}", text(&code)),
                format!("`{part}` says so"),
            ));
        }
        let of_document = self.root.members().unwrap_or_default().iter().find(|(name, node)| {
            is_currency(name)
                && node.word().is_some_and(|word| iso4217::is_active(&word.to_ascii_uppercase()))
        });
        if let Some((name, node)) = of_document.filter(|_| self.depth < usize::from(u8::MAX)) {
            let at = text(&pointer(&[name.to_string()]));
            let value = format!("{{ up = {}, at = {at} }}", self.depth + 1);
            return Some(line(
                "currency",
                value,
                format!("the document's own: {}", node.word().unwrap_or_default()),
            ));
        }
        if let Some(currency) = &self.hints.currency {
            return Some(line("currency", format!("{{ const = {} }}", text(currency)), "as --currency says"));
        }
        let said = "the currency of the prices, which the document does not name: currency = { const = \"…\" } beside \
                    the amount, or the partner's own `currency`";
        if !out.undecided.iter().any(|other| other == said) {
            out.undecided.push(said.to_owned());
        }
        None
    }

    fn as_of(&self, column: &Column<'t, 'a>, out: &mut Written) -> Option<Line> {
        let beside = beside(self.columns, &column.pointer);
        // a time at the record's top is the record's, unless there is nothing but prices in it
        let is_own = column.pointer.len() > 1
            || self.is_bare()
            || !std::ptr::eq(self.columns, &self.table.columns[..]);
        let (found, spelling) = times::best(
            beside.filter(|other| is_own || words(other.name()).iter().any(|word| word == "price")),
        )?;
        match times::field(&found.at(), found.name(), &spelling, self.hints) {
            Ok(value) => Some(line("as_of", value, "beside the amount")),
            Err(value) => {
                out.undecided
                    .push(format!("the zone of the prices' times, which have no offset: as_of = {value}"));
                None
            }
        }
    }

    /// Nothing but prices and times.
    fn is_bare(&self) -> bool {
        is_bare(self.table)
    }

    fn each(&self, list: &'s NestedList<'t, 'a>, out: &mut Written) {
        let inner = Scope { columns: &list.columns, ..*self };
        let ranked = ranked(&list.columns);
        let (Some(price), Some(kind)) = (ranked.first(), kind_of(list)) else { return };
        let mut lines = vec![
            line("each", text(&pointer(&list.pointer)), "an array of prices"),
            line("name", text(&kind.at()), named(kind)),
        ];
        lines.extend(inner.quote(price, &[], out));
        out.quotes.push(lines);
    }

    /// The last element of a list that is in order of time, or the first of one in the reverse order;
    /// where the record has a price of its own, only if that one says none.
    fn sample(&self, own: Option<&Ranked<'s, 't, 'a>>, list: &'s NestedList<'t, 'a>, out: &mut Written) {
        let ranked = ranked(&list.columns);
        let Some((_, price, shape)) = ranked.first() else { return };
        let time = times::best(list.columns.iter());
        let newest = if is_descending(time.as_ref().map(|(column, _)| *column)) { "0" } else { "-1" };
        let at = |column: &Column<'t, 'a>| {
            pointer(&[list.pointer.clone(), vec![newest.to_owned()], column.pointer.clone()].concat())
        };
        let mut lines = match own {
            Some((_, column, shape)) => {
                let mut lines = vec![self.amount(column, shape, &[at(price)])];
                lines.extend(self.currency(column, out));
                lines
            }
            None => {
                let why = format!("{} amounts; the newest of each record", shape.amounts);
                let inner = Scope { columns: &list.columns, ..*self };
                let currency =
                    inner.currency(price, out).map(|found| match found.value.strip_prefix("\"/") {
                        Some(rest) => {
                            let base = pointer(&[list.pointer.clone(), vec![newest.to_owned()]].concat());
                            let whole = format!("{base}/{}", rest.trim_end_matches('"'));
                            Line { value: text(&whole), ..found }
                        }
                        None => found,
                    });
                [vec![line("amount", text(&at(price)), why)], currency.into_iter().collect()].concat()
            }
        };
        if let Some((column, spelling)) = time {
            match times::field(&at(column), column.name(), &spelling, self.hints) {
                Ok(value) => lines.push(line("as_of", value, "of the newest sample")),
                Err(value) => out.undecided.push(format!("the zone of the samples' times: as_of = {value}")),
            }
        }
        out.is_one = true;
        out.quotes.push(lines);
    }

    /// Prices side by side, a quote each.
    fn several(&self, several: &[Ranked<'s, 't, 'a>], out: &mut Written) {
        let mut names: Vec<String> = Vec::new();
        for (place, price) in several.iter().enumerate() {
            let column = price.1;
            let own = quote_name(&column.pointer);
            // a price in a currency has no other name; the first of them is the asset's price
            let is_price = place == 0 && currency_of(column.name()).is_some();
            let mut name = if is_price { "price".to_owned() } else { own };
            while names.contains(&name) {
                name = format!("{}{place}", &name[..name.len().min(10)]);
            }
            let mut lines = vec![line("name", format!("{{ const = {} }}", text(&name)), "")];
            lines.extend(self.quote(price, &[], out));
            names.push(name);
            out.quotes.push(lines);
        }
        let top = several.iter().filter(|(_, column, _)| column.pointer.len() == 1);
        let top: Vec<&str> = top.map(|(_, column, _)| column.name()).collect();
        if !top.is_empty() {
            out.map("drop", texts(top), "they are prices: a change of one is no change of the asset");
        }
    }
}

/// Whether records hold nothing but prices and times.
pub fn is_bare(table: &Table<'_, '_>) -> bool {
    table.columns.iter().all(|column| {
        shape(column).is_some_and(|_| price_rank(&column.pointer).is_some())
            || times::Spelling::of_column(column).is_some()
    })
}

fn named(kind: &Column<'_, '_>) -> String {
    let seen = kind.counted(NAMED_MAX).unwrap_or_default();
    seen.iter().map(|(word, count)| format!("{word} ({count})")).collect::<Vec<_>>().join(", ")
}

/// Whether the first list of two or more begins with the newest.
fn is_descending(time: Option<&Column<'_, '_>>) -> bool {
    let Some(time) = time else { return false };
    let pair = time.values.windows(2).find(|pair| pair[0].0 == pair[1].0);
    let words = pair.and_then(|pair| Some((pair[0].1.word()?, pair[1].1.word()?)));
    words.is_some_and(|(first, second)| (first.len(), first) > (second.len(), second))
}
