//! The receipts: whose they are, and their effect.

use std::time::{Duration, Instant, SystemTime};

use shared::platform::base_url::BaseUrl;
use shared::platform::reply::{Failure, Reply};
use shared::platform::request::Request;
use shared::platform::secrets::Secret;
use shared::platform::table::Unavailable;
use shared::platform::time::epoch;
use shared::rules::delivery::{self, DeliveryReceipt, Recorded, Reference, Sent, State};
use shared::rules::scoreboard::{self, Line};
use shared::rules::sms;
use shared::services::providers::Name;
use shared::vendors::twilio::webhook;
use shared::vendors::{clickatell, plivo, twilio, vonage};

use crate::path::{is_path_of_ours, split};
use crate::{App, BODY_LIMIT, decide};

/// A receipt's provider waits for the answer. A code that cannot be sent on within this time is left
/// to the next run.
const TIME_TO_SEND: Duration = Duration::from_secs(8);
const FORM: [&str; 1] = ["application/x-www-form-urlencoded"];
const JSON: [&str; 1] = ["application/json"];
const FORM_OR_JSON: [&str; 2] = [FORM[0], JSON[0]];

impl App {
    /// The receipts of a request, once it is certain who sent them.
    ///
    /// # Errors
    /// The reply: 403 for what is not authentic, 404, 405, 413, 415; 503 if a secret cannot be
    /// fetched.
    pub(crate) async fn authentic_receipts(
        &self,
        request: &Request,
        now: SystemTime,
    ) -> Result<(Name, Vec<DeliveryReceipt>), Reply> {
        let (provider, rest) = split(request.path());
        // PUBLIC_URL's own path may be the name of a provider: then the runtime tries again without
        // it.
        if rest.is_some_and(is_path_of_ours) {
            return Err(Reply::refused(404, "not_found"));
        }
        let reference = || Reference::parse(rest.unwrap_or_default());
        match provider {
            "twilio" => {
                request.expect_post(request.path(), &FORM, BODY_LIMIT)?;
                let secret = configured(self.twilio.as_ref())?;
                let form = webhook::authenticate(request, self.public_url.as_ref(), secret, now);
                // As for a missing parameter: Twilio signed the same text, but not these parameters.
                let form = form.await.map_err(|reply| match reply.status {
                    400 => Reply::refused(403, reply.outcome),
                    _ => reply,
                })?;
                let (name, receipt) = if twilio::call_receipt::is_call(&form) {
                    let receipt = twilio::call_receipt::parse(&form, reference())?;
                    (Name::TwilioVoice, receipt)
                } else {
                    (Name::Twilio, twilio::receipt::parse(&form, reference())?)
                };
                Ok((name, vec![receipt]))
            }
            "plivo" => {
                request.expect_post(request.path(), &FORM, BODY_LIMIT)?;
                let secret = configured(self.plivo.as_ref())?;
                let own: Option<BaseUrl> = format!("https://{}", request.domain()).parse().ok();
                let base = self.public_url.as_ref().or(own.as_ref());
                let base = base.ok_or_else(|| Reply::refused(403, "bad_signature"))?;
                let report = plivo::receipt::authenticate(request, base, secret, now).await?;
                Ok((
                    Name::Plivo,
                    vec![plivo::receipt::parse(&report, reference())?],
                ))
            }
            "vonage" if rest.is_none() => {
                match request.method() {
                    "GET" => {}
                    "POST" => request.expect_post(request.path(), &FORM_OR_JSON, BODY_LIMIT)?,
                    _ => {
                        let reply = Reply::refused(405, "method_not_allowed");
                        return Err(reply.header("allow", "GET, POST"));
                    }
                }
                let secret = configured(self.vonage.as_ref())?;
                let dlr = vonage::receipt::authenticate(request, secret, now).await?;
                let receipt = vonage::receipt::parse(&dlr);
                Ok((Name::Vonage, receipt.into_iter().collect()))
            }
            // Only an event of a call has a reference in its address.
            "vonage" if reference().is_some() => {
                request.expect_post(request.path(), &JSON, BODY_LIMIT)?;
                let secret = configured(self.vonage.as_ref())?;
                let event = vonage::call_event::authenticate(request, secret, now).await?;
                let receipt = vonage::call_event::parse(&event, reference());
                Ok((Name::VonageVoice, receipt.into_iter().collect()))
            }
            "clickatell" => {
                request.expect_post(request.path(), &JSON, BODY_LIMIT)?;
                let secret = configured(self.clickatell.as_ref())?;
                let token = rest.unwrap_or_default();
                let updates =
                    clickatell::receipt::authenticate(token, request.body(), secret, now).await?;
                Ok((Name::Clickatell, clickatell::receipt::parse(&updates)))
            }
            _ => Err(Reply::refused(404, "not_found")),
        }
    }

