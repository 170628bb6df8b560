//! A flow's network on the host in f64, with its derivative with respect to the state `x`.

use crate::flow::config::FlowConfig;
use crate::nn::mlp::{Activation, count_parameters};
use crate::simd::isa::vectorized;

/// One layer: `x·W + b`, with `W (inputs, outputs)` row-major.
#[derive(Clone, Debug)]
struct Layer {
    weight: Vec<f64>,
    bias: Vec<f64>,
}

/// The perceptron of a flow, whose inputs are observation, state and embedded time.
#[derive(Clone, Debug)]
pub(super) struct Network {
    layers: Vec<Layer>,
    activation: Activation,
    obs_dim: usize,
    action_dim: usize,
}

/// Adds `x·W` to `sums`, for rows of `W` from `from` on.
fn add_product(x: &[f64], weight: &[f64], from: usize, sums: &mut [f64]) {
    let rows = weight[from * sums.len()..].chunks_exact(sums.len());
    vectorized(
        #[inline(always)]
        || {
            for (x, row) in x.iter().zip(rows) {
                for (sum, w) in sums.iter_mut().zip(row) {
                    *sum += x * w;
                }
            }
        },
    );
}

impl Network {
    /// Returns the network of a flow whose parameters `flat` begin with its layers.
    pub(super) fn new(config: &FlowConfig, flat: &[f32]) -> Network {
        Network::of(config, &config.sizes(), flat)
    }

    /// Returns the network of the frames of a flow whose parameters `flat` end with its layers.
    pub(super) fn of_frames(config: &FlowConfig, flat: &[f32]) -> Network {
        let sizes = config.frame_sizes();
        let own = count_parameters(&sizes);
        Network::of(config, &sizes, &flat[flat.len() - own..])
    }

    fn of(config: &FlowConfig, sizes: &[usize], flat: &[f32]) -> Network {
        let mut rest = flat;
        let mut take = |count: usize| {
            let (own, next) = rest.split_at(count);
            rest = next;
            own.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>()
        };
        let layers = sizes
            .windows(2)
            .map(|pair| Layer { weight: take(pair[0] * pair[1]), bias: take(pair[1]) })
            .collect();
        let FlowConfig { activation, obs_dim, action_dim, .. } = *config;
        Network { layers, activation, obs_dim, action_dim }
    }

    /// Returns the output of a network on observations alone.
    pub(super) fn output(&self, obs: &[f64]) -> Vec<f64> {
        self.output_from(self.shared(obs))
    }

    /// Returns the output at the state `x`, given what [`Network::first`] returns.
    pub(super) fn value(&self, first: &[f64], x: &[f64]) -> Vec<f64> {
        let mut sums = first.to_vec();
        add_product(x, &self.layers[0].weight, self.obs_dim, &mut sums);
        self.output_from(sums)
    }

    /// Returns the output that follows from the sums of the first layer.
    fn output_from(&self, sums: Vec<f64>) -> Vec<f64> {
        self.layers[1..].iter().fold(sums, |mut values, layer| {
            values.iter_mut().for_each(|z| *z = self.activation.value(*z));
            let mut next = layer.bias.clone();
            add_product(&values, &layer.weight, 0, &mut next);
            next
        })
    }

    /// Returns the first layer's share of an observation, with its bias.
    pub(super) fn shared(&self, obs: &[f64]) -> Vec<f64> {
        let mut sums = self.layers[0].bias.clone();
        add_product(obs, &self.layers[0].weight, 0, &mut sums);
        sums
    }

    /// Returns the first layer's share of an observation and an embedded time.
    pub(super) fn first(&self, shared: &[f64], time: &[f64]) -> Vec<f64> {
        let mut sums = shared.to_vec();
        add_product(time, &self.layers[0].weight, self.obs_dim + self.action_dim, &mut sums);
        sums
    }

    /// Returns the derivative `∂ output_i / ∂ x_j` at the state `x`, row-major.
    pub(super) fn slope(&self, first: &[f64], x: &[f64]) -> Vec<f64> {
        let dim = self.action_dim;
        let width = first.len();
        let mut values = first.to_vec();
        add_product(x, &self.layers[0].weight, self.obs_dim, &mut values);
        // Row j holds the derivatives with respect to x_j.
        let rows = self.layers[0].weight[self.obs_dim * width..][..dim * width].to_vec();
        let (mut slopes, mut wide) = (rows, width);
        for layer in &self.layers[1..] {
            let (risen, rises): (Vec<f64>, Vec<f64>) =
                values.iter().map(|&z| self.activation.value_and_slope(z)).unzip();
            let mut next = layer.bias.clone();
            add_product(&risen, &layer.weight, 0, &mut next);
            let mut tangents = vec![0.0; dim * next.len()];
            for (row, out) in
                slopes.chunks_exact_mut(wide).zip(tangents.chunks_exact_mut(next.len()))
            {
                row.iter_mut().zip(&rises).for_each(|(d, rise)| *d *= rise);
                add_product(row, &layer.weight, 0, out);
            }
            (values, slopes, wide) = (next, tangents, layer.bias.len());
        }
        (0..dim * dim).map(|k| slopes[k % dim * dim + k / dim]).collect()
    }
}

impl Activation {
    /// Returns `act(z)`.
    fn value(self, z: f64) -> f64 {
        self.value_and_slope(z).0
    }

    /// Returns `act(z)` and `act′(z)`.
    fn value_and_slope(self, z: f64) -> (f64, f64) {
        match self {
            Activation::Silu => {
                let sigmoid = 1.0 / (1.0 + (-z).exp());
                (z * sigmoid, sigmoid * (1.0 + z * (1.0 - sigmoid)))
            }
            Activation::Relu => (z.max(0.0), f64::from(z > 0.0)),
        }
    }
}
