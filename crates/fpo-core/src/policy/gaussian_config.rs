//! The settings of a Gaussian policy: everything that defines it except its weights.

use serde::{Deserialize, Serialize};

use crate::error::{Result, require};
use crate::flow::config::Squash;
use crate::nn::mlp::{Activation, validate_dim, validate_hidden};

/// Everything that defines a Gaussian policy except its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GaussianConfig {
    /// Length of an observation.
    pub obs_dim: usize,
    /// Length of an action.
    pub action_dim: usize,
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Non-linearity of the hidden layers.
    pub activation: Activation,
    /// Least standard deviation before squashing, above 0.
    pub min_std: f64,
    /// How actions reach the environment.
    pub squash: Squash,
}

impl GaussianConfig {
    /// Returns the baseline of the official Playground code: 4 × 32 SiLU, least deviation 1e-3,
    /// `tanh`.
    pub fn new(obs_dim: usize, action_dim: usize) -> GaussianConfig {
        GaussianConfig {
            obs_dim,
            action_dim,
            hidden: vec![32; 4],
            activation: Activation::Silu,
            min_std: 1e-3,
            squash: Squash::Tanh,
        }
    }

    /// Checks every setting against its range.
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`] names the field and its range.
    pub fn validate(&self) -> Result<()> {
        let GaussianConfig { obs_dim, action_dim, min_std, .. } = *self;
        validate_dim("obs_dim", obs_dim)?;
        validate_dim("action_dim", action_dim)?;
        require(min_std > 0.0 && min_std.is_finite(), "min_std", min_std, "above 0")?;
        validate_hidden(&self.hidden)
    }

    /// Returns the sizes of the network: input, hidden layers, output.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        [&[self.obs_dim], &self.hidden[..], &[2 * self.action_dim]].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::config::FlowConfig;

    #[test]
    fn sizes_without_a_meaning_are_refused_for_both_kinds_of_policy() {
        let flow = |hidden: &[usize]| {
            let config = FlowConfig { hidden: hidden.to_vec(), ..FlowConfig::new(3, 2) };
            config.validate()
        };
        let gaussian = |hidden: &[usize]| {
            let config = GaussianConfig { hidden: hidden.to_vec(), ..GaussianConfig::new(3, 2) };
            config.validate()
        };
        for hidden in [&[][..], &[8, 0, 8], &[65_537], &[1; 65]] {
            for error in [flow(hidden), gaussian(hidden)] {
                let text = error.unwrap_err().to_string();
                assert!(text.starts_with("hidden is ["), "{text}");
            }
        }
        assert!(flow(&[1, 65_536]).is_ok() && gaussian(&[1]).is_ok());
        let silent = FlowConfig { output_scale: 0.0, ..FlowConfig::new(3, 2) };
        assert!(silent.validate().unwrap_err().to_string().contains("output_scale"));
        for (obs, action, field) in [(0, 2, "obs_dim"), (3, 0, "action_dim")] {
            let flow = FlowConfig::new(obs, action).validate();
            let gaussian = GaussianConfig::new(obs, action).validate();
            for error in [flow, gaussian] {
                let text = error.unwrap_err().to_string();
                assert!(text.starts_with(&format!("{field} is 0")), "{text}");
            }
        }
    }
}
