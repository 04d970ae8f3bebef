//! What the rules of talks notice, and what they do not.

use std::time::Duration;

use super::*;

const PHONE: &str = "+4522123456";
const WRONG: &str = "Try again. Reply YES or don't reply";
const CONFIRMED: &str = "Thank you. Your account is verified.";
const EXPIRED: &str = "This request is no longer valid. Please start again.";
const LIST: &str = "Several requests are waiting for you.\nReply YES 4821 for account verification (just now)\nReply YES 4822 for password change (just now)";
const YES: Says = Says::Yes("YES");
const STOP: Says = Says::Stop("STOP");
const NO: Says = Says::Other("NO");

fn mail(about: About, is_done: bool) -> Event {
    let now = Instant::now();
    Event::Mailed(Mailed {
        about,
        ticket: format!("ticket-of-{about:?}"),
        begun: now,
        ended: now,
        is_done,
    })
}

fn answer(status: u16, text: &str) -> Answer {
    let texts: Vec<_> = Some(text)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .into_iter()
        .collect();
    Answer {
        status,
        has_text: !texts.is_empty(),
        texts,
    }
}

fn said(says: Says, answers: &[Answer]) -> Event {
    Event::Said(Said {
        says,
        begun: Instant::now(),
        answers: answers.to_vec(),
    })
}

/// What was texted once, and its answer.
fn say(says: Says, text: &str) -> Event {
    said(says, &[answer(200, text)])
}

/// Without an answer.
fn lost(says: Says) -> Event {
    said(says, &[answer(503, "")])
}

fn link() -> String {
    format!(
        "Open this link to choose your password: https://acme.example/?ticket=ticket-of-{:?}",
        About::Password
    )
}

fn talked(events: Vec<Event>) -> Talked {
    Talked {
        phone: PHONE.to_owned(),
        events,
    }
}

fn noticed(judge: impl Fn(&mut Vec<String>)) -> usize {
    let mut broken = vec![];
    judge(&mut broken);
    broken.len()
}

/// How many promises are broken if a reply has used the ticket of a mail.
fn used(events: Vec<Event>, reply: Option<usize>, mail: usize) -> usize {
    let facts = Facts {
        uses: vec![Use { mail, reply }],
        ..Facts::default()
    };
    let talked = talked(events);
    noticed(|broken| uses(&talked, &facts, broken))
}

use About::{Account, OtherAccount, Password};

#[test]
fn only_a_yes_uses_a_ticket() {
    let talk = |says| vec![mail(Account, true), say(says, "")];
    assert_eq!(used(talk(YES), Some(1), 0), 0);
    assert_eq!(used(talk(YES), None, 0), 1);
    let others = [NO, STOP, Says::Start("START"), Says::Picture];
    for says in others
        .into_iter()
        .chain([Says::WrongCode, Says::MarkedHelp])
    {
        assert_eq!(used(talk(says), Some(1), 0), 1, "{says:?}");
    }
    let before = vec![say(YES, ""), mail(Account, true)];
    assert_eq!(used(before, Some(0), 1), 1);
    let late = |first| vec![mail(Account, true), first, say(NO, WRONG)];
    assert_eq!(used(late(lost(YES)), Some(2), 0), 0, "the YES is at work");
    assert_eq!(used(late(say(YES, "")), Some(2), 0), 1);
}

#[test]
fn of_two_requests_only_the_chosen_one_is_used() {
    let both = |is_done, says| {
        vec![
            mail(Account, true),
            mail(OtherAccount, is_done),
            say(says, ""),
        ]
    };
    assert_eq!(used(both(true, YES), Some(2), 0), 1);
    assert_eq!(used(both(false, YES), Some(2), 0), 0, "only one may wait");
    let chosen = Says::Chosen(OtherAccount);
    assert_eq!(used(both(true, chosen), Some(2), 1), 0);
    assert_eq!(used(both(true, chosen), Some(2), 0), 1);
    let facts = Facts {
        uses: [0, 1]
            .map(|mail| Use {
                mail,
                reply: Some(2),
            })
            .to_vec(),
        ..Facts::default()
    };
    let talked = talked(both(false, YES));
    assert_eq!(
        noticed(|broken| uses(&talked, &facts, broken)),
        1,
        "one YES"
    );
}

