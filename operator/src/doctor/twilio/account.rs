//! The account: its Auth Token, its state, and the API key of the functions.

use secrecy::ExposeSecret as _;

use crate::calls::{Authorization, Refusal};
use crate::connect::twilio::Account;
use crate::context::Context;
use crate::doctor::Examination;
use crate::doctor::coverage::Check;
use crate::problem::Problem;
use crate::secrets::{SENDS, Stored};

pub(super) const AUTH_TOKEN: Check = Check::new(
    "twilio.auth_token",
    "whether Twilio accepts the Auth Token",
    |deployed| deployed.uses("twilio"),
)
.with(&["twilio"]);
pub(super) const ACCOUNT: Check = Check::new(
    "twilio.account",
    "the state of Twilio's account",
    |deployed| deployed.uses("twilio"),
)
.with(&["twilio"])
.after(&["twilio.auth_token"]);
pub(super) const API_KEY: Check = Check::new(
    "twilio.api_key",
    "whether Twilio accepts the API key",
    |deployed| deployed.uses(SENDS) || deployed.may_have("twilio", "api_key_sid"),
)
.with(&[SENDS, "twilio"]);

/// Checks the Auth Token. True if further checks at the account are possible.
pub(super) async fn auth_token(examination: &mut Examination, account: &Account) -> bool {
    let path = format!("2010-04-01/Accounts/{}.json", account.sid);
    let resource = match account.api.get(&path, &[]).await {
        Ok(resource) => resource,
        Err(Refusal::Status(401 | 403 | 404, _)) => {
            examination.fault(
                "twilio.auth_token",
                format!("Twilio rejects the Auth Token of the account {}", account.sid),
                "Twilio signs webhooks with it. Every reply and call gets a 403, and nothing can be sent",
                "copy the primary Auth Token of that account (Console, Account info). Then run `operator secrets set twilio`",
            );
            return false;
        }
        Err(refusal) => {
            examination.unanswered(
                "twilio.auth_token",
                format!("Twilio: {refusal}"),
                "run `operator doctor`. If it stays, look at status.twilio.com, and at the parameter TwilioUrl",
            );
            return false;
        }
    };
    examination.checked("twilio.auth_token");
    if resource["status"] != "active" {
        let what = format!(
            "the account {} is {}",
            account.sid,
            crate::report::plain(resource["status"].as_str().unwrap_or_default())
        );
        examination.fault(
            "twilio.account",
            what,
            "Twilio sends no texts and makes no calls for it",
            "read in Twilio why (Console, Account). Twilio Support opens it again",
        );
    }
    if resource["type"] == "Trial" {
        examination.risk(
            "twilio.account",
            format!("the account {} is a trial", account.sid),
            "it texts and calls only verified numbers, and Twilio adds a sentence to each text",
            "upgrade it in Twilio (Console, Billing)",
        );
    }
    examination.checked("twilio.account");
    true
}

/// Checks the functions' API key: Twilio must accept it. Where no signature is verified, the secret
/// should contain no more than that key.
pub(super) async fn api_key(
    context: &Context,
    examination: &mut Examination,
    secret: &Stored,
) -> Result<(), Problem> {
    const CHECK: &str = "twilio.api_key";
    let (Some(sid), Some(key)) = (secret.text("api_key_sid"), secret.text("api_key_secret")) else {
        if context.stack.secret(SENDS).as_ref() == Some(&secret.id) {
            examination.risk(
                CHECK,
                format!("the secret {} has the Auth Token instead of an API key", secret.id),
                "an attacker who controls a function that only sends could forge Twilio's webhooks",
                "make a standard API key (Console, API keys & tokens). Then run `operator secrets set twilio`",
            );
        }
        return Ok(());
    };
    let account = secret
        .text("account_sid")
        .map(|sid| sid.expose_secret().to_owned())
        .unwrap_or_default();
    let asked = match Authorization::basic(sid.expose_secret(), &key) {
        Some(authorization) => {
            let api = context.calls.to(&context.twilio_url()?, authorization);
            api.get(
                &format!("2010-04-01/Accounts/{account}/IncomingPhoneNumbers.json"),
                &[("PageSize", "1")],
            )
            .await
        }
        None => Err(Refusal::Status(401, String::new())),
    };
    // A restricted key may send although it may not list numbers.
    if asked.is_err_and(|refusal| refusal.status() == Some(401)) {
        examination.fault(
            CHECK,
            "Twilio rejects the API key",
            "the functions send with it, so nothing is sent",
            "make a new key (Console, API keys & tokens). Or run `operator secrets set twilio --remove api_key_sid --remove api_key_secret`",
        );
    }
    examination.checked(CHECK);
    Ok(())
}
