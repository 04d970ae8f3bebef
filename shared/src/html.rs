//! What we read of HTML: the targets of links and the forms. A tokenizer only, no tree, so nesting costs nothing
//! (<https://html.spec.whatwg.org/multipage/parsing.html#tokenization>).

use std::mem::take;

use html5gum::emitters::callback::{Callback, CallbackEmitter, CallbackEvent};
use html5gum::{Span, State, Tokenizer};

/// Mails and confirmation pages are tens of kilobytes.
const SIZE_LIMIT: usize = 512 * 1024;
const LINK_LIMIT: usize = 1_000;
const FORM_LIMIT: usize = 100;
const INPUT_LIMIT: usize = 100;
/// Of one tag.
const ATTRIBUTE_LIMIT: usize = 1_000;
/// The attributes that mean something here.
const READ: [&str; 6] = ["action", "href", "method", "name", "type", "value"];

/// What a document links to and asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// `href` of the first `<base>`.
    pub base: Option<String>,
    /// `href` of every `<a>` and `<area>`, entities resolved.
    pub links: Vec<String>,
    /// Every `<form>`.
    pub forms: Vec<Form>,
}

/// A form with its hidden fields.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Lower-case `method`, `get` if not given.
    pub method: String,
    /// `action` as written; `None` means the document's own address.
    pub action: Option<String>,
    /// Name and value of each hidden input.
    pub hidden: Vec<(String, String)>,
}

/// Reads `text`; `None` if it is larger or stranger than any honest document.
pub fn read(text: &str) -> Option<Document> {
    if text.len() > SIZE_LIMIT {
        return None;
    }
    let mut reader = Reader::default();
    let emitter = CallbackEmitter::new(|event: CallbackEvent<'_>, span: Span<()>| {
        reader.handle_event(event, span)
    });
    let mut tokenizer = Tokenizer::new_with_emitter(text, emitter);
    while let Some(Ok(content)) = tokenizer.next() {
        tokenizer.set_state(content);
    }
    drop(tokenizer);
    (!reader.over_limit).then_some(reader.document)
}

#[derive(Default)]
struct Reader {
    document: Document,
    /// The start tag being read, and the first of each of its attributes.
    tag: Vec<u8>,
    attributes: [Option<String>; READ.len()],
    /// Of this tag, with those that mean nothing.
    seen: usize,
    /// Whose value comes next.
    attribute: Option<usize>,
    in_form: bool,
    over_limit: bool,
}

impl Callback<State, ()> for Reader {
    fn handle_event(&mut self, event: CallbackEvent<'_>, _: Span<()>) -> Option<State> {
        if self.over_limit {
            return None;
        }
        match event {
            CallbackEvent::OpenStartTag { name } => {
                (self.tag, self.attributes, self.seen, self.attribute) =
                    (name.to_vec(), Default::default(), 0, None);
            }
            CallbackEvent::AttributeName { name } => {
                self.seen += 1;
                self.over_limit |= self.seen > ATTRIBUTE_LIMIT;
                let known = READ.iter().position(|known| known.as_bytes() == name);
                self.attribute = known.filter(|at| self.attributes[*at].is_none());
                if let Some(at) = self.attribute {
                    self.attributes[at] = Some(String::new());
                }
            }
            CallbackEvent::AttributeValue { value } => {
                if let Some(at) = self.attribute.take() {
                    self.attributes[at] = Some(String::from_utf8_lossy(value).into_owned());
                }
            }
            CallbackEvent::CloseStartTag { .. } => return self.start(),
            CallbackEvent::EndTag { name: b"form" } => self.in_form = false,
            _ => {}
        }
        None
    }
}

