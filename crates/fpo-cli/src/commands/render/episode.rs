//! Episodes as they were played: what is needed to draw each of their moments.

use anyhow::{Context, Result};
use fpo_core::Noise;
use fpo_envs::VecEnvOptions;

use crate::training::evaluate::EvalPlan;
use crate::training::player::Player;
use crate::training::stepped_envs::SteppedEnvs;

/// The state of an episode after one of its steps, or before the first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moment {
    /// Control steps since the start.
    pub step: usize,
    /// Rewards since the start.
    pub earned: f64,
    /// What the policy sees.
    pub obs: Vec<f32>,
    /// The environment's row. Of a step that ended the episode by the task's rules it is the one
    /// before, for the environment has moved on to its next start.
    pub state: Vec<f64>,
}

/// An episode, or its beginning.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Episode {
    /// Its moments, the start first.
    pub moments: Vec<Moment>,
    /// Whether the task's rules ended it.
    pub terminated: bool,
}

impl Episode {
    /// Returns the last moment that is not later than control step `step`.
    pub fn at(&self, step: usize) -> usize {
        self.moments.partition_point(|moment| moment.step <= step).saturating_sub(1)
    }

    /// Returns its return.
    pub fn earned(&self) -> f64 {
        self.moments.last().map_or(0.0, |moment| moment.earned)
    }

    /// Returns how many control steps it has.
    pub fn length(&self) -> usize {
        self.moments.last().map_or(0, |moment| moment.step)
    }
}

/// Plays the episodes of `plan` with `player`, each for at most `limit` control steps. The numbers
/// are those of an evaluation of as many episodes.
///
/// # Errors
/// Those of the environments, and those of [`Player::act`] with the step at which they arose.
pub fn play(player: &Player, plan: &EvalPlan, limit: usize) -> Result<Vec<Episode>> {
    let repeat = plan.action_repeat;
    let options = VecEnvOptions {
        num_envs: plan.episodes,
        seed: plan.seed,
        // With room for one more step an environment still shows the last state of an episode
        // that its step limit ends.
        episode_length: Some(if limit.is_multiple_of(repeat) { limit + repeat } else { limit }),
        starts: plan.starts,
        action_repeat: repeat,
        ..VecEnvOptions::default()
    };
    let mut envs = SteppedEnvs::new(fpo_envs::make(&plan.task, &options)?)?;
    let noise = Noise::new(plan.seed);
    let mut draws = vec![0.0; plan.episodes * player.noise_len(envs.spec().action_dim)];
    let width = envs.spec().obs_dim;
    let row = |values: &[f32], env: usize| values[env * width..(env + 1) * width].to_vec();
    let saved = envs.envs.save().states;
    let len = saved.len() / plan.episodes;
    let state = |saved: &[f64], env: usize| saved[env * len..(env + 1) * len].to_vec();
    let start = |env: usize| {
        let (obs, state) = (row(&envs.obs, env), state(&saved, env));
        Episode { moments: vec![Moment { obs, state, ..Moment::default() }], terminated: false }
    };
    let mut episodes: Vec<Episode> = (0..plan.episodes).map(start).collect();
    for call in 0..limit.div_ceil(repeat) {
        if episodes.iter().all(|episode| episode.terminated) {
            break;
        }
        let mut actions = player
            .act(&noise, (call as u64, 0), &envs.obs, &mut draws)
            .with_context(|| format!("step {call} of the episodes"))?;
        player.squash().apply(&mut actions);
        envs.step(&actions)?;
        let saved = envs.envs.save().states;
        for (env, episode) in episodes.iter_mut().enumerate().filter(|(_, e)| !e.terminated) {
            let Some(before) = episode.moments.last() else { continue };
            let ended = envs.ended(env);
            let (obs, state) = match ended {
                true => (row(&envs.final_obs, env), before.state.clone()),
                false => (row(&envs.obs, env), state(&saved, env)),
            };
            let moment = Moment {
                step: ((call + 1) * repeat).min(limit),
                earned: before.earned + f64::from(envs.reward[env]),
                obs,
                state,
            };
            episode.terminated = envs.terminated[env];
            episode.moments.push(moment);
        }
    }
    Ok(episodes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::play::PlayArgs;

    fn plan(task: &str, action_repeat: usize) -> EvalPlan {
        EvalPlan { action_repeat, ..PlayArgs::unrecorded(2, Some(3)).plan(task.into()) }
    }

    #[test]
    fn moments_follow_each_other_until_the_limit() {
        for (repeat, steps) in [(1, vec![0, 1, 2, 3, 4, 5]), (2, vec![0, 2, 4, 5])] {
            let episodes = play(&Player::Zero, &plan("Classic/Pendulum", repeat), 5).unwrap();
            assert_eq!(episodes.len(), 2);
            for episode in episodes {
                let found: Vec<usize> = episode.moments.iter().map(|m| m.step).collect();
                assert_eq!(found, steps);
                assert!(!episode.terminated && episode.earned() > 0.0);
                let turning = |pair: &[Moment]| pair[0].obs != pair[1].obs;
                assert!(episode.moments.windows(2).all(turning));
                assert_eq!((episode.at(1), episode.at(5)), (1 / repeat, steps.len() - 1));
            }
        }
    }

    #[test]
    fn an_episode_that_ends_shows_where_it_ended() {
        let episodes = play(&Player::Random, &plan("Classic/Cartpole", 1), 500).unwrap();
        for episode in episodes {
            assert!(episode.terminated && episode.length() < 500);
            let last = &episode.moments[episode.moments.len() - 1].obs;
            let fallen = last[2] < 12_f32.to_radians().cos() || last[0].abs() > 2.4;
            assert!(fallen, "{last:?}");
        }
    }
}
