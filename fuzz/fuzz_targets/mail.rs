//! Gives `fuzz_properties::mail` what libFuzzer invents.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_properties::mail(data));
