//! Tests `fpo render`: what its pictures show is where the policy was, and what cannot be drawn is
//! told in one line.
//!
//! MuJoCo tasks need an OpenGL without a window. Where a machine has none, their test looks at the
//! error instead, and says so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::path::Path;

use common::{fail, fpo, small_config, stderr, succeed};
use fpo_core::TensorFile;
use gif::{ColorOutput, DecodeOptions};
use resvg::tiny_skia::Pixmap;
use tempfile::tempdir;

/// Room around pictures, and heights of the lines above one in a GIF, above a block of a sheet, and
/// below a picture of a sheet, in pixels.
const GAP: usize = 12;
const GIF_HEAD: usize = 42;
const SHEET_HEAD: usize = 30;
const SHEET_FOOT: usize = 18;
/// Side of a map in the tests, in pixels, and of its drawing with the numbers around it.
const SIDE: usize = 228;
const DRAWING: f64 = 456.0;
/// The colour of the agent.
const AGENT: [u8; 3] = [0, 114, 178];

/// Colours of a picture, row by row.
struct Picture {
    width: usize,
    rgb: Vec<[u8; 3]>,
}

impl Picture {
    fn height(&self) -> usize {
        self.rgb.len() / self.width
    }

    /// Returns how many pixels from (`x`, `y`) on have nearly this `colour`, and their middle.
    fn blob(&self, (x, y): (usize, usize), side: usize, colour: [u8; 3]) -> (usize, [f64; 2]) {
        let (mut count, mut sum) = (0, [0.0; 2]);
        for (down, right) in (0..side).flat_map(|down| (0..side).map(move |right| (down, right))) {
            let found = self.rgb[(y + down) * self.width + x + right];
            if (0..3).all(|i| found[i].abs_diff(colour[i]) < 24) {
                count += 1;
                sum = [sum[0] + right as f64 + 0.5, sum[1] + down as f64 + 0.5];
            }
        }
        (count, sum.map(|sum| sum / f64::from(count.max(1) as u32)))
    }
}

/// Returns the frames of a GIF as they are seen, and how long each stays, in hundredths of a
/// second.
fn frames(path: &Path) -> (Vec<Picture>, Vec<u16>) {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    let mut decoder = options.read_info(std::fs::File::open(path).unwrap()).unwrap();
    let width = usize::from(decoder.width());
    let mut canvas = vec![[0; 3]; width * usize::from(decoder.height())];
    let (mut pictures, mut delays) = (Vec::new(), Vec::new());
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        let (left, top) = (usize::from(frame.left), usize::from(frame.top));
        for (place, pixel) in frame.buffer.chunks_exact(4).enumerate() {
            let (x, y) = (place % usize::from(frame.width), place / usize::from(frame.width));
            if pixel[3] > 0 {
                canvas[(top + y) * width + left + x].copy_from_slice(&pixel[..3]);
            }
        }
        pictures.push(Picture { width, rgb: canvas.clone() });
        delays.push(frame.delay);
    }
    (pictures, delays)
}

fn png(path: &Path) -> Picture {
    let pixels = Pixmap::decode_png(&std::fs::read(path).unwrap()).unwrap();
    let rgb = pixels.pixels().iter().map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]);
    Picture { width: pixels.width() as usize, rgb: rgb.collect() }
}

/// Plays one episode of the random player, and returns the cell before each of its steps as the
/// recording has it, and the line that `fpo envs` prints.
fn recorded(folder: &Path, task: &str, seed: &str) -> (Vec<[f64; 2]>, String) {
    let args = ["envs", task, "--rollout", "random", "--episodes", "1", "--seed", seed];
    let line = succeed(folder, &[&args[..], &["--record", "steps.safetensors"]].concat());
    let bytes = std::fs::read(folder.join("steps.safetensors")).unwrap();
    let file = TensorFile::from_bytes(&bytes).unwrap();
    let obs = file.f32("obs").unwrap();
    let cell = |x: &f32| (f64::from(*x) * 12.0 + 12.0).round();
    (obs.chunks_exact(2).map(|obs| [cell(&obs[0]), cell(&obs[1])]).collect(), line)
}

