//! No code of Cognito makes a function panic, and none opens with a data key that is not its own.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::vendors::cognito::message::Message;

fuzz_target!(|code: &[u8]| {
    if let Ok(message) = Message::parse(code) {
        assert!(message.open(&[0; 32]).is_err());
    }
});
