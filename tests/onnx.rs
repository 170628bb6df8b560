//! `fpo export -o X.onnx` writes graphs that compute what the policy computes: they are read and
//! evaluated here by a small interpreter that shares nothing with what wrote them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;
#[path = "onnx/interpreter.rs"]
mod interpreter;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use common::{fail, small_config, succeed};
use fpo_core::onnx::{Options, to_bytes};
use fpo_core::path::{Path, Quantity};
use fpo_core::sampler::Start;
use fpo_core::{
    ActionFrame, Activation, Actor, ChainPolicy, Compute, DenoisingMdp, DeviceNormalizer,
    FlatParams, FlowConfig, FlowPolicy, GaussianConfig, GaussianPolicy, Noise, Policy, PolicyFile,
    Purpose, Reduction, SourceWidth, Squash, StepTimes,
};
use interpreter::Model;
use tempfile::tempdir;

const OBS: usize = 5;
const ACT: usize = 3;
const ROWS: usize = 4;

/// Statistics that are far from 0 and 1.
fn normalizer() -> DeviceNormalizer {
    let row = |values: [f32; OBS]| Tensor::new(&values, &Device::Cpu).unwrap();
    let mean = row([0.5, -2.0, 30.0, 0.0, 1.0]);
    DeviceNormalizer::new(mean, row([0.1, 3.0, 12.0, 1.0, 0.7]))
}

/// The same policy with all parameters drawn anew, biases and the width of the source too.
fn drawn(policy: &dyn Policy, seed: u64) -> Arc<dyn Policy> {
    let layout = policy.params().layout().clone();
    let mut values = vec![0.0; layout.len()];
    Noise::new(seed).fill_normal(Purpose::PolicyInit, 7, &mut values);
    values.iter_mut().for_each(|x| *x *= 0.4);
    let flat = Tensor::new(values.as_slice(), &Device::Cpu).unwrap();
    policy.with_params(FlatParams::from_flat(layout, &flat).unwrap()).frozen()
}

/// Fails unless the graph of `policy` gives the actions and controls of an actor; returns it.
fn compare(policy: Arc<dyn Policy>, what: &str) -> Model {
    let bytes = to_bytes(policy.as_ref(), &normalizer(), &Options::default()).unwrap();
    let actor = Actor::new(policy.clone(), normalizer(), Start::Noise, Compute::Composed).unwrap();
    let model = Model::parse(&bytes);
    agree(&model, &actor, ROWS, what);
    model
}

/// Fails unless `model` gives for `rows` observations what `actor` does.
fn agree(model: &Model, actor: &Actor, rows: usize, what: &str) {
    let noise_len = actor.policy.noise_len();
    let mut obs = vec![0.0; rows * actor.policy.obs_dim()];
    let mut noise = vec![0.0; rows * noise_len];
    Noise::new(3).fill_normal(Purpose::Action, 0, &mut obs);
    Noise::new(3).fill_normal(Purpose::Action, 1, &mut noise);
    let action = actor.act(&obs, &noise).unwrap();
    let mut control = action.clone();
    actor.policy.squash().apply(&mut control);
    let inputs = BTreeMap::from([("obs".to_string(), obs), ("noise".into(), noise)]);
    let found = model.run(rows, &inputs);
    for (name, expected) in [("action", action), ("control", control)] {
        assert_eq!(found[name].len(), expected.len(), "{what}: {name}");
        for (found, expected) in found[name].iter().zip(&expected) {
            let allowed = 1e-5 * expected.abs().max(1.0);
            let text = format!("{what}: {name} is {found}, not {expected}");
            assert!((found - expected).abs() <= allowed, "{text}");
        }
    }
}

