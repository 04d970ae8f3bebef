//! Explores mails. `MODELS=deep` explores more.

use models::fault::Fault::{Lost, Misread, Unconditional};
use models::mail::{DELIVERED, Mail, ONE_SMS, SIGNED_AT, TRUE, WAITS};
use models::world::Explored;

use super::{bounds, breaks, holds, holds_deep};

/// During a lease; after it.
const SECONDS: &[u64] = &[SIGNED_AT, SIGNED_AT + 40];
/// Also while a post waits for another one.
const WAITING: &[u64] = &[SIGNED_AT, SIGNED_AT + 5, SIGNED_AT + 40];
/// After a lease; when TTL may have deleted everything.
const LATER: &[u64] = &[SIGNED_AT, SIGNED_AT + 40, SIGNED_AT + 150_000];

fn mail(posts: usize) -> Mail {
    Mail {
        posts,
        seconds: SECONDS,
        is_ended_when_late: false,
    }
}

#[test]
fn a_mail_becomes_one_sms() {
    holds("mail", Explored::new(mail(2), bounds(2, 1, 0)));
    holds_deep("mail", Explored::new(mail(2), bounds(2, 1, 1)));
}

#[test]
fn a_mail_becomes_one_sms_although_a_post_waits_for_another_one() {
    let waiting = Mail {
        seconds: WAITING,
        ..mail(2)
    };
    holds(
        "mail, a post waits",
        Explored::new(waiting, bounds(1, 1, 1)),
    );
}

#[test]
fn a_mail_becomes_one_sms_although_ttl_deletes_items() {
    let late = Mail {
        seconds: LATER,
        is_ended_when_late: true,
        ..mail(2)
    };
    holds("mail, TTL", Explored::new(late, bounds(1, 1, 1)));
}

#[test]
fn a_mail_becomes_two_sms_if_the_conditions_are_ignored() {
    let explored = Explored::new(mail(2), bounds(1, 0, 0)).with(Unconditional(""));
    breaks(&[ONE_SMS, WAITS], explored);
}

#[test]
fn a_mail_is_lost_if_its_request_is_withdrawn_and_its_failure_is_not_stored() {
    // As if the request were withdrawn first, and the instance then ended.
    let failures = Lost(r#"{"S":"failed"}"#);
    let explored = Explored::new(mail(1), bounds(2, 0, 0)).with(failures);
    breaks(&[TRUE, DELIVERED], explored);
}

#[test]
fn a_post_is_answered_with_200_too_early_if_it_reads_that_the_sms_was_accepted() {
    let early = Misread(r#"{"S":"sending"}"#, r#"{"S":"sent"}"#);
    breaks(&[TRUE], Explored::new(mail(2), bounds(1, 0, 0)).with(early));
}

#[test]
fn a_request_does_not_wait_if_an_earlier_post_withdraws_that_of_a_later_one() {
    let withdrawal = Unconditional("added_by = :me");
    let explored = Explored::new(mail(2), bounds(1, 0, 0)).with(withdrawal);
    breaks(&[WAITS, DELIVERED], explored);
}
