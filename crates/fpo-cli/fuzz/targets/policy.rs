//! Feeds [`fpo_fuzz::policy`] with what libFuzzer makes up.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fpo_fuzz::policy::feed(input));
