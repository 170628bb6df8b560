//! The width of a flow's source in numbers ([`crate::SourceWidth`] has the formulas).

use crate::flow::config::FlowConfig;

/// What a loss and an action need to know of the source of a policy with these parameters.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceTerms {
    /// Standard deviations σ, one per action dimension.
    pub(crate) std: Vec<f32>,
    /// What squares in a loss are multiplied by besides the loss's own factor: `exp(−2θ)`.
    pub(crate) weights: Vec<f32>,
    /// `Σ ln σ` where it is learned, else 0.
    pub(crate) log_std: f32,
    /// Whether the width is learned.
    pub(crate) learned: bool,
}

impl SourceTerms {
    /// Returns the terms of a policy of these settings; the parameters θ of its width, if it has
    /// any, are the last of `params`.
    pub(crate) fn new(config: &FlowConfig, params: &[f32]) -> SourceTerms {
        let (dim, base) = (config.action_dim, config.flow_std());
        if config.source_width.is_fixed() {
            let (std, weights) = (vec![base as f32; dim], vec![1.0; dim]);
            return SourceTerms { std, weights, log_std: 0.0, learned: false };
        }
        let theta: Vec<f64> = params[params.len() - dim..].iter().map(|&x| f64::from(x)).collect();
        SourceTerms {
            std: theta.iter().map(|x| (base * x.exp()) as f32).collect(),
            weights: theta.iter().map(|x| (-2.0 * x).exp() as f32).collect(),
            log_std: theta.iter().map(|x| base.ln() + x).sum::<f64>() as f32,
            learned: true,
        }
    }

    /// Turns unit normals into draws of the source, row by row.
    pub(crate) fn scale(&self, noise: &mut [f32]) {
        if self.std.iter().all(|&std| std == 1.0) {
            return;
        }
        for row in noise.chunks_exact_mut(self.std.len()) {
            row.iter_mut().zip(&self.std).for_each(|(x, std)| *x *= std);
        }
    }
}
