//! Where in a body the parts of a request are: `GENERIC_MAPPING`, a JSON object of JSON pointers
//! (RFC 6901).

use serde_json::{Map, Value};
use shared::platform::config::Source;

/// The pointers. Those that are `None` are not in the mapping.
#[derive(Debug, Default)]
pub(super) struct Mapping {
    pub(super) recipient: Pointer,
    /// The text as it is sent. It is taken before the code.
    pub(super) text: Pointer,
    /// The code, for `CODE_TEXT`.
    pub(super) code: Pointer,
    /// How the person wants the code.
    pub(super) channel: Pointer,
    /// What is the same in all copies of a request, and in no other request.
    pub(super) id: Pointer,
    /// The language of `CODE_TEXT`.
    pub(super) locale: Pointer,
    /// The IP address of the person.
    pub(super) ip: Pointer,
}

/// A JSON pointer, if the mapping has it.
#[derive(Debug, Default)]
pub(super) struct Pointer(Option<String>);

impl Pointer {
    /// The value in a body; null counts as nothing.
    pub(super) fn find<'a>(&self, body: &'a Value) -> Option<&'a Value> {
        let found = body.pointer(self.0.as_deref()?)?;
        (!found.is_null()).then_some(found)
    }

    /// The text in a body; blanks count as nothing.
    pub(super) fn text<'a>(&self, body: &'a Value) -> Option<&'a str> {
        let text = self.find(body)?.as_str()?;
        (!text.trim().is_empty()).then_some(text)
    }

    fn take(object: &mut Map<String, Value>, name: &str, source: &mut Source<'_>) -> Self {
        let Some(value) = object.remove(name) else {
            return Self(None);
        };
        let pointer = value.as_str().filter(|text| is_pointer(text));
        if pointer.is_none() {
            source.problem(format!(
                "GENERIC_MAPPING: {name} must be a JSON pointer, such as /payload/code"
            ));
        }
        // Noted as a problem, or not: the mapping has it.
        Self(Some(pointer.unwrap_or_default().to_owned()))
    }
}

/// Steps that begin with a slash; `~` only as `~0` and `~1`.
fn is_pointer(text: &str) -> bool {
    text.starts_with('/')
        && text
            .split('~')
            .skip(1)
            .all(|rest| rest.starts_with(['0', '1']))
}

impl Mapping {
    pub(super) fn read(source: &mut Source<'_>) -> Self {
        let text = source.required("GENERIC_MAPPING");
        if text.is_empty() {
            return Self::default();
        }
        let Ok(Value::Object(mut object)) = serde_json::from_str(&text) else {
            source.problem(
                r#"GENERIC_MAPPING is no JSON object of JSON pointers, such as {"recipient":"/to","code":"/payload/code"}"#,
            );
            return Self::default();
        };
        let mut take = |name| Pointer::take(&mut object, name, source);
        let mapping = Self {
            recipient: take("recipient"),
            text: take("text"),
            code: take("code"),
            channel: take("channel"),
            id: take("id"),
            locale: take("locale"),
            ip: take("ip"),
        };
        for name in object.keys() {
            source.problem(format!(
                "GENERIC_MAPPING: {name} is not one of recipient, text, code, channel, id, locale, ip"
            ));
        }
        if mapping.recipient.0.is_none() {
            source.problem("GENERIC_MAPPING lacks recipient, the pointer to the phone number");
        }
        if mapping.text.0.is_none() && mapping.code.0.is_none() {
            source.problem("GENERIC_MAPPING lacks text or code, the pointer to what is sent");
        }
        mapping
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared::platform::config;

    use super::*;

    fn problems(mapping: &str) -> Vec<String> {
        let lookup = |_: &str| Some(mapping.to_owned());
        config::read(&lookup, Mapping::read).map_or_else(|problems| problems.0, |_| Vec::new())
    }

    #[test]
    fn what_is_absent_null_or_blank_is_not_found() {
        let pointer = Pointer(Some("/a".to_owned()));
        for (body, found, text) in [
            (json!({ "a": "x" }), Some(json!("x")), Some("x")),
            (json!({ "a": " " }), Some(json!(" ")), None),
            (json!({ "a": 7 }), Some(json!(7)), None),
            (json!({ "a": null }), None, None),
            (json!({ "b": "x" }), None, None),
        ] {
            assert_eq!(pointer.find(&body), found.as_ref(), "{body}");
            assert_eq!(pointer.text(&body), text, "{body}");
            assert_eq!(Pointer(None).find(&body), None, "{body}");
        }
    }

    #[test]
    fn all_problems_of_a_mapping_are_named() {
        assert_eq!(
            problems(r#"{"recipient":"/to","code":"/payload/code","id":"/a~1b/0"}"#),
            [""; 0]
        );
        assert_eq!(
            problems(r#"{"text":"text","code":7,"locale":"/~2","sender":"/from"}"#),
            [
                "GENERIC_MAPPING: text must be a JSON pointer, such as /payload/code",
                "GENERIC_MAPPING: code must be a JSON pointer, such as /payload/code",
                "GENERIC_MAPPING: locale must be a JSON pointer, such as /payload/code",
                "GENERIC_MAPPING: sender is not one of recipient, text, code, channel, id, locale, ip",
                "GENERIC_MAPPING lacks recipient, the pointer to the phone number",
            ]
        );
        assert_eq!(
            problems(r#"{"recipient":""}"#),
            [
                "GENERIC_MAPPING: recipient must be a JSON pointer, such as /payload/code",
                "GENERIC_MAPPING lacks text or code, the pointer to what is sent",
            ]
        );
        for no_object in ["x", "[]", "null", r#"{"recipient":"/to""#] {
            assert_eq!(problems(no_object).len(), 1, "{no_object}");
        }
    }
}
