//! `tidegate quarantine`: what was refused of a partner, looked at, released, mended, dropped.

use super::admin::Admin;
use super::terminal::{OutputArgs, WorkBar, aside, confirmed, plain, text};
use crate::domain::PartnerName;
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Rows that one call drops: after each the number so far is shown.
const SLICE_ROWS: u64 = 1_000;

/// Look at what was refused of a partner, release it, mend it, drop it.
#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// List the rows, the newest first.
    List(ListRows),
    /// Show a row with its text.
    Show(OneRow),
    /// Have a row decided again as it is, by the settings of today.
    Release(OneRow),
    /// Mend the row's text in $VISUAL or $EDITOR, and release it with that.
    Edit(OneRow),
    /// Drop all rows of which this holds.
    Drop(DropRows),
}

/// Whose rows.
#[derive(Debug, Args)]
pub struct ListRows {
    /// Whose rows.
    #[arg(value_parser = PartnerName::new)]
    partner: PartnerName,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    admin: Admin,
}

/// Which row.
#[derive(Debug, Args)]
pub struct OneRow {
    /// Whose row.
    #[arg(value_parser = PartnerName::new)]
    partner: PartnerName,
    /// The row's number.
    row: u64,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    admin: Admin,
}

/// Which rows: at least one of these must be said.
#[derive(Debug, Args)]
#[group(id = "which", required = true, multiple = true, args = ["kind", "code", "id", "before"])]
pub struct DropRows {
    /// Whose rows.
    #[arg(value_parser = PartnerName::new)]
    partner: PartnerName,
    /// Only of this kind, such as `price` or `feed_record`.
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only those refused for this reason, such as `status_unknown`.
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Only of this asset.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Only what came before this time, such as 2026-11-24T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    admin: Admin,
}

impl QuarantineCommand {
    pub async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        match self {
            QuarantineCommand::List(list) => list.run(out).await,
            QuarantineCommand::Show(row) => row.show(out).await,
            QuarantineCommand::Release(row) => row.release(out).await,
            QuarantineCommand::Edit(row) => row.edit(out).await,
            QuarantineCommand::Drop(drop) => drop.run(out).await,
        }
    }
}

