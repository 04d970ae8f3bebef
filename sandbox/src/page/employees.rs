//! The employees of Okta, and the schedules.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::{
    App, Shared, moment,
    people::{MOST, Made},
    problem::{Input, Path, Problem, limited, number},
};
use crate::{HOOK_TOKEN, okta, random};

/// An employee as the page has it.
pub(super) fn employee(user: &okta::User) -> Value {
    let text = |name: &str| Some(user.text(name)).filter(|text| !text.is_empty());
    json!({
        "id": user.id, "name": format!("{} {}", user.text("firstName"), user.text("lastName")), "status": user.status,
        "mobile": text("mobilePhone"), "company_number": text("primaryPhone"),
    })
}

impl App {
    fn worker(&self, id: &str) -> Result<okta::User, Problem> {
        let found = self.sandbox.okta.user(id);
        found.ok_or_else(|| Problem::unknown("Okta has no such user."))
    }

    /// Okta tells its event hook. Returns the status.
    async fn tell_hook(&self, event: &str, id: &str) -> u16 {
        let url = format!("{}/okta", self.sandbox.door("provision-numbers").url());
        let okta = &self.sandbox.okta;
        let told = okta.deliver_event(&url, HOOK_TOKEN, event, id).await;
        self.nudge();
        told.attempts.last().copied().unwrap_or_default()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hired {
    name: String,
    #[serde(default)]
    mobile: String,
    #[serde(default)]
    company_number: String,
}

/// `POST /api/okta/users`: somebody is hired.
pub(super) async fn hire(State(app): Shared, Input(hired): Input<Hired>) -> Result<Made, Problem> {
    limited("The name", &hired.name, 100)?;
    limited("The mobile", &hired.mobile, 100)?;
    if hired.name.trim().is_empty() {
        return Err(Problem::bad("An employee needs a name."));
    }
    if !hired.company_number.is_empty() {
        number(&hired.company_number)?;
    }
    let okta = &app.sandbox.okta;
    if okta.users().len() >= MOST {
        return Err(Problem::conflict(format!(
            "{MOST} employees are the most. Delete one first."
        )));
    }
    let id = okta.hire(
        hired.name.trim(),
        hired.mobile.trim(),
        &hired.company_number,
    );
    let hook = app.tell_hook("user.lifecycle.activate", &id).await;
    let user = employee(&app.worker(&id)?);
    let mut message = "Okta has told its event hook about the new employee.".to_owned();
    // Okta itself takes any text as a number, and so the functions meet such texts.
    if !hired.mobile.trim().is_empty() && !crate::sms::e164(hired.mobile.trim()) {
        message.push_str(" The mobile is not in the form +4512345678.");
    }
    Ok((
        StatusCode::CREATED,
        Json(json!({ "ok": true, "message": message, "user": user, "hook": hook })),
    ))
}

/// `Some(None)` is null, and `None` a member that is missing.
#[expect(clippy::option_option, reason = "null empties an attribute")]
fn nullable<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(input).map(Some)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "null empties an attribute")]
pub(super) struct Changes {
    #[serde(default, deserialize_with = "nullable")]
    mobile: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    company_number: Option<Option<String>>,
    status: Option<Status>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    Active,
    Suspended,
    LockedOut,
    Deprovisioned,
}

impl Status {
    /// The name, and the event of a change to it.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Active => ("ACTIVE", "user.lifecycle.activate"),
            Self::Suspended => ("SUSPENDED", "user.lifecycle.suspend"),
            Self::LockedOut => ("LOCKED_OUT", "user.account.lock"),
            Self::Deprovisioned => ("DEPROVISIONED", "user.lifecycle.deactivate"),
        }
    }
}

/// `PATCH /api/okta/users/{id}`: an administrator changes an employee.
pub(super) async fn change_employee(
    State(app): Shared,
    Path(id): Path<String>,
    Input(changes): Input<Changes>,
) -> Result<Json<Value>, Problem> {
    app.worker(&id)?;
    let okta = &app.sandbox.okta;
    for text in [&changes.mobile, &changes.company_number]
        .into_iter()
        .flatten()
        .flatten()
    {
        limited("The number", text, 100)?;
    }
    let mut event = None;
    for (name, value) in [
        ("mobilePhone", &changes.mobile),
        ("primaryPhone", &changes.company_number),
    ] {
        if let Some(value) = value {
            let value = value
                .as_deref()
                .map(str::trim)
                .filter(|text| !text.is_empty());
            okta.set_profile(&id, name, json!(value));
            event = Some("user.account.update_profile");
        }
    }
    if let Some((status, told)) = changes.status.map(Status::names) {
        okta.set_status(&id, status);
        event = Some(told);
    }
    let hook = match event {
        Some(event) => Some(app.tell_hook(event, &id).await),
        None => None,
    };
    let user = employee(&app.worker(&id)?);
    Ok(Json(
        json!({ "ok": true, "message": "Okta has the change.", "user": user, "hook": hook }),
    ))
}

/// `DELETE /api/okta/users/{id}`.
pub(super) async fn delete_employee(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    app.worker(&id)?;
    app.sandbox.okta.delete(&id);
    app.nudge();
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/okta/users/{id}/code`: an employee signs in, and Okta has a code sent.
pub(super) async fn okta_code(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let user = app.worker(&id)?;
    let okta = &app.sandbox.okta;
    let mobile = user.text("mobilePhone");
    if !crate::sms::e164(mobile) {
        return Err(Problem::conflict(
            "This employee has no mobile in the form +4512345678.",
        ));
    }
    if !okta.inline_hooks().iter().any(|hook| hook.active) {
        return Err(Problem::conflict(
            "Okta has no telephony hook in this sandbox.",
        ));
    }
    let seed = u32::from_str_radix(&random::hex(4), 16).unwrap_or_default();
    let request = okta.code_request(mobile, &format!("{:06}", seed % 1_000_000));
    let code = okta.send_code(&request).await;
    app.nudge();
    let (delivery, message) = match &code.delivery {
        okta::CodeDelivery::Successful => ("successful", "The gateway sent the code.".to_owned()),
        okta::CodeDelivery::Pending => {
            ("pending", "The gateway may have sent the code.".to_owned())
        }
        okta::CodeDelivery::ByOkta(why) => {
            ("by_okta", format!("Okta sent the code itself: {why}."))
        }
        okta::CodeDelivery::Skipped(why) => {
            ("skipped", format!("Okta could not read the answer: {why}."))
        }
    };
    Ok(Json(
        json!({ "ok": true, "delivery": delivery, "message": message, "at": moment() }),
    ))
}

/// `POST /api/schedules/{function}`: a schedule runs now.
pub(super) async fn schedule(
    State(app): Shared,
    Path(function): Path<String>,
) -> Result<Json<Value>, Problem> {
    if !["provision-numbers", "delivery-status"].contains(&function.as_str()) {
        return Err(Problem::unknown(
            "Only provision-numbers and delivery-status have a schedule.",
        ));
    }
    let event = json!({ "source": "aws.scheduler" });
    let answer = app.sandbox.invoke(&function, event).await;
    app.nudge();
    match answer {
        Ok(answer) => Ok(Json(
            json!({ "ok": true, "message": "The schedule ran.", "answer": answer }),
        )),
        Err(error) => Err(Problem::conflict(format!(
            "{function} did not answer: {error}."
        ))),
    }
}
