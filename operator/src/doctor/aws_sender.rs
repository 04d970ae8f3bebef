//! AWS End User Messaging: the sender of the codes, and a dry run of a text.
//!
//! With `DryRun` AWS checks everything and sends nothing
//! (<https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html>).
//! It uses the login of the person, not the role of the function.

use reqwest::Method;
use serde_json::json;
use shared::rules::phone::E164;

use super::Examination;
use super::coverage::Check;
use crate::calls::{Body, Refusal};
use crate::context::Context;
use crate::problem::Problem;

const SENDER: &str = "gateway.aws_sender";
const DRY_RUN: &str = "aws.dry_run";

pub(super) const CHECKS: &[Check] = &[
    Check::new(SENDER, "the sender of AWS End User Messaging", |deployed| {
        deployed.stack.routes_to("aws")
    }),
    Check::new(DRY_RUN, "a text through AWS, only tried", |deployed| {
        deployed.stack.routes_to("aws")
    })
    .after(&[SENDER]),
];

const SEND: &str = "PinpointSMSVoiceV2.SendTextMessage";
/// Nobody has this number. It stands for a phone if the stack has no number of its own.
const FICTIONAL: &str = "+12025550123";
/// What else to try if AWS rejects the number that was chosen here.
const WITH_A_PHONE: &str =
    "run `operator doctor` with --phone and a phone of a user's country. Nothing is sent to it";

/// What AWS's words are about. Words that are not listed are about the route as a whole.
#[derive(Clone, Copy)]
enum About {
    Account,
    Busy,
    Destination,
    Rights,
    Sandbox,
    Sender,
    Spending,
}

/// The first entry that is in AWS's words counts.
const MEANINGS: [(&str, About); 20] = [
    ("ACCOUNT_DISABLED", About::Account),
    ("INSUFFICIENT_ACCOUNT_REPUTATION", About::Account),
    ("AccessDenied", About::Rights),
    ("Throttl", About::Busy),
    ("InternalServerException", About::Busy),
    ("ServiceQuotaExceededException", About::Spending),
    ("DESTINATION_PHONE_NUMBER_NOT_VERIFIED", About::Sandbox),
    ("NO_ORIGINATION_IDENTITIES_FOUND", About::Sender),
    ("RESOURCE_NOT_ACTIVE", About::Sender),
    ("MESSAGE_TYPE_MISMATCH", About::Sender),
    ("NUMBER_CAPABILITIES_MISMATCH", About::Sender),
    ("ResourceNotFoundException", About::Sender),
    ("DESTINATION_", About::Destination),
    ("COUNTRY_NOT_ENABLED", About::Destination),
    ("INTERNATIONAL_SENDING_NOT_SUPPORTED", About::Destination),
    ("SENDER_ID_", About::Destination),
    ("PRICE_OVER_THRESHOLD", About::Destination),
    ("CANNOT_PARSE", About::Destination),
    ("INVALID_PARAMETER", About::Destination),
    ("FIELD_VALIDATION_FAILED", About::Destination),
];

/// Checks that the stack has a sender, and tries it. `phone` is a number for the dry run.
pub(super) async fn examine(
    context: &Context,
    examination: &mut Examination,
    phone: Option<&E164>,
) -> Result<(), Problem> {
    if !context.stack.routes_to("aws") {
        return Ok(());
    }
    let Some(identity) = context.stack.get("AwsSmsIdentityArn") else {
        // Only with the ARN does the stack let the gateway send through AWS.
        examination.risk(
            SENDER,
            "SmsRoutes names aws, and AwsSmsIdentityArn is empty",
            "sms-gateway has no right to send through AWS, so AWS rejects each code",
            "set AwsSmsIdentityArn in samconfig.toml, the ARN of a pool, a phone number or a sender id; or remove aws from SmsRoutes. Then run \
             `operator deploy`",
        );
        return Ok(());
    };
    examination.checked(SENDER);
    let to = phone.cloned().or_else(|| own_number(context));
    let to = to.or_else(|| FICTIONAL.parse().ok());
    let Some(to) = to else {
        return Ok(());
    };
    let mut members = json!({
        "DestinationPhoneNumber": to.reveal(), "MessageBody": "A check of the route", "MessageType": "TRANSACTIONAL",
        "OriginationIdentity": identity, "DryRun": true,
    });
    for (member, parameter) in [
        ("MaxPrice", "AwsSmsMaxPrice"),
        ("ConfigurationSetName", "AwsSmsConfigurationSet"),
    ] {
        if let Some(value) = context.stack.get(parameter) {
            members[member] = value.into();
        }
    }
    let session = context.aws.texts(context).await?;
    let url = session.base.as_url().clone();
    let answer = session
        .send_to(Method::POST, url, &Body::Aws(SEND, members))
        .await;
    if let Err(refusal) = answer {
        // AWS's words may have the number.
        let words = refusal.to_string().replace(to.reveal(), &to.to_string());
        report(examination, &refusal, &words, phone.is_some());
    }
    examination.checked(DRY_RUN);
    Ok(())
}

