//! The page, section by section, in the order in which a sceptic reads.

use crate::report::html::charts;
use crate::report::html::escape::escaped;
use crate::report::html::series::key;
use crate::report::notes::Note;
use crate::report::overall::SHOWN;
use crate::report::summary::Report;
use crate::report::tables::{self, Table};

const STYLE: &str = include_str!("style.css");

/// From this length on, text in a table breaks into lines.
const LONG: usize = 44;

/// A section of the page.
struct Section {
    id: &'static str,
    title: &'static str,
    content: String,
}

/// Returns `report` as a page.
pub fn html(report: &Report) -> String {
    let sections: Vec<Section> =
        sections(report).into_iter().filter(|section| !section.content.is_empty()).collect();
    let links = sections
        .iter()
        .map(|section| format!("<a href=\"#{}\">{}</a>", section.id, section.title))
        .collect::<Vec<_>>()
        .join("\n");
    let body: String = sections
        .iter()
        .map(|section| {
            let Section { id, title, content } = section;
            format!("<section id=\"{id}\">\n<h2>{title}</h2>\n{content}</section>\n")
        })
        .collect();
    let headline = &report.headline;
    let title = escaped(&headline.compared);
    format!(
        "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n\
         <meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n\
         <h1>{title}</h1>\n<p class=\"verdict\">{}</p>\n<p>{}</p>\n{}<nav>{links}</nav>\n\
         </header>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escaped(&headline.verdict),
        escaped(&headline.certainty),
        paragraph(score_words(report))
    )
}

fn score_words(report: &Report) -> &'static str {
    match report.scored {
        "best" => "The score of a run is its best evaluation, which flatters noisy methods.",
        _ => "The score of a run is the mean return of its last evaluation.",
    }
}

fn sections(report: &Report) -> Vec<Section> {
    let shown = report.shown();
    let with_key = |content: String| match content.is_empty() {
        true => content,
        false => key(&shown) + &content,
    };
    let section = |id, title, content| Section { id, title, content };
    let grid = |charts: String| match charts.is_empty() {
        true => charts,
        false => format!("<div class=\"charts\">\n{charts}</div>\n"),
    };
    let optional = |found: Option<Table>| found.map(|found| table(&found)).unwrap_or_default();
    let overall = report.overall.as_ref();
    let several = overall.filter(|_| report.tasks.len() > 1);
    let over_all = several.map(|overall| {
        let paper = match overall.paper.is_empty() {
            true => "",
            false => "◇ marks what the paper published for the same tasks, at its own sizes.",
        };
        let about = paragraph(&tables::about_overall(report)) + &paragraph(paper);
        let charts = charts::overall(report, overall);
        let charts = format!("<div class=\"charts four\">\n{charts}</div>\n");
        about + &limit(report) + &charts + &optional(tables::overall(report))
    });
    let finals = paragraph(
        "A dot is a run, the mark is the mean over seeds, the bar its 95 % bootstrap interval. × \
         is a run that diverged; it counts with its last evaluation.",
    );
    let details: String = report
        .tasks
        .iter()
        .map(|task| {
            let name = escaped(&task.name);
            format!("<h3>{name}</h3>\n{}", table(&tables::task(report, task)))
        })
        .collect();
    let bands = "Mean over seeds and its pointwise 95 % interval. A run that diverged goes on with \
                 its last evaluation.";
    let steps = charts::curves_over_steps(report);
    let time = charts::curves_over_time(report);
    let curves = match steps.is_empty() && time.is_empty() {
        true => String::new(),
        false => {
            let by_time = paragraph(
                "Over the time in which all runs of an entry were going on. Runs that shared a \
                 machine slowed each other down.",
            );
            let time = match time.is_empty() {
                true => time,
                false => format!("<h3>Against wall-clock</h3>\n{by_time}{}", grid(time)),
            };
            let steps = format!("<h3>Against environment steps</h3>\n{}", grid(steps));
            paragraph(bands) + &with_key(steps + &time)
        }
    };
    let profiles = several.map(|overall| {
        let about = "Higher is better. A line that lies above another everywhere is better in \
                     every respect.";
        paragraph(about) + &with_key(grid(charts::profiles(report, overall)))
    });
    let pairs = overall
        .filter(|overall| !overall.pairs.is_empty())
        .map(|overall| grid(charts::pairs(report, overall)) + &optional(tables::pairs(report)));
    let pictures = charts::sensitivity(report);
    let sensitivity = match pictures.is_empty() {
        true => String::new(),
        false => {
            let about = "A dot is a configuration, a bar the mean of those with one value. Other \
                         settings may vary along with the one that is shown.";
            paragraph(about) + &grid(pictures) + &best(report)
        }
    };
    let again =
        format!("<pre>{}</pre>\n{}", escaped(&report.command), table(&tables::inputs(report)));
    vec![
        section("notes", "What to know first", notes(&report.notes)),
        section("overall", "Over all tasks", over_all.unwrap_or_default()),
        section(
            "tasks",
            "By task",
            finals
                + &limit(report)
                + &grid(charts::finals(report))
                + &table(&tables::means(report)),
        ),
        section("curves", "Learning curves", curves),
        section("profiles", "Performance profiles", profiles.unwrap_or_default()),
        section("improvement", "Probability of improvement", pairs.unwrap_or_default()),
        section("sensitivity", "Sensitivity to settings", sensitivity),
        section("details", "Every run", details),
        section(
            "configurations",
            "Differences of configuration",
            optional(tables::differences(report)),
        ),
        section("hardware", "Hardware and cost", table(&tables::hardware(report))),
        section("again", "How to make it again", again),
    ]
}

