//! One list of metrics: what the code publishes is what dashboards and rules ask for, each alert has its
//! section of the runbook and its tests, and nothing is said of what there is not.

use crate::Files;
use crate::dashboards;
use crate::promql::{Selected, selected};
use std::collections::{BTreeMap, BTreeSet};

const CATALOGUE: &str = "src/telemetry/metrics/catalogue.rs";
const RUNBOOK: &str = "config/RUNBOOK.md";
const RULES: &str = "dashboards/rules/";
const TESTS: &str = "dashboards/tests/";
/// Made by Prometheus itself.
const OF_PROMETHEUS: [&str; 2] = ["up", "ALERTS"];
/// On every series that Prometheus scrapes.
const OF_TARGETS: [&str; 2] = ["job", "instance"];

/// One rule, as its file has it.
#[derive(Debug, Default)]
struct Rule<'a> {
    path: &'a str,
    /// Of an alert.
    alert: Option<&'a str>,
    /// Of a recorded series.
    record: Option<&'a str>,
    query: String,
    text: String,
}

pub fn breaches(files: &Files) -> Vec<String> {
    let Some(catalogue) = files.get(CATALOGUE) else { return vec![format!("{CATALOGUE}: is not there")] };
    let published = published(catalogue);
    let rules = rules(files);
    let mut breaches = unknown_and_unused(&published, &rules, files);
    breaches.extend(rules.iter().flat_map(faults_of_rule));
    let alerts: BTreeSet<_> = rules.iter().filter_map(|rule| rule.alert).collect();
    breaches.extend(runbook(files, &alerts));
    breaches.extend(untested(files, &alerts));
    breaches
}

/// Names of the catalogue with their labels; histograms end with `*`.
fn published(catalogue: &str) -> BTreeMap<String, Vec<String>> {
    let mut names = BTreeMap::new();
    for line in catalogue.lines() {
        let Some((_, rest)) = line.split_once("const ") else { continue };
        if let Some((ident, value)) = rest.split_once(": &str = \"")
            && let Some((name, _)) = value.split_once('"')
        {
            names.insert(ident, name);
        }
    }
    let mut published = BTreeMap::new();
    for line in catalogue.lines().map(str::trim) {
        let Some((kind, rest)) = line.split_once('(') else { continue };
        let Some((ident, rest)) = rest.split_once(", ") else { continue };
        let Some(name) = names.get(ident) else { continue };
        let labels =
            rest.strip_prefix("&[").and_then(|rest| rest.split_once(']')).map_or("", |(list, _)| list);
        let mut labels: Vec<_> = labels.split('"').skip(1).step_by(2).map(str::to_owned).collect();
        if kind == "histogram" {
            labels.push("le".to_owned());
            for part in ["_bucket", "_sum", "_count"] {
                published.insert(format!("{name}{part}"), labels.clone());
            }
        } else if ["counter", "gauge"].contains(&kind) {
            published.insert((*name).to_owned(), labels);
        }
    }
    published
}

/// A metric's name without what it has as a part of a histogram.
fn whole<'a>(name: &'a str, published: &BTreeMap<String, Vec<String>>) -> &'a str {
    let cut = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
    let is_part = |base: &&str| published.contains_key(&format!("{base}_bucket"));
    cut.filter(is_part).unwrap_or(name)
}

fn rules(files: &Files) -> Vec<Rule<'_>> {
    let mut rules: Vec<Rule> = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with(RULES)) {
        // as deep as the key that a folded text belongs to
        let mut folded = None;
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let depth = line.len() - line.trim_start().len();
            let said = line.trim_start();
            if let Some(name) = said.strip_prefix("- alert: ") {
                rules.push(Rule { path, alert: Some(name), ..Rule::default() });
            } else if let Some(name) = said.strip_prefix("- record: ") {
                rules.push(Rule { path, record: Some(name), ..Rule::default() });
            } else if said.starts_with("- name: ") {
                folded = None;
                continue;
            }
            let Some(rule) = rules.last_mut().filter(|rule| rule.path == path) else { continue };
            folded = folded.filter(|key| depth > *key);
            if let Some(query) = said.strip_prefix("expr: ") {
                match query {
                    ">-" => folded = Some(depth),
                    query => rule.query.push_str(query),
                }
            } else if folded.is_some() {
                rule.query.push_str(said);
                rule.query.push(' ');
            }
            rule.text.push_str(said);
            rule.text.push('\n');
        }
    }
    rules
}

