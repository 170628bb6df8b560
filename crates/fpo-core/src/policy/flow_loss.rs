//! The CFM loss of a flow, with its derivative written out ([`super::flow`] has the formulas, and
//! [`crate::SourceWidth`] those of a learned source).

use candle_core::Tensor;

use crate::error::Result;
use crate::flow::source::SourceWidth;
use crate::policy::flow::FlowPolicy;
use crate::policy::learned_source::LearnedSource;
use crate::tensor::attached::attach;

impl FlowPolicy {
    /// Returns the CFM loss per sample, `(T, B, N)`.
    ///
    /// `obs (T, B, O)` is normalised, `action (T, B, A)` is the taken action before squashing,
    /// `eps (T, B, N, A)` and `t (T, B, N, 1)` are the Monte-Carlo pairs. A gradient flows to the
    /// parameters alone.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn cfm_loss(
        &self,
        obs: &Tensor,
        action: &Tensor,
        eps: &Tensor,
        t: &Tensor,
    ) -> Result<Tensor> {
        if !self.config.frame.is_fixed() {
            return Ok(self.framed(obs, action, eps, t)?.losses);
        }
        let (steps, batch, samples, action_dim) = eps.dims4()?;
        let rows = steps * batch;
        let eps = eps.reshape((rows, samples, action_dim))?;
        let t = t.reshape((rows, samples, 1))?;
        let action = action.reshape((rows, 1, action_dim))?;

        let (x_t, target, weight) = self.config.parametrization().regress(&action, &eps, &t)?;

        let (flat, scale) = (self.params.flat(), self.config.output_scale);
        let obs = obs.reshape((rows, self.config.obs_dim))?;
        let inputs = self.flow_inputs(&x_t, &t)?;
        // Without a gradient nothing of the pass is kept.
        let (out, pass) = match flat.track_op() {
            true => self.mlp.run(&flat.detach(), &obs, Some(&inputs)).map(|(x, p)| (x, Some(p)))?,
            false => (self.mlp.evaluate(flat, &obs, Some(&inputs), |_, _| ())?, None),
        };
        let predicted = (out * scale)?.reshape((rows, samples, action_dim))?;

        let weighted = |x: Tensor| match &weight {
            Some(weight) => x.broadcast_mul(weight),
            None => Ok(x),
        };
        let error = weighted((predicted - target)?)?;
        let factor = self.config.loss_factor();
        let shape = (steps, batch, samples);
        let squares = error.sqr()?;
        let source = match self.config.source_width {
            SourceWidth::Fixed => None,
            SourceWidth::Learned => {
                let noise = weighted(eps)?.sqr()?;
                Some((LearnedSource::new(&self.config, &self.params)?, (&squares - noise)?))
            }
        };
        let sums = match &source {
            None => squares.sum(2)?.reshape(shape)?,
            Some((source, squares)) => squares.broadcast_mul(&source.weights()?)?.sum(2)?,
        };
        let Some(pass) = pass else {
            let losses = (sums * factor)?;
            let losses = match &source {
                None => losses,
                Some((source, _)) => source.add_log_std(&losses)?,
            };
            return Ok(losses.reshape(shape)?);
        };
        // The derivative with respect to the network's output is 2·factor·error·weight·scale.
        let mut slope = (weighted(error)? * (2.0 * factor * scale))?;
        if let Some((source, _)) = &source {
            slope = slope.broadcast_mul(&source.weights()?.detach())?;
        }
        let own = flat.narrow(0, 0, self.mlp.parameters())?;
        let losses = attach(sums.detach(), factor, &own, move |upstream| {
            let upstream = upstream.reshape((rows, samples, 1))?;
            let upstream = slope.broadcast_mul(&upstream)?;
            pass.gradient(&upstream.reshape((rows * samples, action_dim))?)
        })?;
        match &source {
            None => Ok(losses),
            Some((source, squares)) => {
                Ok(source.differentiate(&losses, squares, factor)?.reshape(shape)?)
            }
        }
    }

    /// Returns `concat(x_t, embed(t))` as rows ([`crate::time::embed`]).
    pub(super) fn flow_inputs(&self, x_t: &Tensor, t: &Tensor) -> Result<Tensor> {
        let last = x_t.rank() - 1;
        let angles = t.broadcast_mul(&self.constants()?.frequencies)?;
        let inputs = Tensor::cat(&[x_t, &angles.cos()?, &angles.sin()?], last)?;
        Ok(inputs.reshape(((), self.config.action_dim + self.config.time_embedding))?)
    }
}
