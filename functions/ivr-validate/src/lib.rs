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

use shared::auth0::login::Login;
use shared::auth0::tokens::Tokens;
use shared::auth0::users::Users;
use shared::aws;
use shared::bearer::Token;
use shared::config::Source;
use shared::http::{self, BaseUrl};
use shared::protected::Api;
use shared::reply::Reply;
use shared::request::Request;
use shared::secrets::Secret;
use shared::table::Table;
use shared::twilio::Credentials;
use shared::twilio::twiml::Voice;
use shared::twilio::webhook;

use lock::Limits;
use menu::Menu;
use step::Route;

const BODY_LIMIT: usize = 1024 * 1024;
/// Twilio waits 15 s; nobody listens to silence for so long.
const TIME_TO_ANSWER: Duration = Duration::from_secs(10);

const APOLOGY: &str =
    "We are sorry, something went wrong on our side. Please call again in a few minutes. Goodbye.";

/// The settings.
#[derive(Debug)]
pub struct Config {
    aws: aws::Settings,
    http: http::Settings,
    table: String,
    twilio_secret: String,
    ivr_secret: String,
    auth0_secret: String,
    tenant: BaseUrl,
    realm: String,
    api: BaseUrl,
    audience: String,
    public_url: Option<BaseUrl>,
    rules: Rules,
}

#[derive(Debug)]
struct Rules {
    limits: Limits,
    pin_length: u64,
    menu: Menu,
    voice: Voice,
    welcome: String,
}

impl Config {
    /// Reads the settings; what is wrong is noted in `source`.
    pub fn read(source: &mut Source<'_>) -> Option<Self> {
        let aws = aws::Settings::read(source);
        let http = http::Settings::read(source);
        let (table, twilio_secret) = (
            source.required("TABLE_NAME"),
            source.required("TWILIO_SECRET"),
        );
        let (ivr_secret, auth0_secret) = (
            source.required("IVR_SECRET"),
            source.required("AUTH0_SECRET"),
        );
        let (tenant, api) = (
            source.base_url("AUTH0_URL", None),
            source.base_url("API_URL", None),
        );
        let audience = source.required("API_AUDIENCE");
        let public_url = webhook::public_url(source);
        let limits = Limits::read(source);
        let pin_length = source.number("PIN_LENGTH", 4, 4..=32);
        let language = source.text("IVR_LANGUAGE", "en-US").trim().to_owned();
        if !language
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        {
            source.problem("IVR_LANGUAGE is not a language such as en-US");
        }
        let voice = Voice {
            language: Some(language),
            name: source
                .optional("IVR_VOICE")
                .map(|name| name.trim().to_owned()),
        };
        let welcome = source.text("IVR_WELCOME", "Welcome.");
        if welcome.chars().count() > 1_000 {
            source.problem("IVR_WELCOME is longer than 1000 characters, which nobody listens to");
        }
        let menu = Menu::read(source);
        Some(Self {
            aws: aws?,
            http,
            table: table?,
            twilio_secret: twilio_secret?,
            ivr_secret: ivr_secret?,
            auth0_secret: auth0_secret?,
            tenant: tenant?,
            realm: source
                .text("LOGIN_REALM", "Username-Password-Authentication")
                .trim()
                .to_owned(),
            api: api?,
            audience: audience?,
            public_url,
            rules: Rules {
                limits,
                pin_length,
                menu: menu?,
                voice,
                welcome,
            },
        })
    }
}

/// The function's state for the life of an instance.
pub struct App {
    http: http::Client,
    table: Table,
    twilio: Secret<Credentials>,
    ivr: Secret<Token>,
    users: Users,
    login: Login,
    api: Api,
    realm: String,
    public_url: Option<BaseUrl>,
    rules: Rules,
    /// Many PINs were wrong in a day, when the table was last asked.
    is_slow: AtomicBool,
}

impl App {
    /// Makes the state: everything that a request will need is fetched and connected to at once.
    ///
    /// # Errors
    /// When no HTTP client can be made from the settings. Upstreams that are down are met again by the first request.
    pub async fn connect(config: Config) -> Result<Self, String> {
        let http = http::Client::new(config.http)?;
        let secrets = config.aws.secrets_manager(&http);
        let table = Table::new(config.aws.dynamodb(&http), config.table);
        let auth0 = Arc::new(Secret::new(config.auth0_secret, secrets.clone()));
        let tokens = |audience| {
            Tokens::new(
                http.clone(),
                config.tenant.clone(),
                audience,
                Arc::clone(&auth0),
                Some(table.clone()),
            )
        };
        let app = Self {
            users: Users::new(
                http.clone(),
                config.tenant.clone(),
                tokens(Users::audience(&config.tenant)),
            ),
            api: Api::new(http.clone(), config.api.clone(), tokens(config.audience)),
            login: Login::new(
                http.clone(),
                config.tenant.clone(),
                config.realm.clone(),
                Arc::clone(&auth0),
            ),
            realm: config.realm,
            twilio: Secret::new(config.twilio_secret, secrets.clone()),
            ivr: Secret::new(config.ivr_secret, secrets),
            table: table.clone(),
            public_url: config.public_url,
            rules: config.rules,
            is_slow: AtomicBool::new(false),
            http: http.clone(),
        };
        let (now, dynamodb) = (shared::runtime::now(), config.aws.dynamodb_url());
        // One secret for both, asked for once, while the connections are made by which both are then looked for.
        let tokens = async {
            let _met_again =
                tokio::join!(auth0.get(now), app.http.warm_up_for(2, dynamodb.as_ref()));
            tokio::join!(app.users.warm_up(now), app.api.warm_up(now))
        };
        let warm_up = async {
            tokio::join!(
                app.twilio.get(now),
                app.ivr.get(now),
                tokens,
                app.http.warm_up(Some(&config.tenant)),
                app.http.warm_up(Some(&config.api)),
            )
        };
        shared::runtime::warm_up(warm_up).await;
        app.http.take_waited();
        Ok(app)
    }

    /// Answers one request.
    pub async fn handle(&self, request: &Request, now: SystemTime) -> Reply {
        let started = Instant::now();
        let within = TIME_TO_ANSWER.min(request.remaining(Duration::from_millis(500)));
        let reply = match tokio::time::timeout(within, self.flow(request, started, now)).await {
            Ok(Ok(reply) | Err(reply)) => reply,
            Err(_) => Reply::empty(503, "too_slow"),
        };
        // A caller must not hear Twilio's "application error".
        let reply = match request.path() {
            path if reply.status == 503 && path.starts_with("/voice") => {
                reply.answered_with(self.speak().say(APOLOGY).hangup().into_reply(""))
            }
            _ => reply,
        };
        reply.upstream(self.http.take_waited())
    }

    async fn flow(
        &self,
        request: &Request,
        started: Instant,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
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
