//! What an Auth0 tenant has: its APIs, its database connections and its machine-to-machine
//! applications. No secret of an application is read.

use secrecy::SecretString;
use serde_json::Value;

use super::{Lookups, pairs, parsed};
use crate::calls::{Authorization, Refusal};
use crate::init::questions::Look;

/// A list of the Management API (<https://auth0.com/docs/api/management/v2>).
struct List {
    look: Look,
    path: &'static str,
    query: &'static [(&'static str, &'static str)],
    /// How many one answer has at most.
    most: usize,
    /// The members that are the answer, and what is said about it.
    name: &'static str,
    about: &'static str,
    scope: &'static str,
    what: &'static str,
}

const LISTS: [List; 3] = [
    List {
        look: Look::Api,
        path: "api/v2/resource-servers",
        query: &[("per_page", "100")],
        most: 100,
        name: "identifier",
        about: "name",
        scope: "read:resource_servers",
        what: "API",
    },
    List {
        look: Look::Connection,
        path: "api/v2/connections",
        query: &[("strategy", "auth0")],
        most: 50,
        name: "name",
        about: "display_name",
        scope: "read:connections",
        what: "database connection",
    },
    List {
        look: Look::Application,
        path: "api/v2/clients",
        query: &[
            ("fields", "client_id,name"),
            ("include_fields", "true"),
            ("is_global", "false"),
            ("app_type", "non_interactive"),
            ("per_page", "100"),
        ],
        most: 100,
        name: "client_id",
        about: "name",
        scope: "read:clients",
        what: "application",
    },
];

impl Lookups {
    /// Takes a token for the Management API, and reads what the tenant has. Gives the scopes that the
    /// token lacks.
    pub(in crate::init) async fn open_auth0(
        &mut self,
        tenant: &str,
        token: &SecretString,
    ) -> Result<Vec<&'static str>, String> {
        let authorization = Authorization::header("Bearer", token)
            .ok_or("the token is not one line of plain characters")?;
        let mut lacks = Vec::new();
        if self.is_offline {
            return Ok(lacks);
        }
        let own = self.urls.auth0_url.clone();
        let base = own.map_or_else(|| parsed(tenant), Ok)?;
        let api = self.calls.to(&base, authorization);
        for list in LISTS {
            match api.get(list.path, list.query).await {
                Ok(found) => {
                    let mut found = found.as_array().cloned().unwrap_or_default();
                    // The Management API is nobody's own.
                    found.retain(|one| one["is_system"] != Value::Bool(true));
                    let found = pairs(&found, list.name, list.about);
                    self.choices.insert(list.look, found);
                }
                Err(Refusal::Status(401, _)) => {
                    return Err(
                        "Auth0 rejects this token; it may have ended: get a new one".to_owned()
                    );
                }
                Err(Refusal::Status(403, _)) => lacks.push(list.scope),
                Err(refusal) => return Err(format!("Auth0: {refusal}")),
            }
        }
        Ok(lacks)
    }

    /// Fails if the tenant does not have this.
    pub(super) fn of_tenant(&self, look: Look, answer: &str) -> Result<(), String> {
        let list = LISTS.iter().find(|list| list.look == look);
        let (Some(list), Some(known)) = (list, self.choices.get(&look)) else {
            return Ok(());
        };
        // A list that is full may have a next page.
        if known.len() >= list.most || known.iter().any(|(name, _)| name == answer) {
            return Ok(());
        }
        let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
        let has = match &names[..] {
            [] => "it has none".to_owned(),
            names => format!("it has {}", names[..names.len().min(9)].join(", ")),
        };
        Err(format!("the tenant has no {} {answer}; {has}", list.what))
    }
}
