//! The links between samples: each sample is linked with its nearest ones, and the shortest tree
//! links them all.
//!
//! Nearest neighbours alone can leave a mode in pieces, and the tree alone has only one way between
//! two samples. Together they connect all samples and have the ways through the dense places.

use crate::diagnostics::modality::points::Points;

/// Neighbours of each sample.
const NEIGHBOURS: usize = 10;

/// Returns pairs of different points, some of them twice, that connect all points.
pub(crate) fn links(points: &Points) -> Vec<(usize, usize)> {
    let count = points.len();
    let mut links = shortest_tree(points);
    for a in 0..count {
        let mut others: Vec<usize> = (0..count).filter(|&b| b != a).collect();
        if others.len() > NEIGHBOURS {
            let distance = |&b: &usize| points.distance2(a, b);
            others.select_nth_unstable_by(NEIGHBOURS - 1, |b, c| {
                distance(b).total_cmp(&distance(c)).then(b.cmp(c))
            });
            others.truncate(NEIGHBOURS);
        }
        links.extend(others.into_iter().map(|b| (a, b)));
    }
    links
}

/// Returns the tree of least total length (Prim's algorithm).
fn shortest_tree(points: &Points) -> Vec<(usize, usize)> {
    let mut links = Vec::new();
    let mut outside: Vec<usize> = (1..points.len()).collect();
    // For each point, the distance to its nearest point in the tree, and that point.
    let mut nearest: Vec<(f64, usize)> =
        (0..points.len()).map(|b| (points.distance2(0, b), 0)).collect();
    while !outside.is_empty() {
        let closest = (0..outside.len())
            .min_by(|&i, &j| nearest[outside[i]].0.total_cmp(&nearest[outside[j]].0))
            .unwrap_or(0);
        let new = outside.swap_remove(closest);
        links.push((nearest[new].1, new));
        for &point in &outside {
            let distance = points.distance2(new, point);
            if distance < nearest[point].0 {
                nearest[point] = (distance, new);
            }
        }
    }
    links
}
