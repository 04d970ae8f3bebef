//! The mails with ticket links.

use super::{
    state::Auth0,
    ticket::{Kind, LinkPage, Ticket, TicketMail},
    user::User,
};
use crate::{mail::Mail, random, wire::lock};

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

#[cfg(test)]
mod tests {
    use super::*;

    const EMAIL: &str = "acme+4512345678@sms.example.com";

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
}
