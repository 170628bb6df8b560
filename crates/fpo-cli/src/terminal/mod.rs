//! What a person sees: status, messages, numbers in words, errors and exit codes.

pub mod failure;
pub mod humanize;
pub(crate) mod live;
pub mod output;
pub mod progress;
pub mod reporter;
pub mod screen;
pub mod stop;
