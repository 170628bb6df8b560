//! Cart-pole: keep a pole upright by pushing the cart below it; the episode ends when it falls.
//!
//! A cart of mass M on a rail and a uniform rod of mass m and length 2 l on a hinge, both without
//! friction. With the cart at x, the pole's angle θ from upright (towards +x) and the force F
//!
//! ```text
//! (M + m) ẍ + m l (θ̈ cos θ − θ̇² sin θ) = F
//! 4/3 m l² θ̈ + m l ẍ cos θ = m g l sin θ
//! E = ½ (M + m) ẋ² + m l ẋ θ̇ cos θ + 2/3 m l² θ̇² + m g l cos θ,    dE/dt = F ẋ
//! p = (M + m) ẋ + m l θ̇ cos θ,    dp/dt = F
//! ```
//!
//! integrated by the Runge–Kutta method of fourth order: without force E drifts by less than
//! 1e-6 J in 100 s and p by less than 1e-7 kg·m/s. Masses, lengths, force and the limits of angle
//! and rail are those of Barto, Sutton and Anderson (1983), whose step is 0.02 s, too.
//!
//! Observation: x (m), ẋ (m/s), cos θ, sin θ, θ̇ (rad/s). Action: the force, ±10 N at ±1. The
//! reward is for an upright pole and a cart near the middle, both of which count smoothly. The
//! episode terminates where the pole is more than 12° from upright or the cart more than 2.4 m from
//! the middle, with no reward. State: x, ẋ, θ, θ̇. A start has each of them within ±0.05.

use super::mechanics::{GRAVITY, runge_kutta};
use crate::closed_form::{ClosedForm, clipped};
use crate::reward::{Sigmoid, tolerance};
use crate::rng::EnvRng;
use crate::spec::{EnvSpec, groups};
use crate::task::Transition;

/// Masses of cart and pole, in kilograms.
const CART_MASS: f64 = 1.0;
const POLE_MASS: f64 = 0.1;
/// Half the length of the pole, in metres.
const HALF_LENGTH: f64 = 0.5;
/// Force at action 1, in newtons.
const FORCE: f64 = 10.0;
/// Length of one physics step, in seconds, and physics steps per control step.
const PHYSICS_DT: f64 = 0.01;
const SUBSTEPS: usize = 2;
/// Control steps of an episode: ten seconds.
const EPISODE_LENGTH: usize = 500;
/// Largest value of each state of a start, in metres, radians and their rates.
const START: f64 = 0.05;
/// Angle from upright from which the pole counts as fallen, in degrees.
const FALLEN_DEGREES: f64 = 12.0;
/// Distance from the middle to the end of the rail, in metres.
const RAIL_END: f64 = 2.4;

/// All masses together, in kilograms.
const MASS: f64 = CART_MASS + POLE_MASS;
/// The pole's mass times the distance of its middle from the hinge, in kg·m.
const MOMENT: f64 = POLE_MASS * HALF_LENGTH;
/// The pole's moment of inertia about the hinge, in kg·m².
const INERTIA: f64 = 4.0 / 3.0 * POLE_MASS * HALF_LENGTH * HALF_LENGTH;

/// `Classic/Cartpole`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cartpole;

/// Returns (x, ẋ, θ, θ̇) after a time of `h` seconds under a constant force.
fn pushed(state: [f64; 4], force: f64, h: f64) -> [f64; 4] {
    runge_kutta(state, h, |[_, speed, angle, turning]| {
        let (sin, cos) = angle.sin_cos();
        let push = force + MOMENT * turning * turning * sin;
        let fall = MOMENT * GRAVITY * sin;
        let coupling = MOMENT * cos;
        let determinant = MASS * INERTIA - coupling * coupling;
        [
            speed,
            (INERTIA * push - coupling * fall) / determinant,
            turning,
            (MASS * fall - coupling * push) / determinant,
        ]
    })
}

/// Whether the pole has fallen or the cart has left the rail.
fn over([position, _, angle, _]: [f64; 4]) -> bool {
    position.abs() > RAIL_END || angle.abs() > FALLEN_DEGREES.to_radians()
}

/// The reward of a state in which the episode goes on.
fn reward([position, _, angle, _]: [f64; 4]) -> f64 {
    let upright = tolerance(angle, (0.0, 0.0), FALLEN_DEGREES.to_radians(), Sigmoid::USUAL);
    let centred = tolerance(position, (0.0, 0.0), RAIL_END, Sigmoid::USUAL);
    upright * (1.0 + centred) / 2.0
}

impl ClosedForm for Cartpole {
    type State = [f64; 4];
    type Observation = [f64; 5];

    fn spec(&self) -> EnvSpec {
        EnvSpec {
            name: "Classic/Cartpole".into(),
            obs_dim: 5,
            groups: groups(&[("position", 1), ("velocity", 1), ("orientation", 2), ("turning", 1)]),
            action_dim: 1,
            episode_length: EPISODE_LENGTH,
            control_dt: PHYSICS_DT * SUBSTEPS as f64,
            reward_range: (0.0, 1.0),
            has_success: false,
            description: "keep a pole upright by pushing its cart; ends when it falls".into(),
            source: "closed form; equations in classic/cartpole.rs, constants of Barto et al. 1983"
                .into(),
        }
    }

