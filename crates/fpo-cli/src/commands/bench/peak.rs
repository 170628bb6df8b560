//! The most floating-point work that the machine can do: multiply-adds on registers alone.
//!
//! Each thread keeps `x ← x·a + b` going on enough independent registers that no addition waits
//! for another; nothing touches memory. A product and a sum count as two operations. The result is
//! that of the fastest of many short runs.

use std::hint::black_box;
use std::time::Duration;

use anyhow::Result;
use fpo_core::Isa;
use serde::{Deserialize, Serialize};

use crate::commands::bench::team::{Effort, fastest};

/// How long a peak is looked for.
const EFFORT: Effort = Effort { patience: Duration::from_millis(250), most: Duration::MAX };
/// Rounds of one run: a few milliseconds.
const ROUNDS: usize = 1 << 19;
/// Factor and summand: `x` tends to `b / (1 − a) = 1` and stays finite.
const A: f32 = 0.75;
const B: f32 = 0.25;

/// A measured peak.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// Width of the registers: `avx512f`, `avx2+fma` or `portable`.
    pub width: String,
    /// Threads that ran at once.
    pub threads: usize,
    /// Operations per nanosecond, all threads together, in f32.
    pub gflops: f64,
}

/// A loop of multiply-adds.
#[derive(Clone, Copy)]
struct Kernel {
    width: &'static str,
    flop_per_round: usize,
    run: fn(usize, f32, f32) -> f32,
}

/// Measures every register width of this CPU with each number of threads, the widest first.
///
/// # Errors
/// If the system does not allow so many threads.
pub fn measure(threads: &[usize]) -> Result<Vec<Peak>> {
    let peaks = |isa| threads.iter().map(move |&threads| of(isa, threads, EFFORT));
    vectors().into_iter().flat_map(peaks).collect()
}

/// Measures the peak of one instruction set, or of the portable loop where the CPU lacks it.
///
/// # Errors
/// If the system does not allow so many threads.
pub fn of(isa: Isa, threads: usize, effort: Effort) -> Result<Peak> {
    let kernel = kernel(isa);
    let run = |(): &mut ()| {
        black_box((kernel.run)(ROUNDS, black_box(A), black_box(B)));
    };
    let seconds = fastest(threads, effort, || (), run)?;
    let flop = threads * ROUNDS * kernel.flop_per_round;
    Ok(Peak { width: kernel.width.into(), threads, gflops: flop as f64 / seconds / 1e9 })
}

/// Returns the peak of the widest registers with `threads` threads, if it was measured.
pub fn widest(peaks: &[Peak], threads: usize) -> Option<f64> {
    peaks.iter().find(|peak| peak.threads == threads).map(|peak| peak.gflops)
}

/// Returns the instruction sets of this CPU that have intrinsics here, the widest first; where
/// there are none, the portable one.
fn vectors() -> Vec<Isa> {
    let has = |isa: &Isa| *isa != Isa::Portable && isa.is_available();
    let found: Vec<Isa> = Isa::ALL.into_iter().rev().filter(has).collect();
    if found.is_empty() { vec![Isa::Portable] } else { found }
}

fn kernel(isa: Isa) -> Kernel {
    #[cfg(target_arch = "x86_64")]
    match isa {
        Isa::Avx512 if isa.is_available() => {
            // SAFETY: this CPU has AVX-512F.
            let run = |rounds, a, b| unsafe { x86::avx512(rounds, a, b) };
            let flop_per_round = 2 * x86::AVX512_REGISTERS * 16;
            return Kernel { width: "avx512f", flop_per_round, run };
        }
        Isa::Avx2 if isa.is_available() => {
            // SAFETY: this CPU has AVX2 and FMA.
            let run = |rounds, a, b| unsafe { x86::avx2(rounds, a, b) };
            let flop_per_round = 2 * x86::AVX2_REGISTERS * 8;
            return Kernel { width: "avx2+fma", flop_per_round, run };
        }
        _ => {}
    }
    let _ = isa;
    Kernel { width: "portable", flop_per_round: 2 * PORTABLE, run: portable }
}

/// Numbers of the portable loop: eight registers of four.
const PORTABLE: usize = 32;

/// Runs the loop on a CPU for which this file has no intrinsics; the compiler makes vectors of it.
fn portable(rounds: usize, a: f32, b: f32) -> f32 {
    let mut x: [f32; PORTABLE] = std::array::from_fn(|i| i as f32);
    for _ in 0..rounds {
        for x in &mut x {
            // Where the CPU has no fused instruction, `mul_add` is a slow call.
            *x = if cfg!(target_arch = "aarch64") { x.mul_add(a, b) } else { *x * a + b };
        }
    }
    x.iter().sum()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! The loops in intrinsics. Two units with a latency of four cycles need eight registers at
    //! the least; more hide the rest.

    use std::arch::x86_64::{
        _mm256_cvtss_f32, _mm256_fmadd_ps, _mm256_set1_ps, _mm512_cvtss_f32, _mm512_fmadd_ps,
        _mm512_set1_ps,
    };

    pub(crate) const AVX512_REGISTERS: usize = 24;
    pub(crate) const AVX2_REGISTERS: usize = 12;

    #[target_feature(enable = "avx512f")]
    pub(crate) fn avx512(rounds: usize, a: f32, b: f32) -> f32 {
        let (a, b) = (_mm512_set1_ps(a), _mm512_set1_ps(b));
        let mut x = [_mm512_set1_ps(0.0); AVX512_REGISTERS];
        for (i, x) in x.iter_mut().enumerate() {
            *x = _mm512_set1_ps(i as f32);
        }
        for _ in 0..rounds {
            for x in &mut x {
                *x = _mm512_fmadd_ps(*x, a, b);
            }
        }
        x.into_iter().map(|x| _mm512_cvtss_f32(x)).sum()
    }

    #[target_feature(enable = "avx2,fma")]
    pub(crate) fn avx2(rounds: usize, a: f32, b: f32) -> f32 {
        let (a, b) = (_mm256_set1_ps(a), _mm256_set1_ps(b));
        let mut x = [_mm256_set1_ps(0.0); AVX2_REGISTERS];
        for (i, x) in x.iter_mut().enumerate() {
            *x = _mm256_set1_ps(i as f32);
        }
        for _ in 0..rounds {
            for x in &mut x {
                *x = _mm256_fmadd_ps(*x, a, b);
            }
        }
        x.into_iter().map(|x| _mm256_cvtss_f32(x)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_tends_to_the_fixed_point() {
        for kernel in Isa::ALL.map(kernel) {
            let registers = match kernel.width {
                "portable" => PORTABLE,
                "avx512f" => kernel.flop_per_round / 32,
                _ => kernel.flop_per_round / 16,
            };
            let sum = (kernel.run)(200, A, B);
            assert!((sum - registers as f32).abs() < 1e-3, "{}: {sum}", kernel.width);
            let start: f32 = (0..registers).map(|i| i as f32).sum();
            let after_one = start * A + registers as f32 * B;
            assert_eq!((kernel.run)(1, A, B), after_one, "{}", kernel.width);
        }
    }

    #[test]
    fn a_peak_is_found_by_its_threads_and_is_the_widest() {
        let peak = |width: &str, threads, gflops| Peak { width: width.into(), threads, gflops };
        let peaks = [peak("wide", 1, 9.0), peak("wide", 2, 17.0), peak("narrow", 1, 5.0)];
        assert_eq!(widest(&peaks, 1), Some(9.0));
        assert_eq!(widest(&peaks, 2), Some(17.0));
        assert_eq!(widest(&peaks, 3), None);
    }
}
