//! Calls and texts of employees, and numbers for them.

use sandbox::COMPANY_NUMBER;
use sandbox::wire::{Fault, Server};
use serde_json::json;

use super::watch::{Canary, malformed, quoting};
use super::{HOOK, NUMBERS, PHONES, UNSEEN, WORD};
use crate::{CALL, FORWARD, PROVISION};

/// Employees: one whose number is in order, and one for each way in which it is not.
fn employees(canary: &Canary, mobile: &str) {
    let okta = &canary.sandbox.okta;
    for user in okta.users() {
        okta.delete(&user.id);
    }
    okta.hire(WORD, mobile, COMPANY_NUMBER);
    okta.hire(WORD, WORD, NUMBERS[1]);
    okta.hire(WORD, "+442071838750", NUMBERS[2]);
    okta.set_status(&okta.hire(WORD, mobile, NUMBERS[3]), "SUSPENDED");
    okta.hire(WORD, PHONES[5], NUMBERS[4]);
    okta.hire(WORD, PHONES[6], NUMBERS[4]);
}

pub(super) fn upstream_faults() -> Vec<Fault> {
    let quotes = [500, 429, 401, 403, 400, 302, 200].map(quoting);
    quotes
        .into_iter()
        .chain([
            Fault::Garbage,
            Fault::Truncate,
            Fault::ResetAfter,
            Fault::ResetBefore,
        ])
        .collect()
}

pub(super) async fn calling(canary: &mut Canary) {
    let lambda = canary.run(CALL, &[("VOICEMAIL", Some("on"))]).await;
    let (mobile, caller) = (PHONES[0], PHONES[1]);
    employees(canary, mobile);
    for number in NUMBERS.into_iter().chain([COMPANY_NUMBER]) {
        canary.sandbox.twilio.call(caller, number).await;
    }
    for fault in upstream_faults() {
        canary.sandbox.okta.server().faults().next(fault);
        canary.sandbox.twilio.call(caller, UNSEEN).await;
        canary.sandbox.okta.server().faults().clear();
    }
    canary.sandbox.twilio.phone_rings_out(mobile);
    for fault in upstream_faults().into_iter().map(Some).chain([None]) {
        if let Some(fault) = fault {
            canary.sandbox.twilio.server().faults().next(fault);
        }
        let call = canary
            .sandbox
            .twilio
            .caller(PHONES[2])
            .records(12)
            .call(COMPANY_NUMBER)
            .await;
        canary.sandbox.twilio.server().faults().clear();
        canary.mark(&call.recordings[0].url);
        canary.mark(&call.recordings[0].sid);
    }
    for fault in [quoting(500), quoting(400), Fault::Garbage] {
        canary.sandbox.aws.dynamodb().faults().always(Some(fault));
        canary
            .sandbox
            .twilio
            .caller(PHONES[3])
            .records(12)
            .call(COMPANY_NUMBER)
            .await;
        canary.sandbox.aws.dynamodb().faults().clear();
    }
    canary.sandbox.twilio.phone_forwards(mobile, COMPANY_NUMBER);
    canary.sandbox.twilio.call(PHONES[4], COMPANY_NUMBER).await;
    let params = canary.sandbox.twilio.inbound_call(caller, COMPANY_NUMBER);
    canary
        .sandbox
        .twilio
        .post_call_signed(params, lambda.url(), WORD)
        .await;
    for event in malformed() {
        let _answer_or_error = lambda.invoke(event).await;
    }
    canary.sandbox.twilio.alerts();
    canary.collect(CALL, lambda, malformed().len()).await;

    let lambda = canary.run(CALL, &[]).await;
    canary.sandbox.twilio.phone_busy(mobile);
    canary.sandbox.twilio.call(PHONES[7], COMPANY_NUMBER).await;
    canary.collect(CALL, lambda, 0).await;
}

