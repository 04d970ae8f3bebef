//! Mailgun: the route that posts mails to proxy e-mail addresses, before any broader route
//! (<https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/routes>).

mod plan;
mod route;
#[cfg(test)]
mod sample;
mod wanted;

pub(crate) use wanted::Wanted;

use secrecy::SecretString;
use serde_json::Value;

use self::plan::plan;
use super::Planned;
use crate::calls::{Authorization, Session};
use crate::context::Context;
use crate::problem::Problem;

const PAGE: usize = 100;

const MOST_PAGES: usize = 50;

/// Opens the API with the key that only this program uses.
pub(crate) fn open(context: &Context) -> Result<Session, Problem> {
    let key = if let Some(key) = context.own.mailgun_api_key.get() {
        key
    } else {
        let asked = ask(context)?;
        context.own.mailgun_api_key.get_or_init(|| asked)
    };
    let unusable =
        || Problem::Usage("MAILGUN_API_KEY is not one line of plain characters".to_owned());
    Ok(context.calls.to(
        &context.urls.mailgun_url,
        Authorization::basic("api", key).ok_or_else(unusable)?,
    ))
}

fn ask(context: &Context) -> Result<SecretString, Problem> {
    let missing = || {
        Problem::Failed(
            "Mailgun's API key is required, and no secret of the stack has it: set MAILGUN_API_KEY"
                .to_owned(),
        )
    };
    if !context.console.is_watched() {
        return Err(missing());
    }
    context.console.end_progress();
    let key =
        rpassword::prompt_password("Mailgun API key (Control Panel, API security; not stored): ");
    key.map(SecretString::from).map_err(|_| missing())
}

pub(crate) async fn examine(context: &Context) -> Result<Option<Planned>, Problem> {
    let Some(wanted) = Wanted::read(&context.stack)? else {
        return Ok(None);
    };
    let session = open(context)?;
    let routes = routes(&session).await?;
    let plan = plan(&session.base, &routes, &wanted);
    Ok(Some(Planned { session, plan }))
}

/// Reads all routes.
pub(crate) async fn routes(session: &Session) -> Result<Vec<Value>, Problem> {
    let mut found: Vec<Value> = Vec::new();
    for page in 0..MOST_PAGES {
        let (skip, limit) = ((page * PAGE).to_string(), PAGE.to_string());
        let answer = session
            .get("v3/routes", &[("skip", &skip), ("limit", &limit)])
            .await;
        let answer =
            answer.map_err(|refusal| Problem::Failed(format!("Mailgun, routes: {refusal}")))?;
        let items = answer["items"].as_array().cloned().unwrap_or_default();
        let last = items.len() < PAGE;
        found.extend(items);
        if last {
            break;
        }
    }
    Ok(found)
}
