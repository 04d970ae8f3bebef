//! How a round plays people who answer a text with more than one YES: mails for a new password,
//! other replies, STOP and START, and two requests of one phone.

use std::time::Instant;

use fastrand::Rng;
use futures_util::future::join_all;
use sandbox::{
    auth0::LinkPage,
    twilio::{self, Reply},
};

use super::{
    plan::copies,
    world::{Asked, World},
};

/// The addresses of one phone: two accounts. For `send-verification-sms`.
pub(super) const ADDRESSES: &str = r"(?:acme|shop)\+(?P<phone>\d+)@sms\.example\.com";
/// The words of two languages confirm. Danish numbers get English texts, as the judge expects them.
pub(super) const LANGUAGES: &str = "en,da";
pub(super) const COUNTRY_LANGUAGES: &str = "DK=en";
/// Twilio repeats a webhook that was not answered.
const RETRIED: &str = "#rc=3&rp=5xx,ct,rt";
/// A code that nobody gets: none begins with a zero.
const NOBODYS_CODE: &str = "0000";
const YES: [&str; 6] = ["YES", "yes", "Yes!", "JA", "ja.", "ＹＥＳ"];
/// No word that confirms in these languages, and none that Twilio or the function takes for STOP.
const OTHERS: [&str; 9] = [
    "NO",
    "yes please",
    "OUI",
    "",
    "Who is this?",
    "HELP",
    "4821",
    "stop it",
    "YES NO",
];
const STOP: [&str; 5] = ["STOP", "stop", "Unsubscribe", "QUIT", "END"];
const START: [&str; 2] = ["START", "Unstop"];

/// What a mail asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// To verify the account of the phone's first address.
    Account,
    /// To verify the account of its other address.
    OtherAccount,
    /// A new password for the first one.
    Password,
}

impl About {
    /// The address that such a mail goes to.
    pub(super) fn email(self, phone: &str) -> String {
        let prefix = if self == Self::OtherAccount {
            "shop"
        } else {
            "acme"
        };
        format!("{prefix}{phone}@sms.example.com")
    }
}

