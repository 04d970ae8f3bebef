//! The mails with ticket links, and the pages behind the links. Auth0 does not document the
//! behaviour of the pages. The pages follow
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

use super::{Auth0, RESULT_URL, Shared, State, User};
use crate::{
    mail::Mail,
    random,
    wire::{Complaints, lock},
};

const VERIFIED: &str = "Your email was verified. You can continue using the application.";
const USED: &str = "This URL can be used only once";
const EXPIRED: &str = "Access expired.";
const UNKNOWN: &str = "User account does not exist or verification code is invalid.";

/// The behaviour of a verification link when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPage {
    /// New Universal Login since 2022: a page with a form. The form must be posted with its state
    /// and cookies.
    Form,
    /// Classic: verifies at once and redirects.
    Redirect,
    /// A page without a form.
    Unconfirmable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Verification(LinkPage),
    Password,
}

impl Kind {
    fn path(self) -> &'static str {
        match self {
            Self::Verification(LinkPage::Redirect) => "/lo/verify_email",
            Self::Verification(_) => "/u/email-verification",
            Self::Password => "/u/reset-verify",
        }
    }
}

/// A mail with a ticket link, as the mail provider gets it.
#[derive(Clone, Debug)]
pub struct TicketMail {
    /// The mail to the user's address.
    pub mail: Mail,
    /// The link in the mail.
    pub link: String,
    /// The link's ticket.
    pub ticket: String,
}

pub(super) struct Ticket {
    user_id: String,
    kind: Kind,
    expired: bool,
    used: bool,
    /// State and cookies of every form that was shown. Each form is a separate transaction.
    forms: Vec<(String, [String; 2])>,
    fetched: u32,
    posted: u32,
}

impl Auth0 {
    /// The mail to verify the address (template `verify_email`).
    pub fn mail_verification(&self, user: &User, page: LinkPage) -> TicketMail {
        self.ticket_mail(
            user,
            Kind::Verification(page),
            "Verify your email",
            "Thank you for signing up. Please verify your email address:",
            "VERIFY YOUR ACCOUNT",
        )
    }

    /// The mail for a forgotten password (template `reset_email`). Opening its link is a complaint
    /// unless [`Auth0::allow_password_links`] is set.
    pub fn mail_password(&self, user: &User) -> TicketMail {
        self.ticket_mail(
            user,
            Kind::Password,
            "Reset your password",
            "You asked to change your password. Click to choose a new one:",
            "CHANGE YOUR PASSWORD",
        )
    }

    /// Sets whether password links may be opened without a complaint.
    pub fn allow_password_links(&self, on: bool) {
        lock(&self.state).password_links_allowed = on;
    }

    /// Expires a ticket.
    pub fn expire(&self, ticket: &str) {
        if let Some(ticket) = lock(&self.state).tickets.get_mut(ticket) {
            ticket.expired = true;
        }
    }

    /// How often a ticket's link was opened, successfully or not.
    pub fn fetched(&self, ticket: &str) -> u32 {
        lock(&self.state)
            .tickets
            .get(ticket)
            .map_or(0, |ticket| ticket.fetched)
    }

    /// How often the form behind a ticket's link was posted, successfully or not.
    pub fn posted(&self, ticket: &str) -> u32 {
        lock(&self.state)
            .tickets
            .get(ticket)
            .map_or(0, |ticket| ticket.posted)
    }

    fn ticket_mail(
        &self,
        user: &User,
        kind: Kind,
        subject: &str,
        lead: &str,
        button: &str,
    ) -> TicketMail {
        let ticket = random::hex(16);
        let before = if kind == Kind::Verification(LinkPage::Redirect) {
            "client_id=sandbox-spa&tenant=acme&"
        } else {
            ""
        };
        let link = format!(
            "{}{}?{before}ticket={ticket}#",
            self.server.url(),
            kind.path()
        );
        let html = MAIL
            .replace("{lead}", lead)
            .replace("{button}", button)
            .replace("{url}", &link.replace('&', "&amp;"));
        let made = Ticket {
            user_id: user.user_id.clone(),
            kind,
            expired: false,
            used: false,
            forms: vec![],
            fetched: 0,
            posted: 0,
        };
        lock(&self.state).tickets.insert(ticket.clone(), made);
        let mail = Mail::new(&user.email, subject, &html).signed_by("acme.example");
        TicketMail { mail, link, ticket }
    }

    /// A link to the page that confirms an address, with an invented ticket. A stranger who knows
    /// the tenant can write it.
    pub fn invented_link(&self) -> String {
        format!(
            "{}{}?ticket={}#",
            self.server.url(),
            Kind::Verification(LinkPage::Form).path(),
            random::hex(16)
        )
    }
}

/// Follows Auth0's default templates: HTML only, a button, the URL again as text, and a link to
/// another site.
const MAIL: &str = r#"<html>
  <head>
    <style type="text/css">.ExternalClass, .ExternalClass div { width: 100%; } a:hover { color: #000 }</style>
  </head>
  <body style="margin: 0; background-color: #f1f1f1;" yahoo="fix">
    <center><table cellpadding="0" cellspacing="0" class="cp"><tr><td align="center">
      <a href="https://acme.example/"><img src="https://cdn.acme.example/logo.png?w=150&amp;h=150" alt="Acme" /></a>
      <h1>Welcome to Acme!</h1>
      <p>{lead}</p>
      <p><a href="{url}" style="color: #fff; background-color: #0a84ae;" target="_blank">{button}</a></p>
      <p>If the button doesn&#39;t work, copy this address into your browser:<br>{url}</p>
      <p>If you did not ask for this, please <a href="https://support.acme.example/help?topic=mail&amp;lang=en">contact us</a>.</p>
      <p>You&rsquo;re receiving this email because you have an account in Acme.</p>
    </td></tr></table></center>
  </body>
</html>
"#;

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
}

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
    use crate::wire::client;

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
    async fn the_mail_holds_the_link_and_others() {
        let auth0 = Auth0::start(None).await.unwrap();
        let TicketMail { mail, link, ticket } =
            auth0.mail_verification(&auth0.sign_up(EMAIL), LinkPage::Redirect);
        assert_eq!(
            link,
            format!(
                "{}/lo/verify_email?client_id=sandbox-spa&tenant=acme&ticket={ticket}#",
                auth0.server().url()
            )
        );
        assert_eq!(
            (
                mail.recipient.as_str(),
                mail.html.matches(&link.replace('&', "&amp;")).count()
            ),
            (EMAIL, 2)
        );
        assert!(!mail.html.contains('{') || mail.html.contains("{ width"));
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
