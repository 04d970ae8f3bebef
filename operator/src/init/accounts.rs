//! The keys of the providers' accounts: with them, answers are looked up and offered.

use secrecy::SecretString;
use shared::vendors::twilio::is_sid;

use super::ask::tell;
use super::dialogue::{Dialogue, chosen};
use super::questions::{
    AUTH0_APPLICATION, AUTH0_SECRET, AUTH0_TOKEN, Look, MAILGUN_KEY, TWILIO_SID, TWILIO_TOKEN,
};
use crate::problem::Problem;
use crate::report::Console;

impl Dialogue<'_> {
    /// The keys of the Twilio account, from the environment or a person.
    pub(super) async fn twilio(&mut self, console: &Console) -> Result<(), Problem> {
        let (sid, token) = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN");
        if let (Some(sid), Some(token)) = (self.variable(sid), self.variable(token)) {
            self.is_in_environment = true;
            let opened = self.open_twilio(sid, token.into()).await;
            return opened.map_err(|why| {
                Problem::Failed(format!(
                    "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN are set, but {why}"
                ))
            });
        }
        loop {
            let sid = self.simple(&TWILIO_SID, None, &[], |sid| {
                let is_good = sid.is_empty() || is_sid(sid, &["AC"]);
                (!is_good).then(|| "this is no Account SID".to_owned())
            })?;
            if sid.is_empty() {
                return Ok(());
            }
            let token = self.simple(&TWILIO_TOKEN, None, &[], |token| {
                token
                    .is_empty()
                    .then(|| "it is needed with the SID".to_owned())
            })?;
            console.progress("reading Twilio");
            let opened = self.open_twilio(sid, token.into()).await;
            console.end_progress();
            match opened {
                Err(why) if self.asker.reject(&TWILIO_SID, &why) => {}
                _ => return Ok(()),
            }
        }
    }

    async fn open_twilio(&mut self, sid: String, token: SecretString) -> Result<(), String> {
        self.lookups.open_twilio(&sid, &token).await?;
        self.keys.keep("twilio", "account_sid", sid.into());
        self.keys.keep("twilio", "auth_token", token);
        Ok(())
    }

    /// The API key of Mailgun, from the environment or a person.
    pub(super) async fn mailgun(&mut self, console: &Console) -> Result<(), Problem> {
        if let Some(key) = self.variable("MAILGUN_API_KEY") {
            let opened = self.open_mailgun(key.into()).await;
            return opened
                .map_err(|why| Problem::Failed(format!("MAILGUN_API_KEY is set, but {why}")));
        }
        loop {
            let key = self.simple(&MAILGUN_KEY, None, &[], |_| None)?;
            if key.is_empty() {
                return Ok(());
            }
            console.progress("reading Mailgun");
            let opened = self.open_mailgun(key.into()).await;
            console.end_progress();
            match opened {
                Err(why) if self.asker.reject(&MAILGUN_KEY, &why) => {}
                _ => return Ok(()),
            }
        }
    }

    async fn open_mailgun(&mut self, key: SecretString) -> Result<(), String> {
        if let Some(signing_key) = self.lookups.open_mailgun(&key).await? {
            self.keys.keep("mailgun", "signing_key", signing_key);
        }
        self.keys.mailgun_api_key = Some(key);
        Ok(())
    }

    /// A token for Auth0's Management API, from the environment or a person.
    pub(super) async fn auth0(&mut self, console: &Console) -> Result<(), Problem> {
        if let Some(token) = self.variable("AUTH0_MANAGEMENT_TOKEN") {
            let opened = self.open_auth0(token.into()).await;
            return opened.map_err(|why| {
                Problem::Failed(format!("AUTH0_MANAGEMENT_TOKEN is set, but {why}"))
            });
        }
        loop {
            let token = self.simple(&AUTH0_TOKEN, None, &[], |_| None)?;
            if token.is_empty() {
                return Ok(());
            }
            console.progress("reading Auth0");
            let opened = self.open_auth0(token.into()).await;
            console.end_progress();
            match opened {
                Err(why) if self.asker.reject(&AUTH0_TOKEN, &why) => {}
                _ => return Ok(()),
            }
        }
    }

    async fn open_auth0(&mut self, token: SecretString) -> Result<(), String> {
        let tenant = self.values.get("Auth0Url").cloned().unwrap_or_default();
        let lacks = self.lookups.open_auth0(&tenant, &token).await?;
        if !lacks.is_empty() {
            let lacks = lacks.join(" and ");
            tell(&format!(
                "  The token lacks {lacks}, so not everything is offered."
            ));
        }
        self.keys.auth0_token = Some(token);
        Ok(())
    }

    /// The application of the secret `auth0`, if there is any to choose from.
    pub(super) fn application(&mut self) -> Result<(), Problem> {
        let choices = self.lookups.offered(Look::Application).to_vec();
        if choices.is_empty() && !self.asker.has(&AUTH0_APPLICATION) {
            return Ok(());
        }
        let only = match &choices[..] {
            [(only, _)] => Some(only.clone()),
            _ => None,
        };
        let id = self.simple(&AUTH0_APPLICATION, only, &choices, |id| {
            let id = chosen(id.to_owned(), &choices);
            let is_known = choices.is_empty() || choices.iter().any(|(known, _)| *known == id);
            (!is_known && !id.is_empty()).then(|| {
                let known: Vec<&str> = choices.iter().map(|(known, _)| known.as_str()).collect();
                format!(
                    "the tenant has no machine-to-machine application {id}; it has {}",
                    known.join(", ")
                )
            })
        })?;
        if id.is_empty() {
            return Ok(());
        }
        let secret = self.simple(&AUTH0_SECRET, None, &[], |secret| {
            secret
                .is_empty()
                .then(|| "it is needed with the Client ID".to_owned())
        })?;
        let id = chosen(id, &choices);
        self.keys.keep("auth0", "client_id", id.into());
        self.keys.keep("auth0", "client_secret", secret.into());
        Ok(())
    }

    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.trim().is_empty())
    }
}
