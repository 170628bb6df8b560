//! The tests whose tensors live on the device that `FPO_TEST_DEVICE` names: golden numbers,
//! identities, samplers, and parity with the CPU.
//!
//! They are one program, so that it is linked once, and can be carried as one file to a machine
//! that has the device (`scripts/gpu/pack.sh`). On a GPU run it with `--test-threads=1`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod common;
mod device;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../losses/mod.rs"]
mod losses;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../problem/mod.rs"]
mod problem;
mod targets;

mod baseline_identities;
mod golden_baselines;
mod golden_parts;
mod golden_update;
mod identities;
mod parity;
mod samplers;
