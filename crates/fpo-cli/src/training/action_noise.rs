//! The noise that a rollout's actions are made of, which may hang together in time.
//!
//! ```text
//! z_0 = ξ_0,   z_t = ρ·z_{t−1} + √(1 − ρ²)·ξ_t,   ξ_t independent unit normals
//! ```
//!
//! Every `z_t` is a unit normal for any ρ, so that an action follows its policy as before, and its
//! losses and ratio mean what they mean without correlation. What changes is that an environment's
//! actions lean the same way for some `1/(1 − ρ)` steps, which reaches states that independent
//! noise averages out (Eberhard et al., ICLR 2023; Hollenstein et al., arXiv 2312.11091). What an
//! observation tells of past noise is not accounted for. Each rollout begins anew, so that a run
//! has nothing to keep from one to the next.

use fpo_core::{Noise, Purpose};

/// The noise of the present step of all environments.
pub struct ActionNoise<'a> {
    noise: &'a Noise,
    correlation: f32,
    first: usize,
    draws: Vec<f32>,
    fresh: Vec<f32>,
}

impl<'a> ActionNoise<'a> {
    /// Returns noise of `len` numbers a step, of which neighbours have this correlation: those from
    /// place `first` on of the numbers for all environments of the run.
    pub fn new(noise: &'a Noise, correlation: f64, first: usize, len: usize) -> ActionNoise<'a> {
        let fresh = vec![0.0; if correlation == 0.0 { 0 } else { len }];
        let (correlation, draws) = (correlation as f32, vec![0.0; len]);
        ActionNoise { noise, correlation, first, draws, fresh }
    }

    /// Moves on to a step of the run, which is the first of its rollout or follows the one before.
    pub fn advance(&mut self, step: u64, is_first: bool) {
        if is_first || self.correlation == 0.0 {
            let draws = &mut self.draws;
            return self.noise.fill_normal_from(Purpose::Action, step, self.first, draws);
        }
        self.noise.fill_normal_from(Purpose::Action, step, self.first, &mut self.fresh);
        let (keep, share) = (self.correlation, (1.0 - self.correlation.powi(2)).sqrt());
        for (z, fresh) in self.draws.iter_mut().zip(&self.fresh) {
            *z = keep * *z + share * fresh;
        }
    }

    /// Returns the numbers of the present step.
    pub fn draws(&self) -> &[f32] {
        &self.draws
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEN: usize = 500;
    const STEPS: u64 = 200;

    fn rollout(correlation: f64) -> Vec<Vec<f32>> {
        let seed = Noise::new(5);
        let mut noise = ActionNoise::new(&seed, correlation, 0, LEN);
        let mut step = |t| {
            noise.advance(1000 + t, t == 0);
            noise.draws().to_vec()
        };
        (0..STEPS).map(&mut step).collect()
    }

    fn mean(values: impl Iterator<Item = f32>) -> f64 {
        let (sum, count) = values.fold((0.0, 0), |(sum, n), x| (sum + f64::from(x), n + 1));
        sum / f64::from(count)
    }

    #[test]
    fn without_correlation_the_numbers_are_those_of_the_step_alone() {
        for (t, draws) in rollout(0.0).iter().enumerate() {
            let mut expected = vec![0.0; LEN];
            Noise::new(5).fill_normal(Purpose::Action, 1000 + t as u64, &mut expected);
            assert_eq!(draws, &expected);
        }
    }

    #[test]
    fn every_step_has_unit_normals_and_steps_k_apart_the_kth_power_of_the_correlation() {
        for rho in [0.5, 0.9] {
            let steps = rollout(rho);
            // Some 100,000 numbers, of which about (1 + ρ)/(1 − ρ) at a time are alike.
            let allowed = 4.0 * ((1.0 + rho) / (1.0 - rho) / 100_000.0).sqrt();
            for k in [0usize, 1, 2, 8] {
                let pairs = steps.iter().zip(&steps[k..]);
                let found = mean(pairs.flat_map(|(a, b)| a.iter().zip(b).map(|(x, y)| x * y)));
                let expected = rho.powi(k as i32);
                assert!((found - expected).abs() < 2.0 * allowed, "{rho} {k}: {found}");
            }
            let first = mean(steps[0].iter().map(|x| x * x));
            let last = mean(steps[STEPS as usize - 1].iter().map(|x| x * x));
            assert!((first - 1.0).abs() < 0.3 && (last - 1.0).abs() < 0.3, "{first} {last}");
            let fourth = mean(steps.iter().flatten().map(|x| x.powi(4)));
            assert!((fourth - 3.0).abs() < 30.0 * allowed, "a normal's fourth moment: {fourth}");
        }
    }

    #[test]
    fn noise_of_some_environments_is_their_part_of_that_of_all() {
        let seed = Noise::new(5);
        for correlation in [0.0, 0.7] {
            let mut all = ActionNoise::new(&seed, correlation, 0, LEN);
            let mut part = ActionNoise::new(&seed, correlation, 111, 40);
            for t in 0..5 {
                all.advance(t, t == 0);
                part.advance(t, t == 0);
                assert_eq!(part.draws(), &all.draws()[111..151]);
            }
        }
    }

    #[test]
    fn the_first_step_of_a_rollout_remembers_nothing() {
        let seed = Noise::new(5);
        let mut noise = ActionNoise::new(&seed, 0.9, 0, LEN);
        noise.advance(7, false);
        noise.advance(1000, true);
        assert_eq!(noise.draws(), rollout(0.9)[0]);
    }
}
