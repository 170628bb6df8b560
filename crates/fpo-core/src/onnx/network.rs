//! The weights of a policy's network, and its layers as operators.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::nn::mlp::Activation;
use crate::onnx::graph::Graph;
use crate::policy::Policy;
use crate::tensor::transfer::to_host;

/// What the names of the tensors of a policy's network begin with.
pub(super) const NETWORK: &str = "policy";

/// A layer `x·W + b` on the host.
pub(super) struct Layer {
    /// W, `(inputs, outputs)`, row-major.
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Layer {
    /// Returns the rows `from` to `from + count` of the weight.
    pub(super) fn rows(&self, from: usize, count: usize) -> &[f32] {
        let width = self.bias.len();
        &self.weight[from * width..(from + count) * width]
    }

    /// Returns the layer with the `count` outputs from `from` on alone.
    pub(super) fn outputs(&self, from: usize, count: usize) -> Layer {
        let rows = self.weight.chunks_exact(self.bias.len());
        Layer {
            weight: rows.flat_map(|row| &row[from..from + count]).copied().collect(),
            bias: self.bias[from..from + count].to_vec(),
        }
    }

    /// Adds the layer's numbers to `graph` and returns their names.
    pub(super) fn constants(&self, graph: &mut Graph, name: &str) -> (String, String) {
        let width = self.bias.len();
        let shape = [self.weight.len() / width, width];
        let weight = graph.constant(&format!("{name}.weight"), &shape, &self.weight);
        (weight, graph.constant(&format!("{name}.bias"), &[width], &self.bias))
    }
}

/// The parameters of a policy on the host, by name.
pub(super) struct Parameters(BTreeMap<String, Vec<f32>>);

impl Parameters {
    /// Returns the parameters of `policy`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(super) fn of(policy: &dyn Policy) -> Result<Parameters> {
        let params = policy.params();
        let flat = params.flat().detach().to_dtype(DType::F32)?.to_device(&Device::Cpu)?;
        let host = |(name, view): (String, Tensor)| Ok((name, to_host(&view)?));
        let named: Result<_> = params.layout().views(&flat)?.into_iter().map(host).collect();
        Ok(Parameters(named?))
    }

    /// Returns the parameter `name`.
    ///
    /// # Errors
    /// [`Error::State`] if the policy has no tensor of this name.
    pub(super) fn get(&self, name: &str) -> Result<&[f32]> {
        let missing = || Error::State(format!("tensor `{name}` is missing"));
        self.0.get(name).map(Vec::as_slice).ok_or_else(missing)
    }

    /// Returns the `count` layers of the network whose tensors' names begin with `name`.
    ///
    /// # Errors
    /// [`Error::State`] names a tensor that is missing.
    pub(super) fn layers(&self, name: &str, count: usize) -> Result<Vec<Layer>> {
        let layer = |k: usize| {
            let weight = self.get(&format!("{name}.{k}.weight"))?.to_vec();
            Ok(Layer { weight, bias: self.get(&format!("{name}.{k}.bias"))?.to_vec() })
        };
        (0..count).map(layer).collect()
    }
}

/// Adds the non-linearity of a hidden layer after `x`.
pub(super) fn activate(graph: &mut Graph, activation: Activation, x: &str) -> String {
    match activation {
        Activation::Relu => graph.node(&format!("{x}.relu"), "Relu", &[x]),
        Activation::Silu => {
            let gate = graph.node(&format!("{x}.sigmoid"), "Sigmoid", &[x]);
            graph.node(&format!("{x}.silu"), "Mul", &[x, &gate])
        }
    }
}

/// Adds the hidden layers that follow the first one, whose numbers are the constants `layers`,
/// after `x`. `scope` begins the names of what is added.
pub(super) fn hidden(
    graph: &mut Graph,
    activation: Activation,
    layers: &[(String, String)],
    scope: &str,
    x: String,
) -> String {
    layers.iter().enumerate().fold(x, |x, (k, (weight, bias))| {
        let sum = graph.node(&format!("{scope}.layer{}", k + 1), "Gemm", &[&x, weight, bias]);
        activate(graph, activation, &sum)
    })
}

/// Adds the numbers of `layers` to `graph`, the first of which is layer `first` of the network
/// `name`, and returns the names of their weights and biases.
pub(super) fn constants(
    graph: &mut Graph,
    name: &str,
    layers: &[Layer],
    first: usize,
) -> Vec<(String, String)> {
    let named = layers.iter().enumerate();
    named.map(|(k, layer)| layer.constants(graph, &format!("{name}.{}", first + k))).collect()
}

/// The error for a network without layers, which no policy has.
pub(super) fn no_layers() -> Error {
    Error::State("the network has no layers".into())
}
