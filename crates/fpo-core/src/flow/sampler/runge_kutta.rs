//! Explicit Runge–Kutta methods, given by their tableaux.
//!
//! One step from `t` to `t′ = t + h` (here `h < 0`) is
//!
//! ```text
//! kᵢ = v(x + h·Σⱼ aᵢⱼ·kⱼ, t + cᵢ·h),   x′ = x + h·Σᵢ bᵢ·kᵢ
//! ```
//!
//! Tableaux: Hairer, Nørsett, Wanner, *Solving Ordinary Differential Equations I*, II.1 and II.5.

use candle_core::Tensor;

use crate::error::Result;

/// A velocity field `v(x, t)`.
pub(crate) type Velocity<'a> = &'a mut dyn FnMut(&Tensor, f64) -> Result<Tensor>;

/// The coefficients of a method.
pub(crate) struct Tableau {
    /// `cᵢ`.
    pub nodes: &'static [f64],
    /// `aᵢⱼ` for `j < i`.
    pub stages: &'static [&'static [f64]],
    /// `bᵢ`.
    pub weights: &'static [f64],
}

pub(crate) const EULER: Tableau = Tableau { nodes: &[0.0], stages: &[&[]], weights: &[1.0] };

pub(crate) const MIDPOINT: Tableau =
    Tableau { nodes: &[0.0, 0.5], stages: &[&[], &[0.5]], weights: &[0.0, 1.0] };

pub(crate) const HEUN: Tableau =
    Tableau { nodes: &[0.0, 1.0], stages: &[&[], &[1.0]], weights: &[0.5, 0.5] };

pub(crate) const RK4: Tableau = Tableau {
    nodes: &[0.0, 0.5, 0.5, 1.0],
    stages: &[&[], &[0.5], &[0.0, 0.5], &[0.0, 0.0, 1.0]],
    weights: &[1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0],
};

/// Dormand–Prince 5(4): the last stage is the velocity at the end of the step.
pub(crate) const DORMAND_PRINCE: Tableau = Tableau {
    nodes: &[0.0, 0.2, 0.3, 0.8, 8.0 / 9.0, 1.0, 1.0],
    stages: &[
        &[],
        &[0.2],
        &[3.0 / 40.0, 9.0 / 40.0],
        &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
        &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
        &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
        &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
    ],
    weights: &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
};

/// The weights of the error estimate: Dormand–Prince's fifth order minus those of its embedded
/// fourth.
pub(crate) const DORMAND_PRINCE_ERROR: [f64; 7] = [
    71.0 / 57600.0,
    0.0,
    -71.0 / 16695.0,
    71.0 / 1920.0,
    -17253.0 / 339200.0,
    22.0 / 525.0,
    -1.0 / 40.0,
];

impl Tableau {
    /// Returns the state after one step between every two neighbours of `times`.
    ///
    /// # Errors
    /// Any error of `velocity`.
    pub fn walk(&self, velocity: Velocity, start: &Tensor, times: &[f64]) -> Result<Tensor> {
        let mut x = start.clone();
        for pair in times.windows(2) {
            let slopes = self.slopes(velocity, &x, pair[0], pair[1], None)?;
            x = advance(&x, pair[1] - pair[0], self.weights, &slopes)?;
        }
        Ok(x)
    }

    /// Returns the `kᵢ` of a step from `t` to `end`; `first` is `k₁` if it is known already.
    ///
    /// # Errors
    /// Any error of `velocity`.
    pub fn slopes(
        &self,
        velocity: Velocity,
        x: &Tensor,
        t: f64,
        end: f64,
        first: Option<Tensor>,
    ) -> Result<Vec<Tensor>> {
        let mut slopes = Vec::with_capacity(self.nodes.len());
        slopes.extend(first);
        for i in slopes.len()..self.nodes.len() {
            let at = advance(x, end - t, self.stages[i], &slopes)?;
            // This form is exactly `t` and `end` at the nodes 0 and 1.
            let node = self.nodes[i];
            slopes.push(velocity(&at, (1.0 - node) * t + node * end)?);
        }
        Ok(slopes)
    }
}

/// Returns `x + h·Σ weightᵢ·slopeᵢ`.
pub(crate) fn advance(x: &Tensor, h: f64, weights: &[f64], slopes: &[Tensor]) -> Result<Tensor> {
    let mut sum = x.clone();
    for (weight, slope) in weights.iter().zip(slopes).filter(|(weight, _)| **weight != 0.0) {
        sum = (sum + (slope * (weight * h))?)?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// `Σ wᵢ·cᵢᵖ`.
    fn moment(weights: &[f64], nodes: &[f64], power: i32) -> f64 {
        weights.iter().zip(nodes).map(|(w, c)| w * c.powi(power)).sum()
    }

    #[test]
    fn each_row_of_a_tableau_sums_to_its_node_and_the_weights_integrate_polynomials() {
        for (tableau, order) in
            [(&EULER, 1), (&MIDPOINT, 2), (&HEUN, 2), (&RK4, 4), (&DORMAND_PRINCE, 5)]
        {
            for (row, node) in tableau.stages.iter().zip(tableau.nodes) {
                assert!((row.iter().sum::<f64>() - node).abs() < 1e-14, "{row:?} at {node}");
            }
            for power in 0..order {
                let integral = 1.0 / f64::from(power + 1);
                assert!((moment(tableau.weights, tableau.nodes, power) - integral).abs() < 1e-14);
            }
        }
        let nodes = DORMAND_PRINCE.nodes;
        for power in 0..4 {
            assert!(moment(&DORMAND_PRINCE_ERROR, nodes, power).abs() < 1e-15);
        }
        assert!(moment(&DORMAND_PRINCE_ERROR, nodes, 4).abs() > 1e-4, "it sees the fifth order");
    }

    #[test]
    fn dormand_prince_has_order_five_at_fixed_steps() {
        // dx/dt = x·cos(3t) + x²·t/4 from x(1) = 1, whose 1/x solves a linear equation; the
        // reference is the same method with steps so small that only rounding is left.
        let solve = |steps: usize| {
            let mut velocity = |x: &Tensor, t: f64| -> Result<Tensor> {
                Ok(((x * (3.0 * t).cos())? + (x.sqr()? * (t / 4.0))?)?)
            };
            let start = Tensor::new(&[1.0f64], &Device::Cpu).unwrap();
            let end = DORMAND_PRINCE.walk(&mut velocity, &start, &crate::flow::time::grid(steps));
            end.unwrap().to_vec1::<f64>().unwrap()[0]
        };
        let exact = solve(640);
        let order = ((solve(32) - exact) / (solve(64) - exact)).abs().log2();
        assert!((order - 5.0).abs() < 0.3, "order {order}");
    }
}
