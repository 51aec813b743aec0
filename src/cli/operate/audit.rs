//! `tidegate audit`: what operators did, the newest first.

use crate::cli::admin::Admin;
use crate::cli::terminal::{OutputArgs, PeopleTable, Tone, text, to_the_second};
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

const EXAMPLES: &str = "Examples:
  tidegate audit                               the last acts, the newest first
  tidegate audit --partner acme                those about one partner
  tidegate audit --act approve --limit 10
  tidegate audit --who anna --json             for programs

Exit codes: 0 done, 1 the daemon refused or does not answer, 2 a mistake in the command.";

/// Acts asked for at once.
const PAGE: u64 = 1_000;

/// List what operators did: when, who, what, why, and how it ended.
///
/// `who` is the name of the token in [[operators]]; `admin`, for the token that all may have; `local`, where
/// none is asked for; or what stands in for a person, such as SIGHUP. An act that was `begun` has no end on
/// record: the daemon ended meanwhile, or it is under way.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Audit {
    /// Only what was about this partner.
    #[arg(long, value_name = "NAME")]
    partner: Option<String>,
    /// Only acts of this kind, such as approve or keys_changed.
    #[arg(long, value_name = "ACT")]
    act: Option<String>,
    /// Only what this operator did.
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// So many acts.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u64,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    admin: Admin,
}

impl Audit {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let items = self.acts().await?;
        self.output.write(out, &json!({ "items": items }), |out| tell(&items, out))?;
        Ok(ExitCode::SUCCESS)
    }

    async fn acts(&self) -> anyhow::Result<Vec<Value>> {
        let mut query = String::new();
        for (name, value) in [("partner", &self.partner), ("act", &self.act), ("who", &self.who)] {
            if let Some(value) = value {
                query += &format!("&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
            }
        }
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let limit = PAGE.min(self.limit - items.len() as u64).max(1);
            let path = format!("/admin/audit?limit={limit}{query}{cursor}");
            let page = self.admin.call(Method::GET, &path, None).await?;
            items.extend(page["items"].as_array().into_iter().flatten().cloned());
            match page["next_cursor"].as_str() {
                Some(next) if (items.len() as u64) < self.limit => cursor = format!("&cursor={next}"),
                _ => return Ok(items),
            }
        }
    }
}

fn tell(items: &[Value], out: &mut dyn Write) -> std::io::Result<()> {
    if items.is_empty() {
        return writeln!(out, "nothing of this is on the trail");
    }
    let mut table = PeopleTable::of(&["at", "who", "act", "partner", "target", "outcome", "said"]);
    for act in items {
        let target = &act["target"];
        let plain = |text: &str| (text.to_owned(), Tone::Plain);
        let outcome = text(act, "outcome");
        let tone = match outcome {
            "done" => Tone::Good,
            "refused" => Tone::Warning,
            _ => Tone::Bad,
        };
        let said = [text(act, "reason"), text(act, "note"), text(act, "code")];
        let said: Vec<&str> = said.into_iter().filter(|text| !text.is_empty()).collect();
        table.toned_row([
            plain(&to_the_second(text(act, "at"))),
            plain(text(act, "who")),
            plain(text(act, "act")),
            plain(text(act, "partner")),
            plain(format!("{} {}", text(target, "kind"), text(target, "id")).trim()),
            (outcome.to_owned(), tone),
            plain(&said.join("; ")),
        ]);
    }
    table.write(out)
}
