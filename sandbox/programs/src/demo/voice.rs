//! The scene of codes that are read out by phone.

use sandbox::{auth0, wire::client};
use serde_json::json;

use super::{
    Checked, GATEWAY, Story,
    print::{hears, say},
};

impl Story {
    pub(super) async fn code_by_phone(&mut self) -> Checked {
        self.title("The code by phone");
        let phone = "+4570809033";
        say("Somebody chooses a call: Auth0's Action asks for one, twice");
        let body = json!({
            "recipient": phone, "text": "Your code is 299792", "code": "299792", "delivery_method": "voice", "language": "da",
        });
        let mut statuses = Vec::new();
        for outcome in ["sent", "duplicate"] {
            let request = client()
                .post(self.url(GATEWAY))
                .bearer_auth(auth0::GATEWAY_BEARER_TOKEN);
            let answer = request.json(&body).send().await;
            statuses.push(answer.map_or(0, |answer| answer.status().as_u16()));
            self.tell(&[outcome]).await?;
        }
        let calls = self.sandbox.twilio.made_calls();
        for words in calls.iter().flat_map(|call| &call.says) {
            hears(phone, &words.replace(|c: char| c.is_ascii_digit(), "•"));
        }
        let words = "Din kode er: 2. 9. 9. 7. 9. 2.".to_owned();
        let says: Vec<_> = calls.into_iter().map(|call| call.says).collect();
        self.check(
            "one call reads the code out twice, in the language of the request",
            (statuses, says),
            (vec![200, 200], vec![vec![words.clone(), words]]),
        )?;
        self.check("there is no text", self.texts(phone), vec![])
    }
}
