//! The header `Link` (RFC 8288), as far as pages are linked by it.
//!
//! A field that cannot be read says nothing from there on. A link with an `anchor` is about another
//! document than the one that was asked for, and is passed over.

/// What the links of an answer say of the pages around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// The address of the next page, as it is written.
    pub next: Option<String>,
    /// There are links as only pages have them: a server that sends these and no `next` is at its end.
    pub is_paged: bool,
}

/// Reads the values of all `Link` fields.
pub fn read<'a>(fields: impl Iterator<Item = &'a str>) -> Links {
    let mut links = Links::default();
    for mut rest in fields {
        while let Some((link, behind)) = link(rest) {
            let is =
                |relation: &str| link.rel.split_ascii_whitespace().any(|r| r.eq_ignore_ascii_case(relation));
            if !link.is_anchored {
                links.is_paged |= ["next", "prev", "previous", "first", "last"].into_iter().any(is);
                if links.next.is_none() && is("next") {
                    links.next = Some(link.target.to_owned());
                }
            }
            rest = behind;
        }
    }
    links
}

#[derive(Default)]
struct Link<'a> {
    target: &'a str,
    rel: String,
    is_anchored: bool,
}

/// The first link of a field, and what stands behind it.
fn link(field: &str) -> Option<(Link<'_>, &str)> {
    let field = field.trim_start_matches([' ', '\t', ',']).strip_prefix('<')?;
    let (target, mut rest) = field.split_once('>')?;
    let mut link = Link { target: target.trim(), ..Link::default() };
    let mut has_rel = false;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        let Some(parameter) = rest.strip_prefix(';') else { break };
        let (name, value, behind) = parameter_of(parameter)?;
        // of several `rel` the first counts
        if name.eq_ignore_ascii_case("rel") && !has_rel {
            (link.rel, has_rel) = (value, true);
        } else if name.eq_ignore_ascii_case("anchor") {
            link.is_anchored = true;
        }
        rest = behind;
    }
    Some((link, rest.strip_prefix(',').or(rest.is_empty().then_some(rest))?))
}

/// Name and value of the parameter that begins here, and what stands behind it.
fn parameter_of(text: &str) -> Option<(&str, String, &str)> {
    let text = text.trim_start_matches([' ', '\t']);
    let end = text.find(['=', ';', ',']).unwrap_or(text.len());
    let name = text[..end].trim_end_matches([' ', '\t']);
    let Some(value) = text[end..].strip_prefix('=') else {
        return Some((name, String::new(), &text[end..]));
    };
    let value = value.trim_start_matches([' ', '\t']);
    if let Some(quoted) = value.strip_prefix('"') {
        let (value, behind) = quoted_value(quoted)?;
        return Some((name, value, behind));
    }
    let end = value.find([';', ',', ' ', '\t']).unwrap_or(value.len());
    Some((name, value[..end].to_owned(), &value[end..]))
}

/// What stands between two quotes, and behind the second.
fn quoted_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[place + 1..])),
            '\\' => value.push(letters.next()?.1),
            _ => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn next(field: &str) -> Option<String> {
        read([field].into_iter()).next
    }

    #[test]
    fn the_next_page_is_found_however_it_is_written() {
        for (field, expected) in [
            (r#"<https://a.example/f?page=2>; rel="next""#, "https://a.example/f?page=2"),
            (r#"<https://a.example/f?page=9>; rel="last", </f?page=2>; rel="next""#, "/f?page=2"),
            ("<?page=2>;rel=next", "?page=2"),
            ("<?page=2>;rel=next,<?page=9>;rel=last", "?page=2"),
            (r#" , <?a=1,2;3>; title="a, b; <c>"; REL = "prev NEXT" "#, "?a=1,2;3"),
            (r#"<?page=2>; title="say \"hi\", <x>; rel=last"; rel="next""#, "?page=2"),
            (r#"<?page=2>; crossorigin; rel="next"; rel="last""#, "?page=2"),
            (r#"<?page=2>; rel="next", <?page=3>; rel="next""#, "?page=2"),
        ] {
            assert_eq!(next(field).as_deref(), Some(expected), "{field}");
        }
        let fields = [r#"</style.css>; rel="preload""#, r#"</f?page=2>; rel="next""#];
        assert_eq!(read(fields.into_iter()).next.as_deref(), Some("/f?page=2"), "a field of its own");
    }

    #[test]
    fn what_is_no_link_to_the_next_page_of_this_document_is_none() {
        for field in [
            "",
            ",,",
            "next",
            "<?page=2>",
            "<?page=2",
            r#"<?page=2>; rel="next"#,
            r#"<?page=2>; rel="nextpage""#,
            r#"<?page=2>; rel="last"; rel="next""#,
            r##"<?page=2>; rel="next"; anchor="#other""##,
            r#"<?page=1>; rel=prev garbage, <?page=2>; rel="next""#,
        ] {
            assert_eq!(next(field), None, "{field}");
        }
    }

    #[test]
    fn links_around_a_page_show_that_it_is_one() {
        let is_paged = |field: &str| read([field].into_iter()).is_paged;
        for field in [r#"<?page=1>; rel="first""#, "<?page=1>; rel=prev", "<?page=1>; rel=\"self last\""] {
            assert!(is_paged(field), "{field}");
        }
        for field in
            ["", r#"</style.css>; rel="preload""#, r#"<https://api.example/>; rel="https://api.w.org/""#]
        {
            assert!(!is_paged(field), "{field}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic_and_a_link_is_a_piece_of_it(text in "[<>;,=\" a-z\\\\?/]{0,60}") {
            if let Some(target) = next(&text) {
                prop_assert!(text.contains(&target));
            }
        }

        #[test]
        fn a_link_among_others_is_found(before in "[a-z ]{0,9}", target in "[a-z0-9/?=&,;]{1,20}") {
            let field = format!("<x>; rel=self; title=\"{before}\", <{target}>; rel=\"next\"");
            prop_assert_eq!(next(&field), Some(target));
        }
    }
}
