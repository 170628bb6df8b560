//! Feeds [`fpo_fuzz::sweep_file`] with what libFuzzer makes up.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &str| fpo_fuzz::sweep_file::feed(input));
