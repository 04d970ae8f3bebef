//! Twilio: where calls and texts to a number go, and texts to a messaging service
//! (<https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource>,
//! <https://www.twilio.com/docs/messaging/api/service-resource>).

use std::collections::BTreeMap;

use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use shared::http::BaseUrl;

use super::{Extras, Plan, Planned, Step};
use crate::calls::{Authorization, Body, Refusal, Session};
use crate::context::Context;
use crate::problem::Problem;
use crate::stack::{Stack, Webhook};

/// Friendly names of numbers that provision-numbers bought begin so.
pub(crate) const BOUGHT: &str = "switchboard:";
const MOST_PAGES: usize = 50;

/// The account of the `twilio` secret.
pub(crate) struct Account {
    pub(crate) sid: String,
    /// The REST API, version 2010-04-01.
    pub(crate) api: Session,
}

/// What is at Twilio, as its API tells it.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) numbers: Vec<Value>,
    /// The messaging service that verification texts are sent through, if it is one.
    pub(crate) service: Option<Value>,
    /// SIDs of the numbers in its pool; asked for only where replies go to the numbers' own webhooks.
    pub(crate) pool: Vec<String>,
}

/// What should be, by number.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wishes {
    numbers: BTreeMap<String, Wiring>,
    service: Option<String>,
    problems: Vec<String>,
}

/// URLs; `None`: not ours to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Wiring {
    voice: Option<String>,
    sms: Option<String>,
}

impl Wishes {
    /// Whoever comes first has a number's calls, or texts; others are told.
    fn want(&mut self, number: &str, wiring: &Wiring) {
        let held = self.numbers.entry(number.to_owned()).or_default();
        for (held, wanted) in [(&mut held.voice, &wiring.voice), (&mut held.sms, &wiring.sms)] {
            if held.is_some() && wanted.is_some() && held != wanted {
                self.problems.push(format!("{number} cannot serve two purposes: each needs a number of its own"));
            }
            *held = held.take().or_else(|| wanted.clone());
        }
    }
}

impl Account {
    /// By the Auth Token, which may everything, and whose being right is what webhooks depend on.
    pub(crate) async fn open(context: &Context) -> Result<Self, Problem> {
        let secret = context.secret("twilio").await?;
        let plain = |key: &str| secret.text(key).map(|value| value.expose_secret().to_owned()).unwrap_or_default();
        let sid = plain("account_sid");
        let authorization = secret.text("auth_token").and_then(|token| Authorization::basic(&sid, &token));
        let authorization =
            authorization.ok_or_else(|| Problem::Failed("the secret twilio has no usable auth_token".to_owned()))?;
        Ok(Self { sid, api: context.calls.to(&context.twilio_url()?, authorization) })
    }

    /// The path of one of the account's resources.
    pub(crate) fn path(&self, resource: &str) -> String {
        format!("2010-04-01/Accounts/{}/{resource}.json", self.sid)
    }

    /// All numbers.
    pub(crate) async fn numbers(&self) -> Result<Vec<Value>, Refusal> {
        pages(&self.api, &self.path("IncomingPhoneNumbers"), "incoming_phone_numbers").await
    }
}

/// All entries of a list; of the address of a next page only the parameters count.
pub(crate) async fn pages(api: &Session, path: &str, name: &str) -> Result<Vec<Value>, Refusal> {
    let mut query: Vec<(String, String)> =
        vec![("PageSize".to_owned(), if path.starts_with("v1/") { "50" } else { "1000" }.to_owned())];
    let mut found = Vec::new();
    for _ in 0..MOST_PAGES {
        let borrowed: Vec<(&str, &str)> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let page = api.get(path, &borrowed).await?;
        found.extend(page[name].as_array().into_iter().flatten().cloned());
        let next = page["next_page_uri"].as_str().or_else(|| page["meta"]["next_page_url"].as_str()).unwrap_or_default();
        let Some(next) = api.base.as_url().join(next).ok().filter(|_| !next.is_empty()) else { return Ok(found) };
        query = next.query_pairs().into_owned().collect();
    }
    Err(Refusal::Unreachable("a list does not end".to_owned()))
}

