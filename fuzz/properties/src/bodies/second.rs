//! A second reader of the bodies. It says what must be read, and by which rule of two members with
//! one name.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sandbox::segments::segments;
use shared::platform::time::from_iso;
use shared::rules::phone::E164;
use shared::rules::sms::is_sender;

use super::tree::Tree;
use super::{LIFE, Meaning, Read};
use crate::senders::now;

const MALFORMED: &str = "malformed_body";
const EVENT: &str = "malformed_event";
const UNREADABLE: &str = "unreadable_code";

/// What an entrance must read.
pub(super) fn read(letter: u8, body: &Tree, can_call: bool) -> Read {
    match letter {
        b'a' => auth0(body, can_call),
        b'b' => okta(body),
        b'c' => webhook(body),
        b'd' => generic(body, can_call),
        b'e' => cognito(body),
        b'j' => used(body),
        b't' => hook(body),
        _ => flow(body),
    }
}

/// A text of an optional member: null is nothing, any other value is an error.
fn optional(tree: Option<&Tree>) -> Result<Option<&str>, &'static str> {
    match tree {
        None => Ok(None),
        Some(null) if null.is_null() => Ok(None),
        Some(tree) => tree.text().map(Some).ok_or(MALFORMED),
    }
}

fn filled(tree: Option<&Tree>) -> Option<&str> {
    tree?.text().filter(|text| !text.trim().is_empty())
}

fn number(text: &str) -> Result<String, &'static str> {
    let found = E164::from_written(text).filter(|_| !text.contains(char::is_control));
    let number = found.ok_or("impossible_number")?.reveal().to_owned();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    assert_eq!(number, format!("+{digits}"), "another number than was sent");
    assert!((7..=15).contains(&digits.len()) && !digits.starts_with('0'));
    Ok(number)
}

fn is_voice(tree: Option<&Tree>) -> bool {
    let word = tree.and_then(Tree::text).unwrap_or_default();
    ["voice", "call"].contains(&word.trim().to_ascii_lowercase().as_str())
}

fn fit(text: &str, outcome: &'static str) -> Result<String, &'static str> {
    let allowed = |c: char| !c.is_control() || "\r\n\t".contains(c);
    let is_fit = !text.trim().is_empty() && text.chars().all(allowed) && segments(text) <= 6;
    is_fit.then(|| text.to_owned()).ok_or(outcome)
}

/// The text of the settings, in two languages.
fn around(code: &str, locale: Option<&str>) -> String {
    let locale = locale.unwrap_or_default().trim().to_ascii_lowercase();
    let is_danish = locale.split(['-', '_']).next() == Some("da");
    format!("{} {code}", if is_danish { "Kode" } else { "Code" })
}

fn meaning<'a>(pairs: impl IntoIterator<Item = (&'static str, Option<&'a str>)>) -> Meaning {
    let there = pairs
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?.to_owned())));
    there.collect()
}

fn network(tree: Option<&Tree>) -> Option<&'static str> {
    let ip = tree.and_then(Tree::text)?.trim().parse::<IpAddr>();
    ip.ok().map(|_| "known")
}

fn auth0(body: &Tree, can_call: bool) -> Read {
    let names = [
        "recipient",
        "body",
        "text",
        "sender",
        "from",
        "code",
        "as_voice",
        "language",
        "delivery_method",
        "message_type",
        "channel",
        "req",
    ];
    if !body.has_once(&names) {
        return Err(MALFORMED);
    }
    let [recipient, text, action, sender, from] =
        ["recipient", "body", "text", "sender", "from"].map(|name| optional(body.get(name)));
    let (recipient, text, action) = (recipient?, text?, action?);
    let (sender, from) = (sender?, from?);
    let methods = ["delivery_method", "message_type", "channel"];
    let by_voice = methods.iter().any(|name| is_voice(body.get(name)));
    if by_voice && !can_call {
        return Err("voice_not_supported");
    }
    let (text, from) = match (text, action) {
        (Some(text), None) => (text, sender),
        (None, Some(text)) => (text, from),
        _ => return Err(MALFORMED),
    };
    let text = fit(text, MALFORMED)?;
    let to = number(recipient.ok_or(MALFORMED)?)?;
    let from = from.map(str::trim);
    let from = from.map(|from| number(from).unwrap_or_else(|_| from.to_owned()));
    let said = |name: &str| body.get(name).and_then(Tree::text);
    let region = body.at(&["req", "country"]).and_then(Tree::text);
    let region = region.map(|region| region.trim().to_ascii_uppercase());
    let is_region = |text: &String| text.len() == 2 && text.chars().all(|c| c.is_ascii_uppercase());
    Ok(meaning([
        ("to", Some(&*to)),
        ("text", Some(&text)),
        ("code", said("code")),
        ("words", said("as_voice")),
        ("locale", said("language")),
        ("from", from.as_deref().filter(|from| is_sender(from))),
        ("voice", by_voice.then_some("chosen")),
        ("network", network(body.at(&["req", "ip"]))),
        ("region", region.filter(is_region).as_deref()),
        ("life", Some(LIFE)),
    ]))
}

