//! What a row of a flow policy's block is: a regression of the network's scaled output `p` at one
//! flow time. A flow is regressed on a Monte-Carlo pair, a chain on one of its transitions
//! ([`crate::path`], [`crate::DenoisingMdp`]):
//!
//! ```text
//! flow:   input x_t = α·a + σ·ε   target v, ε or a            g = 1      f = reduction·weight²
//! chain:  input x_k               target x_{k+1} − keep·x_k   g = gain   f = ½/σ²
//! loss = f·Σ (g·p − target)² + constant
//! ```

use crate::backend::fused::flow_rows::{FlowForm, FlowRows};
use crate::simd::vector::Simd;

/// One row, whose input and target are weighted sums of two stored vectors.
pub(crate) struct Regression<'a> {
    /// The action in its frame, or the state a transition leads to.
    pub(crate) first: &'a [f32],
    /// The noise, or the state that the transition comes from.
    pub(crate) second: &'a [f32],
    /// Flow time.
    pub(crate) t: f32,
    /// Shares of the two in the input.
    pub(crate) input: [f32; 2],
    /// Shares of the two in the target.
    pub(crate) target: [f32; 2],
    /// Factor on the prediction.
    pub(crate) gain: f32,
    /// Factor on the sum of squares.
    pub(crate) factor: f32,
}

impl<S: Simd> FlowRows<'_, S> {
    /// Returns the regression of sample `n` of the rollout's transition `row`; `framed` is what was
    /// taken, in its frame, if there is one.
    #[inline(always)]
    pub(crate) fn regression<'b>(
        &'b self,
        row: usize,
        n: usize,
        framed: Option<&'b [f32]>,
    ) -> Regression<'b> {
        let FlowForm { config, chain, reduction, .. } = self.form;
        let (batch, dim, samples) = (self.batch, config.action_dim, self.samples);
        let parametrization = config.parametrization();
        if let Some(mdp) = chain {
            let state = (row * (samples + 1) + n) * dim;
            let steps = config.flow_steps as f64;
            let (t, end) = ((samples - n) as f64 / steps, (samples - n - 1) as f64 / steps);
            let (keep, gain) = parametrization.step(t, end);
            return Regression {
                first: &batch.data.stored[state + dim..state + 2 * dim],
                second: &batch.data.stored[state..state + dim],
                t: t as f32,
                input: [0.0, 1.0],
                target: [1.0, -keep as f32],
                gain: gain as f32,
                factor: (0.5 / mdp.deviation().powi(2)) as f32,
            };
        }
        let sample = row * samples + n;
        let t = batch.data.t[sample];
        let rule = parametrization.regression(f64::from(t));
        Regression {
            first: framed.unwrap_or(&batch.data.action[row * dim..(row + 1) * dim]),
            second: &batch.data.stored[sample * dim..(sample + 1) * dim],
            t,
            input: [rule.alpha as f32, rule.sigma as f32],
            target: [rule.action_share as f32, rule.noise_share as f32],
            gain: 1.0,
            factor: (reduction * rule.weight * rule.weight) as f32,
        }
    }
}