/// What a person texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// A word that confirms.
    Yes(&'static str),
    /// YES, with the code that the list gave for this.
    Chosen(About),
    /// YES, with a code that the list gave for nothing.
    WrongCode,
    /// Anything else.
    Other(&'static str),
    /// A picture without words.
    Picture,
    Stop(&'static str),
    Start(&'static str),
    /// HELP, marked and answered by Twilio (Advanced Opt-Out).
    MarkedHelp,
}

impl Says {
    /// Whether it may confirm something.
    pub(super) fn confirms(self) -> bool {
        matches!(self, Self::Yes(_) | Self::Chosen(_))
    }
}

/// A part of a talk. The parts come one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// These mails come at once, each so many times.
    Mails(Vec<About>, usize),
    /// The person texts this, so many times at once.
    Says(Says, usize),
}

/// The mails to one phone, and what its person texts.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    pub(super) phone: String,
    pub(super) lines: Vec<Line>,
}

impl Talk {
    /// A talk of the seed.
    pub(super) fn draw(random: &mut Rng, phone: String) -> Self {
        let lines = match random.u8(..10) {
            0 | 1 => password(random),
            2 | 3 => others(random),
            4 | 5 => opt_out(random),
            6..9 => two(random),
            _ => nothing(random),
        };
        Self { phone, lines }
    }
}

fn one_of<T: Copy, const N: usize>(random: &mut Rng, all: [T; N]) -> T {
    all[random.usize(..N)]
}

fn yes(random: &mut Rng) -> Line {
    Line::Says(Says::Yes(one_of(random, YES)), copies(random))
}

/// A reply that neither confirms nor stops.
fn other(random: &mut Rng) -> Line {
    let says = match random.u8(..8) {
        0 => Says::Picture,
        1 => Says::MarkedHelp,
        2 => Says::Start(one_of(random, START)),
        3 => Says::WrongCode,
        _ => Says::Other(one_of(random, OTHERS)),
    };
    Line::Says(says, 1)
}

/// The same message comes so many times at once.
fn repeated_other(random: &mut Rng) -> Line {
    Line::Says(Says::Other(one_of(random, OTHERS)), copies(random))
}

/// Somebody forgot a password.
fn password(random: &mut Rng) -> Vec<Line> {
    let mut lines = vec![Line::Mails(vec![About::Password], copies(random))];
    if random.bool() {
        lines.push(other(random));
    }
    if random.u8(..5) > 0 {
        lines.push(yes(random));
        // The link was handed over: nothing waits for this.
        lines.push(yes(random));
    }
    lines
}

/// Somebody signs up, and does not say YES at once.
fn others(random: &mut Rng) -> Vec<Line> {
    let mut lines = vec![Line::Mails(vec![About::Account], copies(random))];
    lines.push(repeated_other(random));
    lines.extend((0..random.usize(..3)).map(|_| other(random)));
    if random.u8(..4) > 0 {
        lines.push(yes(random));
        lines.push(other(random));
    }
    lines
}

/// Somebody wants no texts, and then wants them after all.
fn opt_out(random: &mut Rng) -> Vec<Line> {
    let mails = if random.bool() {
        vec![About::Account]
    } else {
        vec![About::Account, About::Password]
    };
    let mut lines = vec![
        Line::Mails(mails, copies(random)),
        Line::Says(Says::Stop(one_of(random, STOP)), 1),
        other_but_start(random),
    ];
    match random.u8(..3) {
        // A YES opts in again, and what was cancelled stays cancelled.
        0 => lines.push(yes(random)),
        // Twilio refuses the text of a mail that comes meanwhile.
        1 => lines.extend([
            Line::Mails(vec![About::OtherAccount], 1),
            Line::Says(Says::Start(one_of(random, START)), 1),
            yes(random),
        ]),
        _ => lines.push(Line::Says(Says::Start(one_of(random, START)), 1)),
    }
    lines.push(Line::Mails(vec![About::Account], copies(random)));
    lines.push(yes(random));
    lines
}

fn other_but_start(random: &mut Rng) -> Line {
    loop {
        let line = other(random);
        if !matches!(line, Line::Says(Says::Start(_), _)) {
            return line;
        }
    }
}

/// Two mails to one phone.
fn two(random: &mut Rng) -> Vec<Line> {
    use About::{Account, OtherAccount, Password};
    let copies_of_mails = copies(random);
    if random.u8(..5) == 0 {
        // The newer mail's link takes the place of the older one.
        let about = one_of(random, [Account, Password]);
        return vec![
            Line::Mails(vec![about], copies_of_mails),
            Line::Mails(vec![about], copies(random)),
            yes(random),
            yes(random),
        ];
    }
    let pairs = [
        [Account, OtherAccount],
        [Account, Password],
        [OtherAccount, Password],
    ];
    let pair = one_of(random, pairs);
    let mut lines = vec![Line::Mails(pair.to_vec(), copies_of_mails), yes(random)];
    if random.u8(..3) == 0 {
        lines.push(Line::Says(Says::WrongCode, 1));
    }
    let chosen = one_of(random, pair);
    lines.push(Line::Says(Says::Chosen(chosen), copies(random)));
    // Only the other one waits now.
    match random.u8(..4) {
        0 => lines.push(yes(random)),
        1 => {
            let other = pair.into_iter().find(|about| *about != chosen);
            lines.extend(other.map(|other| Line::Says(Says::Chosen(other), copies(random))));
        }
        2 => lines.push(Line::Says(Says::Stop(one_of(random, STOP)), 1)),
        _ => {}
    }
    lines
}

/// Nobody waits for a word of this phone.
fn nothing(random: &mut Rng) -> Vec<Line> {
    let stop = Line::Says(Says::Stop(one_of(random, STOP)), 1);
    vec![repeated_other(random), yes(random), stop, yes(random)]
}

/// A mail that came.
pub(super) struct Mailed {
    pub(super) about: About,
    pub(super) ticket: String,
    pub(super) begun: Instant,
    pub(super) ended: Instant,
    /// True if Mailgun was told that it is done: then its request waited at `ended`.
    pub(super) is_done: bool,
}

/// What was texted, and how each copy was answered.
pub(super) struct Said {
    pub(super) says: Says,
    pub(super) begun: Instant,
    /// Empty if the person could not say this: no answer had told the code.
    pub(super) answers: Vec<Answer>,
}

/// The answer to one copy of a text.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Whether it holds a text. Twilio does not send it to a phone that has opted out.
    pub(super) has_text: bool,
    /// The texts that it sent.
    pub(super) texts: Vec<String>,
}

