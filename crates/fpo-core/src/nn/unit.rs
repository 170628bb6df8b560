//! A perceptron whose biases are part of its matrix products, for passes without a gradient.
//!
//! Every hidden layer has one unit more, which is always 1, so that a layer is a product with
//!
//! ```text
//! | W  0 |
//! | b  c |      act(c) = 1
//! ```
//!
//! and needs no addition. In the flat parameters `b` follows `W`, so that `[W; b]` is a view. On a
//! GPU this saves one of three kernels per layer, in each of the sampler's steps.

use candle_core::Tensor;

use crate::error::Result;
use crate::nn::mlp::{Activation, Mlp};
use crate::tensor::transfer::rounded_to_device;

/// The number whose SiLU is 1.
const SILU_IS_ONE: f64 = 1.278_464_542_761_074;

/// The weights of a perceptron with the additional units.
pub(crate) struct UnitLayers {
    activation: Activation,
    /// Weight of the first layer, `(input, hidden[0] + 1)`; its last column is 0.
    pub(crate) first: Tensor,
    /// Bias of the first layer, `(hidden[0] + 1)`; the last is c.
    pub(crate) bias: Tensor,
    /// The layers between hidden layers, `(hidden[k − 1] + 1, hidden[k] + 1)`.
    between: Vec<Tensor>,
    /// The last layer, `(hidden[last] + 1, output)`.
    pub(crate) last: Tensor,
}

impl Mlp {
    /// Returns what the weights with the additional units take besides the weights: for each hidden
    /// layer the column `[0; c]`, `(hidden[k] + 1, 1)`. They come from the host, and never change.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn unit_columns(&self, like: &Tensor) -> Result<Vec<Tensor>> {
        let c = match self.activation() {
            Activation::Silu => SILU_IS_ONE,
            Activation::Relu => 1.0,
        };
        let hidden = &self.sizes()[1..self.sizes().len() - 1];
        let column = |&width: &usize| {
            let column = [vec![0.0; width], vec![c]].concat();
            rounded_to_device(column, (width + 1, 1), like.dtype(), like.device())
        };
        hidden.iter().map(column).collect()
    }

    /// Returns the weights with the additional units, given [`Mlp::unit_columns`].
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn with_units(&self, flat: &Tensor, columns: &[Tensor]) -> Result<UnitLayers> {
        let last = columns.len();
        let join = |(k, column): (usize, &Tensor)| -> Result<Tensor> {
            Ok(Tensor::cat(&[&self.weight_and_bias(flat, k + 1)?, column], 1)?)
        };
        let between = columns.iter().enumerate().take(last.saturating_sub(1)).map(join);
        let mut bias = vec![self.bias(flat, 0)?];
        if let Some(column) = columns.first() {
            bias.push(column.narrow(0, column.dim(0)? - 1, 1)?.squeeze(1)?);
        }
        Ok(UnitLayers {
            activation: self.activation(),
            first: self.weight(flat, 0)?.pad_with_zeros(1, 0, 1)?,
            bias: Tensor::cat(&bias, 0)?,
            between: between.collect::<Result<_>>()?,
            last: self.weight_and_bias(flat, last)?,
        })
    }
}

impl UnitLayers {
    /// Returns the activations of the last hidden layer and its unit, `(rows, hidden[last] + 1)`,
    /// given the pre-activations of the first, `(rows, hidden[0] + 1)`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn hidden(&self, first: &Tensor) -> Result<Tensor> {
        let mut h = self.activation.apply(first)?;
        for layer in &self.between {
            h = self.activation.apply(&h.matmul(layer)?)?;
        }
        Ok(h)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Noise, Purpose};
    use candle_core::{DType, Device};

    #[test]
    fn units_in_place_of_biases_do_not_change_what_a_perceptron_computes() {
        for activation in [Activation::Silu, Activation::Relu] {
            for sizes in [&[3, 5, 4, 4, 2][..], &[3, 6, 2]] {
                let mlp = Mlp::new("net", sizes, activation);
                let random = |index, shape: &[usize]| {
                    let noise = Noise::new(6);
                    let x = noise.normal_tensor(Purpose::LossNoise, index, shape, &Device::Cpu);
                    x.unwrap().to_dtype(DType::F64).unwrap()
                };
                let (flat, x) = (random(0, &[mlp.layout().len()]), random(1, &[7, 3]));
                let expected = mlp.forward(&flat, &x).unwrap();
                let layers = mlp.with_units(&flat, &mlp.unit_columns(&flat).unwrap()).unwrap();
                let first = x.matmul(&layers.first).unwrap().broadcast_add(&layers.bias).unwrap();
                let found = layers.hidden(&first).unwrap().matmul(&layers.last).unwrap();
                let off = (found - expected).unwrap().abs().unwrap().max_all().unwrap();
                let off = off.to_scalar::<f64>().unwrap();
                assert!(off < 1e-14, "{sizes:?} {activation:?}: {off}");
            }
        }
    }
}
