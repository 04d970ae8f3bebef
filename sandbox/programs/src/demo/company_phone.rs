//! The scenes of `call-forward`, `sms-forward` and `provision-numbers`: employees, their company numbers and their mobiles.

use sandbox::{
    COMPANY_NUMBER, HOOK_TOKEN,
    twilio::{Call, Dialled, Message, Reply},
};
use serde_json::{Value, json};

use super::{
    CALL, Checked, FORWARD, Failure, PROVISION, SWITCHED_ON, Story,
    print::{heard, hears, paint, say},
};

/// Ann's own phone.
const MOBILE: &str = "+4521223344";
/// A customer who has Ann's card.
const CUSTOMER: &str = "+4522334455";
/// What the customer hears: the words of the country of the customer's number.
const GREETING: &str = "Vent venligst. Du bliver stillet om til Ann.";
/// What a caller hears whose call is not connected.
const REGRET: &str = "Vi beklager, der kan ikke opnås forbindelse til dette nummer. Farvel.";
/// Ben's own phone, as he typed it in Okta.
const WRITTEN: &str = "(818) 217-9229";

impl Story {
    pub(super) async fn company_phone(&mut self) -> Checked {
        self.hire_ann();
        self.call_comes_in().await?;
        self.nobody_answers().await?;
        self.callers_hang_up().await?;
        self.call_goes_round().await?;
        self.text_and_answer().await?;
        self.okta_is_down().await?;
        self.new_employee().await
    }

    pub(super) fn hire_ann(&self) {
        self.sandbox.okta.hire("Ann", MOBILE, COMPANY_NUMBER);
    }

    pub(super) async fn call_comes_in(&mut self) -> Checked {
        self.title("Somebody calls Ann's company number");
        self.sandbox.twilio.phone_answers(MOBILE, 95);
        let call = self
            .call(
                CUSTOMER,
                COMPANY_NUMBER,
                &["connected", "completed", "nothing_to_end"],
            )
            .await?;
        self.check(
            "the Danish caller is told in Danish who is called",
            call.heard.first().map(String::as_str),
            Some(GREETING),
        )?;
        self.check(
            "Ann's mobile rang, showing the caller's number",
            rung(&call),
            vec![(MOBILE, CUSTOMER, "completed")],
        )
    }

    pub(super) async fn nobody_answers(&mut self) -> Checked {
        self.title("Ann does not answer");
        self.sandbox.twilio.phone_rings_out(MOBILE);
        say("This caller leaves a message of 12 seconds");
        let caller = self.sandbox.twilio.caller(CUSTOMER).records(12);
        let call = caller.call(COMPANY_NUMBER).await;
        self.told(
            CUSTOMER,
            &call,
            &[
                "connected",
                "voicemail_offered",
                "voicemail",
                "nothing_to_end",
            ],
        )
        .await?;
        let link = call
            .recordings
            .first()
            .map(|recording| recording.url.as_str())
            .unwrap_or_default();
        let texts = self.sandbox.twilio.texts(MOBILE);
        show(&texts);
        let told = texts.last().map(|text| {
            (
                text.from.as_str(),
                text.body.contains(link) && text.body.contains(CUSTOMER),
            )
        });
        self.check(
            "Ann gets a text from her company number: who called, and where to listen",
            told,
            Some((COMPANY_NUMBER, true)),
        )
    }

    pub(super) async fn callers_hang_up(&mut self) -> Checked {
        self.title("Five callers without a number hang up in the greeting");
        self.sandbox.twilio.phone_answers(MOBILE, 20);
        for _ in 0..5 {
            let call = self
                .sandbox
                .twilio
                .caller("anonymous")
                .hangs_up_during_greeting()
                .call(COMPANY_NUMBER)
                .await;
            self.told("anonymous", &call, &["connected", "call_ended"])
                .await?;
        }
        let call = self
            .call(
                CUSTOMER,
                COMPANY_NUMBER,
                &["connected", "completed", "nothing_to_end"],
            )
            .await?;
        self.check(
            "Twilio told of each end: Ann's number is not busy, and the next caller gets through",
            rung(&call).len(),
            1,
        )
    }

