//! Twilio: the webhooks of numbers and messaging services
//! (<https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource>,
//! <https://www.twilio.com/docs/messaging/api/service-resource>).

mod account;
mod held;
mod plan;
mod resource;
mod wishes;

pub(crate) use account::{Account, pages};
pub(crate) use resource::{BOUGHT, address};

use self::held::{ledger, read};
use self::plan::plan;
use self::resource::{is_bought, is_clear};
use self::wishes::wishes;
use super::{Extras, Planned};
use crate::context::Context;
use crate::problem::Problem;
use crate::stack::Webhook;

pub(crate) async fn examine(
    context: &Context,
    extras: &Extras,
) -> Result<Option<Planned>, Problem> {
    let mut stack = context.stack.clone();
    if !extras.named && !stack.is_called_by_twilio() {
        return Ok(None);
    }
    let account = Account::open(context).await?;
    let mut held = read(context, &account)
        .await
        .map_err(|refusal| Problem::Failed(format!("Twilio: {refusal}")))?;
    let mut unread = None;
    if let (Some(voice), Some(sms)) = (stack.webhook(Webhook::Call), stack.webhook(Webhook::Text))
        && held
            .numbers
            .iter()
            .any(|number| is_bought(number) && !is_clear(number, &voice, &sms))
    {
        match ledger(context).await {
            Ok(ledger) => held.ledger = ledger,
            Err(problem) => {
                unread = Some(format!(
                    "the state records of company numbers cannot be read from the table: {problem}"
                ));
            }
        }
    }
    if let Some(number) = &extras.menu_number {
        stack.extend([("menu number".to_owned(), number.clone())]);
    }
    let mut plan = plan(
        &account,
        &held,
        &wishes(&stack, &held, &extras.company_numbers)?,
        &context.urls.twilio_messaging_url,
    );
    plan.problems.extend(unread);
    Ok(Some(Planned {
        session: account.api,
        plan,
    }))
}
