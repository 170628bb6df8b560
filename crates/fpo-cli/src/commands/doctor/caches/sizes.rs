//! The data caches of this machine, as the system tells their sizes, and how much a thread reads so
//! that it all comes from one of them.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::host;

/// Where Linux describes the caches of the first processor.
const FOLDER: &str = "/sys/devices/system/cpu/cpu0/cache";
/// The least that all threads together read from main memory, and the most that one does.
const LEAST_FROM_MEMORY: u64 = 64 << 20;
const MOST_FROM_MEMORY: u64 = 1 << 30;

/// A data cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cache {
    /// 1 for the nearest.
    pub level: u32,
    /// Its size.
    pub bytes: u64,
    /// Threads that share it.
    pub sharers: usize,
}

/// What one thread reads so that it comes from one level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WorkingSet {
    /// `L1` to `L3` or more, or `memory`.
    pub(crate) level: String,
    /// Size of the cache; memory has none here.
    pub(crate) cache_bytes: Option<u64>,
    /// Bytes that one thread reads again and again.
    pub(crate) bytes: u64,
}

/// Returns the data caches, the nearest first, or nothing where the system does not say.
pub(crate) fn detect() -> Vec<Cache> {
    read(Path::new(FOLDER))
}

/// Returns small caches such as most processors have at least.
pub(crate) fn assumed(threads: usize) -> Vec<Cache> {
    [(1, 32 << 10, 1), (2, 256 << 10, 1), (3, 8 << 20, threads)]
        .map(|(level, bytes, sharers)| Cache { level, bytes, sharers })
        .to_vec()
}

/// Returns what each of `threads` threads reads from each level, the nearest first.
///
/// From a cache that is half of the thread's share of it. A level is left out if that could lie in
/// the caches below, or if `free` bytes of memory are too few for what must not fit into caches.
pub(crate) fn working_sets(caches: &[Cache], threads: usize, free: Option<u64>) -> Vec<WorkingSet> {
    let mut sets = Vec::new();
    let mut below = 0;
    for cache in caches {
        let share = cache.bytes / cache.sharers.clamp(1, threads) as u64;
        let (level, bytes) = (format!("L{}", cache.level), share / 2);
        if bytes >= 2 * below {
            sets.push(WorkingSet { level, cache_bytes: Some(cache.bytes), bytes });
        }
        below = share.max(below);
    }
    let wanted = (4 * below).max(LEAST_FROM_MEMORY / threads as u64).min(MOST_FROM_MEMORY);
    let bytes = free.map_or(wanted, |free| wanted.min(free / 4 / threads as u64));
    if bytes >= 2 * below {
        sets.push(WorkingSet { level: "memory".into(), cache_bytes: None, bytes });
    }
    sets
}

/// Returns the free memory, where the system says.
pub(crate) fn free_memory() -> Option<u64> {
    host::memory("MemAvailable")
}

