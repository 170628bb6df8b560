//! The policy of DPPO: a flow whose sampler is a chain of Gaussian transitions
//! ([`crate::DenoisingMdp`]). An action is the end of the chain, and each scored transition has a
//! likelihood of its own.

use std::cell::RefCell;
use std::sync::Arc;

use candle_core::{D, Tensor};

use crate::error::{Error, Result};
use crate::flow::denoising::DenoisingMdp;
use crate::flow::sampler::VelocityField;
use crate::flow::source::SourceWidth;
use crate::flow::time::{grid, upload};
use crate::nn::params::FlatParams;
use crate::policy::flow::FlowPolicy;
use crate::policy::{Acted, Evaluated, KernelForm, Policy, PolicySpec};
use crate::rollout::stored::Source;

/// A flow with the noise that follows each step of its sampler.
#[derive(Clone, Debug)]
pub struct ChainPolicy {
    flow: FlowPolicy,
    mdp: DenoisingMdp,
    spec: PolicySpec,
}

impl ChainPolicy {
    /// Returns the chain policy of `flow`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if the noise's σ is out of range, and [`Error::Invalid`] for a flow
    /// whose source or frame is learned, on which the likelihoods of its steps do not depend, or
    /// whose steps are asked elsewhere than at their start.
    pub fn new(flow: FlowPolicy, mdp: DenoisingMdp) -> Result<ChainPolicy> {
        mdp.validate()?;
        if flow.config().source_width != SourceWidth::Fixed {
            let what = "a chain cannot learn the width of its source; it must be `fixed`";
            return Err(Error::Invalid(what.into()));
        }
        if !flow.config().frame.is_fixed() {
            let what = "a chain cannot learn its frame; `frame` must be `fixed`";
            return Err(Error::Invalid(what.into()));
        }
        if !flow.config().step_times.is_start() {
            let what = "a chain is asked at the start of its steps; `step_times` must be `start`";
            return Err(Error::Invalid(what.into()));
        }
        let spec = ChainPolicy::spec_of(flow.spec(), flow.config().flow_steps, &mdp);
        Ok(ChainPolicy { flow, mdp, spec })
    }

    /// Returns the chain's description, given that of its flow of `flow_steps` steps.
    pub fn spec_of(flow: &PolicySpec, flow_steps: usize, mdp: &DenoisingMdp) -> PolicySpec {
        PolicySpec {
            noise_len: (flow_steps + 1) * flow.action_dim,
            source: Source::Chain { scored: mdp.scored(flow_steps) },
            ..flow.clone()
        }
    }

    /// Returns chains `(B, K + 1, A)` of the sampler for normalised `obs (B, O)`; the last entry is
    /// the action before squashing.
    ///
    /// The first of the unit normals `noise (B, K + 1, A)` start the chain, and the others disturb
    /// the steps. Without disturbances the action would be that of [`FlowPolicy::sample`].
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn states(&self, obs: &Tensor, noise: &Tensor) -> Result<Tensor> {
        let draw = |k: usize| noise.narrow(1, k, 1)?.squeeze(1)?.contiguous();
        let start = self.flow.source(&draw(0)?)?;
        let states = RefCell::new(vec![start.clone()]);
        self.flow.integrate(obs, &start, |k, x| {
            let x = (x + (draw(k + 1)? * self.mdp.sigma)?)?;
            states.borrow_mut().push(x.clone());
            Ok(x)
        })?;
        Ok(Tensor::stack(&states.into_inner(), 1)?)
    }

