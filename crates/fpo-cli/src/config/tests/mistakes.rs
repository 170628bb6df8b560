//! Tests of the errors: every mistake in a configuration gets a message that says where it is and
//! what is expected.

use super::*;

/// Returns the message of the error that `overrides` cause.
fn override_error(overrides: &[&str]) -> String {
    load("", overrides).unwrap_err().to_string()
}

#[test]
fn files_that_include_each_other_are_an_error_that_names_them() {
    let folder = folder(&[
        ("start.toml", "include = ['a.toml']"),
        ("a.toml", "include = ['b.toml']"),
        ("b.toml", "include = ['a.toml']"),
    ]);
    let error = Config::load(&[folder.path().join("start.toml")], &[]).unwrap_err();
    let ConfigError::IncludeCycle { chain } = error else { panic!("{error}") };
    let names: Vec<_> = chain.iter().map(|path| path.file_name().unwrap()).collect();
    assert_eq!(names, ["a.toml", "b.toml", "a.toml"]);
}

#[test]
fn a_long_chain_of_files_is_an_error_that_names_its_ends() {
    let names: Vec<String> = (0..3000).map(|k| format!("{k}.toml")).collect();
    let texts: Vec<String> = (0..3000).map(|k| format!("include = ['{}.toml']", k + 1)).collect();
    let files: Vec<(&str, &str)> =
        names.iter().zip(&texts).map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let folder = folder(&files);
    let error = Config::load(&[folder.path().join("0.toml")], &[]).unwrap_err();
    let ConfigError::IncludeDepth { first, last, most: 64 } = &error else { panic!("{error}") };
    assert!(first.ends_with("0.toml") && last.ends_with("64.toml"), "{error}");
    fs::write(folder.path().join("63.toml"), "env.task = 'A'").unwrap();
    assert!(Config::load(&[folder.path().join("0.toml")], &[]).is_ok());
}

#[test]
fn an_override_of_very_many_names_is_refused() {
    let text = format!("{}=1", vec!["a"; 60_000].join("."));
    assert!(override_error(&[&text]).ends_with("expected `section.field=value`"));
}

#[test]
fn a_missing_included_file_is_named() {
    let folder = folder(&[("run.toml", "include = ['nowhere.toml']")]);
    let error = Config::load(&[folder.path().join("run.toml")], &[]).unwrap_err().to_string();
    assert!(error.contains("nowhere.toml, which ") && error.contains("run.toml includes: "));
    let error = Config::load(&[folder.path().join("nowhere.toml")], &[]).unwrap_err().to_string();
    assert!(!error.contains("includes"), "{error}");
}

#[test]
fn an_unknown_key_names_its_file_and_the_nearest_known_one() {
    let folder = folder(&[
        ("base.toml", "env.task = 'A'\n[algorithm]\ngama = 0.9"),
        ("run.toml", "include = ['base.toml']\n[algorithm]\ngae_lambda = 0.5"),
    ]);
    let error = Config::load(&[folder.path().join("run.toml")], &[]).unwrap_err().to_string();
    let base = folder.path().join("base.toml");
    let expected = format!(
        "unknown key `algorithm.gama` in {}: did you mean `algorithm.gamma`?",
        base.display()
    );
    assert_eq!(error, expected);
}

#[test]
fn an_unknown_key_of_an_override_is_told_where_it_belongs() {
    for (text, nearest) in [
        ("train.num_env=4", "env.num_envs"),
        ("train.gamma=0.9", "algorithm.gamma"),
        ("trian.seed=4", "train"),
        ("gamma=0.9", "algorithm.gamma"),
        ("eval.sed=4", "eval.seed"),
    ] {
        let error = override_error(&[text]);
        assert!(error.contains(&format!("`--set {text}`")), "{error}");
        assert!(error.contains(&format!("did you mean `{nearest}`?")), "{error}");
    }
    let error = override_error(&["train.zzzzzz=1"]);
    assert_eq!(error, "unknown key `train.zzzzzz` in `--set train.zzzzzz=1`");
}

