//! A sandbox with the function in it, and texts that wait for their receipts.

use std::ops::Deref;

use sandbox::wire::client;
use sandbox::{Sandbox, auth0, clickatell, plivo, scene, vonage};
use serde_json::{Value, json};

pub(crate) use sandbox::scene::Params;

pub(crate) const FUNCTION: &str = "delivery-status";
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_delivery-status");
pub(crate) const PHONE: &str = "+4520304050";
/// The reference of the code that waits.
pub(crate) const REFERENCE: &str = "code-AAAAAAAAAAAAAAAAAAAAAA";
pub(crate) const JOURNAL: &str = "sent#code#AAAAAAAAAAAAAAAAAAAAAA";
/// The hash of [`PHONE`] by which receipts know a number.
pub(crate) const NUMBER: &str = "GjxR6o_lu6CEnFFAdbnRKA";
pub(crate) const SID: &str = "SM0123456789abcdef0123456789abcdef";

/// No secret, number or token may be in anything that was written.
pub(crate) struct Scene {
    scene: scene::Scene,
}

impl Scene {
    pub(crate) async fn start() -> Self {
        Self::on(1, &[]).await
    }

    pub(crate) async fn with(settings: &[scene::Setting<'_>]) -> Self {
        Self::on(1, settings).await
    }

    /// In several processes.
    pub(crate) async fn instances(n: usize) -> Self {
        Self::on(n, &[]).await
    }

    async fn on(processes: usize, settings: &[scene::Setting<'_>]) -> Self {
        let sandbox = Sandbox::start().await;
        let scene = scene::Scene::start(sandbox, FUNCTION, BINARY, processes, settings).await;
        scene.mark(PHONE);
        Self { scene }
    }

    /// Counters of a line of the scoreboard, so many hours ago.
    pub(crate) async fn count(&self, ago: u64, line: &str, numbers: &[(&str, u64)]) {
        let now = sandbox::now().as_secs();
        let pk = format!("score#{}#{}", now / 3600 - ago, line.len() % 8);
        let numbers = [numbers, &[("expires_at", now + 1000)]].concat();
        let counters = item(&[("pk", &pk), ("sk", line)], &numbers);
        self.sandbox.aws.put(counters).await;
    }

    /// A code that `provider` accepted under this id ten seconds ago.
    pub(crate) async fn sent(&self, provider: &str, id: &str) {
        self.sent_as(JOURNAL, provider, id).await;
    }

    /// As [`Scene::sent`], a text with this entry of the journal.
    pub(crate) async fn sent_as(&self, journal: &str, provider: &str, id: &str) {
        let now = sandbox::now().as_secs();
        let texts = [
            ("pk", journal),
            ("sk", "send"),
            ("stage", "sent"),
            ("provider", provider),
            ("sid", id),
            ("number", NUMBER),
            ("region", "DK"),
            ("sender", "ACME"),
        ];
        let numbers = [
            ("sent_at", now - 10),
            ("forgotten_at", now + 20),
            ("expires_at", now + 1000),
        ];
        let mut journal = item(&texts, &numbers);
        journal["receipts"] = json!({ "M": {} });
        self.sandbox.aws.put(journal).await;
        let texts = [
            ("pk", format!("road#{NUMBER}")),
            ("sk", "road".to_owned()),
            ("newest", REFERENCE.to_owned()),
        ];
        let texts: Vec<(&str, &str)> = texts
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        self.sandbox
            .aws
            .put(item(&texts, &[("expires_at", now + 1000)]))
            .await;
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.lambda.url().trim_end_matches('/'))
    }

    /// The final state that the journal's entry has from a provider.
    pub(crate) async fn reported(&self, provider: &str) -> Option<String> {
        let items = self.items("sent#").await;
        let receipts = &items.first()?["receipts"]["M"];
        Some(receipts[provider]["S"].as_str()?.to_owned())
    }

    /// The sum of a counter over the scoreboard.
    pub(crate) async fn counted(&self, name: &str) -> u64 {
        let items = self.items("score#").await;
        items
            .iter()
            .filter_map(|item| item[name]["N"].as_str()?.parse::<u64>().ok())
            .sum()
    }

    pub(crate) async fn twilio(&self, status: &str, extra: &[(&str, &str)]) -> u16 {
        self.twilio_of(&format!("/twilio/{REFERENCE}"), SID, status, extra)
            .await
    }

    pub(crate) async fn twilio_of(
        &self,
        path: &str,
        sid: &str,
        status: &str,
        extra: &[(&str, &str)],
    ) -> u16 {
        let mut params = pairs(&[
            ("AccountSid", sandbox::twilio::ACCOUNT_SID),
            ("ApiVersion", "2010-04-01"),
            ("From", "ACME"),
            ("To", PHONE),
            ("MessageSid", sid),
            ("SmsSid", sid),
            ("MessageStatus", status),
            ("SmsStatus", status),
        ]);
        params.extend(pairs(extra));
        let url = self.url(path);
        let signature = self.sandbox.twilio.sign(&url, &params);
        self.post_form(path, &params, &[("x-twilio-signature", &signature)])
            .await
    }

    pub(crate) async fn post_form(
        &self,
        path: &str,
        params: &Params,
        headers: &[(&str, &str)],
    ) -> u16 {
        let request = client().post(self.url(path)).form(params);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        request.send().await.unwrap().status().as_u16()
    }

    pub(crate) async fn plivo(
        &self,
        path: &str,
        id: &str,
        status: &str,
        extra: &[(&str, &str)],
    ) -> u16 {
        let mut params = pairs(&[
            ("MessageUUID", id),
            ("From", "ACME"),
            ("To", PHONE.trim_start_matches('+')),
            ("Status", status),
            ("Type", "sms"),
        ]);
        params.extend(pairs(extra));
        let (nonce, signature) = plivo::sign(plivo::AUTH_TOKEN, &self.url(path), &params);
        let headers = [
            ("x-plivo-signature-v3", signature.as_str()),
            ("x-plivo-signature-v3-nonce", &nonce),
        ];
        self.post_form(path, &params, &headers).await
    }

    pub(crate) fn dlr(id: &str, status: &str, code: &str) -> Params {
        let now = sandbox::now().as_secs().to_string();
        let mut params = pairs(&[
            ("msisdn", PHONE.trim_start_matches('+')),
            ("to", "ACME"),
            ("network-code", "23801"),
            ("messageId", id),
            ("price", "0.03"),
            ("status", status),
            ("scts", "2611271200"),
            ("err-code", code),
            ("api-key", vonage::API_KEY),
            ("client-ref", REFERENCE),
            ("timestamp", &now),
            ("nonce", "6a8ad2f4"),
        ]);
        let sig = vonage::sign(vonage::SIGNATURE_SECRET, &params);
        params.push(("sig".to_owned(), sig));
        params
    }

    pub(crate) async fn clickatell(&self, token: &str, body: &Value) -> u16 {
        let request = client()
            .post(self.url(&format!("/clickatell/{token}")))
            .json(body);
        request.send().await.unwrap().status().as_u16()
    }

    pub(crate) fn update(id: &str, code: u32) -> Value {
        json!({ "event": { "messageStatusUpdate": [{
            "messageId": id, "clientMessageId": REFERENCE, "statusCode": code, "status": "X", "channel": "sms", "timestamp": 1,
        }] } })
    }

    pub(crate) fn token() -> &'static str {
        clickatell::CALLBACK_TOKEN
    }

    pub(crate) async fn used(&self, token: Option<&str>, body: &Value) -> u16 {
        let mut request = client().post(self.url("/used")).json(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap().status().as_u16()
    }

    pub(crate) fn bearer() -> &'static str {
        auth0::GATEWAY_BEARER_TOKEN
    }
}

impl Deref for Scene {
    type Target = scene::Scene;

    fn deref(&self) -> &Self::Target {
        &self.scene
    }
}

pub(crate) fn pairs(pairs: &[(&str, &str)]) -> Params {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn item(texts: &[(&str, &str)], numbers: &[(&str, u64)]) -> Value {
    let texts = texts
        .iter()
        .map(|(name, text)| ((*name).to_owned(), json!({ "S": text })));
    let numbers = numbers
        .iter()
        .map(|(name, number)| ((*name).to_owned(), json!({ "N": number.to_string() })));
    texts
        .chain(numbers)
        .collect::<serde_json::Map<_, _>>()
        .into()
}
