//! The desk where a reload of the configuration is asked for, and what the last one came to. Whoever asks waits
//! for the daemon, which alone can read its files again; one reload follows the other.

use crate::actors::Unavailable;
use crate::codec::time;
use crate::config::{ConfigFault, SettingsDifference};
use crate::domain::{AuditEntry, Micros};
use arc_swap::ArcSwapOption;
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Reloads that wait for the one under way. Each would do the same.
const ASKED_MAX: usize = 8;
/// Partners and faults that are named; beyond them they are counted.
const NAMED_MAX: usize = 100;

/// How a reload has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadEnd {
    /// What had changed is taken over.
    Applied,
    /// Nothing had.
    Unchanged,
    /// The configuration is at fault: nothing is taken over.
    Refused,
    /// Something failed behind it.
    InPart,
}

impl ReloadEnd {
    /// Its word in answers and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            ReloadEnd::Applied => "applied",
            ReloadEnd::Unchanged => "unchanged",
            ReloadEnd::Refused => "refused",
            ReloadEnd::InPart => "in_part",
        }
    }
}

/// What a reload came to.
#[derive(Clone, Debug)]
pub struct ReloadReport {
    /// When it ended.
    pub at: Micros,
    /// Who asked for it.
    pub by: String,
    /// How it ended.
    pub outcome: ReloadEnd,
    /// What the files said that was not in force; of one that was refused nothing is known.
    pub difference: SettingsDifference,
    /// What is wrong with them.
    pub faults: Vec<ConfigFault>,
    /// What failed behind them.
    pub error: Option<String>,
}

impl ReloadReport {
    /// What it came to, in words.
    pub fn said(&self) -> String {
        let ReloadReport { difference, faults, error, .. } = self;
        if let Some(error) = error {
            return error.clone();
        }
        if let Some(first) = faults.first() {
            return format!("{} faults; the first: {first}", faults.len());
        }
        if difference.is_empty() {
            return "nothing has changed".to_owned();
        }
        let (added, changed, removed) =
            (difference.added.len(), difference.changed.len(), difference.removed.len());
        let mut said = format!("partners: {added} added, {changed} changed, {removed} removed");
        if !difference.needs_restart.is_empty() {
            said += &format!("; needs a restart: {}", difference.needs_restart.join(", "));
        }
        said
    }

    /// The first of the faults, as a list of JSON.
    pub fn faults_json(&self) -> String {
        serde_json::to_string(&FaultView::first_of(&self.faults)).expect("texts and numbers")
    }
}

/// Somebody wants the configuration read again.
pub struct ReloadAsk {
    /// Who, from where, and why, as the trail will have it.
    pub entry: AuditEntry,
    /// Where the end is told.
    pub reply: oneshot::Sender<Arc<ReloadReport>>,
}

/// Where reloads are asked for.
#[derive(Default)]
pub struct ReloadDesk {
    asks: ArcSwapOption<mpsc::Sender<ReloadAsk>>,
    last: ArcSwapOption<ReloadReport>,
}

impl ReloadDesk {
    /// From now on somebody answers; gives what is asked.
    pub fn open(&self) -> mpsc::Receiver<ReloadAsk> {
        let (asks, asked) = mpsc::channel(ASKED_MAX);
        self.asks.store(Some(Arc::new(asks)));
        asked
    }

    /// Asks, and waits for the end. Errs where nobody reads the files of this daemon.
    pub async fn ask(&self, entry: AuditEntry) -> Result<Arc<ReloadReport>, Unavailable> {
        let (reply, told) = oneshot::channel();
        let asks = self.asks.load_full().ok_or(Unavailable)?;
        asks.send(ReloadAsk { entry, reply }).await.map_err(|_| Unavailable)?;
        told.await.map_err(|_| Unavailable)
    }

    /// The last one has ended so.
    pub fn note(&self, report: Arc<ReloadReport>) {
        self.last.store(Some(report));
    }

    /// The last one of this life of the daemon.
    pub fn last(&self) -> Option<Arc<ReloadReport>> {
        self.last.load_full()
    }
}

/// A report as it is answered and shown.
#[derive(Serialize)]
pub struct ReloadView {
    at: String,
    by: String,
    outcome: &'static str,
    partners: PartnersChanged,
    /// Parts of the daemon's own settings that were taken over.
    settings: Vec<&'static str>,
    /// Keys whose values wait for a restart.
    needs_restart: Vec<&'static str>,
    faults: Vec<FaultView>,
    faults_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct PartnersChanged {
    added: NamesView,
    changed: NamesView,
    removed: NamesView,
}

#[derive(Serialize)]
struct NamesView {
    count: usize,
    names: Vec<String>,
}

/// One thing that is wrong with a configuration.
#[derive(Serialize)]
pub struct FaultView {
    file: String,
    line: Option<usize>,
    key: String,
    value: Option<String>,
    rule: String,
    hint: Option<String>,
}

impl FaultView {
    /// The first of the faults.
    pub fn first_of(faults: &[ConfigFault]) -> Vec<FaultView> {
        let view = |fault: &ConfigFault| FaultView {
            file: fault.file.display().to_string(),
            line: fault.line,
            key: fault.key.clone(),
            value: fault.value.clone(),
            rule: fault.rule.clone(),
            hint: fault.hint.clone(),
        };
        faults.iter().take(NAMED_MAX).map(view).collect()
    }
}

impl ReloadView {
    /// Of a report.
    pub fn of(report: &ReloadReport) -> ReloadView {
        let SettingsDifference { added, changed, removed, settings, needs_restart, .. } = &report.difference;
        let names = |names: &mut dyn ExactSizeIterator<Item = String>| NamesView {
            count: names.len(),
            names: names.take(NAMED_MAX).collect(),
        };
        ReloadView {
            at: time::format(report.at),
            by: report.by.clone(),
            outcome: report.outcome.as_str(),
            partners: PartnersChanged {
                added: names(&mut added.iter().map(ToString::to_string)),
                changed: names(&mut changed.iter().map(|change| change.name.to_string())),
                removed: names(&mut removed.iter().map(ToString::to_string)),
            },
            settings: settings.clone(),
            needs_restart: needs_restart.clone(),
            faults: FaultView::first_of(&report.faults),
            faults_count: report.faults.len(),
            error: report.error.clone(),
        }
    }
}
