//! The scenes of `api-call` and `secure-api`: who asks for an account with a token, and who without
//! a right one.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use sandbox::{
    auth0::{API_AUDIENCE, CLIENT_CREDENTIALS, Signer},
    wire::client,
};
use serde_json::{Value, json};

use super::{API, Checked, FLOW, Failure, Story, phone_menu::ACCOUNT, print::say};

/// Instances of `api-call`, and callers of each.
const CROWD: [usize; 2] = [5, 20];

impl Story {
    pub(super) async fn studio(&mut self) -> Checked {
        self.title("A Studio flow asks for an account");
        let (status, account) = self.flow("10042", &["found", "account"]).await?;
        self.check(
            "it has the API's JSON, amounts as texts",
            (status, &account["name"], &account["balance"]["amount"]),
            (200, &json!("Ann Example"), &json!("1234.50")),
        )?;
        let answer = self.flow("99999", &["not_found", "no_account"]).await?;
        self.check(
            "an account that is not there is an answer too",
            answer,
            (200, json!({ "found": false })),
        )
    }

    pub(super) async fn one_token(&mut self) -> Checked {
        let [instances, each] = CROWD;
        self.title(&format!(
            "{} callers at once on {instances} instances that have just started",
            instances * each
        ));
        say("The token in the table has ended");
        let tokens = self.sandbox.aws.items().await;
        for item in tokens.iter().filter(|item| {
            item["pk"]["S"]
                .as_str()
                .is_some_and(|pk| pk.starts_with("token#"))
        }) {
            let key = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
            self.sandbox
                .aws
                .update_expiry(&key("pk"), &key("sk"), 1)
                .await;
        }
        self.sandbox.aws.sweep_now().await;
        let before = self.sandbox.auth0.grants(CLIENT_CREDENTIALS, API_AUDIENCE);
        let url = self.url(FLOW);
        let params = vec![("account_number".to_owned(), ACCOUNT.to_owned())];
        self.begin(FLOW, instances).await?;
        let crowd = join_all(
            (0..instances * each).map(|_| self.sandbox.twilio.post_call(params.clone(), &url)),
        );
        let statuses: BTreeMap<u16, usize> =
            crowd
                .await
                .into_iter()
                .fold(BTreeMap::new(), |mut statuses, (status, _)| {
                    *statuses.entry(status).or_default() += 1;
                    statuses
                });
        self.tell_together().await;
        self.check(
            "each has the account",
            statuses,
            BTreeMap::from([(200, instances * each)]),
        )?;
        let asked = self.sandbox.auth0.grants(CLIENT_CREDENTIALS, API_AUDIENCE) - before;
        self.check("Auth0 was asked for one token", asked, 1)
    }

    pub(super) async fn forged(&mut self) -> Checked {
        self.title("Forged access tokens");
        let url = format!("{}accounts/{ACCOUNT}", self.url(API));
        let auth0 = &self.sandbox.auth0;
        let none = json!({});
        let forgeries = [
            (
                "a key of somebody else",
                auth0.mint(none.clone(), none.clone(), Signer::Stranger),
            ),
            (
                "the public key, taken for a password",
                auth0.mint(none.clone(), none.clone(), Signer::PublicKey),
            ),
            (
                "nothing",
                auth0.mint(none.clone(), none.clone(), Signer::Nobody),
            ),
            (
                "the right key, for another API",
                auth0.mint(
                    json!({ "aud": "https://other.example/" }),
                    none,
                    Signer::Current,
                ),
            ),
        ];
        let mut challenges = Vec::new();
        for (with, token) in forgeries {
            say(&format!(
                "Somebody asks for the account with a token signed with {with}"
            ));
            let answer = client().get(&url).bearer_auth(token).send().await;
            challenges.push(answer.map_or((0, String::new()), |answer| {
                let challenge = answer
                    .headers()
                    .get("www-authenticate")
                    .and_then(|value| value.to_str().ok());
                (
                    answer.status().as_u16(),
                    challenge.unwrap_or_default().to_owned(),
                )
            }));
        }
        self.tell(&[
            "bad_signature",
            "no_rs256_token",
            "no_rs256_token",
            "bad_claims",
        ])
        .await?;
        let refused = (
            401,
            r#"Bearer realm="switchboard", error="invalid_token""#.to_owned(),
        );
        self.check(
            "all are refused, in the same words",
            challenges,
            vec![refused; 4],
        )
    }

    /// Studio posts a request, signed as Twilio signs. Returns status and JSON.
    async fn flow(&mut self, account: &str, outcomes: &[&str]) -> Result<(u16, Value), Failure> {
        say(&format!(
            "Studio's HTTP widget posts account_number={account}"
        ));
        let params = vec![("account_number".to_owned(), account.to_owned())];
        let (status, body) = self.sandbox.twilio.post_call(params, &self.url(FLOW)).await;
        self.tell(outcomes).await?;
        Ok((status, serde_json::from_str(&body).unwrap_or_default()))
    }
}
