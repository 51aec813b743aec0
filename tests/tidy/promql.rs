//! What a query of Prometheus asks for: the series it names, and the labels it names of them.

/// A series as a query selects it.
#[derive(Debug, PartialEq)]
pub struct Selected {
    pub name: String,
    /// Labels that it is narrowed by.
    pub labels: Vec<String>,
}

/// Words that are no series, where no bracket follows them either.
#[rustfmt::skip]
const WORDS: [&str; 16] = [
    "and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "inf", "sum", "min", "max", "avg",
    "count", "topk",
];
const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// The series of a query, in the order in which it names them.
pub fn selected(query: &str) -> Vec<Selected> {
    let mut rest = query;
    let mut found: Vec<Selected> = Vec::new();
    while let Some(letter) = rest.chars().next() {
        rest = match letter {
            '{' => {
                let end = closing(rest, '}');
                if let Some(last) = found.last_mut() {
                    last.labels = labels(&rest[1..end]);
                }
                &rest[end..]
            }
            '[' => &rest[closing(rest, ']')..],
            '"' => after_string(rest),
            // numbers and lengths of time
            '0'..='9' => rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.'),
            _ if starts_word(letter) => {
                let end = rest.find(|c: char| !in_word(c)).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                let calls = after.trim_start().starts_with('(');
                if LISTS.contains(&word) && calls {
                    &after[closing(after, ')')..]
                } else {
                    if !calls && !WORDS.contains(&word) {
                        found.push(Selected { name: word.to_owned(), labels: Vec::new() });
                    }
                    after
                }
            }
            _ => &rest[letter.len_utf8()..],
        };
    }
    found
}

/// The query with one blank where it has any, so that two can be compared.
pub fn plain(query: &str) -> String {
    query.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Names of variables that Grafana puts in, but for its own.
pub fn variables(query: &str) -> Vec<&str> {
    let names = query.split('$').skip(1).map(|rest| {
        let rest = rest.trim_start_matches('{');
        &rest[..rest.find(|c: char| !in_word(c)).unwrap_or(rest.len())]
    });
    names.filter(|name| !name.starts_with("__")).collect()
}

fn starts_word(letter: char) -> bool {
    letter.is_ascii_alphabetic() || letter == '_' || letter == ':'
}

fn in_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == ':'
}

/// Behind the first such bracket that stands in no string; the end where there is none.
fn closing(text: &str, bracket: char) -> usize {
    let mut in_string = false;
    for (place, letter) in text.char_indices() {
        match letter {
            '"' => in_string = !in_string,
            _ if letter == bracket && !in_string => return place + letter.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

fn after_string(text: &str) -> &str {
    text[1..].find('"').map_or("", |end| &text[end + 2..])
}

/// Names before `=`, `!=`, `=~` and `!~`.
fn labels(matchers: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = matchers;
    while let Some(place) = rest.find(['=', '!']) {
        names.push(rest[..place].trim_matches([' ', ',', '\n']).to_owned());
        let value = rest[place..].find('"').map_or("", |begin| &rest[place + begin..]);
        rest = if value.is_empty() { "" } else { after_string(value) };
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(query: &str) -> Vec<String> {
        selected(query).into_iter().map(|series| series.name).collect()
    }

    #[test]
    fn series_are_told_from_functions_words_labels_and_texts() {
        let query = "histogram_quantile(0.99, sum by (le, job) (rate(a_seconds_bucket{job=~\"b{}\", le!=\"1\"}[5m])))";
        let labels = ["job", "le"].map(str::to_owned).to_vec();
        assert_eq!(selected(query), [Selected { name: "a_seconds_bucket".to_owned(), labels }]);
        assert_eq!(
            names("x:y:z > bool 1.5 and on (job) group_left () up offset 1d unless c"),
            ["x:y:z", "up", "c"]
        );
        assert_eq!(names("predict_linear(free[6h], 24 * 3600) < least or vector(0)"), ["free", "least"]);
        assert!(names("time() - 1e3").is_empty());
    }

    #[test]
    fn variables_are_those_of_the_dashboard_alone() {
        assert_eq!(variables("rate(a{job=~\"$job\", b=~\"${b}\"}[$__rate_interval])"), ["job", "b"]);
    }
}