pub(super) async fn texting(canary: &mut Canary) {
    let lambda = canary.run(FORWARD, &[]).await;
    let (mobile, sender) = (PHONES[0], PHONES[1]);
    employees(canary, mobile);
    canary
        .sandbox
        .twilio
        .text(mobile, COMPANY_NUMBER, WORD)
        .await;
    for number in NUMBERS.into_iter().chain([COMPANY_NUMBER]) {
        canary.sandbox.twilio.text(sender, number, WORD).await;
    }
    let text = canary.sandbox.twilio.inbound(sender, UNSEEN, WORD);
    for fault in upstream_faults() {
        canary.sandbox.okta.server().faults().next(fault);
        canary
            .sandbox
            .twilio
            .deliver(text.clone(), lambda.url())
            .await;
        canary.sandbox.okta.server().faults().clear();
    }
    canary
        .sandbox
        .twilio
        .picture(
            PHONES[2],
            COMPANY_NUMBER,
            WORD,
            &["https://api.twilio.com/zebrafinch.jpg"],
        )
        .await;
    canary
        .sandbox
        .twilio
        .text(mobile, COMPANY_NUMBER, WORD)
        .await;
    canary
        .sandbox
        .twilio
        .text(mobile, COMPANY_NUMBER, &format!("{}: {WORD}", PHONES[3]))
        .await;
    let text = canary
        .sandbox
        .twilio
        .inbound(PHONES[4], COMPANY_NUMBER, WORD);
    for _ in 0..2 {
        canary
            .sandbox
            .twilio
            .deliver(text.clone(), lambda.url())
            .await;
    }
    canary
        .sandbox
        .twilio
        .deliver_signed(text, lambda.url(), WORD)
        .await;
    for fault in [quoting(500), quoting(400), Fault::Garbage] {
        canary.sandbox.aws.dynamodb().faults().always(Some(fault));
        canary
            .sandbox
            .twilio
            .text(PHONES[5], COMPANY_NUMBER, WORD)
            .await;
        canary.sandbox.aws.dynamodb().faults().clear();
    }
    for _ in 0..6 {
        canary
            .sandbox
            .twilio
            .text(PHONES[6], COMPANY_NUMBER, WORD)
            .await;
    }
    canary
        .sandbox
        .twilio
        .text(PHONES[7], COMPANY_NUMBER, "STOP")
        .await;
    for event in malformed() {
        let _answer_or_error = lambda.invoke(event).await;
    }
    canary.sandbox.twilio.alerts();
    canary.collect(FORWARD, lambda, malformed().len()).await;
}

pub(super) async fn provisioning(canary: &mut Canary) {
    let lambda = canary.run(PROVISION, &[]).await;
    employees(canary, PHONES[0]);
    let hook = format!("{}okta", lambda.url());
    let new = canary.sandbox.okta.hire(WORD, PHONES[1], "");
    canary
        .sandbox
        .okta
        .deliver_event(&hook, WORD, "user.lifecycle.activate", &new)
        .await;
    for _ in 0..2 {
        canary
            .sandbox
            .okta
            .deliver_event(&hook, HOOK, "user.lifecycle.activate", &new)
            .await;
    }
    canary
        .sandbox
        .okta
        .deliver(&hook, HOOK, &json!({ "eventId": WORD, "data": WORD }))
        .await;
    let okta = canary.sandbox.okta.server().faults();
    okta.always(Some(sandbox::scene::status(500)));
    let _failed = lambda.invoke(json!({})).await;
    okta.clear();
    let mut runs = 1;
    for fault in upstream_faults() {
        for faults in [
            canary.sandbox.okta.server(),
            canary.sandbox.twilio.server(),
            canary.sandbox.aws.dynamodb(),
        ]
        .map(Server::faults)
        {
            faults.next(fault.clone());
            let _refused = lambda.invoke(json!({})).await;
            faults.clear();
            runs += 1;
        }
    }
    lambda.invoke(json!({})).await.unwrap();
    for number in canary.sandbox.twilio.owned() {
        canary.mark(&number.number[2..]);
    }
    for event in malformed() {
        let _refused = lambda.invoke(event).await;
    }
    canary
        .collect(PROVISION, lambda, runs + 1 + malformed().len())
        .await;
}