pub(crate) async fn examine(context: &Context, extras: &Extras) -> Result<Option<Planned>, Problem> {
    let mut stack = context.stack.clone();
    if !extras.named && !stack.uses_twilio() {
        return Ok(None);
    }
    let account = Account::open(context).await?;
    let held = read(context, &account).await.map_err(|refusal| Problem::Failed(format!("Twilio: {refusal}")))?;
    if let Some(number) = &extras.menu_number {
        stack.extend([("menu number".to_owned(), number.clone())]);
    }
    let plan = plan(&account, &held, &wishes(&stack, &held, &extras.company_numbers)?, &context.urls.twilio_messaging_url);
    Ok(Some(Planned { session: account.api, plan }))
}

/// Numbers, and the messaging service of the stack.
pub(crate) async fn read(context: &Context, account: &Account) -> Result<Held, Refusal> {
    let mut held = Held { numbers: account.numbers().await?, ..Held::default() };
    if let Some(sid) = context.stack.get("TwilioMessagingService") {
        let messaging = account.api.at(&context.urls.twilio_messaging_url);
        let service = messaging.get(&format!("v1/Services/{sid}"), &[]).await?;
        if service["use_inbound_webhook_on_number"] == true {
            let pool = pages(&messaging, &format!("v1/Services/{sid}/PhoneNumbers"), "phone_numbers").await?;
            held.pool = pool.iter().filter_map(|number| Some(number["sid"].as_str()?.to_owned())).collect();
        }
        held.service = Some(service);
    }
    Ok(held)
}

fn text<'a>(resource: &'a Value, field: &str) -> &'a str {
    resource[field].as_str().unwrap_or_default()
}

/// A webhook's URL without what it tells Twilio.
pub(crate) fn address(url: &str) -> &str {
    url.split('#').next().unwrap_or_default()
}

fn wishes(stack: &Stack, held: &Held, company: &[String]) -> Result<Wishes, Problem> {
    let mut wishes = Wishes::default();
    let receive = stack.webhook(Webhook::Receive);
    let replies = Wiring { sms: receive.clone(), voice: None };
    if let Some(number) = stack.get("TwilioNumber") {
        wishes.want(number, &replies);
    }
    let both = Wiring { voice: stack.webhook(Webhook::Call), sms: stack.webhook(Webhook::Text) };
    if let (Some(voice), Some(sms)) = (&both.voice, &both.sms) {
        // One that leads there already, in part or with another method, was wired by hand.
        let is_ours = |number: &&Value| {
            text(number, "friendly_name").starts_with(BOUGHT)
                || address(text(number, "voice_url")) == address(voice)
                || address(text(number, "sms_url")) == address(sms)
        };
        let ours = held.numbers.iter().filter(is_ours).map(|number| text(number, "phone_number").to_owned());
        for number in ours.chain(company.iter().cloned()) {
            wishes.want(&number, &both);
        }
    } else if !company.is_empty() {
        return Err(Problem::Usage("--company-number: the stack has no company phone (OktaUrl is empty)".to_owned()));
    }
    match &held.service {
        // Numbers with webhooks of their own, such as company numbers, share the service: it stays so.
        Some(service) if service["use_inbound_webhook_on_number"] == true => {
            let pool = held.numbers.iter().filter(|number| held.pool.iter().any(|sid| sid == text(number, "sid")));
            for number in pool.map(|number| text(number, "phone_number")) {
                if wishes.numbers.get(number).is_none_or(|wiring| wiring.sms.is_none()) {
                    wishes.want(number, &replies);
                }
            }
        }
        Some(_) => wishes.service = receive,
        None => {}
    }
    match (stack.get("menu number"), stack.webhook(Webhook::Menu)) {
        (Some(number), Some(url)) => wishes.want(number, &Wiring { voice: Some(url), sms: None }),
        (Some(_), None) => {
            return Err(Problem::Usage("--menu-number: the stack has no phone menu (ApiAudience is empty)".to_owned()));
        }
        // One that leads there already should do so as it must.
        (None, Some(url)) => {
            let wiring = Wiring { voice: Some(url.clone()), sms: None };
            for number in held.numbers.iter().filter(|number| address(text(number, "voice_url")) == address(&url)) {
                wishes.want(text(number, "phone_number"), &wiring);
            }
        }
        (None, None) => {}
    }
    Ok(wishes)
}

