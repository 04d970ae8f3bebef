//! What must be true after a round, whatever happened in it: the ledgers of the simulators against
//! what was asked for.

use std::{sync::PoisonError, time::Duration};

use sandbox::{twilio::Owned, wire::Exchange};
use serde_json::Value;

use super::world::{Asked, Code, MOBILE, SignUp, World};

/// How long after a mail a killed process may still have been at work for it.
const AFTERMATH: Duration = Duration::from_secs(30);
/// Items of these kinds stay until somebody deletes them.
const LASTING: [&str; 4] = ["account", "phone", "number", "words"];

/// What is not true. Empty: all is well.
pub(super) async fn broken(world: &World) -> Vec<String> {
    let mut broken = asked(world);
    items(world, &mut broken).await;
    let complaints = world.sandbox.complaints().into_iter();
    broken.extend(complaints.map(|complaint| format!("a simulator complains: {complaint}")));
    broken
}

fn asked(world: &World) -> Vec<String> {
    let asked = world.asked.lock().unwrap_or_else(PoisonError::into_inner);
    let mut broken = vec![];
    codes(world, &asked, &mut broken);
    for sign_up in &asked.sign_ups {
        mails(world, &asked, sign_up, &mut broken);
        tickets(world, sign_up, &mut broken);
    }
    purchases(world, &asked, &mut broken);
    forwards(world, &asked, &mut broken);
    calls(world, &asked, &mut broken);
    processes(world, &asked, &mut broken);
    broken
}

/// A one-time code is sent once, by all providers together, even if an answer was lost. If nothing
/// was broken, it is sent.
fn codes(world: &World, asked: &Asked, broken: &mut Vec<String>) {
    let sandbox = &world.sandbox;
    let twilio = sandbox.twilio.messages().into_iter();
    let mut texts: Vec<_> = twilio.map(|text| (text.to, text.body)).collect();
    for provider in sandbox.providers() {
        texts.extend(
            provider
                .messages
                .into_iter()
                .map(|text| (text.to, text.text)),
        );
    }
    for Code {
        phone,
        digits,
        is_due,
    } in &asked.codes
    {
        let is_it = |(to, text): &&(String, String)| to == phone && text.contains(digits.as_str());
        let sent = texts.iter().filter(is_it).count();
        if sent > 1 {
            broken.push(format!("the code {digits} went to {phone} {sent} times"));
        }
        if sent == 0 && *is_due {
            broken.push(format!(
                "the code {digits} never went to {phone}, and nothing was broken"
            ));
        }
    }
}

/// One mail becomes one text, unless Twilio's answer was lost. So at most one text has an answer
/// that arrived, unless the process died before it noted the answer.
fn mails(world: &World, asked: &Asked, sign_up: &SignUp, broken: &mut Vec<String>) {
    let phone = sign_up.phone.as_str();
    let to = form_urlencoded::byte_serialize(phone.as_bytes()).collect::<String>();
    let exchanges = world.sandbox.twilio.server().exchanges();
    let is_answered = |exchange: &&Exchange| {
        let is_text = exchange.method == "POST" && exchange.target.ends_with("/Messages.json");
        is_text
            && exchange.status == Some(201)
            && String::from_utf8_lossy(&exchange.request).contains(&to)
    };
    let answered = exchanges.iter().filter(is_answered).count();
    let during = sign_up.begun..sign_up.ended + AFTERMATH;
    let kills = asked.kills.iter();
    let died = kills
        .filter(|(function, at)| *function == "send-verification-sms" && during.contains(at))
        .count();
    if answered > 1 + died {
        broken.push(format!(
            "{answered} texts to {phone} about one mail, each with Twilio's answer, and {died} deaths"
        ));
    }
}

/// One YES confirms one request, and nothing is confirmed without one.
fn tickets(world: &World, sign_up: &SignUp, broken: &mut Vec<String>) {
    let phone = &sign_up.phone;
    let posted = world.sandbox.auth0.posted(&sign_up.mail.ticket);
    let is_verified = world
        .user(&sign_up.email)
        .is_some_and(|user| user.email_verified);
    if posted > 1 {
        broken.push(format!("the ticket of {phone} was used {posted} times"));
    }
    if is_verified && (posted == 0 || !sign_up.said_yes) {
        broken.push(format!("{phone} is verified, and never said YES"));
    }
    if world.is_calm && sign_up.would_say_yes && !is_verified {
        broken.push(format!(
            "{phone} is not verified, and nothing was broken: YES was said: {}",
            sign_up.said_yes
        ));
    }
    let thanked = world
        .sandbox
        .twilio
        .inbox(phone)
        .concat()
        .contains("Your account is verified");
    if thanked && !is_verified {
        broken.push(format!(
            "{phone} was told that it is verified, and it is not"
        ));
    }
}

