//! Pendulum: swing a weight on a rod up and hold it there, with a motor too weak to lift it.
//!
//! A point mass m at the end of a rod of length l without mass, on a hinge without friction. With
//! the angle θ from upright, the motor's torque τ and gravity g
//!
//! ```text
//! m l² θ̈ = m g l sin θ + τ,    energy E = ½ m l² θ̇² + m g l cos θ,    dE/dt = τ θ̇
//! ```
//!
//! integrated by the Runge–Kutta method of fourth order: without torque E drifts by less than
//! 1e-5 J in 100 s. At rest the motor holds the rod up to asin(τ / m g l) = 11.8° from hanging, so
//! it has to swing.
//!
//! Observation: cos θ, sin θ, θ̇ (rad/s). Action: the torque, ±2 N·m at ±1. The reward is for being
//! upright, slow and gentle, each of which counts smoothly. State: θ in (−π, π] and θ̇. A start is
//! any angle, turning at up to 1 rad/s.

use std::f64::consts::PI;

use super::mechanics::{GRAVITY, runge_kutta};
use crate::closed_form::{ClosedForm, clipped};
use crate::reward::{Sigmoid, tolerance};
use crate::rng::EnvRng;
use crate::spec::{EnvSpec, groups};
use crate::task::Transition;

/// Mass of the weight, in kilograms.
const MASS: f64 = 1.0;
/// Length of the rod, in metres.
const LENGTH: f64 = 1.0;
/// Torque at action 1, in N·m.
const TORQUE: f64 = 2.0;
/// Length of one physics step, in seconds, and physics steps per control step.
const PHYSICS_DT: f64 = 0.01;
const SUBSTEPS: usize = 5;
/// Control steps of an episode: ten seconds.
const EPISODE_LENGTH: usize = 200;
/// Largest velocity of a start, in rad/s.
const START_VELOCITY: f64 = 1.0;
/// Velocity at which `slow` has fallen to 0.1, in rad/s.
const VELOCITY_MARGIN: f64 = 5.0;

/// `Classic/Pendulum`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pendulum;

/// Returns (θ, θ̇) after a time of `h` seconds under a constant torque.
fn turned(state: [f64; 2], torque: f64, h: f64) -> [f64; 2] {
    runge_kutta(state, h, |[angle, velocity]| {
        [velocity, GRAVITY / LENGTH * angle.sin() + torque / (MASS * LENGTH * LENGTH)]
    })
}

/// Returns the same angle in (−π, π].
fn wrapped(angle: f64) -> f64 {
    PI - (PI - angle).rem_euclid(2.0 * PI)
}

/// The reward of a step to a state by an action within its range.
fn reward([angle, velocity]: [f64; 2], action: f64) -> f64 {
    let upright = (1.0 + angle.cos()) / 2.0;
    let slow = tolerance(velocity, (0.0, 0.0), VELOCITY_MARGIN, Sigmoid::USUAL);
    let gentle = tolerance(action, (0.0, 0.0), 1.0, Sigmoid::Quadratic { value_at_margin: 0.0 });
    upright * ((1.0 + slow) / 2.0) * ((4.0 + gentle) / 5.0)
}

impl ClosedForm for Pendulum {
    type State = [f64; 2];
    type Observation = [f64; 3];

    fn spec(&self) -> EnvSpec {
        EnvSpec {
            name: "Classic/Pendulum".into(),
            obs_dim: 3,
            groups: groups(&[("orientation", 2), ("velocity", 1)]),
            action_dim: 1,
            episode_length: EPISODE_LENGTH,
            control_dt: PHYSICS_DT * SUBSTEPS as f64,
            reward_range: (0.0, 1.0),
            has_success: false,
            description: "swing a weight on a rod up with a weak motor and hold it there".into(),
            source: "closed form; equations and constants in classic/pendulum.rs".into(),
        }
    }

    fn start(&self, rng: &mut EnvRng) -> [f64; 2] {
        [rng.uniform(-PI, PI), rng.uniform(-START_VELOCITY, START_VELOCITY)]
    }

    fn observe(&self, [angle, velocity]: [f64; 2]) -> [f64; 3] {
        [angle.cos(), angle.sin(), velocity]
    }

