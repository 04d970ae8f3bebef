//! What documents may contain: the root, the attributes and children of an element, and the values
//! of attributes.

use std::ops::RangeInclusive;

use super::xml::{Element, Error, error, parse};

/// The keys of a phone.
pub(super) const KEYS: &str = "0123456789*#";

/// The root of a document that is a plain `<Response>` with verbs.
pub(super) fn response(document: &str) -> Result<Element, Error> {
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
pub(super) fn check(
    element: &Element,
    attributes: &[&str],
    children: &[&str],
) -> Result<(), Error> {
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

/// Checks that an element has no text besides its children.
pub(super) fn no_text(element: &Element) -> Result<(), Error> {
    if element.text.trim().is_empty() {
        Ok(())
    } else {
        error(12200, format!("text in <{}>", element.name))
    }
}

/// The attribute's value, if it passes `fits`. `code` is the error for a wrong value.
pub(super) fn value<'a>(
    element: &'a Element,
    name: &str,
    code: u32,
    fits: impl Fn(&str) -> bool,
) -> Result<Option<&'a str>, Error> {
    match element.attribute(name) {
        Some(value) if !fits(value) => error(
            code,
            format!("{}: Invalid {name} value {value:?}", element.name),
        ),
        value => Ok(value),
    }
}

pub(super) fn one_of<'a>(
    element: &'a Element,
    name: &str,
    code: u32,
    words: &[&str],
) -> Result<Option<&'a str>, Error> {
    value(element, name, code, |value| words.contains(&value))
}

pub(super) fn number(
    element: &Element,
    name: &str,
    code: u32,
    range: RangeInclusive<u32>,
) -> Result<Option<u32>, Error> {
    let digits = value(element, name, code, |value| {
        value.bytes().all(|b| b.is_ascii_digit())
            && value.parse().is_ok_and(|number| range.contains(&number))
    })?;
    Ok(digits.and_then(|digits| digits.parse().ok()))
}

pub(super) fn flag(element: &Element, name: &str, code: u32) -> Result<Option<bool>, Error> {
    Ok(one_of(element, name, code, &["true", "false"])?.map(|word| word == "true"))
}

pub(super) fn method(element: &Element, code: u32) -> Result<String, Error> {
    Ok(one_of(element, "method", code, &["GET", "POST"])?
        .unwrap_or("POST")
        .to_owned())
}

pub(super) fn owned(value: Option<&str>) -> Option<String> {
    value.map(str::to_owned)
}
