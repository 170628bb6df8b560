//! The most floating-point work that the machine can do: multiply-adds on registers alone.
//!
//! Each thread keeps `x ← x·a + b` going on enough independent registers that no addition waits
//! for another; nothing touches memory. A product and a sum count as two operations. The result is
//! the best of many short runs: whatever else the machine does can only make a run slower, and
//! some run escapes it.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Measuring stops when no run was clearly faster than those before for this long.
const PATIENCE: Duration = Duration::from_millis(250);
/// A run is clearly faster if its rate is this many times that of those before.
const CLEARLY: f64 = 1.02;
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
pub fn measure(threads: &[usize]) -> Vec<Peak> {
    let peaks = |kernel: Kernel| {
        threads.iter().map(move |&threads| Peak {
            width: kernel.width.into(),
            threads,
            gflops: best(kernel, threads),
        })
    };
    kernels().into_iter().flat_map(peaks).collect()
}

/// Returns the peak of the widest registers with `threads` threads, if it was measured.
pub fn widest(peaks: &[Peak], threads: usize) -> Option<f64> {
    peaks.iter().find(|peak| peak.threads == threads).map(|peak| peak.gflops)
}

/// Returns the GFLOP/s of the fastest run.
fn best(kernel: Kernel, threads: usize) -> f64 {
    let (mut best, mut reference) = (0.0, 0.0);
    let mut clock = Instant::now();
    while clock.elapsed() < PATIENCE {
        best = once(kernel, threads).max(best);
        if best > CLEARLY * reference {
            (reference, clock) = (best, Instant::now());
        }
    }
    best
}

/// Returns the GFLOP/s of one run on all threads, from the moment all are ready until the last has
/// finished.
fn once(kernel: Kernel, threads: usize) -> f64 {
    let ready = Barrier::new(threads);
    let work = || {
        ready.wait();
        let start = Instant::now();
        black_box((kernel.run)(ROUNDS, black_box(A), black_box(B)));
        (start, Instant::now())
    };
    let spans: Vec<_> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        others.into_iter().filter_map(|thread| thread.join().ok()).chain([own]).collect()
    });
    let start = spans.iter().map(|span| span.0).min();
    let end = spans.iter().map(|span| span.1).max();
    let seconds = start.zip(end).map_or(f64::INFINITY, |(a, b)| (b - a).as_secs_f64());
    (spans.len() * ROUNDS * kernel.flop_per_round) as f64 / seconds / 1e9
}

fn kernels() -> Vec<Kernel> {
    let mut kernels = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: this CPU has AVX-512F.
            let run = |rounds, a, b| unsafe { x86::avx512(rounds, a, b) };
            let flop_per_round = 2 * x86::AVX512_REGISTERS * 16;
            kernels.push(Kernel { width: "avx512f", flop_per_round, run });
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: this CPU has AVX2 and FMA.
            let run = |rounds, a, b| unsafe { x86::avx2(rounds, a, b) };
            let flop_per_round = 2 * x86::AVX2_REGISTERS * 8;
            kernels.push(Kernel { width: "avx2+fma", flop_per_round, run });
        }
    }
    if kernels.is_empty() {
        kernels.push(Kernel { width: "portable", flop_per_round: 2 * PORTABLE, run: portable });
    }
    kernels
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
        for kernel in kernels().into_iter().chain([Kernel {
            width: "portable",
            flop_per_round: 2 * PORTABLE,
            run: portable,
        }]) {
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
