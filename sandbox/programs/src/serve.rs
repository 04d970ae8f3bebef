//! `cargo sandbox`: all servers on fixed ports, commands to paste, and a running report of events.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use sandbox::{
    COMPANY_NUMBER, EMPLOYEE_MOBILE, HOOK_TOKEN, IVR_NUMBER, IVR_TOKEN, OKTA_HOOK_SECRET,
    OKTA_HOOK_TOKEN, Ports, STUDIO_TOKEN, Sandbox, accounts,
    auth0::{self, LinkPage, Signer},
    binaries,
    lambda::Lambda,
    mailgun, okta,
    page::{self, Page},
    template::Template,
    twilio::{self, Owned},
    wire::Server,
};
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{PageOptions, browser, demo};

/// A country of each language, so that every language can be tried.
const COUNTRIES: &str = "AE,AT,BE,BR,CA,CH,CO,DE,DK,ES,FR,GB,IT,JP,MX,NL,NO,PL,PT,SE,US";
/// The phone of the person who signs up, and who calls and texts an employee.
const PHONE: &str = "+4512345678";
/// The PIN of all callers.
const PIN: &str = "2718";

/// The proxy e-mail address of the person who signs up.
fn address() -> String {
    format!("acme{PHONE}@sms.example.com")
}

/// Serves until SIGINT or SIGTERM. The error says why it could not start.
pub(crate) async fn run(
    ports: Ports,
    redirect_to: bool,
    options: PageOptions,
) -> Result<(), String> {
    let (mut interrupt, mut terminate) = (
        listen(SignalKind::interrupt())?,
        listen(SignalKind::terminate())?,
    );
    let mut stop = pin!(async {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    });
    let (sandbox, page, lambdas) = tokio::select! {
        started = start(ports, options) => started?,
        () = &mut stop => return Ok(()),
    };
    sandbox.auth0.set_redirect_to(redirect_to);
    print_table(&sandbox);
    print_credentials(&sandbox);
    print_commands(&sandbox).map_err(|error| error.to_string())?;
    print_company_phone(&sandbox);
    print_phone_menu(&sandbox).await?;
    let logs = join_all(lambdas.iter().map(|(name, lambda)| follow(name, lambda)));
    tokio::select! {
        _ = logs => {}
        () = watch(&sandbox) => {}
        () = stop => {}
    }
    for (_, lambda) in lambdas {
        lambda.stop().await;
    }
    print_complaints(&sandbox);
    drop(page);
    println!("\nStopped.");
    Ok(())
}

fn listen(kind: SignalKind) -> Result<Signal, String> {
    signal(kind).map_err(|error| format!("no signal handler: {error}"))
}

type Started = (Arc<Sandbox>, Page, Vec<(String, Lambda)>);

async fn start(ports: Ports, options: PageOptions) -> Result<Started, String> {
    let template = Template::read()?;
    println!("{}", demo::building(template.functions.len()));
    let begun = Instant::now();
    let binaries = binaries::build(&template).await?;
    println!("Built in {:.1} s.", begun.elapsed().as_secs_f64());
    let busy = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "{error}\nIs another sandbox running? Stop it, or take other ports: cargo sandbox --port {}",
            ports.base + 100
        ),
        _ => error.to_string(),
    };
    let mut sandbox = Sandbox::start_on(ports).await.map_err(busy)?;
    sandbox.aws.sweep();
    let sandbox = Arc::new(sandbox);
    // The page comes first, so that it sees the functions start.
    let serving = page::Options {
        port: Some(ports.page()),
        files: options.page_files,
        demo: false,
    };
    let page = Page::open(Arc::clone(&sandbox), serving)
        .await
        .map_err(|error| {
            let port = ports.page();
            busy(io::Error::new(
                error.kind(),
                format!("port {port} (page): {error}"),
            ))
        })?;
    page.set_scenes(Arc::new(demo::Stories::new(binaries.clone())));
    println!("\nThe page: {}", page.url());
    if options.open {
        browser::open(&page.url());
    }
    let mut lambdas = Vec::new();
    for (name, binary) in binaries {
        let delivery = sandbox.door("delivery-status").url() + "/";
        // Off in the template, and worth seeing on the page.
        let switched_on = match name.as_str() {
            "call-forward" => ("VOICEMAIL", Some("on")),
            "sms-gateway" => ("OKTA_HOOK_SECRET", Some(OKTA_HOOK_SECRET)),
            _ => ("DELIVERY_URL", Some(delivery.as_str())),
        };
        let settings = [
            ("DELIVERY_URL", Some(delivery.as_str())),
            ("LANGUAGES", Some("all")),
            ("ALLOWED_COUNTRIES", Some(COUNTRIES)),
            switched_on,
        ];
        let lambda = sandbox.run_with(&name, &binary, 1, &settings).await;
        let recorded = sandbox.run_recorded(&name, &binary).await;
        for lambda in [lambda, recorded] {
            lambda
                .wait_ready()
                .await
                .map_err(|reason| format!("{name} does not start: {reason}"))?;
            lambdas.push((name.clone(), lambda));
        }
    }
    let hook = sandbox.door("sms-gateway").url() + "/okta";
    sandbox
        .okta
        .add_inline_hook("Codes", &hook, OKTA_HOOK_TOKEN);
    Ok((sandbox, page, lambdas))
}

