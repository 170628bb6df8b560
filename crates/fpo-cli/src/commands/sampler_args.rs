//! The flags that choose a sampler for a trained policy.

use anyhow::Result;
use clap::{Args, ValueEnum};
use fpo_core::sampler::{Grid, MAX_UNIFORM, Method, Sampler, Start};

use crate::commands::number_arg::{number, whole};
use crate::terminal::failure::UsageError;

/// The flags that choose how actions are drawn, if not in the policy's own way.
#[derive(Args, Debug, Default)]
pub struct SamplerArgs {
    /// Draw actions by another sampler [default: the policy's own Euler steps]
    #[arg(long, value_enum)]
    sampler: Option<MethodName>,
    /// Number of steps of the sampler, except dopri5 [default: the policy's]
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = whole::<usize>(1..=MAX_UNIFORM))]
    steps: Option<usize>,
    /// Flow times between which steps are taken, falling from 1 to 0 [default: evenly spaced]
    #[arg(long, value_name = "1,…,0", value_delimiter = ',', conflicts_with = "steps",
          allow_negative_numbers = true,
          value_parser = number("a number from 0 to 1", |x| (0.0..=1.0).contains(&x)))]
    times: Option<Vec<f64>>,
    /// Where samples start [default: the policy's]
    #[arg(long, value_enum)]
    start: Option<StartName>,
    /// Relative tolerance of dopri5 [default: 1e-4]
    #[arg(long, value_name = "X", allow_negative_numbers = true,
          value_parser = number("a number of 0 or more, below 1", |x| (0.0..1.0).contains(&x)))]
    rtol: Option<f64>,
    /// Absolute tolerance of dopri5 [default: 1e-5]
    #[arg(long, value_name = "X", allow_negative_numbers = true,
          value_parser = number("a finite number above 0", |x| x > 0.0 && x.is_finite()))]
    atol: Option<f64>,
    /// How much noise sde exchanges on the way; 0 gives Euler's method [default: 1]
    #[arg(long, value_name = "X", allow_negative_numbers = true,
          value_parser = number("a finite number of 0 or more", |x| x >= 0.0 && x.is_finite()))]
    churn: Option<f64>,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum MethodName {
    /// Order 1, one velocity evaluation a step
    Euler,
    /// Order 2, two evaluations a step
    Midpoint,
    /// Order 2, two evaluations a step
    Heun,
    /// Order 4, four evaluations a step
    Rk4,
    /// Order 5, chooses its steps such that errors stay within tolerances
    Dopri5,
    /// Euler steps with fresh noise that leaves the distribution of the actions as it is
    Sde,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum StartName {
    /// Standard normal noise, as in training
    Noise,
    /// Zero, the same action each time
    Zero,
}

impl SamplerArgs {
    /// Returns the sampler that was asked for, or `None` if at most a start was. `policy_steps` are
    /// the policy's own steps, `policy_start` is its own start. `--steps` or `--times` alone mean
    /// Euler's method.
    ///
    /// # Errors
    /// [`UsageError`] names a flag that does not apply, or a value that is not allowed.
    pub fn sampler(&self, policy_steps: usize, policy_start: Start) -> Result<Option<Sampler>> {
        let given = self.sampler.is_some() || self.steps.is_some() || self.times.is_some();
        let name = self.sampler.unwrap_or(MethodName::Euler);
        let method = match name {
            MethodName::Euler => Method::Euler,
            MethodName::Midpoint => Method::Midpoint,
            MethodName::Heun => Method::Heun,
            MethodName::Rk4 => Method::Rk4,
            MethodName::Dopri5 => {
                Method::Dopri5 { rtol: self.rtol.unwrap_or(1e-4), atol: self.atol.unwrap_or(1e-5) }
            }
            MethodName::Sde => Method::Sde { churn: self.churn.unwrap_or(1.0) },
        };
        let adaptive = name == MethodName::Dopri5;
        for (flag, asked, applies, owner) in [
            ("--rtol", self.rtol.is_some(), adaptive, "only to dopri5"),
            ("--atol", self.atol.is_some(), adaptive, "only to dopri5"),
            ("--churn", self.churn.is_some(), name == MethodName::Sde, "only to sde"),
            (
                "--steps",
                self.steps.is_some(),
                !adaptive,
                "to all but dopri5, which chooses its own",
            ),
        ] {
            if asked && !applies {
                let chosen = match self.sampler {
                    Some(_) => format!("--sampler {}", method.name()),
                    None => "the policy's own sampler".into(),
                };
                let what = format!("{flag} does not apply to {chosen}; it applies {owner}");
                return Err(UsageError(what).into());
            }
        }
        if !given {
            return Ok(None);
        }
        let grid = match &self.times {
            Some(times) => Grid::Custom(times.clone()),
            None if adaptive => Grid::Uniform(1),
            None => Grid::Uniform(self.steps.unwrap_or(policy_steps)),
        };
        let start = self.start().unwrap_or(policy_start);
        let sampler = Sampler { method, grid, start };
        sampler.validate().map_err(|error| {
            let flag = if self.times.is_some() { "--times: " } else { "" };
            UsageError(format!("{flag}{error}"))
        })?;
        Ok(Some(sampler))
    }
}

impl SamplerArgs {
    /// Returns the start that was asked for, for a policy that takes no steps.
    ///
    /// # Errors
    /// [`UsageError`] names a flag that asks for steps.
    pub fn start_alone(&self) -> Result<Option<Start>> {
        if let Some(flag) = self.given().find(|flag| *flag != "--start") {
            let what = format!(
                "{flag} does not apply to a Gaussian policy, which takes no steps; it applies to \
                 flows"
            );
            return Err(UsageError(what).into());
        }
        Ok(self.start())
    }

    /// Returns the flags that were given.
    pub fn given(&self) -> impl Iterator<Item = &'static str> {
        let flags = [
            ("--sampler", self.sampler.is_some()),
            ("--steps", self.steps.is_some()),
            ("--times", self.times.is_some()),
            ("--rtol", self.rtol.is_some()),
            ("--atol", self.atol.is_some()),
            ("--churn", self.churn.is_some()),
            ("--start", self.start.is_some()),
        ];
        flags.into_iter().filter(|(_, is_given)| *is_given).map(|(flag, _)| flag)
    }

    /// Returns the start that was asked for.
    pub fn start(&self) -> Option<Start> {
        self.start.map(|start| match start {
            StartName::Noise => Start::Noise,
            StartName::Zero => Start::Zero,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: SamplerArgs,
    }

    fn parse(line: &str) -> Result<Option<Sampler>> {
        let words = std::iter::once("x").chain(line.split_whitespace());
        Line::try_parse_from(words)?.args.sampler(10, Start::Noise)
    }

    #[test]
    fn no_flag_is_no_sampler_and_each_flag_reaches_it() {
        assert_eq!(parse("").unwrap(), None);
        assert_eq!(parse("--start zero").unwrap(), None, "the policy's own steps");
        for (line, method, steps, start) in [
            ("--sampler heun --steps 4", Method::Heun, 4, Start::Noise),
            ("--sampler rk4 --start zero", Method::Rk4, 10, Start::Zero),
            ("--steps 10 --start zero", Method::Euler, 10, Start::Zero),
            ("--steps 3 --start noise", Method::Euler, 3, Start::Noise),
            ("--sampler sde", Method::Sde { churn: 1.0 }, 10, Start::Noise),
            ("--sampler sde --churn 2", Method::Sde { churn: 2.0 }, 10, Start::Noise),
            ("--sampler dopri5", Method::Dopri5 { rtol: 1e-4, atol: 1e-5 }, 1, Start::Noise),
            (
                "--sampler dopri5 --rtol 0.1 --atol 1",
                Method::Dopri5 { rtol: 0.1, atol: 1.0 },
                1,
                Start::Noise,
            ),
        ] {
            let expected = Sampler { method, grid: Grid::Uniform(steps), start };
            assert_eq!(parse(line).unwrap(), Some(expected), "{line}");
        }
    }

    #[test]
    fn times_of_ones_own_take_the_place_of_even_steps() {
        let sampler = parse("--sampler heun --times 1,0.4,0.1,0").unwrap().unwrap();
        assert_eq!(sampler.grid, Grid::Custom(vec![1.0, 0.4, 0.1, 0.0]));
        assert_eq!(parse("--times 1,0").unwrap().unwrap().method, Method::Euler);
        assert!(parse("--times 1,0 --steps 3").is_err());
        let error = parse("--times 1,0.5,0.6,0").unwrap_err();
        assert!(error.is::<UsageError>(), "{error:?}");
        let words = "time 3 of 4 is 0.6; it must be below the one before it, 0.5";
        assert_eq!(error.to_string(), format!("--times: sampler grid: {words}"));
    }

    #[test]
    fn a_number_that_no_sampler_takes_is_refused_with_its_flag_and_what_would_do() {
        for (flag, wrong, right) in [
            ("--steps", "0 -1 x 100001", "a whole number from 1 to 100000"),
            ("--times", "a -1 NaN 1,NaN,0 2", "a number from 0 to 1"),
            ("--rtol", "-1 NaN 1", "a number of 0 or more, below 1"),
            ("--atol", "0 -1 inf x", "a finite number above 0"),
            ("--churn", "-1 inf NaN", "a finite number of 0 or more"),
        ] {
            for value in wrong.split(' ') {
                let error = parse(&format!("{flag} {value}")).unwrap_err().to_string();
                let words = [format!("for '{flag} <"), format!("expected {right}")];
                assert!(words.iter().all(|word| error.contains(word)), "{value}: {error}");
            }
        }
        // The ends of what flags take are what the library takes.
        for line in [
            "--steps 1",
            "--steps 100000",
            "--times 1,0",
            "--sampler dopri5 --rtol 0 --atol 1e-300",
            "--sampler dopri5 --rtol 0.9999999 --atol 1e300",
            "--sampler sde --churn 0",
        ] {
            assert!(parse(line).unwrap().is_some(), "{line}");
        }
    }

    #[test]
    fn a_flag_that_does_not_apply_is_a_usage_error_that_says_to_what_it_does() {
        for (line, words) in [
            ("--sampler heun --rtol 1e-3", "--rtol does not apply to --sampler heun; it applies"),
            ("--sampler sde --atol 1e-3", "only to dopri5"),
            ("--sampler euler --churn 1", "only to sde"),
            ("--sampler dopri5 --steps 4", "--steps does not apply to --sampler dopri5"),
            ("--churn 1", "the policy's own sampler"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.is::<UsageError>(), "{line}: {error:?}");
            assert!(error.to_string().contains(words), "{line}: no {words:?} in {error}");
        }
    }
}
