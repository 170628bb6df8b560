//! A multi-layer perceptron over a flat parameter vector: `h ← act(h·W + b)`, linear at the end.
//!
//! Weights start Lecun-uniform, `U(−√(3/fan_in), √(3/fan_in))`, and biases start at zero, as in the
//! official code.

use std::ops::Range;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::error::{Result, require};
use crate::nn::params::Layout;
use crate::random::{Noise, Purpose};
use crate::tensor::attached::attach;

/// The non-linearity of the hidden layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x·sigmoid(x)`.
    #[default]
    Silu,
    /// `max(x, 0)`.
    Relu,
}

/// The largest width of a hidden layer.
const WIDEST: usize = 65_536;
/// The largest number of hidden layers.
const DEEPEST: usize = 64;

/// The largest length of an observation or an action. Sizes of layers that are made of it do not
/// overflow.
const LONGEST: usize = 1 << 20;

/// Checks the length of an observation or an action that comes from outside.
///
/// # Errors
/// [`crate::Error::OutOfRange`] names `field` and says what is allowed.
pub(crate) fn validate_dim(field: &'static str, length: usize) -> Result<()> {
    require((1..=LONGEST).contains(&length), field, length, "1 to 1048576")
}

/// Checks widths of hidden layers that come from outside.
///
/// # Errors
/// [`crate::Error::OutOfRange`] says what is allowed.
pub(crate) fn validate_hidden(widths: &[usize]) -> Result<()> {
    let good = (1..=DEEPEST).contains(&widths.len())
        && widths.iter().all(|width| (1..=WIDEST).contains(width));
    require(good, "hidden", format!("{widths:?}"), "1 to 64 layers of 1 to 65536 units")
}

/// Sizes and activation of a perceptron; its parameters live outside, in a flat vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    sizes: Vec<usize>,
    activation: Activation,
    layout: Layout,
}

impl Mlp {
    /// Returns a perceptron of `sizes` (input, hidden…, output) whose tensors are named
    /// `name.k.weight|bias`.
    pub fn new(name: &str, sizes: &[usize], activation: Activation) -> Mlp {
        let mut layout = Layout::default();
        for (k, pair) in sizes.windows(2).enumerate() {
            layout.push(format!("{name}.{k}.weight"), &[pair[0], pair[1]]);
            layout.push(format!("{name}.{k}.bias"), &[pair[1]]);
        }
        Mlp { sizes: sizes.to_vec(), activation, layout }
    }

    /// Returns the same perceptron, in whose layout another tensor follows, which starts at zero.
    pub(crate) fn followed_by(mut self, name: &str, shape: &[usize]) -> Mlp {
        self.layout.push(name, shape);
        self
    }

    /// Returns the same perceptron, in whose layout the tensors of another one follow.
    pub(crate) fn followed_by_network(mut self, next: &Mlp) -> Mlp {
        self.layout.append(&next.layout);
        self
    }

    /// Returns the number of its own parameters, which come first in the layout.
    pub(crate) fn parameters(&self) -> usize {
        count_parameters(&self.sizes)
    }

    /// Returns where weights and biases of the last layer lie among its own parameters.
    pub(crate) fn last_layer(&self) -> Range<usize> {
        let (end, layers) = (self.parameters(), self.sizes.len());
        end - count_parameters(&self.sizes[layers - 2..])..end
    }

    /// Returns the sizes: input, hidden layers, output.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Returns the non-linearity.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// Returns the layout of the weights.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns Lecun-uniform weights and zero biases, drawn from the stream of `purpose`.
    pub fn init(&self, noise: &Noise, purpose: Purpose) -> Vec<f32> {
        self.init_layers(noise, purpose, 0, self.sizes.len() - 1)
    }

    /// Returns the same, with weights of zero from layer `layers` on; layer k has the draws of
    /// index `first + k`.
    pub(crate) fn init_layers(
        &self,
        noise: &Noise,
        purpose: Purpose,
        first: usize,
        layers: usize,
    ) -> Vec<f32> {
        let mut values = vec![0.0; self.layout.len()];
        let mut offset = 0;
        for (k, pair) in self.sizes.windows(2).take(layers).enumerate() {
            let (fan_in, out) = (pair[0], pair[1]);
            let weights = &mut values[offset..offset + fan_in * out];
            noise.fill_uniform(purpose, (first + k) as u64, weights);
            let limit = (3.0 / fan_in as f64).sqrt() as f32;
            weights.iter_mut().for_each(|w| *w = limit * (2.0 * *w - 1.0));
            offset += fan_in * out + out;
        }
        values
    }