/// A text or a number, without blanks around it.
fn written(tree: Option<&Tree>) -> Option<String> {
    let tree = tree?;
    let number = || tree.number().map(|number| number.to_string());
    let text = tree.text().map(|text| text.trim().to_owned());
    text.or_else(number).filter(|text| !text.is_empty())
}

fn okta(body: &Tree) -> Read {
    let profile = [
        "phoneNumber",
        "otpCode",
        "msgTemplate",
        "otpExpires",
        "deliveryChannel",
        "locale",
    ];
    let data = body.get("data").ok_or(MALFORMED)?;
    let given = data.get("messageProfile").ok_or(MALFORMED)?;
    let is_once = body.has_once(&["eventId", "requestType", "data"])
        && data.has_once(&["context", "messageProfile"])
        && given.has_once(&profile);
    if !is_once {
        return Err(MALFORMED);
    }
    let [phone, code, template, expires, channel, locale] = profile.map(|name| given.get(name));
    let to = match (phone.and_then(Tree::text), phone.and_then(Tree::number)) {
        (Some(text), _) => number(text)?,
        (_, Some(digits)) => number(&format!("+{}", digits.as_u64().unwrap_or_default()))?,
        _ => return Err(MALFORMED),
    };
    let code = written(code).ok_or(MALFORMED)?;
    let is_tag = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let locale = written(locale).filter(|text| text.len() <= 35 && text.chars().all(is_tag));
    let template = written(template).filter(|template| template.contains(&code));
    let text = template.unwrap_or_else(|| format!("Your code is {code}"));
    let text = fit(&text, MALFORMED)?;
    let end = written(expires).and_then(|time| from_iso(&time));
    let left = end.map(|end| end.duration_since(now()).unwrap_or_default());
    let left = left.map(|left| left.as_secs().to_string());
    let channel = written(channel).unwrap_or_default().to_ascii_lowercase();
    let is_text = ["", "sms"].contains(&channel.as_str());
    let ip = data.at(&["context", "request", "ipAddress"]);
    Ok(meaning([
        ("to", Some(&*to)),
        ("text", Some(&text)),
        ("code", Some(&code)),
        ("locale", locale.as_deref()),
        ("voice", (!is_text).then_some("chosen")),
        ("network", network(ip)),
        ("life", Some(left.as_deref().unwrap_or(LIFE))),
    ]))
}

fn webhook(body: &Tree) -> Read {
    let code = filled(body.at(&["sms", "otp"])).ok_or(MALFORMED)?;
    let phones = [body.at(&["sms", "phone"]), body.at(&["user", "phone"])];
    let phone = phones.into_iter().find_map(filled).ok_or(MALFORMED)?;
    let phone = phone.trim();
    let to = if phone.starts_with('+') {
        number(phone)?
    } else {
        number(&format!("+{phone}"))?
    };
    let locale = filled(body.at(&["user", "user_metadata", "locale"]));
    let text = fit(&around(code, locale), MALFORMED)?;
    Ok(meaning([
        ("to", Some(&*to)),
        ("text", Some(&text)),
        ("code", Some(code)),
        ("network", network(body.at(&["metadata", "ip_address"]))),
        ("life", Some(LIFE)),
    ]))
}

fn generic(body: &Tree, can_call: bool) -> Read {
    if body.members().is_none() {
        return Err(MALFORMED);
    }
    let by_voice = is_voice(body.get("channel"));
    if by_voice && !can_call {
        return Err("voice_not_supported");
    }
    let to = number(filled(body.get("to")).ok_or(MALFORMED)?)?;
    let posted = body.at(&["payload", "code"]);
    let digits = posted.and_then(Tree::number);
    let digits = digits.map(|number| number.as_u64().map(|code| code.to_string()));
    let text = || posted.and_then(|code| filled(Some(code))).map(str::trim);
    let code = digits.unwrap_or_else(|| text().map(str::to_owned));
    let locale = filled(body.get("locale"));
    let text = match (filled(body.get("text")), &code) {
        (Some(text), _) => text.to_owned(),
        (None, Some(code)) => around(code, locale),
        (None, None) => return Err(MALFORMED),
    };
    let text = fit(&text, MALFORMED)?;
    Ok(meaning([
        ("to", Some(&*to)),
        ("text", Some(&text)),
        ("code", code.as_deref()),
        ("locale", locale),
        ("voice", by_voice.then_some("chosen")),
        ("network", network(body.get("ip"))),
        ("life", Some(LIFE)),
    ]))
}