impl Answer {
    fn of(reply: Reply) -> Self {
        Self {
            status: reply.status,
            has_text: reply.body.contains("<Message"),
            texts: reply.messages,
        }
    }
}

/// A part of a talk, as it happened.
pub(super) enum Event {
    Mailed(Mailed),
    Said(Said),
}

/// A talk, as it happened.
pub(super) struct Talked {
    pub(super) phone: String,
    pub(super) events: Vec<Event>,
}

impl Talked {
    /// The mails, each with its place among the events.
    pub(super) fn mails(&self) -> impl DoubleEndedIterator<Item = (usize, &Mailed)> {
        let events = self.events.iter().enumerate();
        events.filter_map(|(at, event)| match event {
            Event::Mailed(mailed) => Some((at, mailed)),
            Event::Said(_) => None,
        })
    }

    /// The texts of the phone, each with its place among the events.
    pub(super) fn said(&self) -> impl DoubleEndedIterator<Item = (usize, &Said)> {
        let events = self.events.iter().enumerate();
        events.filter_map(|(at, event)| match event {
            Event::Mailed(_) => None,
            Event::Said(said) => Some((at, said)),
        })
    }

    /// Whether mails of several kinds came.
    pub(super) fn has_several(&self) -> bool {
        let mut all = self.mails().map(|(_, mailed)| mailed.about);
        let first = all.next();
        all.any(|about| Some(about) != first)
    }
}

/// The tickets of all mails of a round. They are secrets.
pub(super) fn tickets(asked: &Asked) -> impl Iterator<Item = &String> {
    let of_talks = asked.talks.iter().flat_map(Talked::mails);
    let of_talks = of_talks.map(|(_, mailed)| &mailed.ticket);
    let of_sign_ups = asked.sign_ups.iter();
    of_sign_ups
        .map(|sign_up| &sign_up.mail.ticket)
        .chain(of_talks)
}

impl World {
    /// Plays a talk.
    pub(super) async fn talk(&self, talk: &Talk) {
        let phone = talk.phone.as_str();
        self.note(|asked| asked.strangers.push(phone.to_owned()));
        let mut events = vec![];
        for line in &talk.lines {
            match line {
                Line::Mails(about, copies) => {
                    let mails = about
                        .iter()
                        .map(|about| self.mailed(phone, *about, *copies));
                    events.extend(join_all(mails).await.into_iter().map(Event::Mailed));
                }
                Line::Says(says, copies) => {
                    let said = self.said(phone, *says, *copies, &events).await;
                    events.push(Event::Said(said));
                }
            }
        }
        let phone = phone.to_owned();
        self.note(|asked| asked.talks.push(Talked { phone, events }));
    }

    async fn mailed(&self, phone: &str, about: About, copies: usize) -> Mailed {
        let (auth0, email) = (&self.sandbox.auth0, about.email(phone));
        let user = self.user(&email).unwrap_or_else(|| auth0.sign_up(&email));
        let made = match about {
            About::Password => auth0.mail_password(&user),
            About::Account | About::OtherAccount => auth0.mail_verification(&user, LinkPage::Form),
        };
        let begun = Instant::now();
        let mailgun = &self.sandbox.mailgun;
        let copies = (0..copies).map(|_| mailgun.receive(&made.mail));
        let is_done = join_all(copies).await.iter().any(|copy| copy.done);
        Mailed {
            about,
            ticket: made.ticket,
            begun,
            ended: Instant::now(),
            is_done,
        }
    }

