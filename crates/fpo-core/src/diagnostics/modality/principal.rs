//! The direction along which samples spread most.
//!
//! The first principal component is the eigenvector of the largest eigenvalue of the covariance
//! matrix C. Squaring C again and again, with scaling, leaves only the part of its largest
//! eigenvalue λ₁: every column of `C^(2^k)` points along that eigenvector, up to (λ₂/λ₁)^(2^k). If
//! several directions spread alike, the result is one of them.

use crate::diagnostics::modality::samples::rows;
use crate::error::Result;

/// Squarings: enough for eigenvalues that differ by one part in 10⁹.
const SQUARINGS: usize = 40;

/// Returns the first principal component of `samples`, rows of `dim` numbers: a unit vector whose
/// largest element is positive. If all samples are equal, it is the first axis.
///
/// # Errors
/// As [`mode_shares`](super::mode_shares).
pub fn principal_axis(samples: &[f32], dim: usize) -> Result<Vec<f64>> {
    let mut power = covariance(rows(samples, dim)?, dim);
    for _ in 0..SQUARINGS {
        // The trace of a covariance matrix is no less than its largest eigenvalue.
        let trace: f64 = (0..dim).map(|i| power[i * dim + i]).sum();
        if trace <= 0.0 {
            break;
        }
        power.iter_mut().for_each(|x| *x /= trace);
        power = square(&power, dim);
    }
    let largest = (0..dim)
        .fold(0, |best, i| if power[i * dim + i] > power[best * dim + best] { i } else { best });
    let mut axis = power[largest * dim..(largest + 1) * dim].to_vec();
    let length = axis.iter().map(|x| x * x).sum::<f64>().sqrt();
    match length > 0.0 {
        true => axis.iter_mut().for_each(|x| *x /= length),
        false => axis[0] = 1.0,
    }
    Ok(axis)
}

/// Returns the coordinate of each sample along `axis`.
///
/// # Errors
/// As [`mode_shares`](super::mode_shares).
pub fn along(samples: &[f32], axis: &[f64]) -> Result<Vec<f64>> {
    let dot = |row: &[f32]| row.iter().zip(axis).map(|(&x, a)| f64::from(x) * a).sum();
    Ok(rows(samples, axis.len())?.map(dot).collect())
}

fn covariance<'a>(rows: impl ExactSizeIterator<Item = &'a [f32]> + Clone, dim: usize) -> Vec<f64> {
    let count = rows.len() as f64;
    let mut mean = vec![0.0; dim];
    for row in rows.clone() {
        mean.iter_mut().zip(row).for_each(|(m, &x)| *m += f64::from(x) / count);
    }
    let mut sum = vec![0.0; dim * dim];
    for row in rows {
        for i in 0..dim {
            for j in 0..dim {
                sum[i * dim + j] += (f64::from(row[i]) - mean[i]) * (f64::from(row[j]) - mean[j]);
            }
        }
    }
    sum.iter().map(|x| x / count).collect()
}

fn square(a: &[f64], dim: usize) -> Vec<f64> {
    let cell = |at| (0..dim).map(|k| a[at / dim * dim + k] * a[k * dim + at % dim]).sum();
    (0..dim * dim).map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_of_known_covariances_is_right() {
        // Points on a line along (3, 4), and a cross whose second arm is longer.
        let line: Vec<f32> =
            (-5..=5).flat_map(|k| [3.0 * k as f32, 4.0 * k as f32 + 1.0]).collect();
        let axis = principal_axis(&line, 2).unwrap();
        assert!((axis[0] - 0.6).abs() < 1e-9 && (axis[1] - 0.8).abs() < 1e-9, "{axis:?}");
        let cross = [1.0, 0.0, -1.0, 0.0, 0.0, 1.001, 0.0, -1.001];
        let axis = principal_axis(&cross, 2).unwrap();
        assert!(axis[0].abs() < 1e-9 && (axis[1] - 1.0).abs() < 1e-9, "{axis:?}");
        // C = [[2, −1], [−1, 2]] has (1, −1) / √2 with eigenvalue 3.
        let h = 1.5f32.sqrt();
        let skew = [h, -h, -h, h, 0.5f32.sqrt(), 0.5f32.sqrt(), -(0.5f32.sqrt()), -(0.5f32.sqrt())];
        let axis = principal_axis(&skew, 2).unwrap();
        assert!(
            (axis[0].abs() - 0.5f64.sqrt()).abs() < 1e-6 && axis[0] * axis[1] < 0.0,
            "{axis:?}"
        );
    }

    #[test]
    fn equal_samples_and_equal_spreads_still_have_a_unit_axis() {
        assert_eq!(principal_axis(&[2.0, 5.0, 2.0, 5.0], 2).unwrap(), [1.0, 0.0]);
        let axis = principal_axis(&[1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 0.0, -1.0], 2).unwrap();
        assert!((axis.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn coordinates_are_projections() {
        assert_eq!(along(&[1.0, 2.0, -3.0, 0.5], &[0.0, 1.0]).unwrap(), [2.0, 0.5]);
        assert!(along(&[1.0, 2.0, 3.0], &[0.0, 1.0]).is_err());
    }
}
