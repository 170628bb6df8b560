//! `fpo doctor --caches`: the roofline of this machine for the fused kernels of the CPU.
//!
//! A kernel waits for a level of the memory if it does fewer multiply-adds per byte that it reads
//! from there than the processor does in the time that the level takes for a byte:
//!
//! ```text
//! multiply-adds per byte = peak in FLOP/s ÷ 2 ÷ bandwidth in bytes/s
//! ```
//!
//! Both are measured with the instruction set on which the fused kernels run, by one thread and by
//! all.

mod bandwidth;
pub mod sizes;

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;
use fpo_core::Isa;
use serde::Serialize;

use crate::commands::bench::peak;
use crate::commands::bench::peak::Peak;
use crate::commands::bench::table::Table;
use crate::commands::bench::team::Effort;
use crate::commands::doctor::caches::sizes::Cache;
use crate::host;
use crate::text::count::count;

/// All measurements together take this long at most, besides what is left of runs that had begun.
const ALL: Duration = Duration::from_millis(2200);
/// One measurement stops when no run was clearly faster than those before for this long.
const PATIENCE: Duration = Duration::from_millis(120);

/// What arithmetic and the levels of the memory can do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Roofline {
    /// The data caches.
    pub caches: Vec<Cache>,
    /// Whether their sizes are assumed, since the system does not say them.
    pub assumed: bool,
    /// One thread, and all if there are several.
    pub teams: Vec<Team>,
}

/// What a number of threads can do together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Team {
    /// Multiply-adds on registers.
    pub peak: Peak,
    /// The levels, the nearest first. One that could not be told from another is left out.
    pub levels: Vec<Level>,
}

/// What a level can do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Level {
    /// `L1`, `L2`, `L3` or `memory`.
    pub level: String,
    /// Size of the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_bytes: Option<u64>,
    /// What each thread read again and again.
    pub read_bytes: u64,
    /// Bytes per nanosecond, all threads together.
    pub gb_per_s: f64,
    /// Multiply-adds per byte read with which this level and arithmetic take the same time.
    pub multiply_adds_per_byte: f64,
}

impl Roofline {
    /// Measures everything, in less than three seconds unless the machine is very busy.
    ///
    /// # Errors
    /// If the system does not allow so many threads.
    pub fn measure() -> Result<Roofline> {
        let all = host::threads();
        let found = sizes::detect();
        let assumed = found.is_empty();
        let caches = if assumed { sizes::assumed(all) } else { found };
        let counts = if all > 1 { vec![1, all] } else { vec![1] };
        // A peak and memory besides the caches.
        let measurements = counts.len() * (caches.len() + 2);
        let mut time = Time { end: Instant::now() + ALL, measurements };
        let team = |threads| Team::measure(Isa::best(), threads, &caches, &mut time);
        let teams = counts.into_iter().map(team).collect::<Result<_>>()?;
        Ok(Roofline { caches, assumed, teams })
    }
}

impl Team {
    fn measure(isa: Isa, threads: usize, caches: &[Cache], time: &mut Time) -> Result<Team> {
        let sets = sizes::working_sets(caches, threads, sizes::free_memory());
        let peak = peak::of(isa, threads, time.share())?;
        let level = |(rank, set)| {
            let gb_per_s = bandwidth::measure(isa, threads, &set, rank, time.share())?;
            let multiply_adds_per_byte = peak.gflops / 2.0 / gb_per_s;
            let sizes::WorkingSet { level, cache_bytes, bytes } = set;
            Ok(Level { level, cache_bytes, read_bytes: bytes, gb_per_s, multiply_adds_per_byte })
        };
        let levels = sets.into_iter().enumerate().map(level).collect::<Result<_>>()?;
        Ok(Team { peak, levels })
    }
}

/// The time that is left, and the measurements that share it.
struct Time {
    end: Instant,
    measurements: usize,
}

impl Time {
    /// Returns the share of the next measurement.
    fn share(&mut self) -> Effort {
        let left = self.end.saturating_duration_since(Instant::now());
        let most = left / self.measurements.max(1) as u32;
        self.measurements = self.measurements.saturating_sub(1);
        Effort { patience: PATIENCE, most }
    }
}