#[test]
fn a_wrong_type_says_what_was_found_and_what_is_expected() {
    for (text, field, found, expected) in [
        ("train.seed=abc", "train.seed", "string \"abc\"", "whole number"),
        ("train.seed=1.5", "train.seed", "floating point `1.5`", "whole number"),
        ("train.seed=-1", "train.seed", "integer `-1`", "whole number, 0 or more"),
        ("algorithm.gamma=high", "algorithm.gamma", "string \"high\"", "a number"),
        ("policy.hidden=32", "policy.hidden", "integer `32`", "a list"),
        (
            "algorithm.ratio=both",
            "algorithm.ratio",
            "`both`",
            "one of `per_action`, `per_sample`, `per_pair`",
        ),
        ("env.starts=random", "env.starts", "`random`", "`drawn` or `official`"),
        ("train.device=gpu", "train.device", "`gpu`", "`cuda`"),
        ("train.overlap=yes", "train.overlap", "`yes`", "one of `auto`, `on`, `off`"),
        ("train.precision=bf16", "train.precision", "`bf16`", "`f32` or `tf32`"),
        ("algorithm.kind=3", "algorithm.kind", "integer `3`", "one of `fpo`, `fpo++`, `ppo`"),
        ("algorithm.ratio=true", "algorithm.ratio", "boolean `true`", "one of `per_action`, "),
        ("algorithm.ratio=[1]", "algorithm.ratio", "list `[1]`", "one of `per_action`, "),
        ("algorithm.ratio.x=1", "algorithm.ratio", "table `{ x = 1 }`", "one of `per_action`, "),
        ("env.starts=0.5", "env.starts", "float `0.5`", "`drawn` or `official`"),
        (
            "optimizer.schedule=constant",
            "optimizer.schedule",
            "\"constant\"",
            "{ kind = \"linear\"",
        ),
        ("optimizer.schedule=3", "optimizer.schedule", "integer `3`", "a table such as"),
        ("optimizer.schedule.kind=x", "optimizer.schedule", "`x`", "`constant`, `linear`"),
        ("train=3", "train", "integer", "table"),
        ("train.seed.x=3", "train.seed", "table", "whole number"),
    ] {
        let error = override_error(&[text]);
        assert!(error.starts_with(&format!("`{field}` in `--set {text}`: ")), "{error}");
        assert!(error.contains(found) && error.contains(expected), "{error}");
    }
}

