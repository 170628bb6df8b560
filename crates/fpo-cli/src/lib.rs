//! Trains, evaluates and exports flow policies: what the `fpo` binary is made of.

pub mod commands;
pub mod config;
pub mod dashboard;
pub mod host;
pub mod ranks;
pub mod report;
pub mod results;
pub mod run;
pub mod startup;
pub mod statistics;
pub mod sweep;
pub mod terminal;
pub mod text;
pub mod training;

/// The program in the documentation, compiled and run like that of an item.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/method.md")]
mod the_method_in_twenty_lines {}
