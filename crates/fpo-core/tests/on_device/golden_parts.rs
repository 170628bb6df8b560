//! The pieces of the algorithm against numbers computed with the official JAX code.

use candle_core::{DType, Device, Tensor};
use fpo_core::gae::{self, AdvantageKind, Trajectory};
use fpo_core::{Adam, AdamConfig, Normalizer, NormalizerKind, Policy, time};

use crate::common::cases::{Case, usize_of};
use crate::common::golden::{Golden, folder, golden_name};
use crate::device::{device, host};

/// A test of a file that another folder lacks is skipped; one that skips all would show nothing.
#[test]
fn golden_numbers_of_the_algorithm_are_there() {
    let folder = folder();
    let found = std::fs::read_dir(&folder).map_or(0, |entries| {
        let tensors = |name: &str| name.ends_with(".safetensors");
        entries.flatten().filter(|e| tensors(&e.file_name().to_string_lossy())).count()
    });
    assert!(found > 0, "no golden file in {}", folder.display());
}

#[test]
fn golden_a_timestep_embedding_and_grid() {
    let Some(mut golden) = Golden::open("a_timestep_embedding") else { return };
    for (name, case) in golden.cases() {
        if let Some(dim) = case["dim"].as_u64() {
            let out = time::embed(&golden.get(&format!("{name}/t")), dim as usize).unwrap();
            golden.check(&format!("{name}/out"), "out", &out);
        } else {
            let grid = time::grid(usize_of(&case, "flow_steps"));
            let grid = Tensor::new(grid, &Device::Cpu).unwrap();
            let n = grid.dim(0).unwrap() - 1;
            let (current, next) = (grid.narrow(0, 0, n).unwrap(), grid.narrow(0, 1, n).unwrap());
            golden.check(&format!("{name}/t_current"), "t_current", &current);
            golden.check(&format!("{name}/t_next"), "t_next", &next);
        }
    }
    golden.finish();
}

#[test]
fn golden_c_cfm_loss_and_its_gradient() {
    let Some(mut golden) = Golden::open("c_cfm_loss") else { return };
    for (name, config) in golden.cases() {
        let case = Case { golden: &golden, name: &name, config: &config, dtype: DType::F32 };
        let policy = case.flow();
        let get = |key: &str| case.get(key);
        let loss =
            policy.cfm_loss(&get("obs_norm"), &get("action"), &get("eps"), &get("t")).unwrap();
        let weighted = (&loss * get("cotangent")).unwrap().sum_all().unwrap();
        let grads = weighted.backward().unwrap();
        golden.check(&format!("{name}/cfm_loss"), "cfm_loss", &loss);
        let grad = grads.get(policy.params().var()).unwrap();
        golden.check_flat(&format!("{name}/grad_policy."), "grad_policy", policy.params(), grad);
    }
    golden.finish();
}

#[test]
fn golden_d_sampling_with_every_noise_tensor() {
    let Some(mut golden) = Golden::open("d_sampling") else { return };
    for (name, config) in golden.cases() {
        let case = Case { golden: &golden, name: &name, config: &config, dtype: DType::F32 };
        let policy = case.flow();
        let get = |key: &str| case.get(key);
        let obs = get("obs").broadcast_sub(&get("obs_mean")).unwrap();
        let obs = obs.broadcast_div(&get("obs_std")).unwrap();
        let sigma = config["sde_sigma"].as_f64().unwrap_or(0.0);
        let feather = config["feather_std"].as_f64().unwrap_or(0.0);
        let noise = get("sde_noise");
        let start = get("x1_noise");
        let path = std::cell::RefCell::new(vec![start.clone()]);
        let mut action = policy
            .integrate(&obs, &start, |k, x| {
                let x = (x + (noise.get(k)? * sigma)?)?;
                path.borrow_mut().push(x.clone());
                Ok(x)
            })
            .unwrap();
        if config["deterministic"] == false {
            action = (action + (get("feather_noise") * feather).unwrap()).unwrap();
        }
        let mut path = path.into_inner();
        path.pop();
        path.push(action.clone());

        // The Monte-Carlo losses stored with the action, as one time step of six environments.
        let row = |key: &str| get(key).unsqueeze(0).unwrap();
        let loss = policy
            .cfm_loss(&obs.unsqueeze(0).unwrap(), &row("action"), &row("loss_eps"), &row("loss_t"))
            .unwrap();
        golden.check(&format!("{name}/action"), "b_mlp_forward:flow_out", &action);
        let path = Tensor::stack(&path, 1).unwrap();
        golden.check(&format!("{name}/x_t_path"), "b_mlp_forward:flow_out", &path);
        let kind = "f_fpo_loss:initial_cfm_loss";
        golden.check(&format!("{name}/initial_cfm_loss"), kind, &loss);
    }
    golden.finish();
}

