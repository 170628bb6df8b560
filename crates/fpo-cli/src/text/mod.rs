//! Text on its way to a person: what came from elsewhere made fit to be shown, commands made fit to
//! be pasted into a shell, lines cut to a terminal's width.

pub mod columns;
pub mod shell;
pub mod shown;
