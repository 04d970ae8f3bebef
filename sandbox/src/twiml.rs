//! Parses `TwiML` for messages and calls, as strictly as its documentation.
//!
//! Rules: <https://www.twilio.com/docs/messaging/twiml> and
//! <https://www.twilio.com/docs/voice/twiml>, with verbs and attributes as in twilio-node's
//! `MessagingResponse.ts` and `VoiceResponse.ts`. Twilio itself only warns about an unknown verb
//! (12200) or a wrong value. Here both are errors, because no function writes one intentionally.

use quick_xml::{
    XmlVersion,
    events::{BytesStart, Event},
    reader::Reader,
};

mod voice;

pub use voice::{Dial, Gather, Record, VoiceVerb, voice};

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
}

/// An entry of Twilio's debugger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Twilio's error code: 12100 cannot be parsed, 12102 wrong root, 12200 violates the schema...
    pub code: u32,
    /// A description for people.
    pub detail: String,
}

fn error<T>(code: u32, detail: impl Into<String>) -> Result<T, Error> {
    Err(Error {
        code,
        detail: detail.into(),
    })
}

/// A verb of a messaging document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `<Message>`: a text to send.
    Message {
        /// Default: the sender of the inbound message.
        to: Option<String>,
        /// Default: the number that received the inbound message.
        from: Option<String>,
        /// May be empty if there is media.
        body: String,
        /// URLs of the media.
        media: Vec<String>,
    },
    /// `<Redirect>`: the dialogue continues with the document at this URL. A relative URL is
    /// resolved against the current document's.
    Redirect {
        /// The URL as written.
        url: String,
        /// `GET` or `POST` (default).
        method: String,
    },
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
                open.last_mut().expect("see above").children.push(closed);
            }
            Event::Text(text) if text.contains("]]>") => {
                return Err(unreadable("]]> in text".to_owned()));
            }
            Event::Text(text) => last.text.push_str(&text.xml10_content()),
            Event::CData(text) => last.text.push_str(&text.xml10_content()),
            Event::GeneralRef(name) => match name
                .resolve_char_ref()
                .map_err(|e| unreadable(e.to_string()))?
            {
                Some(c) if legal(c) => last.text.push(c),
                Some(c) => return Err(unreadable(format!("reference to {c:?}"))),
                None => match quick_xml::escape::resolve_predefined_entity(&name) {
                    Some(text) => last.text.push_str(text),
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

/// The root of a document that is a plain `<Response>` with verbs.
fn response(document: &str) -> Result<Element, Error> {
    let root = parse(document)?;
    if root.name != "Response" || !root.attributes.is_empty() {
        return error(
            12102,
            format!("Document is not a plain <Response>: <{}>", root.name),
        );
    }
    if !root.text.trim().is_empty() {
        return error(12200, "text outside a verb");
    }
    Ok(root)
}

/// Checks that an element has only these attributes and children.
fn check(element: &Element, attributes: &[&str], children: &[&str]) -> Result<(), Error> {
    let stray = element
        .attributes
        .iter()
        .map(|(name, _)| name)
        .find(|name| !attributes.contains(&name.as_str()));
    let stray = stray.or_else(|| {
        element
            .children
            .iter()
            .map(|child| &child.name)
            .find(|name| !children.contains(&name.as_str()))
    });
    stray.map_or(Ok(()), |stray| {
        error(
            12200,
            format!("{stray} is not allowed in <{}>", element.name),
        )
    })
}

/// The verbs of an answer to an inbound message.
pub fn messaging(document: &str) -> Result<Vec<Verb>, Error> {
    response(document)?.children.iter().map(verb).collect()
}

fn verb(element: &Element) -> Result<Verb, Error> {
    match element.name.as_str() {
        "Message" => {
            check(
                element,
                &["to", "from", "action", "method", "statusCallback"],
                &["Body", "Media"],
            )?;
            let mut body = if element.children.is_empty() {
                element.text.clone()
            } else {
                element.text.trim().to_owned()
            };
            let mut media = Vec::new();
            for child in &element.children {
                check(child, &[], &[])?;
                match child.name.as_str() {
                    "Body" if !body.is_empty() => {
                        return error(12200, "a second text in <Message>");
                    }
                    "Body" => body.clone_from(&child.text),
                    _ => media.push(child.text.trim().to_owned()),
                }
            }
            if body.is_empty() && media.is_empty() {
                return error(14103, "Invalid Body: nothing to send");
            }
            Ok(Verb::Message {
                to: element.attribute("to").map(str::to_owned),
                from: element.attribute("from").map(str::to_owned),
                body,
                media,
            })
        }
        "Redirect" => {
            check(element, &["method"], &[])?;
            let method = element.attribute("method").unwrap_or("POST").to_owned();
            if !matches!(method.as_str(), "GET" | "POST") || element.text.trim().is_empty() {
                return error(12200, "<Redirect> needs a URL and GET or POST");
            }
            Ok(Verb::Redirect {
                url: element.text.trim().to_owned(),
                method,
            })
        }
        name => error(12200, format!("<{name}> is not a messaging verb")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Verb {
        Verb::Message {
            to: None,
            from: None,
            body: body.to_owned(),
            media: vec![],
        }
    }

    #[test]
    fn verbs_are_read() {
        let head = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
        for (document, verbs) in [
            ("<Response/>".to_owned(), vec![]),
            (format!("{head}\n<Response>\n</Response>\n"), vec![]),
            (format!("{head}<Response><Message>Æ &lt;b&gt; &amp; &quot;&#x1F600;&#10;</Message></Response>"), vec![message("Æ <b> & \"😀\n")]),
            (
                "<Response><Message><Body> a </Body></Message><!-- c --><Message><![CDATA[<x>]]></Message></Response>".to_owned(),
                vec![message(" a "), message("<x>")],
            ),
            (
                r#"<Response><Message to="+4512345678" from='+15005550006'>t<Media> http://x/?a=1&amp;b=2 </Media></Message></Response>"#.to_owned(),
                vec![Verb::Message {
                    to: Some("+4512345678".to_owned()),
                    from: Some("+15005550006".to_owned()),
                    body: "t".to_owned(),
                    media: vec!["http://x/?a=1&b=2".to_owned()],
                }],
            ),
            (
                "<Response><Redirect method=\"GET\">../x</Redirect></Response>".to_owned(),
                vec![Verb::Redirect { url: "../x".to_owned(), method: "GET".to_owned() }],
            ),
        ] {
            assert_eq!(messaging(&document).as_ref(), Ok(&verbs), "{document}");
        }
    }

    #[test]
    fn faults_are_named_as_twilio_names_them() {
        for (document, code) in [
            ("", 12100),
            ("hello", 12100),
            ("<Response>", 12100),
            ("<Response></response>", 12100),
            ("<Response/><Response/>", 12100),
            ("<Response/>x", 12100),
            ("<Response><Message>a & b</Message></Response>", 12100),
            ("<Response><Message>&nbsp;</Message></Response>", 12100),
            ("<Response><Message>&#11;</Message></Response>", 12100),
            ("<Response><Message>\u{8}</Message></Response>", 12100),
            ("<Response><Message>]]></Message></Response>", 12100),
            (
                r#"<Response><Message to="1" to="2">x</Message></Response>"#,
                12100,
            ),
            (r#"<Response><Message to="<">x</Message></Response>"#, 12100),
            ("<!DOCTYPE x><Response/>", 12100),
            (" <?xml version=\"1.0\"?><Response/>", 12100),
            ("<Response/><?xml version=\"1.0\"?>", 12100),
            ("<response/>", 12102),
            ("<Message>x</Message>", 12102),
            ("<Response>x</Response>", 12200),
            ("<Response><Say>x</Say></Response>", 12200),
            ("<Response><message>x</message></Response>", 12200),
            (r#"<Response><Message To="1">x</Message></Response>"#, 12200),
            (
                "<Response><Message>x<Body>y</Body></Message></Response>",
                12200,
            ),
            ("<Response><Message><b>y</b></Message></Response>", 12200),
            ("<Response><Redirect/></Response>", 12200),
            ("<Response><Message/></Response>", 14103),
        ] {
            assert_eq!(
                messaging(document).map_err(|e| e.code),
                Err(code),
                "{document}"
            );
        }
        assert_eq!(
            parse(&" ".repeat(MAX_BYTES + 1)).map_err(|e| e.code),
            Err(11750)
        );
    }
}
