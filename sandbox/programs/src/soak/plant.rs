//! Broken promises that are planted after a round, to show that the soak notices them.

use clap::ValueEnum;
use sandbox::{COMPANY_NUMBER, auth0, plivo, twilio, wire::client};
use serde_json::json;

use super::{
    plan::Channel,
    world::{Forwarded, GUESSED_EMAIL, MOBILE, World},
};

/// A broken promise.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Plant {
    /// A code goes out a second time
    SecondText,
    /// A kept text is not deleted
    KeptText,
    /// Somebody guesses PINs past the limit
    Guesses,
    /// A customer's text reaches the employee a second time
    SecondForward,
    /// The number of an employee is released, who works here
    ReleasedNumber,
}

impl Plant {
    pub(super) async fn grow(self, world: &World) {
        match self {
            Self::SecondText => second_text(world).await,
            Self::KeptText => kept_text(world).await,
            Self::Guesses => guesses(world).await,
            Self::SecondForward => second_forward(world).await,
            Self::ReleasedNumber => released_number(world),
        }
    }
}

/// Somebody has Plivo send a code that has been sent.
async fn second_text(world: &World) {
    let code = world.note(|asked| {
        let mut texts = asked.codes.iter().rev();
        texts.find(|code| code.by == Channel::Text).cloned()
    });
    let Some(code) = code else { return };
    let body = json!({
        "src": "15005550006", "dst": code.phone.trim_start_matches('+'), "text": format!("Your code is {}", code.digits),
        "log": "false", "message_expiry": 180,
    });
    let url = world.sandbox.plivo.server().url();
    let url = format!("{url}/v1/Account/{}/Message/", plivo::AUTH_ID);
    let request = client().post(url).json(&body);
    let request = request.basic_auth(plivo::AUTH_ID, Some(plivo::AUTH_TOKEN));
    // If it was not sent, nothing is noticed, and the test fails.
    let _ = request.send().await;
}

/// A text whose code has no entry.
async fn kept_text(world: &World) {
    let item = json!({
        "pk": { "S": "kept#0" }, "sk": { "S": "000000001000#code-AAAAAAAAAAAAAAAAAAAAAA" },
        "ciphertext": { "S": "" }, "expires_at": { "N": "1180" },
    });
    world.sandbox.aws.put(item).await;
}

/// Wrong PINs reach Auth0 without the phone menu.
async fn guesses(world: &World) {
    let url = format!("{}/oauth/token", world.sandbox.auth0.server().url());
    for _ in 0..9 {
        let body = json!({
            "grant_type": auth0::PASSWORD_REALM, "username": GUESSED_EMAIL, "password": "0000", "realm": auth0::REALM,
            "client_id": auth0::LOGIN_CLIENT_ID, "client_secret": auth0::LOGIN_CLIENT_SECRET,
        });
        let _ = client().post(&url).json(&body).send().await;
    }
}

/// Somebody releases the number of a new employee in Twilio's console.
fn released_number(world: &World) {
    let id = world.sandbox.okta.hire("Planted", "+4522000000", "");
    let (number, name) = ("+14155559999", format!("switchboard:{id}"));
    let twilio = &world.sandbox.twilio;
    twilio.own(number, &[("FriendlyName", &name)]);
    twilio.lose(number);
    world.note(|asked| asked.hired.push(id));
}

/// Somebody has Twilio send the text that was forwarded, twice.
async fn second_forward(world: &World) {
    let body = "The text of a customer";
    world.note(|asked| {
        asked.forwarded.push(Forwarded {
            body: body.to_owned(),
            answers: vec![],
        });
    });
    let account = twilio::ACCOUNT_SID;
    let url = world.sandbox.twilio.server().url();
    let url = format!("{url}/2010-04-01/Accounts/{account}/Messages.json");
    for _ in 0..2 {
        let form = [("To", MOBILE), ("From", COMPANY_NUMBER), ("Body", body)];
        let request = client().post(&url).form(&form);
        let request = request.basic_auth(account, Some(twilio::AUTH_TOKEN));
        let _ = request.send().await;
    }
}