/// Reads the caches from the folders `index*` of `folder`. What cannot be read is left out.
fn read(folder: &Path) -> Vec<Cache> {
    let cache = |index: &Path| {
        let field = |name| fs::read_to_string(index.join(name)).ok();
        let holds_data = field("type")?.trim() != "Instruction";
        let level = field("level")?.trim().parse().ok()?;
        let bytes = size(&field("size")?)?;
        let sharers = field("shared_cpu_list").and_then(|list| processors(&list)).unwrap_or(1);
        (holds_data && level > 0 && bytes > 0).then_some(Cache { level, bytes, sharers })
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut caches: Vec<Cache> = entries.filter_map(|entry| cache(&entry.path())).collect();
    caches.sort_by_key(|cache| cache.level);
    caches.dedup_by_key(|cache| cache.level);
    caches
}

/// Returns the bytes of `512K`, `1M` or `64`.
fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = match text.char_indices().last()? {
        (end, 'K') => (&text[..end], 1 << 10),
        (end, 'M') => (&text[..end], 1 << 20),
        (end, 'G') => (&text[..end], 1 << 30),
        _ => (text, 1),
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// Returns how many processors a list such as `0-3,8` names.
fn processors(list: &str) -> Option<usize> {
    let count = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        last.checked_sub(first)?.checked_add(1)
    };
    list.trim().split(',').map(count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;

    fn cache(level: u32, bytes: u64, sharers: usize) -> Cache {
        Cache { level, bytes, sharers }
    }

    fn sets(caches: &[Cache], threads: usize, free: Option<u64>) -> Vec<(String, u64)> {
        let sets = working_sets(caches, threads, free);
        sets.into_iter().map(|set| (set.level, set.bytes)).collect()
    }

    #[test]
    fn sizes_and_lists_of_processors_are_read_as_linux_writes_them() {
        for (text, bytes) in
            [("512K\n", 512 * KIB), ("32768K", 32 * MIB), ("1M", MIB), ("1G", 1 << 30), ("64", 64)]
        {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "K", "-1K", "1.5M", "12 K", "99999999999999G", "1Kµ"] {
            assert_eq!(size(text), None, "{text}");
        }
        for (text, count) in [("0\n", 1), ("0-1", 2), ("0-3,8", 5), ("0-7,64-71", 16)] {
            assert_eq!(processors(text), Some(count), "{text}");
        }
        for text in ["", "x", "3-1", "0-", "0,,1"] {
            assert_eq!(processors(text), None, "{text}");
        }
    }

    #[test]
    fn the_data_caches_of_a_folder_are_found_in_order_and_damaged_ones_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for (index, level, kind, size, list) in [
            ("index0", "3", "Unified", "32768K", "0-7"),
            ("index1", "1", "Instruction", "64K", "0"),
            ("index2", "1", "Data", "32K", "0,8"),
            ("index3", "2", "Unified", "much", "0"),
            ("uevent", "2", "Unified", "", "0"),
        ] {
            let index = folder.path().join(index);
            fs::create_dir(&index).unwrap();
            for (name, text) in
                [("level", level), ("type", kind), ("size", size), ("shared_cpu_list", list)]
            {
                fs::write(index.join(name), format!("{text}\n")).unwrap();
            }
        }
        assert_eq!(read(folder.path()), [cache(1, 32 * KIB, 2), cache(3, 32 * MIB, 8)]);
        assert_eq!(read(&folder.path().join("none")), []);
    }

    #[test]
    fn each_thread_reads_half_of_its_share_and_from_memory_four_times_as_much_as_fits() {
        let caches = [cache(1, 32 * KIB, 2), cache(2, 512 * KIB, 2), cache(3, 32 * MIB, 16)];
        let expected = |l1, l2, l3, memory| {
            [("L1".into(), l1), ("L2".into(), l2), ("L3".into(), l3), ("memory".into(), memory)]
        };
        let one = expected(16 * KIB, 256 * KIB, 16 * MIB, 128 * MIB);
        assert_eq!(sets(&caches, 1, None), one);
        let all = expected(8 * KIB, 128 * KIB, MIB, 8 * MIB);
        assert_eq!(sets(&caches, 16, None), all);
        assert_eq!(sets(&caches, 16, Some(8 << 30)), all, "that much is free");
    }

    #[test]
    fn a_level_that_cannot_be_told_from_those_below_is_left_out() {
        // As on processors whose third level is hardly larger than the second.
        let caches = [cache(1, 32 * KIB, 1), cache(2, 2 * MIB, 1), cache(3, 60 * MIB, 32)];
        let levels = |threads, free| -> Vec<String> {
            sets(&caches, threads, free).into_iter().map(|(level, _)| level).collect()
        };
        assert_eq!(levels(1, None), ["L1", "L2", "L3", "memory"]);
        assert_eq!(levels(32, None), ["L1", "L2", "memory"]);
        assert_eq!(levels(1, Some(100 * MIB)), ["L1", "L2", "L3"], "memory is short");
        assert_eq!(sets(&[], 2, None), [("memory".into(), 32 * MIB)]);
    }

    #[test]
    fn assumed_caches_can_be_told_apart_by_any_number_of_threads_up_to_eight() {
        for threads in [1, 2, 8] {
            assert_eq!(sets(&assumed(threads), threads, None).len(), 4, "{threads}");
        }
    }
}
