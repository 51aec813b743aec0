//! What a check has found, and what to do about it.

/// How a check ended; the later, the worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum DoctorState {
    #[default]
    Ok,
    Warn,
    Fail,
}

impl DoctorState {
    pub fn word(self) -> &'static str {
        match self {
            DoctorState::Ok => "ok",
            DoctorState::Warn => "warn",
            DoctorState::Fail => "fail",
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub state: DoctorState,
    pub says: String,
    /// `None` where nothing is to be done.
    pub to_do: Option<String>,
}

impl Finding {
    pub fn ok(says: impl Into<String>) -> Finding {
        Finding { state: DoctorState::Ok, says: says.into(), to_do: None }
    }

    pub fn warn(says: impl Into<String>, to_do: impl Into<String>) -> Finding {
        Finding { state: DoctorState::Warn, says: says.into(), to_do: Some(to_do.into()) }
    }

    pub fn fail(says: impl Into<String>, to_do: impl Into<String>) -> Finding {
        Finding { state: DoctorState::Fail, says: says.into(), to_do: Some(to_do.into()) }
    }
}

/// All lines, in the order of their checks.
#[derive(Debug, Default)]
pub struct Findings(Vec<(&'static str, Finding)>);

impl Findings {
    pub fn add(&mut self, check: &'static str, finding: Finding) {
        self.0.push((check, finding));
    }

    pub fn all(&self) -> impl Iterator<Item = (&'static str, &Finding)> {
        self.0.iter().map(|(check, finding)| (*check, finding))
    }

    pub fn worst(&self) -> DoctorState {
        self.0.iter().map(|(_, finding)| finding.state).max().unwrap_or_default()
    }

    pub fn count(&self, state: DoctorState) -> usize {
        self.0.iter().filter(|(_, finding)| finding.state == state).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_all_lines_counts() {
        let mut findings = Findings::default();
        assert_eq!(findings.worst(), DoctorState::Ok);
        findings.add("disk", Finding::fail("full", "make room"));
        findings.add("clock", Finding::warn("late", "set it"));
        assert_eq!((findings.worst(), findings.count(DoctorState::Warn)), (DoctorState::Fail, 1));
    }
}
