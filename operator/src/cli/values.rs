//! Values on the command line.

use shared::rules::phone::E164;

pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("is not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(crate) fn e164(text: &str) -> Result<E164, String> {
    text.parse().map_err(|_| {
        "is not a possible number with its country code, such as +4512345678".to_owned()
    })
}

pub(super) fn account(text: &str) -> Result<String, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| text.to_owned())
        .ok_or_else(|| "an account number has digits only".to_owned())
}
