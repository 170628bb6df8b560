//! Tests of the entropy estimate against closed forms.

use super::*;
use crate::random::{Noise, Purpose};

const LN_2: f64 = std::f64::consts::LN_2;
/// ψ′(3) = π²/6 − 1 − 1/4, the variance of the log of a ball's probability mass.
const TRIGAMMA_3: f64 = 0.394_934_066_848_226_4;

fn normals(seed: u64, len: usize) -> Vec<f32> {
    let mut out = vec![0.0; len];
    Noise::new(seed).fill_normal(Purpose::Action, 0, &mut out);
    out
}

fn uniforms(seed: u64, len: usize) -> Vec<f32> {
    let mut out = vec![0.0; len];
    Noise::new(seed).fill_uniform(Purpose::LossTime, 0, &mut out);
    out
}

fn entropy(samples: &[f32], dim: usize) -> f64 {
    knn_entropy(samples, dim, DEFAULT_NEIGHBOURS).unwrap()
}

#[test]
fn digamma_has_its_known_values() {
    // ψ(1) = −γ, ψ(1/2) = −γ − 2 ln 2, ψ(1/4) = −γ − π/2 − 3 ln 2, ψ(n) = H_{n−1} − γ.
    let gamma = 0.577_215_664_901_532_9;
    let harmonic = |n: u32| (1..n).map(|k| 1.0 / f64::from(k)).sum::<f64>();
    for (x, expected) in [
        (1.0, -gamma),
        (0.5, -gamma - 2.0 * LN_2),
        (0.25, -gamma - PI / 2.0 - 3.0 * LN_2),
        (2.0, 1.0 - gamma),
        (10.0, harmonic(10) - gamma),
        (1000.0, harmonic(1000) - gamma),
    ] {
        let found = digamma(x);
        assert!((found - expected).abs() < 1e-13, "ψ({x}) = {found}, expected {expected}");
    }
}

#[test]
fn balls_have_their_known_volumes() {
    // V_21 = 2^11·π^10/21!!.
    let v21 = 2048.0 * PI.powi(10) / 13_749_310_575.0;
    for (dim, volume) in [(1, 2.0), (2, PI), (3, 4.0 / 3.0 * PI), (6, PI.powi(3) / 6.0), (21, v21)]
    {
        assert!((ln_ball_volume(dim) - f64::ln(volume)).abs() < 1e-13, "{dim}");
    }
}

#[test]
fn a_few_points_have_the_hand_computed_entropy() {
    // On a line at 0, 1, 3 the second neighbours are 3, 2, 3 away.
    let expected = 0.5 + LN_2 + (2.0 * f64::ln(3.0) + LN_2) / 3.0;
    assert!((knn_entropy(&[0.0f64, 1.0, 3.0], 1, 2).unwrap() - expected).abs() < 1e-13);
    // The corners of a 3 × 4 rectangle: nearest neighbour 3, third neighbour 5 away.
    let corners = [0.0f32, 0.0, 3.0, 0.0, 0.0, 4.0, 3.0, 4.0];
    for (neighbours, distance) in [(1, 3.0), (3, 5.0)] {
        let constant = digamma(4.0) - digamma(neighbours as f64) + PI.ln();
        let found = knn_entropy(&corners, 2, neighbours).unwrap();
        assert!((found - constant - 2.0 * f64::ln(distance)).abs() < 1e-13);
    }
}

/// Four standard errors of an estimate whose log density has this variance.
fn tolerance(variance_ln_p: f64, count: usize) -> f64 {
    4.0 * ((variance_ln_p + TRIGAMMA_3) / count as f64).sqrt()
}

#[test]
fn normals_have_the_entropy_of_normals() {
    // H = d/2·ln 2πe, Var ln p = d/2. The bias is that of the estimator itself, from numerical
    // integration: a ball around x has the mass of a non-central χ² variable with |x|², and
    // the mass up to neighbour k of n samples is Beta(k, n − k) distributed.
    for (dim, count, bias) in
        [(1, 4000, -0.0004), (2, 4000, -0.0057), (6, 4000, -0.0668), (21, 2000, 1.1623)]
    {
        let d = dim as f64;
        let closed_form = 0.5 * d * (2.0 * PI * 1f64.exp()).ln();
        let error = entropy(&normals(0, count * dim), dim) - closed_form - bias;
        assert!(error.abs() < tolerance(0.5 * d, count), "{dim} dimensions: {error}");
    }
}

