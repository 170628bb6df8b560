//! Tests of grids and draws.

use super::*;

fn draw(law: Law) -> Draw {
    Draw { field: "a.b".into(), law, only: Only::default() }
}

#[test]
fn draws_stay_within_their_bounds_and_reach_all_of_them() {
    let bounds = |low, high, whole| Bounds { low, high, whole };
    let values =
        |law: Law| -> Vec<Value> { (0..2000).map(|k| draw(law.clone()).value(3, k)).collect() };
    let floats =
        |values: &[Value]| values.iter().map(|v| v.as_float().unwrap()).collect::<Vec<_>>();
    let uniform = floats(&values(Law::Uniform(bounds(-1.0, 3.0, false))));
    assert!(uniform.iter().all(|x| (-1.0..=3.0).contains(x)));
    let mean = uniform.iter().sum::<f64>() / 2000.0;
    // The standard error of the mean is 4/√12/√2000 = 0.026.
    assert!((mean - 1.0).abs() < 0.1, "{mean}");
    let log = floats(&values(Law::LogUniform(bounds(1e-4, 1e-2, false))));
    assert!(log.iter().all(|x| (1e-4..=1e-2).contains(x)));
    let below = log.iter().filter(|x| **x < 1e-3).count();
    assert!((900..1100).contains(&below), "{below}");
    let whole = values(Law::Uniform(bounds(2.0, 4.0, true)));
    for number in 2..=4 {
        let count = whole.iter().filter(|v| v.as_integer() == Some(number)).count();
        assert!((550..790).contains(&count), "{number}: {count}");
    }
    let choices = values(Law::Choices(vec!["a".into(), "b".into()]));
    let count = choices.iter().filter(|v| v.as_str() == Some("a")).count();
    assert!((880..1120).contains(&count), "{count}");
}

#[test]
fn a_draw_depends_on_its_own_field_and_number_only() {
    let law = Law::LogUniform(Bounds { low: 1e-4, high: 1.0, whole: false });
    let (one, mut other) = (draw(law.clone()), draw(law));
    assert_eq!(one.value(0, 5), other.value(0, 5));
    assert_ne!(one.value(0, 5), one.value(0, 6));
    assert_ne!(one.value(0, 5), one.value(1, 5));
    other.field = "a.c".into();
    assert_ne!(one.value(0, 5), other.value(0, 5));
    // Numbers that were written down when the law was fixed: a sweep must stay what it is.
    assert_eq!(one.value(0, 5).to_string(), "0.472");
}

#[test]
fn drawn_numbers_have_three_digits() {
    let draw = draw(Law::Uniform(Bounds { low: 0.0, high: 1.0, whole: false }));
    for k in 0..50 {
        let text = draw.value(1, k).to_string();
        let digits = text.trim_start_matches(['0', '.']).replace('.', "");
        assert!(digits.trim_end_matches('0').len() <= 3, "{text}");
    }
}

#[test]
fn fields_are_found_in_nested_tables_and_ways_are_values() {
    let table: Table =
        toml::from_str("a.b = [1]\na.c = { values = [2], only.method = 'x' }\n'd.e' = [3]")
            .unwrap();
    let names: Vec<String> = flat(&table).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a.b", "a.c", "d.e"]);
    let expected: Table = toml::from_str("d.e.f = 3").unwrap();
    assert_eq!(nested("d.e.f", Value::Integer(3)), expected);
}
