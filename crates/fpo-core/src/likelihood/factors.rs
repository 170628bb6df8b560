//! A small square matrix, factored so that many right sides cost little.

/// The factors of a matrix, by Gaussian elimination with the largest pivot of each column.
#[derive(Clone, Debug)]
pub(super) struct Factors {
    /// Above and on the diagonal what is left of the matrix, below it the factors of elimination;
    /// row-major.
    matrix: Vec<f64>,
    /// The row that was exchanged with each row, in order.
    pivots: Vec<usize>,
    log_det: f64,
}

impl Factors {
    /// Factors a row-major matrix of `n` rows. Returns `None` if its determinant is zero or not
    /// finite.
    pub(super) fn of(mut matrix: Vec<f64>, n: usize) -> Option<Factors> {
        let (mut pivots, mut log_det) = (Vec::with_capacity(n), 0.0);
        for k in 0..n {
            let size = |row: &usize| matrix[row * n + k].abs();
            let pivot = (k..n).max_by(|a, b| size(a).total_cmp(&size(b)))?;
            if pivot != k {
                (0..n).for_each(|column| matrix.swap(k * n + column, pivot * n + column));
            }
            pivots.push(pivot);
            let head = matrix[k * n + k];
            log_det += head.abs().ln();
            for row in k + 1..n {
                let factor = matrix[row * n + k] / head;
                for column in k + 1..n {
                    matrix[row * n + column] -= factor * matrix[k * n + column];
                }
                matrix[row * n + k] = factor;
            }
        }
        f64::is_finite(log_det).then_some(Factors { matrix, pivots, log_det })
    }

    /// Returns the logarithm of the size of the determinant.
    pub(super) fn log_det(&self) -> f64 {
        self.log_det
    }

    /// Replaces `right` by the solution of `matrix·x = right`.
    pub(super) fn solve(&self, right: &mut [f64]) {
        let n = right.len();
        for (k, &pivot) in self.pivots.iter().enumerate() {
            right.swap(k, pivot);
        }
        for row in 0..n {
            let known: f64 = (0..row).map(|k| self.matrix[row * n + k] * right[k]).sum();
            right[row] -= known;
        }
        for row in (0..n).rev() {
            let known: f64 = (row + 1..n).map(|k| self.matrix[row * n + k] * right[k]).sum();
            right[row] = (right[row] - known) / self.matrix[row * n + row];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A matrix whose elimination exchanges rows twice, with a determinant of 15 by hand.
    #[test]
    fn factors_solve_and_have_the_determinant() {
        let matrix = vec![0.0, 2.0, 1.0, 1.0, 1.0, -1.0, 3.0, 0.0, 3.0];
        let factors = Factors::of(matrix.clone(), 3).unwrap();
        assert!((factors.log_det() - 15f64.ln()).abs() < 1e-12, "{}", factors.log_det().exp());
        let x = [1.0, -2.0, 4.0];
        let mut right: Vec<f64> =
            matrix.chunks(3).map(|row| row.iter().zip(x).map(|(a, x)| a * x).sum()).collect();
        factors.solve(&mut right);
        right.iter().zip(x).for_each(|(found, x)| assert!((found - x).abs() < 1e-12, "{found}"));
    }

    #[test]
    fn a_matrix_without_an_inverse_or_without_numbers_has_no_factors() {
        assert!(Factors::of(vec![1.0, 2.0, 2.0, 4.0], 2).is_none());
        assert!(Factors::of(vec![1.0, f64::NAN, 2.0, 4.0], 2).is_none());
    }
}
