//! The verbs of messages.

use super::{
    schema::{check, response},
    xml::{Element, Error, error},
};

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
    }
}
