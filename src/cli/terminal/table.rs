//! A table for people: columns as wide as what stands in them, two spaces between, the last one free.

use super::{Tone, plain, toned};
use std::io::{self, Write};

/// Cells longer than this are cut, but for those of the last column.
const CELL_CHARS_MAX: usize = 48;

/// Rows under one head.
pub struct PeopleTable {
    head: Vec<&'static str>,
    rows: Vec<Vec<(String, Tone)>>,
    /// Columns of numbers stand to the right.
    right: Vec<bool>,
}

impl PeopleTable {
    /// A table of these columns; `>` before a name: its cells are numbers.
    pub fn of(columns: &[&'static str]) -> PeopleTable {
        let right = columns.iter().map(|name| name.starts_with('>')).collect();
        let head = columns.iter().map(|name| name.trim_start_matches('>')).collect();
        PeopleTable { head, rows: Vec::new(), right }
    }

    /// Adds a row whose cells stand out.
    pub fn toned_row<const N: usize>(&mut self, cells: [(String, Tone); N]) {
        let last = N - 1;
        let bounded = |(place, (cell, tone)): (usize, (String, Tone))| {
            let cell = plain(&cell);
            let cell = match cell.char_indices().nth(CELL_CHARS_MAX) {
                Some((end, _)) if place != last => format!("{}…", &cell[..end]),
                _ => cell,
            };
            (cell, tone)
        };
        self.rows.push(cells.into_iter().enumerate().map(bounded).collect());
    }

    /// Writes head and rows.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let cells = |column: usize| self.rows.iter().map(move |row| row[column].0.chars().count());
        let widest = |(column, name): (usize, &&str)| cells(column).max().unwrap_or(0).max(name.len());
        let widths: Vec<usize> = self.head.iter().enumerate().map(widest).collect();
        let head: Vec<_> = self.head.iter().map(|name| ((*name).to_owned(), Tone::Head)).collect();
        for row in std::iter::once(&head).chain(&self.rows) {
            let mut line = String::new();
            for (column, (cell, tone)) in row.iter().enumerate() {
                let space = " ".repeat(widths[column] - cell.chars().count());
                let cell = toned(cell, *tone);
                let is_last = column + 1 == row.len();
                match self.right[column] {
                    true => line += &format!("{space}{cell}"),
                    false if is_last => line += &cell,
                    false => line += &format!("{cell}{space}"),
                }
                line += if is_last { "" } else { "  " };
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let mut table = PeopleTable::of(&["name", ">count", "said"]);
        table.toned_row(["acme", "7", "one\x1b[31m two"].map(|cell| (cell.into(), Tone::Plain)));
        table.toned_row(["x".repeat(60), "12345".into(), String::new()].map(|cell| (cell, Tone::Plain)));
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        let cut = format!("{}…", "x".repeat(48));
        let space = " ".repeat(45);
        let expected = format!("name{space}  count  said\nacme{space}      7  one [31m two\n{cut}  12345\n");
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
