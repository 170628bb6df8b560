//! Vectors seen from a moving body: with R the body's rotation (its axes as columns), a vector v
//! of the world is Rᵀ v in the body's frame.

/// Returns the vector from `from` to `to`, in world coordinates.
pub(super) fn between(from: &[f64; 3], to: &[f64; 3]) -> [f64; 3] {
    std::array::from_fn(|i| to[i] - from[i])
}

/// Returns a vector of the world in the frame of `rotation`, which is given row by row as in
/// `xmat`.
pub(super) fn seen_from(rotation: &[f64; 9], vector: &[f64; 3]) -> [f64; 3] {
    std::array::from_fn(|axis| (0..3).map(|row| vector[row] * rotation[3 * row + axis]).sum())
}

/// Returns the length of a vector.
pub(super) fn length(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_turned_to_the_left_sees_what_was_ahead_on_its_right() {
        let quarter_turn_about_z = [0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        let ahead = between(&[1.0, 1.0, 1.0], &[3.0, 1.0, 1.5]);
        assert_eq!(seen_from(&quarter_turn_about_z, &ahead), [0.0, -2.0, 0.5]);
        assert_eq!(length(&[3.0, 0.0, 4.0]), 5.0);
    }
}