/// Every path, prediction, activation and squashing, one layer and several, one step and several,
/// each with another measure of the loss, which must not matter.
#[test]
fn the_graph_of_a_flow_gives_its_actions() {
    let quantities = [Quantity::Velocity, Quantity::Noise, Quantity::Data];
    let base = FlowConfig::new(OBS, ACT);
    let mut seed = 0;
    for path in [Path::Linear, Path::Cosine] {
        for (k, prediction) in quantities.into_iter().enumerate() {
            for (activation, squash, hidden, flow_steps) in [
                (Activation::Silu, Squash::Tanh, vec![6, 7, 8], 4),
                (Activation::Relu, Squash::None, vec![9], 1),
            ] {
                seed += 1;
                let (time_embedding, output_mode) = (2 + 2 * k, quantities[(k + 1) % 3]);
                let config = FlowConfig {
                    path,
                    prediction,
                    output_mode,
                    activation,
                    squash,
                    hidden,
                    flow_steps,
                    time_embedding,
                    source_std: if k == 1 { 0.6 } else { 1.0 },
                    ..base.clone()
                };
                let what = format!("{config:?}");
                let policy = FlowPolicy::new(config, &Noise::new(0), DType::F32, &Device::Cpu);
                compare(drawn(&policy.unwrap(), seed), &what);
            }
        }
    }
}

#[test]
fn the_graph_of_a_flow_has_its_learned_source_and_frame() {
    for (source_width, frame, activation, step_times) in [
        (SourceWidth::Learned, ActionFrame::Fixed, Activation::Silu, StepTimes::Start),
        (SourceWidth::Fixed, ActionFrame::PerState, Activation::Silu, StepTimes::Middle),
        (SourceWidth::Fixed, ActionFrame::PerState, Activation::Relu, StepTimes::Start),
    ] {
        let config = FlowConfig {
            loss_reduction: Reduction::Nats,
            source_std: 0.7,
            source_width,
            frame,
            activation,
            step_times,
            ..FlowConfig::new(OBS, ACT)
        };
        let policy = FlowPolicy::new(config, &Noise::new(0), DType::F32, &Device::Cpu).unwrap();
        compare(drawn(&policy, 1), &format!("{source_width:?}, {frame:?}"));
    }
}

#[test]
fn the_graph_of_a_gaussian_gives_its_draws() {
    for (activation, squash, hidden) in
        [(Activation::Silu, Squash::Tanh, vec![8, 6, 7]), (Activation::Relu, Squash::None, vec![5])]
    {
        let config = GaussianConfig { activation, squash, hidden, ..GaussianConfig::new(OBS, ACT) };
        let what = format!("{config:?}");
        let policy = GaussianPolicy::new(config, &Noise::new(0), DType::F32, &Device::Cpu);
        compare(drawn(&policy.unwrap(), 2), &what);
    }
}

/// A chain as training plays it, whose noise holds the disturbances too.
#[test]
fn the_graph_of_a_chain_takes_the_noise_after_its_steps() {
    let config = FlowConfig { flow_steps: 3, source_std: 0.5, ..FlowConfig::new(OBS, ACT) };
    let flow = FlowPolicy::new(config, &Noise::new(0), DType::F32, &Device::Cpu).unwrap();
    let mdp = DenoisingMdp { sigma: 0.3, ..DenoisingMdp::default() };
    let policy = drawn(&ChainPolicy::new(flow, mdp).unwrap(), 3);
    assert_eq!(policy.noise_len(), 4 * ACT);
    compare(policy.clone(), "chain");
    let deployed = compare(policy.deployed(), "deployed chain");
    assert_eq!(deployed.inputs["noise"], (None, ACT));
}