fn print_table(sandbox: &Sandbox) {
    let doors = sandbox
        .template()
        .functions
        .iter()
        .map(|function| (function.name.as_str(), sandbox.door(&function.name)));
    let servers = [
        ("Twilio", sandbox.twilio.server()),
        ("Mailgun", sandbox.mailgun.server()),
        ("Auth0", sandbox.auth0.server()),
        ("Okta", sandbox.okta.server()),
        ("DynamoDB", sandbox.aws.dynamodb()),
        ("Secrets Manager", sandbox.aws.secrets()),
        ("KMS", sandbox.aws.kms()),
        ("Invoke API", sandbox.invoke_api()),
    ];
    let providers = sandbox.providers();
    let providers = providers
        .iter()
        .map(|provider| (provider.name, provider.server));
    println!();
    for (name, server) in doors.chain(providers).chain(servers) {
        println!("  {name:<26}{}/", server.url());
    }
}

/// Prints the credentials for the simulators, as names and values of environment variables. The AWS
/// SDKs read theirs by these names.
fn print_credentials(sandbox: &Sandbox) {
    let url = |server: &Server| server.url();
    let credentials = [
        ("TWILIO_URL", url(sandbox.twilio.server())),
        ("TWILIO_ACCOUNT_SID", twilio::ACCOUNT_SID.to_owned()),
        ("TWILIO_AUTH_TOKEN", twilio::AUTH_TOKEN.to_owned()),
        ("TWILIO_API_KEY", twilio::API_KEY_SID.to_owned()),
        ("TWILIO_API_SECRET", twilio::API_KEY_SECRET.to_owned()),
        ("TWILIO_NUMBER", twilio::NUMBER.to_owned()),
        ("MAILGUN_URL", url(sandbox.mailgun.server())),
        ("MAILGUN_API_KEY", mailgun::API_KEY.to_owned()),
        ("MAILGUN_DOMAIN", mailgun::DOMAIN.to_owned()),
        ("AUTH0_URL", url(sandbox.auth0.server())),
        ("AUTH0_CLIENT_ID", auth0::CLIENT_ID.to_owned()),
        ("AUTH0_CLIENT_SECRET", auth0::CLIENT_SECRET.to_owned()),
        ("AUTH0_LOGIN_CLIENT_ID", auth0::LOGIN_CLIENT_ID.to_owned()),
        (
            "AUTH0_LOGIN_CLIENT_SECRET",
            auth0::LOGIN_CLIENT_SECRET.to_owned(),
        ),
        ("OKTA_URL", url(sandbox.okta.server())),
        ("OKTA_API_TOKEN", okta::API_TOKEN.to_owned()),
        ("AWS_ENDPOINT_URL_DYNAMODB", url(sandbox.aws.dynamodb())),
        (
            "AWS_ENDPOINT_URL_SECRETS_MANAGER",
            url(sandbox.aws.secrets()),
        ),
        ("AWS_ENDPOINT_URL_KMS", url(sandbox.aws.kms())),
        ("AWS_ENDPOINT_URL_LAMBDA", url(sandbox.invoke_api())),
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "sandbox".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "sandbox".to_owned()),
    ];
    println!("\nFor code of your own:");
    for (name, value) in credentials {
        println!("  {name}={value}");
    }
    for provider in sandbox.providers() {
        println!("  {}={}", provider.variable(), provider.server.url());
        for (key, value) in provider.secret.as_object().into_iter().flatten() {
            let name = format!("{}_{key}", provider.name).to_ascii_uppercase();
            println!("  {name}={}", value.as_str().unwrap_or_default());
        }
    }
}