    pub(super) async fn call_goes_round(&mut self) -> Checked {
        self.title("Ann's mobile passes all calls on to her company number");
        self.sandbox.twilio.phone_forwards(MOBILE, COMPANY_NUMBER);
        let call = self
            .call(
                CUSTOMER,
                COMPANY_NUMBER,
                &[
                    "connected",
                    "loop",
                    "nothing_to_end",
                    "completed",
                    "nothing_to_end",
                ],
            )
            .await?;
        let second = call
            .dialled
            .first()
            .and_then(|dialled| dialled.onward.as_ref());
        let second = second.map(|call| (call.dialled.len(), call.heard.concat().contains(REGRET)));
        self.check(
            "it went round once: the second call was refused, nobody dialled",
            second,
            Some((0, true)),
        )?;
        self.sandbox.twilio.phone_answers(MOBILE, 30);
        Ok(())
    }

    pub(super) async fn text_and_answer(&mut self) -> Checked {
        self.title("Somebody texts Ann's company number, and she answers");
        let reply = self
            .text(CUSTOMER, "Are you in the office today?", "forwarded")
            .await?;
        let forwarded = format!("From: {CUSTOMER}\n\nAre you in the office today?");
        self.check(
            "her mobile shows the text and who wrote it",
            reply.messages,
            vec![forwarded],
        )?;
        self.text(MOBILE, "From noon on.", "replied").await?;
        let answer = self
            .sandbox
            .twilio
            .texts(CUSTOMER)
            .pop()
            .map(|text| (text.from, text.body));
        self.check(
            "the answer comes from the company number, as she wrote it",
            answer,
            Some((COMPANY_NUMBER.to_owned(), "From noon on.".to_owned())),
        )?;
        let media = "https://api.twilio.com/example/sign.jpg";
        say(&format!("{CUSTOMER} sends a picture to {COMPANY_NUMBER}"));
        self.sandbox
            .twilio
            .picture(CUSTOMER, COMPANY_NUMBER, "The new sign", &[media])
            .await;
        self.tell(&["forwarded"]).await?;
        let pictures = self
            .sandbox
            .twilio
            .texts(MOBILE)
            .pop()
            .map(|text| text.media);
        self.check(
            "the picture is on her mobile",
            pictures,
            Some(vec![media.to_owned()]),
        )?;
        self.check(
            "Twilio was asked for nothing: its own request was answered with the texts",
            self.called("Twilio"),
            0,
        )
    }

    pub(super) async fn okta_is_down(&mut self) -> Checked {
        self.title("Okta is down");
        self.sandbox.okta.server().faults().refuse(true);
        say("A new instance of each function starts, which remembers nothing");
        for name in [CALL, FORWARD] {
            self.restart(name, &SWITCHED_ON).await?;
        }
        let call = self
            .call(
                CUSTOMER,
                COMPANY_NUMBER,
                &["connected", "completed", "nothing_to_end"],
            )
            .await?;
        self.check(
            "the last good answer, from the table, serves: Ann's mobile rings",
            rung(&call).len(),
            1,
        )?;
        let reply = self.text(CUSTOMER, "Still there?", "forwarded").await?;
        self.check("and gets the text", reply.messages.len(), 1)?;
        self.sandbox.okta.server().faults().refuse(false);
        Ok(())
    }

