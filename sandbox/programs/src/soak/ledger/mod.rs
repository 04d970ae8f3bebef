//! What must be true after a round, whatever happened in it: the ledgers of the simulators against
//! what was asked for, and against what the table knew.

mod codes;
mod company;
mod conversations;
mod items;
mod journal;
mod leavers;
mod lines;
mod menu;
mod replies;
mod told;

use std::{collections::HashSet, sync::PoisonError, time::Duration};

use sandbox::{twilio::Owned, wire::Exchange};
use serde_json::Value;

use self::{codes::Made, journal::Journal};
use super::{
    codes::Code,
    world::{Asked, SignUp, World},
};

pub(super) use self::lines::phones;

/// How long after a mail a killed process may still have been at work for it: longer than the time limit
/// of the function.
const AFTERMATH: Duration = Duration::from_secs(35);
/// The function that makes a text of a mail.
const OF_MAILS: &str = "send-verification-sms";

/// `SMS_PER_NUMBER_PER_HOUR` of the gateway.
const OF_A_NUMBER: usize = 10;

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
    items_left(world, &items, &mut broken);
    complaints(world, &mut broken);
    Verdict {
        broken,
        claims: journal.claims(),
        not_kept,
    }
}

fn complaints(world: &World, broken: &mut Vec<String>) {
    let asked = world.asked.lock().unwrap_or_else(PoisonError::into_inner);
    let mut complaints = world.sandbox.complaints();
    complaints.retain(|complaint| !leavers::was_under_way(complaint, &asked.leavers));
    let complaints = complaints.into_iter();
    broken.extend(complaints.map(|complaint| format!("a simulator complains: {complaint}")));
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
    let people = asked.sign_ups.iter();
    let people = people.map(|one| (one.phone.as_str(), vec![one.mail.ticket.as_str()]));
    told::judge(world, people, &mut broken);
    replies::judge(world, &asked, &mut broken);
    budgets(world, &asked, &mut broken);
    company::judge(world, &asked, &mut broken);
    conversations::judge(world, &asked, &mut broken);
    leavers::judge(world, &asked, &mut broken);
    menu::judge(world, &asked, &mut broken);
    lines::judge(world, &asked, &mut broken);
    broken
}

/// One mail becomes one text, unless Twilio's answer was lost. So at most one text has an answer
/// that arrived, unless the process died before it noted the answer, or the table did not take the note.
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
        .filter(|(function, at)| *function == OF_MAILS && during.contains(at))
        .count();
    let lines = world.functions[OF_MAILS].log();
    let lost = lines.iter().filter(|line| is_lost(line, phone)).count();
    texts(phone, answered, died, lost, world.is_calm, broken);
}

/// The function says itself that the table did not take a note. That this is no excuse for a function
/// that makes none shows in the rounds in which nothing breaks: there no note may be lost.
fn texts(
    phone: &str,
    answered: usize,
    died: usize,
    lost: usize,
    is_calm: bool,
    broken: &mut Vec<String>,
) {
    if answered > 1 + died + lost {
        broken.push(format!(
            "{answered} texts to {phone} about one mail, each with Twilio's answer, {died} deaths and {lost} lost notes"
        ));
    }
    if is_calm && lost > 0 {
        broken.push(format!(
            "{lost} texts to {phone} were not noted, and nothing was broken"
        ));
    }
}

/// Whether the function says that it could not note a text to this number.
fn is_lost(line: &str, phone: &str) -> bool {
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    let shown = line["phone"].as_str().unwrap_or_default();
    line["outcome"] == "sent_unrecorded" && shown.ends_with(&phone[phone.len() - 4..])
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
        .contains(told::THANKS);
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
    let hired = asked.hired.len() + leavers::most(&asked.leavers);
    if bought > hired {
        broken.push(format!(
            "{bought} numbers were bought for {hired} employees"
        ));
    }
}

/// A round is shorter than an hour. In it no number gets more codes than its budget allows.
fn budgets(world: &World, asked: &Asked, broken: &mut Vec<String>) {
    let all = Made::all(&world.sandbox);
    for phone in &asked.insistent {
        let codes = (0..World::INSISTS).map(|at| World::insisted(phone, at));
        let mine = all.iter().filter(|made| made.to == *phone);
        let count = different(&codes.collect::<Vec<_>>(), mine);
        budget(phone, count, OF_A_NUMBER, world.is_calm, broken);
    }
}

