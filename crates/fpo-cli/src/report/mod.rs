//! `fpo report`: from the rows of many runs to one answer, with its uncertainty and reserves.
//!
//! [`reading`] reads rows, [`entries`] sorts them by what is compared, [`summary`] computes every
//! number once, and [`markdown`], [`html`], [`csv`] and serde write what it holds without computing
//! any more.

pub mod best;
pub mod cells;
pub mod checks;
pub mod csv;
pub mod curves;
pub mod differences;
pub mod entries;
pub mod hardware;
pub mod headline;
pub mod html;
pub mod inputs;
pub mod markdown;
pub mod notes;
pub mod output;
pub mod overall;
pub mod reading;
pub mod references;
pub mod scale;
pub mod sensitivity;
pub mod summary;
pub mod tables;
mod unranked;
pub mod words;
