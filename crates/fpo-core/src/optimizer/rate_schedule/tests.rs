//! Tests of learning-rate schedules against values computed by hand.

use super::*;

const BASE: f64 = 3e-4;

fn rate_at(schedule: RateSchedule, iteration: u64, num_iterations: u64) -> f64 {
    let mut rate = Rate::new(BASE);
    rate.begin(&schedule, BASE, (iteration, num_iterations));
    rate.current()
}

#[track_caller]
fn assert_near(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 1e-12, "{found}, expected {expected}");
}

#[test]
fn a_constant_rate_is_the_base() {
    for iteration in [0, 5, 10, 99] {
        assert_eq!(rate_at(RateSchedule::Constant, iteration, 10), BASE);
    }
}

#[test]
fn a_linear_rate_goes_from_the_base_to_its_fraction_and_stays_there() {
    let schedule = RateSchedule::Linear { to: 0.2 };
    // 3e-4·(1 − 0.8·i/10) by hand.
    for (iteration, expected) in [(1, 2.76e-4), (5, 1.8e-4), (9, 0.84e-4)] {
        assert_near(rate_at(schedule, iteration, 10), expected);
    }
    assert_eq!(rate_at(schedule, 0, 10), BASE);
    for iteration in [10, 11, u64::MAX] {
        assert_eq!(rate_at(schedule, iteration, 10), BASE * 0.2);
    }
    assert_eq!(rate_at(RateSchedule::Linear { to: 0.0 }, 10, 10), 0.0);
    assert_eq!(rate_at(schedule, 0, 0), BASE * 0.2, "a run without iterations is at its end");
}

#[test]
fn an_exponential_rate_halves_every_ln_2_over_decay_and_stops_at_the_floor() {
    let decay = std::f64::consts::LN_2 / 4.0;
    let schedule = RateSchedule::Exponential { decay, floor: 0.2 };
    for (iteration, share) in [(0, 1.0), (4, 0.5), (8, 0.25), (12, 0.2), (1 << 40, 0.2)] {
        assert_near(rate_at(schedule, iteration, 10), BASE * share);
    }
    // Humanoid tracking: exp(−1.5e-4·5000) = e^−0.75, and the floor from iteration 10,730 on.
    let tracking = RateSchedule::Exponential { decay: 1.5e-4, floor: 0.2 };
    assert_near(rate_at(tracking, 5000, 20_000), BASE * 0.472_366_552_741_014_7);
    assert!(rate_at(tracking, 10_729, 20_000) > BASE * 0.2);
    assert_eq!(rate_at(tracking, 10_730, 20_000), BASE * 0.2);
}

#[test]
fn an_adaptive_rate_answers_the_divergence() {
    let schedule = RateSchedule::adaptive(0.01);
    let mut rate = Rate::new(9e-4);
    // Down by 1.5 above 0.02, up by 1.5 below 0.005, and unmoved on and between the two.
    for (divergence, expected) in [
        (0.021, 6e-4),
        (0.02, 6e-4),
        (0.5, 4e-4),
        (0.01, 4e-4),
        (0.005, 4e-4),
        (0.0049, 6e-4),
        (2e-6, 9e-4),
        (f64::INFINITY, 6e-4),
    ] {
        rate.begin(&schedule, BASE, (3, 10));
        rate.after(&schedule, divergence, (3, 10));
        assert_near(rate.current(), expected);
    }
}

/// rsl_rl's schedule with a target that falls from 0.01.
fn adaptive_to(to: f64) -> RateSchedule {
    let RateSchedule::Adaptive { target, factor, min, max, .. } = RateSchedule::adaptive(0.01)
    else {
        unreachable!()
    };
    RateSchedule::Adaptive { target, to, measure: Measure::Ratios, factor, min, max }
}