/// A number of the stack: Twilio's, or another one in `SmsFrom`.
fn own_number(context: &Context) -> Option<E164> {
    let senders = context.stack.list("SmsFrom");
    let senders = senders.iter().filter_map(|sender| sender.split_once(':'));
    let numbers = senders.map(|(_, number)| number.trim());
    let own = context.stack.get("TwilioNumber").into_iter();
    own.chain(numbers).find_map(|number| number.parse().ok())
}

/// Reports what AWS rejected. `is_asked_for`: the number is one of the operator's choice.
fn report(examination: &mut Examination, refusal: &Refusal, words: &str, is_asked_for: bool) {
    let is_in_words = |(word, _): &&(&str, About)| words.contains(*word);
    let meaning = MEANINGS.iter().find(is_in_words).map(|(_, about)| *about);
    let rejected = format!("AWS rejects a text that was only tried: {words}");
    let why =
        "AWS rejects each code in the same way, and the next provider of the route must send it";
    match meaning {
        _ if refusal.status().is_none() => examination.unanswered(
            DRY_RUN,
            format!("AWS End User Messaging: {words}"),
            "check the region, in which AWS End User Messaging must exist. Then run `operator doctor`",
        ),
        Some(About::Busy) => examination.unanswered(
            DRY_RUN,
            format!("AWS End User Messaging: {words}"),
            "run `operator doctor`",
        ),
        Some(About::Rights) => examination.unchecked(
            DRY_RUN,
            format!("AWS does not let your login try a text: {words}"),
            "give your login the right sms-voice:SendTextMessage on AwsSmsIdentityArn (AWS console, IAM). Then run `operator doctor`",
        ),
        Some(About::Destination) if !is_asked_for => {
            let what = format!("AWS does not take the number that was tried: {words}");
            examination.unchecked(DRY_RUN, what, WITH_A_PHONE);
        }
        Some(About::Destination) => examination.fault(
            DRY_RUN,
            rejected,
            "AWS rejects each code to this phone, and perhaps to its country",
            "allow the country and get a sender for it (AWS End User Messaging, SMS). Or give the country another route in SmsRoutes",
        ),
        Some(About::Sandbox) => examination.fault(
            DRY_RUN,
            format!("the AWS account is in the SMS sandbox: {words}"),
            "AWS sends only to verified numbers, and rejects all other codes",
            "request production access (AWS End User Messaging, SMS, Overview)",
        ),
        Some(About::Sender) => examination.fault(
            DRY_RUN,
            rejected,
            why,
            "compare AwsSmsIdentityArn and AwsSmsConfigurationSet with AWS End User Messaging in the region of the stack. The sender must be \
             active and for transactional texts",
        ),
        Some(About::Spending) => examination.fault(
            DRY_RUN,
            rejected,
            why,
            "request a higher spending limit (Service Quotas, AWS End User Messaging SMS)",
        ),
        Some(About::Account) => examination.fault(
            DRY_RUN,
            rejected,
            why,
            "ask AWS Support why the account may not send (AWS console, Support Center)",
        ),
        None => examination.fault(
            DRY_RUN,
            rejected,
            why,
            "compare the words with the table in docs/sms-gateway.md, AWS End User Messaging",
        ),
    }
}
