//! How many processors a rank has, where several of them run on one host.
//!
//! A launcher may bind each rank to processors of its own, or let all of them run everywhere. In
//! the second case each would start a thread for every processor, and they would be in each other's
//! way.

use std::fs;

use crate::host;
use crate::ranks::launcher::launcher;

/// Returns how many threads this process should compute on: its share of the host's processors, or
/// fewer where it is bound to fewer.
pub fn threads() -> usize {
    let on_host = launcher().and_then(|launcher| launcher.on_host).unwrap_or(1);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let online = fs::read_to_string("/sys/devices/system/cpu/online").ok();
    let (allowed, online) = (allowed.and_then(count), online.as_deref().and_then(count));
    share(host::threads(), allowed.zip(online), on_host)
}

/// Returns the share of one of `on_host` ranks that may run so many `threads` at once. `bound` has
/// the number of processors that it is bound to, and that of all.
fn share(threads: usize, bound: Option<(usize, usize)>, on_host: usize) -> usize {
    let all = match bound {
        // Else a limit on time holds as well, which all ranks share.
        Some((allowed, online)) if threads >= allowed => online.max(threads),
        _ => threads,
    };
    threads.min(all / on_host.max(1)).max(1)
}

/// Returns how many numbers a list such as `0-3,8` has.
fn count(list: &str) -> Option<usize> {
    let of = |entry: &str| match entry.trim().split_once('-') {
        Some((first, last)) => {
            let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
            (last + 1).checked_sub(first)
        }
        None => entry.trim().parse::<usize>().ok().map(|_| 1),
    };
    list.split(',').map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_in_a_list_are_counted() {
        assert_eq!(count("\t0-3,8,10-11\n"), Some(7));
        assert_eq!(count("0"), Some(1));
        assert_eq!(count(""), None);
    }

    #[test]
    fn a_rank_has_its_share_or_what_it_is_bound_to() {
        for (threads, bound, on_host, expected) in [
            // Alone on the host, bound or not.
            (8, Some((8, 8)), 1, 8),
            (3, Some((3, 8)), 1, 3),
            // Not bound: the processors are divided.
            (8, Some((8, 8)), 3, 2),
            (2, Some((2, 2)), 5, 1),
            // Bound to two processors of eight, which are its own.
            (2, Some((2, 8)), 4, 2),
            // Bound to one of two sockets, which four ranks share.
            (16, Some((16, 32)), 8, 4),
            // A container's limit of four processors' time holds for all ranks.
            (4, Some((64, 64)), 2, 2),
            (4, None, 2, 2),
        ] {
            let found = share(threads, bound, on_host);
            assert_eq!(found, expected, "{threads} {bound:?} {on_host}");
        }
    }
}
