//! What must be true of talks: mails for a new password, other replies than YES, STOP and START, and
//! two requests of one phone.

mod expected;

use std::time::Instant;

use sandbox::{twilio::Message, wire::Exchange};

use super::{
    AFTERMATH, OF_MAILS, is_lost,
    told::{self, THANKS, is_redeemed_by},
};
use crate::soak::{
    plan::{About, Says},
    replies::{Answer, Event, Mailed, Said, Talked},
    world::{Asked, World},
};

/// How a text begins, that asks for a YES.
const ASKS: [(About, &str); 2] = [
    (About::Account, "You have registered"),
    (About::Password, "Someone asked to change your password"),
];

/// An answer to a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Nothing,
    /// The reply was another word.
    Wrong,
    /// Which of so many requests is meant?
    List(usize),
    /// The account is verified.
    Confirmed,
    /// The link that the newest mail for a new password has.
    Link,
    /// Something went wrong: again, please.
    Retry,
    /// The request is no longer valid.
    Expired,
    /// None of these.
    Odd,
}

impl Told {
    fn of(answer: &Answer, talked: &Talked) -> Self {
        let [text] = answer.texts.as_slice() else {
            return if answer.texts.is_empty() {
                Self::Nothing
            } else {
                Self::Odd
            };
        };
        let kinds = [
            (THANKS, Self::Confirmed),
            ("Try again. Reply YES", Self::Wrong),
            ("Something went wrong on our side", Self::Retry),
            ("This request is no longer valid", Self::Expired),
        ];
        if text.starts_with("Several requests are waiting") {
            return Self::List(text.lines().count() - 1);
        }
        let mut mails = talked.mails().map(|(_, mailed)| mailed);
        if text.starts_with("Open this link to choose your password")
            && mails.any(|mailed| is_password(mailed) && text.contains(&mailed.ticket))
        {
            return Self::Link;
        }
        let mut kinds = kinds.into_iter();
        let kind = kinds.find(|(words, _)| text.contains(words));
        kind.map_or(Self::Odd, |(_, kind)| kind)
    }
}

fn is_password(mailed: &Mailed) -> bool {
    mailed.about == About::Password
}

/// A ticket was used: its page was opened or its form posted, or its link was handed over.
#[derive(Clone, Copy, Debug)]
struct Use {
    /// The mail's place among the events.
    mail: usize,
    /// The place of the reply that led to it; `None`: there was none.
    reply: Option<usize>,
}

/// What the simulators know of a talk.
#[derive(Debug, Default)]
struct Facts {
    uses: Vec<Use>,
    /// Mails whose form was posted, and how many times.
    posted: Vec<(usize, u32)>,
    /// Mails whose account is verified by their ticket.
    redeemed: Vec<usize>,
    /// Mails for a password whose page was opened.
    opened: Vec<usize>,
    /// Mails whose ticket somebody else was texted.
    leaked: Vec<usize>,
    /// Texts that ask for a YES and whose answer reached the function, by what they ask.
    asked: Vec<(About, usize)>,
    /// Deaths of the sender of these texts at that time.
    deaths: usize,
    /// Texts that the table did not note.
    lost: usize,
    /// The addresses that are verified.
    verified: Vec<About>,
}

