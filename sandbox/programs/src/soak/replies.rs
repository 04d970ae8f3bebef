//! How a round plays people who answer a text with more than one YES: mails for a new password,
//! other replies, STOP and START, and two requests of one phone.

use std::time::Instant;

use futures_util::future::join_all;
use sandbox::{
    auth0::LinkPage,
    twilio::{self, Reply},
};

use super::{
    plan::{About, Line, Says, Talk},
    world::{Asked, World},
};

/// The addresses of one phone: two accounts. For `send-verification-sms`.
pub(super) const ADDRESSES: &str = r"(?:acme|shop)\+(?P<phone>\d+)@sms\.example\.com";
/// The words of two languages confirm. Danish numbers get English texts, as the judge expects them.
pub(super) const LANGUAGES: &str = "en,da";
pub(super) const COUNTRY_LANGUAGES: &str = "DK=en";
/// Twilio repeats a webhook that was not answered.
pub(super) const RETRIED: &str = "#rc=3&rp=5xx,ct,rt";
/// A code that nobody gets: none begins with a zero.
const NOBODYS_CODE: &str = "0000";

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
