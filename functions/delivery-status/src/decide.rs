//! Which effects a receipt has.

use std::time::Duration;

use shared::rules::delivery::{DeliveryReceipt, Reason, Sent, State};
use shared::rules::scoreboard::Event;

/// Whether the number's next code avoids the provider of this receipt.
pub(crate) fn is_avoided(receipt: &DeliveryReceipt, sent: &Sent) -> bool {
    // An erased number has no hash in the journal any more.
    let is_known = sent.number != "-";
    // Another provider must not get around an opt-out, and none makes people take a call.
    let is_chosen = matches!(
        receipt.state,
        State::Undelivered(Reason::OptedOut | Reason::NotAnswered)
    );
    is_lost_code(receipt) && is_known && !is_chosen
}

/// Whether a code did not arrive.
pub(crate) fn is_lost_code(receipt: &DeliveryReceipt) -> bool {
    let reference = receipt.reference.as_ref();
    matches!(receipt.state, State::Undelivered(_))
        && reference.is_some_and(|reference| reference.kind() == "code")
}

/// What the scoreboard counts for a final state; `waited` is the time since the text was sent.
pub(crate) fn event(state: State, waited: Duration) -> Option<Event> {
    match state {
        State::OnItsWay => None,
        State::Delivered => Some(Event::Delivered(waited)),
        State::Undelivered(reason) => Some(Event::Undelivered(reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::rules::delivery::Reference;

    fn receipt(reference: Option<&str>, state: State) -> DeliveryReceipt {
        DeliveryReceipt {
            reference: reference.and_then(Reference::parse),
            id: None,
            state,
            code: None,
        }
    }

    fn sent(number: &str) -> Sent {
        Sent {
            number: number.to_owned(),
            region: "DK".to_owned(),
            sender: "-".to_owned(),
            id: None,
            at: 0,
            kept: None,
        }
    }

    #[test]
    fn after_a_lost_code_the_next_one_avoids_the_provider() {
        let (code, mail) = (Some("code-12345678"), Some("mail-12345678"));
        for reason in Reason::ALL {
            let lost = State::Undelivered(reason);
            let is_chosen = matches!(reason, Reason::OptedOut | Reason::NotAnswered);
            for (reference, number, avoided) in [
                (code, "hash", !is_chosen),
                (code, "-", false),
                (mail, "hash", false),
                (None, "hash", false),
            ] {
                let told = is_avoided(&receipt(reference, lost), &sent(number));
                assert_eq!(told, avoided, "{reason:?} {reference:?} {number}");
            }
        }
        for state in [State::Delivered, State::OnItsWay] {
            assert!(!is_avoided(&receipt(code, state), &sent("hash")));
        }
    }

    #[test]
    fn only_a_code_that_did_not_arrive_is_lost() {
        let opted_out = State::Undelivered(Reason::OptedOut);
        for (reference, state, lost) in [
            (Some("code-12345678"), opted_out, true),
            (Some("code-12345678"), State::Delivered, false),
            (Some("code-12345678"), State::OnItsWay, false),
            (Some("missed-12345678"), opted_out, false),
            (None, opted_out, false),
        ] {
            assert_eq!(is_lost_code(&receipt(reference, state)), lost);
        }
    }

    #[test]
    fn final_states_are_counted() {
        let waited = Duration::from_secs(7);
        let told = |state| event(state, waited);
        assert_eq!(told(State::OnItsWay), None);
        assert_eq!(told(State::Delivered), Some(Event::Delivered(waited)));
        let expired = Reason::Expired;
        assert_eq!(
            told(State::Undelivered(expired)),
            Some(Event::Undelivered(expired))
        );
    }
}
