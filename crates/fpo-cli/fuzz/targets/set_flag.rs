//! Feeds [`fpo_fuzz::set_flag`] with what libFuzzer makes up.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &str| fpo_fuzz::set_flag::feed(input));
