//! The scenes of `delivery-status`: what became of a code.

use sandbox::{auth0, receipts::Fate, wire::client};
use serde_json::json;

use super::{
    Checked, DELIVERY, Story,
    print::{heard, say},
};

/// Plivo's error of a phone that its network does not find.
const UNREACHABLE: u32 = 80;
/// What is worth reading in a log line about a receipt.
const FIELDS: [&str; 6] = ["outcome", "provider", "state", "code", "region", "error"];

impl Story {
    pub(super) async fn receipts(&mut self) -> Checked {
        self.lost_at_plivo().await?;
        self.forged_receipt().await
    }

    pub(super) async fn lost_at_plivo(&mut self) -> Checked {
        self.title("A code that Plivo takes and never delivers, and Clickatell's that arrives");
        let (phone, token) = ("+573006543210", self.token());
        let (plivo, clickatell) = (
            self.sandbox.plivo.receipts(),
            self.sandbox.clickatell.receipts(),
        );
        plivo.next(Fate::failed(UNREACHABLE).late());
        self.post_code(&token, phone, "Your code is 141592", "sent")
            .await?;
        self.check("Plivo takes the code", self.asked(), vec!["Plivo"])?;
        say("Plivo reports: the network has the code; later: the phone did not get it");
        plivo.release().await;
        self.tell(&["passing", "recorded"]).await?;
        self.show_log();
        say("The person waits in vain, and presses resend: Auth0 makes another code");
        clickatell.next(Fate::delivered().late());
        let text = "Your code is 653589";
        let (status, answer) = self.post_code(&token, phone, text, "sent").await?;
        self.check(
            "the new code takes another road: Plivo is not asked",
            (status, answer["provider"].clone(), self.asked()),
            (200, json!("clickatell"), vec!["Clickatell"]),
        )?;
        heard(phone, text);
        say("Clickatell reports: the network has the code; later: the phone got it");
        clickatell.release().await;
        self.tell(&["passing", "recorded"]).await?;
        self.show_log();
        say("The person enters the code, and Auth0 tells delivery-status");
        let url = format!("{}used", self.url(DELIVERY));
        let request = client().post(url).bearer_auth(auth0::GATEWAY_BEARER_TOKEN);
        let answer = request.json(&json!({ "recipient": phone })).send().await;
        let status = answer.map_or(0, |answer| answer.status().as_u16());
        self.tell(&["used"]).await?;
        self.check("Clickatell's code is marked as used", status, 204)
    }

    pub(super) async fn forged_receipt(&mut self) -> Checked {
        self.title("A forged receipt");
        let (phone, token) = ("+573007654321", self.token());
        let plivo = self.sandbox.plivo.receipts();
        plivo.next(Fate::failed(UNREACHABLE).forged().late());
        self.post_code(&token, phone, "Your code is 979323", "sent")
            .await?;
        say("A stranger reports that the code did not arrive, without Plivo's key");
        plivo.release().await;
        self.tell(&["bad_signature", "bad_signature"]).await?;
        plivo.next(Fate::never());
        self.post_code(&token, phone, "Your code is 846264", "sent")
            .await?;
        self.check(
            "it changed nothing: the next code goes through Plivo, too",
            self.asked(),
            vec!["Plivo"],
        )
    }

    /// Prints the last log line of `delivery-status`.
    fn show_log(&self) {
        let line = &self.functions[DELIVERY].last;
        let shown = FIELDS.iter().filter(|name| !line[**name].is_null());
        let shown: Vec<_> = shown
            .map(|name| format!("{name} {}", line[*name].to_string().trim_matches('"')))
            .collect();
        say(&format!("delivery-status logs: {}", shown.join(", ")));
    }
}
