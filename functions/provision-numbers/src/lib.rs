//! New employees get a company number by themselves: bought at Twilio, forwarded, and written into their profile in Okta.
//!
//! A schedule starts a run. It reads the account's numbers and Okta's users, and does for each user what is missing: an employee
//! with a mobile and no `primaryPhone` gets a number, which is journalled, bought under the user's name, pointed at call-forward and
//! sms-forward, and recorded in the profile, in this order, so that whatever breaks in between is found and finished by the next run
//! and no number is bought twice. On the way mobiles are rewritten in E.164, numbers whose webhooks differ are put right, and,
//! where that is set, numbers of people who left are given back. Okta's event hook only says whom the next run begins with.
//!
//! Never: more purchases than the limits allow, a `primaryPhone` that somebody else set overwritten, anything written in a dry run, one
//! user's trouble made another's.

mod decide;
mod hook;
mod ledger;
mod run;
mod saga;

use std::time::{Instant, SystemTime};

use shared::config::Source;
use shared::okta::Access;
use shared::okta::users::Users;
use shared::phone::Countries;
use shared::reply::{Failure, Reply};
use shared::request::Request;
use shared::secrets::Secret;
use shared::table::Table;
use shared::twilio::numbers::{Numbers, Wiring};
use shared::{aws, http, twilio};

use decide::{Dialect, Webhook};
use ledger::Ledger;

/// The settings.
#[derive(Debug)]
pub struct Config {
    aws: aws::Settings,
    http: http::Settings,
    table: String,
    twilio_url: http::BaseUrl,
    twilio_secret: String,
    okta_url: http::BaseUrl,
    okta_secret: String,
    hook_secret: String,
    rules: Rules,
}

#[derive(Debug)]
struct Rules {
    /// Where mobiles written without their country are.
    region: String,
    country: String,
    /// Area codes, or digits after `+`, in the order of preference.
    prefixes: Vec<String>,
    wiring: Wiring,
    max_purchases: u64,
    max_numbers: u64,
    dry_run: bool,
    clean: bool,
    release_after_days: Option<u64>,
    countries: Option<Countries>,
}

