//! Frames of server-sent events (WHATWG): one block, its data on one line.

use super::write::one_line;

/// Characters that some clients take for the end of a line, as Unicode has it and the format has not:
/// their UTF-8, and what JSON writes instead. Outside of strings JSON has none of them.
const UNICODE_LINE_ENDS: [(&str, &[u8]); 3] =
    [("\u{85}", b"\\u0085"), ("\u{2028}", b"\\u2028"), ("\u{2029}", b"\\u2029")];

/// Appends one event. `id` is a cursor; without `event` it is a plain message. `payload` is JSON: a
/// line break in it becomes a space, which JSON does not notice, so that no member of a partner can
/// end the frame.
pub fn sse_frame(out: &mut Vec<u8>, event: &str, id: &str, payload: &[u8]) {
    for (field, value) in [("event: ", event), ("id: ", id)] {
        if !value.is_empty() {
            out.extend_from_slice(field.as_bytes());
            one_line(out, value.as_bytes());
            out.push(b'\n');
        }
    }
    out.extend_from_slice(b"data: ");
    let begin = out.len();
    one_line(out, payload);
    escape_line_ends(out, begin);
    out.extend_from_slice(b"\n\n");
}

fn escape_line_ends(out: &mut Vec<u8>, begin: usize) {
    // 0xC2 and 0xE2 begin no more than a few characters: nearly every payload ends here
    if memchr::memchr2(0xC2, 0xE2, &out[begin..]).is_none() {
        return;
    }
    let payload = out.split_off(begin);
    let mut rest = payload.as_slice();
    while let Some(place) = memchr::memchr2(0xC2, 0xE2, rest) {
        out.extend_from_slice(&rest[..place]);
        rest = &rest[place..];
        let end = UNICODE_LINE_ENDS.iter().find(|(end, _)| rest.starts_with(end.as_bytes()));
        let (taken, written) = end.map_or((1, &rest[..1]), |(end, escape)| (end.len(), *escape));
        out.extend_from_slice(written);
        rest = &rest[taken..];
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d12_a_line_break_in_the_data_cannot_end_a_frame() {
        let mut out = Vec::new();
        sse_frame(&mut out, "price.updated", "000000a1-7", b"{\"a\":1,\n\r\ndata: x}");
        assert_eq!(out, b"event: price.updated\nid: 000000a1-7\ndata: {\"a\":1,   data: x}\n\n");
    }

    #[test]
    fn what_some_clients_take_for_a_line_end_is_escaped_and_nothing_else_is() {
        let mut out = Vec::new();
        let name = "a\u{85}b\u{2028}\u{2029}c é – \u{2027}";
        sse_frame(&mut out, "", "", format!("{{\"n\":\"{name}\"}}").as_bytes());
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out, "data: {\"n\":\"a\\u0085b\\u2028\\u2029c é – \u{2027}\"}\n\n");
        let data = out.strip_prefix("data: ").unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(data).unwrap()["n"], name);
    }

    #[test]
    fn an_event_without_a_cursor_leaves_the_readers_last_one() {
        let mut out = Vec::new();
        sse_frame(&mut out, "progress", "", b"{}");
        assert_eq!(out, b"event: progress\ndata: {}\n\n");
    }
}
