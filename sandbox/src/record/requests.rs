//! The simulators' requests and events. Fixed values replace the random ones.

use serde_json::{Value, json};

use super::{
    AT, PHONE, TENANT,
    payload::{get, set},
};
use crate::{
    COMPANY_NUMBER, Sandbox, auth0::TicketMail, cognito::RECORDED_CODE, supabase::Supabase, twilio,
};

/// Cognito's event for a person who signs in.
pub(super) fn sign_in(sandbox: &Sandbox) -> Value {
    let mut event = sandbox
        .cognito
        .event("Authentication", PHONE, "271828", Some("en"));
    event["userName"] = "00000000-0000-4000-8000-000000000004".into();
    event["request"]["userAttributes"]["sub"] = event["userName"].clone();
    event["request"]["code"] = RECORDED_CODE.into();
    event
}

/// The POST of a mail. Each `number` gives another mail.
pub(super) fn mail(sandbox: &Sandbox, made: TicketMail, number: u8) -> Vec<(String, String)> {
    let TicketMail {
        mut mail, ticket, ..
    } = made;
    mail.message_id = format!("<20261120120000.{number}@mail.acme.example>");
    mail.html = mail
        .html
        .replace(&sandbox.auth0.server().url(), TENANT)
        .replace(&ticket, &format!("{number:032x}"));
    let token = format!("{number:050x}");
    let mut fields = sandbox.mailgun.fields(&mail, AT);
    set(&mut fields, "message-url", |url| {
        *url = format!(
            "https://storage.eu.mailgun.net/v3/domains/sms.example.com/messages/{number:032x}"
        );
    });
    set(&mut fields, "signature", |signature| {
        *signature = sandbox.mailgun.sign(&AT.to_string(), &token);
    });
    set(&mut fields, "token", |old| *old = token);
    fields
}

/// The parameters of a text. Each `number` gives another text.
pub(super) fn text(sandbox: &Sandbox, body: &str, number: u8) -> Vec<(String, String)> {
    numbered(sandbox.twilio.inbound(PHONE, twilio::NUMBER, body), number)
}

/// Replaces the SID by a fixed one. The prefix `SM` or `MM` stays.
pub(super) fn numbered(mut params: Vec<(String, String)>, number: u8) -> Vec<(String, String)> {
    for name in ["MessageSid", "SmsSid", "SmsMessageSid"] {
        set(&mut params, name, |sid| {
            sid.replace_range(2.., &format!("{number:032x}"));
        });
    }
    params
}

/// The parameters of a call to the company number.
pub(super) fn call(sandbox: &Sandbox) -> Vec<(String, String)> {
    call_to(sandbox, COMPANY_NUMBER, 1)
}

/// The parameters of a call. Each `number` gives another call.
pub(super) fn call_to(sandbox: &Sandbox, to: &str, number: u8) -> Vec<(String, String)> {
    let mut params = sandbox.twilio.inbound_call(PHONE, to);
    set(&mut params, "CallSid", |sid| {
        *sid = format!("CA{number:032x}");
    });
    set(&mut params, "CallToken", |token| {
        r#"{"parentCallInfoToken":"0","identityHeaderTokens":[]}"#.clone_into(token);
    });
    params
}

/// Okta's request for a code, as Okta's own example has it. Only the code's end is in a century. A
/// duplicate has the same `eventId`.
pub(super) fn code_of_okta(sandbox: &Sandbox, request: &str) -> Value {
    let mut hook = sandbox.okta.code_request("+4512345678", "271828");
    hook["eventId"] = "uS5871kJThSsU8qlA1LTcg".into();
    hook["eventTime"] = "2026-11-20T12:00:00.000Z".into();
    hook["data"]["context"]["request"]["id"] = request.into();
    hook["data"]["messageProfile"]["otpExpires"] = "2126-11-20T12:05:00.000Z".into();
    hook
}

/// The body of Supabase's hook.
pub(super) fn asked_by_supabase() -> String {
    let mut body = Supabase::body(PHONE, "161803");
    body["metadata"]["uuid"] = "00000000-0000-4000-8000-000000000005".into();
    body["metadata"]["time"] = "2026-11-20T12:00:00.000Z".into();
    body.sort_all_objects();
    body.to_string()
}

/// Okta's event for a new employee.
pub(super) fn hired(sandbox: &Sandbox) -> Value {
    let mut event = sandbox
        .okta
        .event("user.lifecycle.activate", "00u00000000000000001");
    event["eventId"] = "00000000-0000-4000-8000-000000000002".into();
    event["eventTime"] = "2026-11-20T12:00:00.000Z".into();
    event["data"]["events"][0]["uuid"] = "00000000-0000-4000-8000-000000000003".into();
    event["data"]["events"][0]["published"] = "2026-11-20T11:59:58.000Z".into();
    event["data"]["events"][0]["target"][0]["alternateId"] = "ann@acme.example".into();
    event["data"]["events"][0]["target"][0]["displayName"] = "Ann Example".into();
    event
}

/// The event of `EventBridge` Scheduler.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html>
pub(super) fn schedule() -> Value {
    json!({
        "version": "0",
        "id": "00000000-0000-4000-8000-000000000001",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": "000000000000",
        "time": "2026-11-20T12:00:00Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:scheduler:eu-west-1:000000000000:schedule/default/switchboard-ProvisionNumbersRun-1ABCDEFGHIJKL"],
        "detail": "{}",
    })
}

/// Okta's challenge, with which it verifies the URL of its event hook.
pub(super) fn challenge() -> Value {
    let headers = [(
        "x-okta-verification-challenge",
        "0123456789abcdef0123456789abcdef01234567",
    )];
    get("/okta", "", "Okta-Event-Hooks/1.0", &headers)
}
