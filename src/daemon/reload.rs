//! A configuration taken over while the daemon runs: read whole, compared with the one in force, put on the
//! trail of operators' acts. What is at fault changes nothing.

use super::files::{ConfigSource, FilesPrint};
use super::watchers;
use crate::actors::{ConfigureError, SupervisorHandle};
use crate::config::{Settings, SettingsDifference};
use crate::domain::{AuditAct, AuditEntry, AuditOutcome, AuditTarget};
use crate::http::{App, Certificates, ReloadAsk, ReloadEnd, ReloadReport};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Changes of one reload that have an entry of their own on the trail; beyond them they are counted.
const CHANGES_NAMED_MAX: usize = 200;

/// What takes a configuration over.
pub struct Reloader {
    app: Arc<App>,
    supervisor: SupervisorHandle,
    certificates: Option<Arc<Certificates>>,
    /// With what is bound at start as it was bound.
    started: Arc<Settings>,
}

impl Reloader {
    /// For a daemon that has just started with the settings of `app`.
    pub fn new(
        app: Arc<App>,
        supervisor: SupervisorHandle,
        certificates: Option<Arc<Certificates>>,
    ) -> Reloader {
        let started = app.settings.load_full();
        Reloader { app, supervisor, certificates, started }
    }

    /// Makes the running partners and keys those of `settings`; gives what that changed. Listeners and
    /// the store stay as they were started: what of them differs is logged.
    pub async fn take_over(&self, settings: Settings) -> Result<SettingsDifference, ConfigureError> {
        for partner in &settings.partners {
            // asked before anything is taken over
            match self.app.registry.by_name(partner.name.as_str()) {
                Some(entry) if entry.is_sandbox() != partner.sandbox => {
                    return Err(ConfigureError::of_other_kind(&entry.name, entry.is_sandbox()));
                }
                Some(entry) if entry.is_being_purged() => {
                    return Err(ConfigureError::BeingPurged(entry.name.clone()));
                }
                _ => {}
            }
        }
        let needs_restart = self.started.bound_at_start_that_differ(&settings);
        for key in &needs_restart {
            tracing::warn!(key, "configuration needs a restart to take this over");
        }
        let settings = settings.held_to(&self.started);
        let difference = self.app.settings.load().difference(&settings);
        let partners = settings.partners.clone();
        self.app.settings.store(Arc::new(settings));
        if let Some(shown) = &self.certificates {
            watchers::look_at_certificates(&self.app, shown, Certificates::renew).await;
        }
        self.supervisor.configure(partners).await?;
        Ok(SettingsDifference { needs_restart, ..difference })
    }

    /// Does one reload after the other, as they are asked for.
    pub async fn serve(
        self: Arc<Self>,
        source: ConfigSource,
        mut asked: mpsc::Receiver<ReloadAsk>,
        print: FilesPrint,
    ) {
        while let Some(ReloadAsk { entry, reply }) = asked.recv().await {
            let report = Arc::new(self.reload(&source, entry, &print).await);
            let outcome = report.outcome;
            let is_sound = matches!(outcome, ReloadEnd::Applied | ReloadEnd::Unchanged);
            self.app.metrics.reloaded(outcome.as_str(), is_sound, report.at);
            self.app.reload.note(Arc::clone(&report));
            // whoever asked may have gone
            let _ = reply.send(report);
        }
    }

    async fn reload(&self, source: &ConfigSource, entry: AuditEntry, print: &FilesPrint) -> ReloadReport {
        let by = entry.who.clone();
        let begun = match &self.app.audit {
            Some(trail) => trail.begin(entry).await.ok(),
            None => None,
        };
        let number = begun.as_ref().map_or(0, |begun| begun.number());
        let report = self.read_and_take_over(source, by, print).await;
        let (outcome, code) = match report.outcome {
            ReloadEnd::Applied | ReloadEnd::Unchanged => (AuditOutcome::Done, None),
            ReloadEnd::Refused => (AuditOutcome::Refused, Some("configuration_faulty")),
            ReloadEnd::InPart => (AuditOutcome::Unknown, Some("configuration_in_part")),
        };
        if let Some(begun) = begun {
            begun.end(outcome, code, Some(report.said())).await;
        }
        if report.outcome != ReloadEnd::Refused {
            self.put_on_trail(&report.difference, number).await;
        }
        report
    }