fn plan(account: &Account, held: &Held, wishes: &Wishes, messaging: &BaseUrl) -> Plan {
    let mut plan = Plan { problems: wishes.problems.clone(), ..Plan::default() };
    for (number, wiring) in &wishes.numbers {
        let Some(resource) = held.numbers.iter().find(|held| text(held, "phone_number") == number) else {
            plan.problems
                .push(format!("the account {} has no number {number}: is it another account's, or a subaccount's?", account.sid));
            continue;
        };
        let of = format!("Twilio number {number}");
        let mut form = Vec::new();
        let mut compare = |field: &str, parameter: &str, to: &str| {
            if plan.compare(&of, field, Some(text(resource, field)), to) {
                form.push((parameter.to_owned(), to.to_owned()));
            }
        };
        if let Some(url) = &wiring.voice {
            compare("voice_url", "VoiceUrl", url);
            compare("voice_method", "VoiceMethod", "POST");
            // An application or a trunk takes precedence over the URL.
            compare("voice_application_sid", "VoiceApplicationSid", "");
            compare("trunk_sid", "TrunkSid", "");
        }
        if let Some(url) = &wiring.sms {
            compare("sms_url", "SmsUrl", url);
            compare("sms_method", "SmsMethod", "POST");
            compare("sms_application_sid", "SmsApplicationSid", "");
        }
        if !form.is_empty() {
            let url = account.api.base.join(&account.path(&format!("IncomingPhoneNumbers/{}", text(resource, "sid"))));
            plan.steps.push(Step::Send(Method::POST, url, Body::Form(form)));
        }
    }
    if let (Some(url), Some(service)) = (&wishes.service, &held.service) {
        let sid = text(service, "sid");
        let of = format!("messaging service {sid}");
        let mut form = Vec::new();
        for (field, parameter, to) in
            [("inbound_request_url", "InboundRequestUrl", url.as_str()), ("inbound_method", "InboundMethod", "POST")]
        {
            if plan.compare(&of, field, Some(text(service, field)), to) {
                form.push((parameter.to_owned(), to.to_owned()));
            }
        }
        if !form.is_empty() {
            plan.steps.push(Step::Send(Method::POST, messaging.join(&format!("v1/Services/{sid}")), Body::Form(form)));
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_service_that_defers_has_its_numbers_wired_but_for_company_numbers() {
        let stack = Stack::read(
            r#"{"ReceiveConfirmationSmsUrl":"https://x.on.aws/","TwilioMessagingService":"MG1",
                "CallForwardUrl":"https://y.on.aws/","SmsForwardUrl":"https://z.on.aws/"}"#,
        )
        .unwrap();
        let number = |sid: &str, number: &str, name: &str| json!({ "sid": sid, "phone_number": number, "friendly_name": name });
        let held = Held {
            numbers: vec![
                number("PN1", "+15005550001", "texts"),
                number("PN2", "+15005550002", "switchboard:00u1"),
                number("PN3", "+15005550003", "of another service"),
            ],
            service: Some(json!({ "sid": "MG1", "use_inbound_webhook_on_number": true })),
            pool: vec!["PN1".to_owned(), "PN2".to_owned()],
        };
        let wishes = wishes(&stack, &held, &[]).unwrap();
        let url = |host: &str| Some(format!("https://{host}.on.aws/#rc=3&rp=5xx,ct,rt"));
        let expected = BTreeMap::from([
            ("+15005550001".to_owned(), Wiring { voice: None, sms: url("x") }),
            ("+15005550002".to_owned(), Wiring { voice: url("y"), sms: url("z") }),
        ]);
        assert_eq!(wishes, Wishes { numbers: expected, ..Wishes::default() });
    }

    #[test]
    fn a_number_for_two_purposes_keeps_the_first_and_is_told() {
        let stack = Stack::read(
            r#"{"ReceiveConfirmationSmsUrl":"https://x.on.aws/","TwilioNumber":"+15005550001",
                "CallForwardUrl":"https://y.on.aws/","SmsForwardUrl":"https://z.on.aws/"}"#,
        )
        .unwrap();
        let wishes = wishes(&stack, &Held::default(), &["+15005550001".to_owned()]).unwrap();
        assert_eq!(wishes.problems, ["+15005550001 cannot serve two purposes: each needs a number of its own"]);
        assert!(wishes.numbers["+15005550001"].sms.as_deref().unwrap().starts_with("https://x"));
    }
}