/// Every series that is asked for is published or recorded, with these labels; and each that is published is asked for.
fn unknown_and_unused(
    published: &BTreeMap<String, Vec<String>>,
    rules: &[Rule],
    files: &Files,
) -> Vec<String> {
    let recorded: BTreeSet<_> = rules.iter().filter_map(|rule| rule.record).collect();
    let of_rules = rules.iter().map(|rule| (rule.path.to_owned(), rule.query.clone()));
    let queries: Vec<_> = of_rules.chain(dashboards::queries(files)).collect();
    let (mut breaches, mut asked) = (Vec::new(), BTreeSet::new());
    for (path, query) in &queries {
        for Selected { name, labels } in selected(query) {
            if recorded.contains(name.as_str()) {
                asked.insert(name);
                continue;
            }
            if OF_PROMETHEUS.contains(&name.as_str()) {
                continue;
            }
            let Some(known) = published.get(&name) else {
                breaches.push(format!("{path}: {name} is neither published nor recorded"));
                continue;
            };
            let strange =
                labels.iter().filter(|label| !known.contains(label) && !OF_TARGETS.contains(&label.as_str()));
            breaches.extend(strange.map(|label| format!("{path}: {name} has no label {label}")));
            asked.insert(whole(&name, published).to_owned());
        }
    }
    let all: BTreeSet<_> = published.keys().map(|name| whole(name, published)).chain(recorded).collect();
    let unused = all.into_iter().filter(|name| !asked.contains(*name));
    breaches.extend(unused.map(|name| format!("{name} is asked for by no dashboard and no rule")));
    breaches
}

fn faults_of_rule(rule: &Rule) -> Vec<String> {
    let mut breaches = Vec::new();
    if selected(&rule.query).is_empty() {
        breaches.push(format!("{}: {:?} asks for nothing", rule.path, rule.alert.or(rule.record)));
    }
    let Some(name) = rule.alert else { return breaches };
    let severity = ["{severity: critical", "{severity: warning"];
    let address = format!("runbook_url: {RUNBOOK}#{}\n", name.to_lowercase());
    let needs = [
        (name.starts_with("Tidegate"), "does not begin with Tidegate"),
        (severity.iter().any(|severity| rule.text.contains(severity)), "is neither critical nor warning"),
        (rule.text.contains("summary: "), "has no summary"),
        (rule.text.contains("description: "), "has no description"),
        (rule.text.contains(&address), "does not name its section of the runbook"),
    ];
    let missing = needs.iter().filter(|(has, _)| !has);
    breaches.extend(missing.map(|(_, what)| format!("{}: {name} {what}", rule.path)));
    breaches
}

/// Each alert has a section, each section an alert, and what a section points at is there.
fn runbook(files: &Files, alerts: &BTreeSet<&str>) -> Vec<String> {
    let Some(page) = files.get(RUNBOOK) else { return vec![format!("{RUNBOOK}: is not there")] };
    let sections: BTreeSet<_> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let mut breaches: Vec<_> = alerts
        .difference(&sections)
        .map(|name| format!("{RUNBOOK}: {name} has no section"))
        .chain(sections.difference(alerts).map(|name| format!("{RUNBOOK}: {name} is no alert")))
        .collect();
    let panels = dashboards::panels(files);
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let named = page.split("**").skip(1).step_by(2).filter(|name| !panels.contains(*name));
    breaches.extend(named.map(|name| format!("{RUNBOOK}: no dashboard has a panel {name}")));
    breaches
}