    async fn read_and_take_over(
        &self,
        source: &ConfigSource,
        by: String,
        print: &FilesPrint,
    ) -> ReloadReport {
        let (reader, print) = (source.clone(), print.clone());
        let read = tokio::task::spawn_blocking(move || {
            // before they are read: what is written meanwhile is seen as new
            print.note(reader.print());
            reader.load()
        });
        let mut report = ReloadReport {
            at: self.app.clock.now(),
            by,
            outcome: ReloadEnd::Refused,
            difference: SettingsDifference::default(),
            faults: Vec::new(),
            error: None,
        };
        match read.await {
            Err(error) => report.error = Some(error.to_string()),
            Ok(Err(faults)) => {
                tracing::error!(%faults, "configuration not taken over");
                report.faults = faults.0;
            }
            Ok(Ok(settings)) => match self.take_over(settings).await {
                Ok(difference) => {
                    let is_same = difference.is_empty();
                    report.outcome = if is_same { ReloadEnd::Unchanged } else { ReloadEnd::Applied };
                    report.difference = difference;
                    tracing::info!("configuration taken over");
                }
                Err(error @ (ConfigureError::OtherKind(..) | ConfigureError::BeingPurged(_))) => {
                    tracing::error!(%error, "configuration not taken over");
                    report.error = Some(error.to_string());
                }
                Err(error) => {
                    tracing::error!(%error, "configuration taken over in part");
                    report.outcome = ReloadEnd::InPart;
                    report.error = Some(error.to_string());
                }
            },
        }
        report.at = self.app.clock.now();
        report
    }

    /// Each change by itself: whoever changed the files is not known, only who had them read.
    async fn put_on_trail(&self, difference: &SettingsDifference, reload: u64) {
        let Some(trail) = &self.app.audit else { return };
        for change in changes(difference).into_iter().take(CHANGES_NAMED_MAX) {
            let note = change.note.iter().map(String::as_str);
            let taken = format!("taken over by act {reload}");
            let note = Some(note.chain([&*taken]).collect::<Vec<_>>().join("; "));
            if trail.note(AuditEntry { note, outcome: AuditOutcome::Done, ..change }).await.is_err() {
                tracing::error!("a change of the configuration is not on record");
                return;
            }
        }
    }
}

/// Keys first: they must not be among those that are only counted.
fn changes(difference: &SettingsDifference) -> Vec<AuditEntry> {
    let of = |act, partner: Option<String>, note: Option<String>| AuditEntry {
        partner,
        note,
        ..AuditEntry::of("configuration", act)
    };
    let keys = difference.keys.iter().map(|change| AuditEntry {
        target: Some(AuditTarget::new("keys", change.owner.as_str())),
        ..of(
            AuditAct::KeysChanged,
            change.partner.as_ref().map(ToString::to_string),
            Some(change.said.clone()),
        )
    });
    let added = difference.added.iter();
    let added = added.map(|name| of(AuditAct::PartnerAdded, Some(name.to_string()), None));
    let removed = difference.removed.iter();
    let removed = removed.map(|name| of(AuditAct::PartnerRemoved, Some(name.to_string()), None));
    let changed = difference.changed.iter().map(|change| {
        of(AuditAct::PartnerChanged, Some(change.name.to_string()), Some(change.parts.join(", ")))
    });
    let settings =
        [&difference.settings, &difference.needs_restart].into_iter().filter(|keys| !keys.is_empty());
    let settings = settings.map(|keys| of(AuditAct::SettingsChanged, None, Some(keys.join(", "))));
    keys.chain(added).chain(removed).chain(settings).chain(changed).collect()
}
