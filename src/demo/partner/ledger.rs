//! The prices that were acknowledged, in a file beside the store: after a `kill -9` the next
//! demonstration on the same directory looks for each of them in the catalogue.
//!
//! A line is written before the answer counts, by one write, so that the death of the process
//! leaves whole lines and at most one piece. It is not synced: a loss of power is not what is
//! demonstrated here.

use crate::demo::truth::asset::Price;
use crate::domain::Micros;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const FILE: &str = "demo.acknowledged";
/// The file is written again, with the newest price of each asset only, once it is this large.
const BYTES_MAX: u64 = 32 << 20;

/// The newest acknowledged price of each asset: when it was true, and its amount.
pub type Acknowledged = BTreeMap<(String, String), (Micros, String)>;

pub struct AckLedger(Mutex<Kept>);

struct Kept {
    path: PathBuf,
    file: File,
    bytes: u64,
    newest: Acknowledged,
}

impl AckLedger {
    /// Takes up the ledger of the directory, and gives what is in it.
    pub fn open(directory: &Path) -> io::Result<(AckLedger, Acknowledged)> {
        let path = directory.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            read => read.unwrap_or_default(),
        };
        let newest = newest_of(&text);
        let (file, bytes) = write_anew(&path, &newest)?;
        Ok((AckLedger(Mutex::new(Kept { path, file, bytes, newest: newest.clone() })), newest))
    }

    /// Notes what an answer has acknowledged.
    pub fn acknowledge(&self, partner: &str, prices: &[(String, Price)]) -> io::Result<()> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = String::new();
        for (id, price) in prices {
            let (as_of, amount) = (price.as_of, price.amount.to_string());
            lines += &line(partner, id, as_of, &amount);
            raise(&mut kept.newest, (partner.to_owned(), id.clone()), (as_of, amount));
        }
        kept.file.write_all(lines.as_bytes())?;
        kept.bytes += lines.len() as u64;
        if kept.bytes > BYTES_MAX {
            (kept.file, kept.bytes) = write_anew(&kept.path, &kept.newest)?;
        }
        Ok(())
    }
}

/// The id comes last: it may hold anything but control characters.
fn line(partner: &str, id: &str, as_of: Micros, amount: &str) -> String {
    format!("{partner}\t{}\t{amount}\t{id}\n", as_of.0)
}

fn newest_of(text: &str) -> Acknowledged {
    let mut newest = Acknowledged::new();
    // what has no newline was cut off while it was written: nobody has counted it
    for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        let mut parts = line.splitn(4, '\t');
        let (Some(partner), Some(as_of), Some(amount), Some(id)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        if let Ok(as_of) = as_of.parse() {
            raise(&mut newest, (partner.into(), id.into()), (Micros(as_of), amount.into()));
        }
    }
    newest
}

fn raise(newest: &mut Acknowledged, asset: (String, String), price: (Micros, String)) {
    let held = newest.entry(asset).or_insert_with(|| price.clone());
    if price.0 > held.0 {
        *held = price;
    }
}

fn write_anew(path: &Path, newest: &Acknowledged) -> io::Result<(File, u64)> {
    let lines = newest.iter().map(|((partner, id), (as_of, amount))| line(partner, id, *as_of, amount));
    let text: String = lines.collect();
    let draft = path.with_extension("new");
    std::fs::write(&draft, &text)?;
    std::fs::rename(&draft, path)?;
    Ok((File::options().append(true).open(path)?, text.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Currency, Decimal};

    fn price(at: i64, amount: &str) -> Price {
        let amount = Decimal::parse(amount).unwrap();
        Price { amount, currency: Currency::new("EUR").unwrap(), as_of: Micros(at) }
    }

    #[test]
    fn the_newest_price_of_each_asset_is_known_to_the_next_life() {
        let directory = tempfile::tempdir().unwrap();
        let (ledger, before) = AckLedger::open(directory.path()).unwrap();
        assert!(before.is_empty());
        ledger.acknowledge("p", &[("a/1".into(), price(5, "1.5")), ("b".into(), price(5, "2"))]).unwrap();
        ledger.acknowledge("p", &[("a/1".into(), price(4, "9"))]).unwrap();
        drop(ledger);
        let path = directory.path().join(FILE);
        let cut = std::fs::read_to_string(&path).unwrap() + "p\t99\t7\ta";
        std::fs::write(&path, cut).unwrap();
        let (_, known) = AckLedger::open(directory.path()).unwrap();
        let of = |id: &str| known[&("p".to_owned(), id.to_owned())].clone();
        assert_eq!(
            (known.len(), of("a/1"), of("b")),
            (2, (Micros(5), "1.5".into()), (Micros(5), "2".into()))
        );
    }
}
