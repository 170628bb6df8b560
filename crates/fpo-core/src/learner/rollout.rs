//! How a collected rollout becomes one to learn from: statistics of its observations, draws for its
//! actions, and stored losses.

use candle_core::Tensor;

use crate::error::{Error, Result};
use crate::flow::draws::SampleDraws;
use crate::learner::Learner;
use crate::nn::normalizer::Normalizer;
use crate::objective::gae::Truncation;
use crate::random::{Noise, Purpose};
use crate::rollout::Transitions;
use crate::rollout::storage::{RolloutStorage, RolloutView};
use crate::rollout::stored::Source;
use crate::tensor::transfer::{copy_to_device, to_host};
use crate::timing::timed;

/// Bytes that the network's widest activation may take while composed operations compute stored
/// losses.
const LOSS_CHUNK_BYTES: usize = 64 << 20;

impl Learner {
    /// Returns the statistics of the observations after those of a collected rollout are added.
    ///
    /// # Errors
    /// Those of [`Normalizer::update`].
    pub fn statistics_with(&self, storage: &RolloutStorage) -> Result<Normalizer> {
        let mut statistics = self.normalizer.clone();
        storage.with_all_obs(|obs| {
            self.reduce.statistics(obs, &mut |rows| statistics.update(rows))
        })??;
        Ok(statistics)
    }

    /// Completes a collected rollout, as Algorithm 1 does before its update: draws the numbers that
    /// go with the actions, such as the pairs (ε, t) of a flow, and computes the stored losses
    /// `L_old` under the present policy and statistics. `first_step` is the number of the rollout's
    /// first step since the start of the run, the index of its draws.
    ///
    /// # Errors
    /// [`Error::Invalid`] if losses are to make pairs and their number is odd. Also if a tensor
    /// operation fails.
    pub fn complete<'a>(
        &mut self,
        storage: &'a mut RolloutStorage,
        draws: impl Into<SampleDraws>,
        noise: &Noise,
        first_step: u64,
    ) -> Result<RolloutView<'a>> {
        let (size, draws) = (storage.size(), draws.into());
        let samples = size.stored.losses;
        if !samples.is_multiple_of(self.objective.ratio.group(samples)) {
            return Err(Error::Invalid(format!(
                "one ratio per pair needs an even number of losses of an action, and there are \
                 {samples}"
            )));
        }
        for t in 0..size.length {
            let step = first_step + t as u64;
            let mut scaled = Ok(());
            storage.draw(
                t,
                |eps| match size.stored.source {
                    Source::NoiseAndTime => {
                        draws.fill_noise(size.action_dim, samples, noise, step, eps);
                        scaled = self.policy.scale_noise(eps);
                    }
                    _ => noise.fill_normal(Purpose::LossNoise, step, eps),
                },
                |times| self.policy.fill_times(&draws, samples, noise, step, times),
            )?;
            scaled?;
        }
        let losses = size.envs * size.stored.losses;
        let bytes = losses * self.policy.spec().width() * size_of::<f32>();
        let chunk = (LOSS_CHUNK_BYTES / bytes.max(1)).max(1);
        storage.finish(|rollout| self.stored_losses(rollout, chunk))
    }

    /// Stores the values of the observations at which the step limit cut episodes, where they count
    /// ([`Truncation::Bootstrap`]), under the present value network and statistics. These must be
    /// the statistics of the coming update, and [`Learner::complete`] comes after it.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn value_cuts(&mut self, storage: &mut RolloutStorage) -> Result<()> {
        if self.objective.truncation != Truncation::Bootstrap {
            return Ok(());
        }
        let (obs, width) = (storage.cut_obs(), storage.size().obs_dim);
        let mut values = Vec::new();
        if !obs.is_empty() {
            let obs = copy_to_device(obs, (obs.len() / width, width), self.device())?;
            let clock = std::time::Instant::now();
            values = to_host(&self.values(&obs)?)?;
            self.times.value += clock.elapsed();
        }
        storage.keep_cut_values(&values)
    }

    /// Returns the losses `(T, E, N)` of a rollout's actions under the current policy and
    /// statistics: the `L_old` of the coming update. Composed operations take `chunk` steps at a
    /// time to bound memory.
    ///
    /// # Errors
    /// If a tensor has another shape.
    pub fn stored_losses(
        &mut self,
        rollout: &Transitions<Tensor, ()>,
        chunk: usize,
    ) -> Result<Tensor> {
        let normalizer = self.device_normalizer()?;
        let Learner { policy, backend, reduce, times, .. } = self;
        let (policy, reduce) = (policy.as_ref(), reduce.as_ref());
        timed(&mut times.policy, || backend.losses(policy, &normalizer, rollout, chunk, reduce))
    }
}
