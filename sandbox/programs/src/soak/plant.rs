//! Broken promises that are planted after a round, to show that the soak notices them.

use clap::ValueEnum;
use sandbox::{COMPANY_NUMBER, auth0, plivo, twilio, wire::client};
use serde_json::json;

use super::{
    plan::{Channel, Step},
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
    /// The link of a confirmed person waits for a YES again
    UsedRequest,
    /// An item holds a number
    PlainNumber,
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
            Self::UsedRequest => used_request(world).await,
            Self::PlainNumber => plain_number(world).await,
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

/// Somebody signs up and says YES, and the request comes back.
async fn used_request(world: &World) {
    let phone = "+4520999999";
    let step = Step::SignUp {
        phone: phone.to_owned(),
        mails: 1,
        replies: 1,
    };
    world.play(&step).await;
    let (link, email) = world.note(|asked| {
        let last = asked.sign_ups.last();
        last.map(|sign_up| (sign_up.mail.link.clone(), sign_up.email.clone()))
            .unwrap_or_default()
    });
    let ends = sandbox::now().as_secs() + 8 * 3_600;
    let request = json!({
        "link": { "S": link }, "email": { "S": email }, "expires_at": { "N": ends.to_string() },
    });
    let item = json!({
        "pk": { "S": format!("pending#{phone}") }, "sk": { "S": "pending" }, "r_0": { "M": request },
        "expires_at": { "N": (ends + 86_400).to_string() },
    });
    world.sandbox.aws.put(item).await;
}

/// A count that knows whom a text was for.
async fn plain_number(world: &World) {
    let ends = sandbox::now().as_secs() + 3 * 86_400;
    let item = json!({
        "pk": { "S": "score#0#0" }, "sk": { "S": "plivo#DK#-" }, "to": { "S": MOBILE },
        "expires_at": { "N": ends.to_string() },
    });
    world.sandbox.aws.put(item).await;
}
