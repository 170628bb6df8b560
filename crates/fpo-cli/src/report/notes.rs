//! What a reader must know before believing the numbers: what is missing, what failed, what is not
//! alike.

use serde::Serialize;

/// What a note is about, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// A combination of task, entry and seed has no result.
    Missing,
    /// A run failed for a reason that is not the method's.
    Failed,
    /// A run is not over.
    Unfinished,
    /// A run diverged, and counts with its last evaluation.
    Diverged,
    /// Entries have different numbers of results.
    Seeds,
    /// A run is there more than once.
    Duplicate,
    /// An input is not whole.
    Input,
    /// A label had to be told apart.
    Label,
    /// How scores of a task are normalised, where that is not the task's own range.
    Scale,
    /// Tasks that the numbers over all tasks leave out.
    Tasks,
    /// Runs were made by different versions of the program.
    Program,
    /// Runs were made on different machines.
    Machine,
}

impl NoteKind {
    /// Returns the heading of notes of this kind.
    pub fn title(self) -> &'static str {
        match self {
            NoteKind::Missing => "Missing",
            NoteKind::Failed => "Failed",
            NoteKind::Unfinished => "Unfinished",
            NoteKind::Diverged => "Diverged",
            NoteKind::Seeds => "Unequal numbers of seeds",
            NoteKind::Duplicate => "Duplicates",
            NoteKind::Input => "Inputs",
            NoteKind::Label => "Labels",
            NoteKind::Scale => "Scale of scores",
            NoteKind::Tasks => "Left out over all tasks",
            NoteKind::Program => "Different programs",
            NoteKind::Machine => "Different machines",
        }
    }
}

/// Something that a reader must know.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Note {
    /// What it is about.
    pub kind: NoteKind,
    /// What was noticed, in words.
    pub text: String,
}

impl Note {
    /// Returns a note.
    pub fn new(kind: NoteKind, text: impl Into<String>) -> Note {
        Note { kind, text: text.into() }
    }
}
