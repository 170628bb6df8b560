//! Tests of numbers in the spellings that people use, and of values that are unset.

use super::*;

/// Returns the message of the error that an override causes.
fn refused(text: &str) -> String {
    load("", &[text]).unwrap_err().to_string()
}

#[test]
fn whole_numbers_may_be_written_with_a_power_of_ten() {
    let overrides =
        ["train.total_steps=1e6", "train.seed=2.0", "policy.hidden=[1e2, 3.2e1]", "eval.count=+3"];
    let config = load("[checkpoint]\nkeep = 1e1", &overrides).unwrap();
    assert_eq!((config.train.total_steps, config.train.seed), (1_000_000, 2));
    assert_eq!((config.policy.hidden, config.eval.count), (vec![100, 32], 3));
    assert_eq!(config.checkpoint.keep, 10);
    let config = load("", &["env.episode_length=1e3", "algorithm.gamma=.5"]).unwrap();
    assert_eq!((config.env.episode_length, config.algorithm.objective.gamma), (Some(1000), 0.5));
}

#[test]
fn a_number_that_does_not_fit_is_told_what_would() {
    let whole = "expected a whole number from 0 to 9223372036854775807";
    for (text, found, expected) in [
        ("train.seed=9223372036854775808", "found 9223372036854775808", whole),
        ("train.seed=18446744073709551616", "found 18446744073709551616", whole),
        ("train.seed=-99999999999999999999", "found -99999999999999999999", whole),
        ("train.total_steps=1e30", "found 1e30", whole),
        ("env.episode_length=1e19", "found 1e19", whole),
        ("policy.hidden=[1e30]", "found", "whole number"),
        ("train.seed=1.5", "`1.5`", "a whole number"),
        ("train.num_epochs=1,000", "found 1,000", "a number without commas"),
        ("algorithm.gamma=0,5", "found 0,5", "a number without commas"),
        ("train.seed=\"3\"", "found the text \"3\"", "a number without quotes: 3"),
        ("algorithm.gamma=\"0.5\"", "found the text \"0.5\"", "a number without quotes: 0.5"),
        ("algorithm.gamma=.5.5", "found string \".5.5\"", "a number"),
        ("env.stagger=True", "\"True\"", "`true` or `false`"),
        ("env.episode_length=short", "\"short\"", "or `none`, which leaves it unset"),
    ] {
        let error = refused(text);
        let field = text.split('=').next().unwrap();
        assert!(error.starts_with(&format!("`{field}` in `--set {text}`: ")), "{error}");
        assert!(error.contains(found) && error.contains(expected), "{error}");
    }
    for number in ["9223372036854775808", "99999999999999999999999"] {
        let text = format!("[train]\nseed = {number}");
        let error = Config::from_toml_str(&text, "c.toml").unwrap_err().to_string();
        let expected = "expected a whole number from -9223372036854775808 to 9223372036854775807";
        assert!(error.starts_with("c.toml:2:") && error.ends_with(expected), "{error}");
    }
}

#[test]
fn none_unsets_what_a_file_or_a_preset_sets() {
    let lines = "env.episode_length = 9\n[algorithm]\nlog_ratio_clamp = 3.0\nema_decay = 0.5";
    let overrides =
        ["env.episode_length=none", "algorithm.log_ratio_clamp=none", "algorithm.ema_decay=none"];
    let config = load(lines, &overrides).unwrap();
    assert_eq!((config.env.episode_length, config.algorithm.ema_decay), (None, None));
    assert_eq!(config.algorithm.objective.log_ratio_clamp, None);
    let plus = load("algorithm.kind = 'fpo++'", &["algorithm.loss_max=none"]).unwrap();
    let objective = plus.algorithm.objective;
    assert_eq!((objective.loss_max, objective.log_ratio_max), (None, Some(10.0)));
    // A file may do so too, and a later layer may set the field again.
    let again = load("algorithm.loss_max = 'none'", &["algorithm.loss_max=7"]).unwrap();
    assert_eq!(again.algorithm.objective.loss_max, Some(7.0));
}

#[test]
fn a_choice_of_that_name_stays_a_choice_and_no_other_field_is_unset() {
    use fpo_core::AdvantageNormalization::None as NotAtAll;
    let config = load("", &["algorithm.normalize_advantages=none"]).unwrap();
    assert_eq!(config.algorithm.objective.normalize_advantages, NotAtAll);
    for text in ["algorithm.gamma=none", "train.seed=none", "optimizer.schedule=none"] {
        let error = refused(text);
        assert!(error.contains("found string \"none\""), "{error}");
    }
}

#[test]
fn what_is_unset_against_the_preset_is_written_and_read_again() {
    let unset = ["algorithm.kind=fpo++", "algorithm.loss_max=none", "algorithm.ema_decay=none"];
    let config = load("", &unset).unwrap();
    let text = config.to_toml().unwrap();
    assert_eq!(text.matches("\"none\"").count(), 2, "{text}");
    assert_eq!(Config::from_toml_str(&text, "written").unwrap(), config);
    let text = load("", &["algorithm.loss_max=none"]).unwrap().to_toml().unwrap();
    assert!(!text.contains("loss_max"), "{text}");
}
