//! Tests `fpo report`: its numbers against ones computed by hand, what it notices, its four
//! formats, and what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::fs;
use std::path::Path;

use common::{fail, fpo, succeed};
use serde_json::{Value, json};
use tempfile::tempdir;

/// A finished run whose evaluations rise from 0 to `score` in three steps.
fn run(task: &str, method: &str, seed: u64, score: f64) -> Value {
    let evaluation = |at: u64, mean: f64| json!({"step": 1000 * at, "seconds": at, "mean": mean});
    json!({
        "format": 1, "task": task, "method": method, "seed": seed,
        "digest": format!("{method}/{task}"), "settings": {},
        "config": {"algorithm.kind": method, "env.task": task},
        "status": "finished", "env_steps": 2000,
        "evaluations": [evaluation(0, 0.0), evaluation(1, 0.5 * score), evaluation(2, score)],
        "last": score, "best": score, "seconds": 3.5, "peak_memory_bytes": 2_000_000,
        "made_by": {"cpu": "Fast", "threads": 2, "device": "cpu", "os": "Linux", "fpo": "1.0",
                    "commit": "abc"},
    })
}

/// `row` with other `fields`.
fn with(mut row: Value, fields: Value) -> Value {
    row.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    row
}

fn write(folder: &Path, name: &str, rows: &[Value]) {
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    fs::write(folder.join(name), lines).unwrap();
}

/// Two methods on two tasks, whose episodes earn 0 to 200 and 0 to 500, with three seeds.
fn two_methods() -> Vec<Value> {
    let mut rows = Vec::new();
    for (task, method, scores) in [
        ("Classic/Pendulum", "fpo", [100.0, 120.0, 140.0]),
        ("Classic/Pendulum", "ppo", [80.0, 100.0, 60.0]),
        ("Classic/Cartpole", "fpo", [500.0, 400.0, 450.0]),
        ("Classic/Cartpole", "ppo", [250.0, 250.0, 250.0]),
    ] {
        rows.extend((0..3).map(|seed| run(task, method, seed, scores[seed as usize])));
    }
    rows
}

/// Reports on `rows` in JSON, with further `args`.
fn report(rows: &[Value], args: &[&str]) -> Value {
    let dir = tempdir().unwrap();
    write(dir.path(), "results.jsonl", rows);
    succeed(dir.path(), &[&["report", "results.jsonl", "-o", "r.json"], args].concat());
    serde_json::from_slice(&fs::read(dir.path().join("r.json")).unwrap()).unwrap()
}

/// Reports on `rows` as a page.
fn page(rows: &[Value]) -> String {
    let dir = tempdir().unwrap();
    write(dir.path(), "results.jsonl", rows);
    succeed(dir.path(), &["report", "results.jsonl", "-o", "r.html"]);
    fs::read_to_string(dir.path().join("r.html")).unwrap()
}

#[track_caller]
fn near(found: &Value, expected: f64) {
    let found = found.as_f64().unwrap();
    assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
}

/// The texts of the notes of a kind.
fn notes(report: &Value, kind: &str) -> Vec<String> {
    let notes = report["notes"].as_array().unwrap().iter();
    let of_kind = notes.filter(|note| note["kind"] == kind);
    of_kind.map(|note| note["text"].as_str().unwrap().to_owned()).collect()
}

fn labels(report: &Value) -> Vec<&str> {
    let entries = report["entries"].as_array().unwrap().iter();
    entries.map(|entry| entry["label"].as_str().unwrap()).collect()
}

