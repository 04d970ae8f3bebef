//! The message format 1 of the AWS Encryption SDK, suite 0378.
//! <https://docs.aws.amazon.com/encryption-sdk/latest/developer-guide/message-format.html>

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf::{HKDF_SHA384, Salt},
    rand::SystemRandom,
    signature::{ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};

use crate::aws::{Context, Keys};

/// AES-256-GCM, HKDF-SHA-384, ECDSA P-384.
const SUITE: [u8; 2] = [0x03, 0x78];
const FRAME_LENGTH: u32 = 4096;

/// Encrypts as Cognito does: one final frame, and a data key that KMS has encrypted.
pub(super) fn encrypt(keys: &Keys, key_arn: &str, pool: &str, plaintext: &[u8]) -> Vec<u8> {
    let mut data_key = [0; 32];
    getrandom::fill(&mut data_key).expect("the system's random numbers");
    let pair = key_pair();
    let context = context(&pair, pool);
    let sealed = keys
        .seal(key_arn, &data_key, &context)
        .unwrap_or_else(|(kind, message)| panic!("{kind}: {message}"));
    written(&data_key, &sealed, key_arn, &context, &pair, plaintext)
}

fn key_pair() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P384_SHA384_ASN1_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("random numbers");
    EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).expect("a new key")
}

fn context(pair: &EcdsaKeyPair, pool: &str) -> Context {
    let point = pair.public_key().as_ref(); // 04, x, y
    let parity = 2 + point[96] % 2;
    let compressed = [&[parity], &point[1..49]].concat();
    let public_key = ("aws-crypto-public-key", STANDARD.encode(compressed));
    [public_key, ("userpool-id", pool.to_owned())]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

fn written(
    data_key: &[u8],
    encrypted_data_key: &[u8],
    key_arn: &str,
    context: &Context,
    pair: &EcdsaKeyPair,
    plaintext: &[u8],
) -> Vec<u8> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).expect("the system's random numbers");
    let mut header = [&[1, 0x80][..], &SUITE, &id].concat();
    let mut pairs = count(context.len()).to_vec();
    for (name, value) in context {
        pairs.extend(field(name.as_bytes()));
        pairs.extend(field(value.as_bytes()));
    }
    header.extend(field(&pairs));
    header.extend(count(1));
    header.extend(field(b"aws-kms"));
    header.extend(field(key_arn.as_bytes()));
    header.extend(field(encrypted_data_key));
    header.extend([2, 0, 0, 0, 0, 12]); // framed, reserved, length of an IV
    header.extend(FRAME_LENGTH.to_be_bytes());

    let info = [&SUITE[..], &id];
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

    let header_tag = seal([0; 12], &header, &[]);
    let mut message = [&header[..], &[0; 12], &header_tag].concat();
    let sequence = 1_u32.to_be_bytes();
    let mut iv = [0; 12];
    iv[8..].copy_from_slice(&sequence);
    let length = u32::try_from(plaintext.len()).expect("a short plaintext");
    assert!(length <= FRAME_LENGTH, "one frame is enough for a code");
    let kind = b"AWSKMSEncryptionClient Final Frame";
    let long = u64::from(length).to_be_bytes();
    let authenticated = [&id[..], kind, &sequence, &long].concat();
    message.extend([0xff; 4]);
    message.extend(sequence);
    message.extend(iv);
    message.extend(length.to_be_bytes());
    message.extend(seal(iv, &authenticated, plaintext));
    let signature = pair.sign(&SystemRandom::new(), &message);
    message.extend(field(signature.expect("random numbers").as_ref()));
    message
}

fn count(number: usize) -> [u8; 2] {
    u16::try_from(number).expect("a short field").to_be_bytes()
}

/// A field after its length.
fn field(bytes: &[u8]) -> Vec<u8> {
    [&count(bytes.len())[..], bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{ECDSA_P384_SHA384_ASN1, UnparsedPublicKey};

    #[test]
    fn the_signature_covers_all_before_it() {
        let pair = key_pair();
        let context = context(&pair, "p");
        let message = written(&[7; 32], b"blob", "arn", &context, &pair, b"271828");
        // header, its IV and tag, and the frame of six bytes
        let pairs = 2 + "aws-crypto-public-key".len() + "userpool-id".len() + 68 + 1 + 4 * 2;
        let data_key = 2 + 3 * 2 + "aws-kms".len() + "arn".len() + "blob".len();
        let signed = 20 + 2 + pairs + data_key + 10 + 28 + 4 + 4 + 12 + 4 + 6 + 16;
        let (signed, footer) = message.split_at(signed);
        let (length, signature) = footer.split_at(2);
        assert_eq!(length, count(signature.len()));
        let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, pair.public_key());
        key.verify(signed, signature).unwrap();
    }

    #[test]
    fn a_code_begins_as_all_codes_of_cognito_begin() {
        let keys = Keys::default();
        keys.make("arn");
        let message = STANDARD.encode(encrypt(&keys, "arn", "p", b"1"));
        assert!(message.starts_with("AYADe"), "{message}");
    }
}
