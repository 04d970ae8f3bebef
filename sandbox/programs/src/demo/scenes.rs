//! The scenes that a page plays one by one, each in a sandbox of its own.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use sandbox::{
    Sandbox,
    page::{Run, Scene, Scenes, Stage},
};

use super::{
    API, CALL, Checked, DELIVERY, FLOW, FORWARD, GATEWAY, IVR, PROVISION, RECEIVE, SEND, Story,
    print::{OnStage, STAGE},
};

/// A scene. The text says why it is worth seeing.
const fn scene(
    id: &'static str,
    title: &'static str,
    text: &'static str,
    shows: &'static [&'static str],
    seconds: u32,
) -> Scene {
    Scene {
        id,
        title,
        text,
        shows,
        seconds,
    }
}

/// All scenes, in the order of the demo.
const SCENES: [Scene; 22] = [
    scene(
        "sign-up",
        "Someone signs up with a phone number",
        "Auth0 mails a link, the phone gets a text instead, and the answer YES verifies the account.",
        &[SEND, RECEIVE],
        4,
    ),
    scene(
        "wrong-word",
        "A wrong word, and a choice",
        "The phone answers something else, then two requests wait, and the person chooses one.",
        &[SEND, RECEIVE],
        6,
    ),
    scene(
        "password",
        "A forgotten password",
        "The link to a new password arrives as a text, because the account has no mailbox.",
        &[SEND, RECEIVE],
        3,
    ),
    scene(
        "same-mail-twice",
        "Mailgun delivers the same mail again",
        "A repeated webhook sends no second text.",
        &[SEND],
        4,
    ),
    scene(
        "outage",
        "Twilio is down, and forged webhooks",
        "Mailgun tries again until Twilio is back. Nothing that is not signed does anything.",
        &[SEND, RECEIVE],
        6,
    ),
    scene(
        "forged-mail",
        "A forged mail",
        "A stranger knows the address of an account, and mails a link of their own.",
        &[SEND, RECEIVE],
        4,
    ),
    scene(
        "code",
        "A one-time code goes to Colombia",
        "Auth0 asks the gateway, which picks the provider for the country.",
        &[GATEWAY],
        3,
    ),
    scene(
        "failover",
        "A provider is out of service",
        "Another one delivers the code, and Auth0 is told which.",
        &[GATEWAY],
        3,
    ),
    scene(
        "lost-answer",
        "The connection breaks before the answer",
        "Nobody knows whether the text went out, so no second one does.",
        &[GATEWAY],
        4,
    ),
    scene(
        "broken-provider",
        "A provider answers 500 to everything",
        "After three failures the gateway avoids it, and it comes back later.",
        &[GATEWAY],
        8,
    ),
    scene(
        "same-code-twice",
        "The same code is posted twice",
        "A repeated request sends no second text.",
        &[GATEWAY],
        3,
    ),
    scene(
        "pumping",
        "Somebody pumps texts into a range of numbers",
        "The gateway stops it, and honest people still get their codes.",
        &[GATEWAY],
        8,
    ),
    scene(
        "forged-token",
        "A forged token",
        "Each way to forge the gateway's token is refused.",
        &[GATEWAY],
        4,
    ),
    scene(
        "receipts",
        "A code that never arrives",
        "The receipt says so, and the next code takes another provider.",
        &[GATEWAY, DELIVERY],
        6,
    ),
    scene(
        "forged-receipt",
        "A forged receipt",
        "A stranger cannot make a working provider look broken.",
        &[GATEWAY, DELIVERY],
        4,
    ),
    scene(
        "call",
        "Somebody calls an employee's company number",
        "The greeting names the employee, and the mobile rings.",
        &[CALL],
        4,
    ),
    scene(
        "missed-call",
        "Nobody answers",
        "The caller leaves a message, and the employee gets a text.",
        &[CALL],
        5,
    ),
    scene(
        "loop",
        "A mobile passes calls back to the company number",
        "The call does not go round in circles.",
        &[CALL],
        4,
    ),
    scene(
        "company-text",
        "A text to a company number, and its answer",
        "The employee answers from the own mobile, and the customer sees the company number.",
        &[FORWARD],
        5,
    ),
    scene(
        "new-employee",
        "Somebody is hired",
        "Okta tells its hook, and the schedule buys a number.",
        &[PROVISION, CALL],
        8,
    ),
    scene(
        "phone-menu",
        "Somebody calls the phone menu",
        "Account and PIN open the account, and the menu reads its balance.",
        &[IVR, API],
        6,
    ),
    scene(
        "locked-out",
        "Five wrong PINs",
        "The caller is locked out, and the owner is not.",
        &[IVR, API, FLOW],
        10,
    ),
];

/// The scenes, with the functions that play them.
pub(crate) struct Stories {
    binaries: BTreeMap<String, PathBuf>,
}

impl Stories {
    pub(crate) fn new(binaries: BTreeMap<String, PathBuf>) -> Self {
        Self { binaries }
    }
}

/// A stopped scene leaves complaints that nobody reads.
struct Forgiven(Arc<Sandbox>);

impl Drop for Forgiven {
    fn drop(&mut self) {
        self.0.complaints();
    }
}

impl Scenes for Stories {
    fn list(&self) -> Vec<Scene> {
        SCENES.to_vec()
    }

    fn play(&self, id: &str, stage: Stage) -> Run {
        let (id, binaries) = (id.to_owned(), self.binaries.clone());
        let on = OnStage {
            stage: stage.clone(),
            quiet: true,
        };
        Box::pin(STAGE.scope(on, async move {
            let sandbox = Arc::new(Sandbox::start().await);
            let _forgiven = Forgiven(Arc::clone(&sandbox));
            stage.watch(&sandbox);
            let mut scenes = SCENES.iter();
            let shows = scenes.find(|scene| scene.id == id);
            let shows = shows.map_or(&[][..], |scene| scene.shows);
            let mut story = Story::open(sandbox, binaries, shows).await?;
            let mut played = story.scene(&id).await;
            if played.is_ok() {
                played = story.nothing_unexpected();
            }
            let report = played.map_err(|failure| story.report(&failure));
            story.close().await;
            report
        }))
    }
}

impl Story {
    async fn scene(&mut self, id: &str) -> Checked {
        match id {
            "sign-up" => self.sign_up().await,
            "wrong-word" => self.wrong_word_then_choice().await,
            "password" => self.password().await,
            "same-mail-twice" => self.duplicates().await,
            "outage" => self.outage_then_forgery().await,
            "forged-mail" => self.forged_mail().await,
            "code" => self.code_to_colombia().await,
            "failover" => self.plivo_is_down().await,
            "lost-answer" => self.unknown_outcome().await,
            "broken-provider" => self.vonage_is_broken().await,
            "same-code-twice" => self.same_request_twice().await,
            "pumping" => self.pumping().await,
            "forged-token" => self.forged_token().await,
            "receipts" => self.lost_at_plivo().await,
            "forged-receipt" => self.forged_receipt().await,
            "phone-menu" | "locked-out" => {
                self.open_accounts().await?;
                if id == "phone-menu" {
                    self.balance().await
                } else {
                    self.locked_out().await
                }
            }
            _ => {
                self.hire_ann();
                match id {
                    "call" => self.call_comes_in().await,
                    "missed-call" => self.nobody_answers().await,
                    "loop" => self.call_goes_round().await,
                    "company-text" => self.text_and_answer().await,
                    _ => self.new_employee().await,
                }
            }
        }
    }
}
