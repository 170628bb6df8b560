//! A report as CSV: one line for each run, for spreadsheets and data frames.

use crate::report::summary::Report;

/// The names of the columns.
const HEADER: [&str; 11] = [
    "task",
    "entry",
    "method",
    "seed",
    "digest",
    "status",
    "score",
    "normalised",
    "env_steps",
    "seconds",
    "reason",
];

/// Returns `report` as CSV (RFC 4180, but with plain line breaks). Numbers are written in full;
/// what is not there is empty.
pub fn csv(report: &Report) -> String {
    let mut text = HEADER.join(",");
    text.push('\n');
    for task in &report.tasks {
        for (entry, cell) in report.entries.iter().zip(&task.cells) {
            for run in &cell.runs {
                let number = |number: Option<f64>| number.map(|n| n.to_string());
                let fields = [
                    task.name.clone(),
                    entry.label.clone(),
                    entry.method.clone(),
                    run.seed.to_string(),
                    run.digest.clone(),
                    run.status.name().into(),
                    number(run.score).unwrap_or_default(),
                    number(run.normalised).unwrap_or_default(),
                    run.env_steps.to_string(),
                    run.seconds.to_string(),
                    run.reason.clone().unwrap_or_default(),
                ];
                text.push_str(&fields.map(|field| quoted(&field)).join(","));
                text.push('\n');
            }
        }
    }
    text
}

/// Returns `field` in quotes, if it needs them.
fn quoted(field: &str) -> String {
    match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_commas_quotes_and_line_breaks_are_quoted() {
        for (field, expected) in
            [("a b", "a b"), ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\""), ("a\nb", "\"a\nb\"")]
        {
            assert_eq!(quoted(field), expected);
        }
    }
}
