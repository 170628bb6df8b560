//! Samples whose number of modes is known.

use super::*;
use crate::random::{Noise, Purpose};

const SEEDS: u64 = 12;

/// `count` rows of standard normals (`normal`) or of uniforms on 0 to 1.
fn draws(seed: u64, count: usize, dim: usize, normal: bool) -> Vec<f32> {
    let mut values = vec![0.0; count * dim];
    match normal {
        true => Noise::new(seed).fill_normal(Purpose::Action, 0, &mut values),
        false => Noise::new(seed).fill_uniform(Purpose::Action, 0, &mut values),
    }
    values
}

/// Normal peaks of deviation `std` in the plane: sample `i` belongs to `centre(i)`.
fn peaks(seed: u64, count: usize, std: f32, centre: impl Fn(usize) -> [f32; 2]) -> Vec<f32> {
    let mut values = draws(seed, count, 2, true);
    for (i, row) in values.chunks_exact_mut(2).enumerate() {
        let centre = centre(i);
        row.iter_mut().zip(centre).for_each(|(x, c)| *x = c + std * *x);
    }
    values
}

/// One in ten samples in the upper of two peaks at y = ±1, of deviation 0.2.
fn unequal(seed: u64) -> Vec<f32> {
    peaks(seed, 500, 0.2, |i| [0.3, if i % 10 == 0 { 1.0 } else { -1.0 }])
}

fn quarter(i: usize) -> [f32; 2] {
    [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]][i % 4]
}

#[test]
fn distributions_with_one_mode_have_one() {
    for seed in 0..SEEDS {
        let normal = draws(seed, 500, 2, true);
        let uniform = draws(seed, 500, 2, false);
        let skewed: Vec<f32> = uniform.iter().map(|x| -x.ln()).collect();
        let narrow: Vec<f32> =
            normal.chunks_exact(2).flat_map(|x| [x[0], 0.95 * x[0] + 0.3 * x[1]]).collect();
        let ring: Vec<f32> = normal
            .chunks_exact(2)
            .flat_map(|x| {
                let length = x[0].hypot(x[1]);
                let radius = 1.0 + 0.1 * length;
                [radius * x[0] / length, radius * x[1] / length]
            })
            .collect();
        for (name, samples) in
            [("normal", normal), ("uniform", uniform), ("narrow", narrow), ("ring", ring)]
        {
            assert_eq!(mode_count(&samples, 2).unwrap(), 1, "{name}, seed {seed}");
        }
        assert!(mode_shares(&skewed, 2).unwrap()[0] > 0.85, "skewed, seed {seed}");
    }
}

#[test]
fn separate_peaks_are_counted_with_their_shares() {
    for seed in 0..SEEDS {
        let two = peaks(seed, 500, 0.2, |i| [0.0, if i % 2 == 0 { 1.0 } else { -1.0 }]);
        assert_eq!(mode_count(&two, 2).unwrap(), 2, "seed {seed}");
        let shares = mode_shares(&unequal(seed), 2).unwrap();
        assert_eq!(shares.len(), 2, "seed {seed}");
        assert!((shares[0] - 0.9).abs() < 0.01 && (shares[1] - 0.1).abs() < 0.01, "{shares:?}");
        let four = peaks(seed, 500, 0.2, quarter);
        assert_eq!(mode_count(&four, 2).unwrap(), 4, "seed {seed}");
        let four = peaks(seed, 200, 0.15, quarter);
        assert_eq!(mode_count(&four, 2).unwrap(), 4, "200 samples, seed {seed}");
        let three = peaks(seed, 500, 0.25, |i| match i % 10 {
            0..5 => [0.0, 0.0],
            5..8 => [2.0, 0.0],
            _ => [0.0, 2.0],
        });
        let shares = mode_shares(&three, 2).unwrap();
        assert_eq!(shares.len(), 3, "seed {seed}");
        let off = shares.iter().zip([0.5, 0.3, 0.2]).map(|(x, y)| (x - y).abs());
        assert!(off.fold(0.0, f64::max) < 0.02, "{shares:?}");
    }
}

