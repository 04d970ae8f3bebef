//! A message of the AWS Encryption SDK, as Cognito makes it: format 1, suite 0378.
//! <https://docs.aws.amazon.com/encryption-sdk/latest/developer-guide/message-format.html>
//!
//! Suite 0378 is AES-256-GCM with a key from HKDF-SHA-384, and a signature by ECDSA P-384. All
//! other suites are refused by their number.
//!
//! **The signature is not verified.** GCM authenticates every byte before it, with a key that only
//! KMS's data key gives. KMS decrypts the data key only with the whole encryption context, which
//! holds the public key of the signature. So the signature protects only against someone who may
//! use the KMS key and who may also invoke the function. Such a person needs no forged message.
//! ring verifies with an uncompressed public key, and the message has a compressed one: to verify,
//! a function would link a second implementation of the curve.

use std::collections::BTreeMap;
use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA384, Salt};
use secrecy::SecretString;

use crate::platform::kms::{Context, KeyArn};

/// Cognito's messages have 500 to 700 bytes.
const LIMIT: usize = 16 * 1024;
const SUITE: u16 = 0x0378;
const TAG_LEN: usize = 16;
/// A data key, and the key that is derived from it.
const KEY_LEN: usize = 32;
const FINAL: u32 = u32::MAX;
/// The pair that names the user pool.
const POOL: &str = "userpool-id";
/// The pair with the signature's public key. Suite 0378 requires it.
const PUBLIC_KEY: &str = "aws-crypto-public-key";
const PROVIDER: &[u8] = b"aws-kms";

/// Why a message is not read. No variant holds anything of the plaintext.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is over 16 kB.
    TooLong,
    /// It ends too early.
    CutOff,
    /// Bytes follow it.
    Trailing,
    /// Its first bytes are no format of the AWS Encryption SDK.
    Format,
    /// It is of another algorithm suite.
    Suite(u16),
    /// A member of the header is not as the format demands.
    Header(&'static str),
    /// A frame is not as the format demands.
    Frame(&'static str),
    /// It is from another user pool.
    Pool,
    /// Its data key is not encrypted by the KMS key.
    Key,
    /// The data key has not 32 bytes.
    DataKey,
    /// It was changed, or the data key is not its own.
    NotAuthentic,
    /// The plaintext is not text.
    NotText,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the message is over 16 kB"),
            Self::CutOff => f.write_str("the message is cut off"),
            Self::Trailing => f.write_str("bytes follow the message"),
            Self::Format => f.write_str("no message of the AWS Encryption SDK"),
            Self::Suite(suite) => write!(
                f,
                "the message is of suite {suite:04x}; only suite {SUITE:04x} is read"
            ),
            Self::Header(what) => write!(f, "the message's header has a wrong {what}"),
            Self::Frame(what) => write!(f, "a frame of the message has a wrong {what}"),
            Self::Pool => f.write_str("the message is from another user pool"),
            Self::Key => f.write_str("the message is for another KMS key"),
            Self::DataKey => f.write_str("the data key has not 32 bytes"),
            Self::NotAuthentic => f.write_str("the message was changed"),
            Self::NotText => f.write_str("the message holds no text"),
        }
    }
}

impl std::error::Error for Refused {}

/// A message that has the right form. Nothing of it is authentic before [`Message::open`].
#[derive(Clone)]
pub struct Message<'a> {
    /// All before the header's IV: what the header's tag authenticates.
    header: &'a [u8],
    id: &'a [u8],
    context: Context,
    data_keys: Vec<DataKey<'a>>,
    header_iv: [u8; NONCE_LEN],
    header_tag: &'a [u8],
    frames: Vec<Frame<'a>>,
}

/// A data key, encrypted.
#[derive(Clone)]
struct DataKey<'a> {
    provider: &'a [u8],
    info: &'a [u8],
    blob: &'a [u8],
}

#[derive(Clone)]
struct Frame<'a> {
    is_final: bool,
    number: u32,
    iv: [u8; NONCE_LEN],
    /// The ciphertext and its tag.
    sealed: &'a [u8],
}

/// The rest of a message while it is read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Refused> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Refused::CutOff)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refused> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Refused::CutOff)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, Refused> {
        self.array().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, Refused> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, Refused> {
        self.array().map(u32::from_be_bytes)
    }

    /// A field after its length.
    fn field(&mut self) -> Result<&'a [u8], Refused> {
        let length = self.u16()?;
        self.take(length.into())
    }

    fn text(&mut self) -> Result<String, Refused> {
        let text = str::from_utf8(self.field()?);
        text.map(str::to_owned)
            .map_err(|_| Refused::Header("encryption context"))
    }
}

