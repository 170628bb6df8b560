//! What a report says about the sampler by which a policy was played.

use fpo_core::sampler::{Grid, Method, Sampler, Start};
use serde::Serialize;

/// What a report says about a sampler that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SamplerReport {
    /// Name of the method.
    pub method: &'static str,
    /// Steps of an action, where they are fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// `noise` or `zero`.
    pub start: &'static str,
    /// Relative tolerance of dopri5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtol: Option<f64>,
    /// Absolute tolerance of dopri5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub atol: Option<f64>,
    /// Noise that sde exchanges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub churn: Option<f64>,
    /// Mean number of velocity evaluations per batch of actions.
    pub evaluations: f64,
}

impl SamplerReport {
    /// Describes `sampler`, which needed `evaluations` velocity evaluations per batch in the mean.
    pub fn new(sampler: &Sampler, evaluations: f64) -> SamplerReport {
        let (rtol, atol, churn) = match sampler.method {
            Method::Dopri5 { rtol, atol } => (Some(rtol), Some(atol), None),
            Method::Sde { churn } => (None, None, Some(churn)),
            _ => (None, None, None),
        };
        let steps = match (&sampler.grid, rtol) {
            (_, Some(_)) => None,
            (Grid::Uniform(steps), None) => Some(*steps),
            (Grid::Custom(times), None) => Some(times.len() - 1),
        };
        let start = match sampler.start {
            Start::Noise => "noise",
            Start::Zero => "zero",
        };
        let method = sampler.method.name();
        SamplerReport { method, steps, start, rtol, atol, churn, evaluations }
    }
}

impl std::fmt::Display for SamplerReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.method)?;
        if let Some(steps) = self.steps {
            write!(f, " {steps} steps")?;
        }
        if let (Some(rtol), Some(atol)) = (self.rtol, self.atol) {
            write!(f, " rtol {rtol} atol {atol}")?;
        }
        if let Some(churn) = self.churn {
            write!(f, " churn {churn}")?;
        }
        write!(f, " from {} ({:.1} velocity evaluations)", self.start, self.evaluations)
    }
}
