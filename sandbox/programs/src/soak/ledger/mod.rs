//! What must be true after a round, whatever happened in it: the ledgers of the simulators against
//! what was asked for, and against what the table knew.

mod codes;
mod journal;

use std::{sync::PoisonError, time::Duration};

use sandbox::{twilio::Owned, wire::Exchange};
use serde_json::Value;

use self::{codes::Made, journal::Journal};
use super::{
    codes::Code,
    world::{Asked, MOBILE, SignUp, World},
};

/// How long after a mail a killed process may still have been at work for it.
const AFTERMATH: Duration = Duration::from_secs(30);
/// Items of these kinds stay until somebody deletes them.
const LASTING: [&str; 4] = ["account", "phone", "number", "words"];

/// What the ledgers say.
pub(super) struct Verdict {
    /// What is not true. Empty: all is well.
    pub(super) broken: Vec<String>,
    /// Attempts that failover claimed.
    pub(super) claims: usize,
    /// Codes that need not have gone on, because they could not be kept in time.
    pub(super) not_kept: usize,
}

pub(super) async fn judge(world: &World) -> Verdict {
    let items = world.sandbox.aws.items().await;
    let journal = Journal::read(&world.sandbox.aws.dynamodb().exchanges());
    let mut broken = asked(world);
    let not_kept = one_time_codes(world, &journal, &items, &mut broken);
    endless(&items, &mut broken);
    let complaints = world.sandbox.complaints().into_iter();
    broken.extend(complaints.map(|complaint| format!("a simulator complains: {complaint}")));
    Verdict {
        broken,
        claims: journal.claims(),
        not_kept,
    }
}

/// One-time codes, and the texts that were kept for another provider. Returns how many codes could not
/// be kept.
fn one_time_codes(
    world: &World,
    journal: &Journal,
    items: &[Value],
    broken: &mut Vec<String>,
) -> usize {
    let asked = world.asked.lock().unwrap_or_else(PoisonError::into_inner);
    let all = Made::all(&world.sandbox);
    let mut not_kept = 0;
    for code in &asked.codes {
        let (wrong, is_excused) = codes::broken(code, &all, journal);
        broken.extend(wrong);
        not_kept += usize::from(is_excused);
    }
    for stayed in &asked.stayed {
        let name = &stayed.item["sk"]["S"];
        if !codes::has_reason(stayed, items) {
            broken.push(format!("the kept text {name} stayed without a reason"));
        }
        let readable = |code: &&Code| codes::is_readable(&stayed.item, code);
        if let Some(code) = asked.codes.iter().find(readable) {
            broken.push(format!("the kept text {name} shows {}", code.digits));
        }
    }
    let is_kept = |item: &&Value| {
        item["pk"]["S"]
            .as_str()
            .is_some_and(|pk| pk.starts_with("kept#"))
    };
    for item in items.iter().filter(is_kept) {
        broken.push(format!(
            "the kept text {} is there after its life",
            item["sk"]["S"]
        ));
    }
    not_kept
}

fn asked(world: &World) -> Vec<String> {
    let asked = world.asked.lock().unwrap_or_else(PoisonError::into_inner);
    let mut broken = vec![];
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
            let told = |code: &&Code| codes::is_told(&line, code);
            if let Some(code) = asked.codes.iter().find(told) {
                broken.push(format!("{name} wrote the code {}: {line}", code.digits));
            }
            if line.contains("code is") {
                broken.push(format!("{name} wrote a text: {line}"));
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
fn endless(items: &[Value], broken: &mut Vec<String>) {
    for item in items {
        let pk = item["pk"]["S"].as_str().unwrap_or_default();
        let kind = pk.split('#').next().unwrap_or_default();
        if item["expires_at"].is_null() && !LASTING.contains(&kind) {
            broken.push(format!("the item {kind}#... has no end"));
        }
    }
}