#[test]
fn a_uniform_cube_has_the_log_of_its_volume() {
    // Var ln p = 0. Balls that reach out of the cube make the estimate too high: by 0.0003 on
    // the line (integrated as above), and by the mean over 20 other draws in the plane and in
    // space.
    for (dim, bias) in [(1, 0.0003), (2, 0.017), (3, 0.085)] {
        let cube: Vec<f32> = uniforms(2, 4000 * dim).iter().map(|x| 3.0 * x).collect();
        let error = entropy(&cube, dim) - dim as f64 * f64::ln(3.0) - bias;
        assert!(error.abs() < tolerance(0.0, 4000), "{dim} dimensions: {error}");
    }
}

#[test]
fn scaling_adds_the_log_of_the_scale_once_per_dimension() {
    let samples: Vec<f64> = normals(1, 500 * 6).iter().map(|&x| x.into()).collect();
    let base = knn_entropy(&samples, 6, 3).unwrap();
    for scale in [1e-3, 0.5, 40.0] {
        let scaled: Vec<f64> = samples.iter().map(|x| scale * x).collect();
        let added = knn_entropy(&scaled, 6, 3).unwrap() - base;
        assert!((added - 6.0 * f64::ln(scale)).abs() < 1e-9, "{scale}: {added}");
    }
}

#[test]
fn two_far_blobs_have_ln_2_more_than_one() {
    let one = normals(4, 4000 * 2);
    let mut two = one.clone();
    two.chunks_exact_mut(2).step_by(2).for_each(|row| row[0] += 1000.0);
    // Var ln p = d/2 = 1, once for each of the two estimates.
    let added = entropy(&two, 2) - entropy(&one, 2);
    assert!((added - LN_2).abs() < 2f64.sqrt() * tolerance(1.0, 4000), "{added}");
}

#[test]
fn coincident_samples_count_as_the_smallest_distance() {
    let lowest = digamma(5.0) - digamma(3.0) + PI.ln() + 2.0 * MIN_DISTANCE.ln();
    assert!((entropy(&[0.5; 10], 2) - lowest).abs() < 1e-12);
    // Six of eight coincide: their third neighbours are at distance 0, those of the rest not.
    let some = [1.0f32, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 4.0];
    let logs = 6.0 * MIN_DISTANCE.ln() + 0.0 + f64::ln(3.0);
    let expected = digamma(8.0) - digamma(3.0) + LN_2 + logs / 8.0;
    assert!((entropy(&some, 1) - expected).abs() < 1e-12);
}

#[test]
fn the_mean_over_states_is_that_of_each_state_for_any_number_of_threads() {
    let samples = normals(6, 50 * 16 * 3);
    let each = samples.chunks_exact(16 * 3).map(|state| entropy(state, 3));
    let expected = each.sum::<f64>() / 50.0;
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| mean_knn_entropy(&samples, 16, 3, 3).unwrap());
        assert_eq!(found.to_bits(), expected.to_bits());
    }
}

#[test]
fn what_cannot_be_estimated_is_refused_with_the_reason() {
    let refused = |result: Result<f64>| result.unwrap_err().to_string();
    for (error, reason) in [
        (refused(knn_entropy(&[1.0f32; 5], 2, 1)), "5 numbers do not make whole samples of 2"),
        (refused(knn_entropy(&[1.0f32; 5], 0, 1)), "whole samples of 0"),
        (refused(knn_entropy(&[1.0f32; 6], 2, 3)), "3 samples and neighbour number 3"),
        (refused(knn_entropy(&[1.0f32; 6], 2, 0)), "neighbour number 0"),
        (refused(knn_entropy(&[0.0, 1.0, 2.0, f32::NAN], 2, 1)), "sample 1 holds NaN"),
        (refused(knn_entropy(&[f64::INFINITY, 1.0], 1, 1)), "sample 0 holds inf"),
        (refused(mean_knn_entropy(&[1.0f32; 9], 4, 2, 3)), "whole states of 4 samples of 2"),
        (refused(mean_knn_entropy::<f32>(&[], 4, 2, 3)), "0 numbers"),
        (refused(mean_knn_entropy(&[1.0f32; 8], 2, 2, 3)), "2 samples and neighbour"),
    ] {
        assert!(error.contains(reason), "{error}");
    }
}
