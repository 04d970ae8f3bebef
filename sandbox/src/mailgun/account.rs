//! The account's routes and domains, and the choice of routes for a mail.

use std::collections::BTreeMap;

use super::{
    expression::{Action, action, filter},
    route::Route,
};
use crate::mail::Mail;

/// The account's first API key. [`Mailgun::set_api_key`](super::Mailgun::set_api_key) replaces it.
pub const API_KEY: &str = "example-mailgun-api-key";

/// The account's domain.
pub const DOMAIN: &str = "sms.example.com";

/// The state of a domain in DNS and at Mailgun.
pub(super) struct Domain {
    pub(super) state: String,
    pub(super) mx: String,
}

/// The account's routes and domains.
pub(super) struct Account {
    pub(super) api_key: String,
    /// In the order of creation.
    pub(super) routes: Vec<Route>,
    pub(super) domains: BTreeMap<String, Domain>,
}

impl Account {
    pub(super) fn new() -> Self {
        let domain = Domain {
            state: "active".to_owned(),
            mx: "valid".to_owned(),
        };
        Self {
            api_key: API_KEY.to_owned(),
            routes: vec![],
            domains: [(DOMAIN.to_owned(), domain)].into(),
        }
    }

    /// In the order in which Mailgun tries them.
    pub(super) fn in_order(&self) -> Vec<&Route> {
        let mut routes = self.routes.iter().collect::<Vec<_>>();
        routes.sort_by_key(|route| route.priority);
        routes
    }

    /// The URLs to which a mail is posted, in order.
    pub(super) fn destinations(&self, mail: &Mail) -> Vec<String> {
        let (mut urls, mut matched) = (vec![], false);
        for route in self.in_order() {
            if !filter(&route.expression).is_ok_and(|filter| filter.takes(mail, matched)) {
                continue;
            }
            matched = true;
            for text in &route.actions {
                match action(text) {
                    Ok(Action::Post(url)) => urls.push(url),
                    Ok(Action::Stop) => return urls,
                    Ok(Action::Else) | Err(_) => {}
                }
            }
        }
        urls
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;

    use super::*;
    use crate::{mailgun::state::Mailgun, wire::Server};

    #[tokio::test]
    async fn a_mail_takes_the_routes_in_order() {
        let mailgun = Mailgun::start(None).await.unwrap();
        let hook = Server::start("hook", Router::new().fallback(|| async {}))
            .await
            .unwrap();
        let to = |path: &str| format!("store(notify='{}/{path}')", hook.url());
        let mail = Mail::new("acme+4512345678@sms.example.com", "Verify", "x");
        assert!(!mailgun.receive(&mail).await.done, "nobody takes it");
        mailgun.add_route(9, "", "catch_all()", &[&to("rest")]);
        mailgun.add_route(
            1,
            "",
            r#"match_recipient("acme\+(?P<phone>\d+)@sms\.example\.com$")"#,
            &[&to("phone")],
        );
        mailgun.add_route(
            1,
            "",
            r#"match_header("Subject", "x") or match_header("subject", "V") and match_recipient(".*@sms")"#,
            &[&to("subject")],
        );
        mailgun.add_route(2, "", "match_recipient('sms')", &[&to("never")]);
        let delivery = mailgun.receive(&mail).await;
        let paths = || {
            hook.exchanges()
                .into_iter()
                .map(|exchange| exchange.target)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (delivery.done, paths()),
            (true, vec!["/phone".to_owned(), "/subject".to_owned()])
        );
        hook.clear_exchanges();
        mailgun.add_route(
            0,
            "",
            "match_recipient('.*')",
            &["forward(\"ann@example.com\")", "stop()"],
        );
        assert!(!mailgun.receive(&mail).await.done && paths().is_empty());
        mailgun.clear_routes();
        mailgun.add_route(0, "", "catch_all()", &[&to("rest")]);
        assert!(mailgun.receive(&mail).await.done && paths() == ["/rest"]);
    }
}
