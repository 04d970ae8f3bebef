//! KMS: what is decrypted, what is tried again, what an error says, and the signature.

use std::time::{Duration, Instant};

use ring::{digest, hmac};
use sandbox::Sandbox;
use sandbox::aws::KEY_ARN;
use sandbox::wire::{Exchange, Fault};
use secrecy::ExposeSecret as _;
use serde_json::json;
use shared::platform::kms::{Context, KeyArn, Kms, KmsError};
use shared::platform::runtime::now;
use shared::platform::{aws, config};

struct Setup {
    sandbox: Sandbox,
    kms: Kms,
    key: KeyArn,
    context: Context,
}

async fn setup() -> Setup {
    let sandbox = Sandbox::start().await;
    let kms = Kms::new(&crate::aws(&sandbox), &crate::client());
    let context = [("userpool-id".to_owned(), "eu-west-1_EXAMPLE".to_owned())].into();
    Setup {
        sandbox,
        kms,
        key: KEY_ARN.parse().unwrap(),
        context,
    }
}

impl Setup {
    async fn encrypt(&self) -> Result<Vec<u8>, KmsError> {
        let plaintext = b"your code is 271828";
        self.kms
            .encrypt(&self.key, plaintext, &self.context, now())
            .await
    }

    async fn decrypt(&self, ciphertext: &[u8]) -> Result<Vec<u8>, KmsError> {
        let plaintext = self
            .kms
            .decrypt(&self.key, ciphertext, &self.context, now())
            .await?;
        assert_eq!(format!("{plaintext:?}"), "SecretBox<[u8]>([REDACTED])");
        Ok(plaintext.expose_secret().to_vec())
    }

    fn requests(&self) -> usize {
        self.sandbox.aws.kms().exchanges().len()
    }

    async fn refused(&self, ciphertext: &[u8], why: &str) {
        let before = self.requests();
        let error = self.decrypt(ciphertext).await.unwrap_err();
        assert_eq!(error, KmsError::Refused(why.to_owned()));
        assert_eq!(self.requests(), before + 1, "a refusal is not repeated");
    }
}

