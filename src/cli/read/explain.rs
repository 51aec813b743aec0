//! `tidegate explain`: why an asset is as it is, asked of a running daemon.

use super::api::{ApiArgs, Unanswered};
use crate::codec::segment;
use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::io::{self, Write};
use std::process::ExitCode;

/// Values are cut to this many characters in the table.
const VALUE_CHARACTERS: usize = 48;

/// Explain an asset: who wrote each member, when, and which writes lost by which rule.
#[derive(Debug, Args)]
pub struct Explain {
    /// The partner and the asset's id, such as acme/asset-1; the id may hold further slashes.
    #[arg(value_name = "PARTNER/ID")]
    asset: String,
    /// Only this member, or this quote.
    member: Option<String>,
    #[command(flatten)]
    api: ApiArgs,
    /// Print the reply as it came.
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Told {
    id: String,
    partner: String,
    alive: bool,
    hidden: bool,
    status: Option<String>,
    existence: Value,
    members: Vec<MemberLine>,
    quotes: Vec<Value>,
    lost: Vec<Value>,
    actions: Vec<Value>,
}

#[derive(Deserialize)]
struct MemberLine {
    name: String,
    state: String,
    /// As it stands in the document: a large number would lose digits.
    value: Option<Box<RawValue>>,
    #[serde(flatten)]
    rest: Value,
}

impl Explain {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let text = self.ask().await?;
        if self.json {
            writeln!(out, "{text}")?;
            return Ok(ExitCode::SUCCESS);
        }
        let told: Told = serde_json::from_str(&text).context("the reply is none that we know")?;
        tell(&told, out)?;
        Ok(ExitCode::SUCCESS)
    }

    async fn ask(&self) -> anyhow::Result<String> {
        let Some((partner, id)) =
            self.asset.split_once('/').filter(|(p, id)| !p.is_empty() && !id.is_empty())
        else {
            bail!("{} names no asset: write PARTNER/ID", self.asset);
        };
        let path = format!("/api/partners/{}/assets/{}/explain", segment(partner), segment(id));
        let parameters: Vec<_> = self.member.iter().map(|member| ("member", member.as_str())).collect();
        let calls = self.api.calls()?;
        let response = calls.get(&path, &parameters).await.map_err(Unanswered::into_error);
        Ok(response.with_context(|| self.asset.clone())?.text().await?)
    }
}

fn tell(told: &Told, out: &mut dyn Write) -> io::Result<()> {
    let life = if told.alive { "alive" } else { "not alive" };
    let status = told.status.as_deref().map_or(String::new(), |status| format!(", {status}"));
    let hidden = if told.hidden { ", hidden by an operator" } else { "" };
    writeln!(out, "{}/{}: {life}{status}{hidden}", told.partner, printable(&told.id))?;
    let moments = [("life", "last sign of life"), ("base", "last full write"), ("death", "last delete")];
    let moments = moments.iter().filter(|(name, _)| !told.existence[*name].is_null());
    let rows = moments.map(|(name, words)| {
        let moment = &told.existence[*name];
        [(*words).to_owned(), time(moment, "source_time"), time(moment, "learned_at"), writer(moment)]
            .to_vec()
    });
    table(out, &["existence", "true at", "learned at", "by"], rows.collect())?;
    table(
        out,
        &["member", "value", "true at", "learned at", "by"],
        told.members.iter().map(member).collect(),
    )?;
    table(
        out,
        &["quote", "shows", "amount", "true at", "lane", "why"],
        told.quotes.iter().map(quote).collect(),
    )?;
    table(out, &["lost", "of", "rule", "true at", "learned at", "by"], told.lost.iter().map(lost).collect())?;
    let action = |action: &Value| vec![plain(action, "kind"), time(action, "at"), plain(action, "reason")];
    table(out, &["operator", "at", "reason"], told.actions.iter().map(action).collect())
}

fn member(line: &MemberLine) -> Vec<String> {
    let value =
        line.value.as_ref().map_or_else(|| format!("({})", line.state), |value| value.get().to_owned());
    let rest = &line.rest;
    vec![line.name.clone(), value, time(rest, "source_time"), time(rest, "learned_at"), writer(rest)]
}