#[test]
fn a_falling_target_is_answered_at_its_present_height() {
    // 0.01·(1 − 0.8·i/10): the target is 0.01, 0.006, and 0.002 at the end and beyond.
    for (iteration, divergence, expected) in [
        (0, 0.0051, 9e-4),
        (0, 0.0049, 13.5e-4),
        (5, 0.0031, 9e-4),
        (5, 0.0029, 13.5e-4),
        (5, 0.0119, 9e-4),
        (5, 0.0121, 6e-4),
        (10, 0.0041, 6e-4),
        (99, 0.0039, 9e-4),
    ] {
        let mut rate = Rate::new(9e-4);
        rate.after(&adaptive_to(0.2), divergence, (iteration, 10));
        assert_near(rate.current(), expected);
    }
}

#[test]
fn a_divergence_that_says_nothing_changes_nothing() {
    let schedule = RateSchedule::adaptive(0.01);
    for divergence in [f64::NAN, 0.0, -0.0, 1e-9, 1e-6, -1.0, f64::NEG_INFINITY] {
        let mut rate = Rate::new(BASE);
        rate.after(&schedule, divergence, (0, 1));
        assert_eq!(rate.current(), BASE, "{divergence}");
    }
}

#[test]
fn an_adaptive_rate_stays_within_its_bounds() {
    let schedule = RateSchedule::adaptive(0.01);
    let mut rate = Rate::new(BASE);
    for (divergence, bound) in [(1.0, 1e-5), (1e-3, 1e-2)] {
        for _ in 0..40 {
            rate.after(&schedule, divergence, (0, 1));
        }
        assert_eq!(rate.current(), bound);
    }
}

#[test]
fn only_an_adaptive_rate_follows_the_divergence() {
    let exponential = RateSchedule::Exponential { decay: 0.1, floor: 0.0 };
    for schedule in [RateSchedule::Constant, RateSchedule::Linear { to: 0.5 }, exponential] {
        let mut rate = Rate::new(BASE);
        rate.after(&schedule, 10.0, (0, 1));
        assert_eq!(rate.current(), BASE);
    }
}

#[test]
fn a_rate_saved_and_restored_in_the_middle_goes_on_with_the_same_bits() {
    let divergences = [0.03, 0.001, 0.002, 0.5, 0.01, 0.004, 0.1, 0.001];
    let exponential = RateSchedule::Exponential { decay: 0.3, floor: 0.1 };
    let falling = adaptive_to(0.2);
    for schedule in
        [falling, RateSchedule::adaptive(0.01), RateSchedule::Linear { to: 0.1 }, exponential]
    {
        let follow = |rate: &mut Rate, from: usize, to: usize| -> Vec<u64> {
            let mut step = |i: usize| {
                rate.begin(&schedule, BASE, (i as u64, 8));
                let used = rate.current().to_bits();
                rate.after(&schedule, divergences[i], (i as u64, 8));
                used
            };
            (from..to).map(&mut step).collect()
        };
        let whole = follow(&mut Rate::new(BASE), 0, 8);
        for cut in 0..8 {
            let mut rate = Rate::new(BASE);
            let mut bits = follow(&mut rate, 0, cut);
            let saved = serde_json::to_string(&rate).unwrap();
            let mut restored: Rate = serde_json::from_str(&saved).unwrap();
            bits.extend(follow(&mut restored, cut, 8));
            assert_eq!(bits, whole, "{schedule:?} cut at {cut}");
        }
    }
}

#[test]
fn a_rate_follows_the_divergence_that_it_is_told_to() {
    let with = |kind: Measure| match RateSchedule::adaptive(0.01) {
        RateSchedule::Adaptive { target, to, factor, min, max, .. } => {
            RateSchedule::Adaptive { target, to, measure: kind, factor, min, max }
        }
        other => other,
    };
    for (kind, above, below, unknown) in [
        (Measure::Ratios, 0.1, 0.1, 0.1),
        (Measure::Likelihoods, 0.3, 0.02, f64::NAN),
        (Measure::Larger, 0.3, 0.1, 0.1),
    ] {
        let schedule = with(kind);
        assert_eq!(schedule.needs_likelihoods(), kind != Measure::Ratios);
        assert_eq!(schedule.measured(0.1, Some(0.3)), above, "{kind:?}");
        assert_eq!(schedule.measured(0.1, Some(0.02)), below, "{kind:?}");
        let found = schedule.measured(0.1, None);
        assert!(found == unknown || (found.is_nan() && unknown.is_nan()), "{kind:?}: {found}");
    }
}

