//! The network and minibatch sizes at which learner and sampler are measured.

use anyhow::Result;
use fpo_envs::EnvSpec;

use crate::config::resolved::Config;

/// Minibatches at the official sizes, in sequences of 30 steps: those of a run with 2048
/// environments cut into 256 minibatches, and the official 1024.
const OFFICIAL_BATCHES: [usize; 2] = [128, 1024];

/// `configs/desk/base.toml`, carried along so that the program needs no file. The link
/// `configs` brings it into the package of this crate.
const DESK: &str = include_str!("../../../configs/desk/base.toml");

/// Sizes with a name.
#[derive(Clone, Debug)]
pub struct Sizes {
    /// `official`, `desk` or the configuration file.
    pub name: String,
    /// Networks, optimiser, objective.
    pub config: Config,
    /// Lengths of observation and action.
    pub spec: EnvSpec,
    /// Sequences per minibatch, one case each.
    pub batch_sizes: Vec<usize>,
}

impl Sizes {
    /// Returns the sizes of that name. It is `official` (policy 4 × 32, value 5 × 256) or `desk`
    /// (the sizes of `configs/desk`), both on CheetahRun, or the path of a configuration file.
    ///
    /// # Errors
    /// Those of the configuration and its task.
    pub fn named(name: &str) -> Result<Sizes> {
        let (config, spec, batch_sizes) = match name {
            "official" => {
                let config = Config::from_toml_str("env.task = 'CheetahRun'", name)?;
                (config, cheetah(), OFFICIAL_BATCHES.to_vec())
            }
            "desk" => {
                let config = desk_cheetah()?;
                let batch = config.train.batch_size;
                (config, cheetah(), vec![batch])
            }
            path => {
                let config = Config::load(&[path], &[])?;
                let spec = fpo_envs::spec(&config.env.task)?;
                let batch = config.train.batch_size;
                (config, spec, vec![batch])
            }
        };
        Ok(Sizes { name: name.into(), config, spec, batch_sizes })
    }
}

#[cfg(test)]
impl Sizes {
    /// Returns sizes that take no time, for the algorithm `kind` with more lines of `[algorithm]`.
    pub fn small(kind: &str, more: &str) -> Sizes {
        let text = format!(
            "env.task = 'CheetahRun'\ntrain.unroll_length = 5\nvalue.hidden = [32, 32]\n\
             [algorithm]\nkind = '{kind}'\n{more}"
        );
        let config = Config::from_toml_str(&text, "small").unwrap();
        Sizes { name: "small".into(), config, spec: cheetah(), batch_sizes: vec![2] }
    }
}

/// Returns the configuration of CheetahRun at desk size.
///
/// # Errors
/// Those of the configuration.
pub fn desk_cheetah() -> Result<Config> {
    let text = DESK.replacen("[env]", "[env]\ntask = \"CheetahRun\"", 1);
    Ok(Config::from_toml_str(&text, "desk")?)
}

/// Returns the sizes of CheetahRun. Builds without MuJoCo know them too, because networks need no
/// physics.
fn cheetah() -> EnvSpec {
    EnvSpec {
        name: "CheetahRun".into(),
        obs_dim: 17,
        groups: Vec::new(),
        action_dim: 6,
        episode_length: 1000,
        control_dt: 0.01,
        reward_range: (0.0, 1.0),
        has_success: false,
        description: "sizes only".into(),
        source: "DeepMind Control Suite cheetah, as in MuJoCo Playground 0.0.5".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_sizes_are_those_of_the_configurations() {
        let official = Sizes::named("official").unwrap();
        assert_eq!(official.config.policy.hidden, [32; 4]);
        assert_eq!(official.config.value.hidden, [256; 5]);
        let unroll = official.config.train.unroll_length;
        let transitions: Vec<_> = official.batch_sizes.iter().map(|b| b * unroll).collect();
        assert_eq!(transitions, [3840, 30720]);
        let desk = Sizes::named("desk").unwrap();
        assert_eq!(desk.config.value.hidden, [128; 3]);
        assert_eq!((desk.config.env.num_envs, desk.batch_sizes), (128, vec![16]));
    }

    #[cfg(feature = "mujoco")]
    #[test]
    fn the_sizes_of_cheetah_are_those_of_the_task() {
        let (ours, task) = (cheetah(), fpo_envs::spec("CheetahRun").unwrap());
        assert_eq!((ours.obs_dim, ours.action_dim), (task.obs_dim, task.action_dim));
    }
}
