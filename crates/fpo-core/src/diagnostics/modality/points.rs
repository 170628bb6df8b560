//! The samples of a state with standardised axes, their distances and their density.

/// Points with standard deviation 1 along every axis; axes along which they are all equal are left
/// out.
pub(crate) struct Points {
    values: Vec<f64>,
    pub(crate) dim: usize,
}

impl Points {
    /// Returns the rows of `samples`, `dim` numbers each, with every axis divided by its deviation.
    pub(crate) fn standardized(samples: &[f32], dim: usize) -> Points {
        let count = samples.len() / dim;
        let column = |axis: usize| samples.iter().skip(axis).step_by(dim).map(|&x| f64::from(x));
        let mut columns = Vec::new();
        for axis in 0..dim {
            let mean = column(axis).sum::<f64>() / count as f64;
            let variance = column(axis).map(|x| (x - mean).powi(2)).sum::<f64>() / count as f64;
            // Equal numbers may differ from their mean by its rounding.
            if variance > (1e-12 * mean).powi(2) {
                let std = variance.sqrt();
                columns.push(column(axis).map(|x| (x - mean) / std).collect::<Vec<f64>>());
            }
        }
        let values = (0..count).flat_map(|row| columns.iter().map(move |column| column[row]));
        Points { values: values.collect(), dim: columns.len() }
    }

    /// Returns the number of points.
    pub(crate) fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Returns the numbers of a point.
    pub(crate) fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.dim..(index + 1) * self.dim]
    }

    /// Returns the squared distance of two points.
    pub(crate) fn distance2(&self, a: usize, b: usize) -> f64 {
        squared_distance(self.row(a), self.row(b))
    }

    /// Returns the value at `place` of a sum of Gaussian kernels around all points.
    pub(crate) fn density(&self, place: &[f64], bandwidth: f64) -> f64 {
        let scale = -0.5 / (bandwidth * bandwidth);
        let rows = self.values.chunks_exact(self.dim);
        rows.map(|row| (scale * squared_distance(row, place)).exp()).sum()
    }
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum()
}