    /// Records the receipts, one after the other. A failure ends none of the others.
    ///
    /// # Errors
    /// 503 if a receipt could not be stored; the provider then sends the receipts again.
    pub(crate) async fn record_all(
        &self,
        provider: Name,
        receipts: &[DeliveryReceipt],
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        let deadline = Instant::now() + TIME_TO_SEND;
        let mut last = None;
        let mut failed = None;
        for receipt in receipts {
            match self.record(provider, receipt, deadline, now).await {
                Ok(reply) => last = Some(reply),
                Err(reply) => failed = Some(reply),
            }
        }
        let count = receipts.len() as u64;
        match (failed, last) {
            (Some(failed), _) => Err(failed.field("receipts", count)),
            (None, Some(last)) => Ok(last.field("receipts", count)),
            (None, None) => Ok(Reply::empty(204, "no_receipt")),
        }
    }

    async fn record(
        &self,
        provider: Name,
        receipt: &DeliveryReceipt,
        deadline: Instant,
        now: SystemTime,
    ) -> Result<Reply, Reply> {
        let recorded = delivery::record(receipt, provider.word(), &self.table, now)
            .await
            .map_err(Failure::from)?;
        let reply = match &recorded {
            Recorded::First(sent) => {
                self.act(provider, receipt, sent, now).await;
                let next = self.send_on(receipt, sent, deadline, now).await;
                let waited = epoch(now).saturating_sub(sent.at);
                let reply = Reply::empty(204, "recorded")
                    .field("region", sent.region.as_str())
                    .field("seconds", waited);
                let reply = sent_on(reply, next);
                match receipt.state {
                    State::Delivered => reply.metric("Delivered", 1),
                    _ => reply.metric("Undelivered", 1),
                }
            }
            Recorded::Again { sent, at } => {
                // Its first effects may have been lost.
                if let Err(error) = self.avoid(provider, receipt, sent, *at, now).await {
                    tracing::warn!(%error, "an effect of a receipt could not be stored");
                }
                let next = self.send_on(receipt, sent, deadline, now).await;
                sent_on(Reply::empty(204, "known"), next)
            }
            Recorded::Known => Reply::empty(204, "known"),
            Recorded::Passing => Reply::empty(204, "passing"),
            Recorded::Foreign => Reply::empty(204, "unknown_text").metric("UnknownReceipts", 1),
        };
        Ok(reply
            .field("provider", provider.word())
            .field("state", receipt.state.word())
            .field("code", receipt.code)
            .field("sid", sms::plain_id(receipt.id.clone())))
    }

    /// After a bad receipt, reported `at`, the number's next code avoids this provider.
    async fn avoid(
        &self,
        provider: Name,
        receipt: &DeliveryReceipt,
        sent: &Sent,
        at: u64,
        now: SystemTime,
    ) -> Result<(), Unavailable> {
        if decide::is_avoided(receipt, sent) {
            delivery::avoid(&sent.number, provider.word(), at, &self.table, now).await?;
        }
        Ok(())
    }

    /// After a text's first final state: sends a kept code on, or deletes it. Returns the provider
    /// that took it.
    async fn send_on(
        &self,
        receipt: &DeliveryReceipt,
        sent: &Sent,
        deadline: Instant,
        now: SystemTime,
    ) -> Option<Name> {
        let failover = self.failover.as_ref()?;
        let (reference, kept) = receipt.reference.as_ref().zip(sent.kept.as_deref())?;
        if receipt.state == State::Delivered {
            failover.forget(reference, kept).await;
            return None;
        }
        let next = failover.pursue(reference, deadline, now).await;
        next.unwrap_or_else(|error| {
            tracing::warn!(%error, "a code was not sent on; the next run tries again");
            None
        })
    }

    /// The effects of a text's first final state.
    async fn act(&self, provider: Name, receipt: &DeliveryReceipt, sent: &Sent, now: SystemTime) {
        // A text that is not in the journal cannot be `First`.
        let Some(reference) = &receipt.reference else {
            return;
        };
        let waited = Duration::from_secs(epoch(now).saturating_sub(sent.at));
        let Some(event) = decide::event(receipt.state, waited) else {
            return;
        };
        let line = Line {
            provider: provider.word().to_owned(),
            region: sent.region.clone(),
            sender: sent.sender.clone(),
        };
        let count = scoreboard::count(&line, reference, event, &self.table, now);
        let avoid = self.avoid(provider, receipt, sent, epoch(now), now);
        let feedback = async {
            if decide::is_lost_code(receipt) {
                let (id, twilio) = (receipt.id.as_deref(), self.twilio.as_ref());
                let feedback = &self.feedback;
                feedback.tell(provider.word(), id, false, twilio, now).await;
            }
        };
        let (counted, avoided, ()) = tokio::join!(count, avoid, feedback);
        // The state is stored, so this receipt needs no repetition. If one comes, it repeats what
        // the next code avoids.
        for error in [counted.err(), avoided.err()].into_iter().flatten() {
            tracing::warn!(%error, "an effect of a receipt could not be stored");
        }
    }
}

/// The reply, with the provider that took the code on.
fn sent_on(reply: Reply, next: Option<Name>) -> Reply {
    match next {
        Some(name) => reply.field("next", name.word()).metric("SentAgain", 1),
        None => reply,
    }
}

fn configured<T>(secret: Option<&Secret<T>>) -> Result<&Secret<T>, Reply> {
    secret.ok_or_else(|| Reply::refused(403, "provider_not_configured"))
}
