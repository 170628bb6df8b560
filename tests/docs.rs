//! Tests that the documentation says what is so: its commands are run and their output compared,
//! its messages are in the program, its metrics are those of a run, and its links lead somewhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[path = "docs/commands.rs"]
mod commands;
#[allow(dead_code, reason = "this file needs only some of it")]
mod common;
#[path = "docs/links.rs"]
mod links;
#[path = "docs/messages.rs"]
mod messages;
#[path = "docs/metrics.rs"]
mod metrics;
#[path = "docs/output.rs"]
mod output;
#[path = "docs/pages.rs"]
mod pages;
