//! What operators did to assets by hand, kept with their reasons.

use serde::{Deserialize, Serialize};

/// What an operator does to an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    Patch,
    Hide,
    Unhide,
}

impl ActionKind {
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
    pub at: i64,
    pub kind: ActionKind,
    pub asset: String,
    pub reason: String,
}