#[test]
fn the_numbers_of_two_methods_are_those_computed_by_hand() {
    let report = report(&two_methods(), &[]);
    assert_eq!(labels(&report), ["fpo", "ppo"]);
    assert_eq!(report["notes"], json!([]));

    let pendulum = &report["tasks"][0];
    assert_eq!(pendulum["scale"], json!({"low": 0.0, "high": 200.0, "origin": "task"}));
    let cell = &pendulum["cells"][0];
    assert_eq!((&cell["entry"], &cell["n"]), (&json!("fpo"), &json!(3)));
    near(&cell["mean"], 120.0);
    near(&cell["standard_error"], 20.0 / 3f64.sqrt());
    near(&cell["median"], 120.0);
    // One draw in 27 is 100, 100, 100, which is more than 2.5 %.
    assert_eq!(cell["interval"], json!([100.0, 140.0]));
    assert_eq!(report["tasks"][1]["cells"][1]["interval"], json!([250.0, 250.0]));
    near(&cell["runs"][2]["normalised"], 0.7);
    let curve = cell["curve"]["steps"].as_array().unwrap();
    let points: Vec<(f64, f64)> = curve
        .iter()
        .map(|point| (point["step"].as_f64().unwrap(), point["mean"].as_f64().unwrap()))
        .collect();
    assert_eq!(points, [(0.0, 0.0), (1000.0, 60.0), (2000.0, 120.0)]);

    // Normalised, fpo has 0.5, 0.6, 0.7 and 1, 0.8, 0.9; ppo has 0.4, 0.5, 0.3 and 0.5 three times.
    let overall = &report["overall"];
    for (at, iqm, mean, gap) in
        [(0, (0.6 + 0.7 + 0.8 + 0.9) / 4.0, 0.75, 0.25), (1, (0.4 + 1.5) / 4.0, 0.45, 0.55)]
    {
        let entry = &overall["entries"][at];
        near(&entry["iqm"]["value"], iqm);
        near(&entry["mean"]["value"], mean);
        near(&entry["median"]["value"], mean);
        near(&entry["optimality_gap"]["value"], gap);
        let [low, high] = [0, 1].map(|end| entry["iqm"]["interval"][end].as_f64().unwrap());
        assert!(low < iqm && iqm < high, "{entry}");
    }
    near(&overall["lead"]["value"], 0.75 - 0.475);
    // Of nine pairs on the pendulum one is a tie.
    near(&overall["pairs"][0]["probability"], (8.5 / 9.0 + 1.0) / 2.0);
    let hardware = &report["hardware"][0];
    near(&hardware["thread_seconds"], 6.0 * 3.5 * 2.0);
    assert_eq!(hardware["machines"], json!({"Fast, 2 threads, cpu, Linux": 6}));
}

#[test]
fn markdown_and_csv_hold_the_same_numbers() {
    let dir = tempdir().unwrap();
    write(dir.path(), "results.jsonl", &two_methods());
    let text = succeed(dir.path(), &["report", "."]);
    for line in [
        "fpo leads over 2 tasks with a normalised interquartile mean of 0.750 [",
        "fpo and ppo on 2 tasks, 3 seeds each: 12 results",
        "| Classic/Pendulum | 120.0 ± 11.5 | 80.0 ± 11.5 |",
        "| Classic/Cartpole | 450.0 ± 28.9 | 250.0 ± 0.0 |",
        "| fpo | 3 | 120.0 ± 11.5 | 100.0 to 140.0 | 120.0 | 120.0 | \
         0: 100.0 · 1: 120.0 · 2: 140.0 |",
        "| fpo | ppo | 0.97 [",
        "$ fpo report .\n",
    ] {
        assert!(text.contains(line), "no {line:?} in {text}");
    }
    succeed(dir.path(), &["report", ".", "-o", "a.csv", "-o", "b.md"]);
    let csv = fs::read_to_string(dir.path().join("a.csv")).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 13);
    assert!(lines[0].starts_with("task,entry,method,seed,digest,status,score,normalised,"));
    let first = "Classic/Pendulum,fpo,fpo,0,fpo/Classic/Pendulum,finished,100,0.5,2000,3.5,";
    assert_eq!(lines[1], first);
    assert!(fs::read_to_string(dir.path().join("b.md")).unwrap().contains("120.0 ± 11.5"));
}

