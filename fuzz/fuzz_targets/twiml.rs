//! Gives `fuzz_properties::twiml` what libFuzzer invents.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_properties::twiml(data));
