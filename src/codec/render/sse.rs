//! Frames of server-sent events (WHATWG): one block, its data on one line.

use super::write::one_line;

/// Appends one event. `id` is a cursor; a line break in `payload` becomes a space, which JSON does
/// not notice, so that no member of a partner can end the frame.
pub fn sse_frame(out: &mut Vec<u8>, event: &str, id: &str, payload: &[u8]) {
    for (field, value) in [("event: ", event.as_bytes()), ("id: ", id.as_bytes()), ("data: ", payload)] {
        if !value.is_empty() {
            out.extend_from_slice(field.as_bytes());
            one_line(out, value);
            out.push(b'\n');
        }
    }
    out.push(b'\n');
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
    fn an_event_without_a_cursor_leaves_the_readers_last_one() {
        let mut out = Vec::new();
        sse_frame(&mut out, "progress", "", b"{}");
        assert_eq!(out, b"event: progress\ndata: {}\n\n");
    }
}
