//! How fast threads read memory that was read before: each takes the exclusive or of all words of
//! its own buffer, again and again.
//!
//! An exclusive or takes one cycle and every processor does at least as many of them at once as it
//! loads vectors, so that loads are what is waited for. Buffers begin at a cache line, and each
//! thread has written its own, so that no page is the system's page of zeros.

use std::hint::black_box;

use anyhow::Result;
use fpo_core::Isa;

use crate::commands::bench::team::{Effort, fastest};
use crate::commands::doctor::caches::sizes::WorkingSet;

/// Words of a cache line.
const WORDS: usize = 16;
/// Lines that one turn of the innermost loop reads: enough that its end is soon learnt.
const BLOCK: usize = 8;
/// Bytes that a thread reads in one run from the nearest level, and a quarter as many from each
/// level after it: about a millisecond. That is long beside the time in which threads begin, and
/// short beside that for which a busy machine leaves a thread alone.
const RUN: u64 = 256 << 20;

/// A cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u32; WORDS]);

/// A whole number of blocks, and how many of them were read last.
struct Buffer {
    blocks: Vec<[Line; BLOCK]>,
    next: usize,
}

/// Returns the bytes per nanosecond that `threads` threads read together, each from a buffer such
/// as `set` says. `rank` is the number of levels that are nearer.
pub(crate) fn measure(
    isa: Isa,
    threads: usize,
    set: &WorkingSet,
    rank: usize,
    effort: Effort,
) -> Result<f64> {
    let (blocks, per_run) = (to_blocks(set.bytes), to_blocks(RUN >> (2 * rank.min(8))));
    // A run reads the whole buffer some times, or one of equal pieces.
    let piece = per_run.min(blocks);
    let (blocks, sweeps) = (blocks.next_multiple_of(piece), per_run / piece);
    let seconds = fastest(
        threads,
        effort,
        || Buffer { blocks: filled(blocks), next: 0 },
        |buffer| {
            let part = &buffer.blocks[buffer.next..][..piece];
            buffer.next = (buffer.next + piece) % blocks;
            black_box(read(isa, part, sweeps));
        },
    )?;
    Ok((threads * sweeps * piece * size_of::<[Line; BLOCK]>()) as f64 / seconds / 1e9)
}

fn to_blocks(bytes: u64) -> usize {
    (bytes as usize / size_of::<[Line; BLOCK]>()).max(1)
}

/// Returns blocks of numbers that differ.
fn filled(blocks: usize) -> Vec<[Line; BLOCK]> {
    let word = |index: usize| (index as u32).wrapping_mul(0x9E37_79B9);
    let line = |first: usize| Line(std::array::from_fn(|i| word(first + i)));
    let block = |first: usize| std::array::from_fn(|i| line(first + i * WORDS));
    (0..blocks).map(|i| block(i * BLOCK * WORDS)).collect()
}

/// Reads all blocks `sweeps` times and returns the exclusive or of all words that were read.
fn read(isa: Isa, blocks: &[[Line; BLOCK]], sweeps: usize) -> u32 {
    #[cfg(target_arch = "x86_64")]
    match isa {
        // SAFETY: this CPU has AVX-512F.
        Isa::Avx512 if isa.is_available() => return unsafe { x86::avx512(blocks, sweeps) },
        // SAFETY: this CPU has AVX2.
        Isa::Avx2 if isa.is_available() => return unsafe { x86::avx2(blocks, sweeps) },
        _ => {}
    }
    let _ = isa;
    portable(blocks, sweeps)
}

/// Reads on a CPU for which this file has no intrinsics; the compiler makes vectors of it.
fn portable(blocks: &[[Line; BLOCK]], sweeps: usize) -> u32 {
    let mut sums = [[0; WORDS]; 2];
    for _ in 0..sweeps {
        for block in black_box(blocks) {
            for pair in block.chunks_exact(2) {
                for (sums, line) in sums.iter_mut().zip(pair) {
                    for (sum, &word) in sums.iter_mut().zip(&line.0) {
                        *sum ^= word;
                    }
                }
            }
        }
    }
    sums.as_flattened().iter().fold(0, |a, b| a ^ b)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! The loops in intrinsics. `black_box` hides that the next sweep reads the same memory.

    use std::arch::x86_64::{
        __m256i, __m512i, _mm256_load_si256, _mm256_setzero_si256, _mm256_xor_si256,
        _mm512_load_si512, _mm512_setzero_si512, _mm512_xor_si512,
    };
    use std::hint::black_box;

    use super::{BLOCK, Line, WORDS};

    #[target_feature(enable = "avx512f")]
    pub(crate) fn avx512(blocks: &[[Line; BLOCK]], sweeps: usize) -> u32 {
        let mut sums = [_mm512_setzero_si512(); BLOCK];
        for _ in 0..sweeps {
            for block in black_box(blocks) {
                for (sum, line) in sums.iter_mut().zip(block) {
                    // SAFETY: a line is 64 bytes that are aligned as such.
                    let vector = unsafe { _mm512_load_si512(line.0.as_ptr().cast::<__m512i>()) };
                    *sum = _mm512_xor_si512(*sum, vector);
                }
            }
        }
        // SAFETY: any bits of a vector are words.
        let words = sums.map(|sum| unsafe { std::mem::transmute::<__m512i, [u32; WORDS]>(sum) });
        words.as_flattened().iter().fold(0, |a, b| a ^ b)
    }

    #[target_feature(enable = "avx2")]
    pub(crate) fn avx2(blocks: &[[Line; BLOCK]], sweeps: usize) -> u32 {
        let mut sums = [_mm256_setzero_si256(); BLOCK];
        for _ in 0..sweeps {
            for block in black_box(blocks) {
                for (sum, line) in sums.iter_mut().zip(block) {
                    let half = line.0.as_ptr().cast::<__m256i>();
                    // SAFETY: a line is two vectors of 32 bytes that are aligned as such.
                    let (a, b) =
                        unsafe { (_mm256_load_si256(half), _mm256_load_si256(half.add(1))) };
                    *sum = _mm256_xor_si256(_mm256_xor_si256(*sum, a), b);
                }
            }
        }
        // SAFETY: any bits of a vector are words.
        let words = sums.map(|sum| unsafe { std::mem::transmute::<__m256i, [u32; 8]>(sum) });
        words.as_flattened().iter().fold(0, |a, b| a ^ b)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_instruction_set_reads_every_word_as_often_as_asked() {
        let blocks = filled(5);
        let words = || blocks.iter().flatten().flat_map(|line| line.0);
        let expected = words().fold(0, |a, b| a ^ b);
        assert_ne!(expected, 0);
        for isa in Isa::ALL {
            for (sweeps, expected) in [(0, 0), (1, expected), (2, 0), (3, expected)] {
                assert_eq!(read(isa, &blocks, sweeps), expected, "{isa:?}, {sweeps} sweeps");
            }
        }
        assert_eq!(words().collect::<HashSet<_>>().len(), 5 * BLOCK * WORDS, "all differ");
    }

    #[test]
    fn a_short_measurement_is_finite_and_positive() {
        let effort = Effort { patience: Duration::ZERO, most: Duration::ZERO };
        for (threads, bytes, rank) in [(1, 16 << 10, 4), (2, 1 << 20, 8), (1, 100, 8)] {
            let set = WorkingSet { level: "L1".into(), cache_bytes: None, bytes };
            for isa in [Isa::Portable, Isa::best()] {
                let rate = measure(isa, threads, &set, rank, effort).unwrap();
                assert!(rate.is_finite() && rate > 0.0, "{isa:?}, {set:?}: {rate}");
            }
        }
    }
}
