//! Problem details (RFC 9457): every refusal of a whole request.
//!
//! `code` is stable and public; `type` is made from it, and leads to a page that the daemon serves. No piece of the request stands in here
//! but what the caller puts into `detail`, and no path or secret of this machine.

use super::json;

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The status of the reply.
    pub status: u16,
    /// Its stable name, in small letters with underscores.
    pub code: &'static str,
    /// What happened, the same for each refusal of this code.
    pub title: &'static str,
    /// What happened here, in a sentence.
    pub detail: String,
    /// JSON pointer into the body; `None` where it is not about one place there.
    pub pointer: Option<String>,
    /// What to do about it; `None` where there is nothing.
    pub hint: Option<String>,
    /// Further members: name, and the JSON text of the value.
    pub extensions: Vec<(&'static str, String)>,
}

impl Problem {
    /// A refusal without pointer, hint and further members.
    pub fn new(status: u16, code: &'static str, title: &'static str, detail: impl Into<String>) -> Problem {
        Problem {
            status,
            code,
            title,
            detail: detail.into(),
            pointer: None,
            hint: None,
            extensions: Vec::new(),
        }
    }

    /// Adds what to do about it.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }

    /// Adds where in the body the fault is.
    pub fn with_pointer(mut self, pointer: impl Into<String>) -> Problem {
        self.pointer = Some(pointer.into());
        self
    }

    /// Adds a member whose value is the JSON text given.
    pub fn with(mut self, name: &'static str, json: impl Into<String>) -> Problem {
        self.extensions.push((name, json.into()));
        self
    }
}

/// The body of `application/problem+json`, on one line.
pub fn render(problem: &Problem) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"{\"type\":");
    json::quote(&mut out, &format!("/docs/problems/{}", problem.code));
    text_member(&mut out, "title", problem.title);
    out.extend_from_slice(format!(",\"status\":{}", problem.status).as_bytes());
    text_member(&mut out, "code", problem.code);
    text_member(&mut out, "detail", &problem.detail);
    if let Some(pointer) = &problem.pointer {
        text_member(&mut out, "pointer", pointer);
    }
    if let Some(hint) = &problem.hint {
        text_member(&mut out, "hint", hint);
    }
    for (name, value) in &problem.extensions {
        out.push(b',');
        json::quote(&mut out, name);
        out.push(b':');
        out.extend_from_slice(value.as_bytes());
    }
    out.push(b'}');
    out
}

fn text_member(out: &mut Vec<u8>, name: &str, text: &str) {
    out.push(b',');
    json::quote(out, name);
    out.push(b':');
    json::quote(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line_of_json_with_its_code() {
        let problem = Problem::new(400, "json_syntax", "The body is not JSON", "a \"quote\"\nis open")
            .with_pointer("/prices/3")
            .with_hint("close it")
            .with("offset", "17");
        let body = String::from_utf8(render(&problem)).unwrap();
        assert_eq!(
            body,
            "{\"type\":\"/docs/problems/json_syntax\",\"title\":\"The body is not JSON\",\"status\":400,\
             \"code\":\"json_syntax\",\"detail\":\"a \\\"quote\\\"\\nis open\",\"pointer\":\"/prices/3\",\
             \"hint\":\"close it\",\"offset\":17}"
        );
        assert!(json::value(&body).is_ok());
    }
}