    /// Returns `−log p_k (…, S)` of the transitions of `chain (…, S + 1, A)`, the end of a chain of
    /// this policy, at normalised `obs (…, O)`. The S transitions must be all K steps, or those
    /// that are scored.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a chain of another length.
    pub fn negative_log_likelihood(&self, obs: &Tensor, chain: &Tensor) -> Result<Tensor> {
        let policy = &self.flow;
        let along = chain.rank() - 2;
        let flow_steps = policy.config().flow_steps;
        let steps = chain.dim(along)? - 1;
        if steps != flow_steps && steps != self.mdp.scored(flow_steps) {
            return Err(Error::Invalid(format!(
                "a chain of {} states does not fit a sampler of {flow_steps} steps",
                steps + 1
            )));
        }
        let from = chain.narrow(along, 0, steps)?.contiguous()?;
        let to = chain.narrow(along, 1, steps)?;
        let mut lead = from.dims().to_vec();
        let action_dim = lead.pop().unwrap_or_default();

        let times = &grid(flow_steps)[flow_steps - steps..];
        let t = upload(&times[..steps], (steps, 1), chain)?;
        let t = t.broadcast_as([&lead[..], &[1]].concat())?.contiguous()?;
        let obs_dim = policy.config().obs_dim;
        let obs = obs.unsqueeze(along)?.broadcast_as([&lead[..], &[obs_dim]].concat())?;
        let predicted = policy.predict(&obs.contiguous()?, &from, &t)?;

        let rule = policy.config().parametrization();
        let (keep, gain): (Vec<f64>, Vec<f64>) =
            times.windows(2).map(|pair| rule.step(pair[0], pair[1])).unzip();
        let kept = match keep.iter().all(|&keep| keep == 1.0) {
            true => from,
            false => from.broadcast_mul(&upload(&keep, (steps, 1), chain)?)?,
        };
        let expected = (kept + predicted.broadcast_mul(&upload(&gain, (steps, 1), chain)?)?)?;
        let deviation = ((to - expected)? * (1.0 / self.mdp.deviation()))?;
        let half = (deviation.sqr()?.sum(D::Minus1)? * 0.5)?;
        Ok((half + DenoisingMdp::constant(action_dim))?)
    }
}

/// Returns the actions, which are the last states of whole chains `states (B, K + 1, A)`, and the
/// ends of the chains that lead to them through `scored` transitions.
pub(crate) fn scored_end(states: &Tensor, scored: usize) -> Result<Acted> {
    let last = states.dim(1)? - 1;
    let action = states.narrow(1, last, 1)?.squeeze(1)?.contiguous()?;
    let chain = states.narrow(1, last - scored, scored + 1)?;
    Ok(Acted { action, chain: Some(chain) })
}

impl Policy for ChainPolicy {
    fn spec(&self) -> &PolicySpec {
        &self.spec
    }

    fn params(&self) -> &FlatParams {
        self.flow.params()
    }

    fn with_params(&self, params: FlatParams) -> Arc<dyn Policy> {
        let flow = self.flow.replace_params(params);
        Arc::new(ChainPolicy { flow, ..self.clone() })
    }

    /// Returns the flow without its disturbances. The official code leaves them on.
    fn deployed(&self) -> Arc<dyn Policy> {
        Arc::new(self.flow.clone())
    }

    fn act(&self, obs: &Tensor, noise: &Tensor) -> Result<Acted> {
        let states = self.flow.config().flow_steps + 1;
        let noise = noise.reshape((noise.dim(0)?, states, self.spec.action_dim))?;
        let scored = self.mdp.scored(self.flow.config().flow_steps);
        scored_end(&self.states(obs, &noise)?, scored)
    }

    fn evaluate(
        &self,
        obs: &Tensor,
        _action: &Tensor,
        stored: &Tensor,
        _t: &Tensor,
    ) -> Result<Evaluated> {
        let losses = self.negative_log_likelihood(obs, stored)?;
        Ok(Evaluated { losses, entropy: None, energy: None })
    }

    fn field(&self) -> Option<&dyn VelocityField> {
        Some(&self.flow)
    }

    fn with_source_std(&self, std: f64) -> Result<Arc<dyn Policy>> {
        let flow = self.flow.replace_source_std(std)?;
        Ok(Arc::new(ChainPolicy { flow, ..self.clone() }))
    }

    fn kernel_form(&self) -> Option<KernelForm<'_>> {
        Some(KernelForm::Flow { flow: self.flow.config(), chain: Some(self.mdp) })
    }

    fn description(&self) -> Result<serde_json::Value> {
        self.flow.description()
    }
}
