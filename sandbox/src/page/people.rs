//! The people at the identity providers: the list of all, and the users of Auth0 with the accounts
//! of the phone menu.

use std::time::{Duration, Instant};

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    App, Shared,
    employees::employee,
    problem::{Input, Path, Problem, limited, number},
};
use crate::{
    accounts,
    auth0::{Credential, GATEWAY_BEARER_TOKEN, LinkPage, User},
    mailgun::DOMAIN,
    random,
    wire::{client, lock},
};

/// The most users of each provider.
pub(super) const MOST: usize = 500;
/// How long a code is right, and how often it may be wrong.
const CODE_LIFE: Duration = Duration::from_mins(5);
const TRIES: u32 = 3;
/// The most logins that wait for their code.
const MOST_LOGINS: usize = 100;

/// A login that waits for its code.
pub(super) struct Login {
    id: String,
    phone: String,
    code: String,
    since: Instant,
    wrong: u32,
}

fn shown(app: &App, user: &User) -> Value {
    let auth0 = &app.sandbox.auth0;
    let phone = user
        .email
        .split(['+', '@'])
        .nth(1)
        .map(|digits| format!("+{digits}"))
        .filter(|phone| crate::sms::e164(phone));
    json!({
        "id": user.user_id, "email": user.email, "phone": phone, "verified": user.email_verified, "blocked": user.blocked,
        "shut_out": auth0.is_shut_out(user), "failed_logins": auth0.failed_logins(user),
        "account": user.app_metadata.get("account_number"), "greeting": user.app_metadata.get("ivr_greeting"),
    })
}

/// `GET /api/identity`.
pub(super) async fn list(State(app): Shared) -> Json<Value> {
    let users = app.sandbox.auth0.users();
    let users: Vec<_> = users.iter().map(|user| shown(&app, user)).collect();
    let staff: Vec<_> = app.sandbox.okta.users().iter().map(employee).collect();
    let texts: Vec<_> = app
        .sandbox
        .okta
        .own_texts()
        .into_iter()
        .map(|(to, text)| json!({ "to": to, "text": text }))
        .collect();
    let accounts: Vec<_> = accounts::seed()
        .unwrap_or_default()
        .into_iter()
        .map(|account| {
            let balance = account
                .balance
                .map(|balance| format!("{} {}", balance.amount, balance.currency));
            json!({ "number": account.account_number, "name": account.name, "phone": account.phone, "balance": balance })
        })
        .collect();
    Json(json!({
        "auth0": { "users": users }, "okta": { "users": staff, "texts": texts }, "accounts": accounts,
    }))
}

