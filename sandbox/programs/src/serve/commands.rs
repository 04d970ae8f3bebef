//! Commands to paste. Their requests are signed for this sandbox's URLs.

use sandbox::{
    COMPANY_NUMBER, EMPLOYEE_MOBILE, HOOK_TOKEN, IVR_NUMBER, IVR_TOKEN, Ports, STUDIO_TOKEN,
    Sandbox, accounts,
    auth0::{self, LinkPage, Signer},
    twilio,
};
use serde_json::json;

use super::credentials::file;

/// The phone of the person who signs up, and who calls and texts an employee.
pub(super) const PHONE: &str = "+4512345678";
/// The digits of the PIN of all callers, as many as `PIN_LENGTH` says.
const PIN: &str = "27182818284590452353602874713526";
/// The length of a PIN without a setting of one's own.
const PIN_LENGTH: usize = 4;

/// The proxy e-mail address of the person who signs up.
pub(super) fn address() -> String {
    format!("acme{PHONE}@sms.example.com")
}

/// The PIN of all callers.
pub(super) fn pin(length: Option<&str>) -> &'static str {
    let length = length.and_then(|length| length.parse().ok());
    PIN.get(..length.unwrap_or(PIN_LENGTH)).unwrap_or(PIN)
}

/// Prints the commands. Their requests are signed for this sandbox's URLs.
pub(super) fn print_identity(sandbox: &Sandbox, ports: Ports) -> Result<(), String> {
    let mail_url = sandbox.door("send-verification-sms").url() + "/";
    let user = sandbox.auth0.sign_up(&address());
    let mail = sandbox.auth0.mail_verification(&user, LinkPage::Form).mail;
    let file = file(ports, "mail.txt")?;
    let mail = form(&sandbox.mailgun.fields(&mail, sandbox::now().as_secs()));
    std::fs::write(&file, mail).map_err(|error| format!("{}: {error}", file.display()))?;
    let yes = command(
        sandbox,
        "receive-confirmation-sms",
        &sandbox.twilio.inbound(PHONE, twilio::NUMBER, "YES"),
    );
    let code = r#"{"recipient":"+573001234567","text":"Your code is 271828"}"#;
    let tampered = yes.replace("Body=YES", "Body=YEs");
    println!(
        "
{} has signed up. Auth0's mail about it, as Mailgun posts it (a text goes to {PHONE}):
  curl -i --data '@{}' {mail_url}
The answer by text message, signed by Twilio (TwiML comes back, the account is verified):
{yes}
The same with one byte changed (403, no body):
{tampered}
A one-time code for a phone in Colombia, as a custom phone provider Action of Auth0 posts it (a text goes out through Plivo, whose receipts reach delivery-status):
  curl -i -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' --data '{code}' {}/
The person entered the code, as an Action of Auth0 tells it (the code is marked as used):
  curl -i -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' --data '{}' {}/used
A recorded event (a text goes to another phone):
  cargo lambda invoke -A 127.0.0.1 -P {} send-verification-sms --data-file events/send-verification-sms.json",
        user.email,
        file.display(),
        auth0::GATEWAY_BEARER_TOKEN,
        sandbox.door("sms-gateway").url(),
        auth0::GATEWAY_BEARER_TOKEN,
        json!({ "recipient": "+573001234567" }),
        sandbox.door("delivery-status").url(),
        sandbox.invoke_api().port(),
    );
    Ok(())
}

