//! A client of the account's messages and calls, for tests.

use axum::http::Method;
use serde_json::Value;

use crate::{
    twilio::{ACCOUNT_SID, AUTH_TOKEN, NUMBER, Twilio},
    wire::client,
};

pub(in crate::twilio) struct Api(pub(in crate::twilio) Twilio);

impl Api {
    pub(in crate::twilio) async fn call(
        &self,
        method: Method,
        path: &str,
        form: &[(&str, &str)],
    ) -> (u16, Value) {
        let url = format!(
            "{}/2010-04-01/Accounts/{ACCOUNT_SID}{path}",
            self.0.server().url()
        );
        let request = client()
            .request(method, url)
            .header("user-agent", "acme")
            .basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN));
        let request = if form.is_empty() {
            request
        } else {
            request.form(form)
        };
        let answer = request.send().await.unwrap();
        (
            answer.status().as_u16(),
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default(),
        )
    }

    pub(in crate::twilio) async fn send(&self, to: &str, more: &[(&str, &str)]) -> String {
        let form = [&[("To", to), ("From", NUMBER), ("Body", "Hi")], more].concat();
        let (status, sent) = self.call(Method::POST, "/Messages.json", &form).await;
        assert_eq!(status, 201, "{sent}");
        sent["sid"].as_str().unwrap().to_owned()
    }
}
