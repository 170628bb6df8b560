//! The value network `V(obs)`.

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::nn::mlp::{Activation, Mlp};
use crate::nn::params::FlatParams;
use crate::random::{Noise, Purpose};

/// A perceptron from a normalised observation to the expected discounted return.
#[derive(Clone, Debug)]
pub struct ValueNet {
    mlp: Mlp,
    params: FlatParams,
}

impl ValueNet {
    /// A network with freshly drawn weights.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a hidden layer.
    pub fn new(
        obs_dim: usize,
        hidden: &[usize],
        activation: Activation,
        noise: &Noise,
        dtype: DType,
        device: &Device,
    ) -> Result<ValueNet> {
        if hidden.is_empty() {
            return Err(Error::Invalid("the value network needs a hidden layer".into()));
        }
        let mlp = Mlp::new("value", &[&[obs_dim], hidden, &[1]].concat(), activation);
        let values = mlp.init(noise, Purpose::ValueInit);
        let params = FlatParams::new(mlp.layout().clone(), values, dtype, device)?;
        Ok(ValueNet { mlp, params })
    }

    /// The trainable parameters.
    pub fn params(&self) -> &FlatParams {
        &self.params
    }

    /// Sizes and activation.
    pub(crate) fn mlp(&self) -> &Mlp {
        &self.mlp
    }

    /// Values `(…)` of normalised observations `(…, O)`.
    pub fn forward(&self, obs: &Tensor) -> Result<Tensor> {
        let values = self.mlp.forward(self.params.flat(), obs)?;
        Ok(values.squeeze(values.rank() - 1)?)
    }
}
