//! The checks of a flow's own settings against each other and against the algorithm.

use fpo_core::path::Quantity;
use fpo_core::{ActionFrame, Source, SourceWidth, StepTimes};

use crate::config::choices::TimesChoice;
use crate::config::error::ConfigError;
use crate::config::learning::PolicyConfig;
use crate::config::resolved::Config;
use crate::config::validate::Check;

impl Check<'_> {
    /// Fails with the first setting of a flow with which it could not learn what it is to learn.
    pub(super) fn flow_learns(&self, config: &Config, source: Source) -> Result<(), ConfigError> {
        self.source_has_a_width(config, source)?;
        self.energy_is_known(config, source)?;
        self.flow_is_not_a_chain(config, source)?;
        if source == Source::NoiseAndTime {
            self.widths_are_weighed(&config.policy)?;
            self.steps_are_seen(&config.policy)?;
        }
        Ok(())
    }

    /// Fails if the width of a noise is to change that the policy's actions do not start from.
    fn source_has_a_width(&self, config: &Config, source: Source) -> Result<(), ConfigError> {
        let Some(std) = config.policy.source_std_to.filter(|_| source == Source::Noise) else {
            return Ok(());
        };
        Err(ConfigError::Combination {
            origin: self.origins_of(&["policy.source_std_to", "algorithm.kind"]),
            message: format!(
                "`policy.source_std_to` = {std} needs a flow, which `algorithm.kind` = `{}` does \
                 not have",
                config.algorithm.kind.name
            ),
        })
    }

    /// Fails if an energy is to be kept low that the policy does not have.
    fn energy_is_known(&self, config: &Config, source: Source) -> Result<(), ConfigError> {
        let weight = config.algorithm.objective.kinetic_weight;
        let has_frames =
            config.policy.frame == ActionFrame::PerState && source == Source::NoiseAndTime;
        if weight == 0.0 || has_frames {
            return Ok(());
        }
        let fields = ["algorithm.kinetic_weight", "policy.frame", "algorithm.kind"];
        Err(ConfigError::Combination {
            origin: self.origins_of(&fields),
            message: format!(
                "`algorithm.kinetic_weight` = {weight} needs `policy.frame` = `per_state` and \
                 `algorithm.kind` = `fpo` or `fpo++`, whose velocity is 0 where it bends nothing"
            ),
        })
    }

    /// Fails if a chain is asked for what only losses of a whole flow can learn: the width of a
    /// source or a frame that they depend on, or steps that they do not depend on.
    fn flow_is_not_a_chain(&self, config: &Config, source: Source) -> Result<(), ConfigError> {
        if !matches!(source, Source::Chain { .. }) {
            return Ok(());
        }
        let PolicyConfig { source_width, frame, step_times, .. } = config.policy;
        let (field, found, instead) = match (source_width, frame, step_times) {
            (SourceWidth::Learned, ..) => ("policy.source_width", "learned", "fixed"),
            (_, ActionFrame::PerState, _) => ("policy.frame", "per_state", "fixed"),
            (_, _, StepTimes::Middle) => ("policy.step_times", "middle", "start"),
            (_, _, StepTimes::Start) => return Ok(()),
        };
        Err(ConfigError::Combination {
            origin: self.origins_of(&[field, "algorithm.kind"]),
            message: format!(
                "`{field}` = `{found}` needs CFM losses, which `algorithm.kind` = `{}` does not \
                 have; `{instead}` does not",
                config.algorithm.kind.name
            ),
        })
    }

    /// Fails if a width is learned by losses that do not weigh it as a likelihood does: only errors
    /// of the velocity do so at all times alike, others on average over all times.
    fn widths_are_weighed(&self, policy: &PolicyConfig) -> Result<(), ConfigError> {
        let (field, value) = match (policy.source_width, policy.frame) {
            (SourceWidth::Learned, _) => ("policy.source_width", "learned"),
            (_, ActionFrame::PerState) => ("policy.frame", "per_state"),
            _ => return Ok(()),
        };
        let is_even = policy.output_mode == Quantity::Velocity;
        if is_even || policy.training_times == TimesChoice::Uniform {
            return Ok(());
        }
        Err(ConfigError::Combination {
            origin: self.origins_of(&[field, "policy.output_mode", "policy.training_times"]),
            message: format!(
                "`{field}` = `{value}` needs `policy.output_mode` = `velocity`, or \
                 `policy.training_times` = `uniform`, with which the losses weigh a width as a \
                 likelihood does"
            ),
        })
    }

    /// Fails if actions ask the network at times at which no loss asks it.
    fn steps_are_seen(&self, policy: &PolicyConfig) -> Result<(), ConfigError> {
        let is_middle = policy.step_times == StepTimes::Middle;
        if !is_middle || policy.training_times != TimesChoice::Grid {
            return Ok(());
        }
        Err(ConfigError::Combination {
            origin: self.origins_of(&["policy.step_times", "policy.training_times"]),
            message: "`policy.step_times` = `middle` needs `policy.training_times` = `uniform` or \
                      `beta`: the times of `grid` are those of the steps' starts"
                .into(),
        })
    }
}
