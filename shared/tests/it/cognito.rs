//! Cognito's custom SMS sender: official messages (provenance in the file), changed and invented ones, and the sandbox's user pool.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use sandbox::Sandbox;
use sandbox::aws::KEY_ARN;
use sandbox::cognito::{CLIENT_ID, POOL};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use shared::platform::kms::KeyArn;
use shared::platform::runtime::now;
use shared::vendors::cognito::event::{Event, EventError, Trigger, is_event};
use shared::vendors::cognito::message::{Message, Refused};

fn vector(id: &str) -> Value {
    let file: Value = serde_json::from_str(include_str!("../vectors/cognito.json")).unwrap();
    let mut cases = file["cases"].as_array().unwrap().iter();
    cases.find(|case| case["id"] == id).unwrap().clone()
}

fn bytes(case: &Value, name: &str) -> Vec<u8> {
    STANDARD.decode(case[name].as_str().unwrap()).unwrap()
}

fn key(case: &Value) -> KeyArn {
    case["key_arn"].as_str().unwrap().parse().unwrap()
}

fn opened(message: &[u8], data_key: &[u8]) -> Result<String, Refused> {
    let text = Message::parse(message)?.open(data_key)?;
    Ok(text.expose_secret().to_owned())
}

#[test]
fn a_message_of_the_official_library_is_read() {
    let case = vector("suite-0378");
    let code = bytes(&case, "ciphertext_base64");
    let message = Message::parse(&code).unwrap();
    let context: Value = serde_json::to_value(message.context()).unwrap();
    assert_eq!(context, case["encryption_context"]);
    let pool = case["encryption_context"]["userpool-id"].as_str().unwrap();
    let blob = message.data_key(pool, &key(&case)).unwrap();
    assert_eq!(blob, bytes(&case, "encrypted_data_key_base64"));
    let text = message.open(&bytes(&case, "data_key_base64")).unwrap();
    assert_eq!(text.expose_secret(), case["plaintext"].as_str().unwrap());
}

#[test]
fn another_suite_is_refused_by_its_number() {
    let case = vector("suite-0578");
    let code = bytes(&case, "ciphertext_base64");
    let refused = Message::parse(&code).err().unwrap();
    assert_eq!(refused, Refused::Suite(0x0578));
    assert_eq!(
        refused.to_string(),
        "the message is of suite 0578; only suite 0378 is read"
    );
    let mut unsigned = bytes(&vector("suite-0378"), "ciphertext_base64");
    unsigned[2..4].copy_from_slice(&[0x01, 0x78]);
    let refused = Message::parse(&unsigned).err();
    assert_eq!(refused, Some(Refused::Suite(0x0178)));
}

#[test]
fn a_message_of_another_pool_or_key_is_refused_before_kms_is_asked() {
    let case = vector("suite-0378");
    let code = bytes(&case, "ciphertext_base64");
    let message = Message::parse(&code).unwrap();
    let refused = message.data_key("eu-west-1_OTHER", &key(&case)).err();
    assert_eq!(refused, Some(Refused::Pool));
    let other = KEY_ARN.parse().unwrap();
    let refused = message.data_key("eu-west-1_EXAMPLE", &other).err();
    assert_eq!(refused, Some(Refused::Key));
}

#[test]
fn a_wrong_data_key_opens_nothing() {
    let case = vector("suite-0378");
    let (code, data_key) = (
        bytes(&case, "ciphertext_base64"),
        bytes(&case, "data_key_base64"),
    );
    assert_eq!(opened(&code, &[0; 32]), Err(Refused::NotAuthentic));
    for length in [0, 16, 31] {
        assert_eq!(opened(&code, &data_key[..length]), Err(Refused::DataKey));
    }
}

/// The place after the last frame, where the signature's length is.
fn footer(code: &[u8]) -> usize {
    let length = 103;
    let at = code.len() - length - 2;
    assert_eq!(code[at..at + 2], [0, 103]);
    at
}

