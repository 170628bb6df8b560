//! The options with which a batch is built.

use serde::{Deserialize, Serialize};

/// Where an environment starts again after its episode ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoReset {
    /// At a freshly drawn start.
    #[default]
    Fresh,
    /// At the first start of that environment, again and again, as the official FPO code does it: a
    /// whole run then sees only `num_envs` different starts.
    First,
}

/// The starts from which the episodes of a task begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Starts {
    /// Every start is drawn, each number on its own, so that seeds, environments and episodes all
    /// differ. Where MuJoCo Playground knows a single start only (`BallInCup`, the humanoids),
    /// each of its coordinates is moved by up to ±0.01 (m or rad).
    #[default]
    Drawn,
    /// The starts are those of MuJoCo Playground 0.0.5, drawn as its code draws them. This includes
    /// its single starts and the starts whose numbers depend on each other because a random key was
    /// used twice. Other tasks start as with [`Starts::Drawn`].
    Official,
}

impl Starts {
    /// The name, as configurations and policy files spell it.
    pub fn name(self) -> &'static str {
        match self {
            Starts::Drawn => "drawn",
            Starts::Official => "official",
        }
    }
}

/// The place of a batch in a larger one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartOf {
    /// Number of its first environment in the larger batch.
    pub first: usize,
    /// Number of environments of the larger batch.
    pub total: usize,
}

/// How to build a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VecEnvOptions {
    /// Number of environments in the batch, at least 1.
    pub num_envs: usize,
    /// Where the batch is a part of a larger one that several processes share: the number that its
    /// first environment has there, and how many there are. The batch then steps as that part of
    /// the whole, and calls its environments by the numbers that they have there in errors.
    pub part_of: Option<PartOf>,
    /// Seed of all start draws.
    pub seed: u64,
    /// Where an environment starts again after its episode ended.
    pub auto_reset: AutoReset,
    /// The starts from which episodes begin.
    pub starts: Starts,
    /// Control steps until truncation; the task's own number if absent.
    pub episode_length: Option<usize>,
    /// Control steps for which one call of `step` holds its action, at least 1. Their rewards are
    /// summed. The step limit still counts control steps, as in Brax and in the usual wrappers of
    /// the Control Suite: 1000 control steps are 250 calls at 4. Unlike in Brax, an episode that
    /// ends inside a call ends the call there, and nothing of the next episode is simulated in it.
    pub action_repeat: usize,
    /// Spreads the ends of episodes evenly over time: environment `i` of `n` starts its first
    /// episode as if `i/n` of the step limit had passed. Otherwise environments that only the
    /// step limit ends all restart on the same step, and data collected shortly after comes from
    /// the beginnings of episodes alone.
    pub stagger: bool,
    /// Number of environments that make one piece of work for a thread, at least 1; the task's own
    /// number if absent. It changes speed only, never a result: smaller pieces spread better over
    /// many cores, larger ones cost less to hand out.
    pub chunk: Option<usize>,
}

impl Default for VecEnvOptions {
    /// One environment of its own with seed 0, fresh and drawn starts, the task's own episode
    /// length, each action for one control step, and no staggering.
    fn default() -> Self {
        Self {
            num_envs: 1,
            part_of: None,
            seed: 0,
            auto_reset: AutoReset::Fresh,
            starts: Starts::Drawn,
            episode_length: None,
            action_repeat: 1,
            stagger: false,
            chunk: None,
        }
    }
}
