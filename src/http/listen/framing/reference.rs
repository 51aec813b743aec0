//! A second reader of requests, for tests: it has the whole stream before it and takes it apart by
//! texts, so that it shares neither code nor state with the one that is tested.

use super::HeadBounds;
use crate::http::reply::HeadFault;
use hyper::{Method, Uri};

/// A request as it stands in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub target: Vec<u8>,
    /// `None` where it is broken, or not all there.
    pub body: Option<Vec<u8>>,
    /// No request can follow on this connection.
    pub is_last: bool,
    /// Where it ends in the stream, as far as that is known.
    pub end: usize,
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnding {
    /// After a request, or within a head.
    Between,
    /// Within a body.
    Within,
    BrokenBody,
    Refused(HeadFault),
}

pub struct Read {
    pub requests: Vec<Request>,
    pub ending: StreamEnding,
}

/// All that can be read.
pub fn read(stream: &[u8], bounds: &HeadBounds) -> Read {
    let (mut requests, mut at) = (Vec::new(), 0);
    loop {
        let head = match head(&stream[at..], bounds) {
            Ok(Some(head)) => head,
            Ok(None) => return Read { requests, ending: StreamEnding::Between },
            Err(why) => return Read { requests, ending: StreamEnding::Refused(why) },
        };
        at += head.bytes;
        let rest = &stream[at..];
        let (body, used, ending) = match head.length {
            Some(length) if length > rest.len() => (None, rest.len(), Some(StreamEnding::Within)),
            Some(length) => (Some(rest[..length].to_vec()), length, None),
            None => match chunks(rest) {
                Ok(Some((body, used))) => (Some(body), used, None),
                Ok(None) => (None, rest.len(), Some(StreamEnding::Within)),
                Err(()) => (None, 0, Some(StreamEnding::BrokenBody)),
            },
        };
        at += used;
        requests.push(Request {
            method: head.method,
            target: head.target,
            body,
            is_last: head.is_last,
            end: at,
        });
        if let Some(ending) = ending {
            return Read { requests, ending };
        }
    }
}

struct Head {
    method: String,
    target: Vec<u8>,
    length: Option<usize>,
    is_last: bool,
    bytes: usize,
}

/// The lines of a head, as far as they have come; the empty one at its end is given as such.
fn head(stream: &[u8], bounds: &HeadBounds) -> Result<Option<Head>, HeadFault> {
    let too_large = HeadFault::TooLarge { bytes_max: bounds.bytes_max, headers_max: bounds.headers_max };
    let (mut at, mut first, mut fields) = (0, None, Vec::new());
    loop {
        let Some(end) = stream[at..].iter().position(|byte| *byte == b'\n').map(|end| at + end) else {
            let is_other = stream.get(at).is_some_and(|byte| *byte != b'\r' && !is_tchar(*byte));
            return match stream.len() >= bounds.bytes_max {
                true => Err(too_large),
                false if first.is_none() && is_other => Err(HeadFault::Line),
                false => Ok(None),
            };
        };
        if end + 1 > bounds.bytes_max {
            return Err(too_large);
        }
        let line = &stream[at..end];
        let Some((b'\r', line)) = line.split_last() else { return Err(HeadFault::Line) };
        at = end + 1;
        match (&first, line.is_empty()) {
            (None, true) => {}
            (None, false) => first = Some(request_line(line)?),
            (Some(_), false) if fields.len() == bounds.headers_max => return Err(too_large),
            (Some((_, _, is_old)), false) => {
                let field = field(line)?;
                judge(&field, &fields, *is_old)?;
                fields.push(field);
            }
            (Some((method, target, is_old)), true) => {
                return whole(method, target, *is_old, &fields, at).map(Some);
            }
        }
    }
}

type Field = (String, String);

fn whole(
    method: &str,
    target: &[u8],
    is_old: bool,
    fields: &[Field],
    bytes: usize,
) -> Result<Head, HeadFault> {
    let value = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    if value("host").is_none() && !is_old {
        return Err(HeadFault::Host);
    }
    let length = match (value("content-length"), value("transfer-encoding")) {
        (Some(_), Some(_)) => return Err(HeadFault::BodyLength),
        (Some(length), None) => Some(length.parse().expect("digits")),
        (None, Some(_)) => None,
        (None, None) => Some(0),
    };
    let is_last = is_old || value("connection").is_some_and(|value| value == "close");
    Ok(Head { method: method.to_owned(), target: target.to_vec(), length, is_last, bytes })
}

