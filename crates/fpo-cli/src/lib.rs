//! Trains, evaluates and exports flow policies: what the `fpo` binary is made of.

pub mod commands;
pub mod config;
pub mod dashboard;
pub mod host;
pub mod report;
pub mod results;
pub mod run;
pub mod startup;
pub mod statistics;
pub mod sweep;
pub mod terminal;
pub mod text;
pub mod training;
