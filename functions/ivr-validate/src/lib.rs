//! Callers key an account number and a PIN, are greeted by name, and hear what a protected API knows of their account.
//!
//! `/validate` answers an IVR of any make: the greeting, or `error`. `/voice` and its steps are the whole dialogue for Twilio: each
//! step is authenticated, moves the call's state on in the table by one conditional write (`dialogue`), and answers with `TwiML`. A step
//! that comes again acts no second time. A PIN is tried only after the attempt was counted (`attempts`): then the user is looked up by the
//! account number and logged in.
//!
//! Every refusal sounds the same and takes the same time, whatever was wrong: the number, the PIN, a lock, or something of ours. When
//! many PINs of a day were wrong, all of them take longer.
//! Never: a PIN in a log, a URL or the table, a menu without a PIN, a stranger's text that becomes markup.

mod attempts;
mod dialogue;
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
use shared::platform::bearer::Token;
use shared::platform::config::Source;
use shared::platform::http::BaseUrl;
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
use shared::vendors::twilio::twiml::Voice;
use shared::vendors::twilio::webhook;

use lock::Limits;
use menu::Menu;
use step::Route;

const BODY_LIMIT: usize = 1024 * 1024;
/// Twilio waits 15 s; nobody listens to silence for so long.
const TIME_TO_ANSWER: Duration = Duration::from_secs(10);

const APOLOGY: &str =
    "We are sorry, something went wrong on our side. Please call again in a few minutes. Goodbye.";

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
    /// Many PINs were wrong in a day, when the table was last asked.
    is_slow: AtomicBool,
}

struct Rules {
    limits: Limits,
    pin_length: u64,
    menu: Menu,
    voice: Voice,
    welcome: String,
}

impl Rules {
    fn read(source: &mut Source<'_>) -> Self {
        let rules = Self {
            limits: Limits::read(source),
            pin_length: source.number("PIN_LENGTH", 4, 4..=32),
            menu: Menu::read(source),
            voice: Voice {
                language: Some(source.text("IVR_LANGUAGE", "en-US").trim().to_owned()),
                name: source
                    .optional("IVR_VOICE")
                    .map(|name| name.trim().to_owned()),
            },
            welcome: source.text("IVR_WELCOME", "Welcome."),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !rules
            .voice
            .language
            .iter()
            .all(|name| name.bytes().all(plain))
        {
            source.problem("IVR_LANGUAGE is not a language such as en-US");
        }
        if rules.welcome.chars().count() > 1_000 {
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
            rules: Rules::read(source),
            is_slow: AtomicBool::new(false),
        }
    }

    async fn warm_up(&self, platform: &Platform, now: SystemTime) {
        // One secret for both, asked for once, while the connections are made by which both are then looked for.
        let tokens = async {
            let _met_again = tokio::join!(self.auth0.get(now), platform.warm_up(2));
            tokio::join!(self.users.warm_up(now), self.api.warm_up(now))
        };
        let _met_again = tokio::join!(
            self.twilio.get(now),
            self.ivr.get(now),
            tokens,
            self.login.connect(),
            self.api.connect()
        );
    }

    /// A caller must not hear Twilio's "application error".
    fn apology(&self, path: &str) -> Option<Reply> {
        path.starts_with("/voice")
            .then(|| self.speak().say(APOLOGY).hangup().into_reply(""))
    }

    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        let started = Instant::now();
        let Some(route) = Route::of(request.path()) else {
            return Err(Reply::refused(404, "not_found"));
        };
        request.expect_post(request.path(), &webhook::FORMS, BODY_LIMIT)?;
        match route {
            Route::Validate => self.validate(request, (started, now)).await,
            Route::Call => self.voice(request, None, (started, now)).await,
            Route::Step(step) => self.voice(request, Some(step), (started, now)).await,
        }
    }
}
