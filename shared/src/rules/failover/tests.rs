//! Decisions about a kept code.

use super::*;

const ROUTE: [&str; 3] = ["twilio", "vonage", "plivo"];
const NOW: u64 = 1_000;
const TEXTS: Roads<'static, 'static> = Roads {
    texts: &ROUTE,
    calls: &[],
};

fn sent(provider: &str, tried: &[&str]) -> Standing {
    Standing {
        kept: "000000000990#code-x".to_owned(),
        provider: provider.to_owned(),
        sid: None,
        tried: tried.iter().map(|name| (*name).to_owned()).collect(),
        receipts: Vec::new(),
        at: NOW - 10,
        is_trying: false,
        number: String::new(),
        is_newest: true,
        is_used: false,
        ends_at: NOW + 100,
        region: "DK".to_owned(),
    }
}

fn after(receipts: &[(&str, &str)], text: Standing) -> Standing {
    let receipts = receipts
        .iter()
        .map(|(name, state)| ((*name).to_owned(), (*state).to_owned()));
    Standing {
        receipts: receipts.collect(),
        ..text
    }
}

/// All combinations of two providers' receipts, attempts, newer codes and times.
#[test]
fn no_second_text_after_delivered_at_most_one_each_and_none_is_given_up_without_a_reason() {
    let states = [None]
        .into_iter()
        .chain(Reason::ALL.map(|reason| Some(State::Undelivered(reason))))
        .chain([Some(State::Delivered)]);
    let states: Vec<Option<State>> = states.collect();
    let mut seen = 0;
    for first in &states {
        for second in &states {
            for tried in [&["twilio"][..], &["twilio", "vonage"], &ROUTE] {
                for bits in 0..16_u8 {
                    let [is_trying, is_newest, is_late, lives] =
                        [1, 2, 4, 8].map(|bit| bits & bit != 0);
                    let text = Standing {
                        receipts: [("twilio", first), ("vonage", second)]
                            .iter()
                            .filter_map(|(name, state)| {
                                let word = state.as_ref()?.word();
                                Some(((*name).to_owned(), word.to_owned()))
                            })
                            .collect(),
                        at: if is_late { NOW - 20 } else { NOW - 19 },
                        ends_at: if lives { NOW + 5 } else { NOW + 4 },
                        is_trying,
                        is_newest,
                        ..sent(tried[tried.len() - 1], tried)
                    };
                    let action = next(&text, TEXTS, 20, NOW);
                    let ended = [first, second].into_iter().flatten().any(|state| {
                        matches!(
                            state,
                            State::Delivered
                                | State::Undelivered(Reason::OptedOut | Reason::Landline)
                        )
                    });
                    let current = [first, second].into_iter().zip(["twilio", "vonage"]);
                    let has_failed = current
                        .filter(|(_, name)| *name == text.provider)
                        .any(|(state, _)| state.is_some());
                    let left = ROUTE.iter().find(|name| {
                        !(tried.contains(name) || **name == "vonage" && second.is_some())
                    });
                    let expected = match left {
                        _ if ended || !is_newest || !lives => Action::Forget,
                        _ if is_trying => Action::Wait,
                        None => Action::Forget,
                        Some(name) if has_failed || is_late => Action::Send(name),
                        Some(_) => Action::Wait,
                    };
                    assert_eq!(action, expected, "{text:?}");
                    seen += 1;
                }
            }
        }
    }
    assert_eq!(seen, 100 * 3 * 16);
}

#[test]
fn an_attempt_that_was_lost_is_the_last_one() {
    let lost = Standing {
        at: NOW - 30,
        is_trying: true,
        ..after(
            &[("twilio", "blocked")],
            sent("twilio", &["twilio", "vonage"]),
        )
    };
    assert_eq!(next(&lost, TEXTS, 20, NOW), Action::Forget);
}

#[test]
fn a_used_code_is_not_sent_again() {
    let text = after(&[("twilio", "blocked")], sent("twilio", &["twilio"]));
    assert_eq!(next(&text, TEXTS, 20, NOW), Action::Send("vonage"));
    let used = Standing {
        is_used: true,
        ..text
    };
    assert_eq!(next(&used, TEXTS, 20, NOW), Action::Forget);
}

#[test]
fn a_bad_receipt_of_an_earlier_provider_does_not_hurry_the_present_one() {
    let text = sent("vonage", &["twilio", "vonage"]);
    let text = after(&[("twilio", "blocked")], text);
    assert_eq!(next(&text, TEXTS, 20, NOW), Action::Wait);
    let text = after(&[("twilio", "blocked"), ("vonage", "expired")], text);
    assert_eq!(next(&text, TEXTS, 20, NOW), Action::Send("plivo"));
}

#[test]
fn after_the_last_text_a_code_goes_out_by_one_call() {
    let roads = Roads {
        texts: &["twilio", "vonage"],
        calls: &["twilio_voice", "aws_voice"],
    };
    let next = |receipts: &[(&str, &str)], provider, tried: &[&str]| {
        next(&after(receipts, sent(provider, tried)), roads, 20, NOW)
    };
    let both = ["twilio", "vonage"];
    for (receipts, provider, tried, action) in [
        (
            &[("twilio", "blocked")][..],
            "twilio",
            &both[..1],
            Action::Send("vonage"),
        ),
        (
            &[("vonage", "blocked")],
            "vonage",
            &both,
            Action::Send("twilio_voice"),
        ),
        (&[], "vonage", &both, Action::Wait),
        // A landline can be called at once.
        (
            &[("twilio", "landline")],
            "twilio",
            &both[..1],
            Action::Send("twilio_voice"),
        ),
        (
            &[("twilio", "opted_out")],
            "twilio",
            &both[..1],
            Action::Forget,
        ),
        (
            &[("twilio", "blocked"), ("vonage", "delivered")],
            "twilio",
            &both,
            Action::Forget,
        ),
        // The first refused to call.
        (
            &[("vonage", "blocked")],
            "vonage",
            &["twilio", "vonage", "twilio_voice"],
            Action::Send("aws_voice"),
        ),
        // Nobody took the call.
        (
            &[("vonage", "blocked"), ("twilio_voice", "not_answered")],
            "twilio_voice",
            &["twilio", "vonage", "twilio_voice"],
            Action::Forget,
        ),
    ] {
        assert_eq!(
            next(receipts, provider, tried),
            action,
            "{receipts:?} {tried:?}"
        );
    }
}
