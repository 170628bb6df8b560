//! The live dashboard of a run: its return curve, its losses, how far its updates go and where its
//! time goes, drawn on the terminal's alternate screen.
//!
//! ```text
//! a run's metrics  →  Course (what is known)  →  draw (one frame)  →  the screen
//! ```
//!
//! [`reporter`] shows the run of this process and takes wishes by keys; [`follow`] reads the course
//! of another process's run, or of one that has ended, from its files. A thread of its own draws,
//! at most four times a second, so that a run never waits for the terminal.

pub mod course;
pub mod draw;
pub mod follow;
pub mod keyboard;
pub mod keys;
pub mod painter;
pub mod reporter;
pub mod series;
