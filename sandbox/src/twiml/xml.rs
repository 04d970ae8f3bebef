//! Parses a document as XML, with the errors of Twilio's debugger.

use quick_xml::{
    XmlVersion,
    events::{BytesStart, Event},
    reader::Reader,
};

/// Maximum size of a document at Twilio (error 11750), bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// An XML element with the parts that Twilio reads. Comments and processing instructions are
/// dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Tag name, case sensitive.
    pub name: String,
    /// In document order, unescaped.
    pub attributes: Vec<(String, String)>,
    /// The element's own unescaped text, without the text of its children.
    pub text: String,
    /// The unescaped text with that of the children, in document order.
    pub whole: String,
    /// In document order.
    pub children: Vec<Element>,
}

impl Element {
    /// The attribute's value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.whole.push_str(text);
    }
}

/// An entry of Twilio's debugger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Twilio's error code: 12100 cannot be parsed, 12102 wrong root, 12200 violates the schema...
    pub code: u32,
    /// A description for people.
    pub detail: String,
}

pub(super) fn error<T>(code: u32, detail: impl Into<String>) -> Result<T, Error> {
    Err(Error {
        code,
        detail: detail.into(),
    })
}

/// XML 1.0 `Char`.
fn legal(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Parses a well-formed document. Returns its root element.
pub fn parse(document: &str) -> Result<Element, Error> {
    let unreadable = |detail: String| Error {
        code: 12100,
        detail: format!("Document parse failure: {detail}"),
    };
    if document.len() > MAX_BYTES {
        return error(11750, "TwiML response body too large");
    }
    if let Some(c) = document.chars().find(|c| !legal(*c)) {
        return Err(unreadable(format!("character {c:?}")));
    }
    let mut reader = Reader::from_str(document);
    reader.config_mut().check_comments = true;
    let mut at_start = document.starts_with("<?xml");
    let mut open = vec![Element::default()]; // the document itself
    loop {
        let event = reader.read_event().map_err(|e| unreadable(e.to_string()))?;
        let last = open
            .last_mut()
            .expect("an end tag without a start is the reader's error");
        match event {
            Event::Start(tag) => open.push(element(&tag).map_err(unreadable)?),
            Event::Empty(tag) => last.children.push(element(&tag).map_err(unreadable)?),
            Event::End(_) => {
                let closed = open.pop().expect("see above");
                let parent = open.last_mut().expect("see above");
                parent.whole.push_str(&closed.whole);
                parent.children.push(closed);
            }
            Event::Text(text) if text.contains("]]>") => {
                return Err(unreadable("]]> in text".to_owned()));
            }
            Event::Text(text) => last.push(&text.xml10_content()),
            Event::CData(text) => last.push(&text.xml10_content()),
            Event::GeneralRef(name) => match name
                .resolve_char_ref()
                .map_err(|e| unreadable(e.to_string()))?
            {
                Some(c) if legal(c) => last.push(c.encode_utf8(&mut [0; 4])),
                Some(c) => return Err(unreadable(format!("reference to {c:?}"))),
                None => match quick_xml::escape::resolve_predefined_entity(&name) {
                    Some(text) => last.push(text),
                    None => return Err(unreadable(format!("entity &{};", &*name))),
                },
            },
            Event::Decl(_) if !at_start => {
                return Err(unreadable("XML declaration not at the start".to_owned()));
            }
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::DocType(_) => return Err(unreadable("document type declaration".to_owned())),
            Event::Eof => break,
        }
        at_start = false;
    }
    match (open.pop(), open.pop()) {
        (Some(mut whole), None) if whole.children.len() == 1 && whole.text.trim().is_empty() => {
            Ok(whole.children.remove(0))
        }
        (Some(_), None) => Err(unreadable("not exactly one root element".to_owned())),
        _ => Err(unreadable("unclosed element".to_owned())),
    }
}

fn element(tag: &BytesStart<'_>) -> Result<Element, String> {
    let attributes = tag.attributes().map(|attribute| {
        let attribute = attribute.map_err(|e| e.to_string())?;
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|e| e.to_string())?;
        if attribute.value.contains('<') || !value.chars().all(legal) {
            return Err(format!("attribute value {value:?}"));
        }
        Ok((attribute.key.as_ref().to_owned(), value.into_owned()))
    });
    Ok(Element {
        name: tag.name().as_ref().to_owned(),
        attributes: attributes.collect::<Result<_, _>>()?,
        ..Element::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_documents_are_read() {
        for document in [
            "",
            "hello",
            "<Response>",
            "<Response></response>",
            "<Response/><Response/>",
            "<Response/>x",
            "<Response><Message>a & b</Message></Response>",
            "<Response><Message>&nbsp;</Message></Response>",
            "<Response><Message>&#11;</Message></Response>",
            "<Response><Message>\u{8}</Message></Response>",
            "<Response><Message>]]></Message></Response>",
            r#"<Response><Message to="1" to="2">x</Message></Response>"#,
            r#"<Response><Message to="<">x</Message></Response>"#,
            "<!DOCTYPE x><Response/>",
            " <?xml version=\"1.0\"?><Response/>",
            "<Response/><?xml version=\"1.0\"?>",
        ] {
            assert_eq!(
                parse(document).map_err(|e| e.code),
                Err(12100),
                "{document}"
            );
        }
        assert_eq!(
            parse(&" ".repeat(MAX_BYTES + 1)).map_err(|e| e.code),
            Err(11750)
        );
    }
}