/// What a reader of the format looks at first.
#[test]
fn the_head_of_a_graph_says_what_it_is() {
    let policy = GaussianPolicy::new(
        GaussianConfig::new(OBS, ACT),
        &Noise::new(0),
        DType::F32,
        &Device::Cpu,
    );
    let policy = policy.unwrap();
    let properties = vec![("fpo".into(), "{}".into()), ("more".into(), "é".into())];
    let options = Options { batch: Some(7), properties };
    let bytes = to_bytes(&policy, &normalizer(), &options).unwrap();
    assert_eq!(bytes, to_bytes(&policy, &normalizer(), &options).unwrap());
    let model = Model::parse(&bytes);
    assert_eq!((model.ir_version, model.operator_sets.clone()), (8, vec![("".into(), 17)]));
    assert_eq!(model.producer, "fpo");
    assert_eq!(model.properties, options.properties.into_iter().collect());
    let shapes = |entries: &[(&str, usize)]| {
        let shape = |&(name, columns): &(&str, usize)| (name.to_string(), (Some(7), columns));
        entries.iter().map(shape).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(model.inputs, shapes(&[("obs", OBS), ("noise", ACT)]));
    assert_eq!(model.outputs, shapes(&[("action", ACT), ("control", ACT)]));
}

/// The policies of every algorithm, from their runs and from their files, through the program.
#[test]
fn every_algorithms_policy_is_exported_as_it_acts() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "Classic/MultiGoal");
    for kind in ["fpo", "fpo++", "ppo", "dppo"] {
        let set = format!("algorithm.kind={kind}");
        let args = ["train", config.to_str().unwrap(), "--out", "run", "--set", &set];
        succeed(dir.path(), &args);
        succeed(dir.path(), &["export", "run", "-o", "run.onnx"]);
        succeed(dir.path(), &["export", "run/policy.safetensors", "-o", "file.onnx"]);
        let read = |name: &str| fs::read(dir.path().join(name)).unwrap();
        assert!(read("run.onnx") == read("file.onnx"), "{kind}");
        let file = PolicyFile::from_bytes(&read("run/policy.safetensors"), &Device::Cpu).unwrap();
        let model = Model::parse(&read("run.onnx"));
        agree(&model, &file.actor().unwrap(), 33, kind);
        let said: serde_json::Value = serde_json::from_str(&model.properties["fpo"]).unwrap();
        assert_eq!(said["task"], "Classic/MultiGoal", "{kind}");
        assert_eq!(model.inputs["obs"].0, None, "{kind}");
        succeed(dir.path(), &["export", "run", "-o", "fixed.onnx", "--batch", "2"]);
        let fixed = Model::parse(&read("fixed.onnx"));
        assert_eq!(fixed.inputs["obs"].0, Some(2), "{kind}");
        agree(&fixed, &file.actor().unwrap(), 2, kind);
        fs::remove_dir_all(dir.path().join("run")).unwrap();
    }
    fail(dir.path(), &["export", "config.toml", "-o", "x.onnx"], 1, &["config.toml"]);
}

#[test]
fn a_policy_without_a_graph_is_one_clear_error() {
    #[derive(Debug)]
    struct Own(GaussianPolicy);
    impl Policy for Own {
        fn spec(&self) -> &fpo_core::PolicySpec {
            self.0.spec()
        }
        fn params(&self) -> &FlatParams {
            self.0.params()
        }
        fn with_params(&self, _params: FlatParams) -> Arc<dyn Policy> {
            unreachable!()
        }
        fn deployed(&self) -> Arc<dyn Policy> {
            unreachable!()
        }
        fn act(&self, _obs: &Tensor, _noise: &Tensor) -> fpo_core::Result<fpo_core::Acted> {
            unreachable!()
        }
        fn evaluate(
            &self,
            _obs: &Tensor,
            _action: &Tensor,
            _stored: &Tensor,
            _t: &Tensor,
        ) -> fpo_core::Result<fpo_core::Evaluated> {
            unreachable!()
        }
        fn description(&self) -> fpo_core::Result<serde_json::Value> {
            Ok(serde_json::json!({"kind": "own"}))
        }
    }
    let config = GaussianConfig::new(OBS, ACT);
    let own = Own(GaussianPolicy::new(config, &Noise::new(0), DType::F32, &Device::Cpu).unwrap());
    let error = to_bytes(&own, &normalizer(), &Options::default()).unwrap_err().to_string();
    assert_eq!(error, "a policy of kind `own` has no ONNX graph; flows and Gaussians have one");
}