/// Checks that the agent of the map with its upper left corner at `corner` is in cell (x, y).
fn require_agent_at(picture: &Picture, corner: (usize, usize), [x, y]: [f64; 2]) {
    let scale = SIDE as f64 / DRAWING;
    let expected = [24.0 + (x + 0.5) * 17.0, 6.0 + (24.5 - y) * 17.0].map(|at| at * scale);
    let (count, found) = picture.blob(corner, SIDE, AGENT);
    assert!(count > 20, "{count} pixels have the colour of the agent");
    let off = (found[0] - expected[0]).hypot(found[1] - expected[1]);
    assert!(off < 1.5, "the agent is at {found:?} instead of {expected:?}, in cell ({x}, {y})");
}

#[test]
fn an_animation_of_the_grid_world_shows_the_agent_where_it_is() {
    let dir = tempdir().unwrap();
    let task = "GridWorld/three_goals";
    let (cells, line) = recorded(dir.path(), task, "5");
    let args = ["render", "random", "--task", task, "--seed", "5", "--size", "228x228", "-o"];
    let said = succeed(dir.path(), &[&args[..], &["a.gif"]].concat());
    // `return -10.0 (min …` and `random: return -10.0 in 38 steps`
    let earned = line.split(' ').nth(1).unwrap();
    assert!(said.contains(&format!("return {earned} in {} steps", cells.len())), "{said}\n{line}");
    let (pictures, delays) = frames(&dir.path().join("a.gif"));
    // Every step, and the cell in which the episode ended; at most ten seconds of it.
    let shown = cells.len().min(50);
    assert_eq!(pictures.len(), shown + 1);
    assert!(delays[..shown].iter().all(|&delay| delay == 20) && delays[shown] == 100, "{delays:?}");
    for (picture, &cell) in pictures.iter().zip(&cells) {
        assert_eq!((picture.width, picture.height()), (SIDE + 2 * GAP, SIDE + 2 * GAP + GIF_HEAD));
        require_agent_at(picture, (GAP, GIF_HEAD + 8), cell);
    }
    for (pair, cells) in pictures.windows(2).zip(cells.windows(2)) {
        assert!(pair[0].rgb != pair[1].rgb, "the step from {cells:?} is not to be seen");
    }
    let bytes = std::fs::read(dir.path().join("a.gif")).unwrap();
    succeed(dir.path(), &[&args[..], &["b.gif"]].concat());
    assert!(bytes == std::fs::read(dir.path().join("b.gif")).unwrap(), "not the same bytes again");
}

#[test]
fn a_sheet_has_a_block_for_each_policy_and_episode_and_ends_with_the_last_moment() {
    let dir = tempdir().unwrap();
    let task = "GridWorld/two_walls";
    let (cells, _) = recorded(dir.path(), task, "3");
    let args = ["render", "random", "zero", "--task", task, "--seed", "3", "--sheet", "3x2"];
    let length = (cells.len() - 1).min(10).to_string();
    let more = ["--size", "228x228", "--length", &length, "--title", "a", "--title", "b"];
    let said = succeed(dir.path(), &[&args[..], &more, &["-o", "a.png"]].concat());
    assert!(said.contains("\na: return") && said.contains("\nb: return"), "{said}");
    let page = png(&dir.path().join("a.png"));
    let row = SIDE + SHEET_FOOT + GAP;
    let block = SHEET_HEAD + 2 * row;
    assert_eq!((page.width, page.height()), (GAP + 3 * (SIDE + GAP), GAP + 2 * block));
    let length: usize = length.parse().unwrap();
    let corner = |place: usize, block_above: usize| {
        (GAP + place % 3 * (SIDE + GAP), GAP + block_above + SHEET_HEAD + place / 3 * row)
    };
    require_agent_at(&page, corner(0, 0), cells[0]);
    require_agent_at(&page, corner(5, 0), cells[length]);
    for place in [0, 2, 5] {
        require_agent_at(&page, corner(place, block), cells[0]);
    }
}

