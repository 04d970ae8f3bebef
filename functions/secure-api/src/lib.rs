//! The protected API: accounts by number or phone, for callers with an access token of the tenant.
//!
//! It answers `GET /accounts/{account_number}` and `GET /accounts?phone=%2B45…`. First it checks
//! the access token: RS256 by the tenant's keys, issuer, audience, time, scope. A rejection is
//! answered as RFC 6750 says. Only then it reads the table.
//!
//! Promises: a caller without the scope learns nothing about an account. An account number that
//! does not exist and a text that cannot be an account number get the same answer.

mod asked;

use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::json;
use shared::platform::Platform;
use shared::platform::config::Source;
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::runtime::Function;
use shared::platform::table::{Item, Key, Table, Unavailable};
use shared::rules::account::AccountNumber;
use shared::rules::phone::E164;
use shared::vendors::auth0::access::{Access, Refusal};

use asked::Asked;

const SCOPE: &str = "read:accounts";

/// The function's settings and clients.
pub struct App {
    table: Table,
    access: Access,
}

impl Function for App {
    /// Lambda's own limit.
    const TIME: Option<Duration> = Some(Duration::MAX);
    const READS: &'static str = "account#";

    fn read(platform: &Platform, source: &mut Source<'_>) -> Self {
        let tenant = source.base_url("AUTH0_URL", None);
        let audience = source.required("API_AUDIENCE");
        Self {
            table: platform.table.clone(),
            access: Access::new(platform.http.clone(), tenant, audience),
        }
    }

    async fn warm_up(&self, platform: &Platform, now: SystemTime) {
        tokio::join!(self.access.warm_up(now), platform.warm_up(1));
    }

    async fn flow(&self, request: &Request, now: SystemTime) -> Result<Reply, Reply> {
        // Callers open a connection with this request before they need it. It rejects nothing and
        // reveals nothing.
        if (request.method(), request.path()) == ("HEAD", "/") {
            return Ok(Reply::empty(204, "warm_up"));
        }
        let Some(asked) = Asked::read(request.path(), request.query()) else {
            return Err(Reply::refused(404, "not_found"));
        };
        if request.method() != "GET" {
            return Err(Reply::refused(405, "method_not_allowed").header("allow", "GET"));
        }
        self.authorize(request, now).await?;
        let found = match asked {
            Asked::Number(number) => self.by_number(number, now).await,
            Asked::Phone(Some(phone)) => self.by_phone(&phone, now).await,
            Asked::Phone(None) => {
                let public =
                    "one phone in E.164 form is needed, such as /accounts?phone=%2B4512345678";
                return Err(error(400, "bad_phone", public).metric("Refused", 1));
            }
        };
        match found.map_err(Failure::from)? {
            Some(account) => {
                let body = serde_json::to_string(&account).unwrap_or_default();
                Ok(Reply::body(200, "account", "application/json", body)
                    .header("cache-control", "no-store"))
            }
            None => Ok(Reply::empty(404, "no_account")),
        }
    }

    /// Who calls always gets JSON to branch on, also if the table or a secret is unavailable.
    fn apology(&self, _request: &Request) -> Option<Reply> {
        let public = "this is not available right now, please try again";
        Some(error(503, "", public))
    }
}

impl App {
    /// Checks the access token. The challenges are those of RFC 6750, section 3.
    async fn authorize(&self, request: &Request, now: SystemTime) -> Result<(), Reply> {
        let challenge = |status, outcome, challenge: &str| {
            Reply::refused(status, outcome).header("www-authenticate", challenge)
        };
        let Some(token) = request.bearer() else {
            return Err(challenge(401, "no_token", r#"Bearer realm="switchboard""#));
        };
        self.access
            .check(token, SCOPE, now)
            .await
            .map_err(|refusal| match refusal {
                Refusal::Invalid(word) => challenge(
                    401,
                    word,
                    r#"Bearer realm="switchboard", error="invalid_token""#,
                ),
                Refusal::Scope => {
                    let scope = format!(
                        r#"Bearer realm="switchboard", error="insufficient_scope", scope="{SCOPE}""#
                    );
                    challenge(403, "insufficient_scope", &scope)
                }
                Refusal::Unavailable(cause) => Failure {
                    status: 503,
                    outcome: "keys_unavailable",
                    cause,
                }
                .into(),
            })
    }

    async fn by_number(
        &self,
        number: Option<AccountNumber>,
        now: SystemTime,
    ) -> Result<Option<Account>, Unavailable> {
        let Some(number) = number else {
            return Ok(None);
        };
        let item = self
            .table
            .get(
                Key::new(format!("account#{}", number.as_str()), "account"),
                now,
            )
            .await?;
        Ok(item.map(|item| Account::read(&number, &item)))
    }

    async fn by_phone(
        &self,
        phone: &E164,
        now: SystemTime,
    ) -> Result<Option<Account>, Unavailable> {
        let item = self
            .table
            .get(
                Key::new(format!("phone#{}", phone.reveal()), "account"),
                now,
            )
            .await?;
        let number = item.and_then(|item| item.text("account_number")?.parse().ok());
        // The account's phone may have changed since this item was written.
        Ok(self
            .by_number(number, now)
            .await?
            .filter(|account| account.phone.as_deref() == Some(phone.reveal())))
    }
}

fn error(status: u16, outcome: &'static str, public: &str) -> Reply {
    Reply::body(
        status,
        outcome,
        "application/json",
        json!({ "error": public }).to_string(),
    )
}

/// An account, as in the answer. Amounts are decimal texts.
#[derive(Serialize)]
struct Account {
    #[serde(rename = "account_number")]
    number: String,
    name: Option<String>,
    phone: Option<String>,
    balance: Option<Amount>,
    payments: Vec<Payment>,
}

#[derive(Serialize)]
struct Amount {
    amount: Option<String>,
    currency: Option<String>,
}

#[derive(Serialize)]
struct Payment {
    date: Option<String>,
    amount: Option<String>,
    currency: Option<String>,
    description: Option<String>,
}

impl Account {
    fn read(number: &AccountNumber, item: &Item) -> Self {
        let text = |item: &Item, name: &str| item.text(name).map(str::to_owned);
        let payments = item.list("payments").into_iter().map(|payment| Payment {
            date: text(&payment, "date"),
            amount: text(&payment, "amount"),
            currency: text(&payment, "currency"),
            description: text(&payment, "description"),
        });
        Self {
            number: number.as_str().to_owned(),
            name: text(item, "name"),
            phone: text(item, "phone"),
            balance: item.map("balance").map(|balance| Amount {
                amount: text(&balance, "amount"),
                currency: text(&balance, "currency"),
            }),
            payments: payments.collect(),
        }
    }
}
