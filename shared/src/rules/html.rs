//! The parts of HTML that we read: the targets of links, the forms, and the language. A tokenizer only, no tree,
//! so nesting costs nothing (<https://html.spec.whatwg.org/multipage/parsing.html#tokenization>).
//!
//! The tokenizer hands over a tag only at its end, and compares each attribute with all earlier
//! attributes of the tag. So a tag of 150,000 attributes would cost ten thousand million
//! comparisons before we saw it. Therefore the text is fed in small pieces, and the bytes that can
//! divide attributes are counted since the last token.

use std::cell::{Cell, RefCell};

use html5ever::tokenizer::states::{Rawtext, Rcdata, ScriptData};
use html5ever::tokenizer::{
    BufferQueue, EndTag, Tag, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

/// Mails and confirmation pages are tens of kilobytes.
const SIZE_LIMIT: usize = 512 * 1024;
const LINK_LIMIT: usize = 1_000;
const FORM_LIMIT: usize = 100;
const INPUT_LIMIT: usize = 100;
/// Attributes of one tag.
const ATTRIBUTE_LIMIT: usize = 1_000;
/// Bytes that are fed at once.
const PIECE: usize = 1024;
/// Blanks, slashes and quotes since the last token. Each attribute has one before it. Text brings tokens with it, so only a tag or a
/// comment has many. A comment for Outlook of 40 kB passes; so does a picture of 500 kB, because one character of base64 in 64 is a
/// slash. A tag with so many attributes costs a hundred million comparisons, once: it has more than `ATTRIBUTE_LIMIT`.
const DIVIDER_LIMIT: usize = 14_000;

/// The links, the forms and the language of a document.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// `href` of the first `<base>`.
    pub base: Option<String>,
    /// `href` of every `<a>` and `<area>`, entities resolved.
    pub links: Vec<String>,
    /// Every `<form>`.
    pub forms: Vec<Form>,
    /// `content` of the first `<meta name="language">` that has one. The attribute `lang` says less:
    /// many templates have the one that they were copied with.
    pub language: Option<String>,
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
    read_in_pieces(text).0
}

/// The document, and how many pieces of the text were read.
fn read_in_pieces(text: &str) -> (Option<Document>, usize) {
    if text.len() > SIZE_LIMIT {
        return (None, 0);
    }
    // The tokenizer would take a mark away wherever a piece begins with one.
    let options = TokenizerOpts {
        discard_bom: false,
        ..TokenizerOpts::default()
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tokenizer = Tokenizer::new(Reader::default(), options);
    let reader = &tokenizer.sink;
    let (mut rest, mut count, mut dividers) = (text, 0, 0);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        (rest, count) = (after, count + 1);
        dividers += piece.bytes().filter(|byte| divides(*byte)).count();
        let queue = BufferQueue::default();
        queue.push_back(piece.into());
        // The reader never asks for a script to be run, so the tokenizer takes the whole piece.
        let _ = tokenizer.feed(&queue);
        if reader.has_token.take() {
            dividers = 0;
        }
        if dividers > DIVIDER_LIMIT || reader.over_limit.get() {
            return (None, count);
        }
    }
    tokenizer.end();
    let is_over = reader.over_limit.get();
    let document = reader.document.take();
    ((!is_over).then_some(document), count)
}

/// Whether an attribute can begin after this byte.
fn divides(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'/' | b'"' | b'\'')
}

#[derive(Default)]
struct Reader {
    document: RefCell<Document>,
    in_form: Cell<bool>,
    /// Whether a token came since the last piece.
    has_token: Cell<bool>,
    over_limit: Cell<bool>,
}

impl TokenSink for Reader {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            // A duplicate attribute is a parse error, not a token. It must not reset the count of
            // dividers.
            Token::ParseError(_) => return TokenSinkResult::Continue,
            Token::TagToken(tag) if !self.over_limit.get() => {
                self.has_token.set(true);
                return self.tag(&tag);
            }
            _ => self.has_token.set(true),
        }
        TokenSinkResult::Continue
    }
}

impl Reader {
    /// Takes a tag. Returns how its content is read, if not as markup.
    fn tag(&self, tag: &Tag) -> TokenSinkResult<()> {
        if tag.kind == EndTag {
            if &*tag.name == "form" {
                self.in_form.set(false);
            }
            return TokenSinkResult::Continue;
        }
        self.start(tag);
        match &*tag.name {
            "title" | "textarea" => TokenSinkResult::RawData(Rcdata),
            "style" | "xmp" | "iframe" | "noembed" | "noframes" => {
                TokenSinkResult::RawData(Rawtext)
            }
            "script" => TokenSinkResult::RawData(ScriptData),
            "plaintext" => TokenSinkResult::Plaintext,
            _ => TokenSinkResult::Continue,
        }
    }

