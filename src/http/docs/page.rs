//! Pages: Markdown as HTML, in one frame.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, html};

const STYLE: &str = include_str!("style.css");

/// A page of a text in Markdown. Its links to files of this tree lead to the pages made of them.
pub fn of_markdown(title: &str, text: &str) -> String {
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).map(|event| match event {
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Link { link_type, dest_url: page_of(dest_url), title, id })
        }
        // the texts are ours; HTML in them is what they speak of
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        other => other,
    });
    let mut body = String::with_capacity(2 * text.len());
    html::push_html(&mut body, events);
    framed(title, &body)
}

fn page_of(link: CowStr<'_>) -> CowStr<'_> {
    let pages = [
        ("QUICKSTART.md", "/docs/quickstart"),
        ("WEBHOOKS.md", "/docs/webhooks"),
        ("READING.md", "/docs/reading"),
        ("MAPPING.md", "/docs/mapping"),
        ("RULES.md", "/docs/rules"),
    ];
    match pages.iter().find(|(file, _)| link.ends_with(file)) {
        Some((_, page)) => (*page).into(),
        None => link,
    }
}

/// A page around a body that is HTML already.
pub fn framed(title: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} · Tidegate</title><style>{STYLE}</style></head>\n<body>\
         <nav><a href=\"/docs\">Tidegate</a> <a href=\"/docs/quickstart\">Quick start</a> \
         <a href=\"/docs/webhooks\">Webhooks</a> <a href=\"/docs/reading\">Readers</a> <a href=\"/docs/api\">API</a> \
         <a href=\"/docs/mapping\">Mapping</a> <a href=\"/docs/rules\">Rules</a> <a href=\"/docs/problems\">Problems</a>\
         </nav>\n<main>{body}</main></body></html>\n"
    )
}

/// A text as HTML.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    pulldown_cmark_escape::escape_html(&mut out, text).expect("a String takes all that is written");
    out
}
