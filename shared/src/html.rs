//! What we read of HTML: the targets of links and the forms. A tokenizer only, no tree, so nesting costs nothing
//! (<https://html.spec.whatwg.org/multipage/parsing.html#tokenization>).

use std::cell::{Cell, RefCell};

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};

/// Mails and confirmation pages are tens of kilobytes.
const SIZE_LIMIT: usize = 512 * 1024;
/// The tokenizer compares each attribute with all before it in its tag: a tag (or comment) may be this long at most, so that a
/// hostile one costs milliseconds, not minutes.
const TOKEN_LIMIT: usize = 16 * 1024;
const CHUNK: usize = 4 * 1024;
const LINK_LIMIT: usize = 1_000;
const FORM_LIMIT: usize = 100;
const INPUT_LIMIT: usize = 100;

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
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    let queue = BufferQueue::default();
    let (mut rest, mut silent) = (text, 0);
    while !rest.is_empty() {
        let (chunk, tail) = rest.split_at(rest.floor_char_boundary(CHUNK));
        let before = tokenizer.sink.tokens.get();
        queue.push_back(StrTendril::from_slice(chunk));
        let _done = tokenizer.feed(&queue);
        silent = if tokenizer.sink.tokens.get() == before { silent + chunk.len() } else { 0 };
        if silent >= TOKEN_LIMIT || tokenizer.sink.over_limit.get() {
            return None;
        }
        rest = tail;
    }
    tokenizer.end();
    let over_limit = tokenizer.sink.over_limit.get();
    let document = tokenizer.sink.document.take();
    (!over_limit).then_some(document)
}

#[derive(Default)]
struct Sink {
    document: RefCell<Document>,
    in_form: Cell<bool>,
    tokens: Cell<usize>,
    over_limit: Cell<bool>,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        if !matches!(token, Token::ParseError(_)) {
            self.tokens.set(self.tokens.get() + 1);
        }
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => self.start(&tag),
            Token::TagToken(tag) if &*tag.name == "form" => {
                self.in_form.set(false);
                TokenSinkResult::Continue
            }
            _ => TokenSinkResult::Continue,
        }
    }
}

impl Sink {
    fn start(&self, tag: &Tag) -> TokenSinkResult<()> {
        let attribute = |name: &str| {
            tag.attrs.iter().find(|attribute| &*attribute.name.local == name).map(|attribute| attribute.value.to_string())
        };
        let mut document = self.document.borrow_mut();
        match &*tag.name {
            "a" | "area" => document.links.extend(attribute("href")),
            "base" if document.base.is_none() => document.base = attribute("href"),
            "form" => {
                self.in_form.set(true);
                document.forms.push(Form {
                    method: attribute("method").map_or_else(|| "get".to_owned(), |method| method.trim().to_ascii_lowercase()),
                    action: attribute("action").filter(|action| !action.trim().is_empty()),
                    hidden: Vec::new(),
                });
            }
            "input" if self.in_form.get() => {
                let hidden = attribute("type").is_some_and(|kind| kind.trim().eq_ignore_ascii_case("hidden"));
                if let (true, Some(name), Some(form)) = (hidden, attribute("name"), document.forms.last_mut()) {
                    form.hidden.push((name, attribute("value").unwrap_or_default()));
                }
            }
            // What the tree builder would tell the tokenizer: the content of these is text, not markup.
            "title" | "textarea" => return TokenSinkResult::RawData(RawKind::Rcdata),
            "style" | "xmp" | "iframe" | "noembed" | "noframes" => return TokenSinkResult::RawData(RawKind::Rawtext),
            "script" => return TokenSinkResult::RawData(RawKind::ScriptData),
            "plaintext" => return TokenSinkResult::Plaintext,
            _ => {}
        }
        if document.links.len() > LINK_LIMIT
            || document.forms.len() > FORM_LIMIT
            || document.forms.last().is_some_and(|form| form.hidden.len() > INPUT_LIMIT)
        {
            self.over_limit.set(true);
        }
        TokenSinkResult::Continue
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
            "<a href=unquoted>x<area href='area'><textarea><a href=ta></textarea><a name=x>"
        ))
        .unwrap();
        assert_eq!(document.base.as_deref(), Some("https://a.example/x/"));
        assert_eq!(document.links, ["https://h/?a=1&b=2", "unquoted", "area"]);
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
        assert_eq!(document.forms[0].hidden, [("state".into(), "a\"b".into()), ("empty".into(), String::new())]);
        assert_eq!((document.forms[1].method.as_str(), document.forms[1].action.as_deref()), ("get", None));
        assert_eq!(document.forms.len(), 2);
    }

    #[test]
    fn hostile_documents_are_refused_and_nesting_is_free() {
        let nested = format!("{}<a href=deep>", "<div>".repeat(100_000));
        assert_eq!(read(&nested).unwrap().links, ["deep"]);
        let many: Vec<String> = (0..8_000).map(|n| format!("a{n}")).collect();
        assert_eq!(read(&format!("<p {}>", many.join(" "))), None);
        assert_eq!(read(&"<a href=x>".repeat(LINK_LIMIT + 1)), None);
        assert_eq!(read(&"x".repeat(SIZE_LIMIT + 1)), None);
        assert_eq!(read(&format!("<!--{}", "x".repeat(2 * TOKEN_LIMIT))), None);
        assert_eq!(read(&format!("<form>{}", "<input type=hidden name=x>".repeat(INPUT_LIMIT + 1))), None);
    }
}
