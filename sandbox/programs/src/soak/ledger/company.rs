//! What must be true of texts and calls to a company number.

use crate::soak::world::{Asked, MOBILE, World};

pub(super) fn judge(world: &World, asked: &Asked, broken: &mut Vec<String>) {
    let messages = world.sandbox.twilio.messages();
    for forwarded in &asked.forwarded {
        let body = &forwarded.body;
        let reached = messages.iter().filter(|text| text.body.contains(body));
        let reached: Vec<_> = reached.map(|text| text.to.as_str()).collect();
        text(body, &reached, MOBILE, world.is_calm, broken);
        answers(body, &forwarded.answers, MOBILE, broken);
    }
    for copies in &asked.calls {
        call(copies, world.is_calm, broken);
    }
}

/// A text reaches whom it is for, and nobody else, once. If nothing is broken, it does.
pub(super) fn text(
    body: &str,
    reached: &[&str],
    to: &str,
    is_calm: bool,
    broken: &mut Vec<String>,
) {
    let is_once = match reached {
        [] => !is_calm,
        [one] => *one == to,
        _ => false,
    };
    if !is_once {
        broken.push(format!("{body:?} was forwarded to {reached:?}"));
    }
}

/// What the lost answers would have sent goes there, too: Twilio executes any of them.
pub(super) fn answers(body: &str, answers: &[String], to: &str, broken: &mut Vec<String>) {
    for answer in answers {
        let sent = answer.matches("<Message").count();
        let right = answer.matches(&format!("to=\"{to}\"")).count();
        if sent != right || sent > 1 {
            broken.push(format!("{body:?} was answered with {answer}"));
        }
    }
}

/// Each copy of a call's webhook rings at the employee's mobile only, once. If nothing is broken, one
/// of them rings.
fn call(copies: &[Vec<String>], is_calm: bool, broken: &mut Vec<String>) {
    for dialled in copies {
        if dialled.iter().any(|number| number != MOBILE) || dialled.len() > 1 {
            broken.push(format!("a call was put through to {dialled:?}"));
        }
    }
    if is_calm && copies.iter().all(Vec::is_empty) {
        broken.push("a call was not put through, and nothing was broken".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRANGER: &str = "+4599999999";

    #[test]
    fn a_text_reaches_its_employee_once() {
        let is_noticed = |reached: &[&str], is_calm| {
            let mut broken = vec![];
            text("Hello", reached, MOBILE, is_calm, &mut broken);
            !broken.is_empty()
        };
        for is_calm in [true, false] {
            assert!(!is_noticed(&[MOBILE], is_calm));
            assert!(is_noticed(&[MOBILE, MOBILE], is_calm));
            assert!(is_noticed(&[STRANGER], is_calm));
            assert_eq!(is_noticed(&[], is_calm), is_calm);
        }
    }

    #[test]
    fn no_answer_sends_to_somebody_else() {
        let is_noticed = |answer: String| {
            let mut broken = vec![];
            answers("Hello", &[answer], MOBILE, &mut broken);
            !broken.is_empty()
        };
        let to = |number: &str| format!("<Message to=\"{number}\">Hello</Message>");
        assert!(!is_noticed("<Response/>".to_owned()));
        assert!(!is_noticed(to(MOBILE)));
        assert!(is_noticed(to(STRANGER)));
        assert!(is_noticed(to(MOBILE) + &to(MOBILE)));
        assert!(is_noticed("<Message>Hello</Message>".to_owned()));
    }

    #[test]
    fn a_call_rings_at_its_employee_only() {
        let is_noticed = |copies: &[&[&str]], is_calm| {
            let copies = copies
                .iter()
                .map(|copy| copy.iter().map(ToString::to_string));
            let copies: Vec<Vec<String>> = copies.map(Iterator::collect).collect();
            let mut broken = vec![];
            call(&copies, is_calm, &mut broken);
            !broken.is_empty()
        };
        for is_calm in [true, false] {
            assert!(!is_noticed(&[&[MOBILE], &[]], is_calm));
            assert!(is_noticed(&[&[MOBILE], &[STRANGER]], is_calm));
            assert!(is_noticed(&[&[MOBILE, MOBILE]], is_calm));
            assert_eq!(is_noticed(&[&[], &[]], is_calm), is_calm);
        }
    }
}
