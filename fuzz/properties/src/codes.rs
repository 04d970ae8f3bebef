//! Codes of Cognito: messages of the AWS Encryption SDK, written a second time.
//! <https://docs.aws.amazon.com/encryption-sdk/latest/developer-guide/message-format.html>

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA384, Salt};
use sandbox::aws::KEY_ARN;
use secrecy::ExposeSecret as _;
use shared::platform::kms::KeyArn;
use shared::vendors::cognito::message::{Message, Refused};

/// A message of the official library, and its data key (`shared/tests/vectors/cognito.json`).
const OFFICIAL: &[u8] = include_bytes!("../../corpus/cognito/suite-0378");
const VECTORS: &str = include_str!("../../../shared/tests/vectors/cognito.json");
const SUITE: u16 = 0x0378;
/// Longer messages are not read.
const LIMIT: usize = 16 * 1024;
/// An encrypted data key. KMS alone can read it.
const BLOB: &[u8] = b"blob";
const PUBLIC_KEY: &str = "aws-crypto-public-key";

/// No code opens with a data key that is not its own. The official code opens only unchanged. A code
/// that is written as the input says opens with its data key, and says what was written. After one
/// change before its signature it does not.
///
/// The first six bytes are choices: the suite, the length of a frame, the other data keys, the kind,
/// the place and the byte of the change. A line is the user pool, and the rest what is encrypted.
pub fn cognito(data: &[u8]) {
    if let Ok(message) = Message::parse(data) {
        assert!(message.open(&[0; 32]).is_err());
        let text = message
            .open(&OFFICIAL_KEY)
            .map(|text| text.expose_secret().to_owned());
        if is_same_signed(data, OFFICIAL, signature_at(OFFICIAL)) {
            assert_eq!(text.as_deref(), Ok("271828"));
        } else {
            assert!(text.is_err(), "a changed message was opened");
        }
    }
    let Some((choices, rest)) = data.split_first_chunk() else {
        return;
    };
    let end = rest.iter().position(|byte| *byte == b'\n');
    let (pool, plaintext) = rest.split_at(end.unwrap_or(0));
    let plaintext = plaintext.strip_prefix(b"\n").unwrap_or(plaintext);
    let pool: String = String::from_utf8_lossy(pool).chars().take(100).collect();
    written(*choices, &pool, plaintext);
}

/// The data key of the official message.
static OFFICIAL_KEY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let file: serde_json::Value = serde_json::from_str(VECTORS).expect("the vectors are JSON");
    let cases = file["cases"].as_array().expect("cases");
    let case = cases.iter().find(|case| case["id"] == "suite-0378");
    let text = case.expect("the case")["data_key_base64"].as_str();
    STANDARD.decode(text.expect("a key")).expect("base64")
});

/// Where the signature's length is in the official message.
fn signature_at(message: &[u8]) -> usize {
    let at = message.len() - 103 - 2;
    assert_eq!(message[at..at + 2], [0, 103]);
    at
}

/// Whether all before the signature is as it was, and a whole signature follows. Nobody verifies the
/// signature, because KMS and the tags cover everything else.
fn is_same_signed(changed: &[u8], message: &[u8], signature: usize) -> bool {
    let Some(footer) = changed.strip_prefix(&message[..signature]) else {
        return false;
    };
    footer
        .split_first_chunk()
        .is_some_and(|(length, rest)| usize::from(u16::from_be_bytes(*length)) == rest.len())
}

fn written([suite, frame, others, kind, place, byte]: [u8; 6], pool: &str, plaintext: &[u8]) {
    let key = [b'k'; 32];
    let suite = match suite {
        b'b' => 0x0178,
        b'c' => 0x0578,
        b'd' => 0x0478,
        b'e' => 0x0214,
        _ => SUITE,
    };
    let has_public_key = others != b'p';
    let mut context = BTreeMap::from([("userpool-id".to_owned(), pool.to_owned())]);
    if has_public_key {
        context.insert(PUBLIC_KEY.to_owned(), "A0A=".to_owned());
    }
    if others % 2 == 1 {
        context.insert(pool.to_owned(), "of the pool's name".to_owned());
    }
    let code = Written {
        suite,
        frame: usize::from(frame.max(1)),
        context,
        others: usize::from(others % 3),
        plaintext,
    };
    let (message, signature) = code.seal(&key);
    let parsed = Message::parse(&message);
    let expected = if message.len() > LIMIT {
        Some(Refused::TooLong)
    } else if suite != SUITE {
        Some(Refused::Suite(suite))
    } else if has_public_key {
        None
    } else {
        Some(Refused::Header("encryption context"))
    };
    assert_eq!(parsed.as_ref().err(), expected.as_ref());
    let Ok(parsed) = parsed else {
        return;
    };
    assert_eq!(parsed.context(), &code.context);
    let arn: KeyArn = KEY_ARN.parse().expect("an ARN");
    let named = code.context["userpool-id"].clone();
    assert_eq!(parsed.data_key(&named, &arn), Ok(BLOB));
    let foreign = parsed.data_key(&format!("{named}x"), &arn);
    assert_eq!(foreign, Err(Refused::Pool));
    let text = str::from_utf8(plaintext).map_err(|_| Refused::NotText);
    let opened = |parsed: &Message<'_>, key: &[u8]| {
        let opened = parsed.open(key);
        opened.map(|text| text.expose_secret().to_owned())
    };
    assert_eq!(opened(&parsed, &key).as_deref(), text.as_ref().copied());
    let mut wrong = key;
    wrong[usize::from(place) % 32] ^= 1 << (byte % 8);
    assert_eq!(opened(&parsed, &wrong), Err(Refused::NotAuthentic));

    let changed = changed(&message, kind, place, byte);
    let again = Message::parse(&changed).and_then(|parsed| opened(&parsed, &key));
    if is_same_signed(&changed, &message, signature) {
        assert_eq!(again.as_deref(), text.as_ref().copied());
    } else {
        assert!(again.is_err(), "{}", changed.escape_ascii());
    }
}

