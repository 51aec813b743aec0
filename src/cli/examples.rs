//! Examples of every verb, as its `--help` shows them, and what its exit code says. A test parses each of them.

use clap::Command;

/// What the codes of most verbs mean; those that mean something else say so themselves.
const EXIT_CODES: &str = "Exit codes: 0 done; 1 refused, or it failed; 2 a mistake in the command; 78 the configuration is at fault.";

/// By the words of a verb.
#[rustfmt::skip]
const EXAMPLES: &[(&str, &[&str])] = &[
    ("serve", &["tidegate serve", "tidegate serve --config /etc/tidegate"]),
    ("demo", &["tidegate demo", "tidegate demo --seconds 20", "tidegate demo --seconds 20 --json"]),
    ("explain", &["tidegate explain acme/villa-12", "tidegate explain acme/villa-12 legal_status --json"]),
    ("check", &["tidegate check", "tidegate check --config /etc/tidegate", "tidegate check --json"]),
    ("status", &["tidegate status", "tidegate status --every 10", "tidegate status --once --json"]),
    ("reload", &["tidegate reload", "tidegate reload --reason 'acme has a new key'", "tidegate reload --json"]),
    ("partner add", &["tidegate partner add acme", "tidegate partner add acme --feed https://partner.example/assets.json", "tidegate partner add acme --json"]),
    ("partner list", &["tidegate partner list", "tidegate partner list --json"]),
    ("partner show", &["tidegate partner show acme", "tidegate partner show acme --json"]),
    ("partner pause", &["tidegate partner pause acme --reason 'their export is broken'"]),
    ("partner resume", &["tidegate partner resume acme"]),
    ("partner remove", &["tidegate partner remove acme", "tidegate partner remove acme --purge", "tidegate partner remove acme --purge --yes --reason 'they have left'"]),
    ("partner purge", &["tidegate partner purge acme", "tidegate partner purge acme --yes --reason 'they have left'"]),
    ("secret add", &["tidegate secret add acme", "tidegate secret add acme --public-key whpk_AAAA"]),
    ("secret list", &["tidegate secret list acme", "tidegate secret list acme --json"]),
    ("secret rotate", &["tidegate secret rotate acme --overlap 24h"]),
    ("secret revoke", &["tidegate secret revoke acme 9c01d4 --yes"]),
    ("feed suggest", &["tidegate feed suggest export.json", "tidegate feed suggest export.json --json"]),
    ("feed preview", &["tidegate feed preview export.json --partner acme", "tidegate feed preview --partner acme --json"]),
    ("feed run", &["tidegate feed run acme", "tidegate feed run acme --follow", "tidegate feed run acme --follow --json"]),
    ("feed pause", &["tidegate feed pause acme --reason 'their export is broken'"]),
    ("feed resume", &["tidegate feed resume acme"]),
    ("feed runs", &["tidegate feed runs acme --limit 5", "tidegate feed runs acme --json"]),
    ("feed replay", &["tidegate feed replay acme 12"]),
    ("feed diff", &["tidegate feed diff acme 12 13", "tidegate feed diff acme 12 13 --json"]),
    ("feed rebuild", &["tidegate feed rebuild acme", "tidegate feed rebuild acme --run 12"]),
    ("hook try", &["tidegate hook try body.json --partner acme --hook shop", "tidegate hook try body.json --partner acme --hook shop --json"]),
    ("plan list", &["tidegate plan list acme", "tidegate plan list acme --json"]),
    ("plan show", &["tidegate plan show acme 3"]),
    ("plan approve", &["tidegate plan approve acme 3 --reason 'confirmed by phone'", "tidegate plan approve acme 3 --yes"]),
    ("plan reject", &["tidegate plan reject acme 3 --reason 'their export was broken'"]),
    ("quarantine list", &["tidegate quarantine list acme", "tidegate quarantine list acme --json"]),
    ("quarantine show", &["tidegate quarantine show acme 17"]),
    ("quarantine release", &["tidegate quarantine release acme 17"]),
    ("quarantine edit", &["tidegate quarantine edit acme 17"]),
    ("quarantine drop", &["tidegate quarantine drop acme --code status_unknown", "tidegate quarantine drop acme --kind price --before 2026-11-24T00:00:00Z --yes"]),
    ("load", &["tidegate load --key-file KEY --load-assets --pairs 5", "tidegate load --key-file KEY --mode batch", "tidegate load --key-file KEY --json", "tidegate load --key-file KEY --json report.json"]),
    ("completions", &["tidegate completions bash", "tidegate completions zsh"]),
];

/// The command with what is said after each verb's help.
pub fn told(command: Command) -> Command {
    command.mut_subcommands(|verb| told_of(verb, ""))
}

fn told_of(verb: Command, before: &str) -> Command {
    let words = format!("{before}{}", verb.get_name());
    if verb.has_subcommands() {
        let before = format!("{words} ");
        return verb.mut_subcommands(|verb| told_of(verb, &before));
    }
    let own = verb.get_after_help().map(ToString::to_string);
    let examples = EXAMPLES.iter().find(|(known, _)| *known == words).map_or(&[][..], |(_, lines)| lines);
    let mut said: Vec<String> = own.into_iter().collect();
    if said.is_empty() && !examples.is_empty() {
        said.push(format!("Examples:\n  {}", examples.join("\n  ")));
    }
    let explained = |text: &str| text.contains("Exit codes") || text.contains("Ends with");
    let about = verb.get_long_about().map(ToString::to_string).unwrap_or_default();
    if !said.iter().any(|text| explained(text)) && !explained(&about) {
        said.push(EXIT_CODES.to_owned());
    }
    verb.after_help(said.join("\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command;

    /// The words of a line, with what stands in quotes as one.
    fn words(line: &str) -> Vec<String> {
        let mut words = Vec::new();
        for (place, part) in line.split('\'').enumerate() {
            match place % 2 {
                0 => words.extend(part.split_whitespace().map(str::to_owned)),
                _ => words.push(part.to_owned()),
            }
        }
        words
    }

    #[test]
    fn every_example_is_a_command_that_is_understood() {
        for line in EXAMPLES.iter().flat_map(|(_, lines)| lines.iter()) {
            let parsed = command().try_get_matches_from(words(line));
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        }
    }

    #[test]
    fn every_verb_shows_examples_and_says_what_its_exit_code_means() {
        let mut rest: Vec<(String, Command)> = vec![(String::new(), command())];
        let mut seen = 0;
        while let Some((before, parent)) = rest.pop() {
            for verb in parent.get_subcommands() {
                let words = format!("{before}{}", verb.get_name());
                if verb.has_subcommands() {
                    rest.push((format!("{words} "), verb.clone()));
                    continue;
                }
                seen += 1;
                let help = verb.clone().render_long_help().to_string();
                assert!(help.contains("Exit codes") || help.contains("Ends with"), "{words}: {help}");
                let has = |text: &str| help.contains(text);
                assert!(has("Examples:") || has("Example:"), "{words} shows no example: {help}");
            }
        }
        assert!(seen > 40, "{seen}");
        for (known, _) in EXAMPLES {
            let mut found = command();
            for word in known.split(' ') {
                let next = found.find_subcommand(word).cloned();
                found = next.unwrap_or_else(|| panic!("there is no verb `{known}`"));
            }
        }
    }
}