impl Facts {
    fn of(world: &World, asked: &Asked, ledgers: &Ledgers, talked: &Talked) -> Self {
        let auth0 = &world.sandbox.auth0;
        let mut facts = Self::default();
        for (mail, mailed) in talked.mails() {
            let ticket = &mailed.ticket;
            let at_auth0 = ledgers.auth0.iter();
            let about_it = at_auth0.filter(|exchange| exchange.target.contains(ticket));
            for exchange in about_it {
                facts.uses.push(Use {
                    mail,
                    reply: reply_before(talked, exchange.started),
                });
                if is_redeemed_by(exchange) && !facts.redeemed.contains(&mail) {
                    facts.redeemed.push(mail);
                }
            }
            facts.posted.push((mail, auth0.posted(ticket)));
            if is_password(mailed) && auth0.fetched(ticket) > 0 {
                facts.opened.push(mail);
            }
            let with_it = ledgers.messages.iter();
            let mut with_it = with_it.filter(|message| message.body.contains(ticket));
            let is_answer = |message: &Message| {
                message.to == talked.phone && message.direction == "outbound-reply"
            };
            if with_it.any(|message| !is_answer(message)) {
                facts.leaked.push(mail);
            }
            for (reply, said) in talked.said() {
                let told = said.answers.iter().flat_map(|answer| &answer.texts);
                let links = told.filter(|text| text.contains(ticket));
                facts.uses.extend(links.map(|_| Use {
                    mail,
                    reply: Some(reply),
                }));
            }
        }
        let is_verified = |about: &About| {
            let user = world.user(&about.email(&talked.phone));
            user.is_some_and(|user| user.email_verified)
        };
        let accounts = [About::Account, About::OtherAccount].into_iter();
        facts.verified = accounts.filter(is_verified).collect();
        facts.asked = ASKS
            .map(|(about, words)| (about, answered(&ledgers.twilio, &talked.phone, words)))
            .to_vec();
        let kills = asked.kills.iter();
        let died = kills.filter(|(function, at)| {
            let during = |(_, mailed): (usize, &Mailed)| {
                (mailed.begun..mailed.ended + AFTERMATH).contains(at)
            };
            *function == OF_MAILS && talked.mails().any(during)
        });
        facts.deaths = died.count();
        let lines = world.functions[OF_MAILS].log();
        let lost = lines.iter().filter(|line| is_lost(line, &talked.phone));
        facts.lost = lost.count();
        facts
    }
}

/// What the simulators wrote in a round.
struct Ledgers {
    auth0: Vec<Exchange>,
    twilio: Vec<Exchange>,
    messages: Vec<Message>,
}

pub(super) fn judge(world: &World, asked: &Asked, broken: &mut Vec<String>) {
    let ledgers = Ledgers {
        auth0: world.sandbox.auth0.server().exchanges(),
        twilio: world.sandbox.twilio.server().exchanges(),
        messages: world.sandbox.twilio.messages(),
    };
    for talked in &asked.talks {
        let facts = Facts::of(world, asked, &ledgers, talked);
        let mut wrong = vec![];
        texts(talked, &facts, &mut wrong);
        tickets(talked, &facts, &mut wrong);
        uses(talked, &facts, &mut wrong);
        answers(talked, &mut wrong);
        told(talked, &facts, &mut wrong);
        if world.is_calm {
            expected::judge(talked, &facts, &mut wrong);
        }
        let named = wrong.into_iter();
        broken.extend(named.map(|wrong| format!("{}: {wrong}", talked.phone)));
    }
    let people = asked.talks.iter().map(|talked| {
        let tickets = talked.mails().map(|(_, mailed)| mailed.ticket.as_str());
        (talked.phone.as_str(), tickets.collect())
    });
    told::judge(world, people, broken);
}

/// Texts to this phone that begin like this, and for which Twilio's answer was sent.
fn answered(exchanges: &[Exchange], phone: &str, words: &str) -> usize {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let (to, words) = (encoded(phone), format!("Body={}", encoded(words)));
    let is_answered = |exchange: &&Exchange| {
        let body = String::from_utf8_lossy(&exchange.request);
        exchange.method == "POST"
            && exchange.target.ends_with("/Messages.json")
            && exchange.status == Some(201)
            && body.contains(&to)
            && body.contains(&words)
    };
    exchanges.iter().filter(is_answered).count()
}

/// The last reply that had begun then.
fn reply_before(talked: &Talked, at: Instant) -> Option<usize> {
    let mut begun = talked.said().filter(|(_, said)| said.begun <= at);
    begun.next_back().map(|(place, _)| place)
}

