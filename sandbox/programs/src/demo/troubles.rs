//! The scenes of duplicates, an outage and forgeries.

use sandbox::{Sandbox, auth0::LinkPage, mailgun::Forgery, twilio, wire::Fault};

use super::{Checked, RECEIVE, SEND, Story, print::say};

impl Story {
    pub(super) async fn duplicates(&mut self) -> Checked {
        self.title("Mailgun delivers the same mail again");
        let (phone, user) = self.person("+4540506070");
        let mail = self
            .sandbox
            .auth0
            .mail_verification(&user, LinkPage::Form)
            .mail;
        let route = self.url(SEND);
        let signed = |sandbox: &Sandbox| sandbox.mailgun.fields(&mail, sandbox::now().as_secs());
        let (first, later) = (signed(&self.sandbox), signed(&self.sandbox));
        for (what, fields, outcome) in [
            ("the mail", &first, "sent"),
            ("the same post, byte for byte", &first, "duplicate"),
            ("the same mail, signed anew", &later, "duplicate"),
        ] {
            say(&format!("Mailgun delivers {what}"));
            let attempt = self.sandbox.mailgun.post(&route, fields).await;
            self.tell(&[outcome]).await?;
            self.check(
                "answered 200, so that Mailgun is content",
                attempt.status,
                200,
            )?;
        }
        self.check("one text is on the phone", self.inbox(phone).len(), 1)
    }

    pub(super) async fn outage_then_forgery(&mut self) -> Checked {
        self.title("Twilio is down, and comes back");
        let (phone, user) = self.person("+4550607080");
        let mail = self.sandbox.auth0.mail_verification(&user, LinkPage::Form);
        say("Twilio answers the next two requests with 503");
        let down = || Fault::Answer {
            status: 503,
            headers: vec![],
            body: String::new(),
        };
        self.sandbox.twilio.server().faults().times(2, down);
        let delivery = self
            .mail_arrives(&mail, &["twilio_unavailable", "twilio_unavailable", "sent"])
            .await?;
        let answers: Vec<_> = delivery
            .attempts
            .iter()
            .map(|attempt| attempt.status)
            .collect();
        self.check(
            "Mailgun was asked to come again until the text was out",
            answers,
            vec![503, 503, 200],
        )?;
        self.check("one text is on the phone", self.inbox(phone).len(), 1)?;

        self.title("Forged webhooks");
        say("Someone posts a mail that Mailgun never signed");
        let mut fields = self
            .sandbox
            .mailgun
            .fields(&mail.mail, sandbox::now().as_secs());
        for (_, signature) in fields.iter_mut().filter(|(name, _)| name == "signature") {
            *signature = "0".repeat(signature.len());
        }
        let route = self.url(SEND);
        let attempt = self.sandbox.mailgun.post(&route, &fields).await;
        self.tell(&["bad_signature"]).await?;
        self.check(
            "refused without a word",
            (attempt.status, attempt.body.as_str()),
            (401, ""),
        )?;
        say("Someone posts the YES of a phone, with the signature of another text");
        let url = self.url(RECEIVE);
        let signature = self.sandbox.twilio.sign(
            &url,
            &self.sandbox.twilio.inbound(phone, twilio::NUMBER, "no"),
        );
        let forged = self.sandbox.twilio.inbound(phone, twilio::NUMBER, "YES");
        let reply = self
            .sandbox
            .twilio
            .deliver_signed(forged, &url, &signature)
            .await;
        self.tell(&["bad_signature"]).await?;
        self.check(
            "refused without a word",
            (reply.status, reply.body.as_str()),
            (403, ""),
        )?;
        let untouched = (
            self.verified(&user),
            self.fetched(&mail),
            self.waiting(phone).await,
            self.inbox(phone).len(),
        );
        self.check(
            "nothing was opened, verified or sent",
            untouched,
            (false, 0, 1, 1),
        )
    }

    pub(super) async fn forged_mail(&mut self) -> Checked {
        self.title("A forged mail");
        let (phone, limit) = ("+4561718191", self.setting(SEND, "SMS_PER_NUMBER_PER_HOUR"));
        let (link, route) = (self.sandbox.auth0.invented_link(), self.url(SEND));
        say(&format!(
            "A stranger mails {} as Auth0 would, with an invented ticket; Mailgun signs what it receives",
            self.address(phone)
        ));
        let mails = limit.parse().unwrap_or(5);
        for _ in 0..mails {
            let forged =
                self.sandbox
                    .mailgun
                    .forged(&self.address(phone), &link, Forgery::SignedElsewhere);
            let fields = self
                .sandbox
                .mailgun
                .fields(&forged, sandbox::now().as_secs());
            let attempt = self.sandbox.mailgun.post(&route, &fields).await;
            self.tell(&["no_such_user"]).await?;
            self.check("refused for good", attempt.status, 406)?;
        }
        let traces = (
            self.inbox(phone).len(),
            self.waiting(phone).await,
            self.counted(phone).await,
        );
        self.check(
            "nothing was texted or stored, nor counted",
            traces,
            (0, 0, 0),
        )?;
        let (_, user) = self.person(phone);
        let mail = self.sandbox.auth0.mail_verification(&user, LinkPage::Form);
        self.mail_arrives(&mail, &["sent"]).await?;
        self.check(
            "whoever signs up with that phone is texted",
            self.inbox(phone).len(),
            1,
        )?;
        self.phone_says(phone, "YES", "confirmed").await?;
        self.check("and verified by a plain YES", self.verified(&user), true)
    }
}
