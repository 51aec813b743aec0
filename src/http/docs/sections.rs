//! The parts of a text that have addresses of their own.

/// Each `## code` of the problems, with its text.
pub fn problems(text: &'static str) -> Vec<(&'static str, String)> {
    let parts = text.split("\n## ").skip(1);
    let section = |part: &'static str| {
        let (code, rest) = part.split_once('\n').unwrap_or((part, ""));
        // a chapter's heading may follow
        let own = rest.split("\n# ").next().unwrap_or_default();
        (code.trim(), format!("# {code}\n\n{}\n", own.trim()))
    };
    parts.map(section).collect()
}

/// Each row of the tables of rules.
pub fn rules(text: &'static str) -> Vec<(&'static str, String)> {
    let rows = text.lines().filter_map(|line| {
        let (id, rule) = line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ")?;
        let is_id =
            id.len() == 2 && id.as_bytes()[0].is_ascii_uppercase() && id.as_bytes()[1].is_ascii_digit();
        is_id.then(|| (id, format!("# {id}\n\n{rule}\n")))
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_ends_where_the_next_one_or_a_chapter_begins() {
        let text = "# Title\n\n## one\nFirst.\n\n# Chapter\n\n## two\nSecond,\nlong.\n";
        let sections = problems(text);
        assert_eq!(
            sections,
            [("one", "# one\n\nFirst.\n".into()), ("two", "# two\n\nSecond,\nlong.\n".into())]
        );
    }

    #[test]
    fn every_rule_has_a_section() {
        let rules = rules(super::super::RULES);
        let ids: Vec<_> = rules.iter().map(|(id, _)| *id).collect();
        for id in ["T1", "D1", "X5", "F9", "P6", "G2"] {
            assert!(ids.contains(&id), "{id} of {ids:?}");
        }
    }
}
