//! The Gaussian policy's numbers, elementwise: from the network's outputs to actions, likelihoods,
//! entropies and their derivatives.
//!
//! The network gives for every element of an action a mean `m` and a raw deviation `r`; with
//! `std = softplus(r) + min_std`, `d = (u − m)/std` and `σ` the logistic function,
//!
//! ```text
//! −log p = ½·d² + ln std + ½·ln 2π        ∂m = −d/std    ∂r = (1 − d²)/std·σ(r)
//! entropy = ln std + ½·(1 + ln 2π) + h(x)  for one draw x = m + std·ε, where
//! h(x) = ln(1 − tanh² x) = 2·(ln 2 − |x| − ln(1 + e^−2|x|)),   h′(x) = −2·tanh x
//! ```
//!
//! and `h = 0` where actions are not squashed ([`crate::SquashedNormal`] has the composed form).

use std::f64::consts::TAU;

use crate::backend::fused::kernels::elementary::{exp_minus, ln_1p, reciprocal};
use crate::flow::config::Squash;
use crate::policy::gaussian_config::GaussianConfig;
use crate::simd::aligned::AlignedVec;
use crate::simd::vector::Simd;

/// What is given and what is computed, one number per element of a block's actions.
#[derive(Default)]
pub(crate) struct Elements {
    /// Means m.
    pub(crate) mean: AlignedVec,
    /// Raw deviations r; after [`Elements::evaluate`], the deviations.
    pub(crate) std: AlignedVec,
    /// Actions u before squashing; after [`Elements::evaluate`], the squares ½·d².
    pub(crate) action: AlignedVec,
    /// Unit normals ε; after [`Elements::evaluate`], the entropies' terms h.
    pub(crate) noise: AlignedVec,
    /// Derivatives of `−log p`: with respect to m, and to r.
    pub(crate) loss_slopes: [AlignedVec; 2],
    /// Derivatives of the entropy: with respect to m, and to r.
    pub(crate) entropy_slopes: [AlignedVec; 2],
}

/// How outputs become a distribution.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) min_std: f32,
    pub(crate) squash: Squash,
}

impl Shape {
    /// Returns the settings of a policy that matter here.
    pub(crate) fn new(config: &GaussianConfig) -> Shape {
        Shape { min_std: config.min_std as f32, squash: config.squash }
    }
}

/// The deviations at one vector of raw ones, and their derivatives.
#[inline(always)]
fn deviation<S: Simd>(s: S, min_std: f32, raw: S::V) -> (S::V, S::V) {
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    let mut e = [[s.max(raw, s.sub(zero, raw))]];
    exp_minus(s, &mut e);
    let mut tail = e;
    ln_1p(s, &mut tail);
    let std = s.add(s.add(s.max(raw, zero), tail[0][0]), s.splat(min_std));
    // σ(r) is 1/(1 + e) above zero, and e/(1 + e) below.
    let above = reciprocal(s, &[[s.add(one, e[0][0])]])[0][0];
    let below = s.mul(e[0][0], above);
    (std, s.mul_add(s.step(raw), s.sub(above, below), below))
}

/// `h` and `h′/2` at one vector of draws.
#[inline(always)]
fn squashing<S: Simd>(s: S, x: S::V) -> (S::V, S::V) {
    let (zero, one, two) = (s.splat(0.0), s.splat(1.0), s.splat(2.0));
    let size = s.max(x, s.sub(zero, x));
    let mut e = [[s.mul(two, size)]];
    exp_minus(s, &mut e);
    let mut tail = e;
    ln_1p(s, &mut tail);
    let h = s.sub(s.sub(s.splat(std::f32::consts::LN_2), size), tail[0][0]);
    let tanh = s.mul(s.sub(one, e[0][0]), reciprocal(s, &[[s.add(one, e[0][0])]])[0][0]);
    // tanh has the sign of x.
    let sign = s.sub(s.mul(two, s.step(x)), one);
    (s.mul(two, h), s.sub(zero, s.mul(sign, tanh)))
}