fn request_line(line: &[u8]) -> Result<(String, Vec<u8>, bool), HeadFault> {
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = words[..] else { return Err(HeadFault::Line) };
    let is_old = match version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        _ if version.starts_with(b"HTTP/") => return Err(HeadFault::Version),
        _ => return Err(HeadFault::Line),
    };
    let is_method = !method.is_empty() && method.iter().all(|byte| is_tchar(*byte));
    let is_target = !target.contains(&b'#') && Uri::try_from(target).is_ok();
    if !is_method || Method::from_bytes(method).is_err() || !is_target || target.contains(&0x7f) {
        return Err(HeadFault::Line);
    }
    Ok((String::from_utf8_lossy(method).into_owned(), target.to_vec(), is_old))
}

fn field(line: &[u8]) -> Result<Field, HeadFault> {
    let mut halves = line.splitn(2, |byte| *byte == b':');
    let (Some(name), Some(value)) = (halves.next(), halves.next()) else { return Err(HeadFault::Line) };
    let is_name = (1..=256).contains(&name.len()) && name.iter().all(|byte| is_tchar(*byte));
    let is_value = value.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\t');
    if !is_name || !is_value {
        return Err(HeadFault::Line);
    }
    let value = value.iter().map(|byte| char::from(*byte)).collect::<String>();
    let value = value.trim_matches([' ', '\t']).to_owned();
    Ok((String::from_utf8_lossy(name).to_ascii_lowercase(), value))
}

fn judge((name, value): &Field, before: &[Field], is_old: bool) -> Result<(), HeadFault> {
    let again = before.iter().any(|(other, _)| other == name);
    let is_host = |c: char| c.is_ascii_alphanumeric() || ".-_:[]%~".contains(c);
    match name.as_str() {
        "host" if again || !value.chars().all(is_host) => Err(HeadFault::Host),
        "content-length" if again || value.is_empty() || value.len() > 18 => Err(HeadFault::BodyLength),
        "content-length" if !value.chars().all(|c| c.is_ascii_digit()) => Err(HeadFault::BodyLength),
        "transfer-encoding" if again || is_old || !value.eq_ignore_ascii_case("chunked") => {
            Err(HeadFault::BodyLength)
        }
        _ => Ok(()),
    }
}

fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The body, and how many bytes it takes; `None` where more must come.
fn chunks(stream: &[u8]) -> Result<Option<(Vec<u8>, usize)>, ()> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some((line, next)) = line(stream, at, &|byte| is_size_byte(byte))? else { return Ok(None) };
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let digits = std::str::from_utf8(digits).map_err(drop)?;
        let is_size = (1..=15).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_hexdigit());
        let size = usize::from_str_radix(digits, 16).map_err(drop)?;
        if !is_size {
            return Err(());
        }
        at = next;
        if size == 0 {
            return trailers(stream, at).map(|end| end.map(|end| (body, end)));
        }
        let Some(content) = stream.get(at..at.saturating_add(size)) else { return Ok(None) };
        body.extend_from_slice(content);
        at += size;
        match &stream[at..stream.len().min(at + 2)] {
            b"" | b"\r" => return Ok(None),
            b"\r\n" => at += 2,
            _ => return Err(()),
        }
    }
}

fn is_size_byte(bytes: &[u8]) -> bool {
    let (size, extension) = match bytes.iter().position(|byte| *byte == b';') {
        Some(at) => bytes.split_at(at),
        None => (bytes, &[][..]),
    };
    let is_size = size.len() <= 15 && size.iter().all(u8::is_ascii_hexdigit);
    let is_text = extension.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\t');
    is_size && (extension.is_empty() || !size.is_empty()) && is_text && extension.len() <= 256
}

fn trailers(stream: &[u8], mut at: usize) -> Result<Option<usize>, ()> {
    loop {
        let Some((line, next)) = line(stream, at, &|bytes| is_trailer(bytes))? else { return Ok(None) };
        at = next;
        if line.is_empty() {
            return Ok(Some(at));
        }
        if !line.contains(&b':') {
            return Err(());
        }
    }
}

fn is_trailer(bytes: &[u8]) -> bool {
    let name = bytes.split(|byte| *byte == b':').next().unwrap_or_default();
    let value = &bytes[name.len()..];
    let is_value = value.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\t');
    name.iter().all(|byte| is_tchar(*byte)) && is_value && (value.is_empty() || !name.is_empty())
}

/// The line from `at` and where the next begins. Its beginning has to be sound also while its end is
/// not there.
fn line<'a>(
    stream: &'a [u8],
    at: usize,
    is_sound: &dyn Fn(&[u8]) -> bool,
) -> Result<Option<(&'a [u8], usize)>, ()> {
    let rest = &stream[at..];
    let Some(end) = rest.iter().position(|byte| *byte == b'\r') else {
        return if is_sound(rest) { Ok(None) } else { Err(()) };
    };
    match (is_sound(&rest[..end]), rest.get(end + 1)) {
        (true, None) if end > 0 || at > 0 => Ok(None),
        (true, Some(b'\n')) => Ok(Some((&rest[..end], at + end + 2))),
        _ => Err(()),
    }
}
