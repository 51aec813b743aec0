//! What has changed between two kept files of a partner's feed: which ids came, went, or say something else,
//! member by member. Nothing is decided by it; it tells what an exporter did.

use crate::actors::partner::feed::bodies::unpack;
use crate::actors::partner::feed::survey::{ReadFile, read_record, survey_showing};
use crate::codec::mapping::MappedRecord;
use crate::config::PartnerSettings;
use crate::domain::{AssetId, RunId};
use crate::rules::feed::survey::{Presence, SurveyedRecord};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Two files compared, the first of each kind named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilesCompared {
    /// Ids that the second has and the first has not: their number, and the first of them.
    pub added: (u64, Vec<AssetId>),
    /// Ids that the first has and the second has not.
    pub removed: (u64, Vec<AssetId>),
    /// Ids that say something else, with the names of what is different; prices are `price:` and the
    /// quote's name.
    pub changed: (u64, Vec<(AssetId, Vec<String>)>),
    /// Ids that say the same.
    pub same: u64,
}

/// Why two files cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The file of this run is not kept.
    #[error("the file of run {0} is not kept")]
    NotKept(u64),
    /// It cannot be read by the mapping as it is now.
    #[error("the file of run {0} cannot be read by the mapping as it is now")]
    Unread(u64),
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// A file that is looked at; its copy goes with it.
struct Copy {
    path: PathBuf,
    read: ReadFile,
}

impl Drop for Copy {
    fn drop(&mut self) {
        // what stays is removed with the next start of the partner's actor
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Compares the kept files of two runs, and names up to `most` ids of each kind. Blocking; one at a time for
/// each partner, since the copies have names of their partner alone.
pub fn compare(
    settings: &PartnerSettings,
    bodies: &Path,
    (from, to): (RunId, RunId),
    most: usize,
) -> Result<FilesCompared, CompareError> {
    let (from, to) = (copy_of(settings, bodies, from, "from")?, copy_of(settings, bodies, to, "to")?);
    let mut found = FilesCompared::default();
    let (mut a, mut b) =
        (from.read.surveyed.present.iter().peekable(), to.read.surveyed.present.iter().peekable());
    loop {
        let order = match (a.peek(), b.peek()) {
            (None, None) => return Ok(found),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((a, _)), Some((b, _))) => a.cmp(b),
        };
        match order {
            std::cmp::Ordering::Less => {
                a.next().into_iter().for_each(|(id, _)| note(&mut found.removed, most, id.clone()))
            }
            std::cmp::Ordering::Greater => {
                b.next().into_iter().for_each(|(id, _)| note(&mut found.added, most, id.clone()))
            }
            std::cmp::Ordering::Equal => {
                let (Some((id, old)), Some((_, new))) = (a.next(), b.next()) else { return Ok(found) };
                match (place(old), place(new)) {
                    (Some(old), Some(new)) if old.content != new.content => {
                        let is_named = found.changed.1.len() < most;
                        let names = if is_named {
                            differing(settings, (&from, old), (&to, new))?
                        } else {
                            Vec::new()
                        };
                        note(&mut found.changed, most, (id.clone(), names));
                    }
                    _ => found.same += 1,
                }
            }
        }
    }
}

fn note<T>((count, named): &mut (u64, Vec<T>), most: usize, item: T) {
    *count += 1;
    if named.len() < most {
        named.push(item);
    }
}

fn place(presence: &Presence) -> Option<&SurveyedRecord> {
    match presence {
        Presence::Valid(place) => Some(place),
        Presence::Quarantined => None,
    }
}

fn copy_of(settings: &PartnerSettings, bodies: &Path, run: RunId, name: &str) -> Result<Copy, CompareError> {
    let path = bodies.with_extension(format!("diff-{name}.feed"));
    let bytes_max = settings.feed.as_ref().map_or(0, |feed| feed.body_bytes_max);
    if !unpack(bodies, run, &path, bytes_max)? {
        return Err(CompareError::NotKept(run.0));
    }
    // it has been read once, as whatever it was served
    match survey_showing(settings, &path, true, |_, _| {}) {
        Ok(read) => Ok(Copy { path, read }),
        Err(_) => {
            let _ = std::fs::remove_file(&path);
            Err(CompareError::Unread(run.0))
        }
    }
}

fn differing(
    settings: &PartnerSettings,
    (from, old): (&Copy, &SurveyedRecord),
    (to, new): (&Copy, &SurveyedRecord),
) -> io::Result<Vec<String>> {
    let read = |copy: &Copy, place: &SurveyedRecord| {
        let file = File::open(&copy.path)?;
        read_record(settings, (&file, &copy.read.parents), place).map(|(_, _, read)| read)
    };
    Ok(names_of_what_differs(&read(from, old)?, &read(to, new)?))
}

fn names_of_what_differs(old: &MappedRecord, new: &MappedRecord) -> Vec<String> {
    let said = |read: &MappedRecord| {
        let members =
            read.write.members.members().iter().map(|member| (member.name.to_string(), member.hash));
        let prices = read.write.prices.iter().map(|price| {
            let text = format!("{:?}{:?}{:?}{:?}", price.amount, price.currency, price.at, price.market);
            (format!("price:{}", price.quote.as_str()), xxhash_rust::xxh3::xxh3_128(text.as_bytes()))
        });
        members.chain(prices).collect::<BTreeSet<_>>()
    };
    let (old, new) = (said(old), said(new));
    let names: BTreeSet<String> = old.symmetric_difference(&new).map(|(name, _)| name.clone()).collect();
    names.into_iter().collect()
}