#[test]
fn golden_e_gae_with_truncation_and_termination() {
    let Some(mut golden) = Golden::open("e_gae") else { return };
    for (name, case) in golden.cases() {
        let get = |key: &str| golden.get(&format!("{name}/{key}"));
        let trajectory = Trajectory {
            rewards: &get("rewards"),
            discounts: &get("discount"),
            truncated: &get("truncation"),
            values: &get("values"),
            bootstrap: &get("bootstrap_value").squeeze(0).unwrap(),
            cut_values: None,
        };
        let lambda = case["gae_lambda"].as_f64().unwrap();
        let out = gae::estimate(&trajectory, lambda, AdvantageKind::Vtrace).unwrap();
        golden.check(&format!("{name}/vs"), "vs", &out.targets);
        golden.check(&format!("{name}/advantages"), "advantages", &out.advantages);
    }
    golden.finish();
}

#[test]
fn golden_h_adam_on_given_gradients() {
    let Some(mut golden) = Golden::open("h_adam") else { return };
    for (name, case) in golden.cases() {
        if !golden.has(&format!("{name}/g1.policy.0.w")) {
            continue;
        }
        for net in ["policy", "value"] {
            let mut layout = fpo_core::Layout::default();
            for layer in 0.. {
                let weight = format!("{name}/p0.{net}.{layer}.w");
                if !golden.has(&weight) {
                    break;
                }
                let (weight, bias) =
                    (golden.get(&weight), golden.get(&format!("{name}/p0.{net}.{layer}.b")));
                layout.push(format!("{net}.{layer}.weight"), weight.dims());
                layout.push(format!("{net}.{layer}.bias"), bias.dims());
            }
            let zeros = vec![0.0; layout.len()];
            let dtype = DType::F32;
            let params = fpo_core::FlatParams::new(layout, zeros, dtype, &device()).unwrap();
            golden.load(&format!("{name}/p0.{net}."), &params);
            let config =
                AdamConfig { learning_rate: case["lr"].as_f64().unwrap(), ..AdamConfig::default() };
            let mut adam = Adam::new(vec![params.var().clone()], config).unwrap();
            for k in 1..=3 {
                let grad = params
                    .layout()
                    .flatten(|ours| {
                        Some(golden.get(&golden_name(&format!("{name}/g{k}.{net}."), ours)))
                    })
                    .unwrap();
                adam.step(&[grad]).unwrap();
                let kind = format!("p{k}");
                golden.check_flat(&format!("{name}/p{k}.{net}."), &kind, &params, params.flat());
            }
            for (kind, moment) in
                [("mu3", &adam.moments()[0].first), ("nu3", &adam.moments()[0].second)]
            {
                let prefix = format!("{name}/{kind}.{net}.");
                if golden.has(&format!("{prefix}0.w")) {
                    golden.check_flat(&prefix, kind, &params, moment);
                }
            }
        }
    }
    golden.finish();
}

#[test]
fn golden_i_running_statistics_right_and_official() {
    let Some(mut golden) = Golden::open("i_running_stats") else { return };
    for (name, case) in golden.cases() {
        for (kind, prefix) in
            [(NormalizerKind::Welford, "welford"), (NormalizerKind::Official, "ref")]
        {
            let mut stats = Normalizer::new(kind, usize_of(&case, "O"));
            for k in 1..=3 {
                let rows: Vec<f32> =
                    host(&golden.get(&format!("{name}/x{k}"))).iter().map(|&x| x as f32).collect();
                stats.update(&rows).unwrap();
                let (count, mean, sum_squares) = stats.parts();
                assert_eq!(count as f64, golden.values(&format!("{name}/ref_count{k}"))[0]);
                let (mean, squares, std) = (mean.to_vec(), sum_squares.to_vec(), stats.std());
                for (what, values) in [("mean", mean), ("var_sum", squares), ("std", std)] {
                    let key = format!("{prefix}_{what}{k}");
                    let values = Tensor::new(values, &Device::Cpu).unwrap();
                    golden.check(&format!("{name}/{key}"), &key, &values);
                }
            }
        }
    }
    golden.finish();
}
