//! The pages behind ticket links. Auth0 does not document their behaviour. They follow
//! community.auth0.com/t/magic-link-redeem-on-post-flags/103109
//! and published clients.

use std::collections::HashMap;

use axum::{
    Extension,
    body::Bytes,
    extract::{OriginalUri, Query, State as Axum},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};

use super::{
    state::{Shared, State},
    tenant::RESULT_URL,
    ticket::{Kind, LinkPage, Ticket},
};
use crate::{
    random,
    wire::{Complaints, lock},
};

const VERIFIED: &str = "Your email was verified. You can continue using the application.";

const USED: &str = "This URL can be used only once";

const EXPIRED: &str = "Access expired.";

const UNKNOWN: &str = "User account does not exist or verification code is invalid.";

fn page(content: &str) -> Html<String> {
    Html(format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Acme</title></head><body><main>{content}</main></body></html>"
    ))
}

fn redirect(success: bool, message: &str) -> Response {
    let code = if success { "success" } else { "access_expired" };
    let query = format!(
        "supportSignUp=true&supportForgotPassword=true&message={}&success={success}&code={code}",
        message.replace(' ', "%20")
    );
    (
        StatusCode::FOUND,
        [(header::LOCATION, format!("{RESULT_URL}?{query}"))],
    )
        .into_response()
}

impl State {
    /// The result of a link: a redirect, or a page if there is no *Redirect To*.
    fn result(&self, success: bool, message: &str) -> Response {
        if self.settings.redirect_to {
            return redirect(success, message);
        }
        let title = if success {
            "Email Verified"
        } else {
            "Invalid Link"
        };
        page(&format!("<h1>{title}</h1><p>{message}</p>")).into_response()
    }

    /// The ticket if it is still valid. The error is the answer.
    fn ticket(
        &mut self,
        path: &str,
        query: &HashMap<String, String>,
    ) -> Result<&mut Ticket, Box<Response>> {
        let id = query.get("ticket").map_or("", String::as_str);
        let fits = |ticket: &&Ticket| ticket.kind.path() == path;
        let refusal = match self.tickets.get(id).filter(fits) {
            None => Some(UNKNOWN),
            Some(ticket) if ticket.used => Some(USED),
            Some(ticket) if ticket.expired => Some(EXPIRED),
            Some(_) => None,
        };
        if let Some(why) = refusal {
            return Err(Box::new(self.result(false, why)));
        }
        self.tickets
            .get_mut(id)
            .ok_or_else(|| Box::new(redirect(false, UNKNOWN)))
    }

    fn redeem(&mut self, id: &str) -> Response {
        let Self { tickets, users, .. } = self;
        let user = tickets.get_mut(id).and_then(|ticket| {
            ticket.used = true;
            users.iter_mut().find(|user| user.user_id == ticket.user_id)
        });
        let Some(user) = user else {
            return self.result(false, UNKNOWN);
        };
        user.email_verified = true;
        self.result(true, VERIFIED)
    }
}

/// GET of any link.
pub(super) async fn open(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let mut state = lock(&state);
    let id = query.get("ticket").cloned().unwrap_or_default();
    if let Some(ticket) = state.tickets.get_mut(&id) {
        ticket.fetched += 1;
        if ticket.kind == Kind::Password && !state.password_links_allowed {
            complaints.add("Auth0: password link opened");
        }
    }
    let ticket = match state.ticket(uri.path(), &query) {
        Ok(ticket) => ticket,
        Err(answer) => return *answer,
    };
    match ticket.kind {
        Kind::Verification(LinkPage::Redirect) => state.redeem(&id),
        Kind::Verification(LinkPage::Unconfirmable) => {
            page("<h1>Verifying your email</h1><div id=\"root\"></div><script src=\"/assets/main.js\"></script>")
                .into_response()
        }
        Kind::Password => {
            page("<h1>Change your password</h1><input type=\"password\"><script src=\"/assets/main.js\"></script>")
                .into_response()
        }
        Kind::Verification(LinkPage::Form) => {
            let (form_state, cookies) =
                (random::hex(20), [format!("did=s%3A{}", random::hex(8)), format!("auth0={}", random::hex(16))]);
            let set =
                |cookie: &String| (header::SET_COOKIE, format!("{cookie}; Max-Age=31557600; Path=/; HttpOnly; SameSite=None"));
            let headers = axum::response::AppendHeaders([set(&cookies[0]), set(&cookies[1])]);
            // "=" is written as an entity, as Auth0's template engine escapes it.
            let form = format!(
                "<h1>Confirm your email</h1><form method=\"POST\"><input type=\"hidden\" name=\"state\" value=\"{form_state}&#x3D;\" /><button type=\"submit\">Confirm</button></form><script>document.forms[0].submit()</script>"
            );
            ticket.forms.push((form_state + "=", cookies));
            (headers, page(&form)).into_response()
        }
    }
}

