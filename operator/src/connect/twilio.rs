//! Twilio: the webhooks of numbers and messaging services
//! (<https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource>,
//! <https://www.twilio.com/docs/messaging/api/service-resource>).

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use shared::platform::http::BaseUrl;
pub(crate) use shared::vendors::twilio::numbers::BOUGHT;
use url::Url;

use super::{Extras, Plan, Planned, Step};
use crate::calls::{Authorization, Body, Refusal, Session};
use crate::context::Context;
use crate::problem::Problem;
use crate::secrets::SENDS;
use crate::stack::{Stack, Webhook, status_of};
use crate::table::{self, Items};

const MOST_PAGES: usize = 50;
/// A new number has the webhook `https://demo.twilio.com/welcome/...`, which serves no one.
const DEMO: &str = "demo.twilio.com";

/// The account of the stack's credentials.
pub(crate) struct Account {
    pub(crate) sid: String,
    /// The REST API, version 2010-04-01.
    pub(crate) api: Session,
}

/// The current state at Twilio, as its API returns it.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) numbers: Vec<Value>,
    /// The messaging service that sends verification SMS, if the stack uses one.
    pub(crate) service: Option<Value>,
    /// The SIDs of the numbers in its pool. Read only if replies go to the numbers' own webhooks.
    pub(crate) pool: Vec<String>,
    /// The messaging services that handle the SMS of their numbers themselves. Read only if the
    /// stack receives SMS.
    pub(crate) takers: Vec<Taker>,
    /// The numbers in the table's ledger. Read only if the owner of a number depends on it.
    ledger: BTreeSet<String>,
}

/// A messaging service that handles the SMS to the numbers of its pool, whatever the numbers'
/// webhooks are.
#[derive(Debug, Default)]
pub(crate) struct Taker {
    service: Value,
    numbers: Vec<String>,
}

/// The wanted state, by number.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wishes {
    numbers: BTreeMap<String, Wiring>,
    service: Option<String>,
    /// The SID of that service.
    service_sid: Option<String>,
    problems: Vec<String>,
}

/// The wanted webhook set of a number. `None`: this program leaves the webhook alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Wiring {
    voice: Option<String>,
    /// The status callback for the end of a call, which goes to the function that handles the
    /// calls.
    status: Option<String>,
    sms: Option<String>,
}

impl Wishes {
    /// Adds a wish. The first wish for a number's calls or SMS holds; a different later one becomes
    /// a problem.
    fn want(&mut self, number: &str, wiring: &Wiring) {
        let held = self.numbers.entry(number.to_owned()).or_default();
        let is_taken = |held: &Option<String>, wanted: &Option<String>| {
            held.is_some() && wanted.is_some() && held != wanted
        };
        for (held, wanted) in [(&held.voice, &wiring.voice), (&held.sms, &wiring.sms)] {
            if is_taken(held, wanted) {
                self.problems.push(format!(
                    "{number} cannot serve two purposes: each needs a number of its own"
                ));
            }
        }
        // The status callback goes where the calls go.
        if held.voice.is_none() {
            (held.voice, held.status) = (wiring.voice.clone(), wiring.status.clone());
        }
        held.sms = held.sms.take().or_else(|| wiring.sms.clone());
    }
}

impl Account {
    /// Opens the account with the Auth Token, which allows everything and must be right for
    /// webhooks. If Twilio calls no function of the stack, an API key is used.
    pub(crate) async fn open(context: &Context) -> Result<Self, Problem> {
        let secret = context
            .secret(if context.stack.secret("twilio").is_some() {
                "twilio"
            } else {
                SENDS
            })
            .await?;
        let plain = |key: &str| {
            secret
                .text(key)
                .map(|value| value.expose_secret().to_owned())
                .unwrap_or_default()
        };
        let sid = plain("account_sid");
        let authorization = match (secret.text("auth_token"), secret.text("api_key_secret")) {
            (Some(token), _) => Authorization::basic(&sid, &token),
            (None, Some(key)) => Authorization::basic(&plain("api_key_sid"), &key),
            (None, None) => None,
        };
        let authorization = authorization.ok_or_else(|| {
            Problem::Failed(format!(
                "the secret {} has no usable auth_token or api_key_secret",
                secret.id
            ))
        })?;
        Ok(Self {
            sid,
            api: context.calls.to(&context.twilio_url()?, authorization),
        })
    }

