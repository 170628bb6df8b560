//! A report as one page: HTML that is XML as well, with its style and its charts inside, complete
//! without scripts and without the network.

pub mod axis;
pub mod charts;
pub mod escape;
pub mod lines;
pub mod page;
pub mod rows;
pub mod scatter;
pub mod series;
pub mod svg;