/// One mail becomes one text, unless Twilio's answer was lost, or the process died before it noted the
/// answer, or the table did not take the note.
fn texts(talked: &Talked, facts: &Facts, broken: &mut Vec<String>) {
    for (about, count) in &facts.asked {
        let is_it = |mailed: &Mailed| is_password(mailed) == (*about == About::Password);
        let mails = talked.mails().filter(|(_, mailed)| is_it(mailed)).count();
        if *count > mails + facts.deaths + facts.lost {
            broken.push(format!(
                "{count} texts ({about:?}) of {mails} mails, each with Twilio's answer, {} deaths and {} lost notes",
                facts.deaths, facts.lost
            ));
        }
    }
}

/// A ticket is used once, that of a password is not opened, and only a ticket verifies.
fn tickets(talked: &Talked, facts: &Facts, broken: &mut Vec<String>) {
    for (mail, posted) in &facts.posted {
        if *posted > 1 {
            broken.push(format!("the ticket of mail {mail} was used {posted} times"));
        }
    }
    for mail in &facts.opened {
        broken.push(format!("the password link of mail {mail} was opened"));
    }
    for mail in &facts.leaked {
        broken.push(format!("the ticket of mail {mail} went to somebody else"));
    }
    for about in &facts.verified {
        let of_it = |(mail, mailed): (usize, &Mailed)| (mailed.about == *about).then_some(mail);
        let mut mails = talked.mails().filter_map(of_it);
        if !mails.any(|mail| facts.redeemed.contains(&mail)) {
            broken.push(format!("{about:?} is verified, and nobody used its ticket"));
        }
    }
}

/// The replies before this one without an answer. They may still be at work.
fn unanswered(talked: &Talked, reply: usize) -> impl Iterator<Item = usize> {
    let earlier = talked.said().filter(move |(place, said)| {
        *place < reply && said.answers.iter().any(|answer| answer.status != 200)
    });
    earlier.map(|(place, _)| place)
}

/// Only a YES uses a ticket: that of the one request that waits, or that of the one that was chosen. Each
/// copy of it uses one at most.
fn uses(talked: &Talked, facts: &Facts, broken: &mut Vec<String>) {
    for one in &facts.uses {
        let Some(reply) = one.reply else {
            broken.push(format!(
                "the ticket of mail {} was used before any reply",
                one.mail
            ));
            continue;
        };
        let mut places = unanswered(talked, reply).chain(std::iter::once(reply));
        if !places.any(|place| may_use(talked, place, one.mail)) {
            broken.push(format!(
                "reply {reply} used the ticket of mail {}, and must not",
                one.mail
            ));
        }
    }
    for (reply, said) in talked.said() {
        let is_late =
            |one: &&Use| unanswered(talked, reply).any(|place| may_use(talked, place, one.mail));
        let of_it = facts.uses.iter().filter(|one| one.reply == Some(reply));
        let of_it = of_it.filter(|one| !is_late(one));
        let mut mails: Vec<_> = of_it.map(|one| one.mail).collect();
        mails.sort_unstable();
        mails.dedup();
        if mails.len() > said.answers.len() {
            broken.push(format!("reply {reply} used the tickets of mails {mails:?}"));
        }
    }
}

/// Whether the reply at this place may use the ticket of this mail.
fn may_use(talked: &Talked, reply: usize, mail: usize) -> bool {
    let of_mail = talked.mails().find(|(place, _)| *place == mail);
    let (Some(Event::Said(said)), Some((_, mailed))) = (talked.events.get(reply), of_mail) else {
        return false;
    };
    let is_meant = match said.says {
        Says::Yes(_) => surely_waiting(talked, reply).len() < 2,
        Says::Chosen(about) => mailed.about == about,
        _ => false,
    };
    is_meant && may_wait(talked, reply, mail, mailed)
}

