//! Counter-based random numbers.
//!
//! Every draw is a pure function of (seed, purpose, index, position): the ChaCha8 key is the seed,
//! its stream is the purpose with the index (a rollout step, an epoch), and the word position is
//! the element's place in the array. The numbers are therefore the same for any thread count and
//! on every device, and a resumed run needs only its counters. Normals come from Box–Muller,
//! which consumes exactly one word per value.

mod normal;

use candle_core::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;

use crate::error::Result;
use crate::random::normal::{normals, unit_interval};
use crate::simd::isa::vectorized;

/// Values per parallel task; even, so that Box–Muller pairs never straddle two tasks.
const CHUNK: usize = 8192;

/// Values that are computed together; divides `CHUNK`.
const BLOCK: usize = 256;

/// What a stream of random numbers is for; streams never overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// Initial weights of the policy.
    PolicyInit = 1,
    /// Initial weights of the value network.
    ValueInit = 2,
    /// Noise from which actions are sampled; index = rollout step since the start of the run.
    Action = 3,
    /// The ε of the Monte-Carlo CFM loss; index = rollout step.
    LossNoise = 4,
    /// The flow times of the Monte-Carlo CFM loss; index = rollout step.
    LossTime = 5,
    /// Minibatch permutations; index = epoch since the start of the run.
    Shuffle = 6,
    /// Noise from which actions are sampled in evaluations; index = evaluation step.
    EvalAction = 7,
    /// Noise that a stochastic sampler adds on its way; index = integration · steps + step.
    Churn = 8,
    /// Noise of actions that are drawn to be looked at; index = iteration.
    Probe = 9,
}

/// A seeded family of random streams.
#[derive(Clone, Debug)]
pub struct Noise {
    base: ChaCha8Rng,
}

impl Noise {
    /// Returns the family of streams of `seed`.
    pub fn new(seed: u64) -> Noise {
        Noise { base: ChaCha8Rng::seed_from_u64(seed) }
    }

    fn stream(&self, purpose: Purpose, index: u64, word: usize) -> ChaCha8Rng {
        let mut rng = self.base.clone();
        rng.set_stream(((purpose as u64) << 56) | (index & 0x00ff_ffff_ffff_ffff));
        rng.set_word_pos(word as u128);
        rng
    }

    /// Fills `out` with standard normals.
    pub fn fill_normal(&self, purpose: Purpose, index: u64, out: &mut [f32]) {
        self.fill_normal_from(purpose, index, 0, out);
    }

    /// Fills `out` with the normals that stand from place `first` on in an array that
    /// [`Noise::fill_normal`] fills.
    pub fn fill_normal_from(&self, purpose: Purpose, index: u64, first: usize, out: &mut [f32]) {
        if !first.is_multiple_of(2) {
            // The number belongs to a pair that begins before it.
            let mut pair = [0.0; 2];
            self.fill_normal_from(purpose, index, first - 1, &mut pair);
            if let Some((number, rest)) = out.split_first_mut() {
                *number = pair[1];
                self.fill_normal_from(purpose, index, first + 1, rest);
            }
            return;
        }
        let fill = |(chunk, out): (usize, &mut [f32])| {
            let mut rng = self.stream(purpose, index, first + chunk * CHUNK);
            let mut words = [0; BLOCK];
            for out in out.chunks_mut(BLOCK) {
                words.iter_mut().for_each(|word| *word = rng.next_u32());
                let mut pairs = [0.0; BLOCK];
                let (words, filled) = (&words, &mut pairs);
                vectorized(
                    #[inline(always)]
                    || {
                        for (pair, words) in filled.chunks_exact_mut(2).zip(words.chunks_exact(2)) {
                            (pair[0], pair[1]) = normals(words[0], words[1]);
                        }
                    },
                );
                out.copy_from_slice(&pairs[..out.len()]);
            }
        };
        // A few numbers are drawn sooner than another thread is woken.
        match out.len() <= CHUNK {
            true => fill((0, out)),
            false => out.par_chunks_mut(CHUNK).enumerate().for_each(fill),
        }
    }

