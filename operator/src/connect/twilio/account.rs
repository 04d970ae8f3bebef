//! The account of the stack's credentials, and the lists of its API.

use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::calls::{Authorization, Refusal, Session};
use crate::context::Context;
use crate::problem::Problem;
use crate::secrets::SENDS;

const MOST_PAGES: usize = 50;

/// The account of the stack's credentials.
pub(crate) struct Account {
    pub(crate) sid: String,
    /// The REST API, version 2010-04-01.
    pub(crate) api: Session,
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
