//! The state of environments cut into that of some of them, and put together again.

use std::ops::Range;

use fpo_envs::VecEnvState;

use crate::training::collector::Position;

/// Returns the rows of the environments `envs`, of which there are `all`.
pub fn part(
    (state, position): (&VecEnvState, &Position),
    all: usize,
    envs: &Range<usize>,
) -> (VecEnvState, Position) {
    fn rows<T: Clone>(values: &[T], all: usize, envs: &Range<usize>) -> Vec<T> {
        let width = values.len() / all.max(1);
        values[envs.start * width..envs.end * width].to_vec()
    }
    let state = VecEnvState {
        states: rows(&state.states, all, envs),
        first_states: rows(&state.first_states, all, envs),
        obs: rows(&state.obs, all, envs),
        episode_steps: rows(&state.episode_steps, all, envs),
        episodes: rows(&state.episodes, all, envs),
    };
    let position = Position {
        steps: position.steps,
        returns: rows(&position.returns, all, envs),
        lengths: rows(&position.lengths, all, envs),
        succeeded: rows(&position.succeeded, all, envs),
    };
    (state, position)
}

/// Returns the state of all environments, given that of each part in its order.
pub fn joined(parts: Vec<(VecEnvState, Position)>) -> (VecEnvState, Position) {
    let (mut state, mut position) = (VecEnvState::default(), Position::default());
    for (envs, at) in parts {
        state.states.extend(envs.states);
        state.first_states.extend(envs.first_states);
        state.obs.extend(envs.obs);
        state.episode_steps.extend(envs.episode_steps);
        state.episodes.extend(envs.episodes);
        position.steps = at.steps;
        position.returns.extend(at.returns);
        position.lengths.extend(at.lengths);
        position.succeeded.extend(at.succeeded);
    }
    (state, position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_the_whole_again() {
        let state = VecEnvState {
            states: (0..15).map(f64::from).collect(),
            first_states: Vec::new(),
            obs: (0..10).map(|x| x as f32).collect(),
            episode_steps: vec![1, 2, 3, 4, 5],
            episodes: vec![6, 7, 8, 9, 10],
        };
        let position = Position {
            steps: 77,
            returns: vec![0.5, 1.5, 2.5, 3.5, 4.5],
            lengths: vec![1, 2, 3, 4, 5],
            succeeded: vec![0, 1, 0, 1, 0],
        };
        let of = |envs: Range<usize>| part((&state, &position), 5, &envs);
        let (some, at) = of(1..3);
        assert_eq!(some.states, [3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        assert_eq!((some.obs.len(), at.returns), (4, vec![1.5, 2.5]));
        assert_eq!(joined(vec![of(0..1), of(1..3), of(3..5)]), (state.clone(), position.clone()));
    }
}
