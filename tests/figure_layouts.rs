//! Tests `fpo figure gridworld` on every layout: the picture's parts, its pixels and its numbers
//! agree.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::path::Path;

use common::{fpo, small_config, stderr, succeed};
use resvg::tiny_skia::{Pixmap, PremultipliedColorU8};
use serde_json::Value;
use tempfile::tempdir;

/// Each layout, and how many of the paper's four starts are free cells there.
const LAYOUTS: [(&str, usize); 5] = [
    ("two_walls", 4),
    ("three_goals", 3),
    ("tree_in_the_middle", 3),
    ("two_slits", 4),
    ("cshape", 2),
];

fn figure(folder: &Path, runs: &[&str], file: &str, flags: &[&str]) -> Value {
    let args = [&["figure", "gridworld"], runs, &["-o", file, "--json"], flags].concat();
    serde_json::from_str(&succeed(folder, &args)).unwrap()
}

/// Returns how many elements `name` the groups of class `class` hold.
fn count(svg: &str, class: &str, name: &str) -> usize {
    let groups = svg.split("<g class=\"").skip(1).filter(|group| group.starts_with(class));
    groups.map(|group| group.split("</g>").next().unwrap().matches(name).count()).sum()
}

/// Fails unless each element is closed in the order in which it was opened.
fn assert_well_formed(svg: &str) {
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let name = |tag: &str| tag.split_whitespace().next().unwrap().to_owned();
        match tag.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(name(closed))),
            None if tag.ends_with('/') => {}
            None => open.push(name(tag)),
        }
    }
    assert!(open.is_empty(), "{open:?} is never closed");
}

#[test]
fn every_layout_is_drawn_with_all_its_parts() {
    let dir = tempdir().unwrap();
    for (layout, starts) in LAYOUTS {
        let config = small_config(dir.path(), &format!("GridWorld/{layout}"));
        succeed(dir.path(), &["train", config.to_str().unwrap(), "--out", layout]);
        let report = figure(dir.path(), &[layout], "a.svg", &["--samples", "40"]);
        let svg = std::fs::read_to_string(dir.path().join("a.svg")).unwrap();
        assert_well_formed(&svg);

        let run = &report["runs"][0];
        assert_eq!(run["title"], layout);
        assert_eq!(run["starts"].as_array().unwrap().len(), starts, "{layout}");
        assert_eq!(count(&svg, "start\"", "<circle"), starts);
        assert_eq!(count(&svg, "episode\"", "<path"), 20 * starts);
        assert_eq!(count(&svg, "chosen-state", "<rect"), 3);
        let dots = ["up", "stay", "down"].map(|way| count(&svg, way, "<circle"));
        assert_eq!(dots.iter().sum::<usize>(), 3 * 40);
        for (way, share) in ["up", "stay", "down"].into_iter().zip(["forward", "stay", "back"]) {
            let of = |state: &Value| state["vertical"][share].as_f64().unwrap();
            let states = run["states"].as_array().unwrap();
            let expected = 40.0 * states.iter().map(of).sum::<f64>();
            let found = count(&svg, way, "<circle") as f64;
            assert!((found - expected).abs() < 1e-6, "{layout}: {found} {way}, not {expected}");
        }
        for start in run["starts"].as_array().unwrap() {
            let reached = start["reached"].as_array().unwrap().iter();
            let goals: u64 = reached.map(|n| n.as_u64().unwrap()).sum();
            let others = ["deaths", "unfinished"].map(|key| start[key].as_u64().unwrap());
            assert_eq!(goals + others[0] + others[1], 20, "{start}");
        }
        for state in run["states"].as_array().unwrap() {
            assert_eq!(state["modes"], state["mode_shares"].as_array().unwrap().len());
            assert!(svg.contains(&format!("dip {:.3}", state["dip"].as_f64().unwrap())));
        }
    }

    let both = ["two_walls", "cshape"];
    let named = ["--title", "A & B", "--title", "sea"];
    let report = figure(dir.path(), &both, "b.png", &[&named[..], &["--samples", "40"]].concat());
    let pixels = Pixmap::decode_png(&std::fs::read(dir.path().join("b.png")).unwrap()).unwrap();
    assert_eq!(report["width"].as_u64().unwrap(), u64::from(pixels.width()));
    assert_eq!(report["height"].as_u64().unwrap(), u64::from(pixels.height()));
    assert_eq!(report["runs"][0]["title"], "A & B");
    let of = |rgb: [u8; 3]| {
        let is = |p: &&PremultipliedColorU8| [p.red(), p.green(), p.blue()] == rgb;
        pixels.pixels().iter().filter(is).count() as f64 / pixels.pixels().len() as f64
    };
    // Goals have 125 of 1250 cells, walls 31; the maps are a good third of the picture.
    assert!((0.02..0.06).contains(&of([0xcd, 0xea, 0xe0])), "goals: {}", of([0xcd, 0xea, 0xe0]));
    assert!((0.005..0.02).contains(&of([0x5f; 3])), "walls: {}", of([0x5f; 3]));
    assert!((0.4..0.9).contains(&of([0xff; 3])), "white: {}", of([0xff; 3]));

    let again = figure(dir.path(), &both, "c.png", &["--samples", "40", "--seed", "1"]);
    assert_ne!(again["runs"][0]["states"], report["runs"][0]["states"], "another seed");
    let table = succeed(dir.path(), &["figure", "gridworld", "cshape", "-o", "c.svg"]);
    for words in ["(18, 12) saddle", "goal A (x 10–14, y 10–14)", "500 samples at", "modes"] {
        assert!(table.contains(words), "no {words} in {table}");
    }

    for (args, code, words) in [
        (&["cshape", "-o", "x"][..], 2, "must end in .svg or .png"),
        (&["cshape", "-o", "none/x.svg"], 1, "none/x.svg"),
        (&["cshape", "-o", "x.svg", "--title", "a", "--title", "b"], 2, "2 times for 1 run"),
        (&["cshape", "-o", "x.svg", "--samples", "3"], 2, "--samples"),
        (&["none", "-o", "x.svg"], 1, "none"),
    ] {
        let output = fpo(dir.path()).args(["figure", "gridworld"]).args(args).output().unwrap();
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        assert!(text.contains(words), "{args:?}: no {words:?} in {text}");
        assert!(!dir.path().join("x.svg").exists());
    }
}
