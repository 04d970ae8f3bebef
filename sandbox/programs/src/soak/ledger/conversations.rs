//! What must be true of the texts between an employee and customers.

use sandbox::twilio::Message;

use super::company;
use crate::soak::{
    conversations::Conversation,
    world::{Asked, World},
};

pub(super) fn judge(world: &World, asked: &Asked, broken: &mut Vec<String>) {
    let messages = world.sandbox.twilio.messages();
    for conversation in &asked.conversations {
        broken.extend(judged(conversation, &messages, world.is_calm));
    }
}

/// A question reaches the employee once, and the answer its customer. Nobody else gets either. The
/// customer does not learn the mobile number.
fn judged(conversation: &Conversation, messages: &[Message], is_calm: bool) -> Vec<String> {
    let mut broken = vec![];
    let Conversation {
        mobile,
        number,
        customer,
        question,
        answer,
    } = conversation;
    let texts = [(question, mobile)]
        .into_iter()
        .chain(answer.iter().map(|answer| (answer, customer)));
    for (said, to) in texts {
        let body = &said.body;
        let mine = messages.iter().filter(|text| text.body.contains(body));
        let reached: Vec<_> = mine.clone().map(|text| text.to.as_str()).collect();
        company::text(body, &reached, to, is_calm, &mut broken);
        company::answers(body, &said.lost, to, &mut broken);
        let is_other = |text: &&Message| text.from != *number;
        if let Some(text) = mine.clone().find(is_other) {
            broken.push(format!("{body:?} came from {}", text.from));
        }
        let is_shown = |text: &str| text.contains(&mobile[1..]);
        let is_told = mine.clone().any(|text| is_shown(&text.body))
            || said.lost.iter().any(|lost| is_shown(lost));
        if to == customer && is_told {
            broken.push(format!("{body:?} showed {customer} the number {mobile}"));
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::conversations::Said;

    const MOBILE: &str = "+4524101234";
    const NUMBER: &str = "+15005570001";
    const CUSTOMER: &str = "+4541101234";

    fn said(body: &str, lost_to: &str) -> Said {
        let lost = format!("<Message to=\"{lost_to}\" from=\"{NUMBER}\">{body}</Message>");
        Said {
            body: body.to_owned(),
            lost: vec![lost],
        }
    }

    fn told() -> Conversation {
        Conversation {
            mobile: MOBILE.to_owned(),
            number: NUMBER.to_owned(),
            customer: CUSTOMER.to_owned(),
            question: said("Question", MOBILE),
            answer: Some(said("Answer", CUSTOMER)),
        }
    }

    fn message((to, from, body): &(&str, &str, &str)) -> Message {
        Message {
            sid: String::new(),
            to: (*to).to_owned(),
            from: (*from).to_owned(),
            body: (*body).to_owned(),
            media: vec![],
            direction: "outbound-reply",
            validity: None,
            keeps_body: true,
            keeps_to: true,
            receipt_url: None,
        }
    }

    /// Texts by their receiver, sender and body.
    fn broken(
        conversation: &Conversation,
        texts: &[(&str, &str, &str)],
        is_calm: bool,
    ) -> Vec<String> {
        let messages: Vec<_> = texts.iter().map(message).collect();
        judged(conversation, &messages, is_calm)
    }

    const QUESTION: (&str, &str, &str) = (MOBILE, NUMBER, "From: +4541101234\n\nQuestion");
    const ANSWER: (&str, &str, &str) = (CUSTOMER, NUMBER, "Answer");

    #[test]
    fn an_answer_reaches_its_customer_once_and_nobody_else() {
        let none = Vec::<String>::new();
        for is_calm in [true, false] {
            assert_eq!(broken(&told(), &[QUESTION, ANSWER], is_calm), none);
            for wrong in [
                &[QUESTION, ANSWER, ANSWER][..],
                &[QUESTION, ("+4599999999", NUMBER, "Answer")],
                &[QUESTION, (MOBILE, NUMBER, "Answer")],
                &[QUESTION, QUESTION, ANSWER],
                &[QUESTION, (CUSTOMER, MOBILE, "Answer")],
                &[QUESTION, (CUSTOMER, NUMBER, "Answer of +4524101234")],
            ] {
                assert_ne!(broken(&told(), wrong, is_calm), none, "{wrong:?}");
            }
            assert_eq!(broken(&told(), &[QUESTION], is_calm).is_empty(), !is_calm);
            let silent = Conversation {
                answer: None,
                ..told()
            };
            assert_eq!(broken(&silent, &[], is_calm).is_empty(), !is_calm);
        }
    }

    #[test]
    fn a_lost_answer_would_have_gone_to_the_customer_only() {
        for wrong in [
            said("Answer", MOBILE),
            said("Answer of +4524101234", CUSTOMER),
        ] {
            let conversation = Conversation {
                answer: Some(wrong),
                ..told()
            };
            assert_ne!(
                broken(&conversation, &[QUESTION], false),
                Vec::<String>::new()
            );
        }
    }
}