#[test]
fn what_was_cancelled_or_replaced_is_not_used() {
    let stopped = |stop| vec![mail(Account, true), stop, say(YES, "")];
    assert_eq!(used(stopped(say(STOP, "")), Some(2), 0), 1);
    assert_eq!(used(stopped(lost(STOP)), Some(2), 0), 0);
    let twice = |is_done| vec![mail(Account, true), mail(Account, is_done), say(YES, "")];
    assert_eq!(used(twice(true), Some(2), 0), 1);
    assert_eq!(used(twice(true), Some(2), 1), 0);
    assert_eq!(used(twice(false), Some(2), 0), 0);
}

#[test]
fn a_ticket_is_used_once_and_only_it_verifies() {
    let talked = talked(vec![mail(Account, true), mail(Password, true)]);
    let judged = |facts: Facts| noticed(|broken| tickets(&talked, &facts, broken));
    let verified = || Facts {
        posted: vec![(0, 1)],
        redeemed: vec![0],
        verified: vec![Account],
        ..Facts::default()
    };
    assert_eq!(judged(verified()), 0);
    assert_eq!(
        judged(Facts {
            posted: vec![(0, 2)],
            ..verified()
        }),
        1
    );
    assert_eq!(
        judged(Facts {
            redeemed: vec![],
            ..verified()
        }),
        1
    );
    assert_eq!(
        judged(Facts {
            opened: vec![1],
            ..verified()
        }),
        1
    );
    assert_eq!(
        judged(Facts {
            leaked: vec![1],
            ..verified()
        }),
        1
    );
}

#[test]
fn one_mail_becomes_one_text() {
    let talked = talked(vec![mail(Account, true), mail(OtherAccount, true)]);
    let judged = |about, count, deaths| {
        let facts = Facts {
            asked: vec![(about, count)],
            deaths,
            ..Facts::default()
        };
        noticed(|broken| texts(&talked, &facts, broken))
    };
    assert_eq!(judged(Account, 2, 0), 0);
    assert_eq!(judged(Account, 3, 0), 1);
    assert_eq!(judged(Account, 3, 1), 0);
    assert_eq!(judged(Password, 1, 0), 1);
}

#[test]
fn a_reply_gets_one_of_its_answers() {
    let judged = |before: Vec<Event>, says, text: &str| {
        let mut events = before;
        events.push(say(says, text));
        let talked = talked(events);
        noticed(|broken| answers(&talked, broken))
    };
    let one = || vec![mail(Account, true)];
    for (says, text) in [
        (NO, WRONG),
        (NO, ""),
        (YES, CONFIRMED),
        (YES, EXPIRED),
        (STOP, ""),
        (Says::Picture, WRONG),
        (Says::Chosen(Account), WRONG),
        (Says::WrongCode, WRONG),
    ] {
        assert_eq!(judged(one(), says, text), 0, "{says:?} {text}");
    }
    for (says, text) in [
        (NO, CONFIRMED),
        (NO, EXPIRED),
        (YES, WRONG),
        (YES, "Your code is 1"),
        (STOP, WRONG),
        (Says::MarkedHelp, WRONG),
        (Says::WrongCode, CONFIRMED),
        (Says::Picture, LIST),
    ] {
        assert_eq!(judged(one(), says, text), 1, "{says:?} {text}");
    }
    for (says, text) in [(YES, ""), (NO, ""), (STOP, "")] {
        assert_eq!(judged(vec![], says, text), 0, "{says:?} {text}");
    }
    for (says, text) in [(YES, CONFIRMED), (NO, WRONG), (YES, LIST)] {
        assert_eq!(judged(vec![], says, text), 1, "{says:?} {text}");
    }
    let stopped = || vec![mail(Account, true), say(STOP, "")];
    assert_eq!(judged(stopped(), NO, ""), 0);
    assert_eq!(judged(stopped(), NO, WRONG), 1);
    let both = || vec![mail(Account, true), mail(Password, true)];
    assert_eq!(judged(both(), YES, LIST), 0);
    for text in ["", CONFIRMED, &link()] {
        assert_eq!(judged(both(), YES, text), 1, "{text}");
    }
    let unsent = || vec![mail(Account, true), mail(Password, false)];
    assert_eq!(judged(unsent(), YES, CONFIRMED), 0);
    // Twilio does not send it to a phone that has opted out. It is an answer nevertheless.
    let mut refused = stopped();
    let unheard = Answer {
        texts: vec![],
        ..answer(200, WRONG)
    };
    refused.push(said(NO, &[unheard]));
    let refused = talked(refused);
    assert_eq!(noticed(|broken| answers(&refused, broken)), 1);
}