#[test]
fn a_message_that_is_cut_anywhere_is_refused() {
    let code = bytes(&vector("suite-0378"), "ciphertext_base64");
    for length in 0..code.len() {
        assert!(Message::parse(&code[..length]).is_err(), "{length}");
    }
    let longer = [&code[..], &[0]].concat();
    assert_eq!(Message::parse(&longer).err(), Some(Refused::Trailing));
}

#[test]
fn a_message_is_read_up_to_16_kb() {
    let code = bytes(&vector("suite-0378"), "ciphertext_base64");
    let padded = |length| [&code[..], &vec![0; length - code.len()]].concat();
    for (length, refused) in [
        (16 * 1024, Refused::Trailing),
        (16 * 1024 + 1, Refused::TooLong),
    ] {
        assert_eq!(Message::parse(&padded(length)).err(), Some(refused));
    }
}

/// Encrypts again what the official message holds, in frames of four bytes, with its own header.
fn framed(plaintext: &[u8], numbers: impl Fn(u32) -> u32) -> Vec<u8> {
    use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let case = vector("suite-0378");
    let code = bytes(&case, "ciphertext_base64");
    let header_length = footer(&code) - (4 + 4 + 12 + 4 + 6 + 16) - 28;
    let mut header = code[..header_length].to_vec();
    header[header_length - 4..].copy_from_slice(&4_u32.to_be_bytes());
    let id = header[4..20].to_vec();
    let salt = ring::hkdf::Salt::new(ring::hkdf::HKDF_SHA384, &[]);
    let derived = salt.extract(&bytes(&case, "data_key_base64"));
    let info = [&header[2..4], &id];
    let key = UnboundKey::from(derived.expand(&info, &AES_256_GCM).unwrap());
    let key = LessSafeKey::new(key);
    let seal = |iv: [u8; 12], authenticated: &[u8], content: &[u8]| {
        let mut sealed = content.to_vec();
        let nonce = Nonce::assume_unique_for_key(iv);
        key.seal_in_place_append_tag(nonce, Aad::from(authenticated), &mut sealed)
            .unwrap();
        sealed
    };
    let mut message = [&header[..], &[0; 12], &seal([0; 12], &header, &[])].concat();
    let chunks: Vec<&[u8]> = plaintext.chunks(4).collect();
    for (number, chunk) in (1..).zip(&chunks) {
        let is_final = usize::try_from(number) == Ok(chunks.len());
        let sequence = numbers(number).to_be_bytes();
        let mut iv = [0; 12];
        iv[8..].copy_from_slice(&sequence);
        let kind: &[u8] = if is_final {
            b"AWSKMSEncryptionClient Final Frame"
        } else {
            b"AWSKMSEncryptionClient Frame"
        };
        let length = (chunk.len() as u64).to_be_bytes();
        if is_final {
            message.extend([0xff; 4]);
        }
        message.extend(sequence);
        message.extend(iv);
        if is_final {
            message.extend(&length[4..]);
        }
        message.extend(seal(iv, &[&id, kind, &sequence, &length].concat(), chunk));
    }
    message.extend([0, 0]);
    message
}

#[test]
fn a_message_may_have_several_frames() {
    let data_key = bytes(&vector("suite-0378"), "data_key_base64");
    let text = "Tmp-Passw0rd!";
    let message = framed(text.as_bytes(), |number| number);
    assert_eq!(opened(&message, &data_key).as_deref(), Ok(text));
    let message = framed(text.as_bytes(), |number| number + 1);
    let refused = Err(Refused::Frame("number"));
    assert_eq!(opened(&message, &data_key), refused);
    let message = framed(b"\xff\xfe", |number| number);
    assert_eq!(opened(&message, &data_key), Err(Refused::NotText));
}