    /// The path of one of the account's resources.
    pub(crate) fn path(&self, resource: &str) -> String {
        format!("2010-04-01/Accounts/{}/{resource}.json", self.sid)
    }

    /// Reads all numbers.
    pub(crate) async fn numbers(&self) -> Result<Vec<Value>, Refusal> {
        pages(
            &self.api,
            &self.path("IncomingPhoneNumbers"),
            "incoming_phone_numbers",
        )
        .await
    }
}

/// Reads all entries of a list. Of the next page's URL only the parameters are used.
pub(crate) async fn pages(api: &Session, path: &str, name: &str) -> Result<Vec<Value>, Refusal> {
    let mut query: Vec<(String, String)> = vec![(
        "PageSize".to_owned(),
        if path.starts_with("v1/") {
            "50"
        } else {
            "1000"
        }
        .to_owned(),
    )];
    let mut found = Vec::new();
    for _ in 0..MOST_PAGES {
        let borrowed: Vec<(&str, &str)> = query
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let page = api.get(path, &borrowed).await?;
        found.extend(page[name].as_array().into_iter().flatten().cloned());
        let next = page["next_page_uri"]
            .as_str()
            .or_else(|| page["meta"]["next_page_url"].as_str())
            .unwrap_or_default();
        let Some(next) = api
            .base
            .as_url()
            .join(next)
            .ok()
            .filter(|_| !next.is_empty())
        else {
            return Ok(found);
        };
        query = next.query_pairs().into_owned().collect();
    }
    Err(Refusal::Unreachable("a list does not end".to_owned()))
}

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

/// Reads the numbers and the stack's messaging service.
pub(crate) async fn read(context: &Context, account: &Account) -> Result<Held, Refusal> {
    let mut held = Held {
        numbers: account.numbers().await?,
        ..Held::default()
    };
    let messaging = account.api.at(&context.urls.twilio_messaging_url);
    if [Webhook::Receive, Webhook::Text]
        .into_iter()
        .any(|webhook| context.stack.webhook(webhook).is_some())
    {
        for service in pages(&messaging, "v1/Services", "services").await? {
            if service["use_inbound_webhook_on_number"] == true {
                continue;
            }
            let pool = pages(
                &messaging,
                &format!("v1/Services/{}/PhoneNumbers", text(&service, "sid")),
                "phone_numbers",
            )
            .await?;
            let numbers = pool
                .iter()
                .map(|number| text(number, "phone_number").to_owned())
                .collect();
            held.takers.push(Taker { service, numbers });
        }
    }
    if let Some(sid) = context.stack.get("TwilioMessagingService") {
        let service = messaging.get(&format!("v1/Services/{sid}"), &[]).await?;
        if service["use_inbound_webhook_on_number"] == true {
            let pool = pages(
                &messaging,
                &format!("v1/Services/{sid}/PhoneNumbers"),
                "phone_numbers",
            )
            .await?;
            held.pool = pool
                .iter()
                .filter_map(|number| Some(number["sid"].as_str()?.to_owned()))
                .collect();
        }
        held.service = Some(service);
    }
    Ok(held)
}

fn text<'a>(resource: &'a Value, field: &str) -> &'a str {
    resource[field].as_str().unwrap_or_default()
}

/// A webhook's URL without the fragment, which holds instructions for Twilio.
pub(crate) fn address(url: &str) -> &str {
    url.split('#').next().unwrap_or_default()
}

/// The numbers that provision-numbers has noted: the numbers that it bought, and its users'
/// numbers.
async fn ledger(context: &Context) -> Result<BTreeSet<String>, Problem> {
    let items = Items::of(context)?.scan(Some("number#")).await?;
    let number = |item: &table::Attributes| match table::text(item, "sk") {
        "owner" => table::text(item, "pk")
            .strip_prefix("number#")
            .map(str::to_owned),
        _ => Some(table::text(item, "number").to_owned()).filter(|number| !number.is_empty()),
    };
    Ok(items.iter().filter_map(number).collect())
}

fn is_bought(number: &Value) -> bool {
    text(number, "friendly_name").starts_with(BOUGHT)
}

/// True if no other software loses its webhook when this one is replaced.
fn is_free(url: &str) -> bool {
    url.is_empty() || host(url) == DEMO
}

