//! The dashboards: each panel says what it shows and in which unit, none asks what another asks, each dashboard
//! leads to all others, and every variable is there and used.

use crate::Files;
use crate::promql::{plain, selected, variables};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const FOLDER: &str = "dashboards/";
/// Of Grafana 12 on: the last of this kind.
const SCHEMA: u64 = 42;
/// What every dashboard can be narrowed by.
const VARIABLES: [&str; 3] = ["datasource", "job", "instance"];
/// Series that are of no target.
const OF_NO_TARGET: [&str; 1] = ["ALERTS"];

/// A dashboard with its path and the name that its file has.
struct Board<'a> {
    path: &'a str,
    name: &'a str,
    value: Value,
}

impl Board<'_> {
    fn panels(&self) -> impl Iterator<Item = &Value> {
        list(&self.value["panels"]).iter().filter(|panel| panel["type"] != "row")
    }

    /// The last part of its title.
    fn short_title(&self) -> &str {
        text(&self.value["title"]).rsplit(" / ").next().unwrap_or_default()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn boards(files: &Files) -> (Vec<Board<'_>>, Vec<String>) {
    let (mut boards, mut breaches) = (Vec::new(), Vec::new());
    for (path, content) in files {
        let name = path.strip_prefix(FOLDER).and_then(|name| name.strip_suffix(".json"));
        let Some(name) = name.filter(|name| !name.contains('/')) else { continue };
        match serde_json::from_str(content) {
            Ok(value) => boards.push(Board { path, name, value }),
            Err(error) => breaches.push(format!("{path}: {error}")),
        }
    }
    (boards, breaches)
}

/// All queries of panels, each with its dashboard's path.
pub fn queries(files: &Files) -> Vec<(String, String)> {
    let (boards, _) = boards(files);
    let of_board = |board: &Board| {
        let targets = board.panels().flat_map(|panel| list(&panel["targets"]));
        let queries = targets.map(|target| text(&target["expr"]).to_owned());
        queries.map(|query| (board.path.to_owned(), query)).collect::<Vec<_>>()
    };
    boards.iter().flat_map(of_board).collect()
}

/// Every panel as the runbook names it: the dashboard's title and its own.
pub fn panels(files: &Files) -> BTreeSet<String> {
    let (boards, _) = boards(files);
    let of_board = |board: &Board| {
        let title = board.short_title().to_owned();
        board.panels().map(|panel| format!("{title} / {}", text(&panel["title"]))).collect::<Vec<_>>()
    };
    boards.iter().flat_map(of_board).collect()
}

pub fn breaches(files: &Files) -> Vec<String> {
    let (boards, mut breaches) = boards(files);
    let names: BTreeSet<_> = boards.iter().map(|board| board.name).collect();
    for board in &boards {
        let mut said = of_board(board);
        said.extend(links(board, &names));
        said.extend(of_variables(board));
        said.extend(board.panels().flat_map(of_panel));
        said.extend(twice(board.panels().map(|panel| text(&panel["title"])), "two panels are called"));
        breaches.extend(said.into_iter().map(|what| format!("{}: {what}", board.path)));
    }
    let queries = queries(files);
    let queries = queries.iter().map(|(_, query)| plain(query)).collect::<Vec<_>>();
    breaches.extend(twice(queries.iter().map(String::as_str), "two panels ask"));
    breaches
}

fn twice<'a>(all: impl Iterator<Item = &'a str>, what: &str) -> Vec<String> {
    let mut counts = BTreeMap::new();
    for one in all {
        *counts.entry(one).or_insert(0) += 1;
    }
    counts.iter().filter(|(_, count)| **count > 1).map(|(one, _)| format!("{what} {one}")).collect()
}

fn of_board(board: &Board) -> Vec<String> {
    let value = &board.value;
    let ids: BTreeSet<_> = list(&value["panels"]).iter().map(|panel| panel["id"].as_u64()).collect();
    let needs = [
        (value["uid"] == format!("tidegate-{}", board.name), "its uid is not that of its file"),
        (value["schemaVersion"] == SCHEMA, "it is of another schema than the rest"),
        (text(&value["title"]).starts_with("Tidegate / "), "its title does not begin with Tidegate"),
        (text(&value["description"]).ends_with('.'), "it says not what it shows"),
        (list(&value["tags"]).iter().any(|tag| tag == "tidegate"), "it has no tag"),
        (ids.len() == list(&value["panels"]).len() && !ids.contains(&None), "two panels have one id"),
    ];
    needs.iter().filter(|(holds, _)| !holds).map(|(_, what)| (*what).to_owned()).collect()
}