/// Prints the commands. Their requests are signed for this sandbox's URLs.
fn print_commands(sandbox: &Sandbox) -> io::Result<()> {
    let mail_url = sandbox.door("send-verification-sms").url() + "/";
    let user = sandbox.auth0.sign_up(&address());
    let mail = sandbox.auth0.mail_verification(&user, LinkPage::Form).mail;
    let file = mail_file()?;
    std::fs::write(
        &file,
        form(&sandbox.mailgun.fields(&mail, sandbox::now().as_secs())),
    )?;
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

fn print_company_phone(sandbox: &Sandbox) {
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
async fn print_phone_menu(sandbox: &Sandbox) -> Result<(), String> {
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
            PIN,
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
{PHONE} calls the phone menu at {IVR_NUMBER}, keys the account {number} and the PIN {PIN}, and asks for the balance (in this order, once):
{}
{}
{}
{}
The same pair from an IVR of another make (the greeting, or the word error):
  curl -i -H 'Authorization: Bearer {IVR_TOKEN}' --data 'account_number={number}&pin={PIN}' {}/validate
A Studio flow asks for the account (JSON comes back):
  curl -i -u 'studio:{STUDIO_TOKEN}' --data 'account_number={number}' {}/
The protected API itself, with an access token of the tenant:
  curl -i -H 'Authorization: Bearer {token}' {}/accounts/{number}

Ctrl-C stops everything.
",
        step("voice", None),
        step("voice/account", Some(number)),
        step("voice/pin", Some(PIN)),
        step("voice/menu", Some("1")),
        sandbox.door("ivr-validate").url(),
        sandbox.door("api-call").url(),
        sandbox.door("secure-api").url(),
    );
    Ok(())
}

/// The command that posts these parameters to a function, signed by Twilio.
fn command(sandbox: &Sandbox, function: &str, params: &[(String, String)]) -> String {
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

/// A file beside the binary, in Cargo's target folder.
fn mail_file() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.with_file_name("sandbox-mail.txt"))
}

fn form(fields: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

async fn follow(name: &str, lambda: &Lambda) {
    let mut seen = 0;
    loop {
        for line in lambda.follow(seen).await {
            println!("{name}: {line}");
            seen += 1;
        }
    }
}

/// Prints sent texts, the verified address, bought numbers, and complaints.
async fn watch(sandbox: &Sandbox) {
    let mut clock = tokio::time::interval(Duration::from_millis(200));
    let (mut seen, mut verified, mut bought) = (BTreeMap::new(), false, 0);
    loop {
        clock.tick().await;
        let twilio = sandbox
            .twilio
            .messages()
            .into_iter()
            .map(|message| (message.to, message.body))
            .collect();
        let mut texts: Vec<(_, Vec<_>)> = vec![("Twilio", twilio)];
        texts.extend(sandbox.providers().into_iter().map(|provider| {
            let sent = provider.messages.into_iter();
            (
                provider.name,
                sent.map(|sent| (sent.to, sent.text)).collect(),
            )
        }));
        for (provider, texts) in &texts {
            let seen = seen.entry(*provider).or_insert(0);
            for (to, text) in &texts[*seen..] {
                println!("text to {to} through {provider}: {text}");
            }
            *seen = texts.len();
        }
        if !verified
            && sandbox
                .auth0
                .user(&address())
                .is_some_and(|user| user.email_verified)
        {
            println!("verified: {}", address());
            verified = true;
        }
        let named = |owned: &Owned| owned.field("FriendlyName").starts_with("switchboard:");
        let numbers: Vec<_> = sandbox.twilio.owned().into_iter().filter(named).collect();
        for owned in numbers.get(bought..).unwrap_or_default() {
            println!(
                "bought: {} as {}; a call to it:",
                owned.number,
                owned.field("FriendlyName")
            );
            println!(
                "{}",
                command(
                    sandbox,
                    "call-forward",
                    &sandbox.twilio.inbound_call(PHONE, &owned.number)
                )
            );
        }
        bought = numbers.len();
        print_complaints(sandbox);
    }
}

fn print_complaints(sandbox: &Sandbox) {
    for complaint in sandbox.complaints() {
        println!("unexpected: {complaint}");
    }
}
