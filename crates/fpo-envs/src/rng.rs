//! Random numbers that are a pure function of (seed, environment, episode).
//!
//! ChaCha8 is a counter-based generator: key, stream and position name a block of numbers that
//! can be computed on its own. The key is the seed, the stream the environment, the position the
//! episode. No draw therefore depends on the thread that makes it or on what other environments
//! did, and a resumed run needs no generator state.

use std::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Number of 32-bit words set aside for the reset of one episode.
const WORDS_PER_EPISODE: u128 = 1 << 16;
/// Tag in the top byte of the stream number, which keeps these draws apart from any other use of
/// the same seed.
const RESET_PURPOSE: u64 = 0x45 << 56;
/// Fills the key beyond the seed, so that a small seed is not mostly zeros.
const KEY_TAG: &[u8; 24] = b"fpo-envs reset draws v1\0";

/// The random numbers of one reset.
#[derive(Debug, Clone)]
pub struct EnvRng {
    inner: ChaCha8Rng,
}

impl EnvRng {
    /// Returns the generator for the start of episode number `episode` of environment `env`.
    pub fn for_reset(seed: u64, env: u64, episode: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..].copy_from_slice(KEY_TAG);
        let mut inner = ChaCha8Rng::from_seed(key);
        inner.set_stream(RESET_PURPOSE | env);
        inner.set_word_pos(u128::from(episode) * WORDS_PER_EPISODE);
        Self { inner }
    }

    /// Draws a number uniform in [0, 1), in steps of 2⁻⁵³.
    pub fn unit(&mut self) -> f64 {
        (self.inner.next_u64() >> 11) as f64 * 2f64.powi(-53)
    }

    /// Draws a number uniform in [low, high).
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Draws one of the integers 0, 1, …, `count` − 1, each as likely as the others up to a bias
    /// below `count` / 2⁶⁴. Returns 0 when `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.inner.next_u64()) * count as u128) >> 64) as usize
    }

    /// Draws a standard normal number by the method of Box and Muller: √(−2 ln u) · cos(2π v) with
    /// u in (0, 1].
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (TAU * self.unit()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(seed: u64, env: u64, episode: u64) -> u64 {
        EnvRng::for_reset(seed, env, episode).unit().to_bits()
    }

    #[test]
    fn draws_depend_on_seed_environment_and_episode_and_nothing_else() {
        assert_eq!(first(1, 2, 3), first(1, 2, 3));
        assert_ne!(first(1, 2, 3), first(2, 2, 3));
        assert_ne!(first(1, 2, 3), first(1, 3, 3));
        assert_ne!(first(1, 2, 3), first(1, 2, 4));
    }

    #[test]
    fn an_episodes_words_end_where_those_of_the_next_begin() {
        let mut rng = EnvRng::for_reset(7, 0, 0);
        for _ in 0..WORDS_PER_EPISODE / 2 {
            rng.unit();
        }
        assert_eq!(rng.unit().to_bits(), first(7, 0, 1));
    }

    #[test]
    fn moments_are_those_of_the_named_distributions() {
        let mut rng = EnvRng::for_reset(0, 0, 0);
        let n = 20_000;
        let uniform: Vec<f64> = (0..n).map(|_| rng.uniform(-1.0, 3.0)).collect();
        let normal: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
        let variance = |x: &[f64]| x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64;
        assert!((mean(&uniform) - 1.0).abs() < 0.04);
        assert!(uniform.iter().all(|v| (-1.0..3.0).contains(v)));
        assert!(mean(&normal).abs() < 0.03);
        assert!((variance(&normal) - 1.0).abs() < 0.05);
    }

    #[test]
    fn integers_cover_their_range_evenly() {
        let mut rng = EnvRng::for_reset(0, 0, 0);
        let mut counts = [0; 5];
        for _ in 0..5000 {
            counts[rng.below(5)] += 1;
        }
        assert!(counts.iter().all(|&c| (850..1150).contains(&c)), "{counts:?}");
        assert_eq!(rng.below(0), 0);
    }
}