impl fmt::Display for Roofline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Team { peak, levels } in &self.teams {
            let threads = count(peak.threads, "thread");
            let title = format!("{threads}, {:.0} GFLOP/s ({})", peak.gflops, peak.width);
            let each = if peak.threads == 1 { "reads" } else { "each reads" };
            let mut table = Table::new(&[&title, "of", each, "GB/s", "multiply-adds per byte"]);
            for level in levels {
                table.row([
                    level.level.clone(),
                    level.cache_bytes.map_or(String::new(), bytes),
                    bytes(level.read_bytes),
                    format!("{:.1}", level.gb_per_s),
                    format!("{:.2}", level.multiply_adds_per_byte),
                ]);
            }
            writeln!(f, "{}", table.text())?;
        }
        writeln!(
            f,
            "A kernel that does fewer multiply-adds per byte it reads from a level waits for that \
             level."
        )?;
        if self.assumed {
            writeln!(
                f,
                "note: the system does not say how large its caches are: sizes are assumed"
            )?;
        }
        Ok(())
    }
}

/// Returns a size in KiB or MiB.
fn bytes(bytes: u64) -> String {
    match bytes >> 10 {
        kib if kib < 1024 => format!("{kib} KiB"),
        kib => format!("{} MiB", (kib as f64 / 1024.0 * 100.0).round() / 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn team(threads: usize, gflops: f64, levels: Vec<Level>) -> Team {
        Team { peak: Peak { width: "wide".into(), threads, gflops }, levels }
    }

    fn level(level: &str, cache_bytes: Option<u64>, read_bytes: u64, gb_per_s: f64) -> Level {
        let level = level.into();
        Level { level, cache_bytes, read_bytes, gb_per_s, multiply_adds_per_byte: 25.0 / gb_per_s }
    }

    #[test]
    fn the_table_shows_each_number_of_threads_and_what_was_assumed() {
        let first = level("L1", Some(48 << 10), 24 << 10, 200.0);
        let memory = level("memory", None, 9 << 18, 12.5);
        let teams = vec![team(1, 50.0, vec![first]), team(2, 99.6, vec![memory])];
        let roofline = Roofline { caches: Vec::new(), assumed: false, teams };
        let expected = "\
1 thread, 50 GFLOP/s (wide)      of   reads   GB/s  multiply-adds per byte
L1                           48 KiB  24 KiB  200.0                    0.12

2 threads, 100 GFLOP/s (wide)  of  each reads  GB/s  multiply-adds per byte
memory                               2.25 MiB  12.5                    2.00
";
        let text = roofline.to_string();
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("\nA kernel that does fewer") && !text.contains("assumed"), "{text}");
        let text = Roofline { assumed: true, ..roofline }.to_string();
        assert!(text.ends_with("sizes are assumed\n"), "{text}");
    }

    #[test]
    fn measurements_share_the_time_and_what_one_leaves_goes_to_the_others() {
        let hour = Duration::from_secs(3600);
        let mut time = Time { end: Instant::now() + hour, measurements: 2 };
        let (first, second) = (time.share().most, time.share().most);
        assert!(first <= hour / 2 && second > hour / 2, "{first:?}, {second:?}");
        time.end = Instant::now();
        assert_eq!(time.share().most, Duration::ZERO);
    }

    #[test]
    fn a_measurement_has_the_balance_of_every_level_of_its_working_sets() {
        let mut time = Time { end: Instant::now(), measurements: 3 };
        let caches = vec![Cache { level: 1, bytes: 32 << 10, sharers: 1 }];
        let team = Team::measure(Isa::best(), 2, &caches, &mut time).unwrap();
        assert_eq!(team.peak.threads, 2);
        let names: Vec<&str> = team.levels.iter().map(|level| level.level.as_str()).collect();
        assert_eq!(names, ["L1", "memory"]);
        for level in &team.levels {
            assert!(level.gb_per_s.is_finite() && level.gb_per_s > 0.0, "{level:?}");
            let flops = level.multiply_adds_per_byte * 2.0 * level.gb_per_s;
            assert!((flops / team.peak.gflops - 1.0).abs() < 1e-9, "{level:?}");
        }
        assert_eq!(
            (team.levels[0].cache_bytes, team.levels[0].read_bytes),
            (Some(32 << 10), 16 << 10)
        );
    }
}
