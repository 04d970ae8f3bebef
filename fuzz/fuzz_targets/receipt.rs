//! Gives `fuzz_properties::receipt` what libFuzzer invents.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_properties::receipt(data));
