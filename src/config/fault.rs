//! What is wrong with a configuration: all of it at once, each with its place and its rule.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    /// The file of the configuration, or its directory.
    pub file: PathBuf,
    /// From 1; `None` where the whole file is meant.
    pub line: Option<usize>,
    /// The dotted key, e.g. `feed.every`; empty where the whole file is meant.
    pub key: String,
    /// The value as written, shortened; `None` where there is none, or it may be a secret.
    pub value: Option<String>,
    /// What has to hold.
    pub rule: String,
    /// What to do, where there is more to say than the rule.
    pub hint: Option<String>,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        match (self.key.as_str(), &self.value) {
            ("", _) => {}
            (key, None) => write!(f, ": {key}")?,
            (key, Some(value)) => write!(f, ": {key} = {value}")?,
        }
        write!(f, ": {}", self.rule)?;
        self.hint.iter().try_for_each(|hint| write!(f, "; {hint}"))
    }
}

/// All that is wrong, in the order of the files; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<ConfigFault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|fault| writeln!(f, "{fault}"))
    }
}

impl std::error::Error for Faults {}

/// Why a value is refused, before its place is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub rule: String,
    pub hint: Option<String>,
}

impl Wrong {
    pub fn rule(rule: impl Into<String>) -> Wrong {
        Wrong { rule: rule.into(), hint: None }
    }

    pub fn hint(self, hint: impl Into<String>) -> Wrong {
        Wrong { hint: Some(hint.into()), ..self }
    }
}
