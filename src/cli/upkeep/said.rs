//! How backups and stores are told: for people, and as JSON.

use crate::codec::time;
use crate::store::{BackupSummary, Inspection, RowCounts};
use serde_json::{Value, json};
use std::io::Write;

/// A size for people.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.2} GiB", bytes as f64 / 1_073_741_824.0),
    }
}

/// What a backup is, as JSON.
pub fn backup_json(backup: &BackupSummary) -> Value {
    json!({
        "began_at": time::format(backup.start.began_at),
        "sequence": backup.end.reached.0,
        "bytes": backup.bytes,
        "rows": rows_json(&backup.end.rows),
    })
}

/// What a backup is, for people.
pub fn backup_lines(backup: &BackupSummary, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "  size      {}", size(backup.bytes))?;
    writeln!(out, "  begun     {}", time::format(backup.start.began_at))?;
    writeln!(out, "  sequence  {}: the last change that is in it", backup.end.reached.0)?;
    rows_lines(&backup.end.rows, out)
}

/// What a store is, as JSON.
pub fn store_json(store: &Inspection) -> Value {
    let damaged: Vec<Value> =
        store.damaged.iter().map(|(table, rows)| json!({"table": table, "rows": rows})).collect();
    json!({
        "path": store.path.display().to_string(),
        "bytes": store.bytes,
        "sequence": store.reached.0,
        "checkpoint": store.checkpoint.0,
        "oldest_kept": store.oldest.0,
        "rows": rows_json(&store.rows),
        "damaged": damaged,
    })
}

/// What a store is, for people.
pub fn store_lines(store: &Inspection, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "  size      {}", size(store.bytes))?;
    let (oldest, checkpoint) = (store.oldest.0, store.checkpoint.0);
    writeln!(out, "  sequence  {}: the last change; the log is kept from {oldest}", store.reached.0)?;
    writeln!(out, "            all up to {checkpoint} is in the tables, the rest is applied at the start")?;
    rows_lines(&store.rows, out)
}

fn rows_json(rows: &RowCounts) -> Value {
    json!({
        "assets": rows.documents,
        "head_blocks": rows.assets,
        "price_blocks": rows.prices,
        "records": rows.records,
        "log_records": rows.log,
    })
}

fn rows_lines(rows: &RowCounts, out: &mut dyn Write) -> std::io::Result<()> {
    let RowCounts { log, documents, assets, prices, records } = rows;
    writeln!(out, "  assets    {documents} in the tables, deleted ones included")?;
    writeln!(out, "  blocks    {assets} of heads, {prices} of prices")?;
    writeln!(out, "  records   {records} of runs, plans, deliveries and the like")?;
    writeln!(out, "  log       {log} group commits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        for (bytes, told) in
            [(0, "0 B"), (1_023, "1023 B"), (1_536, "1.5 KiB"), (5 << 20, "5.0 MiB"), (3 << 30, "3.00 GiB")]
        {
            assert_eq!(size(bytes), told);
        }
    }
}
