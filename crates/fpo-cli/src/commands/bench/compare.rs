//! `fpo bench --compare`: how many times faster one earlier run is than another, case by case.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::commands::bench::bench_file::BenchFile;
use crate::commands::bench::measurement::Measurement;
use crate::commands::bench::table::{Table, duration};
use crate::text::shown::line;

/// Up to this many cases that only one file has are all named; of more cases, only the first is.
const NAMED: usize = 3;

/// Reads a file that `fpo bench --json` wrote.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn read(path: &Path) -> Result<BenchFile> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let file: BenchFile = serde_json::from_str(&text)
        .with_context(|| format!("{} is not what `fpo bench --json` writes", path.display()))?;
    let positive = |m: &&Measurement| m.time.ms_median > 0.0 && m.time.ms_median.is_finite();
    if let Some(bad) = file.results.iter().find(|m| !positive(m)) {
        bail!("{}: {bad} took {} ms: that cannot be", path.display(), bad.time.ms_median);
    }
    Ok(file)
}

/// Returns the comparison of two files as text; ratios are times of `a` over times of `b`.
///
/// # Errors
/// If they have no case in common.
pub fn text(a: &BenchFile, b: &BenchFile) -> Result<String> {
    let mut table = Table::new(&["B against A", "A", "B", "times faster", ""]);
    let mut only_a = Vec::new();
    for old in &a.results {
        match b.results.iter().find(|new| new.same_case(old)) {
            Some(new) => table.row([
                old.to_string(),
                duration(old.time.ms_median),
                duration(new.time.ms_median),
                format!("{:.2}", ratio(old, new)),
                if overlap(old, new) { "within the spread".into() } else { String::new() },
            ]),
            None => only_a.push(old.to_string()),
        }
    }
    let only_b = b.results.iter().filter(|new| a.results.iter().all(|old| !new.same_case(old)));
    let only_b: Vec<_> = only_b.map(ToString::to_string).collect();
    let mut text = table.text();
    if text.is_empty() {
        bail!("the two files have no case in common");
    }
    for (name, only) in [("A", only_a), ("B", only_b)] {
        let only = match only.len() {
            0 => continue,
            1..=NAMED => format!("only in {name}: {}", only.join("; ")),
            count => format!("only in {name}: {count} cases, such as {}", only[0]),
        };
        text += &format!("{}\n", line(&only));
    }
    for difference in differences(a, b) {
        text += &format!("note: {}\n", line(&difference));
    }
    Ok(text)
}

/// Returns how many times faster `new` is than `old`.
pub fn ratio(old: &Measurement, new: &Measurement) -> f64 {
    old.time.ms_median / new.time.ms_median
}

/// Returns whether each median lies within the runs of the other, so that the ratio may be chance.
fn overlap(old: &Measurement, new: &Measurement) -> bool {
    let within = |x: f64, m: &Measurement| m.time.ms_min <= x && x <= m.time.ms_max;
    within(old.time.ms_median, new) && within(new.time.ms_median, old)
}

/// Returns what differs between the machines and programs.
fn differences(a: &BenchFile, b: &BenchFile) -> Vec<String> {
    let (a, b) = (a.machine.identity(), b.machine.identity());
    let differing = a.into_iter().zip(b).filter(|((_, a), (_, b))| a != b);
    differing.map(|((name, a), (_, b))| format!("{name} differs: A {a}, B {b}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::bench::machine::Machine;
    use crate::commands::bench::measurement::{Case, Kind};
    use crate::commands::bench::stats::Timing;

    fn file(commit: &str, cases: &[(usize, f64, f64)]) -> BenchFile {
        let machine = Machine { commit: Some(commit.into()), ..Machine::describe() };
        let results = cases.iter().map(|&(envs, ms_median, slack)| {
            let time = Timing {
                ms_median,
                ms_min: ms_median - slack,
                ms_max: ms_median + slack,
                ms_iqr: slack,
                runs: 5,
            };
            let case = Case { envs: Some(envs), ..Case::default() };
            Measurement::new(Kind::Sample, case, time)
        });
        BenchFile::new(machine, results.collect())
    }

    #[test]
    fn ratios_are_of_medians_and_matched_by_case() {
        let a = file("aaa", &[(64, 30.0, 1.0), (128, 8.0, 3.0), (256, 1.0, 0.0)]);
        let b = file("bbb", &[(512, 1.0, 0.0), (128, 10.0, 3.0), (64, 12.0, 1.0)]);
        assert_eq!(ratio(&a.results[0], &b.results[2]), 2.5);
        let text = text(&a, &b).unwrap();
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap();
        assert!(line("sample (64 envs)").ends_with("30.0 ms  12.0 ms          2.50"), "{text}");
        assert!(line("sample (128 envs)").ends_with("0.80  within the spread"), "{text}");
        assert_eq!(line("only in A"), "only in A: sample (256 envs)");
        assert_eq!(line("only in B"), "only in B: sample (512 envs)");
        assert_eq!(line("note"), "note: commit differs: A aaa, B bbb");
    }

    #[test]
    fn files_without_a_common_case_cannot_be_compared() {
        let (a, b) = (file("aaa", &[(1, 1.0, 0.0)]), file("aaa", &[(2, 1.0, 0.0)]));
        assert!(text(&a, &b).unwrap_err().to_string().contains("no case in common"));
    }
}
