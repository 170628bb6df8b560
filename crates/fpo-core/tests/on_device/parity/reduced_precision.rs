//! TF32, which rounds the factors of matrix products to 10 bits of mantissa: what it changes where
//! the device has it, and that it changes nothing elsewhere.

use candle_core::DType;
use candle_core::cuda::set_gemm_reduced_precision_f32;
use fpo_core::Compute;

use super::{PRECISION, compute, paper_sized, relative_error, say};
use crate::device::device;
use crate::problem::Kind;

/// Of the largest gradient: ten roundings of 2⁻¹¹ through the deeper network, and as much again.
const ALLOWED: f64 = 1e-2;

#[test]
fn tf32_rounds_gradients_on_cuda_and_nothing_elsewhere() {
    let _guard = PRECISION.write().unwrap_or_else(|poisoned| poisoned.into_inner());
    let problem = paper_sized(Kind::Flow);
    let on_device = || problem.outcome_on(&device(), compute(), DType::F32);
    let exact = on_device();
    set_gemm_reduced_precision_f32(true);
    let reduced = on_device();
    set_gemm_reduced_precision_f32(false);
    assert!(on_device() == exact, "the setting was taken back");
    if !device().is_cuda() {
        assert!(reduced == exact, "a device without TF32 computed something else");
        say("tf32: this device has none");
        return;
    }
    let expected = problem.outcome(Compute::Composed, DType::F64);
    for (network, f32, tf32, expected) in [
        ("policy", &exact.policy_gradient, &reduced.policy_gradient, &expected.policy_gradient),
        ("value", &exact.value_gradient, &reduced.value_gradient, &expected.value_gradient),
    ] {
        let [f32, tf32] = [f32, tf32].map(|gradient| relative_error(gradient, expected));
        say(&format!("tf32: {network} gradient off by {tf32:.1e}, in f32 by {f32:.1e}"));
        assert!(tf32 > f32, "{network}: TF32 is not less exact than f32, so it was not in force");
        assert!(tf32 < ALLOWED, "{network}: off by {tf32:.1e} of {ALLOWED:.0e}");
    }
}
