//! Documents that are put together from pages, and pages by themselves.
//!
//! Each page is a document of its own, checked as one; records are numbered on over all of them. A
//! document without a mark at its beginning is no such one, and is read as it is.

use super::envelope::{Envelope, Page, RawRecord, SnapshotError};
use super::walk::Walk;
use crate::domain::Pointer;
use std::io::Read;

impl<'m, R: Read, V: FnMut(RawRecord<'_>)> Walk<'m, R, V> {
    /// Reads the whole document, and gives what it says of itself.
    pub fn document(mut self) -> Result<Envelope, SnapshotError> {
        let mut said: Option<Envelope> = None;
        let is_proven = self.each_page(|walk| {
            let page = walk.envelope()?;
            said = Some(match said.take() {
                Some(before) => page.after(before),
                None => page,
            });
            Ok(())
        })?;
        let said = said.expect("a document has a first page");
        Ok(Envelope { may_be_cut: is_proven.map_or(said.may_be_cut, |is_proven| !is_proven), ..said })
    }

    /// Reads one page by itself, and gives what is at the `wanted` places.
    pub fn page(mut self, wanted: &'m [&'m Pointer]) -> Result<Page, SnapshotError> {
        self.roles.wanted = wanted;
        self.wanted = vec![None; wanted.len()];
        self.whole()?;
        Ok(Page { records: self.records, is_lines: self.is_lines, said: self.wanted })
    }

    /// Reads page after page, and does this after each. Gives whether the last is proven to be the last;
    /// `None`: the document does not come in pages, and is one.
    pub(super) fn each_page(
        &mut self,
        mut done: impl FnMut(&Self) -> Result<(), SnapshotError>,
    ) -> Result<Option<bool>, SnapshotError> {
        let is_paged = self.limits.is_paged && self.source.enter_page()?;
        loop {
            self.whole()?;
            done(self)?;
            if !is_paged {
                return Ok(None);
            }
            if !self.source.enter_page()? {
                return Ok(Some(false));
            }
            self.source.skip_space()?;
            if self.source.is_at_end()? {
                return Ok(Some(true));
            }
            (self.page, self.page_begins) = (self.page + 1, self.records);
            (self.found_records, self.said) = (false, Vec::new());
        }
    }

    /// Passes a `null` above something of ours: what is asked for below it is `null` too.
    pub(super) fn null_above(&mut self) -> Result<(), SnapshotError> {
        for (found, pointer) in self.wanted.iter_mut().zip(self.roles.wanted) {
            if pointer.0.starts_with(&self.path) {
                *found = Some("null".to_owned());
            }
        }
        self.scalar()
    }
}