#[test]
fn a_value_out_of_range_says_what_is_allowed() {
    for (text, allowed) in [
        ("env.num_envs=0", "1 to 1048576"),
        ("env.episode_length=0", "1 to 1000000000"),
        ("env.action_repeat=0", "1 to 1000"),
        ("train.total_steps=0", "1 and up"),
        ("train.unroll_length=0", "1 to 65536"),
        ("train.batch_size=0", "1 to"),
        ("train.num_minibatches=0", "1 to"),
        ("train.num_epochs=0", "1 to"),
        ("algorithm.num_samples=0", "1 to"),
        ("algorithm.clip_epsilon=0", "above 0, below 1"),
        ("algorithm.clip_epsilon=1.0", "above 0, below 1"),
        ("algorithm.log_ratio_clamp=0", "above 0"),
        ("algorithm.gamma=1.01", "0 to 1"),
        ("algorithm.gamma=nan", "0 to 1"),
        ("algorithm.gae_lambda=-0.1", "0 to 1"),
        ("algorithm.noise_correlation=1", "0 up to, without, 1"),
        ("algorithm.noise_correlation=-0.1", "0 up to, without, 1"),
        ("algorithm.noise_correlation_to=1.5", "0 up to, without, 1"),
        ("algorithm.entropy_coefficient_to=-0.1", "0 and up"),
        ("algorithm.entropy_coefficient_to=inf", "0 and up"),
        ("algorithm.reward_scale=inf", "above 0"),
        ("algorithm.value_coefficient=-1", "0 and up"),
        ("policy.hidden=[]", "1 to 64 layers"),
        ("policy.hidden=[32, 0]", "1 to 64 layers"),
        ("value.hidden=[70000]", "1 to 64 layers"),
        ("policy.output_scale=0", "1e-6 to 1e6"),
        ("policy.source_std_to=0", "1e-6 to 1e6"),
        ("policy.source_std_to=inf", "1e-6 to 1e6"),
        ("policy.flow_steps=0", "1 to 1000"),
        ("policy.time_embedding=7", "even, 2 to 64"),
        ("policy.time_embedding=0", "even, 2 to 64"),
        ("optimizer.learning_rate=0", "above 0"),
        ("optimizer.beta1=1", "0 up to"),
        ("optimizer.beta2=-0.5", "0 up to"),
        ("optimizer.epsilon=0", "above 0"),
        ("optimizer.weight_decay=-1", "0 and up"),
        ("optimizer.max_grad_norm=0", "above 0"),
        ("train.stop_after=0s", "1 second to 365 days"),
        ("train.stop_after=1d25d", "1 second to 365 days"),
        ("eval.episodes=0", "1 to"),
        ("eval.count=1000001", "0 to 1000000"),
        ("checkpoint.interval_s=-1", "0 to 1e9"),
        ("checkpoint.keep=0", "1 to"),
    ] {
        let error = override_error(&[text]);
        let field = text.split('=').next().unwrap();
        assert!(error.starts_with(&format!("`{field}` in `--set {text}` is ")), "{error}");
        assert!(error.contains(&format!("; allowed: {allowed}")), "{error}");
    }
}

#[test]
fn environments_that_do_not_divide_the_rollout_are_told_which_would() {
    let sizes = ["env.num_envs=100", "train.batch_size=64", "train.num_minibatches=8"];
    let error = override_error(&sizes);
    assert!(error.contains("64 × 8 = 512"), "{error}");
    assert!(error.contains("would do: 64 or 128"), "{error}");
    assert!(error.contains("`--set env.num_envs=100`, `--set train.batch_size=64`"), "{error}");
    let more_than_all = ["env.num_envs=100", "train.batch_size=2", "train.num_minibatches=4"];
    assert!(override_error(&more_than_all).contains("would do: 8 "));
}

#[test]
fn advantages_of_one_step_cannot_be_normalised() {
    let one = ["env.num_envs=4", "train.batch_size=1", "train.unroll_length=1"];
    let error = override_error(&one);
    assert!(error.contains("one step a minibatch"), "{error}");
    assert!(error.contains("`--set train.batch_size=1`, `--set train.unroll_length=1`"), "{error}");
    for other in ["train.unroll_length=2", "algorithm.normalize_advantages=none"] {
        assert!(load("", &[&one[..], &[other]].concat()).is_ok(), "{other}");
    }
}

#[test]
fn one_environment_has_no_halves_to_overlap() {
    let error = override_error(&["train.overlap=on", "env.num_envs=1"]);
    assert!(error.contains("`train.overlap` = `on` needs `env.num_envs`"), "{error}");
    assert!(error.contains("`--set train.overlap=on`, `--set env.num_envs=1`"), "{error}");
    for overlap in ["auto", "off"] {
        let overlap = format!("train.overlap={overlap}");
        assert!(load("", &[&overlap, "env.num_envs=1"]).is_ok());
    }
}

#[test]
fn pairs_need_an_even_number_of_samples_and_a_policy_that_has_some() {
    for field in ["algorithm.ratio=per_pair", "algorithm.sample_noise=antithetic"] {
        let error = override_error(&[field, "algorithm.num_samples=5"]);
        assert!(error.contains("need an even `algorithm.num_samples`, and it is 5"), "{error}");
        assert!(error.contains("`--set algorithm.num_samples=5`"), "{error}");
        assert!(load("", &[field, "algorithm.num_samples=6"]).is_ok());
    }
    for kind in ["ppo", "dppo"] {
        let kind = format!("algorithm.kind={kind}");
        let error = override_error(&[&kind, "algorithm.ratio=per_pair"]);
        assert!(error.contains("needs Monte-Carlo samples"), "{error}");
    }
}