    /// Fills `out` with uniforms strictly inside (0, 1).
    pub fn fill_uniform(&self, purpose: Purpose, index: u64, out: &mut [f32]) {
        out.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, out)| {
            let mut rng = self.stream(purpose, index, chunk * CHUNK);
            out.iter_mut().for_each(|x| *x = unit_interval(rng.next_u32()));
        });
    }

    /// Fills `out` with integers drawn uniformly from `0..bound`.
    pub fn fill_index(&self, purpose: Purpose, index: u64, bound: usize, out: &mut [u32]) {
        out.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, out)| {
            let mut rng = self.stream(purpose, index, chunk * CHUNK);
            out.iter_mut().for_each(|x| *x = ((rng.next_u32() as u64 * bound as u64) >> 32) as u32);
        });
    }

    /// Returns standard normals as an f32 tensor of the given shape.
    ///
    /// # Errors
    /// If the tensor cannot be made on `device`.
    pub fn normal_tensor(
        &self,
        purpose: Purpose,
        index: u64,
        shape: &[usize],
        device: &Device,
    ) -> Result<Tensor> {
        let mut values = vec![0.0; shape.iter().product()];
        self.fill_normal(purpose, index, &mut values);
        Ok(Tensor::from_vec(values, shape, device)?)
    }

    /// Returns a uniformly drawn permutation of `0..n` (Fisher–Yates).
    pub fn permutation(&self, purpose: Purpose, index: u64, n: usize) -> Vec<u32> {
        let mut rng = self.stream(purpose, index, 0);
        let mut order: Vec<u32> = (0..n as u32).collect();
        for i in (1..n).rev() {
            let j = ((rng.next_u64() as u128 * (i as u128 + 1)) >> 64) as usize;
            order.swap(i, j);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normals(seed: u64, purpose: Purpose, index: u64, n: usize) -> Vec<f32> {
        let mut out = vec![0.0; n];
        Noise::new(seed).fill_normal(purpose, index, &mut out);
        out
    }

    #[test]
    fn a_longer_array_starts_with_the_shorter_one() {
        let long = normals(3, Purpose::Action, 7, 3 * CHUNK + 5);
        assert_eq!(long[..CHUNK + 3], normals(3, Purpose::Action, 7, CHUNK + 3)[..]);
    }

    #[test]
    fn a_part_of_an_array_has_the_numbers_of_the_whole() {
        let whole = normals(3, Purpose::Action, 7, 3 * CHUNK + 5);
        for (first, len) in [(0, 3), (1, 0), (1, 1), (5, 300), (CHUNK - 1, CHUNK + 3), (260, 77)] {
            let mut part = vec![0.0; len];
            Noise::new(3).fill_normal_from(Purpose::Action, 7, first, &mut part);
            assert_eq!(part, whole[first..first + len], "{len} from {first} on");
        }
    }

    #[test]
    fn streams_differ_by_seed_purpose_and_index() {
        let base = normals(3, Purpose::Action, 7, 64);
        assert_ne!(base, normals(4, Purpose::Action, 7, 64));
        assert_ne!(base, normals(3, Purpose::LossNoise, 7, 64));
        assert_ne!(base, normals(3, Purpose::Action, 8, 64));
    }

    #[test]
    fn normals_have_the_moments_and_tails_of_a_normal() {
        let n = 1_000_000;
        let x = normals(0, Purpose::Action, 0, n);
        let moment = |p: i32| x.iter().map(|&x| (x as f64).powi(p)).sum::<f64>() / n as f64;
        // Six standard errors of each sample moment: √(Var/n) with Var = 1, 2, 15, 96.
        assert!(moment(1).abs() < 6e-3);
        assert!((moment(2) - 1.0).abs() < 6.0 * (2.0f64 / n as f64).sqrt());
        assert!(moment(3).abs() < 6.0 * (15.0f64 / n as f64).sqrt());
        assert!((moment(4) - 3.0).abs() < 6.0 * (96.0f64 / n as f64).sqrt());
        let beyond = x.iter().filter(|x| x.abs() > 3.0).count() as f64 / n as f64;
        assert!((beyond - 0.0027).abs() < 6.0 * (0.0027f64 / n as f64).sqrt());
    }

    #[test]
    fn uniforms_and_indices_cover_their_range_evenly() {
        let mut u = vec![0.0; 200_000];
        Noise::new(1).fill_uniform(Purpose::LossTime, 0, &mut u);
        assert!(u.iter().all(|&x| x > 0.0 && x < 1.0));
        let mut k = vec![0; 200_000];
        Noise::new(1).fill_index(Purpose::LossTime, 0, 10, &mut k);
        for bin in 0..10 {
            let share = k.iter().filter(|&&x| x == bin).count() as f64 / k.len() as f64;
            assert!((share - 0.1).abs() < 6.0 * (0.09f64 / k.len() as f64).sqrt());
        }
    }

    #[test]
    fn a_permutation_holds_every_number_once() {
        let mut p = Noise::new(5).permutation(Purpose::Shuffle, 2, 1000);
        assert_ne!(p, Noise::new(5).permutation(Purpose::Shuffle, 3, 1000));
        p.sort_unstable();
        assert!(p.iter().enumerate().all(|(i, &x)| i as u32 == x));
    }
}