#[test]
fn a_trained_policy_is_drawn_from_its_run_and_from_its_file() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "Classic/MultiGoal");
    succeed(dir.path(), &["train", config.to_str().unwrap(), "--out", "run"]);
    let eval = ["eval", "run", "--episodes", "2", "--json"];
    let report: serde_json::Value = serde_json::from_str(&succeed(dir.path(), &eval)).unwrap();
    let args = ["render", "run", "--episodes", "2", "--size", "96x96", "-o", "a.gif"];
    let said = succeed(dir.path(), &args);
    let low = format!("return {:.1} in", report["return_min"].as_f64().unwrap());
    let high = format!("return {:.1} in", report["return_max"].as_f64().unwrap());
    assert!(said.contains(&low) && said.contains(&high), "{said}\n{report}");
    let (pictures, delays) = frames(&dir.path().join("a.gif"));
    assert_eq!(delays.iter().filter(|&&delay| delay == 100).count(), 2, "an end for each episode");
    assert!(pictures.windows(2).any(|pair| pair[0].rgb != pair[1].rgb));
    // Without the run's own seed other episodes are played, by another sampler in another way.
    let more = ["--seed", "1", "--steps", "3", "--start", "zero", "--best", "-o", "b.gif"];
    succeed(dir.path(), &[&["render", "run", "--size", "96x96"], &more[..]].concat());
    let file = ["render", "run/policy.safetensors", "zero", "--size", "96x96", "-o", "c.png"];
    let said = succeed(dir.path(), &file);
    assert!(said.contains("\npolicy: return") && said.contains("\nzero: return"), "{said}");
}

#[test]
fn a_task_may_be_called_by_its_short_name_and_one_step_is_not_steps() {
    let dir = tempdir().unwrap();
    let args = ["render", "zero", "--task", "two_slits", "--length", "1", "--sheet", "2x1"];
    let said = succeed(dir.path(), &[&args[..], &["--size", "64x64", "-o", "a.png"]].concat());
    assert!(said.starts_with("GridWorld/two_slits, 1 episode of seed 1000000, "), "{said}");
    assert!(said.trim_end().ends_with(" in 1 step"), "{said}");
}

#[test]
fn every_drawing_moves_with_its_task() {
    let dir = tempdir().unwrap();
    let multi_goals = ["Classic/MultiGoal", "Classic/DrawnGoal"];
    for task in ["Classic/Pendulum", "Classic/Cartpole"].into_iter().chain(multi_goals) {
        let args = ["render", "random", "--task", task, "--length", "4", "--fps", "50"];
        succeed(dir.path(), &[&args[..], &["--size", "180x180", "-o", "a.gif"]].concat());
        let (pictures, _) = frames(&dir.path().join("a.gif"));
        assert_eq!(pictures.len(), 5, "{task}");
        let agents = pictures.iter().map(|picture| picture.blob((GAP, 50), 180, AGENT));
        let agents: Vec<_> = agents.collect();
        assert!(agents.iter().all(|(count, _)| *count > 10), "{task}: {agents:?}");
        let [from, to] = [agents[0].1, agents[4].1];
        assert!((from[0] - to[0]).hypot(from[1] - to[1]) > 0.05, "{task}: {agents:?}");
    }
}

#[cfg(feature = "render")]
#[test]
fn a_mujoco_task_is_drawn_where_there_is_opengl_and_told_what_is_missing_elsewhere() {
    let dir = tempdir().unwrap();
    let args = ["render", "random", "--task", "CheetahRun", "--length", "20", "--every", "10"];
    let args = [&args[..], &["--size", "128x96", "--camera", "corner", "-o", "a.gif"]].concat();
    let output = fpo(dir.path()).args(&args).output().unwrap();
    if !output.status.success() {
        let text = stderr(&output);
        println!("no OpenGL without a window here, so the error was tested: {text}");
        assert_eq!(output.status.code(), Some(1), "{text}");
        for word in ["cannot draw CheetahRun", "libegl1", "libosmesa6"] {
            assert!(text.contains(word), "{text}");
        }
        assert!(!dir.path().join("a.gif").exists());
        return;
    }
    println!("drawn by OpenGL: {}", String::from_utf8_lossy(&output.stdout));
    let (pictures, delays) = frames(&dir.path().join("a.gif"));
    assert_eq!(delays, [10, 10, 100]);
    for picture in &pictures {
        assert_eq!((picture.width, picture.height()), (128 + 2 * GAP, 96 + 2 * GAP + GIF_HEAD));
        let orange = |[red, _, blue]: &&[u8; 3]| *red > 90 && red - blue.min(red) > 60;
        let body = picture.rgb.iter().filter(orange).count();
        assert!((100..3000).contains(&body), "{body} pixels of the body");
    }
    assert!(pictures.windows(2).all(|pair| pair[0].rgb != pair[1].rgb));
    let known = ["--camera", "0 side, 1 corner"];
    fail(
        dir.path(),
        &["render", "zero", "--task", "CheetahRun", "--camera", "attic", "-o", "b.png"],
        2,
        &known,
    );
}

