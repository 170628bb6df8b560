//! Policies as ONNX graphs, for programs that are to act without this library.
//!
//! One graph holds all that lies between an observation and a control: the statistics of the
//! observations, every step of the sampler, and the squashing. Its inputs and outputs are 32-bit
//! floats,
//!
//! ```text
//! obs (B, O), noise (B, N)  ->  control (B, A), action (B, A)
//! ```
//!
//! of which `noise` holds the unit normals that an action starts from (N is
//! [`Policy::noise_len`]), `action` is before squashing, and `control` is what the environment
//! receives. There are no loops and no operators of one's own: `Add`, `Div`, `Gemm`, `Identity`,
//! `Mul`, `Relu`, `Sigmoid`, `Slice`, `Softplus`, `Sub` and `Tanh`.
//!
//! What every step of a flow has in common is computed once, before the first: the share of the
//! observation in the first layer. The share of a step's time is a constant.

mod flow;
mod gaussian;
mod graph;
mod network;
mod wire;

use candle_core::{DType, Tensor};

use crate::error::{Error, Result};
use crate::flow::config::Squash;
use crate::nn::normalizer::DeviceNormalizer;
use crate::onnx::graph::{Graph, Head, Value};
use crate::onnx::network::Parameters;
use crate::policy::{KernelForm, Policy};
use crate::tensor::transfer::to_host;

/// What an ONNX file is to be like.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Rows of inputs and outputs, 1 or more; `None` leaves their number to the caller.
    pub batch: Option<usize>,
    /// What the file's `metadata_props` say, by keys that are distinct.
    pub properties: Vec<(String, String)>,
}

/// Returns the bytes of an ONNX file with `policy`, whose observations `normalizer` normalises.
/// Equal arguments give equal bytes.
///
/// # Errors
/// [`Error::Invalid`] for a policy that is neither a flow, nor a chain, nor a Gaussian, and for one
/// whose graph would be longer than 2 GiB, which readers of the format refuse.
pub fn to_bytes(
    policy: &dyn Policy,
    normalizer: &DeviceNormalizer,
    options: &Options,
) -> Result<Vec<u8>> {
    let Some(form) = policy.kernel_form() else {
        let description = policy.description()?;
        let kind = description["kind"].as_str().unwrap_or("?");
        return Err(Error::Invalid(format!(
            "a policy of kind `{kind}` has no ONNX graph; flows and Gaussians have one"
        )));
    };
    let parameters = Parameters::of(policy)?;
    let mut graph = Graph::default();
    let obs = normalized(&mut graph, normalizer)?;
    let (end, says) = match form {
        KernelForm::Flow { flow, chain } => {
            let end = flow::action(&mut graph, flow, chain, &parameters, &obs)?;
            (end, format!("A flow policy in {} steps.", flow.flow_steps))
        }
        KernelForm::Gaussian(config) => {
            let end = gaussian::action(&mut graph, config, &parameters, &obs)?;
            (end, "A Gaussian policy.".into())
        }
    };
    graph.node("action", "Identity", &[&end]);
    let squash = match policy.squash() {
        Squash::Tanh => "Tanh",
        Squash::None => "Identity",
    };
    graph.node("control", squash, &[&end]);

    let value = |name, says, columns| Value { name, says, columns };
    let (obs_dim, action_dim) = (policy.obs_dim(), policy.action_dim());
    let inputs = [
        value("obs", "Observations as the environment makes them.", obs_dim),
        value("noise", "Independent unit normals, or zeros.", policy.noise_len()),
    ];
    let outputs = [
        value("control", "What the environment receives.", action_dim),
        value("action", "The action before squashing.", action_dim),
    ];
    let Options { batch, properties } = options;
    let head = Head { name: "policy", says: &says, batch: *batch, properties };
    graph.into_model(&head, &inputs, &outputs)
}

/// Adds the normalisation of the input `obs`. What the policy does not see is multiplied by zero
/// there, because not every runtime divides by infinity.
fn normalized(graph: &mut Graph, normalizer: &DeviceNormalizer) -> Result<String> {
    let ((mean, std), (_, seen_std)) = (normalizer.moments(), normalizer.parts());
    let values = |row: &Tensor| to_host(&row.to_dtype(DType::F32)?);
    let mut row = |name: &str, values: &[f32]| graph.constant(name, &[values.len()], values);
    let mean = row("normalizer.mean", &values(mean)?);
    let std = row("normalizer.std", &values(std)?);
    let seen: Vec<f32> = values(seen_std)?.iter().map(|std| f32::from(std.is_finite())).collect();
    let hides = seen.contains(&0.0).then(|| row("normalizer.seen", &seen));
    let centred = graph.node("obs.centred", "Sub", &["obs", &mean]);
    let scaled = |graph: &mut Graph, name| graph.node(name, "Div", &[&centred, &std]);
    Ok(match hides {
        None => scaled(graph, "obs.normalized"),
        Some(seen) => {
            let whole = scaled(graph, "obs.whole");
            graph.node("obs.normalized", "Mul", &[&whole, &seen])
        }
    })
}
