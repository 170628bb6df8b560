//! Feeds [`fpo_fuzz::config`] with what libFuzzer makes up.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &str| fpo_fuzz::config::feed(input));