    fn start(&self, tag: &Tag) {
        let value = |name: &str| {
            let mut attributes = tag.attrs.iter();
            let found = attributes.find(|attribute| &*attribute.name.local == name);
            found.map(|attribute| attribute.value.to_string())
        };
        let document = &mut *self.document.borrow_mut();
        match &*tag.name {
            "a" | "area" => document.links.extend(value("href")),
            "base" if document.base.is_none() => document.base = value("href"),
            "meta" if document.language.is_none() => {
                let name = value("name").unwrap_or_default();
                if name.trim().eq_ignore_ascii_case("language") {
                    document.language = value("content").filter(|tag| !tag.trim().is_empty());
                }
            }
            "form" => {
                self.in_form.set(true);
                let method = value("method").unwrap_or_else(|| "get".to_owned());
                document.forms.push(Form {
                    method: method.trim().to_ascii_lowercase(),
                    action: value("action").filter(|action| !action.trim().is_empty()),
                    hidden: Vec::new(),
                });
            }
            "input" if self.in_form.get() => {
                let is_hidden =
                    value("type").is_some_and(|kind| kind.trim().eq_ignore_ascii_case("hidden"));
                if let (true, Some(name), Some(form)) =
                    (is_hidden, value("name"), document.forms.last_mut())
                {
                    form.hidden.push((name, value("value").unwrap_or_default()));
                }
            }
            _ => {}
        }
        let hidden = document.forms.last().map_or(0, |form| form.hidden.len());
        self.over_limit.set(
            tag.attrs.len() > ATTRIBUTE_LIMIT
                || document.links.len() > LINK_LIMIT
                || document.forms.len() > FORM_LIMIT
                || hidden > INPUT_LIMIT,
        );
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
            "<noscript><a href=shown></noscript><base href='https://b.example/'><plaintext><a href=p>"
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

    /// What mails and confirmation pages look like, and what browsers make of them.
    #[test]
    fn documents_and_their_links() {
        for (document, links) in [
            // Mails made by Outlook's rules hold a picture of a button for it alone, in a comment.
            (
                "<!--[if mso | IE]><v:roundrect href=\"https://c/\"><![endif]--><a href=\"about:blank\" target=\"_blank\"><img src=x></a><a href=\"https://h/?t=1#\" style=\"color:#0a84ae\">\n  VERIFY\n</a><!--[if mso | IE]></td><![endif]-->",
                &["about:blank", "https://h/?t=1#"][..],
            ),
            // Escaped twice it is no link.
            (
                "<a href='http:&amp;#x2F;&amp;#x2F;h'>",
                &["http:&#x2F;&#x2F;h"],
            ),
            ("<a href='http:&#x2F;&#47;h&#x2f;'>", &["http://h/"]),
            ("<a href=\"a&amp;b&lt;c&quot;d&#39;e\">", &["a&b<c\"d'e"]),
            ("<a href='?a=1&copy=2&notit;&lt'>", &["?a=1&copy=2&notit;<"]),
            (
                "<a href='&NotEqualTilde;&#128;&#0;&#xD800;'>",
                &["\u{2242}\u{338}\u{20ac}\u{fffd}\u{fffd}"],
            ),
            ("<a href='a\r\nb\rc\nd\te'>", &["a\nb\nc\nd\te"]),
            ("<A\n\tHREF =\r\n x>", &["x"]),
            ("<a/href=x/>", &["x/"]),
            ("<a href='x'name=y>", &["x"]),
            ("<a href=x href=y>", &["x"]),
            ("<a name=x HREF>", &[""]),
            ("<a href=a\0b>", &["a\u{fffd}b"]),
            ("<a href=\"<a href=x>\">", &["<a href=x>"]),
            ("<a title='>' href=x>", &["x"]),
            ("<a title=\"href=y\" href=x>", &["x"]),
            ("<a href='x", &[]),
            ("<a href=x", &[]),
            ("</a href=x>", &[]),
            ("< a href=x>", &[]),
            ("<ab href=x><aside href=x><link href=x>", &[]),
            ("<!-- <a href=x> --!><a href=y>", &["y"]),
            ("<!--><a href=x>", &["x"]),
            ("<!a><?b <a href=x><a href=y>", &["y"]),
            ("<![CDATA[<a href=x>]]><a href=y>", &["y"]),
            (
                "<script><!--<script></script><a href=x></script>--></script><a href=y>",
                &["y"],
            ),
            ("<title></titles><a href=x></title ><a href=y>", &["y"]),
            (
                "\u{feff}<a href=x>\u{e9}\u{1f44d}<a href=\u{e9}>",
                &["x", "\u{e9}"],
            ),
        ] {
            assert_eq!(read(document).unwrap().links, links, "{document}");
            // Wherever it is cut into pieces.
            let shifted = format!("{}{document}", "x".repeat(PIECE - document.len() / 2));
            assert_eq!(
                read(&shifted).unwrap().links.len(),
                links.len(),
                "{document}"
            );
        }
    }

    #[test]
    fn only_the_mark_at_the_beginning_is_no_part_of_the_text() {
        let link = format!("{}\u{feff}b", "a".repeat(PIECE - "<a href=".len()));
        for mark in ["", "\u{feff}"] {
            let document = read(&format!("{mark}<a href={link}>")).unwrap();
            assert_eq!(document.links, [&*link]);
        }
    }

    #[test]
    fn the_first_filled_meta_names_the_language() {
        for (document, language) in [
            ("<html lang=en><meta name=language content=da>", Some("da")),
            ("<META NAME=' Language ' CONTENT='pt-BR'/>", Some("pt-BR")),
            (
                "<meta name=language content=' '><meta name=language content=sv><meta name=language content=da>",
                Some("sv"),
            ),
            ("<html lang=da><meta name=lang content=da>", None),
            (
                "<meta name=language><!-- <meta name=language content=da> -->",
                None,
            ),
            ("<title><meta name=language content=da></title>", None),
        ] {
            assert_eq!(read(document).unwrap().language.as_deref(), language);
        }
    }

    /// Each piece of 1 kB costs at most as many comparisons as there are attributes, so few pieces are little work.
    #[test]
    fn a_tag_of_half_a_megabyte_is_given_up_after_a_few_pieces() {
        let distinct = |n: usize| (0..n).fold(String::new(), |all, n| format!("{all} {n:x}"));
        for attributes in [
            distinct(100_000),
            " a".repeat(250_000),
            "/a".repeat(250_000),
            "a=''".repeat(125_000),
            "a=\"\"".repeat(125_000),
            "\n".repeat(500_000),
        ] {
            let document = format!("<a {attributes} href=x>");
            let (read, pieces) = read_in_pieces(&document[..500_000]);
            assert_eq!(read, None, "{}", &attributes[..20]);
            let most = DIVIDER_LIMIT * 6 / PIECE + 2;
            assert!(pieces <= most, "{pieces} of {}", &attributes[..20]);
        }
        // Neither do many such tags add up: the first is one too many.
        let tag = format!("<a {}>", distinct(ATTRIBUTE_LIMIT + 1));
        let (read, pieces) = read_in_pieces(&tag.repeat(50));
        assert!(
            read.is_none() && pieces <= tag.len() / PIECE + 1,
            "{pieces}"
        );
        assert_eq!(read_in_pieces(&"x".repeat(2 * PIECE + 1)).1, 3);
    }

    #[test]
    fn hostile_documents_are_refused_and_nesting_is_free() {
        let nested = format!("{}<a href=deep>", "<div>".repeat(100_000));
        assert_eq!(read(&nested).unwrap().links, ["deep"]);
        let many =
            |n: usize| (0..n).fold("<a".to_owned(), |all, n| format!("{all} a{n}")) + " href=x>";
        assert_eq!(read(&many(ATTRIBUTE_LIMIT - 1)).unwrap().links, ["x"]);
        assert_eq!(read(&many(ATTRIBUTE_LIMIT)), None);
        let harmless_afterwards = "<a href=y>".repeat(2 * PIECE / "<a href=y>".len());
        assert_eq!(read(&(many(ATTRIBUTE_LIMIT) + &harmless_afterwards)), None);
        let links = |n: usize| read(&"<a href=x>".repeat(n)).map(|read| read.links.len());
        assert_eq!(links(LINK_LIMIT), Some(LINK_LIMIT));
        assert_eq!(links(LINK_LIMIT + 1), None);
        let forms = |n: usize| read(&"<form>".repeat(n)).map(|read| read.forms.len());
        assert_eq!(forms(FORM_LIMIT), Some(FORM_LIMIT));
        assert_eq!(forms(FORM_LIMIT + 1), None);
        assert_eq!(read(&"x".repeat(SIZE_LIMIT + 1)), None);
        assert!(read(&"x".repeat(SIZE_LIMIT)).is_some());
        assert_eq!(
            read(&format!("<a href=x><!--{}", "x".repeat(400_000)))
                .unwrap()
                .links,
            ["x"]
        );
        let letters = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqr/";
        let picture = format!(
            "<img src='data:image/png;base64,{}'><a href=x>",
            letters.repeat(7_000)
        );
        assert_eq!(read(&picture).unwrap().links, ["x"]);
        let for_outlook = "<td style=\"width: 600px\" align=\"center\">".repeat(1_000);
        let comment = format!("<!--[if mso]>{for_outlook}<![endif]--><a href=x>");
        assert!(comment.len() > 40_000);
        assert_eq!(read(&comment.repeat(5)).unwrap().links, ["x"; 5]);
        let fields = |n: usize| {
            let form = format!("<form>{}", "<input type=hidden name=x>".repeat(n));
            read(&form).map(|read| read.forms[0].hidden.len())
        };
        assert_eq!(fields(INPUT_LIMIT), Some(INPUT_LIMIT));
        assert_eq!(fields(INPUT_LIMIT + 1), None);
    }
}