    async fn said(&self, phone: &str, says: Says, copies: usize, before: &[Event]) -> Said {
        let (twilio, to) = (&self.sandbox.twilio, twilio::NUMBER);
        let begun = Instant::now();
        let texted = async |body: &str| {
            let texts = (0..copies).map(|_| twilio.text(phone, to, body));
            join_all(texts).await
        };
        // One message, whose webhook comes several times.
        let repeated = async |params: Vec<(String, String)>| {
            let url = self.url("receive-confirmation-sms") + RETRIED;
            let copies = (0..copies).map(|_| twilio.deliver(params.clone(), &url));
            join_all(copies).await
        };
        let replies = match says {
            Says::Yes(word) | Says::Stop(word) | Says::Start(word) => texted(word).await,
            Says::Chosen(about) => match self.told_code(phone, about, before).await {
                Some(code) => texted(&format!("YES {code}")).await,
                None => vec![],
            },
            Says::WrongCode => texted(&format!("YES {NOBODYS_CODE}")).await,
            Says::Other(words) => repeated(twilio.inbound(phone, to, words)).await,
            Says::Picture => {
                let picture = "https://api.twilio.com/2010-04-01/x";
                let mut params = twilio.inbound_picture(phone, to, "", &[picture]);
                params.retain(|(name, _)| name != "Body");
                repeated(params).await
            }
            Says::MarkedHelp => {
                let mut params = twilio.inbound(phone, to, "HELP");
                params.push(("OptOutType".to_owned(), "HELP".to_owned()));
                repeated(params).await
            }
        };
        Said {
            says,
            begun,
            answers: replies.into_iter().map(Answer::of).collect(),
        }
    }

    /// The code of the request about this, if an answer has told it. The list does not name addresses,
    /// so the table says which code is whose.
    async fn told_code(&self, phone: &str, about: About, before: &[Event]) -> Option<String> {
        let items = self.sandbox.aws.items().await;
        let pk = format!("pending#{phone}");
        let item = items.iter().find(|item| item["pk"]["S"] == pk.as_str())?;
        let kind = if about == About::Password {
            "password"
        } else {
            "verification"
        };
        let email = about.email(phone);
        let mut requests = item.as_object()?.values().map(|request| &request["M"]);
        let mine = requests.find(|request| {
            request["kind"]["S"] == kind && request["email"]["S"] == email.as_str()
        });
        let code = mine?["code"]["S"].as_str()?;
        let told = before.iter().flat_map(|event| match event {
            Event::Mailed(_) => &[][..],
            Event::Said(said) => &said.answers,
        });
        let mut told = told.flat_map(|answer| &answer.texts);
        told.any(|text| text.contains(code))
            .then(|| code.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn talks_have_every_kind_of_reply_and_no_more_than_the_limits_of_a_phone() {
        let mut random = Rng::with_seed(1);
        let talks = (0..200).map(|_| Talk::draw(&mut random, "+4522123456".to_owned()));
        let talks: Vec<_> = talks.collect();
        let lines = || talks.iter().flat_map(|talk| &talk.lines);
        let is_said = |such: fn(&Says) -> bool| {
            let said = |line: &Line| matches!(line, Line::Says(says, _) if such(says));
            assert!(lines().any(said));
        };
        is_said(|says| matches!(says, Says::Yes("JA")));
        is_said(|says| matches!(says, Says::Chosen(About::Password)));
        is_said(|says| matches!(says, Says::Chosen(About::OtherAccount)));
        is_said(|says| matches!(says, Says::WrongCode));
        is_said(|says| matches!(says, Says::Other("")));
        is_said(|says| matches!(says, Says::Picture));
        is_said(|says| matches!(says, Says::Stop(_)));
        is_said(|says| matches!(says, Says::Start(_)));
        is_said(|says| matches!(says, Says::MarkedHelp));
        for talk in &talks {
            let mails = talk.lines.iter().map(|line| match line {
                Line::Mails(about, _) => about.len(),
                Line::Says(..) => 0,
            });
            // `SMS_PER_NUMBER_PER_HOUR` of `send-verification-sms`.
            assert!(mails.sum::<usize>() <= 5, "{talk:?}");
        }
    }
}