/// POST of the form behind a link.
pub(super) async fn submit(
    Axum(state): Axum<Shared>,
    Extension(complaints): Extension<Complaints>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = lock(&state);
    let id = query.get("ticket").cloned().unwrap_or_default();
    if let Some(ticket) = state.tickets.get_mut(&id) {
        ticket.posted += 1;
    }
    let ticket = match state.ticket(uri.path(), &query) {
        Ok(ticket) => ticket,
        Err(answer) => return *answer,
    };
    let header = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let sent = header(header::COOKIE).split("; ").collect::<Vec<_>>();
    let fields = form_urlencoded::parse(&body)
        .into_owned()
        .collect::<Vec<_>>();
    let form = ticket
        .forms
        .iter()
        .find(|(state, _)| fields == [("state".to_owned(), state.clone())]);
    let wrong = match form {
        None => Some("state wrong or fields unknown"),
        Some(_) if header(header::CONTENT_TYPE) != "application/x-www-form-urlencoded" => {
            Some("content type")
        }
        Some((_, cookies)) if !cookies.iter().all(|cookie| sent.contains(&cookie.as_str())) => {
            Some("cookies missing")
        }
        Some(_) => None,
    };
    if let Some(wrong) = wrong {
        complaints.add(format!("Auth0 verification form: {wrong}"));
        return (
            StatusCode::BAD_REQUEST,
            Html("<h1>Oops!, something went wrong</h1>"),
        )
            .into_response();
    }
    state.redeem(&id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{auth0::state::Auth0, wire::client};

    const EMAIL: &str = "acme+4512345678@sms.example.com";

    async fn get(url: &str) -> reqwest::Response {
        client().get(url).send().await.unwrap()
    }

    fn location(answer: &reqwest::Response) -> (u16, String) {
        (
            answer.status().as_u16(),
            answer
                .headers()
                .get("location")
                .map_or_else(String::new, |value| value.to_str().unwrap().to_owned()),
        )
    }

    #[tokio::test]
    async fn a_redirect_link_verifies_once() {
        let auth0 = Auth0::start(None).await.unwrap();
        let mail = auth0.mail_verification(&auth0.sign_up(EMAIL), LinkPage::Redirect);
        let (status, to) = location(&get(&mail.link).await);
        assert!(
            status == 302 && to.starts_with(RESULT_URL) && to.contains("&success=true&"),
            "{to}"
        );
        assert!(auth0.user(EMAIL).unwrap().email_verified);
        let (status, to) = location(&get(&mail.link).await);
        assert!(
            status == 302
                && to.contains("message=This%20URL%20can%20be%20used%20only%20once&success=false"),
            "{to}"
        );
        assert_eq!(
            (auth0.fetched(&mail.ticket), auth0.posted(&mail.ticket)),
            (2, 0)
        );
        let late = auth0.mail_verification(&auth0.sign_up("b@example.com"), LinkPage::Redirect);
        auth0.expire(&late.ticket);
        assert!(
            location(&get(&late.link).await)
                .1
                .contains("message=Access%20expired.&success=false")
        );
        assert!(
            location(&get(&(auth0.server().url() + "/lo/verify_email?ticket=x")).await)
                .1
                .contains("success=false")
        );
        assert!(!auth0.user("b@example.com").unwrap().email_verified);
    }

    #[tokio::test]
    async fn without_redirect_to_a_page_says_how_a_link_ended() {
        let auth0 = Auth0::start(None).await.unwrap();
        auth0.set_redirect_to(false);
        let mail = auth0.mail_verification(&auth0.sign_up(EMAIL), LinkPage::Redirect);
        for title in ["<h1>Email Verified</h1>", "<h1>Invalid Link</h1>"] {
            let answer = get(&mail.link).await;
            assert_eq!(location(&answer), (200, String::new()));
            let text = answer.text().await.unwrap();
            assert!(text.contains(title), "{text}");
        }
        assert!(auth0.user(EMAIL).unwrap().email_verified);
    }

    #[tokio::test]
    async fn a_form_needs_its_state_and_cookies() {
        let auth0 = Auth0::start(None).await.unwrap();
        let mail = auth0.mail_verification(&auth0.sign_up(EMAIL), LinkPage::Form);
        let page = get(&mail.link).await;
        let cookies = page
            .headers()
            .get_all("set-cookie")
            .iter()
            .map(|value| {
                value
                    .to_str()
                    .unwrap()
                    .split(';')
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .collect::<Vec<_>>()
            .join("; ");
        let html = page.text().await.unwrap();
        let form_state = html
            .split_once("value=\"")
            .unwrap()
            .1
            .split_once('"')
            .unwrap()
            .0
            .replace("&#x3D;", "=");
        let submit = |form_state: &str, cookies: &str| {
            client()
                .post(&mail.link)
                .header("cookie", cookies)
                .form(&[("state", form_state)])
                .send()
        };
        for (form_state, cookies) in [(form_state.as_str(), ""), ("x", cookies.as_str())] {
            assert_eq!(submit(form_state, cookies).await.unwrap().status(), 400);
            assert_eq!(auth0.server().complaints().len(), 1);
        }
        assert!(
            !auth0.user(EMAIL).unwrap().email_verified,
            "nothing so far has verified it"
        );
        assert!(
            location(&submit(&form_state, &cookies).await.unwrap())
                .1
                .contains("success=true")
        );
        assert!(
            location(&submit(&form_state, &cookies).await.unwrap())
                .1
                .contains("success=false")
        );
        assert!(auth0.user(EMAIL).unwrap().email_verified && auth0.posted(&mail.ticket) == 4);
        assert_eq!(auth0.server().complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn other_pages_confirm_nothing() {
        let auth0 = Auth0::start(None).await.unwrap();
        let user = auth0.sign_up(EMAIL);
        let page = get(&auth0.mail_verification(&user, LinkPage::Unconfirmable).link).await;
        assert!(page.status() == 200 && !page.text().await.unwrap().contains("<form"));
        let password = auth0.mail_password(&user);
        assert!(password.link.contains("/u/reset-verify?ticket="));
        assert_eq!(get(&password.link).await.status(), 200);
        assert_eq!(auth0.server().complaints(), ["Auth0: password link opened"]);
        auth0.allow_password_links(true);
        get(&password.link).await;
        assert!(
            auth0.server().complaints().is_empty()
                && !auth0.user(EMAIL).unwrap().email_verified
                && auth0.fetched(&password.ticket) == 2
        );
    }
}