    fn start(&self, rng: &mut EnvRng) -> [f64; 4] {
        std::array::from_fn(|_| rng.uniform(-START, START))
    }

    fn observe(&self, [position, speed, angle, turning]: [f64; 4]) -> [f64; 5] {
        [position, speed, angle.cos(), angle.sin(), turning]
    }

    fn advance(&self, state: [f64; 4], action: &[f32]) -> ([f64; 4], Transition) {
        let force = FORCE * clipped(action[0]);
        let next = (0..SUBSTEPS).fold(state, |now, _| pushed(now, force, PHYSICS_DT));
        if over(next) {
            return (next, Transition { terminated: true, ..Transition::reward(0.0) });
        }
        (next, Transition::reward(reward(next) as f32))
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    /// Written from the velocities of cart and rod, not from the equations of motion: the middle
    /// of the rod moves at (ẋ + l θ̇ cos θ, −l θ̇ sin θ) and its inertia about it is m (2 l)² / 12.
    fn energy([_, speed, angle, turning]: [f64; 4]) -> f64 {
        let along = speed + HALF_LENGTH * turning * angle.cos();
        let up = -HALF_LENGTH * turning * angle.sin();
        let about_middle = POLE_MASS * (2.0 * HALF_LENGTH).powi(2) / 12.0;
        0.5 * CART_MASS * speed * speed
            + 0.5 * POLE_MASS * (along * along + up * up)
            + 0.5 * about_middle * turning * turning
            + POLE_MASS * GRAVITY * HALF_LENGTH * angle.cos()
    }

    /// Momentum along the rail.
    fn momentum([_, speed, angle, turning]: [f64; 4]) -> f64 {
        CART_MASS * speed + POLE_MASS * (speed + HALF_LENGTH * turning * angle.cos())
    }

    #[test]
    fn without_force_energy_and_momentum_stay_for_a_hundred_seconds() {
        for start in [[0.0, 0.0, 0.1, 0.0], [1.0, -0.5, 2.0, 3.0], [0.0, 0.0, 3.0, 0.0]] {
            let mut state = start;
            for _ in 0..10_000 {
                state = pushed(state, 0.0, PHYSICS_DT);
                assert!((energy(state) - energy(start)).abs() < 1e-6, "{start:?}");
                assert!((momentum(state) - momentum(start)).abs() < 1e-7, "{start:?}");
            }
        }
    }

    #[test]
    fn the_forces_work_is_the_change_of_energy_and_its_impulse_that_of_momentum() {
        for force in [10.0, -3.0] {
            let start = [0.3, -0.2, 0.4, 1.0];
            let mut state = start;
            for _ in 0..200 {
                state = pushed(state, force, PHYSICS_DT);
            }
            let work = force * (state[0] - start[0]);
            let impulse = force * 200.0 * PHYSICS_DT;
            assert!(work.abs() > 1.0, "{work}");
            assert!((energy(state) - energy(start) - work).abs() < 1e-6, "{force}");
            assert!((momentum(state) - momentum(start) - impulse).abs() < 1e-7, "{force}");
        }
    }

    /// Hanging, by a little: θ̈ = −ω² (θ − π) with ω² = g (M + m) / (l (4/3 (M + m) − m)).
    #[test]
    fn small_swings_of_the_hanging_pole_have_the_period_of_the_linear_equations() {
        let total = CART_MASS + POLE_MASS;
        let square = GRAVITY * total / (HALF_LENGTH * (4.0 / 3.0 * total - POLE_MASS));
        let mut state = [0.0, 0.0, PI - 1e-3, 0.0];
        let mut crossings = Vec::new();
        for step in 0..3000 {
            let next = pushed(state, 0.0, PHYSICS_DT);
            let (before, after) = (state[2] - PI, next[2] - PI);
            if before < 0.0 && after >= 0.0 {
                crossings.push((step as f64 + before / (before - after)) * PHYSICS_DT);
            }
            state = next;
        }
        let periods = (crossings.len() - 1) as f64;
        let measured = (crossings[crossings.len() - 1] - crossings[0]) / periods;
        assert!(periods > 10.0 && (measured - 2.0 * PI / square.sqrt()).abs() < 1e-5, "{measured}");
    }

    #[test]
    fn falling_and_the_end_of_the_rail_terminate_without_reward() {
        let run = |start: [f64; 4]| Cartpole.advance(start, &[0.0]).1;
        let fine = run([0.0; 4]);
        assert_eq!((fine.reward, fine.terminated), (1.0, false));
        let fallen = run([0.0, 0.0, 12.1f64.to_radians(), 0.0]);
        assert_eq!((fallen.reward, fallen.terminated, fallen.success), (0.0, true, false));
        let beyond = run([-2.39, -1.0, 0.0, 0.0]);
        assert_eq!((beyond.reward, beyond.terminated), (0.0, true));
        let near = run([2.39, 0.0, 0.0, 0.0]);
        assert!(!near.terminated && (near.reward - 0.55).abs() < 0.01, "{near:?}");
    }
}
