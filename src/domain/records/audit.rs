//! The trail of what operators did, whatever it was about.

use serde::{Deserialize, Serialize};

/// What an operator did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditAct {
    /// Had the deletes of a plan made.
    Approve,
    /// Threw a plan away.
    Reject,
    /// Gave members of an asset a value, or removed them.
    Patch,
    /// Took an asset out of what readers see.
    Hide,
    /// Let readers see it again.
    Unhide,
    /// Had a row of the quarantine decided again as it is.
    Release,
    /// Had another text decided in a row's place.
    Edit,
    /// Threw rows of the quarantine away.
    Drop,
    /// Stopped the schedule of a feed.
    Pause,
    /// Let it go on.
    Resume,
    /// Had a feed fetched at once.
    Run,
    /// Had a snapshot read again.
    Rebuild,
    /// Had the configuration read again.
    Reload,
    /// Had all that is kept of a partner taken away.
    Purge,
    /// Made the store from a backup.
    Restore,
    /// Wrote a partner's file that was not there.
    PartnerAdded,
    /// Changed a partner's file.
    PartnerChanged,
    /// Took a partner's file away.
    PartnerRemoved,
    /// Changed the keys, tokens or secrets of a partner, a reader or an operator.
    KeysChanged,
    /// Changed another part of the configuration.
    SettingsChanged,
}

/// How an act has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// It was about to be done: its end is not on record.
    Begun,
    /// It is done.
    Done,
    /// Nothing was done.
    Refused,
    /// It may have been done, in part or whole.
    Unknown,
}

/// What an act was done to, within its partner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditTarget {
    /// The word for what it is: `plan`, `asset`, `row`, `rows`, `run`, `feed`, `keys` …
    pub kind: String,
    /// Its id or number; of `rows` the filter that means them.
    pub id: String,
}

/// One act on the trail. It is written before the act, and again with its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When it was asked for, by our clock, in microseconds.
    pub at: i64,
    /// When it had ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
    /// The name of the token that asked, or what stands in for one.
    pub who: String,
    /// The address that the call came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What was asked for.
    pub act: AuditAct,
    /// The partner that it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
    /// What of the partner, or of the daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<AuditTarget>,
    /// Why, in the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// The code of the problem that it ended with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What it came to, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl AuditAct {
    /// All acts.
    #[rustfmt::skip]
    pub const ALL: [AuditAct; 20] = [
        AuditAct::Approve, AuditAct::Reject, AuditAct::Patch, AuditAct::Hide, AuditAct::Unhide,
        AuditAct::Release, AuditAct::Edit, AuditAct::Drop, AuditAct::Pause, AuditAct::Resume,
        AuditAct::Run, AuditAct::Rebuild, AuditAct::Reload, AuditAct::Purge, AuditAct::Restore,
        AuditAct::PartnerAdded, AuditAct::PartnerChanged, AuditAct::PartnerRemoved,
        AuditAct::KeysChanged, AuditAct::SettingsChanged,
    ];

    /// Its word in replies, records and the log.
    pub fn as_str(self) -> &'static str {
        match self {
            AuditAct::Approve => "approve",
            AuditAct::Reject => "reject",
            AuditAct::Patch => "patch",
            AuditAct::Hide => "hide",
            AuditAct::Unhide => "unhide",
            AuditAct::Release => "release",
            AuditAct::Edit => "edit",
            AuditAct::Drop => "drop",
            AuditAct::Pause => "pause",
            AuditAct::Resume => "resume",
            AuditAct::Run => "run",
            AuditAct::Rebuild => "rebuild",
            AuditAct::Reload => "reload",
            AuditAct::Purge => "purge",
            AuditAct::Restore => "restore",
            AuditAct::PartnerAdded => "partner_added",
            AuditAct::PartnerChanged => "partner_changed",
            AuditAct::PartnerRemoved => "partner_removed",
            AuditAct::KeysChanged => "keys_changed",
            AuditAct::SettingsChanged => "settings_changed",
        }
    }
}

impl AuditOutcome {
    /// Those with which an act ends.
    pub const ENDS: [AuditOutcome; 3] = [AuditOutcome::Done, AuditOutcome::Refused, AuditOutcome::Unknown];

    /// Its word in replies, records and the log.
    pub fn as_str(self) -> &'static str {
        match self {
            AuditOutcome::Begun => "begun",
            AuditOutcome::Done => "done",
            AuditOutcome::Refused => "refused",
            AuditOutcome::Unknown => "unknown",
        }
    }
}

impl AuditTarget {
    /// This one of what the word names.
    pub fn new(kind: &str, id: impl Into<String>) -> AuditTarget {
        AuditTarget { kind: kind.to_owned(), id: id.into() }
    }
}

impl AuditEntry {
    /// An act that is about to be done; the trail gives it its time.
    pub fn of(who: impl Into<String>, act: AuditAct) -> AuditEntry {
        AuditEntry {
            at: 0,
            ended_at: None,
            who: who.into(),
            address: None,
            act,
            partner: None,
            target: None,
            reason: None,
            outcome: AuditOutcome::Begun,
            code: None,
            note: None,
        }
    }
}
