//! A client of the account's numbers, for tests.

use axum::http::Method;
use serde_json::Value;

use crate::{
    twilio::{ACCOUNT_SID, AUTH_TOKEN, Twilio},
    wire::client,
};

pub(super) struct Api(pub(super) Twilio);

impl Api {
    pub(super) async fn start() -> Self {
        Self(Twilio::start(None).await.unwrap())
    }

    /// Status and body; null if there is none.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        form: &[(&str, &str)],
    ) -> (u16, Value) {
        let url = format!(
            "{}/2010-04-01/Accounts/{ACCOUNT_SID}/{path}",
            self.0.server().url()
        );
        let mut request = client()
            .request(method.clone(), url)
            .basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN));
        if method == Method::POST {
            request = request.form(form);
        }
        let answer = request.send().await.unwrap();
        (
            answer.status().as_u16(),
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default(),
        )
    }

    pub(super) async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, &[]).await
    }

    pub(super) async fn buy(&self, form: &[(&str, &str)]) -> (u16, Value) {
        self.call(Method::POST, "IncomingPhoneNumbers.json", form)
            .await
    }

    /// The numbers that a search finds, or a list shows.
    pub(super) async fn numbers(&self, path: &str) -> Vec<String> {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        let list = body
            .get("available_phone_numbers")
            .unwrap_or(&body["incoming_phone_numbers"])
            .as_array()
            .unwrap();
        list.iter()
            .map(|number| number["phone_number"].as_str().unwrap().to_owned())
            .collect()
    }
}