impl<'a> Message<'a> {
    /// Reads the form of a message.
    ///
    /// # Errors
    /// [`Refused`]. The time is linear in the length, which is bounded.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Refused> {
        if bytes.len() > LIMIT {
            return Err(Refused::TooLong);
        }
        let mut rest = Rest(bytes);
        let suite = match (rest.u8()?, bytes.get(1)) {
            (1, Some(0x80)) => {
                rest.u8()?;
                rest.u16()?
            }
            (2, _) => return Err(Refused::Suite(rest.u16()?)),
            _ => return Err(Refused::Format),
        };
        if suite != SUITE {
            return Err(Refused::Suite(suite));
        }
        let id = rest.take(16)?;
        let context = context(rest.field()?)?;
        let count = rest.u16()?;
        let data_keys = (0..count).map(|_| {
            Ok(DataKey {
                provider: rest.field()?,
                info: rest.field()?,
                blob: rest.field()?,
            })
        });
        let data_keys = data_keys.collect::<Result<Vec<_>, _>>()?;
        if rest.u8()? != 2 {
            return Err(Refused::Header("content type"));
        }
        if rest.u32()? != 0 {
            return Err(Refused::Header("reserved field"));
        }
        if usize::from(rest.u8()?) != NONCE_LEN {
            return Err(Refused::Header("IV length"));
        }
        let frame_length = usize::try_from(rest.u32()?).unwrap_or(usize::MAX);
        if frame_length == 0 {
            return Err(Refused::Header("frame length"));
        }
        let header = &bytes[..bytes.len() - rest.0.len()];
        let header_iv = rest.array()?;
        let header_tag = rest.take(TAG_LEN)?;
        let frames = frames(&mut rest, frame_length)?;
        let _signature = rest.field()?;
        if !rest.0.is_empty() {
            return Err(Refused::Trailing);
        }
        Ok(Self {
            header,
            id,
            context,
            data_keys,
            header_iv,
            header_tag,
            frames,
        })
    }

    /// The encryption context. KMS decrypts the data key only with all pairs.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The encrypted data key, for KMS. The message must be from this user pool, and the data key
    /// must be encrypted by this KMS key.
    ///
    /// # Errors
    /// [`Refused::Pool`] or [`Refused::Key`].
    pub fn data_key(&self, pool: &str, key: &KeyArn) -> Result<&'a [u8], Refused> {
        if self.context.get(POOL).is_none_or(|named| named != pool) {
            return Err(Refused::Pool);
        }
        let ours = |data_key: &&DataKey<'_>| {
            data_key.provider == PROVIDER && data_key.info == key.as_str().as_bytes()
        };
        let found = self.data_keys.iter().find(ours);
        found.map(|data_key| data_key.blob).ok_or(Refused::Key)
    }

    /// Verifies and decrypts the message with its data key.
    ///
    /// # Errors
    /// [`Refused::DataKey`], [`Refused::NotAuthentic`] or [`Refused::NotText`].
    pub fn open(&self, data_key: &[u8]) -> Result<SecretString, Refused> {
        let key = self.key(data_key)?;
        let open = |iv, authenticated: &[u8], sealed: &[u8]| {
            let mut opened = sealed.to_vec();
            let nonce = Nonce::assume_unique_for_key(iv);
            let content = key.open_in_place(nonce, Aad::from(authenticated), &mut opened);
            let length = content.map_err(|_| Refused::NotAuthentic)?.len();
            opened.truncate(length);
            Ok(opened)
        };
        open(self.header_iv, self.header, self.header_tag)?;
        let mut plaintext = Vec::new();
        for frame in &self.frames {
            plaintext.extend(open(frame.iv, &self.authenticated(frame), frame.sealed)?);
        }
        let text = String::from_utf8(plaintext);
        Ok(text.map_err(|_| Refused::NotText)?.into())
    }

    /// The key of the content, derived from the data key.
    fn key(&self, data_key: &[u8]) -> Result<LessSafeKey, Refused> {
        if data_key.len() != KEY_LEN {
            return Err(Refused::DataKey);
        }
        let info = [&SUITE.to_be_bytes(), self.id];
        let derived = Salt::new(HKDF_SHA384, &[]).extract(data_key);
        let derived = derived.expand(&info, &AES_256_GCM);
        let key = derived.map(UnboundKey::from).map(LessSafeKey::new);
        key.map_err(|_| Refused::DataKey)
    }

    /// What a frame's tag authenticates besides its content.
    fn authenticated(&self, frame: &Frame<'_>) -> Vec<u8> {
        let kind: &[u8] = if frame.is_final {
            b"AWSKMSEncryptionClient Final Frame"
        } else {
            b"AWSKMSEncryptionClient Frame"
        };
        let length = (frame.sealed.len() - TAG_LEN) as u64;
        let number = frame.number.to_be_bytes();
        [self.id, kind, &number, &length.to_be_bytes()].concat()
    }
}

/// The pairs of an encryption context.
fn context(field: &[u8]) -> Result<Context, Refused> {
    const WRONG: Refused = Refused::Header("encryption context");
    let mut rest = Rest(field);
    let mut context = BTreeMap::new();
    for _ in 0..rest.u16()? {
        let (name, value) = (rest.text()?, rest.text()?);
        if context.insert(name, value).is_some() {
            return Err(WRONG);
        }
    }
    let is_whole = rest.0.is_empty() && context.contains_key(PUBLIC_KEY);
    if is_whole { Ok(context) } else { Err(WRONG) }
}

/// The frames, up to the final one. They are numbered from 1.
fn frames<'a>(rest: &mut Rest<'a>, frame_length: usize) -> Result<Vec<Frame<'a>>, Refused> {
    let mut frames = Vec::new();
    for expected in 1.. {
        let mark = rest.u32()?;
        let is_final = mark == FINAL;
        let number = if is_final { rest.u32()? } else { mark };
        if number != expected {
            return Err(Refused::Frame("number"));
        }
        let iv = rest.array()?;
        let length = if is_final {
            usize::try_from(rest.u32()?).unwrap_or(usize::MAX)
        } else {
            frame_length
        };
        if length > frame_length {
            return Err(Refused::Frame("length"));
        }
        let sealed = rest.take(length.checked_add(TAG_LEN).ok_or(Refused::CutOff)?)?;
        frames.push(Frame {
            is_final,
            number,
            iv,
            sealed,
        });
        if is_final {
            break;
        }
    }
    Ok(frames)
}