/// Each alert has a test in which it fires, and one in which it does not.
fn untested(files: &Files, alerts: &BTreeSet<&str>) -> Vec<String> {
    let (mut fires, mut rests) = (BTreeSet::new(), BTreeSet::new());
    let mut breaches = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with(TESTS)) {
        let cases = text.split("- alertname: ").skip(1);
        for case in cases {
            let name = case.lines().next().unwrap_or_default().trim();
            match case.contains("exp_alerts:") {
                true => fires.insert(name),
                false => rests.insert(name),
            };
            if !alerts.contains(name) {
                breaches.push(format!("{path}: {name} is no alert"));
            }
        }
    }
    breaches.extend(alerts.difference(&fires).map(|name| format!("{TESTS}: {name} fires in no test")));
    breaches.extend(alerts.difference(&rests).map(|name| format!("{TESTS}: no test says when {name} rests")));
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    const METRICS: &str = "pub(super) const A: &str = \"tidegate_a_total\";\n\
        pub(super) const B: &str = \"tidegate_b_seconds\";\n\
        counter(A, &[\"partner\"], \"How many.\"),\nhistogram(B, QUICK, \"How long.\"),\n";
    const RULE: &str = "groups:\n  - name: g\n    rules:\n      - record: b:fast\n        expr: >-\n          \
        rate(tidegate_b_seconds_bucket{le=\"1\"}[5m])\n          / 2\n      - alert: TidegateA\n        \
        expr: tidegate_a_total{partner=\"x\"} > b:fast\n        labels: {severity: warning}\n        annotations:\n          \
        summary: S\n          description: D\n          runbook_url: config/RUNBOOK.md#tidegatea\n";
    const SECTION: &str = "# Runbook\n\n### TidegateA\n\nMeans: it.\n";
    const TEST: &str = "alert_rule_test:\n  - alertname: TidegateA\n    exp_alerts:\n      - x\n  - alertname: TidegateA\n    eval_time: 1m\n";

    fn found(rule: &str, section: &str, test: &str, metrics: &str) -> Vec<String> {
        let all = [
            (CATALOGUE, metrics),
            ("dashboards/rules/r.yaml", rule),
            (RUNBOOK, section),
            ("dashboards/tests/t.yaml", test),
        ];
        breaches(&files(&all))
    }

    fn only(found: Vec<String>, what: &str) {
        assert!(found.len() == 1 && found[0].contains(what), "{found:?} should say {what}");
    }

    #[test]
    fn what_is_all_there_has_no_breach() {
        assert_eq!(found(RULE, SECTION, TEST, METRICS), Vec::<String>::new());
    }

    #[test]
    fn metrics_are_tied_both_ways() {
        let unknown = RULE.replace("tidegate_a_total{", "tidegate_a_total > tidegate_c{");
        let unknown = found(&unknown, SECTION, TEST, METRICS);
        only(unknown, "tidegate_c is neither published nor recorded");
        let more = format!("{METRICS}pub(super) const C: &str = \"tidegate_c\";\ngauge(C, &[], \"It.\"),\n");
        only(found(RULE, SECTION, TEST, &more), "tidegate_c is asked for by no");
        let label = RULE.replace("{partner=", "{color=");
        only(found(&label, SECTION, TEST, METRICS), "has no label color");
        let idle = RULE.replace("> b:fast", "> 1");
        only(found(&idle, SECTION, TEST, METRICS), "b:fast is asked for by no");
    }

    #[test]
    fn an_alert_needs_its_words_its_section_and_its_tests() {
        for (needed, what) in [
            ("severity: warning", "neither critical nor warning"),
            ("summary:", "no summary"),
            ("description:", "no description"),
            ("#tidegatea", "does not name its section"),
        ] {
            only(found(&RULE.replace(needed, ""), SECTION, TEST, METRICS), what);
        }
        let other = SECTION.replace("TidegateA", "TidegateB");
        assert_eq!(found(RULE, &other, TEST, METRICS).len(), 2);
        only(
            found(RULE, &format!("{SECTION}**Overview / Nothing**\n"), TEST, METRICS),
            "no dashboard has a panel",
        );
        only(found(RULE, SECTION, &TEST.replace("exp_alerts", "eval"), METRICS), "fires in no test");
        let always = TEST.replace("eval_time: 1m", "exp_alerts:\n      - x");
        only(found(RULE, SECTION, &always, METRICS), "no test says when");
        let strange = format!("{TEST}  - alertname: TidegateZ\n");
        only(found(RULE, SECTION, &strange, METRICS), "TidegateZ is no alert");
    }
}