impl ListRows {
    async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let path = format!("/admin/partners/{}/quarantine?limit=1000", self.partner);
        let (mut cursor, mut is_empty, mut all) = (String::new(), true, Vec::new());
        loop {
            let page = self.admin.call(Method::GET, &format!("{path}{cursor}"), None).await?;
            for row in page["items"].as_array().into_iter().flatten() {
                is_empty = false;
                match self.output.json {
                    true => all.push(row.clone()),
                    false => writeln!(out, "{}", line(row))?,
                }
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        if self.output.json {
            writeln!(out, "{:#}", json!({ "items": all }))?;
        } else if is_empty {
            writeln!(out, "nothing of {} was refused", self.partner)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn line(row: &Value) -> String {
    format!(
        "{} {} {} {}{}: waits for {} ({})",
        row["row"],
        text(row, "kind"),
        plain(text(row, "id")),
        text(row, "code"),
        pointed(row),
        text(row, "waits_for"),
        text(row, "to_do"),
    )
}

impl OneRow {
    fn path(&self) -> String {
        format!("/admin/partners/{}/quarantine/{}", self.partner, self.row)
    }

    async fn show(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let row = self.admin.call(Method::GET, &self.path(), None).await?;
        self.output.write(out, &row, |out| {
            tell(&row, out)?;
            text(&row, "raw").split('\n').try_for_each(|line| writeln!(out, "{}", plain(line)))
        })?;
        Ok(ExitCode::SUCCESS)
    }

    async fn release(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let decided = self.decide(None).await?;
        let (row, is_released) = (self.row, decided.is_ok());
        let (Ok(said) | Err(said)) = &decided;
        let answer = json!({ "row": row, "released": is_released, "said": said });
        self.output.write(out, &answer, |out| match is_released {
            true => writeln!(out, "row {row} released: {said}"),
            false => writeln!(out, "row {row} is refused still: {said}"),
        })?;
        Ok(if is_released { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Opens the editor again and again until the text is taken, or comes back as it was refused. The
    /// reason is shown before; the text alone is in the file.
    async fn edit(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let row = self.admin.call(Method::GET, &self.path(), None).await?;
        let draft = Draft::make(self.row, text(&row, "raw"))?;
        self.meanwhile(out, |out| tell(&row, out))?;
        let mut refused = text(&row, "raw").to_owned();
        loop {
            let mended = draft.edited(self.output)?;
            if mended.trim() == refused.trim() {
                let kept = draft.keep();
                let kept = kept.display();
                let answer = json!({ "row": self.row, "released": false, "kept": kept.to_string() });
                self.output.write(out, &answer, |out| {
                    writeln!(out, "the text is unchanged: nothing was released; it is in {kept}")
                })?;
                return Ok(ExitCode::FAILURE);
            }
            match self.decide(Some(mended.clone())).await? {
                Ok(outcome) => {
                    let answer = json!({ "row": self.row, "released": true, "said": outcome });
                    let said = |out: &mut dyn Write| writeln!(out, "row {} released: {outcome}", self.row);
                    self.output.write(out, &answer, said)?;
                    return Ok(ExitCode::SUCCESS);
                }
                Err(reason) => self.meanwhile(out, |out| writeln!(out, "refused still: {reason}"))?,
            }
            refused = mended;
        }
    }

    /// Says something before the end: where the result is for a program, beside it.
    fn meanwhile(
        &self,
        out: &mut dyn Write,
        tell: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        if !self.output.json {
            tell(out)?;
            return out.flush();
        }
        let mut told = Vec::new();
        tell(&mut told)?;
        aside(&String::from_utf8_lossy(&told));
        Ok(())
    }

    /// What became of the row, or why it is refused still.
    async fn decide(&self, text_of_row: Option<String>) -> anyhow::Result<Result<String, String>> {
        let path = format!("{}/release", self.path());
        let (status, answer) = self.admin.ask(Method::POST, &path, text_of_row).await?;
        let item = &answer["item"];
        match status {
            StatusCode::OK => Ok(Ok(text(item, "outcome").to_owned())),
            _ if item.is_object() => {
                let hint = plain(text(item, "hint"));
                Ok(Err(format!("{}{}: {hint}", text(item, "code"), pointed(item))))
            }
            _ => {
                let said = ["title", "detail", "hint"].map(|member| text(&answer, member));
                bail!("{} ({})", said.join(" ").trim(), status.as_u16())
            }
        }
    }
}

impl DropRows {
    async fn run(self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let path = format!("/admin/partners/{}/quarantine?{}", self.partner, self.query());
        let tried = self.admin.call(Method::DELETE, &format!("{path}&dry_run=true"), None).await?;
        let matching = tried["matching"].as_u64().unwrap_or_default();
        if matching == 0 {
            let answer = json!({ "matching": 0, "dropped": 0 });
            self.output.write(out, &answer, |out| writeln!(out, "no row of {} is meant", self.partner))?;
            return Ok(ExitCode::SUCCESS);
        }
        let question = format!("{matching} rows of {} are meant. Drop them?", self.partner);
        if !confirmed(self.yes, &question)? {
            return Ok(self.output.declined(out, "nothing was dropped")?);
        }
        let bar = WorkBar::of(matching, "rows dropped");
        let mut dropped = 0;
        loop {
            let slice = self.admin.call(Method::DELETE, &format!("{path}&limit={SLICE_ROWS}"), None).await?;
            let count = slice["dropped"].as_u64().unwrap_or_default();
            dropped += count;
            bar.stands_at(dropped);
            if count == 0 || slice["complete"].as_bool().unwrap_or(true) {
                break;
            }
        }
        bar.end();
        let answer = json!({ "matching": matching, "dropped": dropped });
        self.output.write(out, &answer, |out| writeln!(out, "{dropped} of {matching} dropped"))?;
        Ok(ExitCode::SUCCESS)
    }

    fn query(&self) -> String {
        let said = [("kind", &self.kind), ("code", &self.code), ("id", &self.id), ("before", &self.before)];
        let said = said.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let said =
            said.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
        said.collect::<Vec<_>>().join("&")
    }
}

/// The text of a row in a file that only its user can read; gone with its end unless it is kept.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn make(row: u64, text: &str) -> anyhow::Result<Draft> {
        let name = format!("tidegate-row-{row}-{}.json", std::process::id());
        let path = std::env::temp_dir().join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let mut file = file.with_context(|| format!("cannot make {}", path.display()))?;
        let draft = Draft { path };
        file.write_all(text.as_bytes())?;
        Ok(draft)
    }

    /// What the file holds after the editor has ended.
    fn edited(&self, output: OutputArgs) -> anyhow::Result<String> {
        let named = |name| std::env::var(name).ok().filter(|editor| !editor.trim().is_empty());
        let editor = named("VISUAL").or_else(|| named("EDITOR")).unwrap_or_else(|| "vi".to_owned());
        // as shells do it, so that an editor can have arguments
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(&self.path);
        if output.json {
            // the result is alone on standard output
            shell.stdout(io::stderr());
        }
        let status = shell.status().with_context(|| format!("cannot start {editor}"))?;
        if !status.success() {
            bail!("{editor} ended with {status}: nothing was released");
        }
        std::fs::read_to_string(&self.path).with_context(|| format!("cannot read {}", self.path.display()))
    }

    fn keep(self) -> PathBuf {
        let path = self.path.clone();
        std::mem::forget(self);
        path
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

fn remove(path: &Path) {
    // it lies in the place of temporary files
    let _ = std::fs::remove_file(path);
}

fn tell(row: &Value, out: &mut dyn Write) -> io::Result<()> {
    let (code, hint) = (text(row, "code"), plain(text(row, "hint")));
    writeln!(out, "row {}: {} of {}", row["row"], text(row, "kind"), plain(text(row, "id")))?;
    writeln!(out, "refused: {code}{}: {hint}", pointed(row))?;
    writeln!(out, "waits for {}: {}", text(row, "waits_for"), text(row, "to_do"))?;
    writeln!(out, "closes when {}", text(row, "closes_when"))?;
    if row["cut"] == true {
        writeln!(out, "only the beginning of its {} bytes is kept: complete it", row["raw_bytes"])?;
    }
    Ok(())
}

/// Where in the item the fault is.
fn pointed(value: &Value) -> String {
    match text(value, "pointer") {
        "" => String::new(),
        pointer => format!(" at {}", plain(pointer)),
    }
}
