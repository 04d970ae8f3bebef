//! The next provider for a code that did not arrive.
//!
//! A code whose text is [kept](super::kept) goes on to the next provider of its route after a bad
//! receipt, or if nothing is heard of it for some time. After the last one it may go out by a call.
//! Promises: no second text after "delivered" is known, none if the number has a newer code, at most
//! one through each provider, one call in all, one attempt at a time. An attempt with an unknown outcome is the last one: it leaves `trying` in the journal's
//! entry.
//!
//! Attributes of the entry: `kept` (the kept item's sort key), `kept_until`, `tried` (the providers
//! that have or may have the text), `tried_at`, `trying` (the owner of the attempt under way).

use std::time::SystemTime;

use super::delivery::{self, RECEIPTS, Reason, Reference, State};
use crate::platform::table::{Item, Table, Unavailable, Update, Write};
use crate::platform::time::epoch;

/// A code that ends sooner is not sent again, in seconds.
const SHORTEST_LIFE: u64 = 5;
/// After this time an attempt that has not ended never will, in seconds.
const ATTEMPT: u64 = 30;

/// What the table knows of an accepted code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The sort key of the kept text.
    pub kept: String,
    /// The provider that accepted it last.
    pub provider: String,
    /// The providers that have or may have it.
    pub tried: Vec<String>,
    /// The final states, by provider.
    pub receipts: Vec<(String, String)>,
    /// When the last attempt began, in epoch seconds.
    pub at: u64,
    /// Whether an attempt is under way, or ended without a known outcome.
    pub is_trying: bool,
    /// Whether the number has no newer code.
    pub is_newest: bool,
    /// The end of the code's life, in epoch seconds.
    pub ends_at: u64,
    /// The number's ISO 3166 region, or `-`.
    pub region: String,
}

/// What to do with a kept code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action<'a> {
    /// Nothing yet.
    Wait,
    /// Nothing will follow: delete the kept text.
    Forget,
    /// Send the text through this provider.
    Send(&'a str),
}

/// The providers that may send a code.
#[derive(Debug, Clone, Copy)]
pub struct Roads<'a, 'b> {
    /// Of texts, in order.
    pub texts: &'b [&'a str],
    /// Of calls, in order; none if the code may not go out by a call.
    pub calls: &'b [&'a str],
}

/// Decides what follows. `timeout`: how long a receipt may take, in seconds.
pub fn next<'a>(text: &Standing, roads: Roads<'a, '_>, timeout: u64, now: u64) -> Action<'a> {
    let is_any = |ends: &[State]| {
        let mut states = text.receipts.iter().map(|(_, state)| state);
        states.any(|state| ends.iter().any(|end| end.word() == state))
    };
    let ends_it = [State::Delivered, State::Undelivered(Reason::OptedOut)];
    let is_over = now + SHORTEST_LIFE > text.ends_at;
    // After a call that was made there is nothing to come.
    let was_called = roads.calls.contains(&text.provider.as_str());
    // A landline cannot receive texts, but calls.
    let is_landline = is_any(&[State::Undelivered(Reason::Landline)]);
    let texts = if is_landline { &[] } else { roads.texts };
    let has_no_road = texts.is_empty() && roads.calls.is_empty();
    if is_over || !text.is_newest || was_called || has_no_road || is_any(&ends_it) {
        return Action::Forget;
    }
    if text.is_trying {
        let is_lost = text.at + ATTEMPT <= now;
        return if is_lost {
            Action::Forget
        } else {
            Action::Wait
        };
    }
    let reported = |name: &str| text.receipts.iter().any(|(provider, _)| provider == name);
    let has_had_it = |name: &str| {
        name == text.provider || reported(name) || text.tried.iter().any(|tried| tried == name)
    };
    let mut route = texts.iter().chain(roads.calls);
    match route.find(|name| !has_had_it(name)) {
        None => Action::Forget,
        Some(name) if reported(&text.provider) || text.at + timeout <= now => Action::Send(name),
        Some(_) => Action::Wait,
    }
}