/// Files that are no libraries stand in front of those of the machine, which then has none.
#[cfg(all(feature = "render", target_os = "linux", target_env = "gnu"))]
#[test]
fn without_opengl_everything_but_mujoco_is_drawn() {
    let dir = tempdir().unwrap();
    for name in ["libEGL.so.1", "libEGL.so", "libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so"] {
        std::fs::write(dir.path().join(name), "no library").unwrap();
    }
    let run = |args: &[&str]| {
        let mut command = fpo(dir.path());
        command.args(args).env("LD_LIBRARY_PATH", dir.path()).env_remove("MUJOCO_GL");
        command.output().unwrap()
    };
    let output = run(&["render", "zero", "--task", "CheetahRun", "-o", "a.png"]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for word in ["cannot draw CheetahRun", "EGL: no libEGL.so.1", "libegl1", "libosmesa6"] {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
    assert!(!dir.path().join("a.png").exists());
    let output = run(&["render", "zero", "--task", "Classic/Pendulum", "-o", "a.png"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let doctor = run(&["doctor"]);
    let text = String::from_utf8(doctor.stdout).unwrap();
    let advice = text.lines().skip_while(|line| !line.starts_with("rendering -")).nth(1);
    assert!(
        doctor.status.success() && advice.is_some_and(|line| line.contains("libegl1")),
        "{text}"
    );
}

#[test]
fn what_cannot_be_drawn_is_told_in_one_line() {
    let dir = tempdir().unwrap();
    std::fs::write(dir.path().join("p.gif"), "no policy").unwrap();
    let classic = ["zero", "--task", "Classic/Pendulum"];
    for (args, code, words) in [
        (&["zero", "-o", "a.gif"][..], 2, &["zero", "--task"][..]),
        (&["zero", "--task", "Classic/Pendulun", "-o", "a.gif"], 2, &["Classic/Pendulum"]),
        (&["nowhere", "-o", "a.gif"], 1, &["nowhere"]),
        (&["p.gif", "-o", "p.gif"], 2, &["--output", "p.gif"]),
        (&["p.gif", "-o", "a.gif"], 1, &["p.gif", "safetensors"]),
        (&[&classic[..], &["-o", "a.bmp"]].concat(), 2, &["a.bmp", ".gif", ".png"]),
        (&[&classic[..], &["-o", "none/a.gif"]].concat(), 1, &["cannot write", "none/a.gif"]),
        (&[&classic[..], &["--size", "9x9", "-o", "a.gif"]].concat(), 2, &["--size", "64 to 2048"]),
        (&[&classic[..], &["--size", "99", "-o", "a.gif"]].concat(), 2, &["--size", "320x240"]),
        (
            &[&classic[..], &["--camera", "top", "-o", "a.gif"]].concat(),
            2,
            &["--camera", "drawing"],
        ),
        (&[&classic[..], &["--length", "201", "-o", "a.gif"]].concat(), 2, &["--length", "200"]),
        (&[&classic[..], &["--sheet", "2x2", "-o", "a.gif"]].concat(), 2, &["--sheet", ".png"]),
        (&[&classic[..], &["--every", "2", "-o", "a.png"]].concat(), 2, &["--every", ".gif"]),
        (
            &[&classic[..], &["--title", "a", "--title", "b", "-o", "a.gif"]].concat(),
            2,
            &["--title is given 2 times for 1 policy: "],
        ),
        (
            &["zero", "--task", "Classic/Cartpole", "--fps", "99", "-o", "a.gif"],
            2,
            &["--fps", "50"],
        ),
    ] {
        fail(dir.path(), &[&["render"], args].concat(), code, words);
    }
    let mut command = fpo(dir.path());
    let args = ["render", "zero", "--task", "CheetahRun", "-o", "a.gif"];
    let output = command.args(args).env("MUJOCO_GL", "glfw").output().unwrap();
    let text = stderr(&output);
    if cfg!(feature = "render") {
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("MUJOCO_GL=glfw") && text.contains("egl or osmesa"), "{text}");
    }
    assert!(!dir.path().join("a.gif").exists());
    assert_eq!(std::fs::read(dir.path().join("p.gif")).unwrap(), b"no policy");
}
