//! Text on its way to a person: what came from elsewhere made fit to be shown, commands made fit to
//! be pasted into a shell, lines cut to a terminal's width. And durations on their way from one.

pub mod columns;
pub mod count;
pub mod duration;
pub mod shell;
pub mod shown;