/// Says that charts leave entries out, if they do.
fn limit(report: &Report) -> String {
    match report.entries.len() > SHOWN {
        true => paragraph(&format!(
            "Charts show the {SHOWN} best of {} entries; tables show all.",
            report.entries.len()
        )),
        false => String::new(),
    }
}

fn best(report: &Report) -> String {
    let about = "The best of many configurations, chosen by these very runs, is flattered by \
                 chance: try it with other seeds.";
    let found = tables::best(report).map(|found| table(&found));
    let with_title =
        |found: String| format!("<h3>Best configurations</h3>\n{}{found}", paragraph(about));
    found.map(with_title).unwrap_or_default()
}

fn notes(notes: &[Note]) -> String {
    let of_kind = |notes: &[Note]| {
        let items: String =
            notes.iter().map(|note| format!("<li>{}</li>\n", escaped(&note.text))).collect();
        let title = notes[0].kind.title();
        format!("<div class=\"notes\"><h3>{title}</h3>\n<ul>\n{items}</ul></div>\n")
    };
    match notes.is_empty() {
        true => paragraph("Every run is there once, finished, and made by the same program."),
        false => notes.chunk_by(|a, b| a.kind == b.kind).map(of_kind).collect(),
    }
}

fn paragraph(text: &str) -> String {
    match text.is_empty() {
        true => String::new(),
        false => format!("<p class=\"quiet\">{}</p>\n", escaped(text)),
    }
}

fn table(table: &Table) -> String {
    let cell = |text: &String| match text.chars().count() > LONG {
        true => format!("<td class=\"long\">{}</td>", escaped(text)),
        false => format!("<td>{}</td>", escaped(text)),
    };
    let header: String =
        table.header.iter().map(|text| format!("<th>{}</th>", escaped(text))).collect();
    let row =
        |row: &Vec<String>| format!("<tr>{}</tr>\n", row.iter().map(cell).collect::<String>());
    let rows: String = table.rows.iter().map(row).collect();
    format!(
        "<div class=\"scroll\"><table>\n<thead><tr>{header}</tr></thead>\n<tbody>\n{rows}</tbody>\n\
         </table></div>\n"
    )
}