#[test]
fn neither_a_trail_between_two_modes_nor_stray_samples_change_their_number() {
    for seed in 0..SEEDS {
        let along = draws(seed + 100, 500, 1, false);
        // One in ten samples lies on the line between the two peaks, one in fifty anywhere around.
        let samples = peaks(seed, 500, 0.15, |i| match i {
            _ if i % 50 == 7 => [8.0 * along[i] - 4.0, 8.0 * along[i - 1] - 4.0],
            _ if i % 10 == 0 => [0.0, 2.0 * along[i] - 1.0],
            _ => [0.0, if i % 2 == 0 { 1.0 } else { -1.0 }],
        });
        assert_eq!(mode_count(&samples, 2).unwrap(), 2, "seed {seed}");
    }
}

#[test]
fn equal_samples_are_one_mode_and_an_axis_that_does_not_vary_does_not_count() {
    assert_eq!(mode_shares(&[0.1; 30], 3).unwrap(), [1.0]);
    assert_eq!(mode_shares(&[7.0], 1).unwrap(), [1.0]);
    let flat: Vec<f32> = unequal(0).chunks_exact(2).flat_map(|x| [0.1, x[1]]).collect();
    assert_eq!(mode_count(&flat, 2).unwrap(), 2);
    assert!(mode_count(&[], 2).is_err());
    assert!(mode_count(&[1.0, 2.0, 3.0], 2).is_err());
    assert!(mode_count(&[1.0, f32::NAN], 2).is_err());
    assert!(mode_count(&[1.0], 0).is_err());
}

#[test]
fn place_and_scale_of_the_axes_do_not_matter() {
    let samples = unequal(3);
    let other: Vec<f32> =
        samples.chunks_exact(2).flat_map(|x| [64.0 * x[0] + 1.0, 0.125 * x[1] - 9.0]).collect();
    assert_eq!(mode_count(&samples, 2).unwrap(), mode_count(&other, 2).unwrap());
}

#[test]
fn the_dip_test_finds_unequal_modes_and_neither_normal_uniform_nor_skewed_samples() {
    let null = DipNull::simulate(500).unwrap();
    let mut rejected = [0; 3];
    for seed in 0..SEEDS {
        let normal = draws(seed, 500, 1, true);
        let uniform = draws(seed, 500, 1, false);
        let skewed: Vec<f32> = uniform.iter().map(|x| -x.ln()).collect();
        for (count, samples) in rejected.iter_mut().zip([normal, uniform, skewed]) {
            let found = Modality::of(&samples, 1, None, &null).unwrap();
            *count += u32::from(found.p_value < 0.05);
        }
        let found = Modality::of(&unequal(seed), 2, None, &null).unwrap();
        assert!(found.p_value < 0.05, "seed {seed}: {found:?}");
        assert!(found.axis[1] > 0.99, "seed {seed}: {found:?}");
        assert_eq!(found.mode_count(), 2);
        let fifths = peaks(seed, 500, 0.2, |i| [0.3, if i % 5 == 0 { 1.0 } else { -1.0 }]);
        assert!(Modality::of(&fifths, 2, None, &null).unwrap().p_value < 0.001, "seed {seed}");
        // Across the split there is but one mode.
        let across = Modality::of(&unequal(seed), 2, Some(&[1.0, 0.0]), &null).unwrap();
        assert!(across.p_value > 0.05, "seed {seed}: {across:?}");
    }
    // Of the uniform samples 5 % should be rejected, of the others none.
    assert_eq!([rejected[0], rejected[2]], [0, 0]);
    assert!(rejected[1] <= 3, "{rejected:?}");
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let null = DipNull::simulate(4).unwrap();
    let samples = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
    assert!(Modality::of(&samples, 2, None, &null).is_ok());
    assert!(Modality::of(&samples, 1, None, &null).is_err());
    assert!(Modality::of(&samples, 2, Some(&[1.0]), &null).is_err());
}