#[test]
fn what_is_missing_failed_diverged_or_double_is_told_and_never_dropped() {
    let mut rows = two_methods();
    rows[1] = with(rows[1].clone(), json!({"status": "failed", "reason": "disk full"}));
    rows[2] = with(rows[2].clone(), json!({"status": "unfinished"}));
    let nan = json!({"status": "diverged", "reason": "policy is NaN", "last": 55.0});
    rows[3] = with(rows[3].clone(), nan);
    rows[4]["made_by"]["commit"] = json!("def");
    rows[5]["made_by"]["cpu"] = json!("Slow");
    rows.remove(11);
    rows.push(rows[6].clone());
    let mut other = rows[7].clone();
    other["evaluations"][2]["mean"] = json!(1.0);
    rows.push(other);

    let report = report(&rows, &[]);
    let told = |kind: &str, words: &[&str]| {
        let found = notes(&report, kind).join("\n");
        for word in words {
            assert!(found.contains(word), "no {word:?} in {kind}: {found}");
        }
    };
    told("missing", &["ppo: no run with seed 2 on Classic/Cartpole"]);
    told("failed", &["fpo on Classic/Pendulum, seed 1", "disk full"]);
    told("unfinished", &["fpo on Classic/Pendulum, seed 2"]);
    told("diverged", &["ppo on Classic/Pendulum, seed 0", "55.0", "policy is NaN"]);
    told("seeds", &["Classic/Pendulum: 1 of fpo, 3 results", "Classic/Cartpole: 2 of ppo"]);
    told("duplicate", &["with equal results", "two different results"]);
    told("program", &["fpo 1.0 at abc", "fpo 1.0 at def: 1 run of ppo"]);
    told("machine", &["Slow, 2 threads on cpu: 1 run of ppo"]);
    // The diverged run counts with its last evaluation; failed and unfinished runs do not count.
    let cells = &report["tasks"][0]["cells"];
    assert_eq!(
        (&cells[0]["n"], &cells[1]["n"], &cells[1]["diverged"]),
        (&json!(1), &json!(3), &json!(1))
    );
    near(&cells[1]["mean"], (55.0 + 100.0 + 60.0) / 3.0);
    assert_eq!(cells[0]["runs"].as_array().unwrap().len(), 3);

    let page = page(&rows);
    let dir = tempdir().unwrap();
    write(dir.path(), "results.jsonl", &rows);
    let markdown = succeed(dir.path(), &["report", "results.jsonl"]);
    for note in report["notes"].as_array().unwrap() {
        let text = note["text"].as_str().unwrap();
        assert!(page.contains(text) && markdown.contains(text), "{text} is not shown");
    }
}

