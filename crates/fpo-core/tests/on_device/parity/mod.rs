//! Parity of the device of the test run (`FPO_TEST_DEVICE`) with the CPU: single operations, the
//! passes of the algorithm, and what learners are after 1, 10 and 100 updates.
//!
//! The reference is composed operations in f64 on the CPU. The same in f32 on the CPU says how far
//! rounding alone leads from it, and the device in f32 may be a few times as far away, or as far as
//! a stated floor. Where the device is the CPU, the fused kernels take the device's place.

mod operations;
mod passes;
mod reduced_precision;
mod updates;

use std::io::Write;
use std::sync::RwLock;

use candle_core::DType;
use fpo_core::{Activation, Compute, FlowConfig, Objective};

use crate::device::device;
use crate::problem::{Kind, Problem};

/// Held to write by the test that changes the precision of matrix products, which holds for the
/// whole process, and to read by the others.
static PRECISION: RwLock<()> = RwLock::new(());

/// How many times as far from the reference as f32 on the CPU the device may be.
const TIMES: f64 = 4.0;

/// What computes on the device in f32.
fn compute() -> Compute {
    Compute::best(&device(), DType::F32)
}

/// The largest difference, as a share of the largest number expected; infinite where a number is
/// not finite.
fn relative_error(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(1e-12f64, |m, x| m.max(x.abs()));
    let difference =
        |(a, b): (&f64, &f64)| if a.is_finite() { (a - b).abs() } else { f64::INFINITY };
    found.iter().zip(expected).map(difference).fold(0.0, f64::max) / largest
}

/// Prints a line that the test runner does not swallow when the test passes.
fn say(line: &str) {
    std::io::stdout().write_all(format!("parity {line}\n").as_bytes()).unwrap();
}

/// The networks of the paper's CheetahRun, with few environments.
fn paper_sized(kind: Kind) -> Problem {
    Problem {
        kind,
        flow: FlowConfig::new(17, 6),
        value_hidden: vec![256; 5],
        value_activation: Activation::Silu,
        objective: Objective::default(),
        samples: 8,
        unroll_length: 30,
        unrolls: 1,
        envs: 16,
        sequences: 16,
        hidden: Default::default(),
        ..Problem::random(900)
    }
}