/// How many codes went out. Another provider may have written or said one again.
fn different<'a>(codes: &[String], made: impl Iterator<Item = &'a Made>) -> usize {
    let told = made.map(|made| {
        let code = codes.iter().find(|code| made.carries(code));
        code.cloned().unwrap_or_else(|| made.words.concat())
    });
    told.collect::<HashSet<_>>().len()
}

fn budget(phone: &str, count: usize, most: usize, is_calm: bool, broken: &mut Vec<String>) {
    if count > most || is_calm && count == 0 {
        broken.push(format!(
            "{count} codes went out to {phone}, of at most {most}"
        ));
    }
}

/// What the flows left in the table.
fn items_left(world: &World, left: &[Value], broken: &mut Vec<String>) {
    let asked = world.asked.lock().unwrap_or_else(PoisonError::into_inner);
    items::judge(world, left, &asked, broken);
}

#[cfg(test)]
mod tests {
    use sandbox::template::Template;

    use super::*;
    use crate::soak::plan::Channel;

    #[test]
    fn a_mail_becomes_one_text_unless_its_note_is_lost() {
        let noticed = |answered, died, lost, is_calm| {
            let mut broken = vec![];
            texts("+4520123456", answered, died, lost, is_calm, &mut broken);
            broken.len()
        };
        for is_calm in [true, false] {
            assert_eq!(noticed(1, 0, 0, is_calm), 0);
            assert_eq!(noticed(2, 0, 0, is_calm), 1);
            assert_eq!(noticed(1, 0, 1, is_calm), usize::from(is_calm));
        }
        for (died, lost) in [(1, 0), (0, 1)] {
            assert_eq!(noticed(2, died, lost, false), 0);
            assert_eq!(noticed(3, died, lost, false), 1);
        }
        let line = |outcome: &str, phone: &str| {
            serde_json::json!({ "outcome": outcome, "phone": phone }).to_string()
        };
        assert!(is_lost(
            &line("sent_unrecorded", "+45••••3456"),
            "+4520123456"
        ));
        assert!(!is_lost(&line("sent", "+45••••3456"), "+4520123456"));
        assert!(!is_lost(
            &line("sent_unrecorded", "+45••••3457"),
            "+4520123456"
        ));
    }

    #[test]
    fn a_process_may_be_at_work_for_a_mail_until_its_time_limit() {
        let functions = Template::read().unwrap().functions;
        let mut of_mails = functions.iter().filter(|one| one.name == OF_MAILS);
        assert!(of_mails.next().unwrap().timeout < AFTERMATH);
    }

    #[test]
    fn a_number_gets_no_more_than_its_budget() {
        let is_noticed = |count, is_calm| {
            let mut broken = vec![];
            budget("+4534123456", count, OF_A_NUMBER, is_calm, &mut broken);
            !broken.is_empty()
        };
        for is_calm in [true, false] {
            assert!(!is_noticed(10, is_calm));
            assert!(is_noticed(11, is_calm));
            assert_eq!(is_noticed(0, is_calm), is_calm);
        }
    }

    #[test]
    fn a_code_that_goes_on_counts_once() {
        let made = |channel, words: &str| Made {
            provider: "twilio".to_owned(),
            channel,
            to: "+4534123456".to_owned(),
            words: vec![words.to_owned()],
            reference: None,
            seconds: (0, 0),
        };
        let codes = ["345600", "345601"].map(str::to_owned);
        let mut all = vec![
            made(Channel::Text, "Your code is 345600"),
            made(Channel::Text, "Your code is 345600"),
            made(Channel::Call, "Your code is: 3. 4. 5. 6. 0. 0."),
        ];
        assert_eq!(different(&codes, all.iter()), 1);
        all.push(made(Channel::Call, "Your code is: 3. 4. 5. 6. 0. 1."));
        assert_eq!(different(&codes, all.iter()), 2);
        all.push(made(Channel::Text, "Hello"));
        assert_eq!(different(&codes, all.iter()), 3);
    }
}