/// The message after one change. The place is counted from the start or from the end.
fn changed(message: &[u8], kind: u8, place: u8, byte: u8) -> Vec<u8> {
    let mut changed = message.to_vec();
    let at = usize::from(place) * usize::from(1 + byte / 16) % message.len();
    let at = if kind.is_ascii_uppercase() {
        message.len() - 1 - at
    } else {
        at
    };
    match kind.to_ascii_lowercase() {
        b'c' => changed.truncate(at),
        b'd' => drop(changed.remove(at)),
        b'i' => changed.insert(at, byte),
        b's' => changed[at] = byte,
        b'r' => changed[at..].reverse(),
        b't' => changed.push(byte),
        _ => changed[at] ^= 1 << (byte % 8),
    }
    changed
}

/// A message before it is encrypted.
struct Written<'a> {
    suite: u16,
    /// The length of a frame.
    frame: usize,
    context: BTreeMap<String, String>,
    /// How many data keys of other providers come first.
    others: usize,
    plaintext: &'a [u8],
}

impl Written<'_> {
    /// The message, and where its signature begins.
    fn seal(&self, data_key: &[u8]) -> (Vec<u8>, usize) {
        let (suite, id) = (self.suite.to_be_bytes(), [b'i'; 16]);
        let mut pairs = short(self.context.len()).to_vec();
        for (name, value) in &self.context {
            pairs.extend([field(name.as_bytes()), field(value.as_bytes())].concat());
        }
        let mut header = [&[1, 0x80][..], &suite, &id, &field(&pairs)].concat();
        header.extend(short(1 + self.others));
        for provider in vec!["other"; self.others].into_iter().chain(["aws-kms"]) {
            header.extend(field(provider.as_bytes()));
            header.extend(field(KEY_ARN.as_bytes()));
            header.extend(field(if provider == "other" { b"no" } else { BLOB }));
        }
        header.extend([2, 0, 0, 0, 0, 12]); // framed, reserved, length of an IV
        header.extend(u32::try_from(self.frame).expect("short").to_be_bytes());

        let info = [&suite[..], &id];
        let derived = Salt::new(HKDF_SHA384, &[]).extract(data_key);
        let derived = derived.expand(&info, &AES_256_GCM).expect("a short key");
        let key = LessSafeKey::new(UnboundKey::from(derived));
        let seal = |iv: [u8; 12], authenticated: &[u8], plaintext: &[u8]| {
            let mut sealed = plaintext.to_vec();
            let nonce = Nonce::assume_unique_for_key(iv);
            key.seal_in_place_append_tag(nonce, Aad::from(authenticated), &mut sealed)
                .expect("a short plaintext");
            sealed
        };
        let tag = seal([0; 12], &header, &[]);
        let mut message = [&header[..], &[0; 12], &tag].concat();
        let mut frames: Vec<&[u8]> = self.plaintext.chunks(self.frame).collect();
        let last = frames.pop().unwrap_or_default();
        for (number, (content, is_final)) in (1_u32..).zip(
            frames
                .into_iter()
                .map(|content| (content, false))
                .chain([(last, true)]),
        ) {
            let number = number.to_be_bytes();
            let mut iv = [0; 12];
            iv[8..].copy_from_slice(&number);
            let long = (content.len() as u64).to_be_bytes();
            let kind: &[u8] = if is_final {
                b"AWSKMSEncryptionClient Final Frame"
            } else {
                b"AWSKMSEncryptionClient Frame"
            };
            let authenticated = [&id[..], kind, &number, &long].concat();
            if is_final {
                message.extend([0xff; 4]);
            }
            message.extend([&number[..], &iv].concat());
            if is_final {
                message.extend(&long[4..]);
            }
            message.extend(seal(iv, &authenticated, content));
        }
        let signature = message.len();
        message.extend(field(b"signature"));
        (message, signature)
    }
}

fn short(number: usize) -> [u8; 2] {
    u16::try_from(number).expect("a short field").to_be_bytes()
}

/// A field after its length.
fn field(bytes: &[u8]) -> Vec<u8> {
    [&short(bytes.len())[..], bytes].concat()
}
