//! Tasks whose step is a formula, which need no simulator and no scratch memory.
//!
//! Such a task supplies its start, its formula and its observation as small arrays. The
//! implementation of [`Task`] for all of them moves these arrays in and out of the rows of the
//! driver, so that no task has to.

use crate::error::EnvError;
use crate::rng::EnvRng;
use crate::spec::EnvSpec;
use crate::task::{Task, Transition};

/// The rules of a task whose step is a formula.
///
/// All of the methods must depend on nothing but their arguments.
pub trait ClosedForm: Send + Sync + 'static {
    /// Everything that changes from step to step: an array of `f64`, for example `[f64; 4]`.
    type State: Copy + Default + AsRef<[f64]> + AsMut<[f64]>;
    /// One observation before it is rounded to single precision: an array of `obs_dim` numbers.
    type Observation: AsRef<[f64]>;

    /// The task's description. `obs_dim`, `action_dim` and `episode_length` must not be 0.
    fn spec(&self) -> EnvSpec;

    /// Number of environments that make a piece of work worth handing to another thread. The
    /// default suits a step that takes about a microsecond.
    fn grain(&self) -> usize {
        128
    }

    /// Draws a start.
    fn start(&self, rng: &mut EnvRng) -> Self::State;

    /// Returns what the learner sees of a state.
    fn observe(&self, state: Self::State) -> Self::Observation;

    /// Returns the state after one control step, and what the step brought. `action` (`action_dim`)
    /// is finite but may be outside [-1, 1].
    fn advance(&self, state: Self::State, action: &[f32]) -> (Self::State, Transition);

    /// Returns observations at which several ways are equally good, to a policy that sees all of
    /// them or to one that does not, so that the best policy has several modes there. By default
    /// the task is not known for any.
    fn saddles(&self) -> Vec<Vec<f32>> {
        Vec::new()
    }
}

impl<T: ClosedForm> Task for T {
    type Worker = ();

    fn spec(&self) -> EnvSpec {
        ClosedForm::spec(self)
    }

    fn state_len(&self) -> usize {
        T::State::default().as_ref().len()
    }

    fn grain(&self) -> usize {
        ClosedForm::grain(self)
    }

    fn worker(&self) -> Result<(), EnvError> {
        Ok(())
    }

    fn reset(
        &self,
        (): &mut (),
        rng: &mut EnvRng,
        state: &mut [f64],
        obs: &mut [f32],
    ) -> Result<(), EnvError> {
        let start = self.start(rng);
        state.copy_from_slice(start.as_ref());
        write(obs, self.observe(start).as_ref())
    }

    fn step(
        &self,
        (): &mut (),
        state: &mut [f64],
        action: &[f32],
        obs: &mut [f32],
    ) -> Result<Transition, EnvError> {
        let mut now = T::State::default();
        now.as_mut().copy_from_slice(state);
        let (next, transition) = self.advance(now, action);
        state.copy_from_slice(next.as_ref());
        write(obs, self.observe(next).as_ref())?;
        Ok(transition)
    }
}

/// Returns one element of an action, clipped to its range.
pub(crate) fn clipped(action: f32) -> f64 {
    f64::from(action.clamp(-1.0, 1.0))
}

/// Writes an observation in the learner's precision.
fn write(obs: &mut [f32], values: &[f64]) -> Result<(), EnvError> {
    if obs.len() != values.len() {
        return Err(EnvError::Option {
            what: "obs_dim",
            got: obs.len().to_string(),
            expected: "the number of elements that `ClosedForm::observe` returns",
        });
    }
    for (to, &from) in obs.iter_mut().zip(values) {
        *to = from as f32;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A counter that observes itself once, whatever its specification says.
    struct Counter {
        obs_dim: usize,
    }

    impl ClosedForm for Counter {
        type State = [f64; 1];
        type Observation = [f64; 1];

        fn spec(&self) -> EnvSpec {
            EnvSpec {
                name: "Counter".into(),
                obs_dim: self.obs_dim,
                groups: Vec::new(),
                action_dim: 1,
                episode_length: 10,
                control_dt: 0.0,
                reward_range: (0.0, 1.0),
                has_success: false,
                description: String::new(),
                source: String::new(),
            }
        }

        fn start(&self, _rng: &mut EnvRng) -> [f64; 1] {
            [5.0]
        }

        fn observe(&self, state: [f64; 1]) -> [f64; 1] {
            state
        }

        fn advance(&self, [count]: [f64; 1], action: &[f32]) -> ([f64; 1], Transition) {
            ([count + clipped(action[0])], Transition::reward(0.5))
        }
    }

    #[test]
    fn state_and_observation_are_moved_in_and_out_of_the_rows() {
        let task = Counter { obs_dim: 1 };
        let (mut state, mut obs) = ([0.0], [0.0]);
        task.reset(&mut (), &mut EnvRng::for_reset(0, 0, 0), &mut state, &mut obs).unwrap();
        assert_eq!((task.state_len(), state, obs), (1, [5.0], [5.0]));
        let transition = task.step(&mut (), &mut state, &[-7.0], &mut obs).unwrap();
        assert_eq!((transition.reward, state, obs), (0.5, [4.0], [4.0]));
    }

    #[test]
    fn an_observation_of_another_length_than_stated_is_refused() {
        let task = Counter { obs_dim: 2 };
        let mut rng = EnvRng::for_reset(0, 0, 0);
        let error = task.reset(&mut (), &mut rng, &mut [0.0], &mut [0.0; 2]).unwrap_err();
        assert!(matches!(error, EnvError::Option { what: "obs_dim", .. }), "{error}");
    }
}
