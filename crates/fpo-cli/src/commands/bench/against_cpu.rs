//! The cases that were measured on the CPU and on other devices, side by side.

use serde::{Deserialize, Serialize};

use crate::commands::bench::measurement::Measurement;
use crate::commands::bench::table::{Table, duration};

/// What a case calls the CPU.
const CPU: &str = "cpu";

/// One case on the CPU and on another device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgainstCpu {
    /// The case in words, without a device.
    pub case: String,
    /// The other device.
    pub device: String,
    /// Median on the CPU.
    pub cpu_ms: f64,
    /// Median on the other device.
    pub device_ms: f64,
    /// How many times faster the other device is.
    pub times_faster: f64,
}

/// Returns every case that was measured on the CPU and on another device, once for each such
/// device, in the order of the results.
pub fn pairs(results: &[Measurement]) -> Vec<AgainstCpu> {
    let on_cpu = results.iter().filter(|m| m.case.device.as_deref() == Some(CPU));
    let others = |cpu: &Measurement| {
        let cpu = cpu.clone();
        results.iter().filter_map(move |m| {
            let device = m.case.device.clone().filter(|device| device != CPU)?;
            let mut case = m.clone();
            case.case.device = Some(CPU.into());
            if !case.same_case(&cpu) {
                return None;
            }
            case.case.device = None;
            let (cpu_ms, device_ms) = (cpu.time.ms_median, m.time.ms_median);
            let (case, times_faster) = (case.to_string(), cpu_ms / device_ms);
            Some(AgainstCpu { case, device, cpu_ms, device_ms, times_faster })
        })
    };
    on_cpu.flat_map(others).collect()
}

/// Returns one table of all pairs: a row for each case, and two columns for each device beside the
/// CPU. It is empty where there are none.
pub fn table(pairs: &[AgainstCpu]) -> String {
    let mut devices: Vec<&str> = Vec::new();
    let mut cases: Vec<&str> = Vec::new();
    for pair in pairs {
        if !devices.contains(&pair.device.as_str()) {
            devices.push(&pair.device);
        }
        if !cases.contains(&pair.case.as_str()) {
            cases.push(&pair.case);
        }
    }
    let columns = devices.iter().flat_map(|&device| [device, "times faster"]);
    let head: Vec<&str> = ["against the CPU", CPU].into_iter().chain(columns).collect();
    let mut table = Table::new(&head);
    for case in cases {
        let of_case = || pairs.iter().filter(|pair| pair.case == case);
        let cpu = of_case().next().map_or(String::new(), |pair| duration(pair.cpu_ms));
        let mut row = vec![case.to_owned(), cpu];
        for device in &devices {
            let pair = of_case().find(|pair| pair.device == *device);
            row.extend(match pair {
                Some(pair) => [duration(pair.device_ms), format!("{:.2}", pair.times_faster)],
                None => ["not measured".into(), String::new()],
            });
        }
        table.row(row);
    }
    table.text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::bench::measurement::{Case, Kind};
    use crate::commands::bench::stats::Timing;

    fn measured(kind: Kind, device: Option<&str>, envs: usize, ms_median: f64) -> Measurement {
        let time = Timing { ms_median, ms_min: 1.0, ms_max: 9.0, ms_iqr: 0.2, runs: 5 };
        let device = device.map(str::to_owned);
        let case = Case { device, envs: Some(envs), ..Case::default() };
        Measurement::new(kind, case, time)
    }

    /// Learner, sampler and training on two devices, and what has no partner.
    fn results() -> Vec<Measurement> {
        vec![
            measured(Kind::GradientStep, Some("cpu"), 64, 10.0),
            measured(Kind::GradientStep, Some("cuda:0"), 64, 2.0),
            measured(Kind::Sample, Some("cuda:0"), 64, 4.0),
            measured(Kind::Sample, Some("cpu"), 64, 2.0),
            measured(Kind::Sample, Some("cpu"), 128, 4.0),
            measured(Kind::EnvStep, None, 64, 5.0),
            measured(Kind::Iteration, Some("cuda:0"), 64, 500.0),
            measured(Kind::Iteration, Some("cpu"), 64, 4000.0),
        ]
    }

    #[test]
    fn each_case_of_two_devices_is_one_row_with_both_and_their_ratio() {
        let pairs = pairs(&results());
        let ratios: Vec<f64> = pairs.iter().map(|pair| pair.times_faster).collect();
        assert_eq!(ratios, [5.0, 0.5, 8.0]);
        let expected = "\
            against the CPU              cpu   cuda:0  times faster\n\
            gradient step (64 envs)  10.0 ms  2.00 ms          5.00\n\
            sample (64 envs)         2.00 ms  4.00 ms          0.50\n\
            iteration (64 envs)       4.00 s   500 ms          8.00\n";
        assert_eq!(table(&pairs), expected);
    }

    #[test]
    fn a_second_device_gets_columns_and_cases_it_lacks_say_so() {
        let mut results = results();
        results.push(measured(Kind::Sample, Some("cuda:1"), 64, 1.0));
        let text = table(&pairs(&results));
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap();
        assert!(line("against").contains("cuda:0  times faster        cuda:1  times faster"));
        assert!(line("sample").ends_with("0.50       1.00 ms          2.00"), "{text}");
        assert!(line("iteration").ends_with("8.00  not measured"), "{text}");
    }

    #[test]
    fn one_device_alone_is_compared_with_nothing() {
        let mut results = results();
        results.retain(|m| m.case.device.as_deref() != Some("cuda:0"));
        assert_eq!(pairs(&results), []);
        assert_eq!(table(&[]), "");
    }
}
