//! Secrets without their keys, settings that are wrong.

use sandbox::auth0::LinkPage;
use serde_json::json;

use super::watch::Canary;
use super::{KEY, PHONES, TOKEN, WORD};
use crate::{API, CALL, FLOW, FORWARD, IVR, PROVISION, RECEIVE, SEND};

/// Secrets without their keys, settings that are wrong.
pub(super) async fn starting_badly(canary: &mut Canary) {
    for secret in [
        json!({ "auth_tokem": TOKEN, "signing_kei": KEY }),
        json!(TOKEN),
    ] {
        for id in [
            "switchboard/twilio",
            "switchboard/twilio-send",
            "switchboard/mailgun",
        ] {
            canary.sandbox.aws.set_secret(id, &secret);
        }
        let lambda = canary.run(SEND, &[]).await;
        let mail = canary.verification(PHONES[5], LinkPage::Form).mail;
        assert_eq!(canary.post(&mail).await, 503);
        canary.collect(SEND, lambda, 0).await;
        let lambda = canary.run(RECEIVE, &[]).await;
        canary.text(PHONES[5], "YES").await;
        canary.collect(RECEIVE, lambda, 0).await;
    }
    canary.good_secrets();
    for (function, names) in [
        (
            SEND,
            &[
                "TWILIO_URL",
                "AUTH0_URL",
                "MAIL_SENDERS",
                "RECIPIENT_PATTERN",
                "TWILIO_MESSAGING_SERVICE",
                "SMS_PER_HOUR",
                "ALLOWED_COUNTRIES",
            ][..],
        ),
        (
            RECEIVE,
            &[
                "AUTH0_URL",
                "CONFIRM_WITH",
                "PASSWORD_LINK_MESSAGE",
                "PUBLIC_URL",
                "AWS_ENDPOINT_URL_DYNAMODB",
                "EXTRA_CA_FILE",
            ],
        ),
        (
            CALL,
            &[
                "OKTA_URL",
                "TWILIO_URL",
                "PUBLIC_URL",
                "VOICEMAIL",
                "DIAL_TIMEOUT_SECONDS",
                "ALLOWED_COUNTRIES",
            ],
        ),
        (
            FORWARD,
            &[
                "OKTA_URL",
                "PUBLIC_URL",
                "ALLOWED_COUNTRIES",
                "MESSAGES_PER_PAIR_PER_MINUTE",
            ],
        ),
        (
            IVR,
            &[
                "AUTH0_URL",
                "API_URL",
                "PUBLIC_URL",
                "PIN_LENGTH",
                "PIN_ATTEMPTS",
                "IVR_MENU",
            ],
        ),
        (FLOW, &["AUTH0_URL", "API_URL", "PUBLIC_URL", "API_PATH"]),
        (API, &["AUTH0_URL", "AWS_ENDPOINT_URL_DYNAMODB"]),
        (
            PROVISION,
            &[
                "OKTA_URL",
                "TWILIO_URL",
                "CALL_FORWARD_URL",
                "AREA_PREFIXES",
                "NUMBER_COUNTRY",
                "DRY_RUN",
                "MAX_NUMBERS",
            ],
        ),
    ] {
        let settings: Vec<_> = names.iter().map(|name| (*name, Some(WORD))).collect();
        let lambda = canary.run(function, &settings).await;
        assert!(lambda.wait_ready().await.is_err());
        lambda.wait_exits(1).await;
        canary.output.extend(lambda.log());
        canary.errors.extend(lambda.errors());
    }
}
