//! The text of a code, kept so that another provider can send it.
//!
//! With `KEEP_FOR_FAILOVER=true` the gateway keeps the text of an accepted code, encrypted with a key
//! of KMS, until the code's life ends. The encryption context names the text. So a ciphertext that
//! someone moved to another item cannot be opened there. The item's sort key begins with the time of
//! the send: the oldest texts come first. [`failover`](super::failover) decides who gets the text.

use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use super::delivery::Reference;
use super::voice::Speech;
use crate::platform::Platform;
use crate::platform::config::Source;
use crate::platform::kms::{Context, KeyArn, Kms, KmsError};
use crate::platform::table::{Item, Key, Table, Unavailable, Update, epoch};

/// Kept texts lie in this many partitions.
pub const SHARDS: u64 = 8;

/// What is encrypted. No `Debug`: it holds a code.
#[derive(Serialize, Deserialize)]
pub struct Text {
    /// The recipient.
    pub to: String,
    /// The text.
    pub body: String,
    /// What a call says; `None` if the code may not go out by a call.
    #[serde(default)]
    pub speech: Option<Speech>,
    /// The sender that the request named.
    pub from: Option<String>,
    /// The base URL for receipts.
    pub receipts: String,
    /// The end of the code's life, in epoch seconds.
    pub ends_at: u64,
}

/// An encrypted text, and where it is to be kept.
pub struct Sealed {
    key: Key,
    ciphertext: String,
    ends_at: u64,
}

impl Sealed {
    /// The sort key. The journal's entry names it.
    pub fn name(&self) -> &str {
        &self.key.sk
    }

    /// The end of the code's life, in epoch seconds.
    pub fn ends_at(&self) -> u64 {
        self.ends_at
    }
}

/// A kept text, found by its age.
pub struct Found {
    /// The text's reference.
    pub reference: Reference,
    /// The item's sort key.
    pub name: String,
    /// The end of the code's life, in epoch seconds.
    pub ends_at: u64,
}

/// Where texts are kept.
pub struct Vault {
    kms: Kms,
    key: KeyArn,
    table: Table,
}

impl Vault {
    /// Reads `KEEP_FOR_FAILOVER` and `FAILOVER_KEY_ARN`. `None`: no text is kept.
    pub fn read(platform: &Platform, source: &mut Source<'_>) -> Option<Self> {
        let keeps = source.flag("KEEP_FOR_FAILOVER", false);
        let key = source.parsed(
            "FAILOVER_KEY_ARN",
            "the ARN of a KMS key, such as arn:aws:kms:eu-west-1:123456789012:key/08303dfc-8073-4bbb-a8a9-fbf08657940e",
        );
        if keeps && source.optional("FAILOVER_KEY_ARN").is_none() {
            source.problem("KEEP_FOR_FAILOVER=true needs FAILOVER_KEY_ARN: texts are kept only encrypted; set it, or KEEP_FOR_FAILOVER=false");
        }
        Some(Self {
            kms: platform.kms.clone(),
            key: key.filter(|_| keeps)?,
            table: platform.table.clone(),
        })
    }

    /// Encrypts a text that is sent at `now`.
    ///
    /// # Errors
    /// [`KmsError`].
    pub async fn seal(
        &self,
        reference: &Reference,
        text: &Text,
        now: SystemTime,
    ) -> Result<Sealed, KmsError> {
        let plain = serde_json::to_vec(text).unwrap_or_default();
        let context = context(reference);
        let encrypted = self.kms.encrypt(&self.key, &plain, &context, now).await?;
        Ok(Sealed {
            key: key(reference, &name(reference, epoch(now))),
            ciphertext: BASE64_STANDARD.encode(encrypted),
            ends_at: text.ends_at,
        })
    }

    /// Stores an encrypted text until the code's life ends.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn keep(&self, sealed: &Sealed) -> Result<(), Unavailable> {
        let update = Update::new(sealed.key.clone())
            .set("ciphertext", sealed.ciphertext.as_str())
            .set("expires_at", sealed.ends_at);
        self.table.update(update).await.map(drop)
    }

    /// Opens a kept text. `None`: it is not there, or it cannot be opened, which is logged.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn open(
        &self,
        reference: &Reference,
        name: &str,
        now: SystemTime,
    ) -> Result<Option<Text>, Unavailable> {
        let item = self.table.get(key(reference, name), now).await?;
        let Some(item) = item else {
            return Ok(None);
        };
        let ciphertext = BASE64_STANDARD.decode(item.text("ciphertext").unwrap_or_default());
        let ciphertext = ciphertext.unwrap_or_default();
        let context = context(reference);
        let opened = self.kms.decrypt(&self.key, &ciphertext, &context, now);
        Ok(match opened.await {
            Ok(plain) => serde_json::from_slice(plain.expose_secret()).ok(),
            Err(error) => {
                tracing::warn!(%error, "a kept text could not be opened");
                None
            }
        })
    }

    /// Deletes a kept text.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn forget(&self, reference: &Reference, name: &str) -> Result<(), Unavailable> {
        let key = key(reference, name);
        self.table.delete(key, None).await.map(drop)
    }

    /// The oldest texts of a shard that were sent before `before` (epoch seconds), at most `most`.
    /// Those whose life has ended are among them.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn oldest(
        &self,
        shard: u64,
        before: u64,
        most: i32,
    ) -> Result<Vec<Found>, Unavailable> {
        let before = format!("{before:012}");
        let items = self.table.first(&partition(shard), &before, most).await?;
        Ok(items.iter().filter_map(found).collect())
    }
}

fn found(item: &Item) -> Option<Found> {
    let name = item.text("sk")?;
    Some(Found {
        reference: Reference::parse(name.split_once('#')?.1)?,
        name: name.to_owned(),
        ends_at: item.number("expires_at")?,
    })
}

fn context(reference: &Reference) -> Context {
    Context::from([("reference".to_owned(), reference.to_string())])
}

fn partition(shard: u64) -> String {
    format!("kept#{shard}")
}

fn name(reference: &Reference, sent_at: u64) -> String {
    format!("{sent_at:012}#{reference}")
}

fn key(reference: &Reference, name: &str) -> Key {
    let bytes = reference.as_str().bytes();
    let shard = bytes.fold(0_u64, |sum, byte| sum + u64::from(byte)) % SHARDS;
    Key::new(partition(shard), name)
}
