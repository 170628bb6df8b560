//! One part of this build or machine, and how well it works.

use std::fmt;

use serde::Serialize;

/// How well a part works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is there and works.
    Ok,
    /// It is not there, and this build does not need it.
    Absent,
    /// It works, but not as well as it could.
    Warning,
    /// This build needs it, and it does not work.
    Broken,
}

/// One part, and how well it works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The part.
    pub name: &'static str,
    /// How well it works.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do, if anything is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Check {
    /// Returns a check without advice.
    pub(crate) fn new(name: &'static str, state: State, found: impl Into<String>) -> Check {
        Check { name, state, found: found.into(), advice: None }
    }

    /// Returns the check of a part that works.
    pub(crate) fn ok(name: &'static str, found: impl Into<String>) -> Check {
        Check::new(name, State::Ok, found)
    }

    /// Returns the same check with what is to be done.
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Check {
        self.advice = Some(advice.into());
        self
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Ok => "ok",
            State::Absent => "-",
            State::Warning => "warning",
            State::Broken => "broken",
        })
    }
}