#[test]
fn nobody_is_told_what_is_not_true() {
    let judged = |says, text, redeemed: &[usize]| {
        let events = vec![
            mail(Account, true),
            mail(OtherAccount, true),
            say(says, text),
        ];
        let talked = talked(events);
        let facts = Facts {
            redeemed: redeemed.to_vec(),
            ..Facts::default()
        };
        noticed(|broken| told(&talked, &facts, broken))
    };
    let chosen = Says::Chosen(OtherAccount);
    assert_eq!(judged(chosen, CONFIRMED, &[1]), 0);
    assert_eq!(judged(chosen, CONFIRMED, &[0]), 1);
    assert_eq!(judged(YES, CONFIRMED, &[0]), 0);
    assert_eq!(judged(YES, CONFIRMED, &[]), 1);
    assert_eq!(judged(chosen, EXPIRED, &[1]), 0);
}

/// How many promises of a calm round are broken.
fn in_calm(events: Vec<Event>, verified: &[About]) -> usize {
    let facts = Facts {
        verified: verified.to_vec(),
        ..Facts::default()
    };
    let talked = talked(events);
    noticed(|broken| expected::judge(&talked, &facts, broken))
}

#[test]
fn in_calm_rounds_everybody_gets_the_documented_answers() {
    let sign_up = |no: &str, yes: &str| vec![mail(Account, true), say(NO, no), say(YES, yes)];
    assert_eq!(in_calm(sign_up(WRONG, CONFIRMED), &[Account]), 0);
    assert_eq!(in_calm(sign_up("", CONFIRMED), &[Account]), 1);
    assert_eq!(in_calm(sign_up(WRONG, CONFIRMED), &[]), 1);
    assert_eq!(in_calm(sign_up(WRONG, EXPIRED), &[Account]), 1);
    let unsent = vec![mail(Account, false), say(YES, CONFIRMED)];
    assert_eq!(in_calm(unsent, &[Account]), 1);
    let password = |answers: &[&str]| {
        let answers: Vec<_> = answers.iter().map(|text| answer(200, text)).collect();
        vec![mail(Password, true), said(YES, &answers)]
    };
    let link = link();
    assert_eq!(in_calm(password(&["", &link, ""]), &[]), 0);
    assert_eq!(in_calm(password(&["", ""]), &[]), 1);
    assert_eq!(in_calm(password(&[&link, &link]), &[]), 1);
    let two = |chosen: &[Answer]| {
        vec![
            mail(Account, true),
            mail(Password, true),
            say(YES, LIST),
            said(Says::Chosen(Account), chosen),
            say(YES, &link),
        ]
    };
    assert_eq!(in_calm(two(&[answer(200, CONFIRMED)]), &[Account]), 0);
    assert_eq!(in_calm(two(&[]), &[]), 2, "no code was told");
    let stopped = |no: &str, is_done| {
        vec![
            mail(Account, true),
            say(STOP, ""),
            say(NO, no),
            mail(OtherAccount, is_done),
            say(Says::Start("START"), ""),
            say(YES, ""),
            mail(Account, true),
            say(YES, CONFIRMED),
        ]
    };
    assert_eq!(in_calm(stopped("", false), &[Account]), 0);
    assert_eq!(in_calm(stopped(WRONG, false), &[Account]), 1);
    assert_eq!(in_calm(stopped("", true), &[Account]), 1);
}

#[test]
fn a_use_is_ascribed_to_the_last_reply_before_it() {
    let now = Instant::now();
    let [first, second] = [1, 2].map(|seconds| now + Duration::from_secs(seconds));
    let at = |begun, says| {
        Event::Said(Said {
            says,
            begun,
            answers: vec![],
        })
    };
    let talked = talked(vec![mail(Account, true), at(first, NO), at(second, YES)]);
    for (moment, reply) in [(now, None), (first, Some(1)), (second, Some(2))] {
        assert_eq!(reply_before(&talked, moment), reply);
    }
}
