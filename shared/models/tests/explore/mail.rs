//! Explores mails. `MODELS=deep` explores more.

use models::mail::{DELIVERED, Mail, ONE_SMS};
use models::world::Explored;

use super::{bounds, breaks, holds, holds_deep};

fn mail(posts: usize) -> Mail {
    Mail {
        posts,
        withdraws_at_once: false,
    }
}

#[test]
fn a_mail_becomes_one_sms() {
    holds("mail", Explored::new(mail(2), bounds(2, 1, 1)));
    holds_deep("mail", Explored::new(mail(2), bounds(2, 2, 1)));
}

#[test]
fn a_mail_becomes_two_sms_if_the_conditions_are_ignored() {
    let explored = Explored::new(mail(2), bounds(1, 0, 0)).without_conditions();
    breaks(ONE_SMS, explored);
}

#[test]
fn a_mail_is_lost_if_its_request_is_withdrawn_before_the_failure_is_stored() {
    let careless = Mail {
        posts: 1,
        withdraws_at_once: true,
    };
    breaks(DELIVERED, Explored::new(careless, bounds(2, 1, 0)));
}
