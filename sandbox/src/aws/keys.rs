//! KMS's keys, and what a test does with them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest as _, Sha256};

use super::{json::Refusal, services::Aws};
use crate::{REGION, random, wire::lock};

/// The ARN of the key that exists outside of the stack. A parameter of the template whose name ends
/// in `KeyArn` means this key.
pub const KEY_ARN: &str =
    "arn:aws:kms:eu-west-1:000000000000:key/5a6dbc01-0000-4000-8000-00000000c06e";

/// The encryption context of a request.
pub(crate) type Context = BTreeMap<String, String>;

/// The keys by ARN. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Keys(Arc<Mutex<BTreeMap<String, Key>>>);

struct Key {
    secret: [u8; 32],
    enabled: bool,
}

/// A part of the blob that says what it is: KMS's own begin in the same way.
const BLOB: &[u8] = &[1, 2, 2, 0];

impl Keys {
    /// Makes a key. The same ARN is the same key in every sandbox. So a recorded ciphertext stays
    /// readable.
    pub(crate) fn make(&self, arn: &str) {
        let secret = Sha256::digest(format!("the sandbox's key {arn}")).into();
        let enabled = true;
        lock(&self.0).insert(arn.to_owned(), Key { secret, enabled });
    }

    /// The ARN of a key that is named by its id or its ARN.
    pub(super) fn arn(&self, name: &str) -> Result<String, Refusal> {
        let keys = lock(&self.0);
        let named = |arn: &&String| arn.as_str() == name || id(arn) == name;
        let found = keys.keys().find(named).cloned();
        let shown = if name.starts_with("arn:") {
            name.to_owned()
        } else {
            format!("arn:aws:kms:{REGION}:000000000000:key/{name}")
        };
        found.ok_or(("NotFoundException", format!("Key '{shown}' does not exist")))
    }

    pub(super) fn is_enabled(&self, arn: &str) -> bool {
        lock(&self.0).get(arn).is_some_and(|key| key.enabled)
    }

    fn cipher(&self, arn: &str) -> Result<LessSafeKey, Refusal> {
        let keys = lock(&self.0);
        match keys.get(arn) {
            Some(key) if key.enabled => {
                let key = UnboundKey::new(&AES_256_GCM, &key.secret).expect("32 bytes");
                Ok(LessSafeKey::new(key))
            }
            Some(_) => Err(("DisabledException", format!("{arn} is disabled."))),
            None => Err(("NotFoundException", format!("Key '{arn}' does not exist"))),
        }
    }

    /// Encrypts with a key and a context.
    pub(crate) fn seal(
        &self,
        arn: &str,
        plaintext: &[u8],
        context: &Context,
    ) -> Result<Vec<u8>, Refusal> {
        let cipher = self.cipher(arn)?;
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).expect("the system's random numbers");
        let mut sealed = plaintext.to_vec();
        cipher
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(associated(context)),
                &mut sealed,
            )
            .expect("a short plaintext");
        Ok([BLOB, &fingerprint(arn), &nonce, &sealed].concat())
    }

    /// Decrypts a blob. Without a name, the key is the one that the blob names. Returns the key's
    /// ARN and the plaintext.
    pub(super) fn open(
        &self,
        name: Option<&str>,
        blob: &[u8],
        context: &Context,
    ) -> Result<(String, Vec<u8>), Refusal> {
        let invalid = || ("InvalidCiphertextException", String::new());
        let asked = name.map(|name| self.arn(name)).transpose()?;
        let rest = blob.strip_prefix(BLOB).ok_or_else(invalid)?;
        let (print, rest) = rest.split_at_checked(32).ok_or_else(invalid)?;
        let (nonce, sealed) = rest.split_first_chunk().ok_or_else(invalid)?;
        let maker = {
            let keys = lock(&self.0);
            let made_it = |arn: &&String| fingerprint(arn) == print;
            keys.keys().find(made_it).cloned().ok_or_else(invalid)?
        };
        if asked.is_some_and(|asked| asked != maker) {
            let what = "The key ID in the request does not identify a CMK that can perform this operation.";
            return Err(("IncorrectKeyException", what.to_owned()));
        }
        let mut opened = sealed.to_vec();
        let plaintext = self.cipher(&maker)?.open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(associated(context)),
            &mut opened,
        );
        let plaintext = plaintext.map_err(|_| invalid())?.to_vec();
        Ok((maker, plaintext))
    }
}

/// The last part of a key's ARN.
pub(super) fn id(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// The ARN of a key that is a resource of the template.
pub(crate) fn arn_of(logical_id: &str) -> String {
    let hex = hex::encode(Sha256::digest(logical_id));
    format!(
        "arn:aws:kms:{REGION}:000000000000:key/{}-{}-4{}-8{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}

fn fingerprint(arn: &str) -> [u8; 32] {
    Sha256::digest(arn).into()
}

/// The context as one text. A key or value cannot reach into its neighbour.
fn associated(context: &Context) -> String {
    serde_json::to_string(context).expect("texts")
}

impl Aws {
    /// Makes another key. Returns its ARN.
    pub fn create_key(&self) -> String {
        let arn = format!("arn:aws:kms:{REGION}:000000000000:key/{}", random::uuid());
        self.keys.make(&arn);
        arn
    }

    /// Enables or disables a key.
    pub fn enable_key(&self, arn: &str, enabled: bool) {
        let mut keys = lock(&self.keys.0);
        keys.get_mut(arn).expect("a key of the sandbox").enabled = enabled;
    }

    /// Removes a key. Nothing decrypts what it encrypted.
    pub fn remove_key(&self, arn: &str) {
        lock(&self.keys.0).remove(arn);
    }
}
