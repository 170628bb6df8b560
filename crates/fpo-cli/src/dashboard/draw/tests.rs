//! Frames of a run whose numbers are known.

use crate::dashboard::course::{Course, Run};
use crate::dashboard::draw::{Panel, View};
use crate::dashboard::painter::as_text;
use crate::results::standing::Standing;
use crate::terminal::reporter::{Phase, Wishes};

/// The course of a run of ten iterations, of which five are made.
fn course() -> Course {
    let mut course = Course::of(Run {
        task: "CheetahRun".into(),
        method: "fpo++".into(),
        seed: 3,
        device: "cpu, 2 threads".into(),
        folder: "runs/x".into(),
        steps_total: 1_000_000,
    });
    for iteration in 1..=5_u64 {
        let at = iteration as f64;
        let metrics = [
            ("eval/episode_return_mean", 100.0 * at),
            ("eval/episode_return_stderr", 2.5),
            ("rollout/episode_return_mean", 90.0 * at),
            ("train/clip_fraction", 0.125),
            ("train/ratio_min", 0.5),
            ("train/ratio_mean", 1.0),
            ("train/ratio_max", 1.75),
            ("train/kl", f64::NAN),
            ("train/learning_rate", 3e-4),
            ("train/value_loss", 0.25),
            ("train/cfm_loss_old", 5.0),
            ("time/env_s", 3.0),
            ("time/policy_s", 1.0),
            ("time/steps_per_s", 25_000.0),
            ("time/elapsed_s", 4.0 * at),
        ];
        course.add(iteration * 100_000, metrics);
    }
    course.steps_per_s = 25_000.0;
    course.phase = Some(Phase { name: "update", done: 3, total: 16 });
    course.story = vec!["fpo 0.1.0 · greeting".into(), "warning: the return fell".into()];
    course
}

fn shown(panel: Panel, size: (u16, u16)) -> String {
    as_text(&course(), &View { panel, ..View::default() }, size)
}

/// Asserts that the frame has all of these parts.
fn assert_has(frame: &str, parts: &[&str]) {
    for part in parts {
        assert!(frame.contains(part), "no `{part}` in\n{frame}");
    }
}

#[test]
fn the_overview_has_what_a_person_asks_for_first() {
    let frame = shown(Panel::Overview, (110, 34));
    assert_has(
        &frame,
        &[
            "running · fpo++ on CheetahRun · seed 3 · cpu, 2 threads",
            "50 % ███",
            "500k/1M steps  25,000 steps/s  20s gone  20s left  [update 3/16]",
            "return training 450.0 evaluation 500.0",
            "500.0 ± 2.500",
            "500.0 at 500k",
            "0.500 … 1.750",
            "exact KL",
            "NaN",
            "3.0e-4",
            "time of an iteration, 4.000 s",
            "physics      75 %",
            "warning: the return fell",
            "warnings",
            "s save  e evaluate  q quit  ? help",
        ],
    );
    assert!(frame.chars().any(|letter| ('\u{2801}'..='\u{28ff}').contains(&letter)), "{frame}");
}

#[test]
fn a_small_terminal_still_has_the_curve_and_the_first_numbers() {
    let frame = shown(Panel::Overview, (60, 16));
    assert_has(
        &frame,
        &["500k/1M steps", "return training 450.0", "500.0 ± 2.500", "clip fraction"],
    );
    assert!(frame.lines().all(|line| line.chars().count() <= 60), "{frame}");
}

#[test]
fn every_panel_shows_its_curves() {
    assert_has(
        &shown(Panel::Learning, (100, 30)),
        &["loss of actions before 5.000", "value loss 0.250"],
    );
    let updates = shown(Panel::Updates, (100, 30));
    assert_has(
        &updates,
        &["ratio largest 1.750 mean 1.000 smallest 0.500", "clip fraction 0.125", "nothing yet"],
    );
    assert_has(&shown(Panel::Time, (100, 30)), &["steps/s 25000", "policy       25 %"]);
    assert_has(&shown(Panel::Story, (100, 30)), &["fpo 0.1.0 · greeting"]);
}

#[test]
fn a_frame_of_any_size_and_any_numbers_is_drawn() {
    let strange = [0.0, -0.0, f64::MAX, f64::MIN, f64::INFINITY, 1e-300, f64::NAN, -5.0];
    let mut wild = Course::of(Run { steps_total: 0, ..Run::default() });
    for (at, value) in strange.into_iter().enumerate() {
        wild.add(at as u64, course().keys().map(|key| (key, value)));
    }
    for course in [Course::default(), course(), wild] {
        for panel in Panel::ALL {
            for size in [(1, 1), (2, 5), (20, 3), (37, 9), (60, 16), (89, 17), (90, 18), (300, 90)]
            {
                let view = View { panel, help: size.0 % 2 == 0, ..View::default() };
                let frame = as_text(&course, &view, size);
                assert_eq!(frame.split('\n').count(), usize::from(size.1));
            }
        }
    }
}

#[test]
fn what_waits_and_how_the_run_stands_is_told() {
    let waiting = Wishes { save: true, evaluate: true };
    let view = View { waiting, ..View::default() };
    assert_has(&as_text(&course(), &view, (110, 30)), &["will save and evaluate"]);
    let mut ended = course();
    ended.standing = Standing::Diverged;
    ended.phase = None;
    let view = View { is_watched: true, help: true, ..View::default() };
    let frame = as_text(&ended, &view, (110, 30));
    assert_has(&frame, &["diverged · ", "q leave", "the run goes on"]);
    assert!(!frame.contains(" left  ") && !frame.contains("steps/s  "), "{frame}");
}
