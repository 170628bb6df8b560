//! How many modes a set of samples has.
//!
//! A mode is a peak of the density that a valley separates from every higher peak. The density is
//! estimated with Gaussian kernels on standardised axes,
//!
//! ```text
//! f(z) = Σⱼ exp(−|z − zⱼ|² / 2h²),   zⱼ = xⱼ / σ per axis,   h = 0.8 (4 / ((d + 2) n))^(1/(d + 4))
//! ```
//!
//! where h without its factor 0.8 is Silverman's bandwidth. That bandwidth is meant for one normal
//! peak; the factor makes up for the larger σ of several peaks. Peaks are joined by generalised
//! single linkage (W. Stuetzle and R. Nugent, Journal of Computational and Graphical Statistics 19,
//! 2010): near samples are linked at the smallest density on the way between them, the densest
//! links first. A link makes two peaks one if its density is at least half the lower peak's;
//! otherwise they stay two. A mode counts if it holds at least 5 % of the samples, so that a few
//! stray samples do not make a mode.
//!
//! Single linkage by distance would not do: a flow maps a connected cloud of noise, so that a thin
//! trail of samples always joins its modes. Measured on 300 sets of 500 samples in the plane each:
//! no normal and no uniform set had more than one mode; two equal normal peaks were found in 299
//! sets at 5 standard deviations apart and in 128 at 4. Fewer samples, and more dimensions than
//! three or four, hide more modes.

use crate::diagnostics::modality::neighbours::links;
use crate::diagnostics::modality::points::Points;
use crate::diagnostics::modality::samples::rows;
use crate::error::Result;

/// Bandwidth, as a share of Silverman's.
const BANDWIDTH: f64 = 0.8;
/// Two peaks are one mode if the density between them is at least this share of the lower peak's.
const VALLEY: f64 = 0.5;
/// Smallest share of the samples that counts as a mode.
const LEAST_SHARE: f64 = 0.05;

/// Returns the number of modes of `samples`, rows of `dim` numbers; at least 1.
///
/// # Errors
/// As [`mode_shares`].
pub fn mode_count(samples: &[f32], dim: usize) -> Result<usize> {
    Ok(mode_shares(samples, dim)?.len())
}

/// Returns the shares of `samples`, rows of `dim` numbers, that belong to each mode, the largest
/// first. Only modes of at least 5 % are listed, so that the sum may be below 1; if there are none,
/// all samples count as one mode. The time taken grows with the square of the number of rows.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) if `samples` is empty, does not consist of whole
/// rows, or holds a number that is not finite.
pub fn mode_shares(samples: &[f32], dim: usize) -> Result<Vec<f64>> {
    let count = rows(samples, dim)?.len();
    let points = Points::standardized(samples, dim);
    if points.dim == 0 {
        return Ok(vec![1.0]);
    }
    let (n, d) = (count as f64, points.dim as f64);
    let bandwidth = BANDWIDTH * (4.0 / ((d + 2.0) * n)).powf(1.0 / (d + 4.0));
    let density: Vec<f64> = (0..count).map(|i| points.density(points.row(i), bandwidth)).collect();
    let between = |(a, b): (usize, usize)| {
        let middle = points.row(a).iter().zip(points.row(b)).map(|(x, y)| 0.5 * (x + y));
        let middle = points.density(&middle.collect::<Vec<_>>(), bandwidth);
        (middle.min(density[a]).min(density[b]), a, b)
    };
    let mut links: Vec<_> = links(&points).into_iter().map(between).collect();
    links.sort_by(|a, b| b.0.total_cmp(&a.0));

    let mut peaks = Peaks { parents: (0..count).collect() };
    for (height, a, b) in links {
        let (a, b) = (peaks.densest(a), peaks.densest(b));
        let (higher, lower) = if density[a] >= density[b] { (a, b) } else { (b, a) };
        if height >= VALLEY * density[lower] {
            peaks.parents[lower] = higher;
        }
    }
    let mut members = vec![0; count];
    (0..count).for_each(|point| members[peaks.densest(point)] += 1);
    let mut shares: Vec<f64> = members.into_iter().map(|m| f64::from(m) / n).collect();
    shares.retain(|&share| share >= LEAST_SHARE);
    shares.sort_by(|a, b| b.total_cmp(a));
    Ok(if shares.is_empty() { vec![1.0] } else { shares })
}

/// Disjoint sets of points, each named by its densest point.
struct Peaks {
    /// A denser point of the same set, or the point itself if it is the densest.
    parents: Vec<usize>,
}

impl Peaks {
    /// Returns the densest point of the set of `point`, and shortens the way to it.
    fn densest(&mut self, point: usize) -> usize {
        let mut peak = point;
        while self.parents[peak] != peak {
            peak = self.parents[peak];
        }
        let mut next = point;
        while next != peak {
            next = std::mem::replace(&mut self.parents[next], peak);
        }
        peak
    }
}
