//! The scenes of sign-ups and passwords that a text confirms.

use sandbox::auth0::LinkPage;

use super::{Checked, Story};

// What people with a Danish number read.
const ASKED: &str = "Du har oprettet en konto. Svar JA for at bekræfte den";
const THANKED: &str = "Tak. Din konto er bekræftet.";
const WRONG: &str = "Prøv igen. Svar JA, eller lad være med at svare";
const PASSWORD: &str = "Nogen har bedt om at ændre din adgangskode. Hvis det var dig, så svar JA";
const PASSWORD_LINK: &str = "Åbn linket for at vælge din adgangskode: ";

impl Story {
    pub(super) async fn sign_up(&mut self) -> Checked {
        self.title("Someone in Denmark signs up with a phone number");
        let (phone, user) = self.person("+4512345678");
        let mail = self.sandbox.auth0.mail_verification(&user, LinkPage::Form);
        self.mail_arrives(&mail, &["sent"]).await?;
        self.check(
            "one text is on the phone, in Danish",
            self.inbox(phone),
            vec![ASKED.to_owned()],
        )?;
        self.check(
            "one request waits for an answer",
            self.waiting(phone).await,
            1,
        )?;
        self.check(
            "the account is not verified yet, its link not opened",
            (self.verified(&user), self.fetched(&mail)),
            (false, 0),
        )?;
        let reply = self.phone_says(phone, "ja", "confirmed").await?;
        self.check(
            "the phone is thanked",
            reply.messages,
            vec![THANKED.to_owned()],
        )?;
        self.check("the account is verified", self.verified(&user), true)?;
        let traces = (
            self.fetched(&mail),
            self.sandbox.auth0.posted(&mail.ticket),
            self.waiting(phone).await,
        );
        self.check(
            "the link was opened once, its form posted once, and nothing waits any more",
            traces,
            (1, 1, 0),
        )
    }

    pub(super) async fn wrong_word_then_choice(&mut self) -> Checked {
        self.title("A wrong word");
        let (phone, user) = self.person("+4520304050");
        let verification = self
            .sandbox
            .auth0
            .mail_verification(&user, LinkPage::Redirect);
        self.mail_arrives(&verification, &["sent"]).await?;
        let reply = self
            .phone_says(phone, "Who is this?", "wrong_reply")
            .await?;
        self.check(
            "the phone is told what to reply",
            reply.messages,
            vec![WRONG.to_owned()],
        )?;
        self.check(
            "nothing was opened, the request still waits",
            (self.fetched(&verification), self.waiting(phone).await),
            (0, 1),
        )?;

        self.title("Two requests wait for the same phone");
        let password = self.sandbox.auth0.mail_password(&user);
        self.mail_arrives(&password, &["sent"]).await?;
        let reply = self.phone_says(phone, "YES", "listed").await?;
        let list = reply.messages.concat();
        let code = |kind: &str| {
            let line = list
                .lines()
                .find(|line| line.contains(kind))
                .unwrap_or_default();
            line.split_whitespace()
                .find(|word| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit()))
                .map(str::to_owned)
        };
        let (first, second) = (code("bekræfte"), code("adgangskode"));
        self.check(
            "both are listed, each with a code of its own",
            first.is_some() && second.is_some() && first != second,
            true,
        )?;
        self.check(
            "neither was acted on",
            (self.verified(&user), self.waiting(phone).await),
            (false, 2),
        )?;
        let reply = self
            .phone_says(
                phone,
                &format!("YES {}", first.unwrap_or_default()),
                "confirmed",
            )
            .await?;
        self.check(
            "the phone is thanked",
            reply.messages,
            vec![THANKED.to_owned()],
        )?;
        self.check("the account is verified", self.verified(&user), true)?;
        let left = (
            self.fetched(&verification),
            self.fetched(&password),
            self.waiting(phone).await,
        );
        self.check(
            "only that link was opened; the password request still waits",
            left,
            (1, 0, 1),
        )
    }

    pub(super) async fn password(&mut self) -> Checked {
        self.title("A forgotten password");
        let (phone, user) = self.person("+4530405060");
        let mail = self.sandbox.auth0.mail_password(&user);
        self.mail_arrives(&mail, &["sent"]).await?;
        self.check(
            "the text asks about the password",
            self.inbox(phone),
            vec![PASSWORD.to_owned()],
        )?;
        let reply = self.phone_says(phone, "yes", "password_link").await?;
        let link = mail.link.trim_end_matches('#');
        let expected = format!("{PASSWORD_LINK}{link}");
        self.check(
            "the phone gets the link of the mail",
            reply.messages,
            vec![expected],
        )?;
        self.check(
            "nobody opened it, and it is used up",
            (self.fetched(&mail), self.waiting(phone).await),
            (0, 0),
        )
    }
}
