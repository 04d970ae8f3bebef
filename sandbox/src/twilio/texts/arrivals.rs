//! Texts that arrive at the account's numbers. Words such as STOP take effect.

use crate::{
    random,
    segments::segments,
    twilio::{
        account::Twilio, countries::country, ids::ACCOUNT_SID, messages::new_sid, webhook::Reply,
    },
    wire::lock,
};

/// Words that opt out of texts from a long code when they are the whole message, and words that opt
/// in again (help.twilio.com/articles/223134027).
const STOP: [&str; 8] = [
    "STOP",
    "STOPALL",
    "UNSUBSCRIBE",
    "CANCEL",
    "END",
    "QUIT",
    "REVOKE",
    "OPTOUT",
];
const START: [&str; 3] = ["START", "YES", "UNSTOP"];

impl Twilio {
    /// The parameters of the webhook for a new text.
    pub fn inbound(&self, from: &str, to: &str, body: &str) -> Vec<(String, String)> {
        self.inbound_picture(from, to, body, &[])
    }

    /// The parameters of the webhook for a new text with media, by URL.
    pub fn inbound_picture(
        &self,
        from: &str,
        to: &str,
        body: &str,
        media: &[&str],
    ) -> Vec<(String, String)> {
        let sid = if media.is_empty() {
            new_sid()
        } else {
            format!("MM{}", random::hex(16))
        };
        let segments = if media.is_empty() { segments(body) } else { 1 }.to_string();
        let media_count = media.len().to_string();
        let pairs = [
            ("ToCountry", country(to)),
            ("ToState", ""),
            ("SmsMessageSid", &sid),
            ("NumMedia", &media_count),
            ("ToCity", ""),
            ("FromZip", ""),
            ("SmsSid", &sid),
            ("FromState", ""),
            ("SmsStatus", "received"),
            ("FromCity", ""),
            ("Body", body),
            ("FromCountry", country(from)),
            ("To", to),
            ("ToZip", ""),
            ("NumSegments", &segments),
            ("MessageSid", &sid),
            ("AccountSid", ACCOUNT_SID),
            ("From", from),
            ("ApiVersion", "2010-04-01"),
        ];
        let mut params: Vec<_> = pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        for (n, url) in media.iter().enumerate() {
            params.push((format!("MediaUrl{n}"), (*url).to_owned()));
            params.push((format!("MediaContentType{n}"), media_type(url).to_owned()));
        }
        params
    }

    /// A phone texts one of the account's numbers. STOP words take effect. The webhook of the
    /// number or of its messaging service is called, and its `TwiML` is executed.
    pub async fn text(&self, from: &str, to: &str, body: &str) -> Reply {
        self.picture(from, to, body, &[]).await
    }

    /// A phone sends one of the account's numbers a text with media, by URL (MMS).
    pub async fn picture(&self, from: &str, to: &str, body: &str, media: &[&str]) -> Reply {
        let webhook = {
            let mut state = lock(&self.shared.state);
            let pair = (from.to_owned(), to.to_owned());
            let word = body.trim().to_uppercase();
            let own_reply = if STOP.contains(&word.as_str()) {
                state.opted_out.insert(pair);
                Some(
                    "You have successfully been unsubscribed. You will not receive any more messages from this number. Reply START to resubscribe.",
                )
            } else if START.contains(&word.as_str()) && state.opted_out.remove(&pair) {
                Some(
                    "You have successfully been re-subscribed to messages from this number. Reply HELP for help. Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
                )
            } else if matches!(word.as_str(), "HELP" | "INFO") {
                Some("Reply STOP to unsubscribe. Msg&Data Rates May Apply.")
            } else {
                None
            };
            if let Some(own_reply) = own_reply {
                state
                    .inboxes
                    .entry(from.to_owned())
                    .or_default()
                    .push(own_reply.to_owned());
            }
            state.sms_webhook(to)
        };
        self.shared.arrived.notify_waiters();
        let Some((url, method, service)) = webhook else {
            return Reply::default();
        };
        let mut params = self.inbound_picture(from, to, body, media);
        params.extend(service.map(|sid| ("MessagingServiceSid".to_owned(), sid)));
        if method != "GET" {
            return self.deliver(params, &url).await;
        }
        let Some((url, method)) = self.follow(&url, &url, &method, &params) else {
            return Reply::default();
        };
        let signature = self.sign(&url, &[]);
        self.run(params, &url, &signature, method).await
    }
}

