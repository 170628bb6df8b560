//! Text tables: a title over the first column, numbers to the right, no lines; and durations as
//! their cells show them.

use crate::text::shown::shown;

/// Rows of cells under a head; the first column is text, all others are numbers.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Returns a table with these headings, the first of which is its title.
    pub fn new(head: &[&str]) -> Table {
        Table { rows: vec![head.iter().map(|&cell| cell.to_owned()).collect()] }
    }

    /// Adds a row; it may be shorter than the head. Cells may hold text from files.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| shown(&cell)).collect());
    }

    /// Returns the table as lines, or an empty text if it has no rows.
    pub fn text(&self) -> String {
        if self.rows.len() < 2 {
            return String::new();
        }
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                match column {
                    0 => line += &format!("{cell:<width$}"),
                    _ => line += &format!("  {cell:>width$}"),
                }
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

/// Returns `ms` milliseconds with about three digits, in a unit that fits.
pub fn duration(ms: f64) -> String {
    let (value, unit) = match ms {
        ms if ms < 1.0 => (ms * 1e3, "µs"),
        ms if ms < 1e3 => (ms, "ms"),
        ms => (ms * 1e-3, "s"),
    };
    let digits = match value {
        value if value < 10.0 => 2,
        value if value < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_an_empty_table_is_no_text() {
        let mut table = Table::new(&["sample", "median", "±"]);
        assert_eq!(table.text(), "");
        table.row(["über".into(), "10.5 ms".into(), "1 %".into()]);
        table.row(["x".into(), "9 ms".into()]);
        assert_eq!(table.text(), "sample   median    ±\nüber    10.5 ms  1 %\nx          9 ms\n");
    }

    #[test]
    fn durations_keep_three_digits() {
        for (ms, expected) in
            [(0.01234, "12.3 µs"), (2.345, "2.35 ms"), (45.67, "45.7 ms"), (4567.0, "4.57 s")]
        {
            assert_eq!(duration(ms), expected);
        }
    }
}