#[test]
fn schedules_are_spelled_by_their_kind() {
    let parse = |text: &str| serde_json::from_str::<RateSchedule>(text);
    let exact = match RateSchedule::adaptive(0.01) {
        RateSchedule::Adaptive { target, to, factor, min, max, .. } => {
            RateSchedule::Adaptive { target, to, measure: Measure::Likelihoods, factor, min, max }
        }
        other => other,
    };
    assert!(exact.needs_likelihoods() && !RateSchedule::adaptive(0.01).needs_likelihoods());
    for (text, schedule) in [
        (r#"{"kind":"constant"}"#, RateSchedule::Constant),
        (r#"{"kind":"linear","to":0.1}"#, RateSchedule::Linear { to: 0.1 }),
        (
            r#"{"kind":"exponential","decay":0.5,"floor":0.2}"#,
            RateSchedule::Exponential { decay: 0.5, floor: 0.2 },
        ),
        (r#"{"kind":"adaptive","target":0.01}"#, RateSchedule::adaptive(0.01)),
        (r#"{"kind":"adaptive","target":0.01,"to":0.2}"#, adaptive_to(0.2)),
        (r#"{"kind":"adaptive","target":0.01,"measure":"likelihoods"}"#, exact),
    ] {
        assert_eq!(parse(text).unwrap(), schedule);
        let written = serde_json::to_string(&schedule).unwrap();
        assert_eq!(parse(&written).unwrap(), schedule);
    }
    for text in
        [r#"{"kind":"linear"}"#, r#"{"kind":"linear","to":1,"floor":0}"#, r#"{"kind":"step"}"#]
    {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn numbers_out_of_range_are_named() {
    let adaptive = |target, factor, min, max| {
        let (to, measure) = (1.0, Measure::Ratios);
        RateSchedule::Adaptive { target, to, measure, factor, min, max }
    };
    for (schedule, base, reason) in [
        (RateSchedule::Constant, 0.0, "the learning rate is 0; allowed: above 0"),
        (RateSchedule::Constant, f64::NAN, "the learning rate is NaN"),
        (RateSchedule::Linear { to: -0.1 }, BASE, "to is -0.1; allowed: 0 or more"),
        (RateSchedule::Exponential { decay: -1.0, floor: 0.2 }, BASE, "decay is -1"),
        (RateSchedule::Exponential { decay: 1.0, floor: 1.2 }, BASE, "floor is 1.2"),
        (adaptive(0.0, 1.5, 1e-5, 1e-2), BASE, "target is 0"),
        (adaptive_to(0.0), BASE, "to is 0; allowed: above 0"),
        (adaptive(0.01, 1.0, 1e-5, 1e-2), BASE, "factor is 1; allowed: above 1"),
        (adaptive(0.01, 1.5, 0.0, 1e-2), BASE, "min is 0"),
        (adaptive(0.01, 1.5, 1e-5, 1e-6), BASE, "max is 0.000001; allowed: from min"),
        (adaptive(0.01, 1.5, 1e-5, 1e-2), 1e-6, "the learning rate is 0.000001; allowed: from"),
    ] {
        let error = schedule.validate(base).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    for schedule in [
        RateSchedule::Constant,
        RateSchedule::Linear { to: 0.0 },
        RateSchedule::Exponential { decay: 0.0, floor: 1.0 },
        RateSchedule::adaptive(0.01),
    ] {
        schedule.validate(BASE).unwrap();
    }
}
