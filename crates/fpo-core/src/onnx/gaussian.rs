//! The graph of a Gaussian policy: `action = mean + (softplus(s) + min_std)·noise`.

use crate::error::Result;
use crate::onnx::graph::Graph;
use crate::onnx::network::{NETWORK, Parameters, activate, constants, hidden, no_layers};
use crate::policy::gaussian_config::GaussianConfig;

/// Adds the action of a Gaussian at the normalised `obs`, and returns its name.
///
/// # Errors
/// [`crate::Error::State`] if a parameter is missing.
pub(super) fn action(
    graph: &mut Graph,
    config: &GaussianConfig,
    parameters: &Parameters,
    obs: &str,
) -> Result<String> {
    let GaussianConfig { action_dim, activation, min_std, .. } = *config;
    let mut layers = parameters.layers(NETWORK, config.hidden.len() + 1)?;
    let last = layers.pop().ok_or_else(no_layers)?;
    let names = constants(graph, NETWORK, &layers, 0);
    let first = graph.node("layer0", "Gemm", &[obs, &names[0].0, &names[0].1]);
    let x = activate(graph, activation, &first);
    let x = hidden(graph, activation, &names[1..], "network", x);
    let output = |graph: &mut Graph, name: &str, from: usize| {
        let (weight, bias) = last.outputs(from, action_dim).constants(graph, name);
        graph.node(name, "Gemm", &[&x, &weight, &bias])
    };
    let mean = output(graph, "mean", 0);
    let raw = output(graph, "std.raw", action_dim);
    let least = graph.constant("min_std", &[1], &[min_std as f32]);
    let soft = graph.node("std.softplus", "Softplus", &[&raw]);
    let std = graph.node("std", "Add", &[&soft, &least]);
    let deviation = graph.node("deviation", "Mul", &[&std, "noise"]);
    Ok(graph.node("sample", "Add", &[&mean, &deviation]))
}