/// Reads what the table knows of a code. `None`: no provider accepted it, or it is not kept.
///
/// # Errors
/// [`Unavailable`].
pub async fn read(
    reference: &Reference,
    table: &Table,
    now: SystemTime,
) -> Result<Option<Standing>, Unavailable> {
    let item = table.get(reference.key(), now).await?;
    let Some(mut standing) = item.as_ref().and_then(standing) else {
        return Ok(None);
    };
    let number = item.as_ref().and_then(|item| item.text("number"));
    let newest = delivery::newest(number.unwrap_or_default(), table, now).await?;
    standing.is_newest = newest.as_ref() == Some(reference);
    Ok(Some(standing))
}

fn standing(item: &Item) -> Option<Standing> {
    let receipts = item.map(RECEIPTS).unwrap_or_default();
    let states = receipts
        .names()
        .filter_map(|name| Some((name.to_owned(), receipts.text(name)?.to_owned())));
    (item.text("stage") == Some("sent")).then_some(())?;
    Some(Standing {
        kept: item.text("kept")?.to_owned(),
        provider: item.text("provider")?.to_owned(),
        tried: item.set("tried").to_vec(),
        receipts: states.collect(),
        at: item
            .number("tried_at")
            .max(item.number("sent_at"))
            .unwrap_or_default(),
        is_trying: item.text("trying").is_some(),
        is_newest: false,
        ends_at: item.number("kept_until")?,
        region: item.text("region").unwrap_or("-").to_owned(),
    })
}

/// Claims the one attempt at this provider for `owner`. `false`: another invocation has it, it
/// became known that the code arrived, or the number got a newer code after `text` was read.
/// `names`: all providers that may report.
///
/// # Errors
/// [`Unavailable`]; the attempt must then not be made.
pub async fn claim(
    reference: &Reference,
    text: &Standing,
    provider: &str,
    owner: &str,
    names: &[&str],
    (table, now): (&Table, SystemTime),
) -> Result<bool, Unavailable> {
    let not_delivered = names.iter().map(|name| {
        format!(" AND (attribute_not_exists({RECEIPTS}.{name}) OR {RECEIPTS}.{name} <> :delivered)")
    });
    let condition = "stage = :sent AND kept = :kept AND attribute_not_exists(trying) \
                     AND provider <> :provider AND NOT contains(tried, :provider)";
    let update = Update::new(reference.key())
        .set("trying", owner)
        .set("tried_at", epoch(now))
        .add_to_set("tried", provider)
        .only_if(condition.to_owned() + &not_delivered.collect::<String>())
        .bind(":sent", "sent")
        .bind(":kept", text.kept.as_str())
        .bind(":provider", provider)
        .bind(":delivered", State::Delivered.word());
    let item = match table.update(update).await? {
        Write::Done(item) => item,
        // The answer to our own claim may have been lost.
        Write::Refused(item) if item.text("trying") == Some(owner) => item,
        Write::Refused(_) => return Ok(false),
    };
    let number = item.text("number").unwrap_or_default();
    let is_newest = delivery::newest(number, table, now).await?.as_ref() == Some(reference);
    if !is_newest {
        settle(reference, owner, None, table).await?;
    }
    Ok(is_newest)
}

/// An attempt that a provider accepted.
#[derive(Debug)]
pub struct Accepted<'a> {
    /// The provider.
    pub provider: &'a str,
    /// Its id of the message.
    pub id: Option<&'a str>,
    /// The sender.
    pub sender: Option<&'a str>,
}

/// Stores how the attempt of `owner` ended; `None`: certainly nothing was sent.
///
/// # Errors
/// [`Unavailable`]; the attempt then counts as one without a known outcome.
pub async fn settle(
    reference: &Reference,
    owner: &str,
    accepted: Option<&Accepted<'_>>,
    table: &Table,
) -> Result<(), Unavailable> {
    let mut update = Update::new(reference.key())
        .remove("trying")
        .only_if("trying = :owner")
        .bind(":owner", owner);
    if let Some(accepted) = accepted {
        update = update.set("provider", accepted.provider);
        for (name, value) in [("sid", accepted.id), ("sender", accepted.sender)] {
            update = match value {
                Some(value) => update.set(name, value),
                None => update.remove(name),
            };
        }
    }
    table.update(update).await.map(drop)
}

#[cfg(test)]
mod tests {
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
            tried: tried.iter().map(|name| (*name).to_owned()).collect(),
            receipts: Vec::new(),
            at: NOW - 10,
            is_trying: false,
            is_newest: true,
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
}