/// True if calls or SMS go to the company phone. A number with only one of the two, or with another
/// method, was set by hand.
fn leads_here(number: &Value, voice: &str, sms: &str) -> bool {
    address(text(number, "voice_url")) == address(voice)
        || address(text(number, "sms_url")) == address(sms)
}

/// True if a bought number clearly belongs to this stack without a look into the ledger: its
/// webhooks lead here or nowhere.
fn is_clear(number: &Value, voice: &str, sms: &str) -> bool {
    leads_here(number, voice, sms)
        || is_free(text(number, "voice_url")) && is_free(text(number, "sms_url"))
}

/// The part of a URL of other software that may be shown: its host.
fn host(url: &str) -> String {
    let parsed = Url::parse(url).ok();
    parsed
        .as_ref()
        .and_then(Url::host_str)
        .map_or_else(|| "an address that is no URL".to_owned(), str::to_owned)
}

fn wishes(stack: &Stack, held: &Held, company: &[String]) -> Result<Wishes, Problem> {
    let mut wishes = Wishes::default();
    let receive = stack.webhook(Webhook::Receive);
    let replies = Wiring {
        sms: receive.clone(),
        ..Wiring::default()
    };
    if let Some(number) = stack.get("TwilioNumber") {
        wishes.want(number, &replies);
    } else if receive.is_some() && stack.get("TwilioMessagingService").is_none() {
        wishes.problems.push(
            "nothing says which number replies to verification texts come to: --parameter TwilioNumber=+15005550006, or \
             --parameter TwilioMessagingService=MG..., or use --stack, which knows it"
                .to_owned(),
        );
    }
    let calls = stack.webhook(Webhook::Call);
    let both = Wiring {
        status: calls.as_deref().map(status_of),
        voice: calls,
        sms: stack.webhook(Webhook::Text),
    };
    if let (Some(voice), Some(sms)) = (&both.voice, &both.sms) {
        let mut strangers = false;
        for resource in &held.numbers {
            let number = text(resource, "phone_number");
            let bought = is_bought(resource);
            if leads_here(resource, voice, sms)
                || bought && (is_clear(resource, voice, sms) || held.ledger.contains(number))
            {
                wishes.want(number, &both);
            } else if bought && !company.iter().any(|named| named == number) {
                let strange = ["voice_url", "sms_url"]
                    .map(|field| text(resource, field))
                    .into_iter()
                    .find(|url| !is_free(url));
                strangers = true;
                wishes.problems.push(format!(
                    "{number} is named {BOUGHT}..., leads to {} and has no state record of this stack. It is not changed. If it \
                     is this stack's, add --company-number {number}",
                    strange.map(host).unwrap_or_default()
                ));
            }
        }
        for number in company {
            wishes.want(number, &both);
        }
        if !strangers
            && stack.get("ProvisionNumbersUrl").is_none()
            && !wishes.numbers.values().any(|wiring| wiring.voice.is_some())
        {
            wishes.problems.push(
                "no number leads to the company phone: --company-number sets one bought by hand. With AreaPrefixes, provision-numbers \
                 buys numbers"
                    .to_owned(),
            );
        }
    } else if !company.is_empty() {
        return Err(Problem::Usage(
            "--company-number: the stack has no company phone (OktaUrl is empty)".to_owned(),
        ));
    }
    match &held.service {
        // Numbers with their own webhooks, such as company numbers, use the same service. That
        // setting stays.
        Some(service) if service["use_inbound_webhook_on_number"] == true => {
            let pool = held
                .numbers
                .iter()
                .filter(|number| held.pool.iter().any(|sid| sid == text(number, "sid")));
            for resource in pool {
                let (number, url) = (text(resource, "phone_number"), text(resource, "sms_url"));
                let ours = receive
                    .as_deref()
                    .is_some_and(|ours| address(ours) == address(url));
                let application = text(resource, "sms_application_sid");
                if receive.is_none()
                    || wishes
                        .numbers
                        .get(number)
                        .is_some_and(|wiring| wiring.sms.is_some())
                {
                    continue;
                }
                if ours || is_free(url) && application.is_empty() {
                    wishes.want(number, &replies);
                } else if !is_bought(resource) || both.voice.is_none() {
                    let place = if application.is_empty() {
                        host(url)
                    } else {
                        format!("the application {application}")
                    };
                    wishes.problems.push(format!(
                        "{number}, of the messaging service {}, leads texts to {place}, where replies to verification texts are lost: \
                         take it out of the service, or empty its webhook and run this again",
                        text(service, "sid")
                    ));
                }
            }
        }
        Some(service) => {
            wishes.service = receive;
            wishes.service_sid = Some(text(service, "sid").to_owned());
        }
        None => {}
    }
    match (stack.get("menu number"), stack.webhook(Webhook::Menu)) {
        (Some(number), Some(url)) => wishes.want(
            number,
            &Wiring {
                voice: Some(url),
                ..Wiring::default()
            },
        ),
        (Some(_), None) => {
            return Err(Problem::Usage(
                "--menu-number: the stack has no phone menu (ApiAudience is empty)".to_owned(),
            ));
        }
        // Numbers that already lead to the phone menu get the complete settings.
        (None, Some(url)) => {
            let wiring = Wiring {
                voice: Some(url.clone()),
                ..Wiring::default()
            };
            let mut leading = held
                .numbers
                .iter()
                .filter(|number| address(text(number, "voice_url")) == address(&url))
                .peekable();
            if leading.peek().is_none() {
                wishes.problems.push(
                    "no number leads to the phone menu: --menu-number NUMBER sets one".to_owned(),
                );
            }
            for number in leading {
                wishes.want(text(number, "phone_number"), &wiring);
            }
        }
        (None, None) => {}
    }
    Ok(wishes)
}