/// It leads to all others, with the time and the choice that were made, and nowhere else.
fn links(board: &Board, names: &BTreeSet<&str>) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut leads = BTreeSet::new();
    for link in list(&board.value["links"]) {
        let url = text(&link["url"]);
        match url.strip_prefix("/d/tidegate-").filter(|name| names.contains(name)) {
            Some(name) => leads.insert(name),
            None => {
                breaches.push(format!("it leads to {url}, which is not there"));
                continue;
            }
        };
        if link["includeVars"] != true || link["keepTime"] != true {
            breaches.push(format!("the link to {url} forgets what was chosen"));
        }
    }
    let missing = names.iter().filter(|name| **name != board.name && !leads.contains(*name));
    breaches.extend(missing.map(|name| format!("it does not lead to {name}")));
    breaches
}

fn of_variables(board: &Board) -> Vec<String> {
    let all = list(&board.value["templating"]["list"]);
    let defined: BTreeSet<_> = all.iter().map(|variable| text(&variable["name"])).collect();
    let panels = board.value["panels"].to_string();
    let of_queries = all.iter().map(|variable| variable["query"].to_string()).collect::<String>();
    let in_panels: BTreeSet<_> = variables(&panels).into_iter().collect();
    let used: BTreeSet<_> = variables(&of_queries).into_iter().chain(in_panels.iter().copied()).collect();
    let lacking = used.difference(&defined).map(|name| format!("${name} is not defined"));
    let idle = defined.difference(&in_panels).map(|name| format!("${name} is used by no panel"));
    let needed = VARIABLES.iter().filter(|name| !defined.contains(**name));
    let needed = needed.map(|name| format!("it cannot be narrowed by {name}"));
    lacking.chain(idle).chain(needed).collect()
}

