//! HTML, read a second time: by html5gum, a tokenizer that shares no code with html5ever.

use html5gum::{HtmlString, StartTag, State, Token, Tokenizer};
use shared::rules::html::{Document, Form};

/// What [`shared::rules::html::read`] must find in a document that is within its limits.
pub(crate) fn read(text: &str) -> Document {
    let mut document = Document::default();
    let mut in_form = false;
    // The decoder of a document takes the byte order mark away.
    let mut tokens = Tokenizer::new(text.strip_prefix('\u{feff}').unwrap_or(text));
    while let Some(Ok(token)) = tokens.next() {
        match token {
            Token::EndTag(tag) if text_of(&tag.name) == "form" => in_form = false,
            Token::StartTag(tag) => {
                if let Some(state) = content(&tag) {
                    tokens.set_state(state);
                }
                in_form |= text_of(&tag.name) == "form";
                take(&tag, in_form, &mut document);
            }
            _ => {}
        }
    }
    document
}

/// How the content of an element is read, if not as markup
/// (<https://html.spec.whatwg.org/multipage/parsing.html#parsing-html-fragments>, with scripting off).
fn content(tag: &StartTag<()>) -> Option<State> {
    match &*text_of(&tag.name) {
        "title" | "textarea" => Some(State::RcData),
        "style" | "xmp" | "iframe" | "noembed" | "noframes" => Some(State::RawText),
        "script" => Some(State::ScriptData),
        "plaintext" => Some(State::PlainText),
        _ => None,
    }
}

fn take(tag: &StartTag<()>, in_form: bool, document: &mut Document) {
    let value = |name: &str| {
        let found = tag.attributes.get(name.as_bytes());
        found.map(|value| text_of(&value.value))
    };
    let is = |name: &str, wanted: &str| {
        value(name).is_some_and(|value| value.trim().eq_ignore_ascii_case(wanted))
    };
    let is_filled = |text: &String| !text.trim().is_empty();
    match &*text_of(&tag.name) {
        "a" | "area" => document.links.extend(value("href")),
        "base" => document.base = document.base.take().or_else(|| value("href")),
        "meta" if is("name", "language") => {
            let language = || value("content").filter(is_filled);
            document.language = document.language.take().or_else(language);
        }
        "form" => document.forms.push(Form {
            method: value("method").map_or("get".to_owned(), |method| {
                method.trim().to_ascii_lowercase()
            }),
            action: value("action").filter(is_filled),
            hidden: Vec::new(),
        }),
        "input" if in_form && is("type", "hidden") => {
            let form = document.forms.last_mut().expect("a form is open");
            let pair = |name| (name, value("value").unwrap_or_default());
            form.hidden.extend(value("name").map(pair));
        }
        _ => {}
    }
}

fn text_of(bytes: &HtmlString) -> String {
    String::from_utf8(bytes.to_vec()).expect("a tokenizer of text gives text")
}