pub(super) fn print_company_phone(sandbox: &Sandbox) {
    sandbox.okta.hire("Ann", EMPLOYEE_MOBILE, COMPANY_NUMBER);
    let ben = sandbox.okta.hire("Ben", "(818) 217-9229", "");
    let text = sandbox
        .twilio
        .inbound(PHONE, COMPANY_NUMBER, "Are you in the office today?");
    let reply = sandbox
        .twilio
        .inbound(EMPLOYEE_MOBILE, COMPANY_NUMBER, "From noon on.");
    println!(
        "
Ann has the company number {COMPANY_NUMBER} and the mobile {EMPLOYEE_MOBILE}. {PHONE} calls her (TwiML comes back, which dials):
{}
A text to her, and her answer from her mobile (TwiML comes back, which sends):
{}
{}
Ben is new. Okta tells its event hook, and the schedule runs (a number is bought, and stands in his profile):
  curl -i -H 'Authorization: {HOOK_TOKEN}' -H 'Content-Type: application/json' --data '{}' {}/okta
  curl --data '{{}}' {}/2015-03-31/functions/provision-numbers/invocations",
        command(sandbox, "call-forward", &sandbox.twilio.inbound_call(PHONE, COMPANY_NUMBER)),
        command(sandbox, "sms-forward", &text),
        command(sandbox, "sms-forward", &reply),
        sandbox.okta.event("user.lifecycle.activate", &ben),
        sandbox.door("provision-numbers").url(),
        sandbox.invoke_api().url(),
    );
}

/// Loads the accounts of `accounts.json`, adds for each a caller who knows its PIN, and prints
/// commands for the first account.
pub(super) async fn print_phone_menu(sandbox: &Sandbox, pin: &str) -> Result<(), String> {
    let accounts = accounts::seed()?;
    sandbox.load(&accounts).await;
    for account in &accounts {
        let (number, name) = (
            &account.account_number,
            account.name.as_deref().unwrap_or("caller"),
        );
        let first = name.split(' ').next().unwrap_or(name);
        sandbox.auth0.sign_up_caller(
            number,
            pin,
            first,
            &format!("{}@acme.example", first.to_lowercase()),
        );
    }
    let number = accounts
        .first()
        .map(|account| account.account_number.as_str())
        .unwrap_or_default();
    let call = sandbox.twilio.inbound_call(PHONE, IVR_NUMBER);
    let step = |path: &str, keys: Option<&str>| {
        let keys = keys.map(|keys| ("Digits".to_owned(), keys.to_owned()));
        let params: Vec<_> = call.iter().cloned().chain(keys).collect();
        command_at(sandbox, "ivr-validate", path, &params)
    };
    let token = sandbox.auth0.mint(json!({}), json!({}), Signer::Current);
    println!(
        "
{PHONE} calls the phone menu at {IVR_NUMBER}, keys the account {number} and the PIN {pin}, and asks for the balance (in this order, once):
{}
{}
{}
{}
The same pair from an IVR of another make (the greeting, or the word error):
  curl -i -H 'Authorization: Bearer {IVR_TOKEN}' --data 'account_number={number}&pin={pin}' {}/validate
A Studio flow asks for the account (JSON comes back):
  curl -i -u 'studio:{STUDIO_TOKEN}' --data 'account_number={number}' {}/
The protected API itself, with an access token of the tenant:
  curl -i -H 'Authorization: Bearer {token}' {}/accounts/{number}

Requests follow, one line each; times are UTC. `--log json` shows the functions' own lines.
Ctrl-C stops everything.
",
        step("voice", None),
        step("voice/account", Some(number)),
        step("voice/pin", Some(pin)),
        step("voice/menu", Some("1")),
        sandbox.door("ivr-validate").url(),
        sandbox.door("api-call").url(),
        sandbox.door("secure-api").url(),
    );
    Ok(())
}

/// The command that posts these parameters to a function, signed by Twilio.
pub(super) fn command(sandbox: &Sandbox, function: &str, params: &[(String, String)]) -> String {
    command_at(sandbox, function, "", params)
}

fn command_at(
    sandbox: &Sandbox,
    function: &str,
    path: &str,
    params: &[(String, String)],
) -> String {
    let url = format!("{}/{path}", sandbox.door(function).url());
    format!(
        "  curl -i -H 'X-Twilio-Signature: {}' --data '{}' {url}",
        sandbox.twilio.sign(&url, params),
        form(params)
    )
}

fn form(fields: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}
