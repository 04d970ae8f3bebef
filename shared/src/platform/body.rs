//! The body of a request, which has no content before its length is checked.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::platform::reply::Reply;

/// The body of a request. It reads as empty until [`Body::measure`] has checked its length.
/// So no code works on a body of unknown length; not even its base64 is decoded before.
#[derive(Debug)]
pub(super) struct Body {
    sent: Bytes,
    is_base64: bool,
    measured: OnceLock<Bytes>,
}

impl Body {
    pub(super) fn new(sent: impl Into<Bytes>, is_base64: bool) -> Self {
        Self {
            sent: sent.into(),
            is_base64,
            measured: OnceLock::new(),
        }
    }

    /// Its length in bytes. For valid base64 it is exact, for a body that only claims to be base64
    /// approximate.
    fn length(&self) -> usize {
        if !self.is_base64 {
            return self.sent.len();
        }
        let padding = self
            .sent
            .iter()
            .rev()
            .take(2)
            .take_while(|byte| **byte == b'=')
            .count();
        (self.sent.len().div_ceil(4) * 3).saturating_sub(padding)
    }

    /// Makes the body readable, if it has at most `limit` bytes.
    pub(super) fn measure(&self, limit: usize) -> Result<(), Reply> {
        if self.length() > limit {
            return Err(Reply::refused(413, "too_large"));
        }
        let body = if self.is_base64 {
            STANDARD
                .decode(&self.sent)
                .map_err(|_| Reply::malformed("the body is not the base64 it claims to be"))?
                .into()
        } else {
            self.sent.clone()
        };
        // If the body was set before, it is the same.
        let _ = self.measured.set(body);
        Ok(())
    }

    /// The decoded body; empty until [`Body::measure`] has checked its length.
    pub(super) fn bytes(&self) -> &Bytes {
        static NOTHING: Bytes = Bytes::new();
        self.measured.get().unwrap_or(&NOTHING)
    }
}
