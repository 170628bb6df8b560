//! A report as Markdown, for a README or a terminal.

use crate::report::notes::NoteKind;
use crate::report::summary::Report;
use crate::report::tables::{self, Table};

/// Returns `report` as GitHub-flavoured Markdown.
pub fn markdown(report: &Report) -> String {
    let mut text = String::from("# Report\n");
    let headline = &report.headline;
    for sentence in [&headline.compared, &headline.verdict, &headline.certainty] {
        if !sentence.is_empty() {
            text.push_str(&format!("\n{}\n", escaped(sentence)));
        }
    }
    if report.scored == "best" {
        text.push_str(
            "\nThe score of a run is its best evaluation, which flatters noisy methods.\n",
        );
    }
    notes(&mut text, report);
    section(&mut text, "Over all tasks", &tables::about_overall(report), tables::overall(report));
    let finals = "Mean return ± standard error over seeds. † counts a run that diverged with its \
                  last evaluation.";
    section(&mut text, "By task", finals, Some(tables::means(report)));
    for task in &report.tasks {
        text.push_str(&format!("\n### {}\n", escaped(&task.name)));
        table(&mut text, &tables::task(report, task));
    }
    let pairs = "The probability that a run of X beats a run of Y on the same task; ½ where \
                 neither is better.";
    section(&mut text, "Probability of improvement", pairs, tables::pairs(report));
    let sensitivity = "Other settings may vary along with the one that is shown.";
    section(&mut text, "Sensitivity", sensitivity, tables::sensitivity(report));
    let best =
        "The best of many configurations, chosen by these very runs, is flattered by chance.";
    section(&mut text, "Best configurations", best, tables::best(report));
    section(&mut text, "Differences of configuration", "", tables::differences(report));
    section(&mut text, "Hardware and cost", "", Some(tables::hardware(report)));
    section(&mut text, "How to make it again", "", Some(tables::inputs(report)));
    text.push_str(&format!("\n```console\n$ {}\n```\n", report.command));
    text
}

fn notes(text: &mut String, report: &Report) {
    if report.notes.is_empty() {
        return;
    }
    text.push_str("\n## Notes\n\n");
    for note in &report.notes {
        text.push_str(&format!("- {}: {}\n", NoteKind::title(note.kind), escaped(&note.text)));
    }
}

/// Adds a section, if there is something for its table.
fn section(text: &mut String, title: &str, about: &str, content: Option<Table>) {
    let Some(content) = content else { return };
    text.push_str(&format!("\n## {title}\n"));
    if !about.is_empty() {
        text.push_str(&format!("\n{}\n", escaped(about)));
    }
    table(text, &content);
}

fn table(text: &mut String, table: &Table) {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    text.push('\n');
    text.push_str(&line(&table.header));
    text.push_str(&format!("|{}\n", "---|".repeat(table.header.len())));
    table.rows.iter().for_each(|row| text.push_str(&line(row)));
}

/// Returns `text` as Markdown that reads as it is: no markup, no line breaks, no cell borders.
fn escaped(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let near = |at: Option<usize>| at.and_then(|at| letters.get(at)).copied().unwrap_or(' ');
    let mut found = String::new();
    for (at, &letter) in letters.iter().enumerate() {
        let (before, after) = (near(at.checked_sub(1)), near(Some(at + 1)));
        let marks_up = match letter {
            '\\' | '`' | '*' | '|' => true,
            // Between letters an underscore marks nothing up, and names are full of them.
            '_' => !(before.is_alphanumeric() && after.is_alphanumeric()),
            // An interval is no link.
            ']' => matches!(after, '(' | '[' | ':'),
            '#' | '-' | '+' => at == 0,
            _ => false,
        };
        match letter {
            letter if marks_up => found.extend(['\\', letter]),
            '<' => found.push_str("&lt;"),
            '>' if at == 0 => found.push_str("&gt;"),
            '&' => found.push_str("&amp;"),
            letter if letter.is_control() => found.push(' '),
            letter => found.push(letter),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_as_it_is() {
        for (text, expected) in [
            ("learning_rate=0.1 [0, 1] > x", "learning_rate=0.1 [0, 1] > x"),
            ("_a_ *b* a|b", "\\_a\\_ \\*b\\* a\\|b"),
            ("<b>&\n[x](y)", "&lt;b>&amp; [x\\](y)"),
            ("# a", "\\# a"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }
}