fn cognito(body: &Tree) -> Read {
    let source = filled(body.get("triggerSource")).ok_or(EVENT)?;
    let trigger = source.strip_prefix("CustomSMSSender_").ok_or(EVENT)?;
    let life = match trigger {
        "Authentication" => LIFE,
        "ForgotPassword" => "3600",
        "SignUp" | "ResendCode" | "VerifyUserAttribute" | "UpdateUserAttribute" => "86400",
        "AdminCreateUser" => "604800",
        _ => return Err(EVENT),
    };
    let request = |path: &[&str]| body.get("request").and_then(|request| request.at(path));
    let attribute = |name| filled(request(&["userAttributes", name]));
    let is_known = request(&["type"]).and_then(Tree::text) == Some("customSMSSenderRequestV1");
    let code = filled(request(&["code"])).and_then(|code| STANDARD.decode(code).ok());
    let phone = attribute("phone_number").filter(|phone| phone.parse::<E164>().is_ok());
    let has_pool = filled(body.get("userPoolId")).is_some();
    let (Some(code), Some(to), true, true) = (code, phone, is_known, has_pool) else {
        return Err(EVENT);
    };
    let code = String::from_utf8_lossy(&code).trim().to_owned();
    let is_password = trigger == "AdminCreateUser";
    let (word, code) = if is_password {
        let html = [
            ("lt", "<"),
            ("gt", ">"),
            ("quot", "\""),
            ("#34", "\""),
            ("#39", "'"),
        ];
        let mut typed = code;
        for (name, c) in html {
            typed = typed.replace(&format!("&{name};"), c);
        }
        ("Password", typed.replace("&amp;", "&"))
    } else {
        ("Code", code)
    };
    if code.is_empty() {
        return Err(UNREADABLE);
    }
    let text = fit(&format!("{word} {code}"), UNREADABLE)?;
    // A password is not read out.
    let said = |value| if is_password { None } else { value };
    Ok(meaning([
        ("to", Some(to)),
        ("text", Some(&text)),
        ("code", said(Some(&*code))),
        ("locale", said(attribute("locale"))),
        ("life", Some(life)),
    ]))
}

fn used(body: &Tree) -> Read {
    let recipient = body
        .get("recipient")
        .filter(|_| body.has_once(&["recipient"]));
    let recipient = recipient.and_then(Tree::text).ok_or("bad_body")?;
    let number = E164::from_written(recipient).ok_or("bad_body")?;
    Ok(meaning([("to", Some(number.reveal()))]))
}

fn hook(body: &Tree) -> Read {
    let data = body.get("data").ok_or(MALFORMED)?;
    if !body.has_once(&["eventId", "data"]) || !data.has_once(&["events"]) {
        return Err(MALFORMED);
    }
    let id = body.get("eventId").and_then(Tree::text).ok_or(MALFORMED)?;
    let Some(Tree::List(events)) = data.get("events") else {
        return Err(MALFORMED);
    };
    let mut users = Vec::new();
    for event in events {
        let kind = event.get("eventType").and_then(Tree::text);
        let kind = kind.filter(|_| event.has_once(&["eventType", "target"]));
        let kind = kind.ok_or(MALFORMED)?;
        let targets = match event.get("target") {
            None => &[][..],
            Some(Tree::List(targets)) => targets,
            Some(null) if null.is_null() => &[],
            Some(_) => return Err(MALFORMED),
        };
        for target in targets {
            if !target.has_once(&["id", "type"]) {
                return Err(MALFORMED);
            }
            let id = optional(target.get("id"))?;
            let is_user = optional(target.get("type"))? == Some("User");
            let matters = [
                "user.lifecycle.create",
                "user.lifecycle.activate",
                "user.account.update_profile",
            ];
            let is_id = |id: &&str| {
                (1..=40).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric())
            };
            users.extend(
                id.filter(|_| is_user && matters.contains(&kind))
                    .filter(is_id),
            );
        }
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if !(1..=100).contains(&id.len()) || !id.chars().all(is_plain) {
        return Err(MALFORMED);
    }
    users.sort_unstable();
    users.dedup();
    users.truncate(50);
    Ok(meaning([
        ("event", Some(id)),
        ("users", Some(&*users.join(" "))),
    ]))
}

/// The values that a flow posts.
fn flow(body: &Tree) -> Read {
    let members = body.members().ok_or(MALFORMED)?;
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(MALFORMED);
    }
    let values = members.iter().filter_map(|(name, value)| {
        let value = match value {
            Tree::Text(text) => text,
            Tree::Word(word) if value.number().is_some() => word,
            _ => return None,
        };
        (value.len() <= 200).then(|| format!("{name}={value}"))
    });
    let mut values: Vec<String> = values.collect();
    values.sort_unstable();
    Ok(meaning([("values", Some(&*values.join("\n")))]))
}
