//! What the providers tell about an answer: whether it is right, and what there is to choose from.

mod auth0;

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde_json::Value;
use shared::platform::base_url::BaseUrl;
use shared::rules::phone::E164;
use url::Url;

use super::questions::Look;
use crate::calls::{Authorization, Calls, Refusal, Session};
use crate::connect::twilio::pages;
use crate::context::Urls;
use crate::report::plain;

/// The providers, as far as keys were given.
pub(super) struct Lookups {
    calls: Calls,
    urls: Urls,
    is_offline: bool,
    twilio: Option<Session>,
    mailgun: Option<Session>,
    /// What the accounts have, each with a name or state.
    choices: BTreeMap<Look, Vec<(String, String)>>,
}

impl Lookups {
    pub(super) fn new(calls: Calls, urls: Urls, is_offline: bool) -> Self {
        Self {
            calls,
            urls,
            is_offline,
            twilio: None,
            mailgun: None,
            choices: BTreeMap::new(),
        }
    }

    /// What a person may choose from.
    pub(super) fn offered(&self, look: Look) -> &[(String, String)] {
        self.choices.get(&look).map_or(&[], Vec::as_slice)
    }

    /// Takes the keys of the Twilio account, and reads its numbers.
    pub(super) async fn open_twilio(
        &mut self,
        sid: &str,
        token: &SecretString,
    ) -> Result<(), String> {
        if !shared::vendors::twilio::is_sid(sid, &["AC"]) {
            return Err(
                "the Account SID is not AC and 32 digits from 0 to 9 and a to f".to_owned(),
            );
        }
        if self.is_offline {
            return Ok(());
        }
        let authorization = Authorization::basic(sid, token)
            .ok_or("the Auth Token is not one line of plain characters")?;
        let usual = || "https://api.twilio.com".parse().ok();
        let base = self
            .urls
            .twilio_url
            .clone()
            .or_else(usual)
            .ok_or("no address of Twilio")?;
        let api = self.calls.to(&base, authorization);
        let path = format!("2010-04-01/Accounts/{sid}/IncomingPhoneNumbers.json");
        let found = pages(&api, &path, "incoming_phone_numbers")
            .await
            .map_err(|refusal| match refusal {
                Refusal::Status(401 | 403 | 404, _) => {
                    "Twilio rejects this Account SID with this Auth Token".to_owned()
                }
                refusal => format!("Twilio: {refusal}"),
            })?;
        let numbers = pairs(&found, "phone_number", "friendly_name");
        self.choices.insert(Look::Number, numbers);
        self.twilio = Some(api);
        Ok(())
    }

    /// Takes Mailgun's API key, and reads the account's domains. Gives the key with which Mailgun
    /// signs, if it tells that.
    pub(super) async fn open_mailgun(
        &mut self,
        key: &SecretString,
    ) -> Result<Option<SecretString>, String> {
        if self.is_offline {
            return Ok(None);
        }
        let authorization = Authorization::basic("api", key)
            .ok_or("the key is not one line of plain characters")?;
        let api = self.calls.to(&self.urls.mailgun_url, authorization);
        let found = api
            .get("v4/domains", &[("limit", "100")])
            .await
            .map_err(|refusal| match refusal {
                Refusal::Status(401 | 403, _) => {
                    "Mailgun rejects this API key; use an account API key".to_owned()
                }
                refusal => format!("Mailgun: {refusal}"),
            })?;
        let items = found["items"].as_array().cloned().unwrap_or_default();
        self.choices
            .insert(Look::Domain, pairs(&items, "name", "state"));
        // Mailgun tells it to a key with the role admin. Without it, `deploy` asks for it.
        let told = api.get("v5/accounts/http_signing_key", &[]).await.ok();
        let told = told.unwrap_or_default();
        let signing_key = told["http_signing_key"].as_str().map(str::trim);
        let signing_key = signing_key.filter(|key| !key.is_empty());
        self.mailgun = Some(api);
        Ok(signing_key.map(SecretString::from))
    }

    /// Why an answer is wrong, as the provider sees it.
    pub(super) async fn fault(&self, look: Look, answer: &str) -> Option<String> {
        if self.is_offline || answer.is_empty() {
            return None;
        }
        match look {
            Look::Nothing | Look::Application => None,
            Look::Tenant => self.tenant(answer).await.err(),
            Look::Org => self.org(answer).await.err(),
            Look::Number => self.number(answer).await.err(),
            Look::Domain => self.domain(answer).await.err(),
            Look::Api | Look::Connection => self.of_tenant(look, answer).err(),
        }
    }

    async fn tenant(&self, answer: &str) -> Result<(), String> {
        let base = self
            .urls
            .auth0_url
            .clone()
            .map_or_else(|| parsed(answer), Ok)?;
        let url = base.join(".well-known/openid-configuration");
        let found = self.read(&url, "no tenant of Auth0").await?;
        // A custom domain names itself as issuer too. A tenant's own host is Auth0's.
        let issuer = found["issuer"]
            .as_str()
            .unwrap_or_default()
            .trim_end_matches('/');
        if issuer == base.to_string().trim_end_matches('/') {
            let is_own = self.urls.auth0_url.is_some() || is_tenants_own(answer);
            return if is_own {
                Ok(())
            } else {
                Err("this is not the tenant's own address, which ends in .auth0.com; a custom domain belongs into LinkHosts".to_owned())
            };
        }
        Err(format!("{url} names another issuer: {}", plain(issuer)))
    }