#[test]
fn any_flipped_bit_before_the_signature_is_refused() {
    let case = vector("suite-0378");
    let (mut code, data_key) = (
        bytes(&case, "ciphertext_base64"),
        bytes(&case, "data_key_base64"),
    );
    // The length of the signature is checked by the end of the message.
    for at in 0..footer(&code) + 2 {
        for bit in 0..8 {
            code[at] ^= 1 << bit;
            assert!(opened(&code, &data_key).is_err(), "bit {bit} of byte {at}");
            code[at] ^= 1 << bit;
        }
    }
    assert_eq!(opened(&code, &data_key).as_deref(), Ok("271828"));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(code in prop::collection::vec(any::<u8>(), 0..600), data_key in prop::collection::vec(any::<u8>(), 0..40)) {
        prop_assert!(opened(&code, &data_key).is_err());
    }

    #[test]
    fn no_change_of_a_message_makes_it_panic(at in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 0..8), cut in 0usize..8) {
        let case = vector("suite-0378");
        let mut code = bytes(&case, "ciphertext_base64");
        let at = at.index(code.len());
        let end = (at + cut).min(code.len());
        code.splice(at..end, with);
        let _ = opened(&code, &bytes(&case, "data_key_base64"));
    }

    #[test]
    fn no_text_in_an_event_makes_it_panic(source in ".*", code in ".*", number in ".*") {
        let event = json!({ "triggerSource": source, "userPoolId": "p", "request": {
            "type": "customSMSSenderRequestV1", "code": code, "userAttributes": { "phone_number": number },
        } });
        let _ = Event::parse(&event);
    }
}

