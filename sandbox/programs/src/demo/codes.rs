//! The scenes of `sms-gateway`: one-time codes.

use std::time::Duration;

use sandbox::{
    auth0::{self, Answer, Credential},
    wire::Fault,
};
use serde_json::{Value, json};

use super::{
    Checked, Failure, GATEWAY, Story,
    calls::calls,
    print::{heard, print_call, say},
};

/// The texts of a number, with the provider of each.
pub(super) type Texts = Vec<(&'static str, String)>;

/// The gateway's answer: status and JSON body.
pub(super) type Told = (u16, Value);

impl Story {
    pub(super) async fn codes(&mut self) -> Checked {
        self.code_to_colombia().await?;
        self.plivo_is_down().await?;
        self.unknown_outcome().await?;
        self.same_request_twice().await?;
        self.vonage_is_broken().await?;
        self.pumping().await?;
        self.pumping_address().await?;
        self.code_by_phone().await?;
        self.forged_token().await
    }

    async fn code_to_colombia(&mut self) -> Checked {
        self.title("A one-time code goes to Colombia, through Plivo");
        let (phone, text) = ("+573001234567", "Your code is 271828");
        let told = self.code(&self.token(), phone, text, "sent").await?;
        let sent = self.sandbox.plivo.messages();
        let receipt = (
            200,
            json!({ "provider": "plivo", "id": sent.last().map(|sent| &sent.id) }),
        );
        self.check("Auth0 has Plivo's receipt", told, receipt)?;
        self.check(
            "one text is on the phone, through Plivo",
            self.texts(phone),
            vec![("Plivo", text.to_owned())],
        )
    }

    async fn plivo_is_down(&mut self) -> Checked {
        self.title("Plivo is out of service, Clickatell delivers");
        let (phone, text) = ("+573002345678", "Your code is 314159");
        say("Plivo answers the next request with 503");
        self.sandbox.plivo.server().faults().next(Fault::Answer {
            status: 503,
            headers: vec![],
            body: String::new(),
        });
        let (status, answer) = self.code(&self.token(), phone, text, "sent").await?;
        self.check(
            "Auth0 is told who delivered",
            (status, &answer["provider"]),
            (200, &json!("clickatell")),
        )?;
        self.check(
            "one text is on the phone, through Clickatell",
            self.texts(phone),
            vec![("Clickatell", text.to_owned())],
        )
    }

    async fn unknown_outcome(&mut self) -> Checked {
        self.title("Plivo takes a code, and the connection breaks before it says so");
        let (phone, text) = ("+573003456789", "Your code is 161803");
        say("Plivo hangs up after the next request");
        self.sandbox.plivo.server().faults().next(Fault::ResetAfter);
        let (status, _) = self
            .code(&self.token(), phone, text, "outcome_unknown")
            .await?;
        self.check(
            "Auth0 is told that nobody knows, and Clickatell is not asked",
            (status, self.asked()),
            (504, vec!["Plivo"]),
        )?;
        say("Somebody presses the button again");
        let (status, _) = self
            .code(&self.token(), phone, text, "outcome_unknown")
            .await?;
        self.check(
            "still nobody knows, and no provider is asked",
            (status, self.asked()),
            (504, vec![]),
        )?;
        self.check(
            "one text is on the phone",
            self.texts(phone),
            vec![("Plivo", text.to_owned())],
        )
    }

    async fn vonage_is_broken(&mut self) -> Checked {
        self.title("Vonage answers 500 to everything, and comes back");
        let failing = Fault::Answer {
            status: 500,
            headers: vec![],
            body: String::new(),
        };
        self.sandbox.vonage.server().faults().always(Some(failing));
        let mut statuses = Vec::new();
        for number in 0..5 {
            let (phone, text) = (
                format!("+45708091{number:02}"),
                format!("Your code is {}", 700_000 + number),
            );
            let outcome = if number < 3 {
                "outcome_unknown"
            } else {
                "sent"
            };
            statuses.push(self.code(&self.token(), &phone, &text, outcome).await?.0);
        }
        self.check(
            "three codes are in doubt, the next ones go through Twilio",
            statuses,
            vec![504, 504, 504, 200, 200],
        )?;
        self.sandbox.vonage.server().faults().clear();
        say("Half a minute passes, and Vonage works again");
        let now = sandbox::now().as_secs();
        let waited = json!({
            "pk": { "S": "rate#code-provider#health" }, "sk": { "S": "state" },
            "p_vonage": { "S": format!("fff {} {} 0", now - 31, now - 1) }, "expires_at": { "N": (now + 60).to_string() },
        });
        self.sandbox.aws.put(waited).await;
        self.asked();
        let (phone, text) = ("+4570809111", "Your code is 700005");
        let (status, _) = self.code(&self.token(), phone, text, "sent").await?;
        self.check(
            "one code tries it, and it is used again",
            (status, self.asked()),
            (200, vec!["Vonage"]),
        )
    }

    async fn same_request_twice(&mut self) -> Checked {
        self.title("An Action of Auth0 posts the same code twice");
        let (phone, text) = ("+4560708090", "Your code is 141421");
        let first = self
            .code(auth0::GATEWAY_BEARER_TOKEN, phone, text, "sent")
            .await?;
        let second = self
            .code(auth0::GATEWAY_BEARER_TOKEN, phone, text, "duplicate")
            .await?;
        self.check("the second answer is the first receipt", &second, &first)?;
        self.check(
            "one text is on the phone",
            self.texts(phone),
            vec![("Vonage", text.to_owned())],
        )
    }

    async fn pumping(&mut self) -> Checked {
        self.title("Somebody pumps texts into a range of numbers");
        let limit: usize = self
            .setting(GATEWAY, "SMS_PER_RANGE_PER_HOUR")
            .parse()
            .unwrap_or_default();
        let allowed = limit - limit / 5; // the rest is for numbers that had a code before
        let (token, url, surplus) = (self.token(), self.url(GATEWAY), 15);
        say(
            "Auth0 posts a code for each of +4529110000, +4529110001 and so on, by a passwordless connection",
        );
        for number in 0..allowed + surplus {
            let (phone, text) = (
                format!("+452911{number:04}"),
                format!("Your code is {}", 100_000 + number),
            );
            self.sandbox
                .auth0
                .passwordless(&url, Credential::Jwt(&token), &phone, &text)
                .await;
        }
        let expected = [
            (200, "sent".to_owned(), allowed),
            (429, "rate_limited".to_owned(), surplus),
        ];
        let told = self.tell_briefly().await;
        self.check(
            "it is stopped with 429 at the limit for a range and hour",
            told,
            expected.into(),
        )?;
        let (premium, honest) = ("+4590123456", "+4570809010");
        let (status, _) = self
            .code(
                &token,
                premium,
                "Your code is 173205",
                "country_not_allowed",
            )
            .await?;
        self.check(
            "a premium-rate number is refused, although its country is allowed",
            (status, self.texts(premium)),
            (429, vec![]),
        )?;
        let (status, _) = self
            .code(&token, honest, "Your code is 223606", "sent")
            .await?;
        self.check(
            "somebody who wants to log in meanwhile gets a code",
            (status, self.texts(honest).len()),
            (200, 1),
        )
    }

    async fn pumping_address(&mut self) -> Checked {
        self.title("One address asks for codes to numbers everywhere");
        let (token, url, asked) = (self.token(), self.url(GATEWAY), 30);
        let overall: usize = self
            .setting(GATEWAY, "SMS_PER_HOUR")
            .parse()
            .unwrap_or_default();
        // The limit of one address is a quarter of the total, at most 20. A fifth of it is kept for
        // numbers that had a code before.
        let allowed = (overall / 4).min(20) * 4 / 5;
        say(
            "Auth0 posts codes for +4520104000, +4520114000 and so on, all asked for from 203.0.113.66",
        );
        for number in 0..asked {
            let (phone, text) = (
                format!("+4520{}4000", 10 + number),
                format!("Your code is {}", 300_000 + number),
            );
            let credential = Credential::Jwt(&token);
            self.sandbox
                .auth0
                .passwordless_from(Some("203.0.113.66"), &url, credential, &phone, &text)
                .await;
        }
        let expected = [
            (200, "sent".to_owned(), allowed),
            (429, "rate_limited".to_owned(), asked - allowed),
        ];
        let told = self.tell_briefly().await;
        self.check("it is stopped with 429 at its share", told, expected.into())?;
        let (honest, text) = ("+4570809011", "Your code is 264575");
        say(&format!(
            "Auth0 posts a code for {honest}, asked for from 198.51.100.7"
        ));
        let credential = Credential::Jwt(&token);
        let answer = self
            .sandbox
            .auth0
            .passwordless_from(Some("198.51.100.7"), &url, credential, honest, text)
            .await;
        self.tell(&["sent"]).await?;
        self.check(
            "everybody else gets theirs",
            (answer.status, self.texts(honest).len()),
            (200, 1),
        )
    }

    async fn forged_token(&mut self) -> Checked {
        self.title("A forged token");
        let phone = "+573004567890";
        say(&format!(
            "Someone posts a code for {phone}, with a token signed by a guessed key"
        ));
        let forged = self.sandbox.auth0.gateway_token(
            "guessed",
            auth0::GATEWAY_AUDIENCE,
            auth0::GATEWAY_SUBJECT,
            json!({}),
        );
        let credential = Credential::Jwt(&forged);
        let answer = self
            .sandbox
            .auth0
            .passwordless(&self.url(GATEWAY), credential, phone, "Your code is 244948")
            .await;
        self.tell(&["bad_credential"]).await?;
        let refused = Answer {
            status: 401,
            body: String::new(),
        };
        self.check(
            "refused without a word, and nothing was sent",
            (answer, self.texts(phone)),
            (refused, vec![]),
        )
    }

    /// Auth0 posts a code, and the phone receives it.
    async fn code(
        &mut self,
        token: &str,
        phone: &str,
        text: &str,
        outcome: &str,
    ) -> Result<Told, Failure> {
        let before = self.texts(phone).len();
        let told = self.post_code(token, phone, text, outcome).await?;
        self.texts(phone)
            .iter()
            .skip(before)
            .for_each(|(_, text)| heard(phone, text));
        Ok(told)
    }

    /// Auth0 posts a code. An Action sends its static token; a passwordless connection signs a
    /// token.
    pub(super) async fn post_code(
        &mut self,
        token: &str,
        phone: &str,
        text: &str,
        outcome: &str,
    ) -> Result<Told, Failure> {
        let (who, credential) = match token {
            auth0::GATEWAY_BEARER_TOKEN => ("an Action", Credential::Bearer(token)),
            _ => ("a passwordless connection", Credential::Jwt(token)),
        };
        say(&format!("Auth0 posts a code for {phone}, by {who}"));
        let Answer { status, body } = self
            .sandbox
            .auth0
            .passwordless(&self.url(GATEWAY), credential, phone, text)
            .await;
        self.tell(&[outcome]).await?;
        Ok((status, serde_json::from_str(&body).unwrap_or_default()))
    }

    /// Like [`Story::tell`], but short: requests in a row with the same answer are one line with
    /// their number.
    async fn tell_briefly(&mut self) -> Vec<(u16, String, usize)> {
        let mut rows = Vec::new();
        for call in calls(&self.sandbox)
            .into_iter()
            .filter(|call| call.to == GATEWAY)
        {
            rows.push((
                call.exchange.status.unwrap_or_default(),
                self.next_outcome(GATEWAY).await,
                call.exchange.took,
            ));
        }
        let alike = rows.chunk_by(|one, next| (one.0, &one.1) == (next.0, &next.1));
        let brief = alike.map(|rows| {
            let (status, outcome, _) = &rows[0];
            let average = rows.iter().map(|(_, _, took)| took).sum::<Duration>()
                / u32::try_from(rows.len()).unwrap_or(1);
            print_call(
                "Auth0 → sms-gateway",
                &format!("{} × POST /, on average", rows.len()),
                Some(*status),
                average,
                Some(outcome),
            );
            (*status, outcome.clone(), rows.len())
        });
        brief.collect()
    }

    /// The token that a passwordless connection signs.
    pub(super) fn token(&self) -> String {
        self.sandbox.auth0.gateway_token(
            auth0::GATEWAY_SECRET,
            auth0::GATEWAY_AUDIENCE,
            auth0::GATEWAY_SUBJECT,
            json!({}),
        )
    }

    /// The providers that the functions called since the last step, to send texts.
    pub(super) fn asked(&self) -> Vec<&'static str> {
        let providers = self.sandbox.providers();
        let providers: Vec<_> = providers.iter().map(|provider| provider.name).collect();
        self.called
            .iter()
            .copied()
            .filter(|name| *name == "Twilio" || providers.contains(name))
            .collect()
    }

    pub(super) fn texts(&self, phone: &str) -> Texts {
        let twilio = self.inbox(phone).into_iter().map(|text| ("Twilio", text));
        let others = self.sandbox.providers().into_iter().flat_map(|provider| {
            let name = provider.name;
            provider.messages.into_iter().map(move |sent| (name, sent))
        });
        twilio
            .chain(
                others
                    .filter(|(_, sent)| sent.to == phone)
                    .map(|(provider, sent)| (provider, sent.text)),
            )
            .collect()
    }

    /// The number of texts in the story, through all providers.
    pub(super) fn texts_sent(&self) -> usize {
        let others = self.sandbox.providers();
        let others = others.iter().map(|provider| provider.messages.len());
        self.sandbox.twilio.messages().len() + others.sum::<usize>()
    }
}
