//! A phone menu. The caller enters an account number and a PIN, is greeted by name, and hears what
//! a protected API knows about the account.
//!
//! It serves two kinds of clients:
//!
//! * `/validate` is for any IVR. It checks an account number and a PIN. The answer is the greeting
//!   or `error`.
//! * `/voice` and its steps are the whole dialogue for Twilio.
//!
//! Each step of the dialogue does this:
//!
//! 1. Check Twilio's signature.
//! 2. Move the call's state in the table on, by one conditional write (`dialogue`).
//! 3. Answer with `TwiML`.
//!
//! A repeated step has no second effect. Before a PIN is tried, the attempt is counted
//! (`attempts`). Then the function finds the user by the account number and logs in with the PIN.
//!
//! All rejections sound the same and take the same time, whether the number or the PIN is wrong,
//! the account is locked, or a failure is ours. If many PINs were wrong within a day, all
//! rejections take longer.
//!
//! Promises: no PIN in a log, a URL or the table. No menu without a PIN. No outside text becomes
//! markup.

mod answer;
mod attempts;
mod dialogue;
mod heard;
mod languages;
mod lock;
mod menu;
mod pin;
mod replay;
mod step;
mod validate;
mod voice;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant, SystemTime};

use shared::platform::Platform;
use shared::platform::base_url::BaseUrl;
use shared::platform::bearer::Token;
use shared::platform::config::Source;
use shared::platform::reply::Reply;
use shared::platform::request::Request;
use shared::platform::runtime::Function;
use shared::platform::secrets::Secret;
use shared::platform::table::Table;
use shared::services::protected::Api;
use shared::vendors::auth0;
use shared::vendors::auth0::login::Login;
use shared::vendors::auth0::tokens::Tokens;
use shared::vendors::auth0::users::Users;
use shared::vendors::twilio::Credentials;
use shared::vendors::twilio::webhook;

use words::Language;

use languages::Languages;
use lock::Limits;
use menu::Menu;
use step::Step;

const BODY_LIMIT: usize = 1024 * 1024;
/// Twilio waits 15 s, but callers do not listen to silence for so long.
const TIME_TO_ANSWER: Duration = Duration::from_secs(10);

/// When a request came in.
#[derive(Clone, Copy)]
struct Arrival {
    instant: Instant,
    time: SystemTime,
}

impl Arrival {
    fn now(self) -> SystemTime {
        self.time + self.instant.elapsed()
    }
}

/// The function's settings and clients.
pub struct App {
    table: Table,
    twilio: Secret<Credentials>,
    ivr: Secret<Token>,
    auth0: Arc<Secret<auth0::Credentials>>,
    users: Users,
    login: Login,
    api: Api,
    realm: String,
    public_url: Option<BaseUrl>,
    rules: Rules,
    /// True if many PINs were wrong within a day, when this instance last read the table.
    is_slow: AtomicBool,
}

struct Rules {
    limits: Limits,
    pin_length: u64,
    menu: Menu,
    languages: Languages,
    /// `IVR_WELCOME`, in place of the catalogue's welcome.
    welcome: Option<String>,
}

impl Rules {
    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let languages = Languages::read(platform, source);
        let possible: Vec<Language> = languages.all().collect();
        let rules = Self {
            limits: Limits::read(source),
            pin_length: source.number("PIN_LENGTH", 4, 4..=32),
            menu: Menu::read(source, &possible),
            languages,
            welcome: source.optional("IVR_WELCOME"),
        };
        let welcome = rules.welcome.as_deref().unwrap_or_default();
        if welcome.chars().count() > 1_000 {
            source.problem("IVR_WELCOME is longer than 1000 characters, which nobody listens to");
        }
        rules
    }
}

impl Function for App {
    const TIME: Option<Duration> = Some(TIME_TO_ANSWER);

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let (http, table) = (&platform.http, &platform.table);
        let auth0 = Arc::new(platform.secret(source, "AUTH0_SECRET"));
        let tenant = source.base_url("AUTH0_URL", None);
        let tokens = |audience| {
            let (base, secret) = (tenant.clone(), Arc::clone(&auth0));
            Tokens::new(http.clone(), base, audience, secret, Some(table.clone()))
        };
        let for_users = tokens(Users::audience(&tenant));
        let for_api = tokens(source.required("API_AUDIENCE"));
        let realm = source.text("LOGIN_REALM", "Username-Password-Authentication");
        let realm = realm.trim().to_owned();
        Self {
            table: table.clone(),
            twilio: platform.secret(source, "TWILIO_SECRET"),
            ivr: platform.secret(source, "IVR_SECRET"),
            users: Users::new(http.clone(), tenant.clone(), for_users),
            login: Login::new(http.clone(), tenant, realm.clone(), Arc::clone(&auth0)),
            api: Api::new(http.clone(), source.base_url("API_URL", None), for_api),
            auth0,
            realm,
            public_url: webhook::public_url(source),
            rules: Rules::read(platform, source),
            is_slow: AtomicBool::new(false),
        }
    }

    async fn warm_up(&self, platform: &Platform, now: SystemTime) {
        // Both kinds of tokens need the same secret, which is fetched once. The connections for
        // their look-ups in the table open at the same time.
        let tokens = async {
            // A failure shows again on the first request.
            let _ = tokio::join!(self.auth0.get(now), platform.warm_up(2));
            tokio::join!(self.users.warm_up(now), self.api.warm_up(now))
        };
        // A failure shows again on the first request.
        let _ = tokio::join!(
            self.twilio.get(now),
            self.ivr.get(now),
            tokens,
            self.login.connect(),
            self.api.connect()
        );
    }

    /// Without this, the caller hears Twilio's "application error".
    fn apology(&self, request: &Request) -> Option<Reply> {
        let languages = &self.rules.languages;
        request.path().starts_with("/voice").then(|| {
            let from = webhook::claimed_caller(request);
            let speaker = languages.speaker(languages.of_caller(from.as_ref()));
            answer::last(&speaker, &words::APOLOGY, "")
        })
    }

    async fn flow(&self, request: &Request, time: SystemTime) -> Result<Reply, Reply> {
        let instant = Instant::now();
        let arrival = Arrival { instant, time };
        let step = match request.path() {
            "/validate" | "/voice" => None,
            path => Some(Step::at(path).ok_or_else(|| Reply::refused(404, "not_found"))?),
        };
        request.expect_post(request.path(), &webhook::FORMS, BODY_LIMIT)?;
        match request.path() {
            "/validate" => self.validate(request, arrival).await,
            _ => self.voice(request, step, arrival).await,
        }
    }
}
