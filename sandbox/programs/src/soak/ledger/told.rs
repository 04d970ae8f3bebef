//! When a person was told of a confirmation, and when the identity provider had it.

use std::time::Instant;

use sandbox::wire::Exchange;

use crate::soak::world::World;

/// What a confirmed person is told.
pub(super) const THANKS: &str = "Your account is verified";

/// Nobody is told that the account is verified before Auth0 has the confirmation. `people`: phones, and
/// the tickets that their mails had.
pub(super) fn judge<'a>(
    world: &World,
    people: impl Iterator<Item = (&'a str, Vec<&'a str>)>,
    broken: &mut Vec<String>,
) {
    let posts = world.sandbox.auth0.server().exchanges();
    let answers = world.sandbox.door("receive-confirmation-sms").exchanges();
    for (phone, tickets) in people {
        let is_of_it = |post: &&Exchange| {
            let mut tickets = tickets.iter();
            post.method == "POST" && tickets.any(|ticket| post.target.contains(ticket))
        };
        let confirmed = posts
            .iter()
            .filter(|post| is_of_it(post) && is_redeemed_by(post));
        let confirmed = confirmed.map(ended).min();
        let from = form_urlencoded::byte_serialize(phone.as_bytes());
        let from = format!("From={}", from.collect::<String>());
        let told = answers.iter().filter(|answer| {
            let asked = String::from_utf8_lossy(&answer.request);
            answer.status == Some(200)
                && asked.split('&').any(|field| field == from)
                && String::from_utf8_lossy(&answer.response).contains(THANKS)
        });
        if is_too_soon(told.map(ended).min(), confirmed) {
            broken.push(format!(
                "{phone} was told that it is verified before Auth0 knew it"
            ));
        }
    }
}

/// Whether this verified the account: the form is answered with a redirect, which may get lost.
pub(super) fn is_redeemed_by(exchange: &Exchange) -> bool {
    let was_handled = match exchange.status {
        Some(status) => status == 302,
        None => !exchange.took.is_zero(),
    };
    exchange.method == "POST" && was_handled
}

/// When the answer was ready. If it was lost, `took` is zero: the request was there then.
fn ended(exchange: &Exchange) -> Instant {
    exchange.started + exchange.took
}

fn is_too_soon(told: Option<Instant>, confirmed: Option<Instant>) -> bool {
    told.is_some_and(|told| confirmed.is_none_or(|confirmed| told < confirmed))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn nobody_is_told_before_it_is_so() {
        let now = Instant::now();
        let later = now + Duration::from_millis(1);
        assert!(!is_too_soon(None, None) && !is_too_soon(None, Some(now)));
        assert!(!is_too_soon(Some(later), Some(now)));
        assert!(is_too_soon(Some(now), Some(later)));
        assert!(is_too_soon(Some(now), None));
    }
}
