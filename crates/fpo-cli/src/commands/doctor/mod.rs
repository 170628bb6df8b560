//! `fpo doctor`: what this build and this machine have, and what to do about what is missing.

mod checks;
mod devices;

use std::fmt;

use anyhow::{Result, bail};
use serde::Serialize;

use crate::commands::bench::machine::Machine;

/// How well a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// There, and it works.
    Ok,
    /// Not there, and not needed by this build.
    Absent,
    /// Works, but not as well as it could.
    Warning,
    /// Needed by this build, and does not work.
    Broken,
}

/// One part and how it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The part.
    pub name: &'static str,
    /// How well it is.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do, if anything is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Check {
    fn new(name: &'static str, state: State, found: impl Into<String>) -> Check {
        Check { name, state, found: found.into(), advice: None }
    }

    fn ok(name: &'static str, found: impl Into<String>) -> Check {
        Check::new(name, State::Ok, found)
    }

    fn advise(mut self, advice: impl Into<String>) -> Check {
        self.advice = Some(advice.into());
        self
    }
}

/// Everything that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The parts.
    pub checks: Vec<Check>,
    /// Machine and program in full.
    pub machine: Machine,
}

impl Report {
    /// Looks at everything.
    pub fn make() -> Report {
        let machine = Machine::describe();
        let mut all = vec![checks::program(&machine), checks::features(&machine)];
        all.extend([devices::cpu(&machine), devices::cuda(), devices::metal()]);
        all.extend([checks::threads(&machine), checks::kernels(), checks::mujoco()]);
        all.extend(checks::memory());
        all.extend(checks::disk());
        Report { checks: all, machine }
    }

    /// Fails if a part that this build needs is broken.
    ///
    /// # Errors
    /// Names those parts.
    pub fn require_sound(&self) -> Result<()> {
        let broken = self.checks.iter().filter(|check| check.state == State::Broken);
        match broken.map(|check| check.name).collect::<Vec<_>>().as_slice() {
            [] => Ok(()),
            names => bail!("this build cannot work here: {}", names.join(", ")),
        }
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

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            writeln!(f, "{:<9} {:<8} {}", check.name, check.state, check.found)?;
            if let Some(advice) = &check.advice {
                writeln!(f, "{:<18} → {advice}", "")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_can_run_the_tests_and_so_is_sound() {
        let report = Report::make();
        report.require_sound().unwrap();
        for name in ["program", "cpu", "cuda", "metal", "threads", "kernels", "mujoco"] {
            assert!(report.checks.iter().any(|check| check.name == name), "no {name}");
        }
        let missing = report.checks.iter().filter(|c| c.state != State::Ok && c.name != "metal");
        for check in missing {
            assert!(check.advice.is_some(), "{check:?} says what to do");
        }
    }

    #[test]
    fn a_broken_part_is_named() {
        let checks = vec![
            Check::ok("cpu", "fine"),
            Check::new("mujoco", State::Broken, "another version").advise("rebuild"),
        ];
        let report = Report { checks, machine: Machine::default() };
        let error = report.require_sound().unwrap_err().to_string();
        assert!(error.contains("mujoco") && !error.contains("cpu"), "{error}");
        let text = report.to_string();
        let expected = "cpu       ok       fine\n\
                        mujoco    broken   another version\n\
                        \x20                  → rebuild\n";
        assert_eq!(text, expected);
    }
}
