//! Rust source as the checks see it: comments and literals blanked out, lines kept.

/// The text with comments, strings and characters replaced by spaces. Line breaks stay, so that
/// places in the result are places in the source.
pub fn without_text(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    while out.len() < bytes.len() {
        let rest = &bytes[out.len()..];
        let before = out.last().copied().unwrap_or(b' ');
        let literal = literal_len(rest, is_word(before));
        if literal == 0 {
            out.push(rest[0]);
        } else {
            out.extend(rest[..literal].iter().map(|&byte| if byte == b'\n' { b'\n' } else { b' ' }));
        }
    }
    String::from_utf8(out).expect("only whole literals were replaced")
}

/// The length of the comment or literal that begins here; 0 where none does.
fn literal_len(rest: &[u8], in_word: bool) -> usize {
    if rest.starts_with(b"//") {
        return rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
    }
    if rest.starts_with(b"/*") {
        return block_comment_len(rest);
    }
    if !in_word {
        let prefix = rest.iter().take_while(|byte| b"brc".contains(byte)).count();
        let hashes = rest[prefix..].iter().take_while(|&&byte| byte == b'#').count();
        if rest[..prefix].contains(&b'r') && rest.get(prefix + hashes) == Some(&b'"') {
            return raw_string_len(rest, prefix + hashes + 1, hashes);
        }
        if prefix > 0 && rest.get(prefix) == Some(&b'"') {
            return prefix + quoted_len(&rest[prefix..], b'"');
        }
    }
    match rest[0] {
        b'"' => quoted_len(rest, b'"'),
        b'\'' => character_len(rest),
        _ => 0,
    }
}

fn block_comment_len(rest: &[u8]) -> usize {
    let (mut depth, mut place) = (0, 0);
    while place < rest.len() {
        match &rest[place..] {
            [b'/', b'*', ..] => (depth, place) = (depth + 1, place + 2),
            [b'*', b'/', ..] => (depth, place) = (depth - 1, place + 2),
            _ => place += 1,
        }
        if depth == 0 {
            return place;
        }
    }
    rest.len()
}

fn raw_string_len(rest: &[u8], start: usize, hashes: usize) -> usize {
    let end = [&b"\""[..], &b"#".repeat(hashes)].concat();
    let place = rest[start..].windows(end.len()).position(|window| window == end);
    place.map_or(rest.len(), |place| start + place + end.len())
}

fn quoted_len(rest: &[u8], quote: u8) -> usize {
    let mut place = 1;
    while place < rest.len() {
        match rest[place] {
            b'\\' => place += 2,
            byte if byte == quote => return place + 1,
            _ => place += 1,
        }
    }
    rest.len()
}

/// A character has its closing quote after one character or escape; a lifetime has none.
fn character_len(rest: &[u8]) -> usize {
    if rest.get(1) == Some(&b'\\') {
        return quoted_len(rest, b'\'');
    }
    let wide = std::str::from_utf8(&rest[1..rest.len().min(5)]);
    let text = wide.unwrap_or_else(|error| std::str::from_utf8(&rest[1..1 + error.valid_up_to()]).unwrap());
    let len = text.chars().next().map_or(0, char::len_utf8);
    if len > 0 && rest.get(1 + len) == Some(&b'\'') { len + 2 } else { 0 }
}

pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The identifier that begins at `place`, maybe empty.
pub fn word_at(code: &str, place: usize) -> &str {
    let rest = &code[place..];
    &rest[..rest.bytes().position(|byte| !is_word(byte)).unwrap_or(rest.len())]
}

/// Where `word` stands in the code as a word of its own.
pub fn places_of<'c>(code: &'c str, word: &'c str) -> impl Iterator<Item = usize> + 'c {
    code.match_indices(word).map(|(place, _)| place).filter(move |&place| {
        let bytes = code.as_bytes();
        let before = place > 0 && is_word(bytes[place - 1]);
        let after = bytes.get(place + word.len()).copied().is_some_and(is_word);
        !before && !after
    })
}

pub fn line_of(text: &str, place: usize) -> usize {
    text.as_bytes()[..place].iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// Names that code declares after one of these keywords, with the line.
pub fn declared<'c>(code: &'c str, keyword: &'c str) -> impl Iterator<Item = (usize, &'c str)> {
    places_of(code, keyword).filter_map(move |place| {
        let after = place + keyword.len();
        let gap = code[after..].bytes().take_while(u8::is_ascii_whitespace).count();
        let name = word_at(code, after + gap);
        (gap > 0 && !name.is_empty()).then_some((line_of(code, place), name))
    })
}

#[test]
fn comments_and_literals_are_blanked_and_lines_stay() {
    let source = "a // x\n/* y /* z */ */ b \"c\\\"d\" 'e' '\\n' '\\'' r#\"f\"g\"# b\"h\" &'i str 'é' k";
    let code = without_text(source);
    let words: Vec<_> = code.split_whitespace().collect();
    assert_eq!(words, ["a", "b", "&'i", "str", "k"]);
    assert_eq!((code.len(), code.lines().count()), (source.len(), 2));
}

#[test]
fn declared_names_are_found_with_their_lines() {
    let code = "fn one() {}\npub struct Two;\nlet fname = 3;";
    assert_eq!(declared(code, "fn").collect::<Vec<_>>(), [(1, "one")]);
    assert_eq!(declared(code, "struct").collect::<Vec<_>>(), [(2, "Two")]);
}
