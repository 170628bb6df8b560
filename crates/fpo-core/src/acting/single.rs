//! A policy at work on one observation at a time, such as on a robot: it allocates no memory and
//! uses no other thread once it is made, so that an action takes much the same time every time.

use crate::acting::{ACTION, require_finite};
use crate::backend::fused::single::{Single, single};
use crate::error::{Error, Result};
use crate::flow::config::{FlowConfig, Squash};
use crate::nn::normalizer::DeviceNormalizer;
use crate::policy::{KernelForm, Policy};
use crate::simd::isa::Isa;
use crate::tensor::slices::with_slices;

/// A frozen copy of a policy that turns one observation after another into controls, in memory of
/// its own. The actions have the bits of [`crate::Actor::act`] on the fused kernels.
pub struct SingleActor {
    mean: Vec<f32>,
    std: Vec<f32>,
    normalized: Vec<f32>,
    action_dim: usize,
    squash: Squash,
    single: Box<dyn Single>,
}

impl SingleActor {
    /// Returns an actor for `policy`, whose observations `normalizer` scales. A flow takes `steps`
    /// even Euler steps, or its own number of them if that is `None`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there are no kernels for the policy, if it is not in f32 on the CPU,
    /// or if it takes no steps and `steps` are asked for; [`Error::OutOfRange`] for a number of
    /// steps that is not allowed.
    pub fn new(
        policy: &dyn Policy,
        normalizer: &DeviceNormalizer,
        steps: Option<usize>,
    ) -> Result<SingleActor> {
        let form = policy.kernel_form().ok_or_else(|| {
            Error::Invalid("there are no kernels for this kind of policy; Actor can play it".into())
        })?;
        let other;
        let form = match (form, steps) {
            (form, None) => form,
            (KernelForm::Flow { flow, chain }, Some(flow_steps)) => {
                other = FlowConfig { flow_steps, ..flow.clone() };
                other.validate()?;
                KernelForm::Flow { flow: &other, chain }
            }
            (KernelForm::Gaussian(_), Some(_)) => {
                return Err(Error::Invalid("a Gaussian policy takes no steps".into()));
            }
        };
        let (mean, std) = normalizer.parts();
        let tensors = [policy.params().flat(), mean, std];
        let (single, mean, std) = with_slices(tensors, |[params, mean, std]| {
            let single = single(Isa::best(), form, params)?;
            Ok::<_, Error>((single, mean.to_vec(), std.to_vec()))
        })??;
        Ok(SingleActor {
            normalized: vec![0.0; policy.obs_dim()],
            mean,
            std,
            action_dim: policy.action_dim(),
            squash: policy.squash(),
            single,
        })
    }

    /// Returns the length of an observation.
    pub fn obs_dim(&self) -> usize {
        self.mean.len()
    }

    /// Returns the length of a control, and of the noise that one takes.
    pub fn action_dim(&self) -> usize {
        self.action_dim
    }

    /// Writes to `control` what the environment receives at the raw observation `obs`: the action
    /// that starts from the unit normals `noise`, squashed. Zeros for noise give the mean of a
    /// Gaussian and the centre of a flow's noise.
    ///
    /// # Errors
    /// [`Error::Invalid`] names what has another length; [`Error::NotFinite`] names a number of the
    /// observation or the action that is not finite. `control` is then not to be used.
    pub fn act_into(&mut self, obs: &[f32], noise: &[f32], control: &mut [f32]) -> Result<()> {
        require_length("the observation", obs.len(), self.mean.len())?;
        require_length("the noise", noise.len(), self.action_dim)?;
        require_length("the control", control.len(), self.action_dim)?;
        require_finite(obs, obs.len(), "observation")?;
        for (i, x) in self.normalized.iter_mut().enumerate() {
            *x = (obs[i] - self.mean[i]) / self.std[i];
        }
        control.copy_from_slice(noise);
        self.single.act(&self.normalized, control);
        require_finite(control, control.len(), ACTION)?;
        self.squash.apply(control);
        Ok(())
    }
}

fn require_length(what: &str, found: usize, expected: usize) -> Result<()> {
    match found == expected {
        true => Ok(()),
        false => Err(Error::Invalid(format!("{what} has length {found}; expected {expected}"))),
    }
}
