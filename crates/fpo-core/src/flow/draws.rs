//! The Monte-Carlo pairs (ε, t) of an action, drawn so that their losses say more about the action.
//!
//! `N` losses of an action estimate its CFM loss. Drawn independently, their noise is that of `N`
//! independent numbers. Two ways of drawing keep every ε normal and every t of the same law, so
//! that each loss alone is what it was, and make the mean of the losses vary less:
//!
//! ```text
//! antithetic  samples 2k and 2k+1 are (ε, t) and (−ε, t): what is odd in ε cancels in their mean
//! stratified  of M times, the k-th is the quantile (k + u)/M of its law, u uniform in (0, 1)
//! ```
//!
//! With antithetic noise there are `M = N/2` times, one for each couple, else `M = N`.

use serde::{Deserialize, Serialize};

use crate::flow::time::{TrainingTimes, draw, quantile};
use crate::random::{Noise, Purpose};

/// How the noise of an action's samples hangs together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleNoise {
    /// Not at all (paper).
    #[default]
    Independent,
    /// Samples come in couples with the same time and opposite noise.
    Antithetic,
}

/// How the times of an action's samples hang together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleTimes {
    /// Not at all (paper).
    #[default]
    Independent,
    /// Each comes from a stratum of its own.
    Stratified,
}

/// How the pairs of an action are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SampleDraws {
    /// The law of the times.
    pub law: TrainingTimes,
    /// How the times of an action hang together.
    pub times: SampleTimes,
    /// How the noise of an action hangs together.
    pub noise: SampleNoise,
}

impl From<TrainingTimes> for SampleDraws {
    /// Returns independent draws with times of this law.
    fn from(law: TrainingTimes) -> SampleDraws {
        SampleDraws { law, ..SampleDraws::default() }
    }
}

impl SampleNoise {
    /// Returns how many samples share a time.
    pub fn couple(self) -> usize {
        match self {
            SampleNoise::Independent => 1,
            SampleNoise::Antithetic => 2,
        }
    }
}

impl SampleDraws {
    /// Fills `out` with the times of actions that have `samples` each; `flow_steps` is the number
    /// of the sampler's steps, and `index` that of the rollout step. Of an odd number of antithetic
    /// samples the last has a time of its own.
    pub fn fill_times(
        &self,
        flow_steps: usize,
        samples: usize,
        noise: &Noise,
        index: u64,
        out: &mut [f32],
    ) {
        if *self == SampleDraws::from(self.law) {
            return draw(self.law, flow_steps, noise, index, out);
        }
        let couple = self.noise.couple();
        let count = samples.div_ceil(couple);
        let mut drawn = vec![0.0; out.len() / samples.max(1) * count];
        match self.times {
            SampleTimes::Independent => draw(self.law, flow_steps, noise, index, &mut drawn),
            SampleTimes::Stratified => {
                noise.fill_uniform(Purpose::LossTime, index, &mut drawn);
                for strata in drawn.chunks_exact_mut(count) {
                    for (k, u) in strata.iter_mut().enumerate() {
                        let level = (k as f64 + f64::from(*u)) / count as f64;
                        *u = quantile(self.law, flow_steps, level);
                    }
                }
            }
        }
        for (times, drawn) in out.chunks_exact_mut(samples).zip(drawn.chunks_exact(count)) {
            times.iter_mut().enumerate().for_each(|(n, t)| *t = drawn[n / couple]);
        }
    }