fn event() -> Value {
    json!({
        "version": "1", "triggerSource": "CustomSMSSender_Authentication", "region": "eu-west-1", "userPoolId": "eu-west-1_EXAMPLE",
        "userName": "ann@example.com", "callerContext": { "awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "3n4b" },
        "request": {
            "type": "customSMSSenderRequestV1", "code": "AYADeA==", "clientMetadata": { "shop": "one", "odd": 1 },
            "userAttributes": { "sub": "s", "phone_number": "+4512345678", "phone_number_verified": "true", "locale": "da", "new": [1] },
        },
        "response": {}, "more": null,
    })
}

#[test]
fn an_event_says_who_gets_a_code_and_why() {
    let parsed = Event::parse(&event()).unwrap();
    assert!(is_event(&event()));
    assert_eq!(
        (parsed.trigger, parsed.number.reveal(), parsed.is_verified),
        (Trigger::Authentication, "+4512345678", true)
    );
    let texts = [
        &parsed.region,
        &Some(parsed.pool.clone()),
        &parsed.user,
        &parsed.subject,
        &parsed.client,
        &parsed.locale,
    ]
    .map(|text| text.clone().unwrap());
    assert_eq!(
        texts,
        [
            "eu-west-1",
            "eu-west-1_EXAMPLE",
            "ann@example.com",
            "s",
            "3n4b",
            "da"
        ]
    );
    assert_eq!(parsed.code, [1, 0x80, 3, 0x78]);
    assert_eq!(
        parsed.metadata,
        [("shop".to_owned(), "one".to_owned())].into()
    );
    assert_eq!(
        format!("{parsed:?}"),
        r#"Event { trigger: Authentication, pool: "eu-west-1_EXAMPLE", number: +45••••5678, .. }"#
    );
}

#[test]
fn every_source_is_known_and_only_one_is_a_password() {
    for trigger in Trigger::ALL {
        let mut event = event();
        event["triggerSource"] = format!("CustomSMSSender_{}", trigger.name()).into();
        assert_eq!(Event::parse(&event).unwrap().trigger, trigger);
    }
    let passwords = Trigger::ALL
        .into_iter()
        .filter(|trigger| trigger.is_password());
    assert_eq!(passwords.collect::<Vec<_>>(), [Trigger::AdminCreateUser]);
}

#[test]
fn what_may_be_missing_may_be_missing() {
    let mut event = event();
    for pointer in [
        "/region",
        "/userName",
        "/callerContext/clientId",
        "/request/clientMetadata",
    ] {
        *event.pointer_mut(pointer).unwrap() = Value::Null;
    }
    let attributes = json!({ "phone_number": "+4512345678" });
    event["request"]["userAttributes"] = attributes;
    let parsed = Event::parse(&event).unwrap();
    assert_eq!(
        (
            &parsed.user,
            &parsed.client,
            &parsed.locale,
            parsed.is_verified
        ),
        (&None, &None, &None, false)
    );
    event["callerContext"]["clientId"] = "CLIENT_ID_NOT_APPLICABLE".into();
    assert_eq!(Event::parse(&event).unwrap().client, None);
}

#[test]
fn what_is_needed_is_named() {
    for (pointer, value, error) in [
        (
            "/triggerSource",
            json!("CustomSMSSender_Other"),
            EventError::Trigger,
        ),
        (
            "/triggerSource",
            json!("CustomEmailSender_SignUp"),
            EventError::Trigger,
        ),
        ("/triggerSource", json!(null), EventError::Trigger),
        (
            "/request/type",
            json!("customSMSSenderRequestV2"),
            EventError::Type,
        ),
        ("/userPoolId", json!(" "), EventError::NoPool),
        ("/request/code", json!(null), EventError::NoCode),
        ("/request/code", json!("271828!"), EventError::Code),
        (
            "/request/userAttributes/phone_number",
            json!(null),
            EventError::NoNumber,
        ),
        (
            "/request/userAttributes/phone_number",
            json!("12345678"),
            EventError::Number,
        ),
    ] {
        let mut event = event();
        *event.pointer_mut(pointer).unwrap() = value;
        assert_eq!(Event::parse(&event), Err(error), "{pointer}");
        let member = pointer[1..].replace('/', ".");
        assert!(error.to_string().starts_with(&member), "{error}");
    }
    for other in [
        json!({}),
        json!([]),
        json!("CustomSMSSender_"),
        json!({ "triggerSource": "CustomEmailSender_SignUp" }),
    ] {
        assert!(
            !is_event(&other) && Event::parse(&other).is_err(),
            "{other}"
        );
    }
    assert!(is_event(&json!({ "triggerSource": "CustomSMSSender_New" })));
}

#[test]
fn a_code_has_one_identity_however_often_it_is_delivered() {
    let first = Event::parse(&event()).unwrap();
    let identity = first.identity();
    assert_eq!(
        (identity.len(), Event::parse(&event()).unwrap().identity()),
        (64, identity.clone())
    );
    let change = |pool: &str, user: &str, code: &[u8]| {
        let mut other = first.clone();
        (other.pool, other.user, other.code) =
            (pool.to_owned(), Some(user.to_owned()), code.to_vec());
        other.identity()
    };
    let (pool, user, code) = ("eu-west-1_EXAMPLE", "ann@example.com", &[1, 0x80, 3, 0x78]);
    assert_eq!(change(pool, user, code), identity);
    for other in [
        change("eu-west-1_EXAMPLF", user, code),
        change(pool, "bob", code),
        change(pool, user, b"other"),
        change("eu-west-1_EXAMPLEa", "nn@example.com", code),
    ] {
        assert_ne!(other, identity);
    }
}

#[tokio::test]
async fn a_code_of_a_user_pool_is_read_with_kms() {
    let sandbox = Sandbox::start().await;
    let kms = shared::platform::kms::Kms::new(&crate::aws(&sandbox), &crate::client());
    let key: KeyArn = KEY_ARN.parse().unwrap();
    for (trigger, code) in [
        ("Authentication", "271828"),
        ("AdminCreateUser", "Tmp-Passw0rd!"),
    ] {
        let sent = sandbox
            .cognito
            .event(trigger, "+4512345678", code, Some("da"));
        let event = Event::parse(&sent).unwrap();
        assert_eq!((event.trigger.name(), event.pool.as_str()), (trigger, POOL));
        assert_eq!(
            event.client.as_deref(),
            (trigger == "Authentication").then_some(CLIENT_ID)
        );
        let message = Message::parse(&event.code).unwrap();
        let blob = message.data_key(&event.pool, &key).unwrap();
        let data_key = kms
            .decrypt(&key, blob, message.context(), now())
            .await
            .unwrap();
        let text = message.open(data_key.expose_secret()).unwrap();
        assert_eq!(text.expose_secret(), code);
        let again =
            Event::parse(&sandbox.cognito.event(trigger, "+4512345678", code, None)).unwrap();
        assert_ne!(again.identity(), event.identity());
    }
}
