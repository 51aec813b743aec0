//! The API as a page, from its description for programs.

use super::page::escaped;
use serde_json::Value;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Each call: what it does, its parameters, its body and its answers, with an example.
pub fn render(openapi: &str) -> String {
    let api: Value = serde_json::from_str(openapi).expect("the description is JSON: a test reads it");
    let mut out = format!("<h1>The API</h1>{}", paragraphs(&api["info"]["description"]));
    let Some(paths) = api["paths"].as_object() else { return out };
    for (path, item) in paths {
        for method in METHODS {
            if let Some(call) = item.get(method) {
                self::call(&mut out, &api, (method, path), (item, call));
            }
        }
    }
    out
}

fn call(out: &mut String, api: &Value, (method, path): (&str, &str), (item, call): (&Value, &Value)) {
    let name = format!("{} {path}", method.to_ascii_uppercase());
    *out += &format!("<h3><code>{}</code></h3>", escaped(&name));
    *out += &paragraphs(&call["summary"]);
    *out += &paragraphs(&call["description"]);
    let lists = [&item["parameters"], &call["parameters"]];
    let parameters: Vec<&Value> =
        lists.into_iter().filter_map(Value::as_array).flatten().map(|of| resolved(api, of)).collect();
    if !parameters.is_empty() {
        *out += "<table><tr><th>parameter</th><th>in</th><th></th></tr>";
        for parameter in parameters {
            *out += &row(&[&parameter["name"], &parameter["in"], &parameter["description"]]);
        }
        *out += "</table>";
    }
    example(out, &resolved(api, &call["requestBody"])["content"]);
    *out += "<table><tr><th>answer</th><th></th></tr>";
    for (status, answer) in call["responses"].as_object().into_iter().flatten() {
        *out += &row(&[&Value::from(status.as_str()), &resolved(api, answer)["description"]]);
    }
    *out += "</table>";
    for answer in call["responses"].as_object().into_iter().flat_map(|answers| answers.values()).take(1) {
        example(out, &resolved(api, answer)["content"]);
    }
}

/// What a `$ref` leads to.
fn resolved<'v>(api: &'v Value, value: &'v Value) -> &'v Value {
    let target = value["$ref"].as_str().and_then(|path| api.pointer(path.trim_start_matches('#')));
    target.unwrap_or(value)
}

fn row(cells: &[&Value]) -> String {
    let cells = cells.iter().map(|cell| format!("<td>{}</td>", escaped(cell.as_str().unwrap_or_default())));
    format!("<tr>{}</tr>", cells.collect::<String>())
}

fn paragraphs(text: &Value) -> String {
    let text = text.as_str().unwrap_or_default();
    text.split("\n\n")
        .filter(|part| !part.is_empty())
        .map(|part| format!("<p>{}</p>", escaped(part)))
        .collect()
}

fn example(out: &mut String, content: &Value) {
    let examples = content.as_object().into_iter().flatten();
    for (kind, media) in examples.filter(|(_, media)| !media["example"].is_null()) {
        let shown = match &media["example"] {
            Value::String(text) => text.clone(),
            value => serde_json::to_string_pretty(value).unwrap_or_default(),
        };
        *out += &format!("<p>{}</p><pre>{}</pre>", escaped(kind), escaped(&shown));
    }
}