impl App {
    fn person(&self, id: &str) -> Result<User, Problem> {
        let mut users = self.sandbox.auth0.users().into_iter();
        users
            .find(|user| user.user_id == id)
            .ok_or_else(|| Problem::unknown("Auth0 has no such user."))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignUp {
    phone: String,
    #[serde(default)]
    page: Link,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Link {
    #[default]
    Form,
    Redirect,
}

pub(super) type Made = (StatusCode, Json<Value>);

/// `POST /api/auth0/users`: a person signs up by phone.
pub(super) async fn sign_up(
    State(app): Shared,
    Input(sign_up): Input<SignUp>,
) -> Result<Made, Problem> {
    let phone = number(&sign_up.phone)?;
    let auth0 = &app.sandbox.auth0;
    if auth0.users().len() >= MOST {
        return Err(Problem::conflict(format!(
            "{MOST} users are the most. Delete one first."
        )));
    }
    let email = format!("acme{phone}@{DOMAIN}");
    let known = auth0.user(&email);
    let again = known.is_some();
    let user = known.unwrap_or_else(|| auth0.sign_up(&email));
    let page = match sign_up.page {
        Link::Form => LinkPage::Form,
        Link::Redirect => LinkPage::Redirect,
    };
    let mail = app
        .deliver(&auth0.mail_verification(&user, page).mail)
        .await;
    let message = if again {
        "The account exists. Auth0 has mailed its verification again."
    } else {
        "The account exists now. Auth0 has mailed its verification."
    };
    let user = shown(&app, &user);
    Ok((
        StatusCode::CREATED,
        Json(json!({ "ok": true, "message": message, "user": user, "mail": mail })),
    ))
}

/// `POST /api/auth0/users/{id}/forgot`: a person forgot the password.
pub(super) async fn forgot(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let user = app.person(&id)?;
    let auth0 = &app.sandbox.auth0;
    let mail = app.deliver(&auth0.mail_password(&user).mail).await;
    Ok(Json(
        json!({ "ok": true, "message": "Auth0 has mailed a link to a new password.", "mail": mail }),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct On {
    on: bool,
}

/// `POST /api/auth0/users/{id}/block`.
pub(super) async fn block(
    State(app): Shared,
    Path(id): Path<String>,
    Input(On { on }): Input<On>,
) -> Result<Json<Value>, Problem> {
    let user = app.person(&id)?;
    app.sandbox.auth0.block(&user, on);
    app.nudge();
    let message = if on {
        "The user is blocked."
    } else {
        "The user is no longer blocked."
    };
    Ok(Json(
        json!({ "ok": true, "message": message, "user": shown(&app, &app.person(&id)?) }),
    ))
}

/// `POST /api/auth0/users/{id}/let-in`: ends a shut-out after wrong passwords.
pub(super) async fn let_in(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let user = app.person(&id)?;
    app.sandbox.auth0.let_in(&user);
    app.nudge();
    Ok(Json(
        json!({ "ok": true, "message": "The user may sign in again.", "user": shown(&app, &user) }),
    ))
}

/// `DELETE /api/auth0/users/{id}`.
pub(super) async fn delete_user(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let user = app.person(&id)?;
    app.sandbox.auth0.delete(&user);
    app.nudge();
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCaller {
    account: String,
    pin: String,
    name: String,
}

/// `POST /api/auth0/callers`: a person with an account and a PIN.
pub(super) async fn add_caller(
    State(app): Shared,
    Input(new): Input<NewCaller>,
) -> Result<Made, Problem> {
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(&new.account, 10) || !digits(&new.pin, 12) {
        return Err(Problem::bad(
            "An account has 1 to 10 digits, and a PIN has 1 to 12 digits.",
        ));
    }
    limited("The name", &new.name, 100)?;
    let auth0 = &app.sandbox.auth0;
    let users = auth0.users();
    let taken = users
        .iter()
        .any(|user| user.app_metadata.get("account_number") == Some(&json!(new.account)));
    if taken || users.len() >= MOST {
        return Err(Problem::conflict(
            "This account has a user already, or there are too many users.",
        ));
    }
    let email = format!("caller-{}@acme.example", new.account);
    let user = auth0.sign_up_caller(&new.account, &new.pin, &new.name, &email);
    app.nudge();
    let message = "The caller can use the phone menu now.";
    Ok((
        StatusCode::CREATED,
        Json(json!({ "ok": true, "message": message, "user": shown(&app, &user) })),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantsIn {
    phone: String,
}

/// `POST /api/auth0/login`: a person signs in by phone, and Auth0 has a code sent.
pub(super) async fn login(
    State(app): Shared,
    Input(WantsIn { phone }): Input<WantsIn>,
) -> Result<Json<Value>, Problem> {
    let phone = number(&phone)?;
    let seed = u32::from_str_radix(&random::hex(4), 16).unwrap_or_default();
    let code = format!("{:06}", seed % 1_000_000);
    let url = format!("{}/", app.sandbox.door("sms-gateway").url());
    let text = format!("Your code is {code}");
    let credential = Credential::Bearer(GATEWAY_BEARER_TOKEN);
    let answer = app
        .sandbox
        .auth0
        .passwordless(&url, credential, &phone, &text)
        .await;
    app.nudge();
    let login = Login {
        id: format!("l{}", random::hex(6)),
        phone,
        code,
        since: Instant::now(),
        wrong: 0,
    };
    let id = login.id.clone();
    let mut logins = lock(&app.logins);
    logins.retain(|login| login.since.elapsed() < CODE_LIFE);
    if logins.len() >= MOST_LOGINS {
        logins.remove(0);
    }
    logins.push(login);
    let message = match answer.status {
        200 => "The code is on its way.".to_owned(),
        0 => "The gateway did not answer in time.".to_owned(),
        status => format!("The gateway sent no code: it answered {status}."),
    };
    Ok(Json(
        json!({ "ok": answer.status == 200, "login": id, "status": answer.status, "message": message }),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Typed {
    code: String,
}

/// `POST /api/auth0/login/{login}/code`: the person types the code.
pub(super) async fn enter_code(
    State(app): Shared,
    Path(id): Path<String>,
    Input(Typed { code }): Input<Typed>,
) -> Result<Json<Value>, Problem> {
    let phone = {
        let mut logins = lock(&app.logins);
        logins.retain(|login| login.since.elapsed() < CODE_LIFE && login.wrong < TRIES);
        let Some(at) = logins.iter().position(|login| login.id == id) else {
            return Err(Problem::unknown("This login is over. Ask for a new code."));
        };
        if logins[at].code != code.trim() {
            logins[at].wrong += 1;
            let left = TRIES - logins[at].wrong;
            let message = format!("Wrong. {left} tries are left.");
            return Ok(Json(
                json!({ "ok": false, "right": false, "message": message }),
            ));
        }
        logins.remove(at).phone
    };
    let url = format!("{}/used", app.sandbox.door("delivery-status").url());
    let told = client()
        .post(url)
        .bearer_auth(GATEWAY_BEARER_TOKEN)
        .timeout(Duration::from_secs(20))
        .json(&json!({ "recipient": phone }))
        .send()
        .await;
    app.nudge();
    let status = told.map_or(0, |answer| answer.status().as_u16());
    let message = match status {
        200..300 => {
            "Right. An Action of Auth0 told delivery-status that the code was used.".to_owned()
        }
        status => format!("Right. delivery-status was told, and answered {status}."),
    };
    Ok(Json(
        json!({ "ok": true, "right": true, "message": message }),
    ))
}