    fn advance(&self, state: [f64; 2], action: &[f32]) -> ([f64; 2], Transition) {
        let action = clipped(action[0]);
        let mut next = (0..SUBSTEPS).fold(state, |now, _| turned(now, TORQUE * action, PHYSICS_DT));
        next[0] = wrapped(next[0]);
        (next, Transition::reward(reward(next, action) as f32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn energy([angle, velocity]: [f64; 2]) -> f64 {
        0.5 * MASS * (LENGTH * velocity).powi(2) + MASS * GRAVITY * LENGTH * angle.cos()
    }

    /// Period of a swing of `amplitude` about hanging: 2π √(l/g) / agm(1, cos(amplitude / 2)), the
    /// complete elliptic integral by the arithmetic-geometric mean.
    fn period(amplitude: f64) -> f64 {
        let (mut a, mut b) = (1.0, (amplitude / 2.0).cos());
        for _ in 0..10 {
            (a, b) = ((a + b) / 2.0, (a * b).sqrt());
        }
        2.0 * PI * (LENGTH / GRAVITY).sqrt() / a
    }

    #[test]
    fn without_torque_the_energy_stays_for_a_hundred_seconds() {
        for start in [[0.1, 0.0], [3.0, 0.5], [1.0, 6.0], [PI, 0.0]] {
            let mut state = start;
            for _ in 0..10_000 {
                state = turned(state, 0.0, PHYSICS_DT);
                assert!((energy(state) - energy(start)).abs() < 1e-5, "{start:?}");
            }
        }
    }

    #[test]
    fn the_motors_work_is_the_change_of_energy() {
        for torque in [2.0, -0.7] {
            let (start, mut state) = ([2.5, -1.0], [2.5, -1.0]);
            for _ in 0..500 {
                state = turned(state, torque, PHYSICS_DT);
            }
            let work = torque * (state[0] - start[0]);
            assert!(work.abs() > 0.5, "{work}");
            assert!((energy(state) - energy(start) - work).abs() < 1e-6, "{torque}");
        }
    }

    #[test]
    fn the_period_is_the_elliptic_integral() {
        for amplitude in [0.01, 0.5, 1.5, 2.8] {
            let mut state = [PI - amplitude, 0.0];
            let mut crossings = Vec::new();
            for step in 0..4000 {
                let next = turned(state, 0.0, PHYSICS_DT);
                let (before, after) = (state[0] - PI, next[0] - PI);
                if before < 0.0 && after >= 0.0 {
                    crossings.push((step as f64 + before / (before - after)) * PHYSICS_DT);
                }
                state = next;
            }
            let periods = (crossings.len() - 1) as f64;
            let measured = (crossings[crossings.len() - 1] - crossings[0]) / periods;
            let error = (measured - period(amplitude)).abs();
            assert!(error < 1e-5, "{amplitude}: {measured} s, off by {error} s");
        }
        assert!((period(0.01) - 2.0 * PI * (LENGTH / GRAVITY).sqrt()).abs() < 2e-5);
    }

    #[test]
    fn rewards_fall_with_angle_velocity_and_effort() {
        for (angle, velocity, action, expected) in [
            (0.0, 0.0, 0.0, 1.0),
            (PI, 0.0, 0.0, 0.0),
            (PI / 2.0, 0.0, 0.0, 0.5),
            (0.0, 5.0, 0.0, 0.55),
            (0.0, 0.0, 1.0, 0.8),
            (0.0, 0.0, -0.5, 0.95),
        ] {
            let ours = reward([angle, velocity], action);
            assert!((ours - expected).abs() < 1e-12, "{angle} {velocity} {action}: {ours}");
        }
    }

    #[test]
    fn the_motor_holds_the_rod_as_far_from_hanging_as_stated_and_no_farther() {
        let held = (TORQUE / (MASS * GRAVITY * LENGTH)).asin();
        assert!((held.to_degrees() - 11.8).abs() < 0.05, "{held}");
        let [_, acceleration] = turned([PI + held, 0.0], TORQUE, PHYSICS_DT);
        assert!(acceleration.abs() < 1e-12, "{acceleration}");
    }

    #[test]
    fn angles_are_wrapped_to_one_turn() {
        for (angle, expected) in [(0.5, 0.5), (PI + 0.5, 0.5 - PI), (-7.0, 2.0 * PI - 7.0)] {
            assert!((wrapped(angle) - expected).abs() < 1e-12, "{angle}");
        }
        assert_eq!(wrapped(-PI), PI);
    }
}
