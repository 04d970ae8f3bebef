//! `/validate`: any IVR asks whether a PIN is an account's.

use secrecy::SecretString;
use shared::platform::bearer;
use shared::platform::reply::Reply;
use shared::platform::request::Request;
use shared::vendors::auth0::users::AccountHolder;
use shared::vendors::twilio::webhook::{self, Form};

use crate::attempts::Caller;
use crate::pin::{Refusal, greeting, in_time};
use crate::replay::{Earlier, SignedRequest};
use crate::{App, Arrival};

/// The answer to a rejected caller, whatever the reason.
const REFUSED: &str = "error";

impl App {
    /// Answers any IVR.
    pub(crate) async fn validate(
        &self,
        request: &Request,
        arrival: Arrival,
    ) -> Result<Reply, Reply> {
        let now = arrival.time;
        let presented = bearer::presented(request);
        let signature = request.header("x-twilio-signature");
        let signed = if let Some(signature) = signature.filter(|_| presented.is_none()) {
            webhook::authenticate(request, self.public_url.as_ref(), &self.twilio, now).await?;
            Some(signature)
        } else {
            bearer::check(presented.as_ref(), &self.ivr, now).await?;
            None
        };
        let form = Form::parse(request.body()).filter(|form| !form.repeats());
        let form = form.ok_or_else(|| Reply::refused(400, "bad_form"))?;
        let callers = ["caller", "From"].into_iter();
        let mut callers = callers.filter_map(|name| Some(form.get(name)?.trim()));
        let caller = callers.find(|caller| !caller.is_empty());
        let caller = match caller {
            None => Caller::NotGiven,
            Some(caller) if webhook::is_withheld(caller) => Caller::Withheld,
            Some(caller) => Caller::Named(caller),
        };
        let pin = SecretString::from(form.get("pin").unwrap_or_default().trim());
        let number = form.get("account_number").unwrap_or_default().trim();
        let account = number.parse().ok();
        let signed = signed.map(|signature| SignedRequest::new(signature, number));
        // Without a call's id, two calls may have the same signature.
        let is_of_a_call = form.get("CallSid").is_some_and(|id| !id.trim().is_empty());
        let earlier = match &signed {
            Some(signed) if is_of_a_call => signed.note(&self.table, now).await,
            Some(signed) => signed.find(&self.table, now).await,
            None => Ok(Earlier::None),
        };
        let signed = signed.filter(|_| is_of_a_call);
        let judged = match earlier {
            Ok(Earlier::None) => {
                self.check_pin(account.as_ref(), &pin, caller, arrival)
                    .await
            }
            // The log line of the first request says what was done.
            Ok(Earlier::Accepted) => {
                let holder = self.holder(account.as_ref(), now).await;
                return Ok(plain("repeated", words(holder.as_ref())));
            }
            Ok(Earlier::Refused) => {
                self.wait(arrival.instant).await;
                return Ok(plain("repeated", REFUSED.to_owned()));
            }
            Ok(Earlier::Replayed) => {
                self.wait(arrival.instant).await;
                return Ok(plain("replayed", REFUSED.to_owned()).metric("Refused", 1));
            }
            Err(error) => Refusal::without_table(&error).into(),
        };
        let noting = async {
            if let Some(signed) = &signed
                && let Err(error) =
                    in_time(signed.settle(&self.table, judged.verdict.is_ok())).await
            {
                tracing::warn!(%error, "how a signed request ended could not be noted");
            }
        };
        tokio::join!(self.settle(&judged, arrival), noting);
        match &judged.verdict {
            Ok(holder) => Ok(plain("greeted", words(Some(holder)))),
            Err(refusal) => {
                self.wait(arrival.instant).await;
                let answer = plain(refusal.outcome, REFUSED.to_owned());
                Ok(refusal.log(answer))
            }
        }
    }
}

fn plain(outcome: &'static str, text: String) -> Reply {
    Reply::body(200, outcome, "text/plain; charset=utf-8", text)
}

/// The greeting. A name equal to the word for a rejection is not used.
fn words(holder: Option<&AccountHolder>) -> String {
    holder
        .and_then(greeting)
        .filter(|greeting| greeting != REFUSED)
        .unwrap_or_else(|| "Welcome".to_owned())
}