fn answer(status: u16, body: &str) -> Fault {
    Fault::Answer {
        status,
        headers: vec![],
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn what_is_encrypted_is_decrypted_with_the_same_context() {
    let mut setup = setup().await;
    let ciphertext = setup.encrypt().await.unwrap();
    let plaintext = setup.decrypt(&ciphertext).await.unwrap();
    assert_eq!(plaintext, b"your code is 271828");
    setup.context.insert("more".to_owned(), "1".to_owned());
    let why = "Decrypt: InvalidCiphertextException";
    setup.refused(&ciphertext, why).await;
}

#[tokio::test]
async fn what_cannot_succeed_is_refused_at_once() {
    let mut setup = setup().await;
    let ciphertext = setup.encrypt().await.unwrap();
    let mut broken = ciphertext.clone();
    *broken.last_mut().unwrap() ^= 1;
    setup
        .refused(&broken, "Decrypt: InvalidCiphertextException")
        .await;
    setup.sandbox.aws.enable_key(KEY_ARN, false);
    setup
        .refused(&ciphertext, "Decrypt: DisabledException")
        .await;
    let other = setup.sandbox.aws.create_key();
    setup.key = other.parse().unwrap();
    setup
        .refused(&ciphertext, "Decrypt: IncorrectKeyException")
        .await;
    setup.sandbox.aws.remove_key(&other);
    setup
        .refused(&ciphertext, "Decrypt: NotFoundException")
        .await;
    let variables = setup.sandbox.env_for("api-call");
    let role = config::read(&|name| variables.get(name).cloned(), aws::Settings::read).unwrap();
    setup.kms = Kms::new(&role, &crate::client());
    setup
        .refused(&ciphertext, "Decrypt: AccessDeniedException")
        .await;
    assert_eq!(setup.sandbox.complaints().len(), 1);
}

#[tokio::test]
async fn what_may_pass_is_tried_three_times() {
    let setup = setup().await;
    let faults = setup.sandbox.aws.kms().faults();
    for _ in 0..2 {
        faults.next(answer(500, r#"{"__type":"KMSInternalException"}"#));
    }
    let ciphertext = setup.encrypt().await.unwrap();
    assert_eq!(setup.requests(), 3);
    for (fault, why) in [
        (
            answer(500, r#"{"__type":"KMSInternalException"}"#),
            "Decrypt: KMSInternalException",
        ),
        (
            answer(400, r#"{"__type":"ThrottlingException","message":"Rate"}"#),
            "Decrypt: ThrottlingException",
        ),
        (
            answer(503, r#"{"__type":"a.b#DependencyTimeoutException"}"#),
            "Decrypt: DependencyTimeoutException",
        ),
        (answer(429, ""), "Decrypt: unknown error"),
        (answer(502, "<html>"), "Decrypt: unknown error"),
        (Fault::Garbage, "Decrypt: unreadable answer"),
        (Fault::Truncate, "Decrypt: unreadable answer"),
        (Fault::Oversize(100_000), "Decrypt: unreadable answer"),
        (
            Fault::ResetAfter,
            "Decrypt: outcome unknown: connection lost",
        ),
    ] {
        setup.sandbox.aws.kms().clear_exchanges();
        faults.always(Some(fault));
        let error = setup.decrypt(&ciphertext).await.unwrap_err();
        assert_eq!(error, KmsError::Unavailable(why.to_owned()));
        assert_eq!(setup.requests(), 3, "{why}");
    }
    faults.always(None);
    faults.refuse(true);
    let error = setup.decrypt(&ciphertext).await.unwrap_err();
    let why = "Decrypt: not sent: no connection".to_owned();
    assert_eq!(error, KmsError::Unavailable(why));
}

#[tokio::test]
async fn all_attempts_together_take_at_most_six_seconds() {
    let setup = setup().await;
    setup.sandbox.aws.kms().faults().always(Some(Fault::Hang));
    let started = Instant::now();
    let error = setup.encrypt().await.unwrap_err();
    let why = "Encrypt: no answer in time".to_owned();
    assert_eq!(error, KmsError::Unavailable(why));
    assert!(started.elapsed() < Duration::from_secs(9));
    assert_eq!(setup.requests(), 3);
}

/// A text of KMS may repeat what it was given. Only a code gets through.
#[tokio::test]
async fn no_error_repeats_a_text_of_the_answer() {
    let setup = setup().await;
    let faults = setup.sandbox.aws.kms().faults();
    for body in [
        r#"{"__type":"your code is 271828","message":"your code is 271828"}"#,
        r#"{"__type":"","message":"271828"}"#,
        r#"{"__type":["271828"]}"#,
        "271828",
    ] {
        faults.next(answer(400, body));
        setup.refused(b"271828", "Decrypt: unknown error").await;
    }
}

#[tokio::test]
async fn an_answer_of_another_key_is_refused() {
    let setup = setup().await;
    let ciphertext = setup.encrypt().await.unwrap();
    let other = setup.sandbox.aws.create_key();
    let body = json!({ "KeyId": other, "Plaintext": "AAAA" }).to_string();
    setup.sandbox.aws.kms().faults().next(answer(200, &body));
    setup
        .refused(&ciphertext, "Decrypt: another key answered")
        .await;
}

#[tokio::test]
async fn an_answer_may_leave_out_which_key_it_was() {
    let setup = setup().await;
    let ciphertext = setup.encrypt().await.unwrap();
    for body in [
        json!({ "Plaintext": "AAAA" }),
        json!({ "Plaintext": "AAAA", "KeyId": null }),
    ] {
        let faults = setup.sandbox.aws.kms().faults();
        faults.next(answer(200, &body.to_string()));
        assert!(setup.decrypt(&ciphertext).await.is_ok(), "{body}");
    }
}

/// Signs again what was received:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.
fn signature(exchange: &Exchange, secret: &str) -> String {
    let header = |name: &str| {
        let found = exchange.headers.iter().find(|(known, _)| known == name);
        found.unwrap().1.clone()
    };
    let authorization = header("authorization");
    let part = |name: &str| {
        let rest = authorization.split_once(name).unwrap().1;
        rest.split(',').next().unwrap().to_owned()
    };
    let signed = part("SignedHeaders=");
    let headers: Vec<String> = signed
        .split(';')
        .map(|name| format!("{name}:{}\n", header(name)))
        .collect();
    let headers = headers.concat();
    let hash = |bytes: &[u8]| hex::encode(digest::digest(&digest::SHA256, bytes));
    let canonical = format!(
        "{}\n{}\n\n{headers}\n{signed}\n{}",
        exchange.method,
        exchange.target,
        hash(&exchange.request)
    );
    let credential = part("Credential=");
    let scope = credential.split_once('/').unwrap().1;
    let text = format!(
        "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
        header("x-amz-date"),
        hash(canonical.as_bytes())
    );
    let mac = |key: &[u8], text: &str| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
            .as_ref()
            .to_vec()
    };
    let start = format!("AWS4{secret}").into_bytes();
    let key = scope.split('/').fold(start, |key, part| mac(&key, part));
    hex::encode(mac(&key, &text))
}

#[tokio::test]
async fn the_signature_covers_what_is_sent() {
    let setup = setup().await;
    setup.encrypt().await.unwrap();
    let exchange = &setup.sandbox.aws.kms().exchanges()[0];
    let header = |name: &str| {
        let found = exchange.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let authorization = header("authorization");
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIASANDBOX/"));
    assert!(authorization.contains("/eu-west-1/kms/aws4_request, "));
    assert!(authorization.contains(
        "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, "
    ));
    assert_eq!(header("x-amz-security-token"), "sandbox-session-token");
    let made = signature(exchange, "sandbox-secret-access-key");
    assert!(authorization.ends_with(&format!("Signature={made}")));
}