/// Whether the request of this mail may wait at this place: nothing has cancelled or replaced it.
fn may_wait(talked: &Talked, place: usize, mail: usize, mailed: &Mailed) -> bool {
    let between = |other: usize| other > mail && other < place;
    let mut stops = talked.said().filter(|(other, said)| {
        between(*other) && matches!(said.says, Says::Stop(_)) && is_finished(said)
    });
    let mut newer = talked
        .mails()
        .filter(|(other, newer)| between(*other) && newer.about == mailed.about && newer.is_done);
    mail < place && stops.next().is_none() && newer.next().is_none()
}

/// Whether each copy got its answer.
fn is_finished(said: &Said) -> bool {
    !said.answers.is_empty() && said.answers.iter().all(|answer| answer.status == 200)
}

/// The requests that wait at this place, whatever was broken: their mails were handled, and no reply
/// has come that may have used or cancelled them.
fn surely_waiting(talked: &Talked, place: usize) -> Vec<About> {
    let ends = |said: &Said| said.says.confirms() || matches!(said.says, Says::Stop(_));
    let mut ends = talked
        .said()
        .filter(|(other, said)| *other < place && ends(said));
    let after = ends.next_back().map_or(0, |(other, _)| other);
    let mails = talked.mails();
    let mails = mails.filter(|(mail, mailed)| (after..place).contains(mail) && mailed.is_done);
    let mut waiting: Vec<About> = vec![];
    for (_, mailed) in mails {
        if !waiting.contains(&mailed.about) {
            waiting.push(mailed.about);
        }
    }
    waiting
}

/// Each reply gets one of its documented answers. A number for which nothing can wait is not answered,
/// nor is STOP.
fn answers(talked: &Talked, broken: &mut Vec<String>) {
    for (reply, said) in talked.said() {
        let mut mails = talked.mails();
        let can_wait = mails.any(|(mail, mailed)| may_wait(talked, reply, mail, mailed));
        let said_yes = |(other, earlier): (usize, &Said)| other < reply && earlier.says.confirms();
        // A YES may be the repetition of one that confirmed.
        let was_said = talked.said().any(said_yes);
        for answer in &said.answers {
            let told = Told::of(answer, talked);
            let is_right = match (said.says, told) {
                (Says::Stop(_) | Says::MarkedHelp, Told::Nothing) => !answer.has_text,
                (_, Told::Nothing) => !answer.has_text || can_wait,
                (Says::Stop(_) | Says::MarkedHelp, _)
                | (Says::Chosen(_), Told::List(_))
                | (Says::Yes(_), Told::Wrong)
                | (_, Told::Odd) => false,
                (_, Told::Confirmed) if said.says.confirms() => can_wait || was_said,
                (Says::WrongCode, Told::Confirmed) => was_said,
                (_, Told::Wrong) => can_wait,
                (says, _) => says.confirms() && can_wait,
            };
            let must_ask = matches!(said.says, Says::Yes(_)) && answer.status == 200;
            let waiting = surely_waiting(talked, reply).len();
            let asks = matches!(told, Told::List(count) if count >= waiting);
            if !is_right || must_ask && waiting > 1 && !asks {
                broken.push(format!(
                    "reply {reply} ({:?}) was answered with {told:?}",
                    said.says
                ));
            }
        }
    }
}

/// Nobody is told that an account is verified that is not. The reverse happens: an answer of Auth0 is
/// lost, and the record cannot be read when the link is refused at the next try.
fn told(talked: &Talked, facts: &Facts, broken: &mut Vec<String>) {
    for (reply, said) in talked.said() {
        let meant = talked.mails().filter(|(mail, mailed)| match said.says {
            Says::Chosen(about) => *mail < reply && mailed.about == about,
            _ => *mail < reply,
        });
        let meant: Vec<_> = meant.map(|(mail, _)| mail).collect();
        let is_redeemed = |mail: &usize| facts.redeemed.contains(mail);
        for answer in &said.answers {
            let is_confirmed = Told::of(answer, talked) == Told::Confirmed;
            if is_confirmed && !meant.iter().any(is_redeemed) {
                broken.push(format!(
                    "reply {reply} ({:?}) was answered with what is not true",
                    said.says
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests;
