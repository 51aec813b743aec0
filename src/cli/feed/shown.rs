//! A preview as it is printed.

use crate::cli::terminal::plain;
use crate::codec::render::{DocumentPreview, PreviewedEffect, PreviewedRecord};
use std::io::{self, Write};

/// Characters of a record's members that are printed.
const MEMBERS_SHOWN: usize = 160;

/// One line of counts.
pub fn summary(shown: &DocumentPreview) -> String {
    let DocumentPreview { records, quarantined, prices, prices_quarantined, .. } = shown;
    format!("{records} records, {quarantined} fail; {prices} prices, {prices_quarantined} fail")
}

/// The whole preview for a terminal.
pub fn write(out: &mut dyn Write, shown: &DocumentPreview) -> io::Result<()> {
    for record in &shown.first {
        write_record(out, record)?;
    }
    if !shown.faults.is_empty() {
        writeln!(out, "\nFaults (the first of them):")?;
        for fault in &shown.faults {
            let id = plain(fault.id.as_deref().unwrap_or("without a readable id"));
            let record = fault.record.map(|record| format!("record {record}")).unwrap_or_default();
            let (pointer, detail) = (plain(&fault.pointer), plain(&fault.detail));
            writeln!(out, "  {record} ({id}) {pointer} {}: {detail}", fault.code)?;
        }
    }
    if !shown.lints.is_empty() {
        writeln!(out, "\nWorth a look:")?;
        for lint in &shown.lints {
            let count = lint.count.map(|count| format!(" ({count} records)")).unwrap_or_default();
            writeln!(out, "  {} {}{count}: {}", plain(&lint.pointer), lint.code, plain(&lint.detail))?;
        }
    }
    writeln!(out, "\n{}", summary(shown))?;
    if let Some(at) = &shown.generated_at {
        writeln!(out, "made at {at}, by its own word")?;
    }
    if let Some(effect) = &shown.effect {
        write_effect(out, effect)?;
    }
    if shown.refused {
        writeln!(out, "too many records fail: nothing of the document would be applied (F3)")?;
    }
    Ok(())
}

fn write_effect(out: &mut dyn Write, effect: &PreviewedEffect) -> io::Result<()> {
    if let Some(code) = &effect.skipped {
        return writeln!(out, "nothing of it would be applied: {code}, newer data has been accepted");
    }
    let PreviewedEffect { created, updated, unchanged, deleted, absent_once, .. } = effect;
    writeln!(out, "would create {created}, update {updated}, leave {unchanged}, delete {deleted}")?;
    if *absent_once > 0 {
        writeln!(
            out,
            "{absent_once} assets are missing for the first time, and would be deleted at the second such document"
        )?;
    }
    if let (true, Some(allowed)) = (effect.held, effect.allowed) {
        writeln!(out, "the guard would hold these deletes: {allowed} would pass (F4)")?;
    }
    Ok(())
}

fn write_record(out: &mut dyn Write, record: &PreviewedRecord) -> io::Result<()> {
    let at = record.updated_at.as_deref().unwrap_or("no time of its own");
    writeln!(out, "{} ({at})", plain(&record.id))?;
    for price in &record.prices {
        let amount = price.amount.as_deref().unwrap_or("none");
        let currency = price.currency.as_deref().unwrap_or("(the partner's currency)");
        let at = price.as_of.as_deref().map(|at| format!(" as of {at}")).unwrap_or_default();
        writeln!(out, "  {}: {amount} {currency}{at}", price.quote)?;
    }
    let members: Vec<String> =
        record.members.iter().map(|(name, text)| format!("{name}: {}", text.get())).collect();
    let line = plain(&members.join(", "));
    match line.char_indices().nth(MEMBERS_SHOWN) {
        Some((end, _)) => writeln!(out, "  {}…", &line[..end]),
        None => writeln!(out, "  {line}"),
    }
}
