//! The graph of a flow policy: the steps of its sampler one after the other,
//! `x ← k·x + g·network(obs, x, t)`, and after each step of a chain its noise.

use candle_core::{DType, Device, Tensor};

use crate::error::Result;
use crate::flow::config::FlowConfig;
use crate::flow::denoising::DenoisingMdp;
use crate::flow::frame::{ActionFrame, FRAME_NETWORK, LOG_SCALE_RANGE};
use crate::flow::source::{LOG_SCALE, SourceWidth};
use crate::flow::source_terms::SourceTerms;
use crate::flow::steps::FlowStep;
use crate::flow::time::embed;
use crate::onnx::graph::Graph;
use crate::onnx::network::{Layer, NETWORK, Parameters, activate, constants, hidden, no_layers};
use crate::tensor::transfer::to_host;

/// Adds the steps of a flow at the normalised `obs`, and returns the name of the action.
///
/// # Errors
/// [`crate::Error::State`] if a parameter is missing.
pub(super) fn action(
    graph: &mut Graph,
    config: &FlowConfig,
    chain: Option<DenoisingMdp>,
    parameters: &Parameters,
    obs: &str,
) -> Result<String> {
    let FlowConfig { obs_dim, action_dim, activation, .. } = *config;
    let mut layers = parameters.layers(NETWORK, config.hidden.len() + 1)?;
    let (last_weight, last_bias) =
        layers.pop().ok_or_else(no_layers)?.constants(graph, &format!("policy.{}", layers.len()));
    let steps = config.steps();
    let times: Vec<f64> = steps.iter().map(|step| step.t).collect();
    let first = &layers[0];
    let width = first.bias.len();
    let shares = time_shares(config, &times, first)?;
    let of_obs = graph.constant("policy.0.weight.obs", &[obs_dim, width], first.rows(0, obs_dim));
    let of_x = first.rows(obs_dim, action_dim);
    let of_x = graph.constant("policy.0.weight.x", &[action_dim, width], of_x);
    let bias = graph.constant("policy.0.bias", &[width], &first.bias);
    let obs_share = graph.node("obs.share", "Gemm", &[obs, &of_obs, &bias]);
    let between = constants(graph, NETWORK, &layers[1..], 1);

    let mut draws = Draws::new(graph, config, chain);
    let mut x = draws.of(graph, 0);
    if let Some(width) = source(graph, config, parameters)? {
        x = graph.node("start", "Mul", &[&x, &width]);
    }
    for (k, (step, share)) in steps.into_iter().zip(shares.chunks_exact(width)).enumerate() {
        let scope = format!("step{k}");
        let FlowStep { keep, gain, .. } = step;
        let share = graph.constant(&format!("{scope}.time"), &[1, width], share);
        let known = graph.node(&format!("{scope}.known"), "Add", &[&obs_share, &share]);
        let sum = graph.node(&format!("{scope}.layer0"), "Gemm", &[&x, &of_x, &known]);
        let h = activate(graph, activation, &sum);
        let h = hidden(graph, activation, &between, &scope, h);
        let gain = (gain * config.output_scale) as f32;
        let factors = [("alpha", gain), ("beta", gain)];
        let inputs = [h.as_str(), &last_weight, &last_bias];
        let change = graph.node_with(&format!("{scope}.change"), "Gemm", &inputs, &factors);
        if keep != 1.0 {
            let keep = graph.constant(&format!("{scope}.keep"), &[1], &[keep as f32]);
            x = graph.node(&format!("{scope}.kept"), "Mul", &[&x, &keep]);
        }
        x = graph.node(&scope, "Add", &[&x, &change]);
        x = draws.disturb(graph, k, x);
    }
    match config.frame {
        ActionFrame::Fixed => Ok(x),
        ActionFrame::PerState => place(graph, config, parameters, obs, &x),
    }
}

/// Returns the shares of the embedded `times` in the first layer, one row for each, which are
/// summed in 64 bits.
fn time_shares(config: &FlowConfig, times: &[f64], first: &Layer) -> Result<Vec<f32>> {
    let FlowConfig { obs_dim, action_dim, time_embedding, .. } = *config;
    let times = Tensor::from_slice(times, (times.len(), 1), &Device::Cpu)?;
    let weight = first.rows(obs_dim + action_dim, time_embedding);
    let shape = (time_embedding, first.bias.len());
    let weight = Tensor::from_slice(weight, shape, &Device::Cpu)?.to_dtype(DType::F64)?;
    to_host(&embed(&times, time_embedding)?.matmul(&weight)?.to_dtype(DType::F32)?)
}

