//! How a rank has fared, and what follows for all of them.

use anyhow::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::terminal::failure::{USAGE, UsageError, describe, exit_code};

/// How a rank has fared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Verdict {
    /// It has done its part.
    Done,
    /// It was asked to stop.
    Interrupted,
    /// A number of training is not finite.
    Diverged {
        /// Which.
        tensor: String,
        /// The bits of its value, which JSON has no number for.
        bits: u64,
        /// Gradient steps taken before it.
        step: u64,
    },
    /// It could not do its part.
    Failed {
        /// The error in a line.
        text: String,
        /// Whether what was asked for is wrong.
        usage: bool,
    },
}

impl Verdict {
    /// Returns how the rank with this outcome has fared.
    pub(super) fn of<T>(result: &Result<T>) -> Verdict {
        let Err(error) = result else { return Verdict::Done };
        if matches!(error.downcast_ref(), Some(fpo_core::Error::Interrupted)) {
            return Verdict::Interrupted;
        }
        match error.downcast_ref() {
            Some(fpo_core::Error::NonFinite { tensor, value, step }) => {
                Verdict::Diverged { tensor: tensor.clone(), bits: value.to_bits(), step: *step }
            }
            _ => Verdict::Failed { text: describe(error), usage: exit_code(error) == USAGE },
        }
    }
}

/// Returns what follows from the verdicts of `all` ranks on this one, number `rank`, whose own
/// outcome is `result`. A failure comes before an interruption, which comes before a divergence.
pub(super) fn decide<T>(result: Result<T>, all: &[Verdict], rank: usize) -> Result<T> {
    let first = |is: fn(&Verdict) -> bool| all.iter().position(is);
    let failed = first(|verdict| matches!(verdict, Verdict::Failed { .. }));
    let interrupted = first(|verdict| *verdict == Verdict::Interrupted);
    let diverged = first(|verdict| matches!(verdict, Verdict::Diverged { .. }));
    let everywhere = all.iter().all(|verdict| *verdict == all[0]);
    match (failed, interrupted, diverged) {
        _ if everywhere => result,
        (Some(first), _, _) => Err(failure(result, &all[first], first, rank)),
        (None, Some(_), _) => Err(fpo_core::Error::Interrupted.into()),
        // All have the same parameters, but each other environments, and the run is one.
        (None, None, Some(first)) => Err(failure(result, &all[first], first, rank)),
        (None, None, None) => result,
    }
}

/// Returns the error of rank `first`, as it is known on rank `rank`.
fn failure<T>(result: Result<T>, verdict: &Verdict, first: usize, rank: usize) -> Error {
    let named = |text: &str| format!("rank {first}: {text}");
    match (result, verdict) {
        (Err(error), Verdict::Failed { .. }) if first == rank => {
            error.context(format!("rank {first}"))
        }
        (_, Verdict::Failed { text, usage: true }) => UsageError(named(text)).into(),
        (_, Verdict::Failed { text, .. }) => Error::msg(named(text)),
        (_, Verdict::Diverged { tensor, bits, step }) => {
            let (tensor, value) = (named(tensor), f64::from_bits(*bits));
            fpo_core::Error::NonFinite { tensor, value, step: *step }.into()
        }
        (_, Verdict::Done | Verdict::Interrupted) => Error::msg(named("it has given up")),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;
    use crate::terminal::failure::is_divergence;

    fn diverged() -> Error {
        let tensor = "the loss".to_string();
        fpo_core::Error::NonFinite { tensor, value: f64::NAN, step: 3 }.into()
    }

    /// What each rank makes of these outcomes.
    fn decided(outcomes: [fn() -> Result<u8>; 3]) -> [Result<u8>; 3] {
        let all: Vec<Verdict> = outcomes.iter().map(|outcome| Verdict::of(&outcome())).collect();
        let of = |rank: usize| decide(outcomes[rank](), &all, rank);
        [of(0), of(1), of(2)]
    }

    fn texts(decided: [Result<u8>; 3]) -> [String; 3] {
        decided.map(|result| result.map_or_else(|error| describe(&error), |_| "done".into()))
    }

    #[test]
    fn the_failure_of_one_is_told_by_all_with_its_rank() {
        let found = decided([|| Ok(1), || Err(anyhow!("no disk")), || Ok(1)]);
        assert_eq!(texts(found), ["rank 1: no disk"; 3]);
        let found = decided([
            || Err(fpo_core::Error::Interrupted.into()),
            || Ok(1),
            || Err(anyhow!("no disk")),
        ]);
        assert_eq!(texts(found), ["rank 2: no disk"; 3]);
        assert_eq!(texts(decided([|| Ok(1), || Ok(1), || Ok(1)])), ["done"; 3]);
    }

    #[test]
    fn what_all_ranks_say_needs_no_rank() {
        let found = decided([|| Err(anyhow!("no task")); 3]);
        assert_eq!(texts(found), ["no task"; 3]);
    }

    #[test]
    fn a_wrong_request_stays_one() {
        let wrong: fn() -> Result<u8> = || Err(UsageError("too few".into()).into());
        for error in decided([wrong, || Ok(1), || Ok(1)]).map(Result::unwrap_err) {
            assert_eq!((exit_code(&error), describe(&error)), (USAGE, "rank 0: too few".into()));
        }
    }

    #[test]
    fn an_interruption_of_one_is_one_of_all() {
        for error in decided([|| Ok(1), || Err(fpo_core::Error::Interrupted.into()), || Ok(1)]) {
            let error = error.unwrap_err();
            assert!(matches!(error.downcast_ref(), Some(fpo_core::Error::Interrupted)));
        }
    }

    #[test]
    fn a_divergence_of_one_is_one_of_all() {
        for error in decided([|| Err(diverged()); 3]) {
            let error = error.unwrap_err();
            assert!(
                is_divergence(&error) && describe(&error).starts_with("the loss is"),
                "{error}"
            );
        }
        for error in decided([|| Ok(1), || Ok(1), || Err(diverged())]) {
            let error = error.unwrap_err();
            let text = describe(&error);
            assert!(is_divergence(&error), "{text}");
            assert_eq!(text, "rank 2: the loss is NaN at gradient step 3");
        }
        let verdict = Verdict::of(&Err::<u8, _>(diverged()));
        let sent = serde_json::to_vec(&verdict).unwrap();
        assert_eq!(serde_json::from_slice::<Verdict>(&sent).unwrap(), verdict);
    }
}