fn of_panel(panel: &Value) -> Vec<String> {
    let title = text(&panel["title"]);
    let fields = &panel["fieldConfig"]["defaults"];
    let steps = list(&fields["thresholds"]["steps"]).len();
    let style = text(&fields["custom"]["thresholdsStyle"]["mode"]);
    let is_coloured = match text(&panel["type"]) {
        "timeseries" => style != "off",
        "stat" => panel["options"]["colorMode"] != "none",
        _ => true,
    };
    let place = &panel["gridPos"];
    let right = place["x"].as_u64().unwrap_or(99) + place["w"].as_u64().unwrap_or(99);
    let targets = list(&panel["targets"]);
    let of_variable = |value: &Value| value["datasource"]["uid"] == "${datasource}";
    let needs = [
        (!title.is_empty(), "has no title"),
        (text(&panel["description"]).ends_with('.'), "has no description"),
        (!text(&fields["unit"]).is_empty(), "has no unit"),
        (steps >= 1, "has no thresholds"),
        (!is_coloured || steps >= 2, "shows thresholds and has none"),
        (is_coloured || steps == 1, "has thresholds and does not show them"),
        (right <= 24, "is beyond the right edge"),
        (!targets.is_empty(), "asks nothing"),
        (of_variable(panel) && targets.iter().all(of_variable), "asks a data source of its own"),
    ];
    let mut breaches: Vec<_> =
        needs.iter().filter(|(holds, _)| !holds).map(|(_, what)| format!("{title}: {what}")).collect();
    for query in targets.iter().map(|target| text(&target["expr"])) {
        let series = selected(query);
        let wide =
            series.iter().filter(|series| !OF_NO_TARGET.contains(&series.name.as_str())).filter(|series| {
                !["job", "instance"].iter().all(|label| series.labels.iter().any(|found| found == label))
            });
        breaches.extend(
            wide.map(|series| format!("{title}: {} is not narrowed by job and instance", series.name)),
        );
        if series.is_empty() {
            breaches.push(format!("{title}: asks for nothing"));
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;
    use serde_json::json;

    fn panel(title: &str, id: u64, query: &str) -> Value {
        json!({
            "id": id, "type": "timeseries", "title": title, "description": "What it is.",
            "datasource": {"uid": "${datasource}"}, "gridPos": {"x": 0, "w": 8},
            "fieldConfig": {"defaults": {"unit": "s", "thresholds": {"steps": [{"value": null}]},
                "custom": {"thresholdsStyle": {"mode": "off"}}}},
            "targets": [{"expr": query, "datasource": {"uid": "${datasource}"}}],
        })
    }

    fn board(name: &str, other: &str, panels: &[Value]) -> Value {
        json!({
            "uid": format!("tidegate-{name}"), "title": format!("Tidegate / {name}"), "description": "It.",
            "schemaVersion": SCHEMA, "tags": ["tidegate"], "panels": panels,
            "templating": {"list": VARIABLES.map(|name| json!({"name": name, "query": ""}))},
            "links": [{"url": format!("/d/tidegate-{other}"), "includeVars": true, "keepTime": true}],
        })
    }

    /// What is found where the first of two dashboards is changed.
    fn found(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let query = |name: &str| format!("{name}{{job=~\"$job\", instance=~\"$instance\"}}");
        let mut one = board("one", "two", &[panel("A", 1, &query("a")), panel("B", 2, &query("b"))]);
        change(&mut one);
        let two = board("two", "one", &[panel("A", 1, &query("c"))]);
        let texts = [("dashboards/one.json", one.to_string()), ("dashboards/two.json", two.to_string())];
        breaches(&files(&texts.each_ref().map(|(path, text)| (*path, text.as_str()))))
    }

    fn only(change: impl FnOnce(&mut Value), what: &str) {
        let found = found(change);
        assert!(found.len() == 1 && found[0].contains(what), "{found:?} should say {what}");
    }

    #[test]
    fn a_sound_pair_of_dashboards_has_no_breach() {
        assert_eq!(found(|_| ()), Vec::<String>::new());
        let texts = [("dashboards/one.json", "{")];
        assert_eq!(breaches(&files(&texts)).len(), 1, "what cannot be read is told");
    }

    #[test]
    fn a_panel_needs_title_description_unit_thresholds_and_its_query() {
        only(|board| board["panels"][0]["title"] = json!(""), "has no title");
        only(|board| board["panels"][0]["description"] = json!(""), "has no description");
        let defaults = |board: &mut Value| board["panels"][0]["fieldConfig"]["defaults"].take();
        let with = |board: &mut Value, key: &str, value: Value| {
            let mut fields = defaults(board);
            fields[key] = value;
            board["panels"][0]["fieldConfig"]["defaults"] = fields;
        };
        only(|board| with(board, "unit", json!("")), "has no unit");
        let steps = json!({"steps": [{"value": null}, {"value": 1}]});
        only(|board| with(board, "thresholds", steps), "does not show them");
        let lines = json!({"thresholdsStyle": {"mode": "line"}});
        only(|board| with(board, "custom", lines), "shows thresholds and has none");
        only(|board| board["panels"][0]["gridPos"]["x"] = json!(20), "right edge");
        only(|board| board["panels"][0]["datasource"]["uid"] = json!("mine"), "data source of its own");
        only(|board| board["panels"][0]["targets"] = json!([]), "asks nothing");
        let wide = "a{job=~\"$job\"}";
        only(
            |board| board["panels"][0]["targets"][0]["expr"] = json!(wide),
            "a is not narrowed by job and instance",
        );
    }

    #[test]
    fn two_panels_do_not_ask_the_same_nor_share_title_or_id() {
        let same = |board: &mut Value| {
            let query = board["panels"][0]["targets"][0]["expr"].as_str().unwrap().replace(", ", ",   ");
            let query = query.replace(",   ", ",\n ");
            board["panels"][1]["targets"][0]["expr"] = json!(query);
        };
        only(same, "two panels ask");
        only(|board| board["panels"][1]["title"] = json!("A"), "two panels are called A");
        only(|board| board["panels"][1]["id"] = json!(1), "two panels have one id");
    }

    #[test]
    fn variables_and_links_are_complete() {
        let more = |board: &mut Value| {
            board["templating"]["list"].as_array_mut().unwrap().push(json!({"name": "partner", "query": ""}))
        };
        only(more, "$partner is used by no");
        let strange = "a{job=~\"$job\", instance=~\"$instance\", x=\"$x\"}";
        only(|board| board["panels"][0]["targets"][0]["expr"] = json!(strange), "$x is not defined");
        only(|board| board["links"][0]["keepTime"] = json!(false), "forgets what was chosen");
        let nowhere = found(|board| board["links"][0]["url"] = json!("/d/tidegate-three"));
        assert_eq!(nowhere.len(), 2, "{nowhere:?}");
        only(|board| board["uid"] = json!("one"), "its uid is not that of its file");
        only(|board| board["schemaVersion"] = json!(36), "another schema");
    }
}
