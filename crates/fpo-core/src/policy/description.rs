//! What a policy file says about a policy besides its weights: one JSON object for each kind.
//!
//! The object of a flow also holds the times of its steps and what each step does, so that a reader
//! needs no formulas; reading checks them against this program's own.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::flow::config::FlowConfig;
use crate::policy::gaussian_config::GaussianConfig;

/// The `kind` of a flow.
pub(crate) const FLOW: &str = "flow";
/// The `kind` of a Gaussian.
pub(crate) const GAUSSIAN: &str = "gaussian";

#[derive(Serialize, Deserialize)]
struct FlowDescription {
    kind: String,
    #[serde(flatten)]
    config: FlowConfig,
    /// Times at which the steps ask the network, from 1 (noise) down, and 0 (action).
    schedule: Vec<f64>,
    /// `[k, g]` of each step `x ← k·x + g·output`, the network's output times its scale.
    step_factors: Vec<[f64; 2]>,
}

#[derive(Serialize, Deserialize)]
struct GaussianDescription {
    kind: String,
    #[serde(flatten)]
    config: GaussianConfig,
}

/// Returns the description of a flow.
pub(crate) fn flow(config: &FlowConfig) -> Result<Value> {
    let (schedule, step_factors) = steps(config);
    let config = config.clone();
    json(&FlowDescription { kind: FLOW.into(), config, schedule, step_factors })
}

/// Returns the description of a Gaussian.
pub(crate) fn gaussian(config: &GaussianConfig) -> Result<Value> {
    json(&GaussianDescription { kind: GAUSSIAN.into(), config: config.clone() })
}

/// Returns the settings in the description of a flow.
///
/// # Errors
/// The error names the entry that is missing, out of range, or not what this program would compute.
pub(crate) fn read_flow(description: Value) -> Result<FlowConfig> {
    let described: FlowDescription =
        serde_json::from_value(description.clone()).map_err(unreadable)?;
    only_known(&description, &described, &["source_std", "source_width", "frame", "step_times"])?;
    let FlowDescription { config, schedule, step_factors, .. } = described;
    config.validate()?;
    let count = config.flow_steps;
    let (times, factors) = steps(&config);
    if !agree(&schedule, &times) {
        let what = format!("`schedule` does not hold the times of {count} even steps");
        return Err(Error::File(what));
    }
    if !agree(step_factors.as_flattened(), factors.as_flattened()) {
        let what = format!("`step_factors` are not those of {count} even steps on the path `path`");
        return Err(Error::File(what));
    }
    Ok(config)
}

/// Returns the settings in the description of a Gaussian.
///
/// # Errors
/// The error names the entry that is missing or out of range.
pub(crate) fn read_gaussian(description: Value) -> Result<GaussianConfig> {
    let described: GaussianDescription =
        serde_json::from_value(description.clone()).map_err(unreadable)?;
    only_known(&description, &described, &[])?;
    described.config.validate()?;
    Ok(described.config)
}

/// Fails if `found`, a JSON object, has an entry that `read`, which was read from it, does not have
/// when it is written, but for the `optional` ones. A misspelt name would otherwise mean the
/// default.
pub(crate) fn only_known(found: &Value, read: &impl Serialize, optional: &[&str]) -> Result<()> {
    let known = serde_json::to_value(read).map_err(unreadable)?;
    let names = found.as_object().into_iter().flat_map(|entries| entries.keys());
    let is_known = |name: &str| known.get(name).is_some() || optional.contains(&name);
    match names.into_iter().find(|name| !is_known(name)) {
        Some(name) => Err(Error::File(format!("unknown entry `{name}`"))),
        None => Ok(()),
    }
}

fn json(description: &impl Serialize) -> Result<Value> {
    serde_json::to_value(description).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::File(error.to_string())
}

/// Returns the times of a flow's steps, and the factors of each step.
fn steps(config: &FlowConfig) -> (Vec<f64>, Vec<[f64; 2]>) {
    let steps = config.steps();
    let schedule = steps.iter().map(|step| step.t).chain([0.0]).collect();
    (schedule, steps.iter().map(|step| [step.keep, step.gain]).collect())
}

/// Returns whether two lists are equal up to rounding, because sines and cosines of another machine
/// may differ in their last digits. The tolerance is relative to the numbers, or to 1e-3 where they
/// are smaller than that.
fn agree(found: &[f64], expected: &[f64]) -> bool {
    let near = |(x, y): (&f64, &f64)| (x - y).abs() <= 1e-9 * x.abs().max(y.abs()).max(1e-3);
    found.len() == expected.len() && found.iter().zip(expected).all(near)
}
