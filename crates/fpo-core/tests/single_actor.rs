//! An action of a policy at work allocates no memory, and has the bits of an actor's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{DType, Device};
use fpo_core::sampler::Start;
use fpo_core::{
    ActionFrame, Actor, Compute, Error, FlowConfig, FlowPolicy, GaussianConfig, GaussianPolicy,
    Isa, Noise, Normalizer, NormalizerKind, Policy, PolicyFile, PolicyInfo, Purpose, Reduction,
    SingleActor, SourceWidth, StepTimes, path,
};

/// Allocations of all threads: nothing that is woken for an action may allocate either. The one
/// test here is the only thread that works.
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call is passed on to the system's allocator with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract of `alloc`, which is that of the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: `memory` came from `alloc` above, which is the system's.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static GLOBAL: Counting = Counting;

const OBS: usize = 19;
const ACT: usize = 7;

fn policies() -> Vec<(&'static str, Arc<dyn Policy>)> {
    let (noise, cpu) = (Noise::new(5), Device::Cpu);
    let flow = |config: FlowConfig| -> Arc<dyn Policy> {
        let policy = FlowPolicy::new(config, &noise, DType::F32, &cpu).unwrap();
        // Frames start at the same in all states.
        let moved = noise.normal_tensor(Purpose::Probe, 0, policy.params().flat().dims(), &cpu);
        let moved = (policy.params().flat() + (moved.unwrap() * 0.1).unwrap()).unwrap();
        policy.params().var().set(&moved).unwrap();
        Arc::new(policy)
    };
    let plain = FlowConfig::new(OBS, ACT);
    let learned = FlowConfig {
        loss_reduction: Reduction::Nats,
        source_std: 0.7,
        source_width: SourceWidth::Learned,
        ..plain.clone()
    };
    let framed = FlowConfig {
        source_width: SourceWidth::Fixed,
        frame: ActionFrame::PerState,
        step_times: StepTimes::Middle,
        ..learned.clone()
    };
    // Weights that several threads pack, and rows that no vector fills.
    let large = FlowConfig { hidden: vec![256, 129], path: path::Path::Cosine, ..plain.clone() };
    let gaussian = GaussianConfig::new(OBS, ACT);
    vec![
        ("flow", flow(plain)),
        ("learned source", flow(learned)),
        ("frame per state", flow(framed)),
        ("large flow", flow(large)),
        ("gaussian", Arc::new(GaussianPolicy::new(gaussian, &noise, DType::F32, &cpu).unwrap())),
    ]
}

fn file(policy: &dyn Policy) -> PolicyFile {
    let mut statistics = Normalizer::new(NormalizerKind::Welford, OBS);
    let mut rows = vec![0.0; 100 * OBS];
    Noise::new(8).fill_normal(Purpose::LossNoise, 0, &mut rows);
    rows.iter_mut().for_each(|x| *x = 3.0 * *x + 1.0);
    statistics.update(&rows).unwrap();
    let info = PolicyInfo {
        task: "Robot".into(),
        steps: 100,
        episode_length: 1000,
        starts: "drawn".into(),
        action_repeat: 1,
        start: Start::Noise,
        sight: None,
    };
    let bytes = PolicyFile::to_bytes(policy, &statistics, &info, "a test").unwrap();
    PolicyFile::from_bytes(&bytes, &Device::Cpu).unwrap()
}

/// One test, because the counter is everybody's.
#[test]
fn actions_allocate_nothing_and_are_those_of_an_actor() {
    for (name, policy) in policies() {
        let file = file(policy.as_ref());
        let (mut single, draws) = (file.single_actor().unwrap(), Noise::new(2));
        let compute = Compute::Fused(Isa::best());
        let actor = |policy: &Arc<dyn Policy>| {
            Actor::new(policy.clone(), file.normalizer.clone(), Start::Noise, compute).unwrap()
        };
        let reference = actor(&file.policy);
        let (mut obs, mut noise) = ([0.0f32; OBS], [0.0f32; ACT]);
        let mut control = [0.0f32; ACT];
        let mut first = control;
        for step in 0..50 {
            let mut count = || {
                let before = ALLOCATIONS.load(Ordering::Relaxed);
                draws.fill_normal(Purpose::LossTime, step, &mut obs);
                draws.fill_normal(Purpose::EvalAction, step, &mut noise);
                single.act_into(&obs, &noise, &mut control).unwrap();
                ALLOCATIONS.load(Ordering::Relaxed) - before
            };
            // A thread that the reference woke may allocate while it goes back to sleep, but not
            // every time; what an action allocates it allocates always.
            let counted = (0..5).map(|_| count()).min();
            assert_eq!(counted, Some(0), "{name}, step {step}");
            let mut expected = reference.act(&obs, &noise).unwrap();
            file.policy.squash().apply(&mut expected);
            assert_eq!(control.as_slice(), expected, "{name}, step {step}");
            first = if step == 0 { control } else { first };
        }
        assert_ne!(first, control, "{name}");

        // What is wrong with an argument is said, and does no harm.
        let length = single.act_into(&obs[1..], &noise, &mut control).unwrap_err().to_string();
        assert!(length.contains("the observation has length 18; expected 19"), "{length}");
        let length = single.act_into(&obs, &noise, &mut [0.0; 8]).unwrap_err().to_string();
        assert!(length.contains("the control has length 8; expected 7"), "{length}");
        let last = control;
        let spoilt = {
            let mut obs = obs;
            obs[3] = f32::NAN;
            obs
        };
        let error = single.act_into(&spoilt, &noise, &mut control).unwrap_err();
        assert!(matches!(error, Error::NotFinite { what: "observation", element: 3, .. }));
        single.act_into(&obs, &noise, &mut control).unwrap();
        assert_eq!(control, last, "{name}");

        let fewer = SingleActor::new(file.policy.as_ref(), &file.normalizer, Some(3));
        if name == "gaussian" {
            assert!(fewer.err().unwrap().to_string().contains("takes no steps"));
            continue;
        }
        let three = in_steps(&file, 3);
        fewer.unwrap().act_into(&obs, &noise, &mut control).unwrap();
        let mut expected = actor(&three).act(&obs, &noise).unwrap();
        file.policy.squash().apply(&mut expected);
        assert_eq!(control.as_slice(), expected, "{name} in three steps");
        assert_ne!(control, last, "{name}");
    }
}

/// The flow of `file` in `steps` steps.
fn in_steps(file: &PolicyFile, flow_steps: usize) -> Arc<dyn Policy> {
    let Some(fpo_core::KernelForm::Flow { flow, .. }) = file.policy.kernel_form() else {
        panic!("no flow")
    };
    let views = file.policy.params().layout().views(file.policy.params().flat()).unwrap();
    let find = |name: &str| views.iter().find(|(n, _)| n == name).map(|(_, tensor)| tensor.clone());
    let config = FlowConfig { flow_steps, ..flow.clone() };
    Arc::new(FlowPolicy::from_tensors(config, &Device::Cpu, find).unwrap()).frozen()
}