impl Elements {
    /// Returns room for `len` elements.
    pub(crate) fn new<S: Simd>(_: S, len: usize) -> Elements {
        let room = || AlignedVec::zeros(len.next_multiple_of(S::LANES));
        Elements {
            mean: room(),
            std: room(),
            action: room(),
            noise: room(),
            loss_slopes: [room(), room()],
            entropy_slopes: [room(), room()],
        }
    }

    fn check<S: Simd>(&self, _: S, len: usize) {
        let [a, b] = &self.loss_slopes;
        let [c, d] = &self.entropy_slopes;
        let rooms = [&self.mean, &self.std, &self.action, &self.noise, a, b, c, d];
        let need = len.next_multiple_of(S::LANES);
        assert!(rooms.iter().all(|room| room.len() >= need), "{len} elements have no room");
    }

    /// Replaces the first `len` actions by draws `mean + std·noise`.
    #[inline(always)]
    pub(crate) fn sample<S: Simd>(&mut self, s: S, len: usize, shape: Shape) {
        self.check(s, len);
        s.vectorize(
            #[inline(always)]
            || {
                for at in (0..len).step_by(S::LANES) {
                    // SAFETY: `check` found room for a vector from `at` on in every array.
                    unsafe {
                        let (mean, raw) = (self.mean.as_ptr().add(at), self.std.as_ptr().add(at));
                        let (std, _) = deviation(s, shape.min_std, s.load(raw));
                        let noise = s.load(self.noise.as_ptr().add(at));
                        let draw = s.mul_add(std, noise, s.load(mean));
                        s.store(self.action.as_mut_ptr().add(at), draw);
                    }
                }
            },
        );
    }

    /// Computes what the fields say of the first `len` elements.
    #[inline(always)]
    pub(crate) fn evaluate<S: Simd>(&mut self, s: S, len: usize, shape: Shape) {
        self.check(s, len);
        let [mean_slope, raw_slope] = &mut self.loss_slopes;
        let [mean_bonus, raw_bonus] = &mut self.entropy_slopes;
        s.vectorize(
            #[inline(always)]
            || {
                let (zero, one) = (s.splat(0.0), s.splat(1.0));
                for at in (0..len).step_by(S::LANES) {
                    // SAFETY: `check` found room for a vector from `at` on in every array.
                    unsafe {
                        let mean = s.load(self.mean.as_ptr().add(at));
                        let std = self.std.as_mut_ptr().add(at);
                        let (spread, rise) = deviation(s, shape.min_std, s.load(std));
                        s.store(std, spread);
                        let inverse = reciprocal(s, &[[spread]])[0][0];
                        let gain = s.mul(inverse, rise);

                        let action = self.action.as_mut_ptr().add(at);
                        let d = s.mul(s.sub(s.load(action), mean), inverse);
                        let square = s.mul(d, d);
                        s.store(action, s.mul(s.splat(0.5), square));
                        let slope = s.sub(zero, s.mul(d, inverse));
                        s.store(mean_slope.as_mut_ptr().add(at), slope);
                        let slope = s.mul(s.sub(one, square), gain);
                        s.store(raw_slope.as_mut_ptr().add(at), slope);

                        let noise = self.noise.as_mut_ptr().add(at);
                        let epsilon = s.load(noise);
                        let (h, half) = match shape.squash {
                            Squash::Tanh => squashing(s, s.mul_add(spread, epsilon, mean)),
                            Squash::None => (zero, zero),
                        };
                        s.store(noise, h);
                        let slope = s.add(half, half);
                        s.store(mean_bonus.as_mut_ptr().add(at), slope);
                        let slope = s.mul_add(s.mul(slope, epsilon), rise, gain);
                        s.store(raw_bonus.as_mut_ptr().add(at), slope);
                    }
                }
            },
        );
    }

    /// Returns `−log p` and the entropy of the action whose elements are `of`, after
    /// [`Elements::evaluate`].
    pub(crate) fn totals(&self, of: std::ops::Range<usize>) -> (f64, f64) {
        let constant = 0.5 * TAU.ln();
        let (mut loss, mut entropy) = (0.0, 0.0);
        for k in of {
            let log_std = f64::from(self.std[k].ln());
            loss += f64::from(self.action[k]) + log_std + constant;
            entropy += f64::from(self.noise[k]) + log_std + constant + 0.5;
        }
        (loss, entropy)
    }
}
