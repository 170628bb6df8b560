//! `fpo doctor`: what this build and this machine have, and what to do about what is missing.

pub mod caches;
pub mod check;
mod checks;
mod devices;

use std::fmt;

use anyhow::{Result, bail};
use serde::Serialize;

use crate::commands::bench::machine;
use crate::commands::bench::machine::Machine;
use crate::commands::bench::report::disturbance;
use crate::commands::doctor::caches::Roofline;
use crate::commands::doctor::check::{Check, State};

/// Everything that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The parts.
    pub checks: Vec<Check>,
    /// What caches and arithmetic can do, if that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caches: Option<Roofline>,
    /// Machine and program in full.
    pub machine: Machine,
}

impl Report {
    /// Looks at every part and returns how it is.
    pub fn make() -> Report {
        let machine = Machine::describe();
        let mut all = vec![checks::program(&machine), checks::features(&machine)];
        all.extend([devices::cpu(&machine), devices::cuda(), devices::metal()]);
        all.extend([checks::threads(&machine), checks::kernels(), checks::mujoco()]);
        all.push(checks::rendering());
        all.extend(checks::memory());
        all.extend(checks::disk());
        Report { checks: all, caches: None, machine }
    }

    /// Measures what caches and arithmetic can do, and what else the machine is doing meanwhile.
    ///
    /// # Errors
    /// If the system does not allow as many threads as the machine has.
    pub fn measure_caches(&mut self) -> Result<()> {
        self.machine.others_running = machine::others_running();
        self.caches = Some(Roofline::measure()?);
        Ok(())
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

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            writeln!(f, "{:<9} {:<8} {}", check.name, check.state, check.found)?;
            if let Some(advice) = &check.advice {
                writeln!(f, "{:<18} → {advice}", "")?;
            }
        }
        if let Some(caches) = &self.caches {
            write!(f, "\n{caches}")?;
            if let Some(note) = disturbance(&self.machine) {
                writeln!(f, "{note}")?;
                writeln!(f, "→ measure again when the machine is idle, above all several threads")?;
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
        for name in ["program", "cpu", "cuda", "metal", "threads", "kernels", "mujoco", "rendering"]
        {
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
        let report = Report { checks, caches: None, machine: Machine::default() };
        let error = report.require_sound().unwrap_err().to_string();
        assert!(error.contains("mujoco") && !error.contains("cpu"), "{error}");
        let text = report.to_string();
        let expected = "cpu       ok       fine\n\
                        mujoco    broken   another version\n\
                        \x20                  → rebuild\n";
        assert_eq!(text, expected);
    }
}