    async fn org(&self, answer: &str) -> Result<(), String> {
        let base = self
            .urls
            .okta_url
            .clone()
            .map_or_else(|| parsed(answer), Ok)?;
        let url = base.join(".well-known/okta-organization");
        let found = self.read(&url, "no org of Okta").await?;
        match found["id"].as_str() {
            Some(_) => Ok(()),
            None => Err(format!("{answer} is no org of Okta")),
        }
    }

    async fn read(&self, url: &Url, otherwise: &str) -> Result<Value, String> {
        self.calls
            .read(url.clone())
            .await
            .map_err(|refusal| match refusal {
                Refusal::Status(404, _) => {
                    format!("{} is {otherwise}", url.host_str().unwrap_or_default())
                }
                refusal => format!(
                    "{} does not answer as {}: {refusal}",
                    url.host_str().unwrap_or_default(),
                    &otherwise[3..]
                ),
            })
    }

    async fn number(&self, answer: &str) -> Result<(), String> {
        let Some(twilio) = &self.twilio else {
            return Ok(());
        };
        if answer.starts_with("MG") {
            let api = twilio.at(&self.urls.twilio_messaging_url);
            let found = api.get(&format!("v1/Services/{answer}"), &[]).await;
            return found.map(drop).map_err(|refusal| {
                format!("the account has no Messaging Service {answer}: {refusal}")
            });
        }
        let numbers = self.offered(Look::Number);
        if numbers.iter().any(|(number, _)| number == answer) {
            return Ok(());
        }
        let owned: Vec<&str> = numbers
            .iter()
            .take(9)
            .map(|(number, _)| number.as_str())
            .collect();
        Err(match owned.as_slice() {
            [] => "the account has no numbers: buy one in the Twilio Console, Phone Numbers, Buy a number".to_owned(),
            owned => format!("the account does not own this number; it owns {}", owned.join(", ")),
        })
    }

    async fn domain(&self, answer: &str) -> Result<(), String> {
        let Some(mailgun) = &self.mailgun else {
            return Ok(());
        };
        let found = mailgun.get(&format!("v4/domains/{answer}"), &[]).await.map_err(|refusal| match refusal {
            Refusal::Status(404, _) => "the account has no such domain; for a domain of the EU region, set MAILGUN_URL=https://api.eu.mailgun.net".to_owned(),
            refusal => format!("Mailgun: {refusal}"),
        })?;
        if found["domain"]["state"] == "disabled" {
            return Err("Mailgun has disabled this domain; ask its support".to_owned());
        }
        let records = found["receiving_dns_records"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let records: Vec<&Value> = records
            .iter()
            .filter(|record| record["record_type"] == "MX")
            .collect();
        if records.iter().any(|record| record["valid"] == "valid") {
            return Ok(());
        }
        let values = records.iter().filter_map(|record| record["value"].as_str());
        let values: Vec<String> = values.map(plain).collect();
        Err(format!(
            "its MX records do not lead to Mailgun; at your DNS provider, add them with priority 10: {}",
            values.join(" and ")
        ))
    }

    /// The monthly price of a number, with its currency.
    pub(super) async fn price(&self, number: &str) -> Option<(f64, String)> {
        let number: E164 = number.parse().ok()?;
        let api = self.twilio.as_ref()?.at(&self.urls.twilio_pricing_url);
        let prices = api
            .get(
                &format!("v1/PhoneNumbers/Countries/{}", number.region()?),
                &[],
            )
            .await
            .ok()?;
        let currency = prices["price_unit"].as_str()?.to_ascii_uppercase();
        Some((crate::numbers::price(&prices, &number)?, currency))
    }
}

/// Whether an address is not a custom domain.
fn is_tenants_own(answer: &str) -> bool {
    answer.trim_end_matches('/').ends_with(".auth0.com")
}

fn parsed(answer: &str) -> Result<BaseUrl, String> {
    answer.parse().map_err(|why| format!("the address {why}"))
}

fn pairs(list: &[Value], name: &str, about: &str) -> Vec<(String, String)> {
    let text = |value: &Value| plain(value.as_str().unwrap_or_default());
    list.iter()
        .map(|one| (text(&one[name]), text(&one[about])))
        .filter(|(name, _)| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_custom_domain_is_not_the_tenants_own_address() {
        assert!(is_tenants_own("https://acme.eu.auth0.com/"));
        for custom in [
            "https://login.acme.example",
            "https://auth0.com.acme.example",
            "https://acmeauth0.com",
        ] {
            assert!(!is_tenants_own(custom), "{custom}");
        }
    }
}
