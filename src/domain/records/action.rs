//! What operators did to assets by hand, kept with their reasons.

use serde::{Deserialize, Serialize};

/// What an operator does to an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// Gives members a value, or removes them.
    Patch,
    /// Takes it out of what readers see; its partner still sees it.
    Hide,
    /// Lets readers see it again.
    Unhide,
}

impl ActionKind {
    /// Its word in replies and records.
    pub fn as_str(self) -> &'static str {
        match self {
            ActionKind::Patch => "patch",
            ActionKind::Hide => "hide",
            ActionKind::Unhide => "unhide",
        }
    }
}

/// The record of an operator's action, written with its effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorAction {
    /// When it was ordered, by our clock, in microseconds.
    pub at: i64,
    /// What was done.
    pub kind: ActionKind,
    /// The asset's id.
    pub asset: String,
    /// Why, in the operator's words.
    pub reason: String,
    /// Who ordered it, by the name of a token; `None` in a record of a time when tokens had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}
