//! Gives `fuzz_properties::cognito` what libFuzzer invents.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_properties::cognito(data));