    /// Fills `out` with the noise of actions of `action_dim` numbers that have `samples` each;
    /// `index` is that of the rollout step.
    pub fn fill_noise(
        &self,
        action_dim: usize,
        samples: usize,
        noise: &Noise,
        index: u64,
        out: &mut [f32],
    ) {
        noise.fill_normal(Purpose::LossNoise, index, out);
        if self.noise == SampleNoise::Independent {
            return;
        }
        for action in out.chunks_exact_mut(samples * action_dim) {
            for couple in action.chunks_exact_mut(2 * action_dim) {
                let (first, second) = couple.split_at_mut(action_dim);
                second.iter_mut().zip(first).for_each(|(second, first)| *second = -*first);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAWS: [TrainingTimes; 3] =
        [TrainingTimes::Grid, TrainingTimes::Uniform, TrainingTimes::Beta(2.0)];

    fn times(draws: SampleDraws, samples: usize, actions: usize) -> Vec<f32> {
        let mut out = vec![0.0; samples * actions];
        draws.fill_times(10, samples, &Noise::new(3), 7, &mut out);
        out
    }

    #[test]
    fn independent_draws_are_the_bits_of_before() {
        for law in LAWS {
            let mut expected = vec![0.0; 80];
            draw(law, 10, &Noise::new(3), 7, &mut expected);
            assert_eq!(times(law.into(), 8, 10), expected);
        }
        let (mut plain, mut own) = (vec![0.0; 48], vec![0.0; 48]);
        Noise::new(3).fill_normal(Purpose::LossNoise, 7, &mut plain);
        SampleDraws::default().fill_noise(3, 8, &Noise::new(3), 7, &mut own);
        assert_eq!(own, plain);
    }

    #[test]
    fn antithetic_samples_share_a_time_and_have_opposite_noise() {
        let draws = |law| SampleDraws { noise: SampleNoise::Antithetic, ..SampleDraws::from(law) };
        for (law, samples) in LAWS.into_iter().zip([8, 2, 5]) {
            let t = times(draws(law), samples, 400);
            let mut distinct = t.clone();
            distinct.sort_by(f32::total_cmp);
            distinct.dedup();
            assert!(distinct.len() >= 10, "{law:?}");
            for t in t.chunks_exact(samples) {
                assert!(t.chunks_exact(2).all(|couple| couple[0] == couple[1]), "{law:?}");
            }
            let mut eps = vec![0.0; 3 * samples * 400];
            draws(law).fill_noise(3, samples, &Noise::new(3), 7, &mut eps);
            for action in eps.chunks_exact(3 * samples) {
                for couple in action.chunks_exact(6) {
                    assert!((0..3).all(|i| couple[i] == -couple[3 + i] && couple[i] != 0.0));
                }
            }
            let variance = eps.iter().map(|x| f64::from(x * x)).sum::<f64>() / eps.len() as f64;
            assert!((variance - 1.0).abs() < 0.1, "each is a unit normal still: {variance}");
        }
    }

    #[test]
    fn stratified_times_have_one_in_each_stratum_and_the_law_of_independent_ones() {
        for noise in [SampleNoise::Independent, SampleNoise::Antithetic] {
            for law in LAWS {
                let draws = SampleDraws { law, times: SampleTimes::Stratified, noise };
                let all = times(draws, 20, 2000);
                let count = 20 / noise.couple();
                for t in all.chunks_exact(20) {
                    for (n, &t) in t.iter().enumerate() {
                        let k = (n / noise.couple()) as f64;
                        let end = |level: f64| quantile(law, 10, level.clamp(1e-9, 1.0 - 1e-9));
                        let ends = [end(k / count as f64), end((k + 1.0) / count as f64)];
                        let (low, high) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
                        assert!((low - 1e-6..=high + 1e-6).contains(&t), "{law:?} {n}: {t}");
                    }
                }
                let mean =
                    |t: &[f32]| t.iter().map(|&t| f64::from(t)).sum::<f64>() / t.len() as f64;
                let plain = mean(&times(law.into(), 20, 2000));
                assert!((mean(&all) - plain).abs() < 0.01, "{law:?}");
            }
        }
    }

    /// Where the fields before and after an update differ by a function `d` of t alone, the log
    /// ratio is `(v − u)² − (v + d − u)²` with a target u that is linear in ε: what is odd in ε
    /// cancels within a couple, and what is left depends on t, which strata steady.
    #[test]
    fn the_mean_of_a_log_ratio_varies_less_the_more_its_samples_hang_together() {
        let spread = |draws: SampleDraws| {
            let (samples, actions) = (8, 4000);
            let t = times(draws, samples, actions);
            let mut eps = vec![0.0; samples * actions];
            draws.fill_noise(1, samples, &Noise::new(3), 7, &mut eps);
            let log_ratio = |t: f32, eps: f32| {
                let (d, error) = (f64::from(t), f64::from(-eps));
                error.powi(2) - (error + d).powi(2)
            };
            let means: Vec<f64> = t
                .chunks_exact(samples)
                .zip(eps.chunks_exact(samples))
                .map(|(t, e)| t.iter().zip(e).map(|(&t, &e)| log_ratio(t, e)).sum::<f64>() / 8.0)
                .collect();
            let mean = means.iter().sum::<f64>() / means.len() as f64;
            let variance = means.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
            (mean, variance / means.len() as f64)
        };
        let law = TrainingTimes::Uniform;
        let plain = spread(law.into());
        let coupled = spread(SampleDraws { noise: SampleNoise::Antithetic, ..law.into() });
        let both = spread(SampleDraws {
            noise: SampleNoise::Antithetic,
            times: SampleTimes::Stratified,
            law,
        });
        // The log ratio is 2·ε·t − t², whose mean is −1/3. Its variance is 4·E t² + Var t² = 4/3 +
        // 4/45; eight independent samples divide both by 8, four couples the second by 4.
        for (mean, _) in [plain, coupled, both] {
            assert!((mean + 1.0 / 3.0).abs() < 0.03, "{mean}");
        }
        let expected = [(4.0 / 3.0 + 4.0 / 45.0) / 8.0, 4.0 / 45.0 / 4.0];
        assert!((plain.1 / expected[0] - 1.0).abs() < 0.1, "{plain:?}");
        assert!((coupled.1 / expected[1] - 1.0).abs() < 0.1, "{coupled:?}");
        assert!(both.1 < coupled.1 / 10.0, "{both:?}");
    }
}
