//! Confirming a link, as a person's browser would.

use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use url::Url;

use super::trust::Link;
use crate::platform::http::{Answer, Client};
use crate::rules::html;

/// A confirmation page is tens of kilobytes.
const PAGE_LIMIT: usize = 512 * 1024;
/// The time for each of the two steps.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// The result of following a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmation {
    /// Auth0 says that the confirmation succeeded.
    Confirmed,
    /// Auth0 says that the confirmation has failed for good: the link is used, expired or unknown.
    Refused,
    /// The form was posted, and the page that answered says neither success nor failure. A tenant
    /// without a redirect (*Redirect To*) answers like this.
    Submitted,
    /// The answer is not clear. The link may be tried again. The text says why.
    Unclear(String),
}

/// Confirms a link as a person's browser would. Since 2022 a GET only shows a page whose form must
/// be posted. The redirect after it says `success=true` or `false`; it is read and never visited. A
/// status alone proves nothing.
pub async fn confirm(client: &Client, link: &Link, deadline: Instant) -> Confirmation {
    let step = |request| async move {
        let timeout = STEP_TIMEOUT.min(deadline.saturating_duration_since(Instant::now()));
        client.send(request, PAGE_LIMIT, timeout).await
    };
    let Ok(page) = step(client.request(Method::GET, link.url.clone())).await else {
        return unclear("the link could not be opened");
    };
    if page.status != 200 {
        return outcome_of(&link.url, &page);
    }
    let Some((target, fields)) = confirmation_form(&link.url, &page) else {
        return unclear("the page has no form to confirm with");
    };
    let mut request = client
        .request(Method::POST, target.clone())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(
            form_urlencoded::Serializer::new(String::new())
                .extend_pairs(fields)
                .finish(),
        );
    if let Some(cookies) = cookies(&page) {
        request = request.header(COOKIE, cookies);
    }
    match step(request).await {
        Ok(answer) if answer.status == 200 => Confirmation::Submitted,
        Ok(answer) => outcome_of(&target, &answer),
        Err(_) => unclear("the form could not be posted"),
    }
}

fn unclear(why: &str) -> Confirmation {
    Confirmation::Unclear(why.to_owned())
}

fn outcome_of(url: &Url, answer: &Answer) -> Confirmation {
    match answer.status {
        300..=399 => {
            let location = answer
                .headers
                .get(LOCATION)
                .and_then(|value| value.to_str().ok());
            let Some(target) = location.and_then(|text| url.join(text).ok()) else {
                return unclear("a redirect to nowhere");
            };
            outcome_of_redirect(&target)
        }
        408 | 425 | 429 => unclear("too many requests"),
        400..=499 => Confirmation::Refused,
        200..=299 => unclear("an answer that does not tell whether it succeeded"),
        _ => unclear("a server error"),
    }
}

/// The meaning of the address of a redirect: by `success`, else by an `error` of the tenant's error page.
/// An account that was already verified is not a failure.
fn outcome_of_redirect(target: &Url) -> Confirmation {
    let all = |wanted: &str| -> Vec<String> {
        target
            .query_pairs()
            .filter(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
            .collect()
    };
    let (success, messages) = (all("success"), all("message"));
    let is_verified_before = || {
        messages
            .iter()
            .any(|message| message.to_lowercase().contains("already verified"))
    };
    match success.as_slice() {
        [word] if word == "true" => Confirmation::Confirmed,
        [word] if word == "false" && is_verified_before() => Confirmation::Confirmed,
        [word] if word == "false" => Confirmation::Refused,
        [] if !all("error").is_empty() => Confirmation::Refused,
        _ => unclear("a redirect that does not tell whether it succeeded"),
    }
}

/// The one form on the page that posts to the page's own origin.
fn confirmation_form(url: &Url, page: &Answer) -> Option<(Url, Vec<(String, String)>)> {
    let document = html::read(std::str::from_utf8(page.body().ok()?).ok()?)?;
    let base = document
        .base
        .as_deref()
        .and_then(|base| url.join(base).ok())
        .unwrap_or_else(|| url.clone());
    let mut forms = document
        .forms
        .into_iter()
        .filter(|form| form.method == "post")
        .filter_map(|form| {
            let mut target = form
                .action
                .map_or_else(|| Some(url.clone()), |action| base.join(action.trim()).ok())?;
            target.set_fragment(None);
            (target.origin() == url.origin() && target.username().is_empty())
                .then_some((target, form.hidden))
        });
    forms.next().filter(|_| forms.next().is_none())
}

fn cookies(page: &Answer) -> Option<String> {
    let set = page
        .headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let pairs: Vec<&str> = set
        .filter_map(|text| text.split(';').next())
        .map(str::trim)
        .filter(|pair| pair.contains('='))
        .collect();
    (!pairs.is_empty()).then(|| pairs.join("; "))
}