/// Adds the width of the noise that a flow starts from, for each action dimension, and returns its
/// name, or `None` where it is 1.
fn source(
    graph: &mut Graph,
    config: &FlowConfig,
    parameters: &Parameters,
) -> Result<Option<String>> {
    let theta = match config.source_width {
        SourceWidth::Fixed => &[],
        SourceWidth::Learned => parameters.get(LOG_SCALE)?,
    };
    let SourceTerms { std, .. } = SourceTerms::new(config, theta);
    let differs = std.iter().any(|&std| std != 1.0);
    Ok(differs.then(|| graph.constant("source.std", &[config.action_dim], &std)))
}

/// Adds `μ + source_std · exp(R·tanh(h/R)) · x` for the outputs h and μ of the network of frames at
/// `obs`, and returns its name.
fn place(
    graph: &mut Graph,
    config: &FlowConfig,
    parameters: &Parameters,
    obs: &str,
    x: &str,
) -> Result<String> {
    let layers = parameters.layers(FRAME_NETWORK, config.hidden.len() + 1)?;
    let mut layers = constants(graph, FRAME_NETWORK, &layers, 0);
    let (weight, bias) = layers.pop().ok_or_else(no_layers)?;
    let (first_weight, first_bias) = layers.first().ok_or_else(no_layers)?;
    let first = graph.node("frame.layer0", "Gemm", &[obs, first_weight, first_bias]);
    let h = activate(graph, config.activation, &first);
    let h = hidden(graph, config.activation, &layers[1..], FRAME_NETWORK, h);
    let output = graph.node("frame.output", "Gemm", &[&h, &weight, &bias]);
    let axis = graph.integers("frame.axis", &[1]);
    let ends = [0, 1, 2]
        .map(|k| graph.integers(&format!("frame.end{k}"), &[(k * config.action_dim) as i64]));
    let h = graph.node("frame.h", "Slice", &[&output, &ends[0], &ends[1], &axis]);
    let centre = graph.node("frame.centre", "Slice", &[&output, &ends[1], &ends[2], &axis]);
    let range = graph.constant("frame.range", &[1], &[LOG_SCALE_RANGE as f32]);
    let h = graph.node("frame.scaled", "Div", &[&h, &range]);
    let bounded = graph.node("frame.bounded", "Tanh", &[&h]);
    let log = graph.node("frame.log", "Mul", &[&bounded, &range]);
    let width = graph.node("frame.relative", "Exp", &[&log]);
    let base = graph.constant("frame.base", &[1], &[config.source_std as f32]);
    let width = graph.node("frame.width", "Mul", &[&width, &base]);
    let wide = graph.node("frame.wide", "Mul", &[x, &width]);
    Ok(graph.node("frame.action", "Add", &[&wide, &centre]))
}

/// The parts of the input `noise`: what actions start from and, for a chain, what disturbs the
/// state after each step.
struct Draws {
    action_dim: usize,
    /// The axis of the parts and the width of a chain's noise.
    chain: Option<(String, String)>,
}

impl Draws {
    fn new(graph: &mut Graph, config: &FlowConfig, chain: Option<DenoisingMdp>) -> Draws {
        let mut constants = |mdp: DenoisingMdp| {
            let axis = graph.integers("noise.axis", &[1]);
            (axis, graph.constant("noise.sigma", &[1], &[mdp.sigma as f32]))
        };
        Draws { action_dim: config.action_dim, chain: chain.map(&mut constants) }
    }

    /// Returns part `k` of the noise: for a policy without a chain all of it.
    fn of(&self, graph: &mut Graph, k: usize) -> String {
        let Some((axis, _)) = &self.chain else { return "noise".into() };
        let mut end = |name: &str, k: usize| graph.integers(name, &[(k * self.action_dim) as i64]);
        let from = end(&format!("noise{k}.from"), k);
        let to = end(&format!("noise{k}.to"), k + 1);
        graph.node(&format!("noise{k}"), "Slice", &["noise", &from, &to, axis])
    }

    /// Adds the noise that follows step `k` to the state `x`, if any does.
    fn disturb(&mut self, graph: &mut Graph, k: usize, x: String) -> String {
        let Some((_, sigma)) = &self.chain else { return x };
        let noise = self.of(graph, k + 1);
        let noise = graph.node(&format!("{noise}.scaled"), "Mul", &[&noise, sigma]);
        graph.node(&format!("{x}.disturbed"), "Add", &[&x, &noise])
    }
}