    pub(super) async fn new_employee(&mut self) -> Checked {
        self.title("Ben is hired");
        let ben = self.sandbox.okta.hire("Ben", WRITTEN, "");
        let hook = self.url(PROVISION) + "okta";
        say(&format!(
            "Okta tells its event hook; his mobile stands there as {WRITTEN}"
        ));
        let told = self
            .sandbox
            .okta
            .deliver_event(&hook, HOOK_TOKEN, "user.lifecycle.activate", &ben)
            .await;
        self.tell(&["noted"]).await?;
        self.check(
            "answered at once, and nothing was bought",
            (told.done, self.bought()),
            (true, 0),
        )?;

        self.title("A dry run");
        self.restart(PROVISION, &[("DRY_RUN", Some("true"))])
            .await?;
        let report = self.run_schedule("dry_run").await?;
        let planned = (
            &report["purchased"][0]["user"],
            report["purchased"].as_array().map(Vec::len),
        );
        self.check(
            "it says for whom a number would be bought",
            planned,
            (&json!(ben), Some(1)),
        )?;
        let mobile = self.profile(&ben, "mobilePhone");
        self.check(
            "nothing was bought, nothing changed",
            (self.bought(), mobile.as_str()),
            (0, WRITTEN),
        )?;

        self.title("The run");
        self.restart(PROVISION, &[]).await?;
        let report = self.run_schedule("provisioned").await?;
        let number = self.profile(&ben, "primaryPhone");
        self.check(
            "one number was bought, and the report names it",
            (self.bought(), &report["purchased"]),
            (1, &json!([{ "user": ben, "number": number }])),
        )?;
        self.check(
            "his mobile is in international form now",
            self.profile(&ben, "mobilePhone"),
            "+18182179229".to_owned(),
        )?;
        let report = self.run_schedule("provisioned").await?;
        self.check(
            "the next run buys nothing",
            (self.bought(), &report["purchased"]),
            (1, &json!([])),
        )?;
        let call = self
            .call(
                CUSTOMER,
                &number,
                &["connected", "completed", "nothing_to_end"],
            )
            .await?;
        self.check(
            "a call to the new number rings at Ben's mobile",
            rung(&call),
            vec![("+18182179229", CUSTOMER, "completed")],
        )
    }

    async fn call(&mut self, from: &str, to: &str, outcomes: &[&str]) -> Result<Call, Failure> {
        say(&format!("{from} calls {to}"));
        let call = self.sandbox.twilio.call(from, to).await;
        self.told(from, &call, outcomes).await?;
        Ok(call)
    }

    /// Prints the requests, and what the caller heard and which phones rang.
    async fn told(&mut self, from: &str, call: &Call, outcomes: &[&str]) -> Checked {
        self.tell(outcomes).await?;
        for text in &call.heard {
            hears(from, text);
        }
        for Dialled {
            number,
            caller_id,
            status,
            seconds,
            ..
        } in &call.dialled
        {
            say(&format!(
                "{number} rang, showing {caller_id}: {status}, {seconds} s"
            ));
        }
        Ok(())
    }

    async fn text(&mut self, from: &str, text: &str, outcome: &str) -> Result<Reply, Failure> {
        say(&format!(
            "{from} texts {COMPANY_NUMBER}: {}",
            paint("36", &format!("{text:?}"))
        ));
        let before = self.sandbox.twilio.messages().len();
        let reply = self.sandbox.twilio.text(from, COMPANY_NUMBER, text).await;
        self.tell(&[outcome]).await?;
        let texts = self.sandbox.twilio.messages();
        show(&texts[before..]);
        Ok(reply)
    }

    async fn restart(&mut self, name: &'static str, settings: &[(&str, Option<&str>)]) -> Checked {
        match self.start(name, settings).await {
            Ok(()) => Ok(()),
            Err(reason) => self.fail("a new instance starts", &reason, &"ready"),
        }
    }

    /// Runs the function as the schedule does. Returns its report.
    async fn run_schedule(&mut self, expected: &str) -> Result<Value, Failure> {
        say("The schedule invokes provision-numbers");
        let event =
            json!({ "source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": "{}" });
        let report = self.functions[PROVISION]
            .lambda
            .invoke(event)
            .await
            .unwrap_or_else(|error| json!(error.to_string()));
        self.tell(&[]).await?;
        let outcome = self.next_outcome(PROVISION).await;
        say(&format!("It reports {report}"));
        self.check("the run is done", outcome.as_str(), expected)?;
        Ok(report)
    }

    /// The number of numbers bought in the whole story.
    fn bought(&self) -> usize {
        self.sandbox.twilio.purchases()
    }

    fn profile(&self, id: &str, attribute: &str) -> String {
        self.sandbox
            .okta
            .user(id)
            .map(|user| user.text(attribute).to_owned())
            .unwrap_or_default()
    }

    /// How often a service was called in the last step.
    fn called(&self, name: &str) -> usize {
        self.called.iter().filter(|called| **called == name).count()
    }
}

fn show(texts: &[Message]) {
    for text in texts {
        heard(&text.to, &text.body);
    }
}

/// The phones that rang, the number that each showed, and the result.
fn rung(call: &Call) -> Vec<(&str, &str, &str)> {
    call.dialled
        .iter()
        .map(|dialled| (&*dialled.number, &*dialled.caller_id, dialled.status))
        .collect()
}