/// A number is bought once for each employee.
fn purchases(world: &World, asked: &Asked, broken: &mut Vec<String>) {
    let owned: Vec<Owned> = world.sandbox.twilio.owned();
    for id in &asked.hired {
        let name = format!("switchboard:{id}");
        let mine = owned
            .iter()
            .filter(|number| number.field("FriendlyName") == name)
            .count();
        if mine > 1 || (world.is_calm && mine == 0) {
            broken.push(format!("{mine} numbers belong to {id}"));
        }
    }
    let bought = world.sandbox.twilio.purchases();
    if bought > asked.hired.len() {
        let hired = asked.hired.len();
        broken.push(format!(
            "{bought} numbers were bought for {hired} employees"
        ));
    }
}

/// A text to a company number reaches the employee once. Twilio's own answer carries it, so a repeated webhook is the only danger.
fn forwards(world: &World, asked: &Asked, broken: &mut Vec<String>) {
    let texts = world.sandbox.twilio.texts(MOBILE);
    for body in &asked.forwarded {
        let got = texts
            .iter()
            .filter(|text| text.body.contains(body.as_str()))
            .count();
        if got > 1 || (world.is_calm && got == 0) {
            broken.push(format!("{body:?} was forwarded {got} times"));
        }
    }
}

/// A call to the company number rings at the employee's mobile only. If nothing was broken, it rings.
fn calls(world: &World, asked: &Asked, broken: &mut Vec<String>) {
    for dialled in &asked.calls {
        if dialled.iter().any(|number| number != MOBILE) || dialled.len() > 1 {
            broken.push(format!("a call was put through to {dialled:?}"));
        }
        if world.is_calm && dialled.is_empty() {
            broken.push("a call was not put through, and nothing was broken".to_owned());
        }
    }
}

/// Whether a text of the line has this code as a word. Times and ids hold such digits by chance.
fn holds(line: &Value, code: &str) -> bool {
    match line {
        Value::String(text) => text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| word == code),
        Value::Array(values) => values.iter().any(|value| holds(value, code)),
        Value::Object(fields) => fields.values().any(|value| holds(value, code)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// No process ended by itself, none wrote of a panic, and no line holds a number, a code or a ticket.
fn processes(world: &World, asked: &Asked, broken: &mut Vec<String>) {
    for (name, lambda) in &world.functions {
        let killed = asked
            .kills
            .iter()
            .filter(|(function, _)| function == name)
            .count();
        let ended = lambda.exits().len();
        if ended > killed {
            broken.push(format!(
                "{name} ended {ended} times, and was killed {killed} times"
            ));
        }
        let lines = lambda.log().into_iter().chain(lambda.errors());
        for line in lines {
            if line.contains("panicked") {
                broken.push(format!("{name}: {line}"));
            }
            let parsed: Value = serde_json::from_str(&line).unwrap_or_default();
            let told = |code: &&Code| holds(&parsed, &code.digits);
            if let Some(code) = asked.codes.iter().find(told) {
                broken.push(format!("{name} wrote the code {}: {line}", code.digits));
            }
            let tickets = asked.sign_ups.iter().map(|sign_up| &sign_up.mail.ticket);
            if tickets.into_iter().any(|ticket| line.contains(ticket)) {
                broken.push(format!("{name} wrote a ticket: {line}"));
            }
            let phones = asked.codes.iter().map(|code| &code.phone);
            let phones = phones.chain(asked.sign_ups.iter().map(|sign_up| &sign_up.phone));
            if let Some(phone) = phones.into_iter().find(|phone| line.contains(&phone[3..])) {
                broken.push(format!("{name} wrote {phone}: {line}"));
            }
        }
    }
}

/// Whatever a flow leaves in the table ends by itself.
async fn items(world: &World, broken: &mut Vec<String>) {
    for item in world.sandbox.aws.items().await {
        let pk = item["pk"]["S"].as_str().unwrap_or_default();
        let kind = pk.split('#').next().unwrap_or_default();
        if item["expires_at"].is_null() && !LASTING.contains(&kind) {
            broken.push(format!("the item {kind}#... has no end"));
        }
    }
}
