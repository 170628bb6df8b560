//! Starts drawn by our one rule, and the starts of the Playground.

#![cfg(feature = "mujoco")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod driver;

use std::f32::consts::PI;

use driver::{Runner, options};
use fpo_envs::{Starts, VecEnvOptions, make, tasks};

/// Returns the first observations of six environments.
fn first(task: &str, starts: Starts, seed: u64) -> Vec<f32> {
    let options = VecEnvOptions { starts, ..options(6, seed, 100) };
    let mut envs = Runner::new(make(task, &options).unwrap());
    envs.reset();
    envs.obs
}

#[test]
fn official_starts_are_one_where_the_playground_has_one_and_drawn_ones_lie_around_it() {
    for task in ["BallInCup", "HumanoidStand", "HumanoidWalk", "HumanoidRun"] {
        let official = first(task, Starts::Official, 0);
        assert_eq!(official, first(task, Starts::Official, 1), "{task}");
        let rows: Vec<&[f32]> = official.chunks(official.len() / 6).collect();
        assert!(rows.windows(2).all(|pair| pair[0] == pair[1]), "{task}");
        let drawn = first(task, Starts::Drawn, 0);
        assert_ne!(drawn, first(task, Starts::Drawn, 1), "{task}");
        let rows: Vec<&[f32]> = drawn.chunks(drawn.len() / 6).collect();
        assert!(rows.windows(2).all(|pair| pair[0] != pair[1]), "{task}");
        // Observations are positions in metres, angles and directions; a hand is moved by the
        // joints of a whole arm and by the root.
        let away = drawn.iter().zip(&official).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(away > 1e-3 && away < 0.05, "{task} {away}");
    }
}

#[test]
fn official_starts_differ_only_where_the_playground_draws_otherwise() {
    let otherwise = ["Cartpole", "Finger", "BallInCup", "Humanoid"];
    for spec in tasks() {
        let same = first(&spec.name, Starts::Official, 5) == first(&spec.name, Starts::Drawn, 5);
        let expected = !otherwise.iter().any(|family| spec.name.starts_with(family));
        assert_eq!(same, expected, "{}", spec.name);
    }
}

/// Fingers observe both joints' angles, then the spinner's tip from its hinge, whose direction is
/// the spinner's angle.
#[test]
fn official_fingers_and_spinners_stand_at_the_same_share_of_their_ranges() {
    let observed = first("FingerSpin", Starts::Official, 2);
    let mut pairs: Vec<(f32, f32)> =
        observed.chunks(observed.len() / 6).map(|row| (row[0], row[2].atan2(row[3]))).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let slope = |a: (f32, f32), b: (f32, f32)| (b.1 - a.1) / (b.0 - a.0);
    let all = slope(pairs[0], pairs[5]);
    assert!(pairs[5].0 - pairs[0].0 > 1.0 && all.abs() <= 2.0 * PI, "{pairs:?}");
    for pair in pairs.windows(2) {
        assert!((slope(pair[0], pair[1]) - all).abs() < 1e-2, "{pairs:?}");
    }
}