#[test]
fn an_entropy_is_rewarded_only_where_something_tells_it() {
    let entropy = "algorithm.entropy_coefficient=0.01";
    for kind in ["fpo", "fpo++"] {
        let kind = format!("algorithm.kind={kind}");
        let error = override_error(&[&kind, entropy]);
        assert!(error.contains("needs `policy.loss_reduction` = `nats`"), "{error}");
        assert!(error.contains("`--set algorithm.entropy_coefficient=0.01`"), "{error}");
        assert!(load("", &[&kind, entropy, "policy.loss_reduction=nats"]).is_ok());
    }
    let error = override_error(&["algorithm.kind=dppo", entropy]);
    assert!(error.contains("only 0 is allowed"), "{error}");
    assert!(load("", &["algorithm.kind=ppo", entropy]).is_ok());
    let later = "algorithm.entropy_coefficient_to=0.01";
    let error = override_error(&["algorithm.kind=fpo", later]);
    assert!(error.contains("`algorithm.entropy_coefficient_to` = 0.01 takes"), "{error}");
    assert!(error.contains("`--set algorithm.entropy_coefficient_to=0.01`"), "{error}");
    let error = override_error(&["algorithm.kind=dppo", later]);
    assert!(error.contains("`algorithm.entropy_coefficient_to` = 0.01 has no meaning"), "{error}");
    assert!(load("", &["algorithm.kind=ppo", "algorithm.entropy_coefficient=0", later]).is_ok());
}

#[test]
fn a_rate_follows_only_likelihoods_that_are_known() {
    let exact = "optimizer.schedule={kind='adaptive',target=0.01,measure='likelihoods'}";
    for kind in ["fpo", "fpo++", "ppo"] {
        assert!(load("", &[exact, &format!("algorithm.kind={kind}")]).is_ok(), "{kind}");
    }
    let error = override_error(&[exact, "algorithm.kind=dppo"]);
    assert!(error.contains("`measure` = `likelihoods`") && error.contains("`dppo`"), "{error}");
}

#[test]
fn numbers_that_32_bits_cannot_hold_are_refused() {
    let fields = [
        "optimizer.epsilon=1e-300",
        "optimizer.weight_decay=1e300",
        "algorithm.reward_scale=1e300",
        "algorithm.sigma=1e39",
        "policy.min_std=1e-39",
        "optimizer.schedule={kind=\"adaptive\",target=1e-300}",
    ];
    for field in fields {
        let (name, error) = (field.split('=').next().unwrap(), override_error(&[field]));
        assert!(error.contains(name) && error.contains("32 bits"), "{error}");
    }
    assert!(load("", &["policy.min_std=1.2e-38", "algorithm.sigma=3.4e38"]).is_ok());
}

#[test]
fn the_scale_of_rewards_moves_only_with_adam() {
    let returns = "algorithm.reward_scaling=returns";
    assert!(load("", &[returns]).is_ok());
    let error = override_error(&[returns, "optimizer.kind=radam"]);
    assert!(error.contains("needs `optimizer.kind` = `adam`"), "{error}");
}

