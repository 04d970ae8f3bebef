//! Lets a Studio flow call the protected API with the shared access token.
//!
//! Twilio's widget posts a form or JSON. The flow:
//!
//! 1. Check the credential: Twilio's signature, or the token that the flow has.
//! 2. Fill the path with the posted values.
//! 3. Call the API and return its JSON unchanged.
//!
//! All instances share one access token, which is kept in the table. If the API rejects it, it is
//! replaced once.
//!
//! Twilio's signature does not expire: an attacker who has seen a signed request could send it for
//! ever. So the flow should post the time in a parameter (`time`), which is then signed as well. A
//! request without it is remembered in the table, and is a replay when it comes again later.
//!
//! Promises: no call without a valid credential. A posted value cannot change the path to another
//! one. The token is in no answer and no log.

mod posted;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ring::digest;
use secrecy::SecretString;
use serde_json::json;
use shared::platform::Platform;
use shared::platform::base_url::BaseUrl;
use shared::platform::bearer::{self, Token};
use shared::platform::config::Source;
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::runtime::Function;
use shared::platform::secrets::{self, Secret};
use shared::platform::table::{Key, Table, Unavailable, Update, Write};
use shared::platform::time::epoch;
use shared::services::protected::{Api, Failed, Template};
use shared::vendors::auth0::{self, tokens::Tokens};
use shared::vendors::twilio::Credentials;
use shared::vendors::twilio::webhook;

use posted::{FRESH, Posted};

const MEDIA_TYPES: [&str; 2] = ["application/x-www-form-urlencoded", "application/json"];
const BODY_LIMIT: usize = 1024 * 1024;
/// Studio waits 10 s (<https://www.twilio.com/docs/studio/widget-library/http-request>). A cold
/// start may take two of them.
const TIME_TO_ANSWER: Duration = Duration::from_millis(7_500);
/// How long a request without a time is remembered, in seconds.
const REMEMBERED: u64 = 365 * 86_400;

/// For the fuzzers: what a JSON body says under these names. `None`: it cannot be read.
pub fn posted(body: &[u8], names: &[&str]) -> Option<Vec<Option<String>>> {
    let posted = Posted::read("application/json", body)?;
    let values = names.iter().map(|name| posted.get(name));
    Some(values.map(|value| value.map(str::to_owned)).collect())
}

/// How a caller has proved its identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    Signature,
    Token,
}

/// The function's settings and clients.
pub struct App {
    table: Table,
    auth0: Arc<Secret<auth0::Credentials>>,
    api: Api,
    path: Template,
    public_url: Option<BaseUrl>,
    twilio: Option<Secret<Credentials>>,
    studio: Option<Secret<Token>>,
}