impl Reader {
    /// Takes a start tag, and says what its content is to be read as, if not as markup.
    fn start(&mut self) -> Option<State> {
        let (tag, [action, href, method, name, kind, value]) =
            (take(&mut self.tag), take(&mut self.attributes));
        let document = &mut self.document;
        match &*tag {
            b"a" | b"area" => document.links.extend(href),
            b"base" if document.base.is_none() => document.base = href,
            b"form" => {
                self.in_form = true;
                document.forms.push(Form {
                    method: method.map_or_else(
                        || "get".to_owned(),
                        |method| method.trim().to_ascii_lowercase(),
                    ),
                    action: action.filter(|action| !action.trim().is_empty()),
                    hidden: Vec::new(),
                });
            }
            b"input" if self.in_form => {
                let hidden = kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("hidden"));
                if let (true, Some(name), Some(form)) = (hidden, name, document.forms.last_mut()) {
                    form.hidden.push((name, value.unwrap_or_default()));
                }
            }
            _ => {}
        }
        self.over_limit |= document.links.len() > LINK_LIMIT
            || document.forms.len() > FORM_LIMIT
            || document
                .forms
                .last()
                .is_some_and(|form| form.hidden.len() > INPUT_LIMIT);
        match &*tag {
            b"title" | b"textarea" => Some(State::RcData),
            b"style" | b"xmp" | b"iframe" | b"noembed" | b"noframes" => Some(State::RawText),
            b"script" => Some(State::ScriptData),
            b"plaintext" => Some(State::PlainText),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_with_entities_quotes_and_traps() {
        let document = read(concat!(
            "<!doctype html><title><a href=t></title><base href='https://a.example/x/'><style><a href=s></style>",
            "<script>\"<a href=j>\"</script><!-- <a href=c> --><A HREF=\"https://h/?a=1&amp;b=2\">x</A>",
            "<a href=unquoted>x<area href='area' HREF=second><textarea><a href=ta></textarea><noframes><a href=n></noframes><a name=x>",
            "<noscript><a href=shown></noscript><plaintext><a href=p>"
        ))
        .unwrap();
        assert_eq!(document.base.as_deref(), Some("https://a.example/x/"));
        assert_eq!(
            document.links,
            ["https://h/?a=1&b=2", "unquoted", "area", "shown"]
        );
    }

    #[test]
    fn forms_and_hidden_fields() {
        let document = read(concat!(
            "<input type=hidden name=out value=1><form method=POST action='/go?x=1'><input type=Hidden name=state value='a&quot;b'>",
            "<input name=shown value=2><input type=hidden value=nameless><input type=hidden name=empty></form>",
            "<input type=hidden name=after><form>"
        ))
        .unwrap();
        assert_eq!(document.forms[0].method, "post");
        assert_eq!(document.forms[0].action.as_deref(), Some("/go?x=1"));
        assert_eq!(
            document.forms[0].hidden,
            [
                ("state".into(), "a\"b".into()),
                ("empty".into(), String::new())
            ]
        );
        assert_eq!(
            (
                document.forms[1].method.as_str(),
                document.forms[1].action.as_deref()
            ),
            ("get", None)
        );
        assert_eq!(document.forms.len(), 2);
    }

    #[test]
    fn hostile_documents_are_refused_and_nesting_is_free() {
        let nested = format!("{}<a href=deep>", "<div>".repeat(100_000));
        assert_eq!(read(&nested).unwrap().links, ["deep"]);
        let many =
            |n: usize| (0..n).fold("<a".to_owned(), |all, n| format!("{all} a{n}")) + " href=x>";
        assert_eq!(read(&many(ATTRIBUTE_LIMIT - 1)).unwrap().links, ["x"]);
        assert_eq!(read(&many(ATTRIBUTE_LIMIT)), None);
        assert_eq!(read(&"<a href=x>".repeat(LINK_LIMIT + 1)), None);
        assert_eq!(read(&"x".repeat(SIZE_LIMIT + 1)), None);
        assert_eq!(
            read(&format!("<a href=x><!--{}", "x".repeat(400_000)))
                .unwrap()
                .links,
            ["x"]
        );
        assert_eq!(
            read(&format!(
                "<form>{}",
                "<input type=hidden name=x>".repeat(INPUT_LIMIT + 1)
            )),
            None
        );
    }
}