/// The media type by the file's extension; an image if there is none.
fn media_type(url: &str) -> &'static str {
    let name = url
        .split(['?', '#'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    [
        (".png", "image/png"),
        (".gif", "image/gif"),
        (".mp4", "video/mp4"),
        (".pdf", "application/pdf"),
        (".vcf", "text/vcard"),
    ]
    .into_iter()
    .find(|(ending, _)| name.ends_with(ending))
    .map_or("image/jpeg", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        twilio::{
            ids::{ACCOUNT_SID, AUTH_TOKEN, NUMBER},
            signature::signature,
            texts::hook::webhook,
        },
        wire::client,
    };

    #[tokio::test]
    async fn a_text_calls_the_webhook_and_its_twiml_is_executed() {
        let twilio = Twilio::start(None).await.unwrap();
        let hook = webhook(
            200,
            "text/xml; charset=utf-8",
            "<Response><Message>Thanks</Message><Message to='+4587654321'>Hi</Message></Response>",
        )
        .await;
        let url = hook.url() + "/?tenant=1";
        twilio.set_sms_url(NUMBER, &(url.clone() + "#rc=3&rp=5xx,ct,rt"));
        let reply = twilio.text("+4512345678", NUMBER, " Yes ").await;
        assert_eq!(
            (reply.status, reply.attempts, reply.messages),
            (200, 1, vec!["Thanks".to_owned(), "Hi".to_owned()])
        );
        assert_eq!(
            (twilio.inbox("+4512345678"), twilio.inbox("+4587654321")),
            (vec!["Thanks".to_owned()], vec!["Hi".to_owned()])
        );
        let sent = &hook.exchanges()[0];
        let params = form_urlencoded::parse(&sent.request)
            .into_owned()
            .collect::<Vec<_>>();
        let header = |name: &str| {
            sent.headers
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
                .unwrap()
        };
        assert_eq!(
            header("x-twilio-signature"),
            signature(AUTH_TOKEN, &url, &params)
        );
        assert_eq!(
            (
                sent.target.as_str(),
                header("user-agent").as_str(),
                header("i-twilio-idempotency-token").len()
            ),
            ("/?tenant=1", "TwilioProxy/1.1", 36)
        );
        assert!(params.contains(&("Body".to_owned(), " Yes ".to_owned())) && params.len() == 19);
        assert_eq!(twilio.server().complaints(), [""; 0]);
    }

    #[tokio::test]
    async fn stop_words_opt_out_and_still_reach_the_webhook() {
        let twilio = Twilio::start(None).await.unwrap();
        let hook = webhook(200, "text/xml", "<Response><Message>x</Message></Response>").await;
        twilio.set_sms_url(NUMBER, &hook.url());
        assert!(
            twilio
                .text("+4512345678", NUMBER, " stop ")
                .await
                .messages
                .is_empty()
        );
        assert!(twilio.opted_out("+4512345678", NUMBER) && twilio.alerts()[0].code == 21610);
        let url = format!(
            "{}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json",
            twilio.server().url()
        );
        let form = [("To", "+4512345678"), ("From", NUMBER), ("Body", "x")];
        let refused = client()
            .post(url)
            .basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN))
            .form(&form)
            .send()
            .await
            .unwrap();
        assert!(refused.text().await.unwrap().contains("\"code\":21610"));
        assert_eq!(
            twilio
                .text("+4512345678", NUMBER, "stop it")
                .await
                .messages
                .len(),
            0
        );
        assert_eq!(
            twilio.text("+4512345678", NUMBER, "Start").await.messages,
            ["x"]
        );
        assert_eq!(
            (twilio.inbox("+4512345678").len(), hook.exchanges().len()),
            (3, 3)
        );
        assert_eq!(
            twilio.text("+4512345678", NUMBER, "YES").await.messages,
            ["x"]
        );
        assert_eq!(
            twilio.inbox("+4512345678").len(),
            4,
            "YES opts nobody in who is not out"
        );
    }

    #[tokio::test]
    async fn pictures_come_and_go() {
        let twilio = Twilio::start(None).await.unwrap();
        let hook = webhook(
            200,
            "text/xml",
            "<Response><Message to='+4587654321'><Body>From: x</Body><Media>https://x.example/a.png</Media></Message></Response>",
        )
        .await;
        twilio.set_sms_url(NUMBER, &hook.url());
        let media = ["https://x.example/a.png?b", "https://x.example/c"];
        assert_eq!(
            twilio
                .picture("+4512345678", NUMBER, "", &media)
                .await
                .messages,
            ["From: x"]
        );
        let params = form_urlencoded::parse(&hook.exchanges()[0].request)
            .into_owned()
            .collect::<Vec<_>>();
        let param = |name: &str| {
            params
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
                .unwrap()
        };
        assert!(
            param("MessageSid").starts_with("MM") && param("NumMedia") == "2" && params.len() == 23
        );
        assert_eq!(
            (param("MediaContentType0"), param("MediaUrl1")),
            ("image/png".to_owned(), media[1].to_owned())
        );
        let texts = twilio.texts("+4587654321");
        assert_eq!(
            (texts[0].from.as_str(), &texts[0].media[..]),
            (NUMBER, &["https://x.example/a.png".to_owned()][..])
        );
        assert_eq!(twilio.inbox("+4587654321"), ["From: x"]);
        assert_eq!(twilio.server().complaints(), [""; 0]);
    }
}