    /// Returns the output `(…, output)` for an input `(…, input)`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn forward(&self, flat: &Tensor, x: &Tensor) -> Result<Tensor> {
        let mut lead = x.dims().to_vec();
        lead.pop();
        let out = self.forward_rows(flat, &x.reshape(((), self.sizes[0]))?, None, 1.0)?;
        lead.push(self.sizes[self.sizes.len() - 1]);
        Ok(out.reshape(lead)?)
    }

    /// Returns `factor` times the output of [`Mlp::evaluate`], differentiable with respect to the
    /// parameters, and to the inputs if a gradient can flow to them.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn forward_rows(
        &self,
        flat: &Tensor,
        shared: &Tensor,
        own: Option<&Tensor>,
        factor: f64,
    ) -> Result<Tensor> {
        let scaled = move |x: Tensor| if factor == 1.0 { Ok(x) } else { x * factor };
        // Only the parameters' derivative is written out.
        if !flat.track_op() || shared.track_op() || own.is_some_and(Tensor::track_op) {
            return Ok(scaled(self.evaluate(flat, shared, own, |_, _| ())?)?);
        }
        let (out, pass) = self.run(&flat.detach(), shared, own)?;
        attach(out, factor, flat, move |upstream| pass.gradient(&scaled(upstream.clone())?))
    }

    /// Returns the weight `(in, out)` of layer `k`.
    pub(crate) fn weight(&self, flat: &Tensor, k: usize) -> Result<Tensor> {
        self.layout.view(flat, 2 * k)
    }

    /// Returns the bias `(out)` of layer `k`.
    pub(crate) fn bias(&self, flat: &Tensor, k: usize) -> Result<Tensor> {
        self.layout.view(flat, 2 * k + 1)
    }

    /// Returns the weight of layer `k` with its bias as one row more, `(in + 1, out)`: in the flat
    /// vector the one follows the other.
    pub(crate) fn weight_and_bias(&self, flat: &Tensor, k: usize) -> Result<Tensor> {
        let (rows, out) = (self.sizes[k] + 1, self.sizes[k + 1]);
        Ok(flat.narrow(0, count_parameters(&self.sizes[..=k]), rows * out)?.reshape((rows, out))?)
    }
}

/// Returns the number of weights and biases of a perceptron with layers of these sizes.
pub(crate) fn count_parameters(sizes: &[usize]) -> usize {
    sizes.windows(2).map(|pair| (pair[0] + 1) * pair[1]).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn initial_weights_fill_the_lecun_interval_and_biases_are_zero() {
        let mlp = Mlp::new("net", &[48, 64, 3], Activation::Silu);
        let values = mlp.init(&Noise::new(0), Purpose::PolicyInit);
        let limit = (3.0f32 / 48.0).sqrt();
        let weights = &values[..48 * 64];
        assert!(weights.iter().all(|w| w.abs() <= limit));
        assert!(
            weights.iter().any(|&w| w > 0.95 * limit) && weights.iter().any(|&w| w < -0.95 * limit)
        );
        let variance = weights.iter().map(|w| w * w).sum::<f32>() / weights.len() as f32;
        assert!((variance * 48.0 - 1.0).abs() < 0.1, "lecun variance is 1/fan_in");
        assert!(values[48 * 64..48 * 64 + 64].iter().all(|&b| b == 0.0));
    }

    #[test]
    fn a_two_layer_network_computes_what_its_formula_says() {
        let mlp = Mlp::new("net", &[2, 2, 1], Activation::Relu);
        let flat = [1.0f32, -1.0, 2.0, 0.5, 0.25, -3.0, 3.0, 4.0, 0.125];
        let flat = Tensor::new(&flat, &Device::Cpu).unwrap();
        let x = Tensor::new(&[[[1.0f32, 2.0], [-1.0, 0.5]]], &Device::Cpu).unwrap();
        // h = relu([x0 + 2·x1 + 0.25, −x0 + 0.5·x1 − 3]) and y = 3·h0 + 4·h1 + 0.125.
        let y = mlp.forward(&flat, &x).unwrap();
        assert_eq!(y.dims(), [1, 2, 1]);
        assert_eq!(y.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [15.875, 0.875]);
    }
}