fn plan(account: &Account, held: &Held, wishes: &Wishes, messaging: &BaseUrl) -> Plan {
    let mut plan = Plan {
        problems: wishes.problems.clone(),
        ..Plan::default()
    };
    for (number, wiring) in &wishes.numbers {
        let Some(resource) = held
            .numbers
            .iter()
            .find(|held| text(held, "phone_number") == number)
        else {
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
        if let Some(url) = &wiring.status {
            compare("status_callback", "StatusCallback", url);
            compare("status_callback_method", "StatusCallbackMethod", "POST");
        }
        if let Some(url) = &wiring.sms {
            compare("sms_url", "SmsUrl", url);
            compare("sms_method", "SmsMethod", "POST");
            compare("sms_application_sid", "SmsApplicationSid", "");
        }
        // The number was named, or is in the ledger. Its old webhook is lost, so the person should
        // see it.
        for change in plan.changes.iter_mut().filter(|change| change.of == of) {
            let held = text(resource, &change.field);
            let moves = matches!(
                change.field.as_str(),
                "voice_url" | "status_callback" | "sms_url"
            ) && !is_free(held);
            let wanted = match change.field.as_str() {
                "sms_url" => &wiring.sms,
                "status_callback" => &wiring.status,
                _ => &wiring.voice,
            };
            if moves
                && wanted
                    .as_deref()
                    .is_some_and(|wanted| address(wanted) != address(held))
            {
                change.note = Some(format!("which led to {}", host(held)));
            }
        }
        if !form.is_empty() {
            let url = account
                .api
                .base
                .join(&account.path(&format!("IncomingPhoneNumbers/{}", text(resource, "sid"))));
            plan.steps
                .push(Step::Send(Method::POST, url, Body::Form(form)));
        }
    }
    if let (Some(url), Some(service)) = (&wishes.service, &held.service) {
        let sid = text(service, "sid");
        let of = format!("messaging service {sid}");
        let mut form = Vec::new();
        for (field, parameter, to) in [
            ("inbound_request_url", "InboundRequestUrl", url.as_str()),
            ("inbound_method", "InboundMethod", "POST"),
        ] {
            if plan.compare(&of, field, Some(text(service, field)), to) {
                form.push((parameter.to_owned(), to.to_owned()));
            }
        }
        if !form.is_empty() {
            plan.steps.push(Step::Send(
                Method::POST,
                messaging.join(&format!("v1/Services/{sid}")),
                Body::Form(form),
            ));
        }
    }
    for taker in &held.takers {
        give_back(&mut plan, taker, wishes, messaging);
    }
    plan
}

/// Lets a messaging service leave SMS to the numbers' own webhooks, if it sends those of one of our
/// numbers elsewhere. Otherwise no YES would arrive.
fn give_back(
    plan: &mut Plan,
    Taker { service, numbers }: &Taker,
    wishes: &Wishes,
    messaging: &BaseUrl,
) {
    let sid = text(service, "sid");
    // The stack's own service keeps its SMS.
    let kept = wishes
        .service
        .as_deref()
        .filter(|_| wishes.service_sid.as_deref() == Some(sid));
    let goes_to = kept.unwrap_or_else(|| text(service, "inbound_request_url"));
    let leads_away = |number: &&String| {
        let wanted = wishes
            .numbers
            .get(*number)
            .and_then(|wiring| wiring.sms.as_deref());
        wanted.is_some_and(|wanted| address(wanted) != address(goes_to))
    };
    let ours: Vec<&str> = numbers
        .iter()
        .filter(leads_away)
        .map(String::as_str)
        .collect();
    if ours.is_empty() {
        return;
    }
    let place = if is_free(goes_to) {
        "nobody".to_owned()
    } else {
        host(goes_to)
    };
    if kept.is_some() {
        plan.problems.push(format!(
            "{}: the messaging service {sid} has all texts of its numbers sent to the function that waits for a YES; take out of it \
             what is a company number",
            ours.join(", ")
        ));
        return;
    }
    let of = format!("messaging service {sid}, which holds {}", ours.join(", "));
    plan.set(&of, "use_inbound_webhook_on_number", Some("false"), "true");
    if let Some(change) = plan.changes.last_mut() {
        let others = numbers.len() - ours.len();
        let also = if others == 0 {
            String::new()
        } else {
            format!("; {others} other numbers of it then follow their own webhooks too")
        };
        change.note = Some(format!("its texts went to {place}{also}"));
    }
    let form = vec![("UseInboundWebhookOnNumber".to_owned(), "true".to_owned())];
    plan.steps.push(Step::Send(
        Method::POST,
        messaging.join(&format!("v1/Services/{sid}")),
        Body::Form(form),
    ));
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
            takers: vec![],
            ledger: BTreeSet::new(),
        };
        let wishes = wishes(&stack, &held, &[]).unwrap();
        let url = |host: &str| Some(format!("https://{host}.on.aws/#rc=3&rp=5xx,ct,rt"));
        let expected = BTreeMap::from([
            (
                "+15005550001".to_owned(),
                Wiring {
                    sms: url("x"),
                    ..Wiring::default()
                },
            ),
            (
                "+15005550002".to_owned(),
                Wiring {
                    voice: url("y"),
                    status: Some("https://y.on.aws/status#rc=3&rp=5xx,ct,rt".to_owned()),
                    sms: url("z"),
                },
            ),
        ]);
        assert_eq!(
            wishes,
            Wishes {
                numbers: expected,
                ..Wishes::default()
            }
        );
    }

    #[test]
    fn a_number_for_two_purposes_keeps_the_first_and_is_told() {
        let stack = Stack::read(
            r#"{"ReceiveConfirmationSmsUrl":"https://x.on.aws/","TwilioNumber":"+15005550001",
                "CallForwardUrl":"https://y.on.aws/","SmsForwardUrl":"https://z.on.aws/"}"#,
        )
        .unwrap();
        let wishes = wishes(&stack, &Held::default(), &["+15005550001".to_owned()]).unwrap();
        assert_eq!(
            wishes.problems,
            ["+15005550001 cannot serve two purposes: each needs a number of its own"]
        );
        assert!(
            wishes.numbers["+15005550001"]
                .sms
                .as_deref()
                .unwrap()
                .starts_with("https://x")
        );
    }

    #[test]
    fn news_of_calls_go_where_the_calls_go() {
        let stack = Stack::read(
            r#"{"IvrVoiceUrl":"https://x.on.aws/voice","menu number":"+15005550001","CallForwardUrl":"https://y.on.aws/",
                "CallForwardPublicUrl":"https://phone.acme.example/in","SmsForwardUrl":"https://z.on.aws/"}"#,
        )
        .unwrap();
        let wishes = wishes(&stack, &Held::default(), &["+15005550002".to_owned()]).unwrap();
        let status = |number: &str| wishes.numbers[number].status.as_deref();
        assert_eq!(
            (status("+15005550001"), status("+15005550002")),
            (
                None,
                Some("https://phone.acme.example/in/status#rc=3&rp=5xx,ct,rt")
            )
        );
    }
}
