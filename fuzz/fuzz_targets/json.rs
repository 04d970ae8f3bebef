//! Gives `fuzz_properties::json` what libFuzzer invents.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_properties::json(data));