fn quote(quote: &Value) -> Vec<String> {
    let shown = &quote[quote["shows"].as_str().unwrap_or_default()];
    let amount = format!("{} {}", shown["amount"].as_str().unwrap_or("withdrawn"), plain(shown, "currency"));
    let (at, lane) = match shown["source_time"].is_null() {
        true => (format!("undated, in run of {}", time(shown, "snapshot_at")), "feed".to_owned()),
        false => (time(shown, "source_time"), plain(shown, "lane")),
    };
    let name = format!("{} ({})", plain(quote, "name"), plain(quote, "state"));
    vec![name, plain(quote, "shows"), amount, at, lane, plain(quote, "why")]
}

fn lost(lost: &Value) -> Vec<String> {
    let what = match lost["members"].as_array() {
        Some(names) => {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            let more = lost["more"].as_u64().filter(|more| *more > 0);
            names.join(", ") + &more.map_or(String::new(), |more| format!(" and {more} more"))
        }
        None => format!("{} {}", plain(lost, "quote"), lost["amount"].as_str().unwrap_or("withdrawn")),
    };
    let times = [time(lost, "source_time"), time(lost, "learned_at")];
    [plain(lost, "verb"), what, plain(lost, "rule")].into_iter().chain(times).chain([writer(lost)]).collect()
}

/// `by` in words.
fn writer(line: &Value) -> String {
    let by = &line["by"];
    match by["kind"].as_str() {
        Some("push") => match by["delivery_hash"].as_str() {
            Some(hash) => format!("push, delivery {hash}"),
            None => "push".into(),
        },
        Some("feed") => match by["record"].as_u64() {
            Some(record) => format!("feed run {}, record {record}", by["run"]),
            None => format!("feed run {}, absent from it", by["run"]),
        },
        Some("operator") => format!("operator: {}", by["reason"].as_str().unwrap_or("reason not kept")),
        _ => "no longer known".into(),
    }
}

fn plain(line: &Value, member: &str) -> String {
    line[member].as_str().unwrap_or_default().to_owned()
}

fn time(line: &Value, member: &str) -> String {
    line[member].as_str().unwrap_or("-").to_owned()
}

/// Partners choose these texts: none of them may steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn table(out: &mut dyn Write, head: &[&str], rows: Vec<Vec<String>>) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let cell = |text: String| match text.char_indices().nth(VALUE_CHARACTERS) {
        Some((end, _)) => format!("{}…", printable(&text[..end])),
        None => printable(&text),
    };
    let head: Vec<String> = head.iter().map(|&name| name.to_owned()).collect();
    let rows: Vec<Vec<String>> = rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect();
    let wide = |column: usize| {
        rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(wide).collect();
    writeln!(out)?;
    for row in [&head].into_iter().chain(&rows) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_told_as_tables_without_control_characters() {
        let text = r#"{"id":"a\u001b[2J","partner":"acme","alive":true,"hidden":false,"status":"active",
            "existence":{"life":{"source_time":"T1","learned_at":"T2","by":{"kind":"push"}},"death":null,"base":null},
            "members":[{"name":"size","state":"shown","value":1000000000000000000000000,"source_time":"T1",
                "by":{"kind":"feed","run":3,"record":9},"learned_at":"T2"}],
            "quotes":[{"name":"price","state":"live","shows":"dated","why":"it is the only one",
                "dated":{"amount":"1.5","currency":"EUR","source_time":"T1","lane":"price"},"undated":null}],
            "lost":[{"verb":"put","members":["title"],"more":2,"rule":"D1","source_time":"T0","by":null}],
            "actions":[]}"#;
        let told: Told = serde_json::from_str(text).unwrap();
        let mut out = Vec::new();
        tell(&told, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.starts_with("acme/a [2J: alive, active\n"), "{out}");
        for said in [
            "size    1000000000000000000000000  T1       T2          feed run 3, record 9",
            "price (live)  dated  1.5 EUR  T1       price  it is the only one",
            "put   title and 2 more  D1    T0       -           no longer known",
        ] {
            assert!(out.contains(said), "{said}\n{out}");
        }
    }
}