#[test]
fn a_source_is_learned_only_by_losses_that_are_likelihoods() {
    let nats = "policy.loss_reduction=nats";
    for (field, value) in [("source_width", "learned"), ("frame", "per_state")] {
        let learned = &format!("policy.{field}={value}");
        let error = override_error(&[learned]);
        assert!(error.contains("`loss_reduction` = `nats`"), "{error}");
        let error = override_error(&[learned, nats]);
        assert!(error.contains("or `policy.training_times` = `uniform`"), "{error}");
        assert!(load("", &[learned, nats, "policy.output_mode=velocity"]).is_ok());
        assert!(load("", &[learned, nats, "policy.training_times=uniform"]).is_ok());
        for other in ["policy.path=cosine", "policy.prediction=data"] {
            let error = override_error(&[learned, nats, other]);
            assert!(error.contains("`prediction` = `velocity`"), "{error}");
        }
        let error = override_error(&["algorithm.kind=dppo", learned, nats]);
        assert!(error.contains(&format!("`{value}` needs CFM losses")), "{error}");
    }
    let both = ["policy.source_width=learned", "policy.frame=per_state", nats];
    let error = override_error(&both);
    assert!(error.contains("needs `source_width` = `fixed`"), "{error}");
    let weight = "algorithm.kinetic_weight=0.1";
    let error = override_error(&[weight, nats]);
    assert!(error.contains("needs `policy.frame` = `per_state`"), "{error}");
    let even = "policy.output_mode=velocity";
    assert!(load("", &[weight, nats, even, "policy.frame=per_state"]).is_ok());
    let error = override_error(&["algorithm.kinetic_weight=-1"]);
    assert!(error.contains("algorithm.kinetic_weight"), "{error}");
    let middle = "policy.step_times=middle";
    let error = override_error(&[middle]);
    assert!(error.contains("needs `policy.training_times`"), "{error}");
    assert!(load("", &[middle, "policy.training_times=uniform"]).is_ok());
    for other in ["policy.path=cosine", "policy.prediction=data"] {
        let error = override_error(&[middle, other]);
        assert!(error.contains("`prediction` = `velocity`"), "{error}");
    }
    let error = override_error(&["algorithm.kind=dppo", middle]);
    assert!(error.contains("`middle` needs CFM losses"), "{error}");
    let error = override_error(&["policy.source_std=0"]);
    assert!(error.contains("policy.source_std") && error.contains("1e-6"), "{error}");
    let narrower = "policy.source_std_to=0.5";
    let error = override_error(&["algorithm.kind=ppo", narrower]);
    assert!(error.contains("`policy.source_std_to` = 0.5 needs a flow"), "{error}");
    for kind in ["fpo", "fpo++", "dppo"] {
        assert!(load("", &[&format!("algorithm.kind={kind}"), narrower]).is_ok(), "{kind}");
    }
}

#[test]
fn evaluation_must_not_share_trainings_seed() {
    let error = override_error(&["train.seed=5", "eval.seed=5"]);
    assert!(error.contains("are both 5"), "{error}");
}

#[test]
fn a_syntax_error_names_file_line_and_column() {
    let error = Config::from_toml_str("[train]\nseed = 1\nnum_épochs == 2", "configs/x.toml");
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("configs/x.toml:3:"), "{error}");
    let ConfigError::Syntax { line, column, .. } =
        Config::from_toml_str("[train]\nseed = = 1", "x").unwrap_err()
    else {
        panic!("not a syntax error")
    };
    assert_eq!((line, column), (2, 8));
}

#[test]
fn an_override_without_a_name_or_a_value_is_refused() {
    for text in ["train.seed", "=3", ".seed=3", "train.=3", "train seed=3"] {
        let error = override_error(&[text]);
        assert_eq!(error, format!("`--set {text}`: expected `section.field=value`"));
    }
}

#[test]
fn an_include_is_a_list_of_names_and_only_in_files() {
    let error = load("include = 'base.toml'", &[]).unwrap_err().to_string();
    // `include` above follows a dotted key of the root table, so it is top-level.
    assert!(error.contains("`include`") && error.contains("list of file names"), "{error}");
    let error = Config::from_toml_str("include = ['a.toml']", "text").unwrap_err().to_string();
    assert_eq!(error, "`include` in text: only a file can include others");
    let error = override_error(&["include=x"]);
    let expected = "`include` in `--set include=x`: only a file can include others; \
                    to lay one configuration over another, name both files";
    assert_eq!(error, expected);
}
