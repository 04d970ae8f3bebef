//! How a round plays employees who answer the texts of customers.

use sandbox::twilio::Message;

use super::{replies::RETRIED, world::World};

/// An employee who answers customers, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) mobile: String,
    /// The company number. Somebody has entered it in Okta.
    pub(super) number: String,
    pub(super) customers: [String; 2],
    /// How many times at once each webhook comes.
    pub(super) copies: usize,
}

/// A customer's text, and the employee's answer.
#[derive(Clone, Debug)]
pub(super) struct Conversation {
    pub(super) mobile: String,
    pub(super) number: String,
    pub(super) customer: String,
    pub(super) question: Said,
    /// `None`: the question did not arrive, so nobody answered.
    pub(super) answer: Option<Said>,
}

/// A text to the company number.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) body: String,
    /// The answers to the other copies of its webhook.
    pub(super) lost: Vec<String>,
}

impl World {
    /// Customers text an employee, who answers each.
    pub(super) async fn converse(&self, plan: &Plan) {
        let (mobile, number) = (plan.mobile.as_str(), plan.number.as_str());
        self.note(|asked| {
            asked.strangers.push(plan.mobile.clone());
            asked.strangers.extend(plan.customers.clone());
        });
        self.sandbox.okta.hire(&plan.name, mobile, number);
        let url = self.url("sms-forward") + RETRIED;
        self.sandbox.twilio.set_sms_url(number, &url);
        for (at, customer) in plan.customers.iter().enumerate() {
            let say = async |from: &str, body: String| Said {
                lost: self.texts(from, number, &body, plan.copies).await,
                body,
            };
            let question = say(customer, format!("Question {at} to {}!", plan.name)).await;
            let texts = self.sandbox.twilio.texts(mobile);
            let is_it = |text: &Message| text.body.contains(&question.body);
            let mut answer = None;
            if texts.iter().any(is_it) {
                answer = Some(say(mobile, format!("Answer {at} of {}!", plan.name)).await);
            }
            self.note(|asked| {
                asked.conversations.push(Conversation {
                    mobile: plan.mobile.clone(),
                    number: plan.number.clone(),
                    customer: customer.clone(),
                    question,
                    answer,
                });
            });
        }
    }
}
