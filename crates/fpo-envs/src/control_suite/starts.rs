//! Starts that several tasks share.

use std::f64::consts::{PI, TAU};

use crate::rng::EnvRng;
use crate::simulation::mujoco_task::Data;

/// Number of coordinates of a root that moves in a plane: two positions, then an angle.
pub(super) const PLANAR_ROOT: usize = 3;

/// Largest distance by which a start is moved along each coordinate where the Playground knows a
/// single start only, in metres or radians.
pub(super) const NUDGE: f64 = 0.01;

/// Moves a single start a little along each of its degrees of freedom. Each distance is drawn on
/// its own, uniform in ±[`NUDGE`]; a free body is turned by a small rotation about each of its
/// axes.
pub(super) fn nudge(data: &mut Data, rng: &mut EnvRng) {
    let way: Vec<f64> = data.qvel().iter().map(|_| rng.uniform(-NUDGE, NUDGE)).collect();
    let mut moved = data.qpos().to_vec();
    data.model().integrate_pos(&mut moved, &way, 1.0);
    data.qpos_mut().copy_from_slice(&moved);
}

/// Draws a standard normal number z and returns it with Φ(z), which is uniform in [0, 1]. The
/// official code gets such a pair when it draws both from one random key. With φ the density,
/// Φ(z) = ½ + φ(z) (z + z³/3 + z⁵/(3·5) + …).
pub(super) fn normal_and_uniform(rng: &mut EnvRng) -> (f64, f64) {
    let z = rng.normal();
    let (mut term, mut sum, mut factor) = (z, z, 1.0);
    while sum + term != sum {
        factor += 2.0;
        term *= z * z / factor;
        sum += term;
    }
    (z, (0.5 + sum * (-0.5 * z * z).exp() / TAU.sqrt()).clamp(0.0, 1.0))
}

/// Draws a pose of a planar body: any direction, and every joint beyond its root anywhere in its
/// range.
pub(super) fn planar_pose(data: &mut Data, rng: &mut EnvRng) {
    data.qpos_mut()[PLANAR_ROOT - 1] = rng.uniform(-PI, PI);
    for joint in PLANAR_ROOT..data.qpos().len() {
        let [low, high] = data.model().jnt_range()[joint];
        data.qpos_mut()[joint] = rng.uniform(low, high);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uniform_number_is_the_share_of_normal_numbers_below_the_normal_one() {
        // Φ(1) and Φ(2), from tables of the normal distribution.
        for (at, share) in [(1.0, 0.841_344_746), (2.0, 0.977_249_868)] {
            let below = (0..40_000).filter_map(|episode| {
                let (z, uniform) = normal_and_uniform(&mut EnvRng::for_reset(0, 0, episode));
                (z < at).then_some(uniform)
            });
            let largest = below.fold(0.0, f64::max);
            assert!(largest < share && share - largest < 1e-3, "{largest} {share}");
        }
        let mut rng = EnvRng::for_reset(1, 0, 0);
        let pairs: Vec<(f64, f64)> = (0..10_000).map(|_| normal_and_uniform(&mut rng)).collect();
        let mean = pairs.iter().map(|pair| pair.1).sum::<f64>() / pairs.len() as f64;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        assert!(pairs.iter().all(|&(z, u)| (0.0..=1.0).contains(&u) && (z > 0.0) == (u > 0.5)));
    }
}
