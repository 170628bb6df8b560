//! Tests that sums over ranks have the bits of one process.

use super::*;
use crate::reduce::threads::Threads;

/// Numbers whose sum depends on the order in which they are added.
fn numbers(chunk: usize, len: usize) -> Vec<f32> {
    let draw = |k: usize| ((chunk * 31 + k * 17) % 101) as f32 / 7.0 - 7.0;
    (0..len).map(|k| draw(k) * 10f32.powi(((chunk + k) % 7) as i32 - 3)).collect()
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Sum(f64);

impl Outcome for Sum {
    const NOTHING: Sum = Sum(0.0);

    fn numbers(&mut self) -> Vec<&mut f64> {
        vec![&mut self.0]
    }

    fn and(self, other: Sum) -> Sum {
        Sum(self.0 + other.0)
    }
}

fn chunk(chunk: usize, len: usize, sums: &Pool<AlignedVec>) -> (AlignedVec, Sum) {
    let mut own = sums.take(|| AlignedVec::zeros(len));
    own.copy_from_slice(&numbers(chunk, len));
    (own, Sum(1.0 / (chunk as f64 + 0.3)))
}

#[test]
fn any_number_of_ranks_adds_up_to_the_bits_of_one_process() {
    for (chunks, len) in [(1, 5), (2, 1), (3, 7), (6, 64), (16, 33), (21, 3), (40, 100)] {
        let sums = Pool::default();
        let add = |left: (AlignedVec, Sum), right: (AlignedVec, Sum)| {
            (sums.add(left.0, right.0), left.1.and(right.1))
        };
        let alone = sum_of((0..chunks).collect(), &|k| chunk(k, len, &sums), &add).unwrap();
        for size in 1..=5 {
            std::thread::scope(|scope| {
                for ranks in Threads::ranks(size) {
                    let alone = &alone;
                    scope.spawn(move || {
                        let sums = Pool::default();
                        let shares = Shares::new(&ranks, chunks);
                        let work = |k| chunk(k, len, &sums);
                        let (found, outcome) = shares
                            .sum_of((0..chunks).collect(), len, &sums, &work, |_| ())
                            .unwrap()
                            .unwrap();
                        assert_eq!(found[..], alone.0[..], "{size} ranks, {chunks} chunks");
                        assert_eq!(outcome, alone.1, "{size} ranks, {chunks} chunks");
                    });
                }
            });
        }
    }
}

#[test]
fn ranks_get_the_items_of_all_chunks() {
    for (items, chunk_len) in [(7usize, 2usize), (3, 4), (20, 5)] {
        let chunks = items.div_ceil(chunk_len);
        for size in 1..=4 {
            std::thread::scope(|scope| {
                for ranks in Threads::ranks(size) {
                    scope.spawn(move || {
                        let shares = Shares::new(&ranks, chunks);
                        let mut all = vec![0u32; items];
                        let parts: Vec<_> = all.chunks_mut(chunk_len).enumerate().collect();
                        for (chunk, part) in shares.own(parts) {
                            let items = part.iter_mut().enumerate();
                            items.for_each(|(k, x)| *x = (chunk * chunk_len + k) as u32);
                        }
                        shares.complete(&mut all, chunk_len, |&x| [x], |&[x]| x).unwrap();
                        assert!(all.iter().enumerate().all(|(k, &x)| x == k as u32), "{all:?}");
                    });
                }
            });
        }
    }
}

#[test]
fn a_run_that_fits_the_tree_is_one_subtree() {
    let of = |chunks, own: Range<usize>| {
        let mut found = Vec::new();
        cover(0..chunks, &own, &mut found);
        found
    };
    assert_eq!(of(16, 8..16), vec![8..16; 1]);
    assert_eq!(of(6, 0..3), [0..2, 2..3]);
    assert_eq!(of(6, 3..6), [3..4, 4..6]);
    assert!(of(6, 2..2).is_empty());
}