impl Config {
    /// Reads the settings; what is wrong is noted in `source`.
    pub fn read(source: &mut Source<'_>) -> Option<Self> {
        let aws = aws::Settings::read(source);
        let http = http::Settings::read(source);
        let table = source.required("TABLE_NAME");
        let (twilio_url, twilio_secret) = (twilio::api(source), source.required("TWILIO_SECRET"));
        let (okta_url, okta_secret) = (
            source.base_url("OKTA_URL", None),
            source.required("OKTA_SECRET"),
        );
        let hook_secret = source.required("HOOK_SECRET");
        let mut region = |name: &str| {
            let region = source.text(name, "US").trim().to_ascii_uppercase();
            if region.len() != 2 || region.parse::<Countries>().is_err() {
                source.problem(format!("{name} is not an ISO 3166 country code such as US"));
            }
            region
        };
        let (country, default_region) = (region("NUMBER_COUNTRY"), region("DEFAULT_REGION"));
        let prefixes = source.list("AREA_PREFIXES");
        let lengths = if ["US", "CA"].contains(&country.as_str()) {
            3..=3
        } else {
            1..=7
        };
        let is_prefix = |text: &String| {
            lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if prefixes.is_empty() {
            source.problem("AREA_PREFIXES is missing");
        } else if !prefixes.iter().all(is_prefix) {
            source.problem(
                "AREA_PREFIXES is not a comma list of area codes such as 415,628 (outside the US and Canada: of a number's first digits, \
                 with the country code)",
            );
        }
        let mut webhook = |name: &str| {
            source.required(name)?;
            source.parsed::<Webhook>(name, "a URL such as https://abc.lambda-url.eu-west-1.on.aws/ (http only for this machine)")
        };
        let (voice, sms) = (webhook("CALL_FORWARD_URL"), webhook("SMS_FORWARD_URL"));
        let status = voice.as_ref().map(Webhook::status);
        let max_purchases = source.number("MAX_PURCHASES_PER_RUN", 5, 0..=100);
        let max_numbers = source.number("MAX_NUMBERS", 100, 0..=10_000);
        let (dry_run, clean) = (
            source.flag("DRY_RUN", false),
            source.flag("CLEAN_MOBILE", true),
        );
        let release = source
            .optional("RELEASE_AFTER_DAYS")
            .map(|_| source.number("RELEASE_AFTER_DAYS", 30, 0..=9_999));
        let countries = source.parsed(
            "ALLOWED_COUNTRIES",
            "a comma list of ISO 3166 country codes such as DK,US",
        );
        let rules = Rules {
            region: default_region,
            country,
            prefixes,
            wiring: Wiring {
                voice_url: voice?.0,
                status_url: status?.0,
                sms_url: sms?.0,
            },
            max_purchases,
            max_numbers,
            dry_run,
            clean,
            release_after_days: release,
            countries,
        };
        Some(Self {
            aws: aws?,
            http,
            table: table?,
            twilio_url: twilio_url?,
            twilio_secret: twilio_secret?,
            okta_url: okta_url?,
            okta_secret: okta_secret?,
            hook_secret: hook_secret?,
            rules,
        })
    }
}

/// The function's state for the life of an instance.
pub struct App {
    http: http::Client,
    ledger: Ledger,
    hook: Secret<hook::Credentials>,
    numbers: Numbers,
    users: Users,
    dialect: Dialect,
    rules: Rules,
}

impl App {
    /// Makes the state: everything that a run or a request will need is fetched and connected to at once.
    ///
    /// # Errors
    /// When no HTTP client can be made from the settings, or `DEFAULT_REGION` has no numbers. Upstreams that are down are met again
    /// by the first run.
    pub async fn connect(config: Config) -> Result<Self, String> {
        let http = http::Client::new(config.http)?;
        let secrets = config.aws.secrets_manager(&http);
        let app = Self {
            ledger: Ledger(Table::new(config.aws.dynamodb(&http), config.table)),
            hook: Secret::new(config.hook_secret, secrets.clone()),
            numbers: Numbers::new(
                http.clone(),
                config.twilio_url,
                Secret::new(config.twilio_secret, secrets.clone()),
            ),
            users: Users::new(
                http.clone(),
                config.okta_url,
                Access::Manage,
                Secret::new(config.okta_secret, secrets),
            ),
            dialect: Dialect::new(&config.rules.region)
                .ok_or("DEFAULT_REGION has no telephone numbers")?,
            rules: config.rules,
            http,
        };
        // A hook is answered within 3 s; a run has time.
        let (now, dynamodb) = (shared::runtime::now(), config.aws.dynamodb_url());
        let warm_up =
            async { tokio::join!(app.hook.get(now), app.http.warm_up(dynamodb.as_ref())) };
        shared::runtime::warm_up(warm_up).await;
        app.http.take_waited();
        Ok(app)
    }

    /// Answers Okta's event hook.
    pub async fn handle(&self, request: &Request, now: SystemTime) -> Reply {
        hook::answer(request, &self.hook, &self.ledger, now)
            .await
            .upstream(self.http.take_waited())
    }

    /// One run, started by the schedule; its report is the reply's body.
    ///
    /// # Errors
    /// When the table, the secrets, Twilio's list of numbers or Okta's list of users cannot be had: nothing was begun, or what was is
    /// finished by the next run.
    pub async fn run(&self, deadline: Instant, now: SystemTime) -> Result<Reply, Failure> {
        let report = run::run(self, deadline, now).await?;
        let count = |list: usize| list as u64;
        let outcome = if report.locked {
            "locked"
        } else if report.dry_run {
            "dry_run"
        } else {
            "provisioned"
        };
        let body = serde_json::to_string(&report).unwrap_or_default();
        let reply = Reply::body(200, outcome, "application/json", body)
            .field("purchased", count(report.purchased.len()))
            .field("cleaned", count(report.cleaned.len()))
            .field("skipped", count(report.skipped.len()))
            .field("failed", count(report.failed.len()))
            .field("released", count(report.released.len()))
            .field("rewired", count(report.rewired.len()))
            .field("remaining", report.remaining)
            .field("complete", report.complete)
            .upstream(self.http.take_waited());
        let bought = count(report.purchased.len());
        Ok(if bought > 0 && !report.dry_run {
            reply.metric("NumbersPurchased", bought)
        } else {
            reply
        })
    }
}
