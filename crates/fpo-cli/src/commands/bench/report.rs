//! The measurements as tables for people.

use std::fmt::Write;

use crate::commands::bench::against_cpu;
use crate::commands::bench::bench_file::BenchFile;
use crate::commands::bench::machine::Machine;
use crate::commands::bench::measurement::{Kind, Measurement};
use crate::commands::bench::ranks;
use crate::commands::bench::table::{Table, duration};
use crate::terminal::humanize::grouped;
use crate::text::count::count;

/// Threads of other programs that spoil a measurement.
const BUSY: f64 = 0.5;

/// Returns everything in a file as text.
pub fn text(file: &BenchFile) -> String {
    let of_kind = |kind| file.results.iter().filter(move |m| m.name == kind).collect::<Vec<_>>();
    let parts = [
        head(&file.machine),
        operations(&of_kind(Kind::Operation)),
        computing("gradient step", &of_kind(Kind::GradientStep)),
        computing("sample", &of_kind(Kind::Sample)),
        env_steps(&of_kind(Kind::EnvStep)),
        iterations(&of_kind(Kind::Iteration)),
        exchanges(&of_kind(Kind::Exchange)),
        against_cpu::table(&file.against_cpu),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn head(machine: &Machine) -> String {
    let mut text = format!("fpo {}", machine.fpo);
    if let Some(commit) = &machine.commit {
        text += &format!(" at {commit}");
    }
    text += &format!(" · {} · {}", machine.cpu, count(machine.threads, "thread"));
    if let Some(bytes) = machine.memory_bytes {
        text += &format!(" · {:.0} GiB", bytes as f64 / (1u64 << 30) as f64);
    }
    text.push('\n');
    let mut widths: Vec<&str> = machine.peak_gflops.iter().map(|p| p.width.as_str()).collect();
    widths.dedup();
    let peaks = widths.into_iter().map(|width| {
        let of_width = machine.peak_gflops.iter().filter(|peak| peak.width == width);
        let values = of_width.map(|p| format!("{:.0} on {}", p.gflops, count(p.threads, "thread")));
        format!("{width} {}", values.collect::<Vec<_>>().join(", "))
    });
    let peaks = peaks.collect::<Vec<_>>().join(" · ");
    if !peaks.is_empty() {
        let _ = writeln!(text, "peak GFLOP/s: {peaks}");
    }
    if let Some(note) = disturbance(machine) {
        let _ = writeln!(text, "{note}");
    }
    if machine.debug_build {
        text += "note: this is a debug build; for speed, cargo build --release\n";
    }
    text
}

/// Says what else the machine did when measuring began, if it was enough to spoil the numbers.
pub(crate) fn disturbance(machine: &Machine) -> Option<String> {
    let others = machine.others_running.filter(|&others| others >= BUSY)?;
    Some(format!("note: other programs kept {others:.1} threads busy when this began"))
}

fn computing(title: &str, measured: &[&Measurement]) -> String {
    let mut table = Table::new(&[title, "median", "spread", "best", "GFLOP/s", "of peak"]);
    for m in measured {
        let gflops = m.gflops.map_or(String::new(), |x| format!("{x:.1}"));
        let share = m.peak_share.map_or(String::new(), percent);
        let (median, best) = (duration(m.time.ms_median), duration(m.time.ms_min));
        table.row([m.case.to_string(), median, spread(m), best, gflops, share]);
    }
    table.text()
}

fn operations(measured: &[&Measurement]) -> String {
    let mut table = Table::new(&["tiny operation", "median", "spread", "best"]);
    for m in measured {
        let (median, best) = (duration(m.time.ms_median), duration(m.time.ms_min));
        table.row([m.case.to_string(), median, spread(m), best]);
    }
    table.text()
}

fn exchanges(measured: &[&Measurement]) -> String {
    let mut table = Table::new(&["exchange", "median", "spread", "best", "Gbit/s each way"]);
    for m in measured {
        let (median, best) = (duration(m.time.ms_median), duration(m.time.ms_min));
        let (numbers, ranks) = (m.case.numbers.unwrap_or(0), m.case.ranks.unwrap_or(1));
        let rate = ranks::bits_sent(numbers, ranks) / (m.time.ms_median * 1e6);
        table.row([m.case.to_string(), median, spread(m), best, format!("{rate:.2}")]);
    }
    table.text()
}

fn env_steps(measured: &[&Measurement]) -> String {
    let head = ["env step", "envs", "threads", "steps/s", "spread", "bytes/env"];
    let mut table = Table::new(&head);
    for m in measured {
        let number = |n: Option<usize>| n.map_or(String::new(), |n| grouped(n as u64));
        let rounded = |x: Option<f64>| x.map_or(String::new(), |x| grouped(x.round() as u64));
        let restarts = if m.case.auto_reset.is_some() { ", first starts" } else { "" };
        table.row([
            m.case.task.clone().unwrap_or_default() + restarts,
            number(m.case.envs),
            number(m.case.threads),
            rounded(m.steps_per_s),
            spread(m),
            rounded(m.bytes_per_env),
        ]);
    }
    table.text()
}

fn iterations(measured: &[&Measurement]) -> String {
    let mut table = Table::new(&["iteration", "median", "spread", "share", "steps/s"]);
    for m in measured {
        let rate = m.steps_per_s.map_or(String::new(), |x| grouped(x.round() as u64));
        let median = duration(m.time.ms_median);
        table.row([m.case.to_string(), median, spread(m), String::new(), rate]);
        for phase in &m.phases {
            let median = duration(phase.ms_median);
            table.row([format!("  {}", phase.name), median, String::new(), percent(phase.share)]);
        }
    }
    table.text()
}

fn spread(m: &Measurement) -> String {
    format!("±{:.1} %", 100.0 * m.time.spread())
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::bench::measurement::{Case, PhaseTime};
    use crate::commands::bench::peak::Peak;
    use crate::commands::bench::stats::Timing;

    fn case(device: &str) -> Case {
        Case { device: Some(device.into()), threads: Some(2), ..Case::default() }
    }

    fn measured(kind: Kind, device: &str, ms_median: f64) -> Measurement {
        let time = Timing { ms_median, ms_min: 1.0, ms_max: 9.0, ms_iqr: 0.2, runs: 5 };
        Measurement::new(kind, case(device), time)
    }

    #[test]
    fn every_kind_has_its_table_and_devices_are_compared() {
        let mut iteration = measured(Kind::Iteration, "cpu", 4000.0).with_steps(20_000);
        iteration.phases = vec![PhaseTime { name: "env".into(), ms_median: 1000.0, share: 0.25 }];
        let mut operation = measured(Kind::Operation, "cuda:0", 0.002);
        operation.case.operation = Some("affine".into());
        let peak = Peak { width: "wide".into(), threads: 2, gflops: 300.0 };
        let machine = Machine {
            threads: 2,
            others_running: Some(1.5),
            peak_gflops: vec![peak],
            ..Machine::describe()
        };
        let results = vec![
            measured(Kind::GradientStep, "cpu", 10.0).with_flop(1.5e9, Some(300.0)).unwrap(),
            measured(Kind::GradientStep, "cuda:0", 2.0),
            operation,
            measured(Kind::EnvStep, "cpu", 5.0).with_steps(2048),
            iteration,
        ];
        let text = text(&BenchFile::new(machine, results));
        for line in [
            "peak GFLOP/s: wide 300 on 2 threads",
            "note: other programs kept 1.5 threads busy",
            "cpu, 2 threads     10.0 ms  ±1.0 %  1.00 ms    150.0     50 %",
            "409,600",
            "  env           1.00 s           25 %",
            "gradient step (2 threads)  10.0 ms  2.00 ms          5.00",
            "affine, cuda:0, 2 threads  2.00 µs  ±5000.0 %  1.00 ms",
        ] {
            assert!(text.contains(line), "no {line:?} in\n{text}");
        }
    }
}
