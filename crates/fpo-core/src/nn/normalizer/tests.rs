//! Tests of the statistics of observations, against two passes and the official numbers.

use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn batches_give_the_two_pass_variance(
        rows in prop::collection::vec(-1e3f32..1e3, 2..200),
        cut in 1usize..199,
    ) {
        let mut stats = Normalizer::new(NormalizerKind::Welford, 1);
        let (a, b) = rows.split_at(cut.min(rows.len()));
        stats.update(a).unwrap();
        stats.update(b).unwrap();
        let n = rows.len() as f64;
        let mean = rows.iter().map(|&x| x as f64).sum::<f64>() / n;
        let variance = rows.iter().map(|&x| (x as f64 - mean).powi(2)).sum::<f64>() / n;
        prop_assert!((stats.mean()[0] - mean).abs() < 1e-9 * (1.0 + mean.abs()));
        prop_assert!((stats.std()[0] - variance.sqrt().max(MIN_STD)).abs() < 1e-6);
    }
}

#[test]
fn moments_of_f32_come_out_as_they_went_in() {
    let (mean, std) = ([0.1f32, -3.7e5, 0.0], [1e-6f32, 0.333_333_34, 7.77e8]);
    let wide = |x: &[f32]| -> Vec<f64> { x.iter().map(|&x| x.into()).collect() };
    let kind = NormalizerKind::Welford;
    for count in [0, 1, 7, 60_000_001] {
        let stats = Normalizer::from_moments(kind, count, wide(&mean), &wide(&std)).unwrap();
        assert_eq!(stats.count, count.max(1));
        let map = stats.on_device(DType::F32, &Device::Cpu).unwrap();
        assert_eq!(map.mean.to_vec1::<f32>().unwrap(), mean);
        assert_eq!(map.std.to_vec1::<f32>().unwrap(), std);
    }
    let none = |mean, std| Normalizer::from_moments(NormalizerKind::None, 9, mean, std);
    assert_eq!(none(vec![0.0], &[1.0]).unwrap(), Normalizer::new(NormalizerKind::None, 1));
    assert!(none(vec![0.0], &[2.0]).is_err() && none(vec![0.1], &[1.0]).is_err());
}

#[test]
fn moments_weigh_as_much_as_their_count() {
    let mut stats =
        Normalizer::from_moments(NormalizerKind::Welford, 30, vec![2.0], &[3.0]).unwrap();
    stats.update(&[6.0; 10]).unwrap();
    assert!((stats.mean()[0] - 3.0).abs() < 1e-12);
    // Within both lots 30 · 9 + 0, and between them 30 · 10 / 40 · (6 − 2)².
    assert!((stats.std()[0] - ((270.0 + 120.0) / 40.0f64).sqrt()).abs() < 1e-12);
}

#[test]
fn before_any_data_observations_pass_unchanged() {
    let stats = Normalizer::new(NormalizerKind::Welford, 2);
    let map = stats.on_device(DType::F32, &Device::Cpu).unwrap();
    let obs = Tensor::new(&[[3.0f32, -4.0]], &Device::Cpu).unwrap();
    assert_eq!(map.normalize(&obs).unwrap().to_vec2::<f32>().unwrap(), [[3.0, -4.0]]);
}

#[test]
fn a_constant_observation_becomes_zero_not_nan() {
    let mut stats = Normalizer::new(NormalizerKind::Welford, 1);
    stats.update(&[5.0; 10]).unwrap();
    let map = stats.on_device(DType::F32, &Device::Cpu).unwrap();
    let obs = Tensor::new(&[[5.0f32]], &Device::Cpu).unwrap();
    assert_eq!(map.normalize(&obs).unwrap().to_vec2::<f32>().unwrap(), [[0.0]]);
}

#[test]
fn the_official_fault_shrinks_the_deviation_like_one_over_root_k() {
    let rows: Vec<f32> = (0..1000).map(|i| (i as f32 * 0.618).fract()).collect();
    let mut right = Normalizer::new(NormalizerKind::Welford, 1);
    let mut official = Normalizer::new(NormalizerKind::Official, 1);
    for _ in 0..16 {
        right.update(&rows).unwrap();
        official.update(&rows).unwrap();
    }
    assert!((right.std()[0] / official.std()[0] - 4.0).abs() < 1e-3);
}