impl Function for App {
    const TIME: Option<Duration> = Some(TIME_TO_ANSWER);
    const READS: &'static str = "token#api#";

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let (http, table) = (&platform.http, &platform.table);
        let auth0 = Arc::new(platform.secret(source, "AUTH0_SECRET"));
        let tokens = Tokens::new(
            http.clone(),
            source.base_url("AUTH0_URL", None),
            source.required("API_AUDIENCE"),
            Arc::clone(&auth0),
            Some(table.clone()),
        );
        let app = Self {
            table: table.clone(),
            auth0,
            api: Api::new(http.clone(), source.base_url("API_URL", None), tokens),
            path: Template::read(source, "API_PATH", "/accounts/{account_number}"),
            public_url: webhook::public_url(source),
            twilio: platform.optional_secret(source, "TWILIO_SECRET"),
            studio: platform.optional_secret(source, "STUDIO_SECRET"),
        };
        if app.twilio.is_none() && app.studio.is_none() {
            source.problem("TWILIO_SECRET or STUDIO_SECRET is missing: callers are known by Twilio's signature, or by a token");
        }
        app
    }

    async fn warm_up(&self, platform: &Platform, now: SystemTime) {
        let token = async {
            // A failure shows again on the first request.
            let _ = tokio::join!(self.auth0.get(now), platform.warm_up(1));
            self.api.warm_up(now).await;
        };
        tokio::join!(
            secrets::warm_up(self.twilio.as_ref(), now),
            secrets::warm_up(self.studio.as_ref(), now),
            token,
            self.api.connect()
        );
    }

    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        request.expect_post("/", &MEDIA_TYPES, BODY_LIMIT)?;
        let proof = self.authenticate(request, now).await?;
        let values = Posted::read(&request.media_type(), request.body()).ok_or_else(|| {
            refused(
                400,
                "bad_body",
                "the body must be a form, or a JSON object of texts and numbers, each named once",
            )
        })?;
        if proof == Proof::Signature && values.are_stale(now) {
            return Err(Reply::refused(403, "stale"));
        }
        let Some(path) = self.path.fill(|name| values.get(name)) else {
            let names: Vec<&str> = self.path.names().collect();
            return Err(refused(
                400,
                "value_missing",
                &format!(
                    "these are needed, of at most 200 bytes: {}",
                    names.join(", ")
                ),
            ));
        };
        if proof == Proof::Signature && !values.have_time() {
            // At the same time get the token for the API.
            let (is_replayed, ()) =
                tokio::join!(self.is_replayed(request, now), self.api.warm_up(now));
            if is_replayed.map_err(Failure::from)? {
                return Err(Reply::refused(403, "replayed"));
            }
        }
        match self.api.get(&path, TIME_TO_ANSWER, now).await {
            Ok(Some((status, found))) => Ok(Reply::body(
                status,
                "found",
                "application/json",
                found.get().to_owned(),
            )),
            Ok(None) => Ok(Reply::body(
                200,
                "not_found",
                "application/json",
                json!({ "found": false }).to_string(),
            )),
            Err(Failed::Late) => Err(late()),
            Err(failed @ Failed::Unauthorized) => {
                let public = "the API does not accept this application";
                Err(error(502, "api_refuses", public).field("error", failed.to_string()))
            }
            Err(Failed::Unavailable(cause)) => {
                Err(
                    error(502, "api_unavailable", "the API has no usable answer")
                        .field("error", cause),
                )
            }
        }
    }

    fn too_slow() -> Reply {
        late()
    }

    /// Who calls always gets JSON to branch on, also if the table or a secret is unavailable.
    fn apology(&self, _request: &Request) -> Option<Reply> {
        let public = "this is not available right now, please try again";
        Some(error(503, "", public))
    }
}

impl App {
    /// Checks the caller: Twilio signs what Studio posts, or the flow's author has put the token
    /// into the request.
    async fn authenticate(&self, request: &Request, now: SystemTime) -> Result<Proof, Reply> {
        let given: Option<SecretString> = bearer::presented(request);
        match (&self.twilio, &self.studio) {
            (Some(twilio), studio)
                if request.header("x-twilio-signature").is_some()
                    && (given.is_none() || studio.is_none()) =>
            {
                let checked =
                    webhook::authenticate_flow(request, self.public_url.as_ref(), twilio, now)
                        .await;
                match (checked, studio) {
                    // Credentials in the flow's URL are part of what Twilio signs. Twilio sends them
                    // only if an answer asks for them.
                    (Err(refusal), Some(studio)) if refusal.status == 403 => {
                        bearer::check(None, studio, now)
                            .await
                            .map(|()| Proof::Token)
                    }
                    (checked, _) => checked.map(|()| Proof::Signature),
                }
            }
            (_, Some(studio)) => bearer::check(given.as_ref(), studio, now)
                .await
                .map(|()| Proof::Token),
            _ => Err(Reply::refused(403, "signature_missing")),
        }
    }

    /// True if the same signed request was used before, longer ago than Studio retries.
    async fn is_replayed(&self, request: &Request, now: SystemTime) -> Result<bool, Unavailable> {
        let signature = request.header("x-twilio-signature").unwrap_or_default();
        let hash =
            hex::encode(&digest::digest(&digest::SHA256, signature.as_bytes()).as_ref()[..16]);
        let update = Update::new(Key::new(format!("seen#studio#{hash}"), "request"))
            .set("first", epoch(now))
            .set("expires_at", epoch(now) + REMEMBERED)
            .only_if("attribute_not_exists(pk) OR expires_at <= :now")
            .bind(":now", epoch(now));
        Ok(match self.table.update(update).await? {
            Write::Done(_) => false,
            Write::Refused(seen) => seen
                .number("first")
                .is_none_or(|first| first + FRESH < epoch(now)),
        })
    }
}

fn error(status: u16, outcome: &'static str, public: &str) -> Reply {
    Reply::body(
        status,
        outcome,
        "application/json",
        json!({ "error": public }).to_string(),
    )
}

fn refused(status: u16, outcome: &'static str, public: &str) -> Reply {
    error(status, outcome, public).metric("Refused", 1)
}

fn late() -> Reply {
    error(504, "api_late", "the API did not answer in time")
}
