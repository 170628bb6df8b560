//! Bytes of any length between ranks: their number goes ahead.

use crate::error::{Error, Result};
use crate::reduce::communicator::Communicator;

/// Most words in one exchange: engines count them in 32 bits with a sign, and need memory for them.
const MOST_WORDS: usize = 1 << 24;

/// Returns the bytes of every rank, of which `own` are this one's.
///
/// # Errors
/// Those of [`Communicator::all_gather`].
pub fn gather_bytes(ranks: &dyn Communicator, own: &[u8]) -> Result<Vec<Vec<u8>>> {
    let size = ranks.size();
    let mut lengths = vec![0; 2 * size];
    let length = own.len() as u64;
    ranks.all_gather(&[length as u32, (length >> 32) as u32], &vec![2; size], &mut lengths)?;
    let lengths: Vec<usize> = lengths.chunks_exact(2).map(length_of).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let step = 4 * (MOST_WORDS / size).max(1);
    let mut found: Vec<Vec<u8>> = vec![Vec::new(); size];
    for start in (0..longest).step_by(step) {
        let part = |length: usize| (start.min(length), (start + step).min(length));
        let words = |length: usize| (part(length).1 - part(length).0).div_ceil(4);
        let counts: Vec<usize> = lengths.iter().map(|&length| words(length)).collect();
        let (from, to) = part(own.len());
        let mut all = vec![0; counts.iter().sum()];
        ranks.all_gather(&to_words(&own[from..to]), &counts, &mut all)?;
        let mut rest = &all[..];
        for ((found, &count), &length) in found.iter_mut().zip(&counts).zip(&lengths) {
            let (words, behind) = rest.split_at(count);
            found.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            found.truncate(part(length).1);
            rest = behind;
        }
    }
    Ok(found)
}

/// Returns the bytes of rank `root`; those of the others are not read.
///
/// # Errors
/// Those of [`Communicator::broadcast`], and [`Error::Rank`] for a length that memory cannot have.
pub fn broadcast_bytes(ranks: &dyn Communicator, root: usize, bytes: &[u8]) -> Result<Vec<u8>> {
    let length = bytes.len() as u64;
    let mut head = [length as u32, (length >> 32) as u32];
    ranks.broadcast(root, &mut head)?;
    let length = length_of(&head);
    let is_root = ranks.rank() == root;
    let mut found = Vec::new();
    found
        .try_reserve_exact(length.saturating_add(3))
        .map_err(|error| Error::Rank(format!("a message of {length} bytes: {error}")))?;
    for start in (0..length).step_by(4 * MOST_WORDS) {
        let end = (start + 4 * MOST_WORDS).min(length);
        let mut words = match is_root {
            true => to_words(&bytes[start..end]),
            false => vec![0; (end - start).div_ceil(4)],
        };
        ranks.broadcast(root, &mut words)?;
        found.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }
    found.truncate(length);
    Ok(found)
}

fn length_of(words: &[u32]) -> usize {
    (u64::from(words[0]) | u64::from(words[1]) << 32) as usize
}

fn to_words(bytes: &[u8]) -> Vec<u32> {
    let word = |bytes: &[u8]| {
        let mut word = [0; 4];
        word[..bytes.len()].copy_from_slice(bytes);
        u32::from_le_bytes(word)
    };
    bytes.chunks(4).map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduce::threads::Threads;

    #[test]
    fn bytes_of_any_length_arrive_as_they_were() {
        let text = |rank: usize| -> Vec<u8> { (0..rank * 7).map(|k| (k + rank) as u8).collect() };
        std::thread::scope(|scope| {
            for ranks in Threads::ranks(3) {
                scope.spawn(move || {
                    let own = text(ranks.rank());
                    let all = gather_bytes(&ranks, &own).unwrap();
                    assert_eq!(all, [text(0), text(1), text(2)]);
                    for root in 0..3 {
                        assert_eq!(broadcast_bytes(&ranks, root, &own).unwrap(), text(root));
                    }
                });
            }
        });
    }

    #[test]
    fn what_is_longer_than_an_exchange_comes_in_parts() {
        let long: Vec<u8> = (0..4 * MOST_WORDS + 5).map(|k| (k % 251) as u8).collect();
        std::thread::scope(|scope| {
            for ranks in Threads::ranks(2) {
                let long = &long;
                scope.spawn(move || {
                    let own = if ranks.rank() == 0 { &long[..] } else { b"short" };
                    let all = gather_bytes(&ranks, own).unwrap();
                    assert!(all[0] == *long && all[1] == b"short");
                    assert!(broadcast_bytes(&ranks, 0, own).unwrap() == *long);
                });
            }
        });
    }
}