#[test]
fn one_seed_pretends_no_interval() {
    let rows: Vec<Value> = two_methods().into_iter().step_by(3).collect();
    let report = report(&rows, &[]);
    fn intervals(value: &Value, found: &mut Vec<Value>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| match name.as_str() {
                "interval" | "standard_error" => found.push(value.clone()),
                _ => intervals(value, found),
            }),
            Value::Array(values) => values.iter().for_each(|value| intervals(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    intervals(&report, &mut found);
    assert!(found.len() > 50 && found.iter().all(Value::is_null), "{found:?}");
    let page = page(&rows);
    assert!(page.contains("One seed on some task") && page.contains("(one seed)</text>"));
    // Neither a band nor a bar is drawn.
    assert!(!page.contains("class=\"b\"") && !page.contains("class=\"i\""));
    assert!(self::page(&two_methods()).contains("class=\"b\""));
}

#[test]
fn the_headline_says_how_sure_it_is() {
    let headline = |scores: [&[f64]; 2]| {
        let of_method = |(method, scores): (&str, &[f64])| -> Vec<Value> {
            let seeds = 0..scores.len() as u64;
            seeds.zip(scores).map(|(seed, &score)| run("A", method, seed, score)).collect()
        };
        let rows = [("fpo", scores[0]), ("ppo", scores[1])].map(of_method).concat();
        let headline = report(&rows, &[])["headline"].clone();
        let text = |field: &str| headline[field].as_str().unwrap().to_owned();
        (text("verdict"), text("certainty"))
    };
    let (verdict, certainty) =
        headline([&[10.0, 11.0, 12.0, 13.0, 14.0], &[1.0, 2.0, 3.0, 4.0, 5.0]]);
    assert!(verdict.starts_with("fpo leads on A with a mean return of 12.00 ["), "{verdict}");
    assert!(verdict.contains("], 9.00 [") && verdict.contains("] ahead of ppo at 3.00 ["));
    assert!(certainty.contains("excludes zero") && !certainty.contains("too narrow"));
    assert!(certainty.contains("with probability 1.00 [1.00, 1.00]"), "{certainty}");

    let (verdict, certainty) = headline([&[10.0, 20.0], &[9.0, 22.0]]);
    assert!(verdict.starts_with("ppo leads on A"), "{verdict}");
    assert!(certainty.contains("includes zero") && certainty.contains("too narrow"));

    let (verdict, _) = headline([&[10.0, 20.0], &[20.0, 10.0]]);
    assert!(verdict.starts_with("fpo and ppo share the lead on A"), "{verdict}");
}

#[test]
fn settings_name_entries_and_two_configurations_are_never_averaged() {
    let tuned = |rate: f64, seed: u64, score: f64| {
        let settings = json!({"optimizer.learning_rate": rate, "train.num_epochs": 4});
        let row = run("Classic/Pendulum", "fpo", seed, score);
        let row = with(row, json!({"settings": settings, "digest": format!("{rate}")}));
        let mut row = row;
        row["config"]["optimizer.learning_rate"] = json!(rate);
        row
    };
    let rows: Vec<Value> = [(0.001, 120.0), (0.01, 150.0), (0.1, 30.0)]
        .into_iter()
        .flat_map(|(rate, score)| [tuned(rate, 0, score), tuned(rate, 1, score + 2.0)])
        .collect();
    let tuning = report(&rows, &[]);
    let expected = ["fpo learning_rate=0.01", "fpo learning_rate=0.001", "fpo learning_rate=0.1"];
    assert_eq!(labels(&tuning), expected);
    let picture = &tuning["sensitivity"][0];
    assert_eq!(picture["setting"], "optimizer.learning_rate");
    let means = picture["means"].as_array().unwrap().iter();
    let means: Vec<f64> = means.map(|mean| mean["mean"].as_f64().unwrap()).collect();
    assert_eq!(means, [121.0, 151.0, 31.0]);
    assert_eq!(tuning["best"][0]["configurations"][0]["entry"], expected[0]);
    assert_eq!(tuning["sensitivity"].as_array().unwrap().len(), 1, "one value is no setting");

    let mut rows = two_methods();
    let mut other = with(rows[0].clone(), json!({"digest": "another", "seed": 9}));
    other["config"]["algorithm.clip_epsilon"] = json!(0.2);
    rows.push(other);
    let split = report(&rows, &[]);
    let mut found = labels(&split);
    found.sort();
    assert_eq!(found, ["fpo clip_epsilon=0.2", "fpo clip_epsilon=default", "ppo"]);
    assert!(notes(&split, "label")[0].contains("algorithm.clip_epsilon"));
    let cells = split["tasks"][0]["cells"].as_array().unwrap();
    assert!(cells.iter().all(|cell| cell["n"].as_u64().unwrap() <= 3), "{cells:?}");
}

#[test]
fn references_replace_the_bounds_and_the_paper_stands_beside_its_ten_tasks() {
    let dir = tempdir().unwrap();
    let text = "[\"Classic/Pendulum\"]\nlow = 50\nhigh = 150\npaper = { ppo = 99.5 }\n";
    fs::write(dir.path().join("own.toml"), text).unwrap();
    write(dir.path(), "r.jsonl", &two_methods());
    let args = ["report", "r.jsonl", "--references", "own.toml", "-o", "r.json", "-o", "r.md"];
    succeed(dir.path(), &args);
    let own: Value = serde_json::from_slice(&fs::read(dir.path().join("r.json")).unwrap()).unwrap();
    let task = &own["tasks"][0];
    assert_eq!(task["scale"], json!({"low": 50.0, "high": 150.0, "origin": "file"}));
    near(&task["cells"][0]["runs"][0]["normalised"], 0.5);
    let markdown = fs::read_to_string(dir.path().join("r.md")).unwrap();
    assert!(markdown.contains("| ppo, as published | – | 99.5 |"), "{markdown}");

    let tasks = [
        "BallInCup",
        "CartpoleBalance",
        "CheetahRun",
        "FingerSpin",
        "FingerTurnEasy",
        "FingerTurnHard",
        "FishSwim",
        "PointMass",
        "ReacherEasy",
        "ReacherHard",
    ];
    let ten: Vec<Value> = tasks
        .iter()
        .flat_map(|task| [run(task, "fpo", 0, 700.0), run(task, "mine", 0, 600.0)])
        .collect();
    let paper = |rows: &[Value]| report(rows, &[])["overall"]["paper"].clone();
    assert_eq!(paper(&ten)["fpo"]["mean"], 759.3);
    #[cfg(feature = "mujoco")]
    near(&paper(&ten)["fpo"]["normalised"], 0.7593);
    assert_eq!(paper(&ten[2..]), json!({}), "nine tasks are not the paper's");
    assert!(page(&ten).contains("759.3 ± 45.3"));
}

#[test]
fn a_task_without_reachable_bounds_is_normalised_by_the_scores_that_were_seen() {
    // Episodes of the grid world end at a goal: none earns the bound of a step at each step.
    let world = |seed, score| run("GridWorld/two_walls", "fpo", seed, score);
    let found = report(&[world(0, -10.0), world(1, 20.0), world(2, 5.0)], &[]);
    let scale = json!({"low": -10.0, "high": 20.0, "origin": "seen"});
    assert_eq!(found["tasks"][0]["scale"], scale);
    near(&found["tasks"][0]["cells"][0]["runs"][2]["normalised"], 0.5);
    assert!(notes(&found, "scale")[0].contains("GridWorld/two_walls (−10.00 to 20.00)"));

    let equal = report(&[world(0, 20.0), world(1, 20.0)], &[]);
    assert!(equal["tasks"][0]["scale"].is_null() && equal["overall"].is_null());
    assert_eq!(notes(&equal, "tasks"), ["GridWorld/two_walls: all scores are equal"]);
    let verdict = "fpo has a mean return of 20.0 on GridWorld/two_walls.";
    assert_eq!(equal["headline"]["verdict"], verdict);
}

#[test]
fn the_best_evaluation_is_the_score_only_when_asked_for() {
    let rows: Vec<Value> =
        two_methods().into_iter().map(|row| with(row, json!({"best": 199.0}))).collect();
    let score = |args: &[&str]| report(&rows, args)["tasks"][0]["cells"][0]["mean"].clone();
    assert_eq!((score(&[]), score(&["--score", "best"])), (json!(120.0), json!(199.0)));
}

#[test]
fn tasks_that_an_entry_lacks_are_left_out_over_all_and_named() {
    let rows = &two_methods()[..9];
    let report = report(rows, &[]);
    assert_eq!(report["overall"]["tasks"], json!(["Classic/Pendulum"]));
    assert_eq!(notes(&report, "tasks"), ["Classic/Cartpole: no result of ppo"]);
    let apart = self::report(&[rows[0].clone(), two_methods()[9].clone()], &[]);
    assert!(apart["overall"].is_null());
    assert!(apart["headline"]["verdict"].as_str().unwrap().contains("nothing leads"));
}

#[test]
fn a_page_with_strange_names_is_well_formed_complete_and_alone() {
    let name = "a<b>&\"c\"'d'|*_\u{7}—é";
    let mut rows = two_methods();
    for row in rows.iter_mut().filter(|row| row["method"] == "ppo") {
        row["method"] = json!(name);
    }
    rows.extend((0..9).map(|at| run("Classic/Pendulum", &format!("m{at}"), 0, f64::from(at))));
    rows.extend((0..9).map(|at| run("Classic/Cartpole", &format!("m{at}"), 0, f64::from(at))));
    let html = page(&rows);
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let page = roxmltree::Document::parse_with_options(&html, options).unwrap();
    let elements =
        |tag: &'static str| page.descendants().filter(move |node| node.tag_name().name() == tag);
    let texts: Vec<&str> = page.descendants().filter_map(|node| node.text()).collect();
    let shown = name.replace('\u{7}', "\\u{7}");
    assert!(texts.contains(&shown.as_str()), "{shown} is not there as it is");
    // Every entry stands in the table over all tasks; the charts have the eight best.
    for at in 0..9 {
        assert!(texts.contains(&format!("m{at}").as_str()), "m{at}");
    }
    assert!(html.contains("Charts show the 8 best of 11 entries"));
    // Four aggregates, finals, curves over steps and wall-clock of two tasks, profiles,
    // improvement.
    assert_eq!(elements("figure").count(), 4 + 2 + 4 + 1 + 1);
    for node in page.descendants().filter(|node| node.is_element()) {
        for attribute in node.attributes() {
            let name = attribute.name();
            assert!(!["src", "onload", "onclick"].contains(&name), "{name}");
            if name == "href" {
                let id = attribute.value().strip_prefix('#').expect("links stay on the page");
                assert!(page.descendants().any(|node| node.attribute("id") == Some(id)), "{id}");
            }
            if name == "viewBox" || name == "d" || name == "points" {
                assert!(!attribute.value().contains("NaN") && !attribute.value().contains("inf"));
            }
        }
    }
    assert!(elements("script").next().is_none() && !html.contains("@import"));
    assert!(!html.replace("http://www.w3.org/", "").contains("http"), "the page loads something");
}

#[test]
fn the_same_input_gives_the_same_bytes_for_any_number_of_threads() {
    let dir = tempdir().unwrap();
    write(dir.path(), "results.jsonl", &two_methods());
    let mut made = Vec::new();
    for threads in ["1", "3"] {
        let args = ["report", ".", "-o", "a.html", "-o", "a.json", "-o", "a.md", "-o", "a.csv"];
        let output = fpo(dir.path()).args(args).env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert!(output.status.success());
        let read = |end: &str| fs::read(dir.path().join(format!("a.{end}"))).unwrap();
        made.push(["html", "json", "md", "csv"].map(read));
    }
    assert!(made[0] == made[1]);
}

#[test]
fn what_cannot_be_reported_is_told_in_one_line() {
    let dir = tempdir().unwrap();
    let path = dir.path();
    write(path, "good.jsonl", &two_methods());
    let text = fs::read_to_string(path.join("good.jsonl")).unwrap();
    fs::write(path.join("damaged.jsonl"), format!("{text}{{\"format\":1,\n")).unwrap();
    fs::write(path.join("later.jsonl"), text.replacen("\"format\":1", "\"format\":2", 1)).unwrap();
    fs::write(path.join("empty.jsonl"), "").unwrap();
    fs::create_dir_all(path.join("folder/inner")).unwrap();
    fs::write(path.join("wrong.toml"), "[A]\nlow = 1\n").unwrap();
    fs::write(path.join("unknown.toml"), "[A]\nlo = 1\n").unwrap();
    let negative = text.replacen("\"seed\":1", "\"seed\":-1", 1);
    fs::write(path.join("negative.jsonl"), negative).unwrap();
    for (args, code, words) in [
        (&["damaged.jsonl"][..], 1, &["damaged.jsonl:13: EOF", " at column 12\n"][..]),
        (&["negative.jsonl"], 1, &["negative.jsonl:2: `seed`: invalid value: integer `-1`"]),
        (&["later.jsonl"], 1, &["later.jsonl:1: ", "format 2", "reads format 1"]),
        (&["empty.jsonl"], 1, &["there is no run in empty.jsonl"]),
        (&["nowhere"], 1, &["nowhere"]),
        (&["folder"], 1, &["folder is neither a run", "results*.jsonl"]),
        (&["good.jsonl", "-o", "a.pdf"], 2, &["a.pdf", ".html, .md, .json or .csv"]),
        (&["good.jsonl", "-o", "no/a.html"], 1, &["cannot write no/a.html"]),
        (&["good.jsonl", "--references", "wrong.toml"], 2, &["wrong.toml", "both low and high"]),
        (&["good.jsonl", "--references", "unknown.toml"], 2, &["unknown.toml:2:1: unknown field"]),
        (&["good.jsonl", "--references", "no.toml"], 1, &["no.toml"]),
        (&["good.jsonl", "--score", "worst"], 2, &["worst"]),
        (&[], 2, &["DIR|RUN|FILE"]),
    ] {
        let text = fail(path, &[&["report"], args].concat(), code, words);
        assert!(code == 2 || text.trim_end().lines().count() == 1, "{text}");
    }
}
