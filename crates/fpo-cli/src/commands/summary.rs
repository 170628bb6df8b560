//! A report with what its returns say besides their mean.

use std::fmt::{Display, Formatter};

use serde::Serialize;

use crate::statistics::bootstrap::{Interval, Resampling, interval};
use crate::statistics::sample::{iqm, median};
use crate::training::evaluate::EvalReport;

/// Most numbers that are drawn for an interval, beyond the fewest replicates: a second or two.
const MOST_DRAWS: usize = 1 << 26;
/// The fewest replicates from which the ends of a 95 % interval are taken.
const FEWEST_REPLICATES: usize = 1_000;

/// A report and the statistics of its returns.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The report.
    #[serde(flatten)]
    pub report: EvalReport,
    return_median: f64,
    return_iqm: f64,
    return_iqm_interval: Option<Interval>,
}

impl Summary {
    /// Returns the summary of `report`.
    pub fn new(report: EvalReport) -> Summary {
        let iqm_of = |returns: &Vec<f64>| iqm(returns.iter().copied());
        let plan = resampling(report.returns.len());
        Summary {
            return_median: median(report.returns.iter().copied()),
            return_iqm: iqm_of(&report.returns),
            return_iqm_interval: interval(&report.returns, iqm_of, plan),
            report,
        }
    }
}

/// One line for a table of several policies.
impl Display for Summary {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let report = &self.report;
        write!(f, "return {:.1}", report.return_mean)?;
        if let Some(stderr) = report.return_stderr {
            write!(f, " ± {stderr:.1}")?;
        }
        write!(f, ", median {:.1}, IQM {:.1}", self.return_median, self.return_iqm)?;
        if let Some(Interval { low, high }) = self.return_iqm_interval {
            write!(f, " [{low:.1}, {high:.1}]")?;
        }
        report.write_remarks(f)
    }
}

/// Returns how many replicates the statistics of `episodes` returns have: the usual number, less
/// where there are so many returns that drawing them would take longer than playing them.
pub fn resampling(episodes: usize) -> Resampling {
    let usual = Resampling::default();
    let affordable = MOST_DRAWS / episodes.max(1);
    Resampling { count: affordable.clamp(FEWEST_REPLICATES, usual.count), ..usual }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_very_many_episodes_have_fewer_replicates() {
        assert_eq!(resampling(128), Resampling::default());
        assert_eq!(resampling(6_700).count, 10_000);
        assert_eq!(resampling(1 << 15).count, 2_048);
        assert_eq!(resampling(1 << 20).count, 1_000);
    }
}
